"""Each claim of the demo can fail: the same night, with one thing wrong."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from ami_archiver.model import Decision
from demo import claims, report
from demo.archive import Line
from demo.aws import OWNER, PAST
from demo.claims import ALWAYS_REASON
from demo.evidence import Claim, Evidence
from demo.plan import Plan, PlanLine
from demo.report import Output
from demo.scene import Scene
from demo.side_by_side import Back, Side
from local_cloud.fleet.fleet import Fleet

PLANNED = {
    "ami-1": Decision.STORED,
    "ami-2": Decision.STORED,
    "ami-3": Decision.FAILED,
    "ami-4": Decision.ALREADY_ARCHIVED,
    "ami-5": Decision.INELIGIBLE,
}
STATUS = {Decision.STORED: "VERIFIED", Decision.ALREADY_ARCHIVED: "VERIFIED", Decision.FAILED: "FAILED"}
PATHS = {
    "VERIFIED": [(None, "SELECTED"), ("SELECTED", "STORING"), ("STORING", "STORED"), ("STORED", "VERIFIED")],
    "FAILED": [(None, "SELECTED"), ("SELECTED", "STORING"), ("STORING", "STORING"), ("STORING", "FAILED")],
}
ATTEMPTS = {"ami-1": 1, "ami-2": 2, "ami-3": 2, "ami-4": 0}


def record(image_id: str) -> dict[str, Any]:
    status = STATUS[PLANNED[image_id]]
    return {
        "image_id": image_id,
        "policy": "nightly",
        "status": status,
        "decision": "failed" if status == "FAILED" else "stored",
        "reason": f"attempt 2 of 2 failed: {ALWAYS_REASON}" if status == "FAILED" else "object verified",
        "attempts": ATTEMPTS[image_id],
        "object_key": f"nightly/{image_id}.bin",
        "object_bytes": 10,
        "object_version_id": "v1",
        "history": [{"from": start, "to": end} for start, end in PATHS[status]],
    }


def call(number: int, operation: str, caller: str = "StoreImages", **more: Any) -> dict[str, Any]:
    usual = {"service": "ec2", "status": 200, "in_flight_gib": 0.0, "parameters": {}, "at": f"02:00:{number:02}"}
    return usual | {"number": number, "operation": operation, "caller": caller} | more


def start(number: int, image_id: str = "ami-1", **more: Any) -> dict[str, Any]:
    return call(number, "CreateStoreImageTask", parameters={"ImageId": image_id}, **more)


def side(image_id: str, snapshot_id: str, tags: dict[str, str]) -> Side:
    ebs = {"SnapshotId": snapshot_id, "VolumeSize": 8, "VolumeType": "gp3", "Encrypted": False}
    return Side(
        {
            "ImageId": image_id,
            "CreationDate": f"created {image_id}",
            "Name": "web",
            "Description": "The web tier",
            "Architecture": "arm64",
            "BootMode": "uefi",
            "ImdsSupport": "v2.0",
            "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": ebs}],
            "Tags": [{"Key": key, "Value": value} for key, value in {"Owner": "web", **tags}.items()],
        },
        [{"SnapshotId": snapshot_id, "VolumeSize": 8, "FullSnapshotSizeInBytes": 7, "Encrypted": False}],
    )


def back() -> Back:
    """ami-1, deleted and restored as ami-9 with snap-9."""
    origin = {"archiver:source-image-id": "ami-1"}
    restored = side("ami-9", "snap-9", origin)
    tagged = [{**restored.snapshots[0], "Tags": [{"Key": key, "Value": value} for key, value in origin.items()]}]
    return Back(
        original=side("ami-1", "snap-1", {}),
        deleted={"ami-1": "available", "snap-1": "completed"},
        left=frozenset(),
        restored=replace(restored, snapshots=tagged),
    )


def plan() -> Plan:
    """The dry run `d`, during calls 31 and 32."""
    may_go = "nothing was found that keeps it"
    return Plan(
        "d",
        (
            PlanLine("ami-1", Decision.DISABLED, may_go),
            PlanLine("ami-2", Decision.KEPT, "InUse: used by launch template lt-1 version 7; let it use another"),
            PlanLine("ami-4", Decision.DISABLED, may_go),
        ),
        counted=3,
        calls=(30, 32),
    )


def put(number: int, pk: str, operation: str = "PutItem") -> dict[str, Any]:
    """A write of RetireImages."""
    item = {"Item": {"pk": {"S": pk}, "sk": {"S": "x"}}}
    return call(number, operation, "RetireImages", service="dynamodb", parameters=item)


def night() -> Evidence:
    """A small night on which everything went as it should."""
    stored = [image_id for image_id in PLANNED if image_id in ATTEMPTS and image_id != "ami-3"]
    summary = {
        "run_id": "r",
        "policy": "nightly",
        "outcome": "worked",
        "decisions": {"stored": 2, "already_archived": 1, "deferred": 0, "ineligible": 1, "excluded": 0, "failed": 1},
    }
    starts = [image_id for image_id, attempts in ATTEMPTS.items() for _ in range(attempts)]
    return Evidence(
        scene=Scene(
            Fleet([], []),
            (),
            0,
            expected=PLANNED,
            fails_once="ami-2",
            always_fails="ami-3",
            kept={"ami-2": "InUse: used by launch template"},
        ),
        lines={("nightly", i): Line(i, "nightly", decision, "because", 1) for i, decision in PLANNED.items()},
        summaries=[summary],
        outputs=[dict(summary)],
        records={image_id: record(image_id) for image_id in ATTEMPTS},
        objects={f"nightly/{image_id}.bin": 10 for image_id in stored},
        calls=[
            *(start(number, image_id) for number, image_id in enumerate(starts)),
            call(31, "DescribeImages", "RetireImages"),
            put(32, "RUN#d"),
        ],
        before={"ami-1": "available", "snap-1": "completed", "ami-2": "available"},
        after={"ami-2": "available", "ami-9": "available", "snap-9": "completed"},
        plan=plan(),
        back=back(),
        watched={"compared": 3, "differences": []},
    )


def with_plan(**changes: Any) -> Callable[[Evidence], Evidence]:
    return lambda e: replace(e, plan=replace(plan(), **changes))


def with_plan_line(image_id: str, decision: Decision, reason: str) -> Callable[[Evidence], Evidence]:
    others = tuple(line for line in plan().lines if line.image_id != image_id)
    return with_plan(lines=(*others, PlanLine(image_id, decision, reason)))


def with_record(image_id: str, **changes: Any) -> Callable[[Evidence], Evidence]:
    def change(evidence: Evidence) -> Evidence:
        return replace(evidence, records=dict(evidence.records) | {image_id: record(image_id) | changes})

    return change


def without_record(image_id: str) -> Callable[[Evidence], Evidence]:
    return lambda e: replace(e, records={i: r for i, r in e.records.items() if i != image_id})


def with_line(image_id: str, **changes: Any) -> Callable[[Evidence], Evidence]:
    def change(evidence: Evidence) -> Evidence:
        key = ("nightly", image_id)
        return replace(evidence, lines=evidence.lines | {key: replace(evidence.lines[key], **changes)})

    return change


def with_objects(objects: dict[str, int]) -> Callable[[Evidence], Evidence]:
    return lambda e: replace(e, objects=dict(e.objects) | objects)


def without_object(key: str) -> Callable[[Evidence], Evidence]:
    return lambda e: replace(e, objects={k: size for k, size in e.objects.items() if k != key})


def with_calls(*calls: dict[str, Any]) -> Callable[[Evidence], Evidence]:
    return lambda e: replace(e, calls=[*e.calls, *calls])


def with_summary(**changes: Any) -> Callable[[Evidence], Evidence]:
    return lambda e: replace(e, summaries=[dict(e.summaries[0]) | changes])


def with_watched(**summary: Any) -> Callable[[Evidence], Evidence]:
    return lambda e: replace(e, watched=summary)


def with_after(**states: str) -> Callable[[Evidence], Evidence]:
    return lambda e: replace(e, after={**e.after, **{name.replace("_", "-"): s for name, s in states.items()}})


def without(name: str) -> Callable[[Evidence], Evidence]:
    return lambda e: replace(e, after={each: state for each, state in e.after.items() if each != name})


def with_back(**changes: Any) -> Callable[[Evidence], Evidence]:
    return lambda e: replace(e, back=replace(back(), **changes))


def with_restored(**attributes: Any) -> Callable[[Evidence], Evidence]:
    restored = back().restored
    assert restored is not None
    return with_back(restored=replace(restored, image={**restored.image, **attributes}))


def with_restored_snapshot(**attributes: Any) -> Callable[[Evidence], Evidence]:
    restored = back().restored
    assert restored is not None
    return with_back(restored=replace(restored, snapshots=[{**restored.snapshots[0], **attributes}]))


def test_nothing_is_wrong_with_a_night_that_went_well() -> None:
    checked = claims.check(night())
    assert [claim.wrong for claim in checked] == [[]] * len(claims.CLAIMS)


BROKEN: list[tuple[Callable[[Evidence], Claim | None], Callable[[Evidence], Evidence], str]] = [
    (claims.objects_are_the_archive, without_object("nightly/ami-1.bin"), "ami-1 has no object"),
    (claims.objects_are_the_archive, with_objects({"nightly/ami-1.bin": 0}), "is empty"),
    (claims.objects_are_the_archive, with_objects({"ami-5.bin": 9}), "ami-5, which is not"),
    (claims.objects_are_the_archive, with_objects({"x/ami-1.bin": 10}), "2 objects of ami-1"),
    (claims.objects_are_the_archive, with_objects({"nightly/ami-1.bin": 9}), "10 bytes recorded, 9 found"),
    (claims.objects_are_the_archive, with_record("ami-1", object_key="gone.bin"), "'gone.bin' is not in"),
    (claims.budget_was_kept, with_calls(start(20, in_flight_gib=600.0)), "accepted: ami-1"),
    (claims.budget_was_kept, with_calls(start(20, in_flight_gib=700.0, status=400)), "asked for: ami-1 with 700 GiB"),
    (
        claims.budget_was_kept,
        with_calls(
            start(20, caller="team-b"),
            call(21, "DescribeStoreImageTasks"),
            start(22, in_flight_gib=700.0, status=400),
        ),
        "asked for",
    ),
    (claims.budget_was_kept, lambda e: replace(e, calls=[]), "no start of the archiver's"),
    (claims.starts_are_recorded, with_calls(start(20)), "ami-1: 2 stores were started"),
    (claims.records_are_complete, without_record("ami-1"), "ami-1: no record"),
    (claims.records_are_complete, with_record("ami-1", reason=""), "ami-1: no reason"),
    (claims.records_are_complete, with_record("ami-1", history=[]), "ami-1: no history"),
    (claims.records_are_complete, with_record("ami-1", status="STORED"), "does not lead"),
    (
        claims.records_are_complete,
        with_record("ami-1", history=[{"from": None, "to": "SELECTED"}, {"from": "STORED", "to": "VERIFIED"}]),
        "has a gap",
    ),
    (claims.records_are_complete, with_record("ami-1", object_version_id=None), "without a version"),
    (claims.summaries_count_right, with_summary(decisions={"stored": 3}), "the summary says"),
    (claims.summaries_count_right, with_record("ami-1", status="FAILED"), "record says FAILED"),
    (claims.summaries_count_right, with_summary(seconds=1), "differs from its summary"),
    (claims.summaries_count_right, lambda e: replace(e, outputs=[]), "no execution has put out"),
    (claims.every_decision_has_its_reason, with_line("ami-5", reason=" "), "ineligible for no reason"),
    (
        claims.every_decision_has_its_reason,
        with_line("ami-5", decision=Decision.EXCLUDED),
        "excluded was decided, should be ineligible",
    ),
    (claims.failures_were_met, with_record("ami-2", attempts=1), "after 1 attempts"),
    (claims.failures_were_met, with_record("ami-3", status="STORING"), "should be FAILED"),
    (claims.failures_were_met, with_record("ami-3", reason="?"), ALWAYS_REASON),
    (claims.originals_are_untouched, without("ami-2"), "is gone"),
    (claims.originals_are_untouched, with_calls(call(20, "DeleteSnapshot", status=403)), "called DeleteSnapshot"),
    (
        claims.originals_are_untouched,
        with_back(deleted={"ami-1": "disabled", "snap-1": "completed"}),
        "was available, is disabled",
    ),
    (
        claims.originals_are_untouched,
        with_calls(call(20, "DeregisterImage", OWNER, parameters={"ImageId": "ami-2"})),
        "owner called DeregisterImage",
    ),
    (claims.plan_is_true, with_plan(counted=2), "3 originals are archived, the plan is about 2"),
    (
        claims.plan_is_true,
        with_plan_line("ami-2", Decision.DISABLED, "nothing was found"),
        "ami-2: should be kept, InUse: used by launch template …; the plan says disabled: nothing was found",
    ),
    (claims.plan_is_true, with_plan_line("ami-3", Decision.DISABLED, "may go"), "ami-3 is not archived"),
    (
        claims.dry_run_changed_nothing,
        with_calls(call(31, "DisableImage", "RetireImages")),
        "RetireImages called ec2 DisableImage",
    ),
    (
        claims.dry_run_changed_nothing,
        with_calls(put(31, "IMAGE#ami-1")),
        "called dynamodb PutItem",
    ),
    (
        claims.dry_run_changed_nothing,
        with_calls(put(31, "RUN#d", "UpdateItem")),
        "called dynamodb UpdateItem",
    ),
    (claims.dry_run_changed_nothing, lambda e: replace(e, calls=[]), "the log has no call of it"),
    (
        claims.archive_is_watched,
        with_watched(compared=2, differences=[]),
        "3 records say archived, 2 were compared",
    ),
    (
        claims.archive_is_watched,
        with_watched(compared=3, differences=[{"image_id": "ami-1", "reason": "ObjectGone: x"}]),
        "ami-1: ObjectGone",
    ),
    (claims.restored_is_equal, with_back(restored=None, problem="NameTaken"), "restored: NameTaken"),
    (claims.restored_is_equal, with_back(left=frozenset({"snap-1"})), "snap-1 was"),
    (claims.restored_is_equal, with_restored(Name="web-2"), "name: 'web' before, 'web-2' now"),
    (claims.restored_is_equal, with_restored(ImdsSupport=None), "further: "),
    (claims.restored_is_equal, with_restored(Tags=[]), "tags: 'Owner=web' before, '-' now"),
    (claims.restored_is_equal, with_restored_snapshot(Tags=[]), "made from: '-' before"),
    (claims.restored_is_equal, with_restored(ImageId="ami-1"), "image id: 'ami-1' before, 'ami-1' now"),
    (claims.restored_is_equal, with_restored(BlockDeviceMappings=[]), "devices: '/dev/xvda 8 GiB gp3'"),
    (claims.restored_is_equal, with_restored_snapshot(SnapshotId="snap-1"), "snapshots: 'snap-1' before"),
    (claims.restored_is_equal, with_restored_snapshot(FullSnapshotSizeInBytes=6), "written: "),
    (claims.restored_is_equal, with_restored_snapshot(Encrypted=True), "encrypted: 'no' before"),
    (claims.restored_is_equal, with_after(ami_10="pending"), "ami-10 is not part of the restored"),
    (claims.restored_is_equal, without("ami-9"), "ami-9 is gone"),
]


@pytest.mark.parametrize(
    ("claim", "spoil", "words"), BROKEN, ids=[f"{claim.__name__}: {words}" for claim, _, words in BROKEN]
)
def test_a_claim_says_what_contradicts_it(
    claim: Callable[[Evidence], Claim | None], spoil: Callable[[Evidence], Evidence], words: str
) -> None:
    good = claim(night())
    assert good is not None
    assert good.holds
    bad = claim(spoil(night()))
    assert bad is not None
    assert not bad.holds
    assert any(words in wrong for wrong in bad.wrong), bad.wrong


def test_every_claim_has_a_way_to_fail() -> None:
    assert {claim for claim, *_ in BROKEN} == set(claims.CLAIMS)


def test_a_store_that_somebody_else_started_after_the_last_look_could_not_be_known_of() -> None:
    evidence = with_calls(
        call(20, "DescribeStoreImageTasks"),
        start(21, caller="team-b"),
        start(22, in_flight_gib=700.0, status=400),
    )(night())
    assert claims.budget_was_kept(evidence).holds


def test_a_look_at_single_images_shows_no_other_s_store() -> None:
    evidence = with_calls(
        start(20, caller="team-b"),
        call(21, "DescribeStoreImageTasks", parameters={"ImageId.1": "ami-1"}),
        start(22, in_flight_gib=700.0, status=400),
    )(night())
    assert claims.budget_was_kept(evidence).holds


def test_what_its_owner_deletes_for_the_restore_is_no_harm_to_an_original() -> None:
    evidence = with_calls(
        call(20, "DeregisterImage", OWNER, parameters={"ImageId": "ami-1"}),
        call(21, "DeleteSnapshot", OWNER, parameters={"SnapshotId": "snap-1"}),
    )(night())
    assert claims.originals_are_untouched(evidence).holds


def test_an_encrypted_original_may_lose_its_encryption_only_where_the_restore_allows_it() -> None:
    found = back()
    encrypted = replace(found.original, snapshots=[{**found.original.snapshots[0], "Encrypted": True}])
    for allowed in (True, False):
        checked = claims.restored_is_equal(with_back(original=encrypted, may_lose_encryption=allowed)(night()))
        assert checked is not None
        assert checked.holds is allowed


def test_what_is_called_before_and_after_the_dry_run_is_not_its_doing() -> None:
    calls = [call(30, "DisableImage", "RetireImages"), call(33, "DisableImage", "RetireImages")]
    checked = claims.dry_run_changed_nothing(with_calls(*calls)(night()))
    assert checked is not None
    assert checked.holds


def test_what_had_been_done_to_the_fleet_before_is_no_harm_to_an_original() -> None:
    assert claims.originals_are_untouched(with_calls(call(20, "ModifyImageAttribute", PAST))(night())).holds


def test_what_has_not_been_shown_is_not_claimed() -> None:
    evidence = replace(night(), plan=None, back=None, watched=None, scene=Scene(Fleet([], []), (), 0))
    assert len(claims.check(evidence)) == len(claims.CLAIMS) - 5


def test_one_false_claim_is_said_with_what_contradicts_it_and_is_enough_to_fail() -> None:
    console = Console(file=io.StringIO(), width=100)
    assert not report.claims(Output(console), [Claim("all is well", []), Claim("none is lost", ["ami-1 is gone"])])
    assert isinstance(console.file, io.StringIO)
    assert "FALSE none is lost\n        ami-1 is gone\n" in console.file.getvalue()
