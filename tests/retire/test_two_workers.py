"""A run that a person has approved works without the lease, perhaps beside the next night's: none of both is misled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ami_archiver.adapters.ec2_originals import Ec2Originals
from ami_archiver.adapters.ec2_usage_reports import Ec2UsageReports
from ami_archiver.adapters.table_retirements import TableRetirements
from ami_archiver.model import Action, Refusal
from ami_archiver.retire import moves
from ami_archiver.retire.model import Deregistered, LeftSnapshot
from ami_archiver.retire.reasons import HOLD_TAG
from ami_archiver.run_state import Next
from local_cloud.in_process import VirtualCloud
from tests.retire.test_looks import intend
from tests.retire.test_races import planned
from tests.retire.test_reasons_to_keep import due, tag
from tests.support.retirement import Retiring


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], None]], None]:
    """Let something happen just before EC2 is asked to deregister an image."""

    def set_up(happen: Callable[[str], None]) -> None:
        deregister = Ec2Originals.deregister

        def deregister_afterwards(self: Ec2Originals, image_id: str) -> Deregistered | Refusal:
            happen(image_id)
            return deregister(self, image_id)

        monkeypatch.setattr(Ec2Originals, "deregister", deregister_afterwards)

    return set_up


def keep(retiring: Retiring, image_id: str) -> None:
    """Another worker has seen a reason that is none any more."""
    record = retiring.archive.record(image_id)
    after = moves.kept(record, "OnHold: so", at=retiring.archive.app.clock.now(), run_id="another-run")
    assert retiring.archive.retirer().retirements.save(record, after)


def empty_the_list(retiring: Retiring, image_id: str) -> None:
    """Another run has ended, and took a snapshot for one that stays."""
    retirements = retiring.archive.retirer().retirements
    for left in list(retirements.left_snapshots()):
        retirements.drop(left)


def refuse_to_delete(retiring: Retiring, image_id: str) -> None:
    (snapshot_id,) = retiring.snapshots(image_id)
    retiring.cloud.service.faults.fail_snapshot_deletion(snapshot_id, times=None)
    retiring.cloud.service.faults.deny("ec2:DeleteSnapshot", code="InternalFailureOfEbs")


def test_deregistered_image_is_retired_though_another_worker_has_written_its_record(
    retiring: Retiring, meanwhile: Callable[[Callable[[str], None]], None]
) -> None:
    (image_id,) = retiring.disabled("web")
    meanwhile(lambda image_id: keep(retiring, image_id))
    originals = retiring.night()
    assert (retiring.state(image_id), retiring.status(image_id)) == (None, "RETIRED")
    assert originals["saved_total"]["images"] == originals["saved"]["images"] == 1
    record = retiring.archive.record(image_id)
    assert (list(record.retirement.snapshots.values()), record.retirement.snapshot_gib) == (["deleted"], 10)
    assert [move.run_id for move in record.history[-2:]] == ["another-run", record.run_id]
    assert list(retiring.archive.retirer().retirements.left_snapshots()) == []


@pytest.mark.parametrize("action", ["disable", "deregister"])
def test_record_that_another_worker_writes_while_all_is_looked_at_lets_nothing_go(
    retiring: Retiring, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (image_id,) = due(retiring, ["web"], action)
    state, accounts = planned(retiring), Ec2UsageReports.accounts

    def accounts_and_keep(self: Ec2UsageReports, report_id: str) -> tuple[str, ...]:
        keep(retiring, image_id)
        return accounts(self, report_id)

    monkeypatch.setattr(Ec2UsageReports, "accounts", accounts_and_keep)
    with retiring.no_power_used():
        originals = retiring.archive.go_on(state)["retirement"]
    (line,) = originals["done"]["kept"]["listed"]
    assert line["reason"].startswith("ChangedMeanwhile: ")
    assert retiring.kept_because(image_id) == "OnHold: so"


def test_snapshot_that_is_left_is_noted_though_another_run_took_it_off_the_list(
    retiring: Retiring, meanwhile: Callable[[Callable[[str], None]], None]
) -> None:
    (image_id,) = retiring.disabled("web")
    snapshots = retiring.snapshots(image_id)
    refuse_to_delete(retiring, image_id)
    meanwhile(lambda image_id: empty_the_list(retiring, image_id))
    assert retiring.night()["snapshots_left"] == 1
    assert list(retiring.archive.retirer().retirements.left_snapshots()) == [LeftSnapshot(image_id, snapshots[0])]
    retiring.cloud.service.faults.clear()
    retiring.night()
    assert retiring.snapshots(image_id) == []


def test_snapshots_are_on_the_list_before_ec2_is_asked(
    retiring: Retiring, meanwhile: Callable[[Callable[[str], None]], None]
) -> None:
    (image_id,) = retiring.disabled("web")
    (snapshot_id,), noted = retiring.snapshots(image_id), []
    meanwhile(lambda image_id: noted.extend(retiring.archive.retirer().retirements.left_snapshots()))
    retiring.night()
    assert noted == [LeftSnapshot(image_id, snapshot_id)]


@pytest.mark.parametrize("action", ["disable", "deregister"])
def test_nothing_more_is_looked_at_where_another_worker_has_written_the_record_first(
    retiring: Retiring, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (image_id,) = due(retiring, ["web"], action)
    state, save = planned(retiring), TableRetirements.save

    def save_too_late(self: TableRetirements, before: Any, after: Any, **more: Any) -> bool:
        if after.retirement.intention:
            monkeypatch.setattr(TableRetirements, "save", save)
            keep(retiring, image_id)
        return save(self, before, after, **more)

    monkeypatch.setattr(TableRetirements, "save", save_too_late)
    before = len(retiring.cloud.calls.filter(operation="DescribeImageReferences"))
    with retiring.no_power_used():
        retiring.archive.go_on(state)
    assert len(retiring.cloud.calls.filter(operation="DescribeImageReferences")) == before
    assert retiring.kept_because(image_id) == "OnHold: so"


def test_snapshots_are_noted_anew_where_the_answer_of_ec2_was_lost(
    retiring: Retiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    (image_id,) = retiring.disabled("web")
    refuse_to_delete(retiring, image_id)

    def die(self: Ec2Originals, image_id: str) -> Deregistered | Refusal:
        self._ec2.deregister_image(ImageId=image_id, DeleteAssociatedSnapshots=True)
        raise RuntimeError("the function is gone")

    with monkeypatch.context() as patched:
        patched.setattr(Ec2Originals, "deregister", die)
        with pytest.raises(RuntimeError):
            retiring.night()
    empty_the_list(retiring, image_id)
    retiring.cloud.service.faults.clear()
    retiring.days(1)
    retiring.night()
    assert (retiring.status(image_id), retiring.snapshots(image_id)) == ("RETIRED", [])


def test_snapshots_of_a_kept_image_are_not_to_be_deleted_any_more(cloud: VirtualCloud) -> None:
    retiring = Retiring(cloud)
    (image_id,) = retiring.disabled("web")
    (snapshot_id,) = retiring.snapshots(image_id)
    retiring.cloud.service.faults.deny("ec2:DeregisterImage", times=1)
    retiring.night()
    assert retiring.snapshots(image_id) == [snapshot_id]
    assert (retiring.kept_because(image_id) or "").startswith("Ec2Unwilling: ")
    assert list(retiring.archive.retirer().retirements.left_snapshots()) == []


@pytest.mark.parametrize("reason", ["gone", "held"])
def test_image_that_a_dead_worker_has_deregistered_is_retired_though_another_is_about_to_keep_it(
    retiring: Retiring, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one dies right after its call; the other has read the intention before, and looks at the image after it."""
    (image_id,) = retiring.disabled("web")
    state, save = planned(retiring), TableRetirements.save
    while state.next is Next.WAIT or state.retire_looks == 0:
        state, _ = retiring.archive.step(state)
    intend(retiring, image_id, Action.DEREGISTER)
    if reason == "held":
        tag(retiring, image_id, HOLD_TAG)

    def save_and_lose(self: TableRetirements, before: Any, after: Any, **more: Any) -> bool:
        saved = save(self, before, after, **more)
        if after.retirement.intention and retiring.state(image_id):
            retiring.ec2.deregister_image(ImageId=image_id)
        return saved

    monkeypatch.setattr(TableRetirements, "save", save_and_lose)
    originals = retiring.archive.go_on(state)["retirement"]
    assert (retiring.status(image_id), originals["done"]["retired"]["images"]) == ("RETIRED", 1)
    assert originals["saved_total"]["images"] == 1
    assert retiring.snapshots(image_id) == []


