"""When schedules start, and what of archiver.toml they make impossible."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.config import Config, ConfigError, load_config
from infra.schedule_expression import starts

WEDNESDAY = datetime(2026, 11, 25, 12, tzinfo=UTC)
RINGS = "the alarm would ring although nothing failed: the schedules leave"


@pytest.fixture
def load(tmp_path: Path):
    """The configuration of some schedules, each (expression, further keys of the policy)."""

    def of(*schedules: tuple[str, str], account: str = "", now: datetime = WEDNESDAY) -> Config:
        policies = (
            f'[[policy]]\nname = "p{i}"\nselect.tags.P = "{i}"\nschedule.expression = "{expression}"\n{more}\n'
            for i, (expression, more) in enumerate(schedules)
        )
        (tmp_path / "archiver.toml").write_text(f"[account]\n{account}\n{''.join(policies)}")
        return load_config(tmp_path / "archiver.toml", now)

    return of


@pytest.fixture
def refused(load, tmp_path: Path):
    def of(*schedules: tuple[str, str], account: str = "", now: datetime = WEDNESDAY) -> list[str]:
        with pytest.raises(ConfigError) as raised:
            load(*schedules, account=account, now=now)
        return str(raised.value).replace(f"{tmp_path}/", "").splitlines()

    return of


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        # The examples of AWS's guide to cron expressions, and one for every further sign
        ("cron(0 10 * * ? *)", "26 27 28 29 30"),
        ("cron(0 18 ? * MON-FRI *)", "25 26 27 30"),
        ("cron(0 8 1 * ? *)", ""),
        ("cron(0 2 L * ? *)", "30"),
        ("cron(0 2 LW * ? *)", "30"),
        ("cron(0 2 28W * ? *)", "27"),
        ("cron(0 2 29W * ? *)", "30"),
        ("cron(0 2 31W * ? *)", ""),
        ("cron(0 2 ? * 6L *)", "27"),
        ("cron(0 2 ? * L *)", "28"),
        ("cron(0 2 ? * THU#4,7#4 *)", "26 28"),
        ("cron(0 2 ? * FRI-MON *)", "27 28 29 30"),
        ("cron(0 2 20/4 * ? *)", "28"),
        ("cron(0 2 1-31/7 * ? *)", "29"),
        ("cron(0 2 * JAN,NOV ? 2026/2)", "26 27 28 29 30"),
        ("cron(0 2 * 12 ? *)", ""),
        ("cron(0 2 * * ? 2027)", ""),
        ("at(2026-11-29T02:00:00)", "29"),
        ("at(2026-11-25T02:00:00)", ""),
    ],
)
def test_a_schedule_starts_on_these_days_of_the_rest_of_november(expression: str, days: str) -> None:
    since = WEDNESDAY.replace(tzinfo=None)
    found = list(starts(expression, since, since + timedelta(days=5, hours=12)))
    assert [start.day for start in found] == [int(day) for day in days.split()]
    assert found == sorted(found)


def test_the_weekday_nearest_to_a_day_is_in_the_same_month() -> None:
    """31 January 2027 is a Sunday, 1 May 2027 a Saturday."""
    since = WEDNESDAY.replace(tzinfo=None)
    for expression, day in (("cron(0 2 31W 1 ? 2027)", "2027-01-29"), ("cron(0 2 1W 5 ? 2027)", "2027-05-03")):
        assert [f"{start:%Y-%m-%d}" for start in starts(expression, since, since + timedelta(days=400))] == [day]


def test_a_schedule_starts_at_each_of_its_minutes_and_hours() -> None:
    day = datetime.fromisoformat("2026-11-26")
    found = starts("cron(5/25 23-1,12 * * ? *)", day, day + timedelta(days=1))
    assert [f"{start:%H:%M}" for start in found] == [
        f"{hour}:{minute}" for hour in ("00", "01", "12", "23") for minute in ("05", "30", "55")
    ]


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("cron(0 2 ? * MON-FRI *)", f"is 26: {RINGS} 72 hours between two starts: must be 74 or more, or 0"),
        ("cron(0 2 ? * SUN *)", f"is 26: {RINGS} 168 hours between two starts: must be 168 or more, or 0"),
        ("rate(26 hours)", f"is 26: {RINGS} 26 hours between two starts: must be 28 or more, or 0"),
        ("cron(0 2 1 * ? *)", f"is 26: {RINGS} more hours between two starts than CloudWatch looks back: must be 0,"),
        ("cron(0 2 * 1-6 ? *)", f"is 26: {RINGS} more hours between two starts than CloudWatch looks back: must be 0,"),
        ("at(2026-12-01T02:00:00)", f"is 26: {RINGS} more hours between two starts than CloudWatch looks back"),
    ],
)
def test_an_alarm_that_would_ring_between_two_starts_is_refused_with_the_hours_that_would_do(
    refused, expression: str, wrong: str
) -> None:
    (line,) = refused((expression, ""))
    assert line.startswith(f"archiver.toml: account.alarm_without_success_hours {wrong}")
    assert line.endswith("or 0 for no such alarm" if "or more" in wrong else "must be 0, for no such alarm")


@pytest.mark.parametrize(
    ("account", "schedules"),
    [
        ("", ["cron(0 2 * * ? *)"]),
        ("", ["rate(25 hours)"]),
        ("alarm_without_success_hours = 73", ["cron(0 2 ? * MON-FRI *)"]),
        ("alarm_without_success_hours = 168", ["cron(0 2 ? * SUN *)"]),
        ("alarm_without_success_hours = 0", ["cron(0 2 1 * ? *)"]),
        ("", ["cron(0 2 ? * MON-FRI *)", "cron(0 3 ? * SAT,SUN *)", "cron(0 3 1 * ? *)"]),
        ("", ["cron(0 2 1 * ? *)", "rate(1 day)"]),
    ],
)
def test_an_alarm_that_some_run_keeps_from_ringing_is_taken(load, account: str, schedules: list[str]) -> None:
    assert load(*((expression, "") for expression in schedules), account=account)


def test_runs_of_a_paused_policy_keep_no_alarm_from_ringing_and_all_paused_have_none(load, refused) -> None:
    weekly, nightly = "cron(0 2 ? * SUN *)", "cron(0 2 * * ? *)"
    (line,) = refused((weekly, ""), (nightly, "paused = true"))
    assert "leave 168 hours" in line
    assert load((weekly, "paused = true"), (nightly, "paused = true"))


def test_starts_in_two_time_zones_are_seen_on_one_clock(load, refused) -> None:
    tokyo, berlin = 'schedule.time_zone = "Asia/Tokyo"', 'schedule.time_zone = "Europe/Berlin"'
    even, odd = "cron(0 2 ? * MON,WED,FRI,SUN *)", "cron(0 2 ? * TUE,THU,SAT *)"
    assert load((even, berlin), (odd, berlin), account="alarm_without_success_hours = 25")
    (line,) = refused((even, berlin), (odd, tokyo), account="alarm_without_success_hours = 25")
    assert "leave 32 hours" in line


@pytest.mark.parametrize(
    ("expression", "period", "most"),
    [("cron(0 2 * * ? *)", 24, 24), ("cron(0 2,12 * * ? *)", 10, 10), ("rate(90 minutes)", 1.5, 1)],
)
def test_a_run_cannot_wait_for_an_answer_for_longer_than_until_the_next_run(
    load, refused, expression: str, period: float, most: int
) -> None:
    explicit = 'original = "retire"\nretire = { approval = "explicit", approval_hours = '
    assert refused((expression, f"{explicit}{most + 1} }}")) == [
        f'archiver.toml: policy[0] "p0": retire.approval_hours is {most + 1}: the schedule starts the next run '
        f"{period} hours later, while this one still waits: must be at most {most}, or let the policy run less often"
    ]
    assert load((expression, f"{explicit}{most} }}"))


@pytest.mark.parametrize(
    "expression", ["at(2026-11-25T11:59:00)", "cron(0 2 * * ? 2025)", "cron(0 2 30 2 ? *)", "cron(0 2 24 11 ? 2026)"]
)
def test_a_schedule_that_starts_nothing_from_now_on_is_refused_unless_the_policy_is_paused(
    load, refused, expression: str
) -> None:
    assert refused((expression, ""), ("rate(1 day)", "")) == [
        f'archiver.toml: policy[0] "p0": schedule.expression is "{expression}": '
        "starts nothing from now on: give a time that is to come, or set paused = true"
    ]
    assert load((expression, "paused = true"), ("rate(1 day)", ""))


def test_what_is_past_is_told_by_the_schedules_own_time_zone(load, refused) -> None:
    early, late = 'schedule.time_zone = "Asia/Tokyo"', 'schedule.time_zone = "America/New_York"'
    none = "alarm_without_success_hours = 0"
    assert load(("at(2026-11-25T12:00:00)", late), account=none)
    assert len(refused(("at(2026-11-25T12:00:00)", early), account=none)) == 1
