"""`python -m local_cloud up`: the local cloud in the foreground, until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from local_cloud import environment
from local_cloud.settings import CloudSettings, EngineSettings, ThroughputSettings

EXIT_USAGE = 2
"""Also argparse's own: the command line asks for what cannot be, for instance a port that is taken."""


_CLOUD = {
    "port": "port to listen on; 0: any free one",
    "speed": "how many simulated seconds pass in one second",
    "schedule_speed": "how many times as often schedules with a rate come round",
    "account_id": "the default account",
    "region": "the default Region",
    "ec2_calls_per_second": "EC2 answers RequestLimitExceeded above this rate",
    "last_launched_delay_seconds": "how long after a launch the image's LastLaunchedTime shows it",
    "ebs_encryption_by_default": "turn on EBS encryption by default, which restored snapshots follow",
}
_ENGINE = {
    "store_limit_gib": "in-flight limit",
    "restore_limit_gib": "in-flight limit",
    "limit_scope": "whether a limit holds for an account or for one Region of it",
    "size_basis": "which size of a snapshot counts",
    "max_parallel_tasks": "how many tasks run at a time; further tasks wait in a queue",
}
_THROUGHPUT = {
    "throughput": "each task has the rate for itself, or all tasks of an account share it",
    "store_gib_per_second": "the rate of stores",
    "restore_gib_per_second": "the rate of restores",
    "task_overhead_seconds": "how long a task takes beside the time for its bytes",
}
"""The options that are settings, with what they mean; type, choices and default are the setting's own."""


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m local_cloud", description="A local AWS for images, on 127.0.0.1.")
    up = top.add_subparsers(dest="command", required=True).add_parser(
        "up",
        help="start it and print what to export",
        description="Start the local cloud on 127.0.0.1 and print one line with what to export. Ctrl-C ends it; "
        "its state is in memory and goes with it.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    _add_settings(up, CloudSettings, _CLOUD)
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
    _add_settings(rules, EngineSettings, _ENGINE)
    _add_settings(rules, ThroughputSettings, _THROUGHPUT)
    return top


def _setting(option: str) -> str:
    return "model" if option == "throughput" else option


def _add_settings(group: Any, settings: Any, options: Mapping[str, str]) -> None:
    hints, defaults = get_type_hints(settings), settings()
    for option, meaning in options.items():
        kind, default = hints[_setting(option)], getattr(defaults, _setting(option))
        number = float if option.endswith("_seconds") else _above_zero
        how: dict[str, Any] = {"type": number if float in (kind, *get_args(kind)) else kind, "default": default}
        if kind is bool:
            how = {"action": "store_true"}
        elif get_origin(kind) is Literal:
            how = {"choices": get_args(kind), "default": default}
        elif int in get_args(kind):
            how = {"type": int}
        group.add_argument(f"--{option.replace('_', '-')}", help=meaning, **how)


def _above_zero(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
    return value


def settings_of(options: argparse.Namespace) -> CloudSettings:
    cloud, engine, throughput = (
        {_setting(option): getattr(options, option) for option in group} for group in (_CLOUD, _ENGINE, _THROUGHPUT)
    )
    return CloudSettings(**cloud, engine=EngineSettings(**engine, throughput=ThroughputSettings(**throughput)))


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
