"""`python -m operate restore --image ami-…`: what `make restore IMAGE=ami-…` runs; and so for the other verbs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TextIO

from botocore.exceptions import BotoCoreError, ClientError

from ami_archiver.errors import ArchiverError
from ami_archiver.model import DecisionLine
from operate import approval, night, restore, sharing, undo
from operate.stack import DEFAULT_STACK, OperateError, explain

EXIT_BAD = 1
"""Something was refused, kept or failed; or nothing was found."""
EXIT_ERROR = 2

Say = Callable[[str], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 if everything that was asked for is there."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.do(options, _speaker())
    except OperateError as error:
        _complain(str(error))
        return EXIT_ERROR
    except (BotoCoreError, ClientError) as error:
        _complain(explain(error))
        return EXIT_ERROR
    except ArchiverError as error:
        _complain(f"{type(error).__name__}: {error}")
        return EXIT_ERROR
    except KeyboardInterrupt:
        _complain(f"\n{options.interrupted}")
        return EXIT_ERROR
    return code


def _restore(options: argparse.Namespace, say: Say) -> int:
    given = _input(options)
    recorded = restore.look(options.stack, given)
    asking = {} if options.dry_run else recorded
    share = sharing.confirmed(options.share, options.share_publicly, asking, say)
    return _follow_restore(options.stack, given, recorded, share, say)


def _follow_restore(
    stack: str,
    given: Mapping[str, Any],
    recorded: Mapping[str, Collection[str]],
    share: sharing.Confirmed,
    say: Say,
) -> int:
    following = restore.start(stack, {**given, **share.wishes})
    say(f"Started {following.execution_arn}")
    summary = restore.follow(following, say)
    left = [] if share.was_asked else restore.not_shared_lines(summary, recorded, share.wishes)
    for line in [*left, *restore.result_lines(summary)]:
        print(line)  # noqa: T201 - a command's output
    return 0 if restore.is_good(summary) else EXIT_BAD


def _answer(options: argparse.Namespace, say: Say) -> int:
    """Approve or reject. An approval is asked for once more; where there is nobody to ask, it needs --yes."""
    approvals = approval.of_stack(options.stack)
    waiting = approvals.waiting(options.run)
    _show(say, options.run, waiting)
    if options.approved and not options.yes:
        if not (_is_terminal(sys.stdin) and _is_terminal(sys.stdout)):
            _complain(
                "Nothing was answered, and the run still waits: without a terminal, nobody can be asked. To let these "
                f"originals go: make approve RUN={options.run} YES=1"
            )
            return EXIT_ERROR
        if not _confirmed():
            say("Nothing was answered. The run still waits.")
            return EXIT_BAD
    execution_arn = approvals.execution(options.run)
    by = approval.caller()
    approvals.answer(options.run, approved=options.approved, by=by, why=options.why)
    say(f"{'Approved' if options.approved else 'Rejected'} by {by}. What happens to each:")
    became = approvals.follow(options.run, waiting, execution_arn, say)
    return 0 if not options.approved or (len(became) == len(waiting) and approval.are_gone(became)) else EXIT_BAD


def _is_terminal(file: TextIO | None) -> bool:
    """Python has None for a standard file that was closed before it began."""
    return file is not None and file.isatty()


def _confirmed() -> bool:
    try:
        return input("Let these originals go? Each is checked once more before it goes. [y/N] ").strip().lower() in (
            "y",
            "yes",
        )
    except EOFError:
        return False


def _pending(options: argparse.Namespace, say: Say) -> int:
    """What waits for a person; nothing is answered."""
    approvals = approval.of_stack(options.stack)
    asking = {options.run: approvals.waiting(options.run)} if options.run else dict(approvals.asking())
    for run_id, waiting in asking.items():
        _show(say, run_id, waiting)
        say(f"Answer with: make approve RUN={run_id}, or make reject RUN={run_id} WHY='…'")
    if not asking:
        say("No run waits for an answer.")
    return 0


def _show(say: Say, run_id: str, waiting: Sequence[DecisionLine]) -> None:
    say(f"Run {run_id} asks about {len(waiting)} originals:")
    for line in waiting:
        say(approval.would(line))


def _run(options: argparse.Namespace, say: Say) -> int:
    started = night.start(options.stack, options.policy, dry_run=options.dry_run)
    say(f"Started {started.execution_arn}")
    summary = night.follow(started)
    for line in night.lines(summary):
        say(line)
    return EXIT_BAD if summary["decisions"]["failed"] else 0


def _undo(options: argparse.Namespace, say: Say) -> int:
    recorded = {options.image: undo.look(options.stack, options.image)}
    share = sharing.confirmed(options.share, options.share_publicly, recorded, say)
    answer = undo.undo(options.stack, options.image, share.wishes)
    for line in undo.lines(answer, options.stack):
        say(line)
    if not undo.needs_restore(answer):
        return 0 if undo.is_good(answer, was_asked=share.was_asked) else EXIT_BAD
    given = {"image_ids": [options.image], "name": "{name}"} | _wishes({"allow_unencrypted": options.allow_unencrypted})
    return _follow_restore(options.stack, given, recorded, share, say)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m operate", description="Operate a deployed image archive")
    commands = parser.add_subparsers(required=True)
    _restore_parser(commands)
    for name, about in (("approve", "let the originals of a run go"), ("reject", "keep all originals of a run")):
        command = commands.add_parser(name, help=about)
        command.add_argument(
            "--run", required=True, metavar="RUN-ID", help="the run's id, which is in its notification"
        )
        command.add_argument("--why", help="the reason; the records keep it")
        if name == "approve":
            command.add_argument(
                "--yes", action="store_true", help="do not ask on the terminal; needed if there is none"
            )
        interrupted = (
            "An answer that was given stays given: then the run continues, and its summary goes to the stack's topic."
        )
        command.set_defaults(do=_answer, approved=name == "approve", interrupted=interrupted)
    command = commands.add_parser("undo", help="enable an original again, or restore it if it is retired")
    command.add_argument("--image", required=True, metavar="AMI-ID", help="the original")
    command.add_argument("--allow-unencrypted", action="store_true", help="restore it even if it loses its encryption")
    command.set_defaults(
        do=_undo, interrupted="What was begun continues; the summary of a restore goes to the stack's topic."
    )
    _share_arguments(command)
    command = commands.add_parser("pending", help="list the originals that wait for an answer, without answering")
    command.add_argument("--run", metavar="RUN-ID", help="only those of this run")
    command.set_defaults(do=_pending, interrupted="Nothing was answered.")
    command = commands.add_parser("run", help="start a run of a policy now, and show its summary")
    command.add_argument("--policy", required=True, metavar="NAME", help="as in archiver.toml")
    command.add_argument("--dry-run", action="store_true", help="say what the run would do, and change nothing")
    command.set_defaults(do=_run, interrupted="The run continues; its summary goes to the stack's topic.")
    for command in commands.choices.values():
        command.add_argument("--stack", default=DEFAULT_STACK, help=f"the stack's name ({DEFAULT_STACK})")
    return parser


def _restore_parser(commands: Any) -> None:
    command = commands.add_parser("restore", help="bring archived images back")
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("--image", action="append", metavar="AMI-ID", help="an archived image; may be repeated")
    source.add_argument(
        "--key", action="append", metavar="KEY", help="an object of the archive bucket; may be repeated"
    )
    command.add_argument(
        "--name", default="{name}", help="made of {name}, {image_id}, {date}; a number is added if taken"
    )
    command.add_argument("--speed", choices=("Expedited", "Standard", "Bulk"), help="how fast S3 thaws")
    _share_arguments(command)
    command.add_argument(
        "--point-parameters", action="store_true", help="let the original's SSM parameters point at it"
    )
    command.add_argument("--allow-unencrypted", action="store_true", help="restore it even if it loses its encryption")
    command.add_argument("--dry-run", action="store_true", help="say what would be restored")
    interrupted = "The restore continues; its summary goes to the stack's topic."
    command.set_defaults(do=_restore, interrupted=interrupted)


def _share_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--share",
        metavar="IDS",
        help="share again with these of the accounts (12 digits) and organizations or units (ARNs) with which the "
        "original was shared; without it you are asked or, without a terminal, told how",
    )
    command.add_argument("--share-publicly", action="store_true", help="share with everybody again, if it was")


def _input(options: argparse.Namespace) -> dict[str, Any]:
    given: dict[str, Any] = {"image_ids": options.image} if options.image else {"object_keys": options.key}
    given["name"] = options.name
    wishes = {
        "storage_tier_speed": options.speed,
        "point_ssm_parameters": options.point_parameters,
        "allow_unencrypted": options.allow_unencrypted,
        "dry_run": options.dry_run,
    }
    return given | _wishes(wishes)


def _wishes(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: wish for name, wish in given.items() if wish}


def _speaker() -> Say:
    """Plain lines; on a terminal in rich's colours, if it is there."""
    if sys.stdout.isatty():
        try:
            from rich.console import Console  # noqa: PLC0415 - only for a terminal, and only where it is installed
        except ImportError:
            return _say
        return Console(highlight=True, soft_wrap=True, markup=False).print
    return _say


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command's output


def _complain(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - as above


if __name__ == "__main__":
    sys.exit(main())