def test_last_call_that_is_made_before_the_marks_are_off_is_seen_by_the_worker_that_takes_them_off(
    retiring: Retiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one sleeps between its last look and its call, and dies right after it; the other keeps the image. Once the
    marks are off, IAM refuses the call."""
    (image_id,) = retiring.disabled("web")
    intend(retiring, image_id, Action.DEREGISTER)
    tag(retiring, image_id, "archiver:deregister")
    tag(retiring, image_id, HOLD_TAG)
    untag = Ec2Originals.untag

    def untag_too_late(self: Ec2Originals, resource_ids: Any, keys: Any) -> None:
        if image_id in resource_ids and retiring.state(image_id):
            retiring.ec2.deregister_image(ImageId=image_id, DeleteAssociatedSnapshots=True)
        untag(self, resource_ids, keys)

    monkeypatch.setattr(Ec2Originals, "untag", untag_too_late)
    retiring.night()
    assert (retiring.state(image_id), retiring.status(image_id)) == (None, "RETIRED")


def test_image_that_somebody_else_deregisters_after_our_own_intention_is_not_ours(
    retiring: Retiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    (image_id,) = retiring.disabled("web")
    save = TableRetirements.save

    def save_and_lose(self: TableRetirements, before: Any, after: Any, **more: Any) -> bool:
        saved = save(self, before, after, **more)
        if after.retirement.intention:
            retiring.archive.deregister(image_id)
        return saved

    monkeypatch.setattr(TableRetirements, "save", save_and_lose)
    retiring.night()
    assert (retiring.kept_because(image_id) or "").startswith("OriginalGone: ")
    assert retiring.status(image_id) == "DISABLED"
