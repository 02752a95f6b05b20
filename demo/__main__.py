"""`python -m demo`, what `make demo` runs. Exit code 0 only if everything that it claims is true."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from demo.report import Output
from demo.show import Options, show
from demo.stage import Workplace


def parse(arguments: Sequence[str] | None) -> Options:
    """The command line; every option is one of make's variables."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--fleet", type=Path, metavar="FILE", help="what aws ec2 describe-images --owners self printed")
    parser.add_argument(
        "--snapshots", type=Path, metavar="FILE", help="what aws ec2 describe-snapshots printed: exact sizes"
    )
    parser.add_argument("--tag", metavar="KEY=VALUE", help="of the fleet, archive the images with this tag")
    parser.add_argument("--keep", action="store_true", help="keep the cloud running until Ctrl-C")
    parser.add_argument("--verbose", action="store_true", help="show what the CDK prints")
    given = parser.parse_args(arguments)
    if given.fleet is None and (given.snapshots or given.tag):
        parser.error("SNAPSHOTS and TAG need FLEET")
    return Options(
        exports=tuple(path for path in (given.fleet, given.snapshots) if path),
        tag=given.tag,
        keep=given.keep,
        verbose=given.verbose,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, 1 for what failed or is false, 2 for a wrong command line, 130 after Ctrl-C or the like."""
    options = parse(arguments)
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # stdout is a text file
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # as Ctrl-C, so that everything is stopped
    try:
        with Workplace(keep=options.keep) as place:
            return show(options, place, Output())
    except KeyboardInterrupt:
        print("demo: interrupted; everything was stopped", file=sys.stderr)  # noqa: T201 - this is a command line
        return 130


if __name__ == "__main__":
    sys.exit(main())
