"""A restored image is shared with those whom the record names and the caller confirms, and with nobody else."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from ami_archiver.restore.state import RestoreState
from ami_archiver.sharing import PUBLIC, permissions, sharing, to_confirm
from tests.support.archive import TABLE, client
from tests.support.restore import Restores

ONE, TWO, EVIL = "210987654321", "444455556666", "666666666666"
ORGANIZATION = "arn:aws:organizations::123456789012:organization/o-abcdefghij"
UNIT = "arn:aws:organizations::123456789012:ou/o-abcdefghij/ou-abcd-12345678"


def shared(restores: Restores, *permissions: dict[str, str]) -> None:
    restores.archived("ami-a", launch_permissions=list(permissions))


def given_to(restores: Restores, summary: dict[str, Any]) -> list[dict[str, str]]:
    return sorted(restores.new_image(summary).launch_permissions, key=str)


def test_without_a_word_nothing_is_shared_and_that_is_said(restores: Restores) -> None:
    shared(restores, {"UserId": ONE}, {"Group": "all"})
    summary = restores.run(image_ids=["ami-a"])
    assert given_to(restores, summary) == []
    said = f"not shared with group:all, user:{ONE}: recorded, but not confirmed by 'share_with' or 'share_publicly'"
    (line,) = summary["restored"]
    assert said in line["differences"]
    assert said in line["reason"]
    assert restores.records(summary)[0].reason == line["reason"]


def test_only_what_is_both_recorded_and_confirmed_is_shared_and_the_rest_is_said(restores: Restores) -> None:
    shared(restores, {"UserId": ONE}, {"UserId": TWO})
    summary = restores.run(image_ids=["ami-a"], share_with=[ONE, EVIL])
    assert given_to(restores, summary) == [{"UserId": ONE}]
    (line,) = summary["restored"]
    for said in (
        f"not shared with user:{TWO}: recorded, but not confirmed by 'share_with' or 'share_publicly'",
        f"not shared with user:{EVIL}: confirmed, but not recorded of the original",
    ):
        assert said in line["differences"]
        assert said in line["reason"]
    assert f"shared with user:{ONE};" in line["reason"]


def test_organizations_and_units_are_confirmed_by_their_arns(restores: Restores) -> None:
    shared(restores, {"OrganizationArn": ORGANIZATION}, {"OrganizationalUnitArn": UNIT})
    summary = restores.run(image_ids=["ami-a"], share_with=[ORGANIZATION, UNIT])
    assert given_to(restores, summary) == [{"OrganizationArn": ORGANIZATION}, {"OrganizationalUnitArn": UNIT}]


@pytest.mark.parametrize(("publicly", "recorded"), [(True, False), (False, True), (True, True)])
def test_everybody_gets_it_only_where_that_is_recorded_and_asked_for_by_itself(
    restores: Restores, publicly: bool, recorded: bool
) -> None:
    shared(restores, {"UserId": ONE}, *([{"Group": "all"}] if recorded else []))
    summary = restores.run(image_ids=["ami-a"], share_with=[ONE], share_publicly=publicly)
    assert ({"Group": "all"} in given_to(restores, summary)) is (publicly and recorded)


def write_to_the_table(restores: Restores, state: RestoreState) -> None:
    """What somebody could write who may write the table, and nothing else: facts and wishes."""
    record = restores.archive.record("ami-a")
    facts = replace(record.facts, launch_permissions=(f"user:{EVIL}", PUBLIC))
    longer = replace(record, facts=facts, history=(*record.history, record.history[-1]))
    assert restores.app.records.save(record, longer)
    dynamodb = client(restores.cloud, "dynamodb")
    dynamodb.update_item(
        TableName=TABLE,
        Key={"pk": {"S": f"RESTORE#{state.run_id}"}, "sk": {"S": "RECORD#000000"}},
        UpdateExpression="SET wishes.share_with = :evil, wishes.share_publicly = :yes",
        ExpressionAttributeValues={":evil": {"L": [{"S": EVIL}]}, ":yes": {"BOOL": True}},
    )


def test_who_writes_the_table_shares_nothing(restores: Restores) -> None:
    restores.stored("ami-a", 20)
    state = restores.plan(restores.begin(image_ids=["ami-a"]))
    write_to_the_table(restores, state)
    assert given_to(restores, restores.go_on(state)) == []


def test_who_writes_the_table_shares_nothing_by_another_run_either(restores: Restores) -> None:
    restores.stored("ami-a", 20)
    restores.stored("ami-b", 20)
    state: Any = restores.plan(restores.begin(image_ids=["ami-a"]))
    while not restores.starts():
        state = restores.step(state)
    write_to_the_table(restores, state)
    restores.cloud.advance((1 + restores.app.settings.run_limit_hours) * 3600)
    restores.run(image_ids=["ami-b"], share_with=[EVIL], share_publicly=True)
    (record,) = restores.of_run(state.run_id)
    assert record.status == "RESTORED"
    assert restores.image(str(record.restored_image_id)).launch_permissions == []


def test_image_without_the_tag_of_its_restore_is_not_shared(restores: Restores) -> None:
    shared(restores, {"UserId": ONE})
    state: Any = restores.plan(restores.begin(image_ids=["ami-a"], share_with=[ONE]))
    while not restores.starts():
        state = restores.step(state)
    restores.cloud.advance(3600)
    (record,) = restores.of_run(state.run_id)
    tags = [{"Key": "archiver:restore-id"}]
    client(restores.cloud, "ec2").delete_tags(Resources=[record.restored_image_id], Tags=tags)
    summary = restores.go_on(state)
    assert given_to(restores, summary) == []
    assert (
        "the image's tag archiver:restore-id does not say that it is this restore's"
        in (summary["restored"][0]["reason"])
    )


def test_another_run_leaves_the_sharing_to_the_one_that_knows_what_was_confirmed(restores: Restores) -> None:
    shared(restores, {"UserId": ONE})
    restores.stored("ami-b", 1)
    state: Any = restores.plan(restores.begin(image_ids=["ami-a"], share_with=[ONE]))
    while not restores.starts():
        state = restores.step(state)
    restores.cloud.advance(3600)
    restores.run(image_ids=["ami-b"])
    assert given_to(restores, restores.go_on(state)) == [{"UserId": ONE}]


def test_equal_request_shares_what_a_stopped_one_was_to_share(restores: Restores) -> None:
    shared(restores, {"UserId": ONE})
    state: Any = restores.plan(restores.begin(image_ids=["ami-a"], share_with=[ONE]))
    while not restores.starts():
        state = restores.step(state)
    assert given_to(restores, restores.run(image_ids=["ami-a"], share_with=[ONE])) == [{"UserId": ONE}]
    assert [record.status for record in restores.of_run(state.run_id)] == ["RESTORED"]
    assert restores.app.restore_leases.read().in_flight == frozenset()


def test_restore_that_an_older_version_planned_with_share_again_is_not_shared_and_says_so(restores: Restores) -> None:
    shared(restores, {"UserId": ONE})
    state = restores.plan(restores.begin(image_ids=["ami-a"]))
    client(restores.cloud, "dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": f"RESTORE#{state.run_id}"}, "sk": {"S": "RECORD#000000"}},
        UpdateExpression="SET wishes.share_again = :yes REMOVE wishes.share_with, wishes.share_publicly, takes_over",
        ExpressionAttributeValues={":yes": {"BOOL": True}},
    )
    summary = restores.go_on(state)
    assert given_to(restores, summary) == []
    assert f"not shared with user:{ONE}: recorded, but not confirmed" in summary["restored"][0]["reason"]


def test_state_of_an_older_version_confirms_nothing(restores: Restores) -> None:
    restores.stored("ami-a")
    raw = restores.plan(restores.begin(image_ids=["ami-a"], share_with=[ONE])).to_json()
    assert raw.pop("share_with") == [ONE]
    assert raw.pop("share_publicly") is False
    assert RestoreState.from_json(raw).confirmed == ()


def test_recorded_permission_that_is_none_is_confirmed_by_nothing() -> None:
    recorded = ("group:111122223333", "user:*", f"unit:{ORGANIZATION}", f"user:{ONE}")
    confirmed = permissions(("111122223333", ORGANIZATION, ONE), share_publicly=True)
    assert sharing(recorded, confirmed).again == (f"user:{ONE}",)


def test_what_confirms_recorded_permissions_gives_them_all() -> None:
    recorded = (f"user:{ONE}", f"organization:{ORGANIZATION}", f"unit:{UNIT}", PUBLIC)
    share_with, publicly = to_confirm(recorded)
    assert set(permissions(share_with, publicly)) == set(recorded)
    assert all(re.fullmatch(r"\d{12}|arn:.*", one) for one in share_with)
