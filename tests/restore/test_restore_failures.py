"""One bad restore never stops another; a step that dies is repeated, and nothing is restored twice."""

from __future__ import annotations

from typing import Any

import pytest

from local_cloud.in_process import VirtualCloud
from tests.support.archive import BUCKET, Archive, client, full_id
from tests.support.restore import Restores
from tests.support.state_machine import Killed


def test_failure_in_the_middle_ends_that_restore_alone(archive: Archive, restores: Restores) -> None:
    ids = [restores.stored(f"ami-{number}", 20) for number in range(4)]
    restores.cloud.service.faults.fail_restore(archive.record(ids[1]).object_key, "Internal error", at_percent=50)
    summary = restores.run(image_ids=ids)
    assert summary["restores"] == {"restored": 3, "failed": 1, "refused": 0, "in_progress": 0}
    (line,) = summary["failed"]
    assert line["image_id"] == ids[1]
    assert f"image {line['restored_image_id']} is failed: Internal error; deregister" in line["reason"]


def test_corrupt_object_fails_with_ec2s_reason(archive: Archive, restores: Restores) -> None:
    """By key and without a record: with one, the altered version would have been refused."""
    image_id = restores.stored("ami-a", 20, record=False)
    key = f"nightly/{image_id}.bin"
    s3 = client(restores.cloud, "s3")
    whole = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    s3.put_object(Bucket=BUCKET, Key=key, Body=whole[:-40] + b"x" * 40)
    summary = restores.run(object_keys=[key], name="from-corrupt", allow_unencrypted=True)
    assert summary["restores"]["failed"] == 1
    assert "the checksum does not match: the object is truncated or was altered" in summary["failed"][0]["reason"]


def test_image_that_somebody_deregisters_while_it_is_restored_fails(archive: Archive, restores: Restores) -> None:
    restores.stored("ami-a", 20)
    state = restores.plan(restores.begin(image_ids=["ami-a"]))
    while not restores.starts():
        state = restores.step(state)
    (record,) = restores.of_run(state.run_id)
    restores.cloud.catalog.remove_image(archive.region, record.restored_image_id)
    summary = restores.go_on(state)
    assert "is gone: it was deregistered before it was available" in summary["failed"][0]["reason"]


class Mortal:
    """Dies at its n-th call of AWS."""

    def __init__(self, at: int) -> None:
        self._left = at
        self.died = False

    def __call__(self, **_: Any) -> None:
        self._left -= 1
        if self._left == 0:
            self.died = True
            raise Killed


def run_with_one_death(restores: Restores, at: int, *, after: bool, **given: Any) -> tuple[Any, bool]:
    """A whole run whose n-th AWS call is its step's last; the step is repeated, as the state machine does it.

    It dies before the call is made, or just after: the answer is lost, the deed is done.
    """
    mortal = Mortal(at)
    clients = [
        restores.app.restore_tasks._ec2,
        restores.app.bucket._s3,
        restores.app.client("dynamodb"),
        restores.app.notifier._sns,
        restores.app.parameters._ssm,
    ]
    for one in clients:
        register = one.meta.events.register_last if after else one.meta.events.register_first
        register("before-send.*.*", mortal, unique_id="mortal")
    try:
        event = restores.begin(**given)
        state: Any = None
        while not isinstance(state, dict):
            try:
                state = restores.plan(event) if state is None else restores.step(state)
            except Killed:
                restores.cloud.advance(5)
    finally:
        for one in clients:
            one.meta.events.unregister("before-send.*.*", unique_id="mortal")
    return state, mortal.died


@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
def test_dying_at_any_call_gives_the_same_end(cloud: VirtualCloud, after: bool) -> None:
    at = 0
    died = True
    while died:
        at += 1
        cloud.reset()
        restores = Restores(Archive(cloud))
        image_id = restores.stored("ami-a", 2, name="web")
        summary, died = run_with_one_death(restores, at, after=after, image_ids=[image_id])
        assert summary["restores"] == {"restored": 1, "failed": 0, "refused": 0, "in_progress": 0}, at
        assert [image.name for image in restores.cloud.catalog.images(restores.archive.region).values()] == ["web"], at
        notes = [m for m in restores.archive.record(image_id).history if m.why.startswith("restored as")]
        assert len(notes) == 1, at
        assert restores.app.restore_leases.read().in_flight == frozenset(), at
    assert at > 25


def test_hand_over_goes_on_with_the_check(restores: Restores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ami_archiver.restore.steps.restore_images.HAND_OVER_LOOPS", 2)
    restores.stored("ami-a", 50)
    state: Any = restores.plan(restores.begin(image_ids=["ami-a"]))
    while state.next != "hand_over":
        state = restores.step(state)
    assert state.loops == 2
    assert restores.go_on(state)["restores"]["restored"] == 1


def test_first_look_ends_what_ended_before_it(archive: Archive, restores: Restores) -> None:
    restores.stored("ami-a", 5)
    state = restores.plan(restores.begin(image_ids=["ami-a"]))
    while not restores.starts():
        state = restores.step(state)
    restores.cloud.advance(10 * 3600)
    summary = restores.go_on(state)
    assert summary["restored"][0]["image_id"] == full_id("ami-a")
