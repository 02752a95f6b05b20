"""SelectImages: one decision and reason for every image that the policy's tags match."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ami_archiver.adapters import ec2_images
from ami_archiver.errors import BadInput
from ami_archiver.run_state import Next
from ami_archiver.steps.select import select_images
from local_cloud.in_process import VirtualCloud
from local_cloud.model import BlockDevice
from tests.support.archive import Archive, full_id
from tests.support.domain import policy
from tests.support.queue import queued


def decide(archive: Archive, policy_name: str = "nightly") -> dict[str, tuple[str, str]]:
    return archive.decisions(archive.night(policy_name)["run_id"])


INELIGIBLE: list[tuple[dict[str, Any], str]] = [
    (
        {"root_device_type": "instance-store", "block_devices": ()},
        "root device is instance-store, only EBS-backed images can be stored",
    ),
    ({"virtualization_type": "paravirtual"}, "virtualization is paravirtual, only hvm images can be stored"),
    ({"state": "pending"}, "state is pending, must be available"),
    ({"state": "failed"}, "state is failed, must be available"),
    ({"block_devices": ()}, "has no EBS snapshot"),
    (
        {"block_devices": (BlockDevice("/dev/xvda", "snap-00000000000000009", 8),)},
        "snapshot snap-00000000000000009 is missing or not accessible",
    ),
    ({"gib": 5001}, "5001 GiB, at most 5000 GiB can be stored"),
]


@pytest.mark.parametrize(("fields", "reason"), INELIGIBLE, ids=[reason for _, reason in INELIGIBLE])
def test_image_that_ec2_cannot_store_is_ineligible_with_its_reason_and_has_no_record(
    archive: Archive, fields: dict[str, Any], reason: str
) -> None:
    image_id = archive.image("bad", **fields)
    archive.image("good")
    decisions = decide(archive)
    assert decisions[image_id] == ("ineligible", reason)
    assert archive.item(f"IMAGE#{image_id}", "RECORD") is None
    assert archive.status("good") == "VERIFIED"


def test_unfinished_snapshot_makes_its_image_ineligible(archive: Archive) -> None:
    image_id = archive.image("bad", snapshot={"state": "pending"})
    reason = f"snapshot {image_id.replace('ami-', 'snap-')} is pending, must be completed"
    assert decide(archive)[image_id] == ("ineligible", reason)


def test_image_without_the_policys_tags_is_no_business_of_the_run(archive: Archive) -> None:
    archive.image("other", tags={"Team": "web"})
    assert decide(archive) == {}


def test_excluded_images_say_why(cloud: VirtualCloud) -> None:
    archive = Archive(cloud, policy(exclude_tags={"Hold": ("*",)}, min_age_days=7, name_patterns=("web-*",)))
    tags = {"Archive": "true"}
    held = archive.image("held", name="web-1", tags=tags | {"Hold": "legal"})
    young = archive.image("young", name="web-2", creation_date=cloud.clock.now() - timedelta(days=2))
    other = archive.image("other", name="db-1")
    stored = archive.image("stored", name="web-3")
    decisions = decide(archive)
    assert decisions[held] == ("excluded", "tag Hold=legal excludes it")
    assert decisions[young] == ("excluded", "2.0 days old, the policy needs at least 7")
    assert decisions[other] == ("excluded", "name 'db-1' matches none of web-*")
    assert decisions[stored][0] == "stored"


@pytest.mark.parametrize(
    "grouping", [{"group_by_tag": "Service"}, {"group_by_name": r"^(\w+)-\d+$"}], ids=["tag", "name"]
)
def test_newest_of_every_group_are_kept_back(cloud: VirtualCloud, grouping: dict[str, str]) -> None:
    archive = Archive(cloud, policy(keep_newest=2, **grouping))
    for group in ("web", "db"):
        for days in range(1, 5):
            archive.image(
                f"{group}{days}",
                name=f"{group}-{days}",
                creation_date=cloud.clock.now() - timedelta(days=days),
                tags={"Archive": "true", "Service": group},
            )
    summary = archive.night()
    assert (summary["decisions"]["stored"], summary["decisions"]["excluded"]) == (4, 4)
    stored = {name for name in ("web1", "web2", "web3", "web4") if archive.app.records.get([full_id(name)]).records}
    assert stored == {"web3", "web4"}
    assert archive.decisions(summary["run_id"])[full_id("db1")] == ("excluded", "among the newest 2 of group 'db'")


def test_what_a_restore_needs_is_recorded_before_the_image_is_stored(archive: Archive) -> None:
    image_id = archive.image(
        "one",
        launch_permissions=[{"UserId": "999999999999"}, {"Group": "all"}],
        snapshot={"encrypted": True, "kms_key_id": "arn:aws:kms:key"},
    )
    archive.cloud.client("ssm").put_parameter(Name="/ami", Value=image_id, Type="String", DataType="aws:ec2:image")
    archive.go_to(archive.select(archive.begin()), Next.WAIT)
    assert archive.status("one") == "STORING"
    facts = archive.record("one").facts
    assert facts.launch_permissions == ("group:all", "user:999999999999")
    assert (facts.encrypted, facts.kms_key_ids) == (True, ("arn:aws:kms:key",))
    assert facts.ssm_parameters is not None
    assert [arn.rpartition(":parameter")[2] for arn in facts.ssm_parameters] == ["/ami"]


def test_selection_over_several_invocations_selects_each_image_once(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ec2_images, "PAGE_SIZE", 5)
    image_ids = {archive.image(f"i{number:02}", gib=1) for number in range(12)}
    event: dict[str, Any] = archive.begin()
    state = select_images(archive.app, event, lambda: 10.0)
    pages = [state.page]
    while state.next is Next.SELECT_MORE:
        state = select_images(archive.app, {"input": state.to_json()}, lambda: 10.0)
        pages.append(state.page)
    assert pages == [1, 2, 3]
    assert (state.next, state.next_token, state.selected_images, state.selected_gib) == (Next.STORE, None, 12, 12.0)
    assert sorted(entry.image_id for entry in queued(archive.app.records)) == sorted(image_ids)
    assert set(archive.decisions(state.run_id)) == image_ids
    assert archive.go_on(state)["decisions"]["stored"] == 12
    assert set(archive.accepted().values()) == {1}


def test_selection_with_time_left_goes_through_all_pages_at_once(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ec2_images, "PAGE_SIZE", 5)
    for number in range(12):
        archive.image(f"i{number:02}", gib=1)
    state = archive.select(archive.begin())
    assert (state.next, state.page) == (Next.STORE, 3)


def test_selection_repeated_selects_nothing_twice_and_decides_the_same(archive: Archive) -> None:
    for number in range(3):
        archive.image(f"i{number}")
    event = archive.begin()
    first = archive.select(event)
    again = archive.select(event)
    assert again == first
    assert len(queued(archive.app.records)) == 3
    assert {len(archive.record(f"i{number}").history) for number in range(3)} == {1}
    assert archive.go_on(again)["decisions"]["stored"] == 3


def test_image_that_another_worker_selected_at_the_same_moment_has_its_decision(archive: Archive) -> None:
    image_id = archive.image("one")
    event = archive.begin()
    other = archive.worker(own_clients=True)
    raced = []

    def other_first(**_: Any) -> None:
        if not raced:
            raced.append(1)
            archive.select(event)

    other.client("dynamodb").meta.events.register_first("before-call.dynamodb.TransactWriteItems", other_first)
    state = archive.select(event, other)
    assert archive.decisions(state.run_id)[image_id][0] == "deferred"
    assert archive.go_on(state)["decisions"]["stored"] == 1


def test_first_policy_takes_an_image_of_both_and_the_second_says_whose_it_is(cloud: VirtualCloud) -> None:
    first, second = policy("first"), policy("second", tags={"Team": ("*",)})
    archive = Archive(cloud, first, second)
    both = archive.image("both", tags={"Archive": "true", "Team": "web"})
    own = archive.image("own", tags={"Team": "web"})
    decisions = decide(archive, "second")
    assert decisions[both] == ("excluded", "belongs to policy 'first', which comes first in the configuration")
    assert decisions[own][0] == "stored"
    assert decide(archive, "first")[both][0] == "stored"
    assert archive.record("both").policy == "first"


def test_malformed_input_is_refused_by_name_and_changes_nothing(archive: Archive) -> None:
    archive.image("one")
    for event in ({}, {"input": {"policy": "hourly"}}, {"input": {"policy": "nightly", "run_id": "x"}}, []):
        with pytest.raises(BadInput):
            select_images(archive.app, event, lambda: 900.0)  # type: ignore[arg-type]
    assert archive.items() == []


@pytest.mark.parametrize("joining", [False, True], ids=["working", "joining"])
def test_policy_that_is_removed_between_two_pages_ends_the_selection_and_the_run_reports_what_it_selected(
    cloud: VirtualCloud, monkeypatch: pytest.MonkeyPatch, joining: bool
) -> None:
    monkeypatch.setattr(ec2_images, "PAGE_SIZE", 5)
    kept = policy("weekly", tags={"Weekly": ("*",)})
    archive = Archive(cloud, policy("nightly"), kept)
    for number in range(7):
        archive.image(f"i{number}", gib=10)
    working = archive.select(archive.begin("weekly")) if joining else None
    state = select_images(archive.app, archive.begin(), lambda: 0.0)
    assert state.next is Next.SELECT_MORE
    archive.configure(policies=(kept,))
    if working:
        state = archive.select({"input": state.to_json()})
        assert (state.outcome, state.next) == ("joined", Next.REPORT)
        archive.go_on(working)
    summary = archive.go_on(state)
    assert (summary["policy"], summary["decisions"]["stored"]) == ("nightly", 5)
    assert (queued(archive.app.records), archive.app.leases.read().holder) == ([], None)


def test_dry_run_whose_policy_is_removed_between_two_pages_reports_what_it_has_seen(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ec2_images, "PAGE_SIZE", 5)
    for number in range(7):
        archive.image(f"i{number}", gib=10)
    state = select_images(archive.app, archive.begin(dry_run=True), lambda: 0.0)
    archive.configure(policies=(policy("weekly"),))
    summary = archive.go_on(state)
    assert (summary["outcome"], summary["would_store"]) == ("dry_run", 5)


def test_page_without_time_left_ends_the_invocation_only_where_another_page_follows(archive: Archive) -> None:
    archive.image("one")
    assert select_images(archive.app, archive.begin(), lambda: 0.0).next is Next.STORE
