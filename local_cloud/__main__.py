"""`python -m local_cloud up`: the local cloud in the foreground, until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from local_cloud import environment
from local_cloud.settings import CloudSettings, EngineSettings, ThroughputSettings

EXIT_USAGE = 2
"""Also argparse's own: the command line asks for what cannot be, for instance a port that is taken."""


def parser() -> argparse.ArgumentParser:
    """The command line. Defaults are the settings' own."""
    engine, throughput = EngineSettings(), ThroughputSettings()
    top = argparse.ArgumentParser(prog="python -m local_cloud", description="A local AWS for images, on 127.0.0.1.")
    up = top.add_subparsers(dest="command", required=True).add_parser(
        "up",
        help="start it and print what to export",
        description="Start the local cloud on 127.0.0.1 and print one line with what to export. Ctrl-C ends it; "
        "its state is in memory and goes with it.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    up.add_argument("--port", type=int, default=CloudSettings().port, help="port to listen on; 0: any free one")
    up.add_argument("--speed", type=_positive, default=1.0, help="how many simulated seconds pass in one second")
    up.add_argument(
        "--schedule-speed", type=_positive, default=1.0, help="how many times as often schedules with a rate come round"
    )
    up.add_argument("--account-id", default=CloudSettings().account_id, help="the default account")
    up.add_argument("--region", default=CloudSettings().region, help="the default Region")
    up.add_argument("--log", type=Path, metavar="FILE", help="append every call to this file, as JSON lines")
    up.add_argument("-v", "--verbose", action="store_true", help="print the log of everything but EC2 to stderr")
    up.add_argument(
        "--stop-on-eof", action="store_true", help="end when standard input ends, for use by a parent process"
    )

    fleet = up.add_argument_group("images to start with")
    source = fleet.add_mutually_exclusive_group()
    source.add_argument(
        "--fleet", type=Path, nargs="+", metavar="FILE", help="what describe-images/-snapshots printed, as JSON"
    )
    source.add_argument("--images", type=int, metavar="N", help="make up a realistic fleet of N images")
    fleet.add_argument("--seed", type=int, default=1, metavar="S", help="the same seed makes the same fleet")

    rules = up.add_argument_group("how EC2 stores and restores images")
    rules.add_argument("--store-limit-gib", type=_positive, default=engine.store_limit_gib, help="in-flight limit")
    rules.add_argument("--restore-limit-gib", type=_positive, default=engine.restore_limit_gib, help="in-flight limit")
    rules.add_argument(
        "--limit-scope",
        choices=("account", "region"),
        default=engine.limit_scope,
        help="whether a limit holds for an account or for one Region of it",
    )
    rules.add_argument(
        "--size-basis",
        choices=("written-blocks", "volume-size"),
        default=engine.size_basis,
        help="which size of a snapshot counts",
    )
    rules.add_argument(
        "--throughput",
        choices=("per-task", "shared"),
        default=throughput.model,
        help="each task has the rate for itself, or all tasks of an account share it",
    )
    rules.add_argument(
        "--store-gib-per-second", type=_positive, default=throughput.store_gib_per_second, help="the rate of stores"
    )
    rules.add_argument(
        "--restore-gib-per-second",
        type=_positive,
        default=throughput.restore_gib_per_second,
        help="the rate of restores",
    )
    rules.add_argument(
        "--task-overhead-seconds",
        type=float,
        default=throughput.task_overhead_seconds,
        help="how long a task takes beside the time for its bytes",
    )
    rules.add_argument(
        "--max-parallel-tasks",
        type=int,
        metavar="N",
        help="how many tasks run at a time; further tasks wait in a queue",
    )
    rules.add_argument(
        "--ec2-calls-per-second", type=_positive, metavar="N", help="EC2 answers RequestLimitExceeded above this rate"
    )
    rules.add_argument(
        "--last-launched-delay-seconds",
        type=float,
        default=CloudSettings().last_launched_delay_seconds,
        help="how long after a launch the image's LastLaunchedTime shows it",
    )
    rules.add_argument(
        "--encrypt-by-default",
        action="store_true",
        help="turn on EBS encryption by default, which restored snapshots follow",
    )
    return top


def _positive(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
    return value


def settings_of(options: argparse.Namespace) -> CloudSettings:
    return CloudSettings(
        port=options.port,
        speed=options.speed,
        schedule_speed=options.schedule_speed,
        region=options.region,
        account_id=options.account_id,
        ec2_calls_per_second=options.ec2_calls_per_second,
        ebs_encryption_by_default=options.encrypt_by_default,
        last_launched_delay_seconds=options.last_launched_delay_seconds,
        engine=EngineSettings(
            store_limit_gib=options.store_limit_gib,
            restore_limit_gib=options.restore_limit_gib,
            limit_scope=options.limit_scope,
            size_basis=options.size_basis,
            max_parallel_tasks=options.max_parallel_tasks,
            throughput=ThroughputSettings(
                model=options.throughput,
                store_gib_per_second=options.store_gib_per_second,
                restore_gib_per_second=options.restore_gib_per_second,
                task_overhead_seconds=options.task_overhead_seconds,
            ),
        ),
    )


def up(options: argparse.Namespace) -> int:
    """Run until a signal or the end of standard input; the exit code."""
    ended = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda *_: ended.set())
    if not options.verbose:
        environment.quiet()

    # Imported here: it takes a second, which --help and a wrong option should not.
    from local_cloud.fleet.export import load_fleet  # noqa: PLC0415
    from local_cloud.fleet.fleet import FleetError  # noqa: PLC0415
    from local_cloud.fleet.generator import generate_fleet  # noqa: PLC0415
    from local_cloud.server import LocalCloud, PortTaken  # noqa: PLC0415

    try:
        fleet = load_fleet(*options.fleet, owner_id=options.account_id) if options.fleet else None
        if options.images is not None:
            fleet = generate_fleet(
                options.images,
                options.seed,
                now=datetime.now(UTC),
                owner_id=options.account_id,
                region=options.region,
            )
        with LocalCloud(settings_of(options), log_file=options.log, verbose=options.verbose) as cloud:
            if fleet:
                cloud.add_fleet(fleet)
            _say(
                f"export AWS_ENDPOINT_URL={cloud.endpoint_url} AWS_ACCESS_KEY_ID=test "
                f"AWS_SECRET_ACCESS_KEY={environment.DUMMY_SECRET} AWS_DEFAULT_REGION={options.region}"
            )
            if options.stop_on_eof:
                threading.Thread(target=_wait_for_eof, args=(ended,), daemon=True).start()
            ended.wait()
    except (PortTaken, FleetError, OSError) as error:
        print(f"local_cloud: {error}", file=sys.stderr)  # noqa: T201 - this is a command line
        return EXIT_USAGE
    return 0


def _say(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(line, flush=True)  # noqa: T201 - this is a command line


def _wait_for_eof(ended: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    ended.set()


def main(arguments: Sequence[str] | None = None) -> int:
    return up(parser().parse_args(arguments))


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: MiniStack's idle threads would be waited for, and there is nothing left to save.
    os._exit(code)
