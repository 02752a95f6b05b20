"""Each reason to keep an original, by itself: there it is, and one hair away from it, it is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ami_archiver.model import Action, ArchiveRecord, Decision, Retirement, Status
from ami_archiver.policy import Policy, RetireRules, UseKind
from ami_archiver.retire import moves, reasons
from ami_archiver.retire.model import SnapshotEnd, UsageReport
from ami_archiver.retire.reasons import HOLD_TAG, REPORT_HOURS, RETIRE_ON_TAG, Keep
from tests.support.domain import ACCOUNT, KEY_ARN, NOW, image, policy, stored_object, verified

RULES = RetireRules(after_verified_days=30, after_disabled_days=10, keep_newest=2, not_launched_days=30)
DAY = NOW + timedelta(days=30)
"""On which the grace period of a record that was verified NOW ends."""


def rules(**changes: Any) -> Policy:
    return policy(original="retire", retire=replace(RULES, **changes))


def disabled(**changes: Any) -> ArchiveRecord:
    return moves.disabled(verified(**changes), "disabled", at=NOW, run_id="run-2")


def name(why: str | None) -> str | None:
    return why.partition(":")[0] if why else None


# The record


@pytest.mark.parametrize(("late", "kept"), [(-1, Keep.GRACE_PERIOD), (0, None)])
def test_grace_period_before_disabling_ends_to_the_second(late: float, kept: Keep | None) -> None:
    now = DAY + timedelta(seconds=late)
    assert name(reasons.by_record(verified(), rules(), Action.DISABLE, now)) == kept


@pytest.mark.parametrize(("late", "kept"), [(-1, Keep.GRACE_PERIOD), (0, None)])
def test_grace_period_before_deregistering_ends_to_the_second(late: float, kept: Keep | None) -> None:
    now = NOW + timedelta(days=10, seconds=late)
    assert name(reasons.by_record(disabled(), rules(), Action.DEREGISTER, now)) == kept


def test_grace_period_that_has_not_begun_does_not_end() -> None:
    record = moves.enabled_again(disabled(), "somebody has", at=NOW, run_id="run-3")
    assert name(reasons.by_record(record, rules(), Action.DEREGISTER, NOW + timedelta(days=999))) == Keep.GRACE_PERIOD


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.VERIFIED}))
def test_only_what_is_verified_is_disabled(status: Status) -> None:
    record = replace(verified(), status=status)
    assert name(reasons.by_record(record, rules(), Action.DISABLE, DAY)) == Keep.NOT_VERIFIED


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.DISABLED}))
def test_only_what_is_disabled_is_deregistered(status: Status) -> None:
    record = replace(disabled(), status=status)
    assert name(reasons.by_record(record, rules(), Action.DEREGISTER, DAY)) == Keep.NOT_VERIFIED


# Announcements

NOTIFY = rules(approval="notify")
ANNOUNCED_NOW = Retirement(announced=Action.DISABLE, retire_on=DAY)
NOTICE = {"Archive": "true", RETIRE_ON_TAG: f"{DAY:%Y-%m-%d}"}


@pytest.mark.parametrize(
    ("retirement", "tags", "late", "kept"),
    [
        (ANNOUNCED_NOW, NOTICE, 0, None),
        (ANNOUNCED_NOW, NOTICE, -1, Keep.ANNOUNCED),
        (ANNOUNCED_NOW, {"Archive": "true"}, 0, Keep.ANNOUNCED),
        (ANNOUNCED_NOW, NOTICE | {RETIRE_ON_TAG: "2026-01-30"}, 0, Keep.ANNOUNCED),
        (replace(ANNOUNCED_NOW, announced=None), NOTICE, 0, Keep.ANNOUNCED),
        (replace(ANNOUNCED_NOW, announced=Action.DEREGISTER), NOTICE, 0, Keep.ANNOUNCED),
        (replace(ANNOUNCED_NOW, retire_on=None), NOTICE, 0, Keep.ANNOUNCED),
    ],
    ids=["come", "not come", "tag taken off", "another day", "not told", "told of another action", "no day"],
)
def test_announced_day_must_have_come_with_the_notice_still_there(
    retirement: Retirement, tags: dict[str, str], late: float, kept: Keep | None
) -> None:
    record, now = replace(verified(), retirement=retirement), DAY + timedelta(seconds=late)
    assert name(reasons.by_announcement(record, NOTIFY, Action.DISABLE, image(tags=tags), now)) == kept


@pytest.mark.parametrize("approval", ["none", "explicit"])
def test_nothing_is_announced_where_the_policy_does_not_ask_for_it(approval: str) -> None:
    quiet = rules(approval=approval)
    assert name(reasons.by_announcement(verified(), quiet, Action.DISABLE, image(), DAY)) is None


# The object

WHOLE = {"checksum": "SHA256:abc"}


@pytest.mark.parametrize(
    "found",
    [
        None,
        stored_object(version_id="v2", **WHOLE),
        stored_object(size_bytes=999, **WHOLE),
        stored_object(etag="e2", **WHOLE),
        stored_object(checksum="SHA256:other"),
        stored_object(),
        stored_object(encryption="AES256", kms_key_id=None, **WHOLE),
        stored_object(kms_key_id="arn:aws:kms:us-east-1:123456789012:key/other", **WHOLE),
        stored_object(tags={"archiver:image-id": "ami-0fffffffffffffff0"}, **WHOLE),
    ],
    ids=["gone", "version", "size", "etag", "checksum", "checksum gone", "no key", "other key", "other image"],
)
def test_object_that_is_not_as_it_was_recorded_keeps_its_original(found: Any) -> None:
    assert name(reasons.by_object(verified(**WHOLE), found, None, KEY_ARN)) == Keep.OBJECT_NOT_WHOLE


def test_object_as_recorded_lets_its_original_go_with_or_without_a_checksum() -> None:
    assert name(reasons.by_object(verified(**WHOLE), stored_object(**WHOLE), None, KEY_ARN)) is None
    assert name(reasons.by_object(verified(), stored_object(), None, KEY_ARN)) is None


@pytest.mark.parametrize("field", ["object_version_id", "object_bytes", "object_etag"])
def test_what_was_never_recorded_cannot_be_compared(field: str) -> None:
    unknown: dict[str, Any] = {field: None}
    record = replace(verified(), **unknown)
    assert name(reasons.by_object(record, stored_object(), None, KEY_ARN)) == Keep.OBJECT_NOT_WHOLE


def test_object_that_cannot_be_read_keeps_its_original() -> None:
    assert name(reasons.by_object(verified(), stored_object(), "AccessDenied", KEY_ARN)) == Keep.OBJECT_UNREADABLE


# The image


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({}, None),
        ({"owner_id": "444455556666"}, Keep.NOT_OWNED),
        ({"tags": {}}, Keep.NOT_SELECTED),
        ({"tags": {"Archive": "true", "Exclude": "yes"}}, Keep.NOT_SELECTED),
        ({"state": "pending"}, Keep.STATE),
        ({"state": "deregistered"}, Keep.STATE),
        ({"deregistration_protection": "enabled-with-cooldown"}, Keep.PROTECTED),
        ({"deregistration_protection": "anything new"}, Keep.PROTECTED),
        ({"tags": {"Archive": "true", HOLD_TAG: ""}}, Keep.ON_HOLD),
        ({"last_launched_at": DAY - timedelta(days=30) + timedelta(seconds=1)}, Keep.RECENTLY_LAUNCHED),
        ({"last_launched_at": DAY - timedelta(days=30)}, None),
    ],
)
@pytest.mark.parametrize("action", Action)
def test_image_is_kept_by_what_is_true_of_it(action: Action, fields: dict[str, Any], kept: Keep | None) -> None:
    state = "available" if action is Action.DISABLE else "disabled"
    one = image(**({"state": state} | fields))
    of = replace(rules(), exclude_tags={"Exclude": ("*",)})
    assert name(reasons.by_image(one, of, action, DAY, ACCOUNT)) == kept


def test_image_that_is_gone_or_was_enabled_again_is_kept() -> None:
    assert name(reasons.original_gone()) == Keep.ORIGINAL_GONE
    assert name(reasons.by_image(image(), rules(), Action.DEREGISTER, DAY, ACCOUNT)) == Keep.ENABLED_AGAIN


@pytest.mark.parametrize(("newer", "kept"), [(1, Keep.AMONG_NEWEST), (2, None)])
def test_newest_of_a_group_are_kept(newer: int, kept: Keep | None) -> None:
    assert name(reasons.by_group(image(), ["ami-newer"] * newer, rules())) == kept


def test_image_of_no_group_is_not_among_its_newest() -> None:
    assert name(reasons.by_group(image(), [], replace(rules(), group_by_tag="Group"))) is None


@pytest.mark.parametrize(
    ("fields", "permissions", "kept"),
    [
        ({}, (), None),
        ({}, (f"user:{ACCOUNT}",), None),
        ({}, ("user:444455556666",), Keep.SHARED),
        ({}, ("organization:arn:aws:organizations::1:organization/o-1",), Keep.SHARED),
        ({"public": True}, (), Keep.SHARED),
        ({}, None, Keep.SHARING_UNKNOWN),
    ],
)
def test_shared_image_is_kept(fields: dict[str, Any], permissions: Any, kept: Keep | None) -> None:
    assert name(reasons.by_sharing(image(**fields), permissions, rules(), ACCOUNT)) == kept


def test_shared_image_may_go_where_its_policy_says_so_but_not_where_sharing_is_unknown() -> None:
    may = rules(allow_shared=True)
    assert name(reasons.by_sharing(image(), ("group:all",), may, ACCOUNT)) is None
    assert name(reasons.by_sharing(image(), None, may, ACCOUNT)) == Keep.SHARING_UNKNOWN


@pytest.mark.parametrize(
    ("locks", "kept"), [({}, None), ({"snap-1": "governance"}, Keep.SNAPSHOT_LOCKED), (None, Keep.LOCKS_UNKNOWN)]
)
def test_locked_snapshot_keeps_its_image(locks: Any, kept: Keep | None) -> None:
    assert name(reasons.by_locks(locks)) == kept


@pytest.mark.parametrize(("references", "kept"), [((), None), (("instance i-1",), Keep.IN_USE)])
def test_image_in_use_is_kept(references: Any, kept: Keep | None) -> None:
    assert name(reasons.by_uses(references, (), rules())) == kept


@pytest.mark.parametrize("kind", UseKind)
def test_kind_of_use_that_could_not_be_asked_for_keeps_an_image_unless_its_policy_ignores_that_kind(
    kind: UseKind,
) -> None:
    others = tuple(other for other in UseKind if other is not kind)
    assert name(reasons.by_uses((), {kind}, rules(ignore_unknown_uses=others))) == Keep.USE_UNKNOWN
    assert name(reasons.by_uses((), {kind}, rules(ignore_unknown_uses=(kind,)))) is None
    assert name(reasons.by_uses(("instance i-1",), {kind}, rules(ignore_unknown_uses=(kind,)))) == Keep.IN_USE


def test_every_kind_of_use_that_could_not_be_asked_for_is_named_with_what_to_grant() -> None:
    why = reasons.by_uses((), {UseKind.IMAGE_BUILDER, UseKind.SSM_PARAMETERS}, rules())
    assert why == (
        "UseUnknown: it could not be asked which SSM parameters, Image Builder recipes use it; "
        "grant ec2:DescribeImageReferences, ssm:DescribeParameters, ssm:GetParameters to RetireImages, or see who "
        'denies it; or let the policy say retire.ignore_unknown_uses = ["ssm-parameters", "image-builder"]'
    )


@pytest.mark.parametrize(("early", "recent"), [(1, True), (0, False)])
def test_usage_report_counts_for_two_hours(early: float, recent: bool) -> None:
    report = UsageReport("amiur-1", NOW, available=True)
    assert reasons.is_recent(report, NOW + timedelta(hours=REPORT_HOURS, seconds=-early)) is recent


def test_usage_report_must_name_nobody() -> None:
    assert reasons.by_usage(()) is None
    assert name(reasons.by_usage(("account 444455556666 (1 ec2:Instance)",))) == Keep.USED_BY_ACCOUNT


# How the record goes on

INTENDED = replace(
    verified(), retirement=replace(ANNOUNCED_NOW, intention=Action.DISABLE, snapshots={"snap-1": "left"})
)


@pytest.mark.parametrize("keep", [Keep.ON_HOLD, Keep.IN_USE, Keep.OBJECT_NOT_WHOLE, Keep.NOT_APPROVED])
def test_reason_that_somebody_could_object_with_takes_the_announcement_back(keep: Keep) -> None:
    after = moves.kept(INTENDED, f"{keep}: so", at=NOW, run_id="run-2").retirement
    assert after == Retirement(kept_because=f"{keep}: so")


@pytest.mark.parametrize("keep", sorted(reasons.PASSING))
def test_reason_that_passes_leaves_the_announcement(keep: Keep) -> None:
    after = moves.kept(INTENDED, f"{keep}: so", at=NOW, run_id="run-2").retirement
    assert after == replace(ANNOUNCED_NOW, kept_because=f"{keep}: so")


def test_same_reason_twice_is_written_once() -> None:
    once = moves.kept(verified(), "OnHold: so", at=NOW, run_id="run-2")
    assert moves.kept(once, "OnHold: so", at=DAY, run_id="run-3") is once


def test_disabled_record_that_is_disabled_anew_begins_its_grace_period_anew() -> None:
    again = moves.disabled(disabled(), "by somebody", at=DAY, run_id="run-3")
    assert (again.status, again.retirement) == (Status.DISABLED, Retirement(disabled_at=DAY))


def test_retired_record_has_no_intention_left_and_says_what_became_of_each_snapshot() -> None:
    about_to = replace(
        disabled(), retirement=Retirement(intention=Action.DEREGISTER, snapshots={"snap-1": "left", "snap-2": "left"})
    )
    ends = {"snap-1": (SnapshotEnd.SHARED, "")}
    after = moves.retired(about_to, "deregistered", ends, at=DAY, run_id="run-3")
    assert (after.status, after.decision, after.retirement.intention) == (Status.RETIRED, Decision.RETIRED, None)
    assert after.retirement.snapshots == {"snap-1": "kept: another image uses it", "snap-2": "left"}
