"""Deliberate bugs of the configuration: what it takes although it can never work."""

from __future__ import annotations

from tests.mutants.bug import Bug

CONFIGURATION_BUGS = (
    Bug(
        "shadowed policy judged by its own tags alone",
        "../../infra/config_model.py",
        "        key in later.tags and (ANY in values or set(later.tags[key]) <= set(values))\n",
        "        key in later.tags\n",
        "infra/test_config_errors.py",
    ),
    Bug(
        "policy of fewer names shadowed by one of others",
        "../../infra/config_model.py",
        "set(later.name_patterns) <= set(earlier.name_patterns)",
        "set(later.name_patterns) & set(earlier.name_patterns)",
        "infra/test_config_errors.py",
    ),
    Bug(
        "operator role with a wildcard taken",
        "../../infra/config_model.py",
        r"role/[\w+=,.@/-]+",
        r"role/[\w+=,.@/*-]+",
        "infra/test_config_errors.py",
    ),
    Bug(
        "paused policies keep the alarm from ringing",
        "../../infra/config_schedules.py",
        "enumerate(file.policy) if not policy.paused}",
        "enumerate(file.policy)}",
        "infra/test_config_schedules.py",
    ),
    Bug(
        "time zones of schedules not brought together",
        "../../infra/config_schedules.py",
        "return (now + (start - begin) for",
        "return (start.replace(tzinfo=now.tzinfo) for",
        "infra/test_config_schedules.py",
    ),
    Bug(
        "end of a schedule not seen as a gap",
        "../../infra/config_schedules.py",
        "[*sorted(known), now + _HORIZON] if known",
        "sorted(known) if len(known) > 1",
        "infra/test_config_schedules.py",
    ),
    Bug(
        "shortest gap taken for the longest",
        "../../infra/config_schedules.py",
        "max(later - earlier for earlier, later in pairwise(moments))",
        "min(later - earlier for earlier, later in pairwise(moments))",
        "infra/test_config_schedules.py",
    ),
    Bug(
        "weekday nearest to a Sunday in the next month",
        "../../infra/schedule_expression.py",
        "day + timedelta(days=1) if day.day < last else day - timedelta(days=2)",
        "day + timedelta(days=1)",
        "infra/test_config_schedules.py",
    ),
    Bug(
        "range over the end of the week is empty",
        "../../infra/schedule_expression.py",
        "high if high >= low else high + self.high - self.low + 1",
        "high",
        "infra/test_config_schedules.py",
    ),
)
