"""What the schedules of archiver.toml make impossible: a start in the past, an alarm that rings without a failure, and
a run that waits for an answer for longer than until the next one.

Summer time is left out of all this: once a year a night is an hour longer, and once an hour shorter.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil
from zoneinfo import ZoneInfo

from infra.config_errors import Location
from infra.config_model import MAX_ALARM_HOURS, ConfigFile, PolicyTable
from infra.schedule_expression import rate, starts

_HORIZON = timedelta(days=400)
"""So far ahead the starts are looked at: a year and what may be missing in its last month."""
_HOUR = timedelta(hours=1)

Wrong = tuple[Location, object, str]
"""A key, its value, and what is wrong with it."""


def contradictions(file: ConfigFile, now: datetime) -> Iterator[Wrong]:
    """Of the policies that are not paused. `now` decides what is in the past."""
    active = {index: policy for index, policy in enumerate(file.policy) if not policy.paused}
    for index, policy in active.items():
        yield from _never(index, policy, now)
        yield from _approval(index, policy, now)
    if active:
        yield from _alarm(file.account.alarm_without_success_hours, list(active.values()), now)


def _never(index: int, policy: PolicyTable, now: datetime) -> Iterator[Wrong]:
    expression = policy.schedule.expression
    ahead = timedelta(days=0) if rate(expression) else timedelta(days=366 * 200)
    if ahead and next(_starts(policy, now, ahead), None) is None:
        wrong = "starts nothing from now on: give a time that is to come, or set paused = true"
        yield ("policy", index, "schedule", "expression"), expression, wrong


def _approval(index: int, policy: PolicyTable, now: datetime) -> Iterator[Wrong]:
    hours = policy.retire.approval_hours
    shortest = min(_gaps(policy, now), default=None)
    if policy.original == "keep" or policy.retire.approval != "explicit" or shortest is None:
        return
    if hours * _HOUR > shortest:
        wrong = (
            f"the schedule starts the next run {shortest / _HOUR:g} hours later, while this one still waits: "
            f"must be at most {shortest // _HOUR}, or let the policy run less often"
        )
        yield ("policy", index, "retire", "approval_hours"), hours, wrong


def _alarm(hours: int, policies: list[PolicyTable], now: datetime) -> Iterator[Wrong]:
    longest = _longest_gap(policies, now)
    if hours == 0 or hours * _HOUR > longest or hours * _HOUR == longest == MAX_ALARM_HOURS * _HOUR:
        return
    rings = "the alarm would ring although nothing failed: the schedules leave"
    if longest > MAX_ALARM_HOURS * _HOUR:
        wrong = f"{rings} more hours between two starts than CloudWatch looks back: must be 0, for no such alarm"
    else:
        least = ceil(longest / _HOUR)
        needed = min(least + 2, MAX_ALARM_HOURS)
        wrong = f"{rings} {least} hours between two starts: must be {needed} or more, or 0 for no such alarm"
    yield ("account", "alarm_without_success_hours"), hours, wrong


def _longest_gap(policies: list[PolicyTable], now: datetime) -> timedelta:
    """Between two starts of whichever policies. When a rate(...) starts is not known, so it only bounds the gap."""
    rates = [period for policy in policies if (period := rate(policy.schedule.expression))]
    known = {start for policy in policies if not rate(policy.schedule.expression) for start in _starts(policy, now)}
    moments = [*sorted(known), now + _HORIZON] if known else [now, now + _HORIZON]
    return min([*rates, max(later - earlier for earlier, later in pairwise(moments))])


def _gaps(policy: PolicyTable, now: datetime) -> Iterator[timedelta]:
    if period := rate(policy.schedule.expression):
        return iter([period])
    return (later - earlier for earlier, later in pairwise(_starts(policy, now)))


def _starts(policy: PolicyTable, now: datetime, ahead: timedelta = _HORIZON) -> Iterator[datetime]:
    """In `now`'s time zone, in order."""
    local = now.astimezone(ZoneInfo(policy.schedule.time_zone))
    begin = local.replace(tzinfo=None)
    return (now + (start - begin) for start in starts(policy.schedule.expression, begin, begin + ahead))
