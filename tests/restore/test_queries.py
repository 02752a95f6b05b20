"""Which archive records a query chooses: each of its keys alone, at its edges."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ami_archiver.model import ArchiveRecord, Origin, Status
from ami_archiver.restore.planning import choose
from ami_archiver.restore.request import Query
from ami_archiver.restore.steps.plan import plan_restore
from tests.support.archive import Archive
from tests.support.domain import NOW, verified
from tests.support.restore import Restores

HOUR = timedelta(hours=1)


def archived(image_id: str = "ami-1", policy: str = "nightly", name: str = "web-1", **fields: Any) -> ArchiveRecord:
    record = replace(verified(image_id), policy=policy, image_name=name, verified_at=NOW, changed_at=NOW + 9 * HOUR)
    return replace(record, origin=Origin(**fields))


def chosen(query: Query, *records: ArchiveRecord) -> list[str]:
    return choose(query, records)


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        (Query(policy="nightly"), True),
        (Query(policy="weekly"), False),
        (Query(tag=("Application", "web")), True),
        (Query(tag=("Application", "db")), False),
        (Query(tag=("Owner", "web")), False),
        (Query(name_pattern="web-*"), True),
        (Query(name_pattern="web"), False),
        (Query(stored_after=NOW), True),
        (Query(stored_after=NOW + HOUR), False),
        (Query(stored_before=NOW + HOUR), True),
        (Query(stored_before=NOW), False),
    ],
)
def test_each_key_of_a_query_decides_alone(query: Query, matches: bool) -> None:
    assert chosen(query, archived(tags={"Application": "web"})) == ["ami-1"] * matches


def test_newest_of_a_group_is_the_one_that_was_created_last_whenever_it_was_archived() -> None:
    def member(image_id: str, created: datetime, selected: datetime) -> ArchiveRecord:
        return replace(archived(image_id, group="web", created_at=created), selected_at=selected)

    old, new = member("ami-2", NOW - HOUR, NOW + HOUR), member("ami-1", NOW, NOW)
    newest = Query(newest_per_group=True)
    assert chosen(newest, old, new) == chosen(newest, new, old) == ["ami-1"]


def test_each_policy_has_groups_of_its_own_and_what_has_no_group_is_chosen_itself() -> None:
    nightly, weekly = archived("ami-1", group="web"), archived("ami-2", "weekly", group="web")
    alone, too = archived("ami-3"), archived("ami-4")
    assert chosen(Query(newest_per_group=True), nightly, weekly, alone, too) == ["ami-1", "ami-2", "ami-3", "ami-4"]


def test_query_finds_only_what_is_archived(archive: Archive, restores: Restores) -> None:
    archived_one = restores.stored("ami-a", 5)
    archive.image("ami-b")
    archive.select(archive.begin())
    assert archive.record("ami-b").status is Status.SELECTED
    summary = restores.run(query={"policy": "nightly"}, dry_run=True)
    assert [line["image_id"] for line in summary["would_restore"]] == [archived_one]
    assert summary["restores"]["refused"] == 0


def test_repeated_plan_is_about_what_its_query_found_first(restores: Restores) -> None:
    first = restores.stored("ami-b", 5)
    event = restores.begin(query={"policy": "nightly"})
    plan_restore(restores.app, event, lambda: 900.0)
    restores.stored("ami-a", 5)  # would come first now
    state = restores.plan(event)
    assert [one.source_image_id for one in restores.of_run(state.run_id)] == [first]
    assert restores.go_on(state)["restores"]["restored"] == 1
