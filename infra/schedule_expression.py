"""Whether EventBridge Scheduler would take a schedule expression, and when it starts; found out at synth.

Rules: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
No kept library reads all of AWS's cron: aws-croniter and pyawscron fail at LW, croniter and cronsim at ? and years.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

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

    def values(self, text: str) -> set[int]:
        """The numbers that a valid text stands for; what is special stands for none."""
        found: set[int] = set()
        for part in text.split(","):
            if self.special and re.fullmatch(self.special, part, re.IGNORECASE):
                continue
            span, slash, step = part.partition("/")
            first, dash, last = span.partition("-")
            low = self.number(first) or self.low
            high = (
                self.high if span == "*" or (slash and not dash) else self.number(last if dash else first) or self.low
            )
            around = high if high >= low else high + self.high - self.low + 1  # FRI-MON
            found |= {
                n if n <= self.high else n - self.high + self.low - 1 for n in range(low, around + 1, int(step or 1))
            }
        return found

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


_MINUTES = _Field("minutes", 0, 59)
_HOURS = _Field("hours", 0, 23)
_DAY_OF_MONTH = _Field("day-of-month", 1, 31, special=r"\?|L|LW|([1-9]|[12]\d|3[01])W")
_MONTH = _Field("month", 1, 12, names=_MONTHS)
_DAY_OF_WEEK = _Field("day-of-week", 1, 7, names=_DAYS, special=r"\?|L|([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)(L|#[1-5])")
_YEAR = _Field("year", 1970, 2199)
_CRON = (_MINUTES, _HOURS, _DAY_OF_MONTH, _MONTH, _DAY_OF_WEEK, _YEAR)


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


def rate(expression: str) -> timedelta | None:
    """The time between two starts of a valid rate(...)."""
    match = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    return timedelta(**{f"{match[2]}s": int(match[1])}) if match else None


def starts(expression: str, since: datetime, until: datetime) -> Iterator[datetime]:
    """When a valid cron(...) or at(...) starts from `since` to before `until`, all of them by the schedule's own clock.

    Not asked of a rate(...), which counts from its deployment. A start in the hour that summer time leaves out is one
    of these, though Scheduler skips it.
    """
    kind, _, inside = expression.removesuffix(")").partition("(")
    if kind == "at":
        moments: Iterator[datetime] = iter([datetime.fromisoformat(inside)])
    else:
        moments = _cron_starts(inside.split(), since.date(), until.date())
    return (moment for moment in moments if since <= moment < until)


def _cron_starts(texts: list[str], first: date, last: date) -> Iterator[datetime]:
    minutes, hours, day_of_month, month, day_of_week, year = texts
    months, years = _MONTH.values(month), _YEAR.values(year)
    times = [
        timedelta(hours=h, minutes=m) for h in sorted(_HOURS.values(hours)) for m in sorted(_MINUTES.values(minutes))
    ]
    for number in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(number)
        if day.year in years and day.month in months and (_in_month(day, day_of_month) or _in_week(day, day_of_week)):
            midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - its zone is the schedule's time_zone
            yield from (midnight + time for time in times)


def _in_month(day: date, text: str) -> bool:
    last = monthrange(day.year, day.month)[1]
    for part in text.upper().split(","):
        if part == "L" and day.day == last:
            return True
        if part.endswith("W"):
            wanted = last if part == "LW" else int(part[:-1])
            if wanted <= last and day == _weekday_nearest_to(day.replace(day=wanted), last):
                return True
    return day.day in _DAY_OF_MONTH.values(text)


def _weekday_nearest_to(day: date, last: int) -> date:
    """Within its month."""
    if day.isoweekday() == 6:
        return day - timedelta(days=1) if day.day > 1 else day + timedelta(days=2)
    if day.isoweekday() == 7:
        return day + timedelta(days=1) if day.day < last else day - timedelta(days=2)
    return day


def _in_week(day: date, text: str) -> bool:
    number = day.isoweekday() % 7 + 1
    last = monthrange(day.year, day.month)[1]
    for part in text.upper().split(","):
        name, ordinal, which = part.partition("#")
        if ordinal and number == _DAY_OF_WEEK.number(name) and (day.day + 6) // 7 == int(which):
            return True
        if part == "L" and number == 7:
            return True
        if part.endswith("L") and number == _DAY_OF_WEEK.number(part[:-1]) and day.day + 7 > last:
            return True
    return number in _DAY_OF_WEEK.values(text)
