"""Names of restored images: EC2 takes each only once per account and Region."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import datetime

FIELDS = ("name", "image_id", "date")
LONGEST = 128
SUFFIXES = 20
"""Free names that are tried: name, name-2, … name-20."""
_ALLOWED = re.compile(r"[\w ()\[\]./\-'@]*", re.ASCII)
"""https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRestoreImageTask.html and RegisterImage, Name"""


def why_not_a_template(template: str) -> str | None:
    """What is wrong with a name template, or None."""
    for field in re.findall(r"\{([^{}]*)\}", template):
        if field not in FIELDS:
            return f"has the field {{{field}}}; allowed are {', '.join(f'{{{f}}}' for f in FIELDS)}"
    literal = re.sub(r"\{[^{}]*\}", "", template)
    if not _ALLOWED.fullmatch(literal):
        return "must be of letters, digits, spaces and ( ) [ ] . / - ' @ _ beside fields in braces"
    if not template or len(literal) > LONGEST - 10:
        return f"must have 1 to {LONGEST - 10} characters beside the fields"
    return None


def valid(name: str) -> bool:
    """Whether EC2 takes it as an image's name."""
    return 3 <= len(name) <= LONGEST and _ALLOWED.fullmatch(name) is not None


def candidates(template: str | None, name: str, image_id: str, on: datetime) -> Iterator[str]:
    """The names that a restore may take, in this order; without a template only the original's."""
    if template is None:
        yield name
        return
    yield from numbered(template.format(name=name, image_id=image_id, date=f"{on:%Y%m%d}"))


def numbered(wanted: str) -> Iterator[str]:
    """The name itself, and then with a number behind it."""
    yield wanted[:LONGEST]
    for number in range(2, SUFFIXES + 1):
        suffix = f"-{number}"
        yield wanted[: LONGEST - len(suffix)] + suffix


def free(names: Iterator[str], taken: Collection[str]) -> str | None:
    """The first that is not taken, or None."""
    return next((name for name in names if name not in taken), None)
