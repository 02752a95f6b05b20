"""Whether EventBridge Scheduler would take a schedule expression; found out at synth rather than in the deployment.

Rules: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

ALLOWED = (
    "cron(minutes hours day-of-month month day-of-week year), rate(N minutes|hours|days) or at(yyyy-mm-ddThh:mm:ss)"
)

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True, slots=True)
class _Field:
    """One of the six fields of cron(...)."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    special: str | None = None
    """A pattern of what is allowed beside numbers, ranges, lists and steps."""

    def number(self, text: str) -> int | None:
        if text.upper() in self.names:
            return self.low + self.names.index(text.upper())
        return int(text) if text.isdecimal() and self.low <= int(text) <= self.high else None

    def takes(self, text: str) -> bool:
        return all(self._takes_part(part) for part in text.split(","))

    def _takes_part(self, part: str) -> bool:
        if self.special and re.fullmatch(self.special, part, re.IGNORECASE):
            return True
        span, slash, step = part.partition("/")
        if slash and not (step.isdecimal() and int(step) > 0):
            return False
        first, dash, last = span.partition("-")
        if dash:
            return self.number(first) is not None and self.number(last) is not None
        return span == "*" or self.number(span) is not None


_CRON = (
    _Field("minutes", 0, 59),
    _Field("hours", 0, 23),
    _Field("day-of-month", 1, 31, special=r"\?|L|LW|([1-9]|[12]\d|3[01])W"),
    _Field("month", 1, 12, names=_MONTHS),
    _Field("day-of-week", 1, 7, names=_DAYS, special=r"\?|L|([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)(L|#[1-5])"),
    _Field("year", 1970, 2199),
)


def problem(expression: str) -> str | None:
    """What is wrong with the expression, said as what is allowed; None if nothing is."""
    match = re.fullmatch(r"(cron|rate|at)\((.*)\)", expression)
    if match is None:
        return f"must be {ALLOWED}"
    kind, inside = match.groups()
    return {"cron": _cron_problem, "rate": _rate_problem, "at": _at_problem}[kind](inside)


def _cron_problem(inside: str) -> str | None:
    texts = inside.split()
    if len(texts) != len(_CRON):
        return f"must have {len(_CRON)} fields in cron(...): {' '.join(f.name for f in _CRON)}; it has {len(texts)}"
    for field, text in zip(_CRON, texts, strict=True):
        if not field.takes(text):
            names = f" or {field.names[0]}-{field.names[-1]}" if field.names else ""
            return f"must have {field.low}-{field.high}{names} or * in the field {field.name}, not {text!r}"
    if [texts[2], texts[4]].count("?") != 1:
        return "must have ? in exactly one of the fields day-of-month and day-of-week"
    return None


def _rate_problem(inside: str) -> str | None:
    if re.fullmatch(r"1 (minute|hour|day)s?|[1-9]\d{0,5} (minutes|hours|days)", inside):
        return None
    return "must be rate(N minutes|hours|days) with a whole N of 1 or more"


def _at_problem(inside: str) -> str | None:
    try:
        datetime.strptime(inside, "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007 - its zone is the schedule's time_zone
    except ValueError:
        return "must be at(yyyy-mm-ddThh:mm:ss), without a time zone: the key time_zone has it"
    return None
