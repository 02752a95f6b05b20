"""`python -m operate restore --image ami-…`: what `make restore IMAGE=ami-…` runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from operate import restore
from operate.stack import DEFAULT_STACK, OperateError

EXIT_BAD = 1
"""Something was refused or failed; or nothing was found."""
EXIT_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 if everything that was asked for is there."""
    options = _parser().parse_args(arguments)
    say = _speaker()
    try:
        following = restore.start(options.stack, _input(options))
        say(f"Started {following.execution_arn}")
        summary = restore.follow(following, say)
    except OperateError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's output
        return EXIT_ERROR
    except KeyboardInterrupt:
        print("The restore goes on; its summary comes to the stack's topic.", file=sys.stderr)  # noqa: T201 - as above
        return EXIT_ERROR
    for line in restore.result_lines(summary):
        print(line)  # noqa: T201 - as above
    return 0 if restore.is_good(summary) else EXIT_BAD


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m operate", description="Operate a deployed image archive")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("restore", help="bring archived images back")
    source = command.add_mutually_exclusive_group(required=True)
    source.add_argument("--image", action="append", metavar="AMI-ID", help="an archived image; may be repeated")
    source.add_argument(
        "--key", action="append", metavar="KEY", help="an object of the archive bucket; may be repeated"
    )
    command.add_argument("--name", default="{name}", help="of {name}, {image_id}, {date}; a taken one gets a number")
    command.add_argument("--speed", choices=("Expedited", "Standard", "Bulk"), help="how fast S3 thaws")
    command.add_argument("--share-again", action="store_true", help="with whom the original was shared")
    command.add_argument("--point-parameters", action="store_true", help="SSM parameters that pointed at the original")
    command.add_argument("--allow-unencrypted", action="store_true", help="even where the original was encrypted")
    command.add_argument("--dry-run", action="store_true", help="say what would be restored")
    command.add_argument("--stack", default=DEFAULT_STACK, help=f"the stack's name ({DEFAULT_STACK})")
    return parser


def _input(options: argparse.Namespace) -> dict[str, Any]:
    given: dict[str, Any] = {"image_ids": options.image} if options.image else {"object_keys": options.key}
    given["name"] = options.name
    wishes = {
        "storage_tier_speed": options.speed,
        "share_again": options.share_again,
        "point_ssm_parameters": options.point_parameters,
        "allow_unencrypted": options.allow_unencrypted,
        "dry_run": options.dry_run,
    }
    return given | {name: wish for name, wish in wishes.items() if wish}


def _speaker() -> Any:
    """Plain lines; on a terminal in rich's colours, if it is there."""
    if sys.stdout.isatty():
        try:
            from rich.console import Console  # noqa: PLC0415 - only for a terminal, and only where it is installed
        except ImportError:
            return print
        return Console(highlight=True, soft_wrap=True).print
    return lambda line: print(line, flush=True)  # noqa: T201 - a command's output


if __name__ == "__main__":
    sys.exit(main())
