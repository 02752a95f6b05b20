"""What a run looks at, how deep, and what it leaves alone: one thing at a time."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from ami_archiver.adapters.table_retirements import TableRetirements
from ami_archiver.model import Action
from ami_archiver.policy import Policy
from ami_archiver.retire import moves
from ami_archiver.retire.model import Freed, LeftSnapshot
from ami_archiver.retire.reasons import HOLD_TAG, RETIRE_ON_TAG, Keep
from ami_archiver.retire.steps.inspect import Candidate, Inspector
from ami_archiver.retire.steps.settle import settle_snapshots
from ami_archiver.run_state import Next, RunState
from local_cloud.in_process import VirtualCloud
from tests.retire.test_races import planned
from tests.retire.test_reasons_to_keep import tag, template
from tests.support.retirement import NIGHTLY, RULES, Retiring

NOTIFYING = replace(NIGHTLY, retire=replace(RULES, approval="notify", notify_days=7))
WEEKLY = Policy("weekly", {"Archive": ("weekly",)}, original="disable", retire=RULES)


def candidate(retiring: Retiring, image_id: str, policy: Policy) -> Candidate:
    return Candidate(retiring.archive.record(image_id), policy, Action.DISABLE)


@pytest.mark.parametrize("end", ["deregister_image", "disable_image"])
def test_newer_image_that_went_since_it_was_listed_lets_nothing_go(retiring: Retiring, end: str) -> None:
    older, newer = retiring.due("older", creation_date=retiring.cloud.clock.now()), retiring.archive.image("newer")
    policy, app = replace(NIGHTLY, retire=replace(RULES, keep_newest=1)), retiring.archive.retirer()
    inspector = Inspector(app)
    retiring.cloud.catalog.images(retiring.archive.region)[newer].creation_date = retiring.cloud.clock.now()
    (finding,) = inspector.inspect([candidate(retiring, older[0], policy)])
    assert finding.reason is None
    getattr(retiring.ec2, end)(ImageId=newer)
    (finding,) = inspector.inspect([candidate(retiring, older[0], policy)])
    assert (finding.reason or "").startswith(Keep.AMONG_NEWEST)


def test_versions_of_launch_templates_count_as_deep_as_the_deepest_policy_asks_for(retiring: Retiring) -> None:
    shallow, deep = retiring.due("shallow", "deep")
    template(retiring, deep, newer=3)
    retiring.ec2.modify_launch_template(LaunchTemplateName=f"template-{deep}-3", DefaultVersion="4")
    policies = [replace(NIGHTLY, retire=replace(RULES, template_versions=depth)) for depth in (1, 10)]
    candidates = [candidate(retiring, *each) for each in zip((shallow, deep), policies, strict=True)]
    first, second = Inspector(retiring.archive.retirer()).inspect(candidates)
    assert first.reason is None
    assert (second.reason or "").startswith(Keep.IN_USE)


def test_usage_report_that_is_too_old_is_asked_for_anew(retiring: Retiring) -> None:
    (image_id,) = retiring.due("web")
    retiring.archive.retirer().usage_reports.ask(image_id)
    retiring.cloud.advance(3 * 3600)
    retiring.night()
    assert retiring.state(image_id) == "disabled"


def test_usage_report_that_became_too_old_before_the_call_lets_nothing_go(
    retiring: Retiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    (image_id,) = retiring.due("web")
    save = TableRetirements.save

    def save_and_sleep(self: TableRetirements, before: Any, after: Any, **more: Any) -> bool:
        if after.retirement.intention:
            retiring.cloud.advance(3 * 3600)
        return save(self, before, after, **more)

    monkeypatch.setattr(TableRetirements, "save", save_and_sleep)
    with retiring.no_power_used():
        retiring.night()
    assert (retiring.kept_because(image_id) or "").startswith(Keep.CHANGED_MEANWHILE)


def test_run_does_not_wait_for_ever_for_a_usage_report(retiring: Retiring) -> None:
    (image_id,) = retiring.due("web")
    retiring.cloud.service.faults.hold_usage_reports()
    steps = count()
    with retiring.no_power_used():
        assert retiring.archive.night(until=lambda: next(steps) > 100) is not None
    assert (retiring.kept_because(image_id) or "").startswith(Keep.USAGE_PENDING)


# Dry runs


@pytest.mark.parametrize(
    ("policy", "hold", "would"),
    [(NOTIFYING, False, "announced"), (NOTIFYING, True, "kept"), (NIGHTLY, False, "disabled")],
    ids=["announced", "kept", "disabled"],
)
def test_dry_run_says_what_it_would_do_and_writes_no_record_sets_no_tag_and_asks_for_no_report(
    cloud: VirtualCloud, policy: Policy, hold: bool, would: str
) -> None:
    retiring = Retiring(cloud, policy)
    (image_id,) = retiring.due("web")
    if hold:
        tag(retiring, image_id, HOLD_TAG)
    tags = dict(retiring.cloud.catalog.images(retiring.archive.region)[image_id].tags)
    before = retiring.archive.record(image_id)
    with retiring.no_power_used():
        summary = retiring.night(dry_run=True)
    assert [each["image_id"] for each in summary["would"][would]["listed"]] == [image_id]
    assert retiring.archive.record(image_id) == before
    assert retiring.cloud.catalog.images(retiring.archive.region)[image_id].tags == tags
    assert retiring.cloud.calls.filter(operation="CreateImageUsageReport") == []


# Several policies


def test_run_retires_for_those_who_joined_it_each_by_its_own_policy(cloud: VirtualCloud) -> None:
    """The weekly policy only disables; the nightly run, which may deregister, works for it."""
    retiring = Retiring(cloud)
    retiring.archive.configure(policies=(NIGHTLY, WEEKLY))
    retiring.archive.night("weekly")
    first = retiring.archive.image("first", tags={"Archive": "weekly"})
    retiring.archive.night("weekly")
    retiring.days(RULES.after_verified_days)
    retiring.archive.night("weekly")
    second = retiring.archive.image("second", tags={"Archive": "weekly"})
    retiring.archive.night("weekly")
    retiring.days(RULES.after_verified_days)
    nightly = retiring.archive.select(retiring.archive.begin("nightly"))
    retiring.archive.select(retiring.archive.begin("weekly"))
    retiring.archive.go_on(nightly)
    assert (retiring.state(first), retiring.state(second)) == ("disabled", "disabled")


def test_policy_that_is_paused_meanwhile_has_had_no_first_run(retiring: Retiring) -> None:
    state = retiring.archive.go_to(retiring.archive.select(retiring.archive.begin()), Next.RETIRE)
    retiring.archive.configure(policies=(replace(NIGHTLY, original="disable", paused=True),))
    retiring.archive.go_on(state)
    first = retiring.archive.retirer().retirements.first_run("nightly")
    assert first is not None
    assert first.original == "retire"


# Announcements, refusals, crashes


def test_image_that_cannot_be_tagged_is_not_announced(cloud: VirtualCloud) -> None:
    retiring = Retiring(cloud, NOTIFYING)
    (image_id,) = retiring.due("web")
    retiring.cloud.service.faults.deny("ec2:CreateTags")
    assert retiring.night()["done"]["announced"]["images"] == 0
    assert (retiring.kept_because(image_id) or "").startswith(Keep.EC2_UNWILLING)
    assert retiring.archive.record(image_id).retirement.announced is None


def test_notice_that_is_taken_off_between_plan_and_call_keeps_the_original(cloud: VirtualCloud) -> None:
    retiring = Retiring(cloud, NOTIFYING)
    (image_id,) = retiring.due("web")
    retiring.night()
    retiring.days(8)
    state = planned(retiring)
    retiring.ec2.delete_tags(Resources=[image_id], Tags=[{"Key": RETIRE_ON_TAG}])
    with retiring.no_power_used():
        retiring.archive.go_on(state)
    assert (retiring.kept_because(image_id) or "").startswith(Keep.ANNOUNCED)


def intend(retiring: Retiring, image_id: str, action: Action) -> None:
    """As a step does that dies before or after its call."""
    record, at = retiring.archive.record(image_id), retiring.archive.app.clock.now()
    snapshots = retiring.snapshots(image_id) if action is Action.DEREGISTER else []
    after = moves.intended(record, action, snapshots, 10, Freed(10, 10), at=at, run_id="died")
    left = [LeftSnapshot(image_id, one) for one in snapshots]
    assert retiring.archive.retirer().retirements.save(record, after, adding=left)


def test_disabled_image_of_a_crashed_run_is_recorded_whatever_keeps_it_now(retiring: Retiring) -> None:
    (image_id,) = retiring.due("web")
    intend(retiring, image_id, Action.DISABLE)
    retiring.ec2.disable_image(ImageId=image_id)
    tag(retiring, image_id, HOLD_TAG)
    retiring.night()
    assert retiring.status(image_id) == "DISABLED"


def _ending(retiring: Retiring) -> RunState:
    return retiring.archive.select(retiring.archive.begin())


def test_snapshots_that_are_about_to_go_stay_on_the_list_and_there(retiring: Retiring) -> None:
    (image_id,) = retiring.disabled("web")
    intend(retiring, image_id, Action.DEREGISTER)
    tag(retiring, retiring.snapshots(image_id)[0], "archiver:deregister")
    app = retiring.archive.retirer()
    with retiring.no_power_used():
        settle_snapshots(app, _ending(retiring), lambda: 900.0)
    assert [left.image_id for left in app.retirements.left_snapshots()] == [image_id]
