"""Every failure that reaches a person has a name from the closed list, says what it is about, and what to do now."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from ami_archiver.failures import Failure
from ami_archiver.run_state import Next, RunState
from ami_archiver.summary import text_of
from local_cloud.in_process import VirtualCloud
from tests.support.answers import refusing
from tests.support.archive import BUCKET, Archive, client, full_id
from tests.support.domain import policy
from tests.support.reasons import named


@dataclass
class RichNight:
    """One image for every failure there is, a good one, and what a person reads the next morning."""

    archive: Archive
    expected: dict[str, Failure] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)

    def play(self) -> None:
        for name in ("gone", "altered"):
            self.archive.image(name)
        self.archive.night()
        self._tampered("gone", Failure.OBJECT_GONE, self._delete)
        self._tampered("altered", Failure.OBJECT_ALTERED, lambda key: self.archive.put_object(key, b"else"))
        self._in_the_bucket("empty", Failure.OBJECT_EMPTY, b"")
        self._in_the_bucket("other", Failure.OBJECT_OF_ANOTHER_IMAGE, b"x", Tagging="archiver:image-id=ami-other")
        self._in_the_bucket("key", Failure.OBJECT_WRONG_KEY, b"x", ServerSideEncryption="AES256")
        self._fails("fails", Failure.STORE_FAILED)
        self.archive.cloud.service.faults.fail_store(full_id("fails"), "disk on fire", times=None)
        self._fails("refused", Failure.STORE_REFUSED)
        self._fails("denied", Failure.ACCESS_DENIED)
        self._fails("missing", Failure.OBJECT_MISSING)
        self._fails("misnamed", Failure.OBJECT_MISNAMED)
        self._fails("damaged", Failure.BAD_RECORD)
        self.archive.image("good")
        state = self.archive.select(self.archive.begin())
        self.archive.deregister("refused")
        with refusing(
            client(self.archive.cloud, "ec2"),
            "CreateStoreImageTask",
            "UnauthorizedOperation",
            403,
            only=lambda request: request["body"]["ImageId"] == full_id("denied"),
        ):
            self.summary = self.archive.go_on(self._interfered(state))

    def _interfered(self, state: RunState) -> RunState:
        """While the stores run, people lay hands on what they should not."""
        state = self.archive.go_to(state, Next.WAIT)
        self.archive.cloud.advance(3600)
        self._delete(f"nightly/{full_id('missing')}.bin")
        self.archive.put_object("nightly/misnamed.bin")
        self._alter("misnamed", object_key={"S": "nightly/misnamed.bin"}, status={"S": "STORED"})
        self._alter("damaged", snapshot_gib={"S": "large"})
        return state.then(Next.STORE)

    def _fails(self, name: str, failure: Failure) -> None:
        self.expected[self.archive.image(name)] = failure

    def _in_the_bucket(self, name: str, failure: Failure, body: bytes, **more: Any) -> None:
        self._fails(name, failure)
        self.archive.put_object(f"nightly/{full_id(name)}.bin", body, **more)

    def _tampered(self, name: str, failure: Failure, tamper: Callable[[str], object]) -> None:
        self.expected[full_id(name)] = failure
        tamper(self.archive.record(name).object_key)

    def _delete(self, key: str) -> None:
        client(self.archive.cloud, "s3").delete_object(Bucket=BUCKET, Key=key)

    def _alter(self, name: str, **attributes: Any) -> None:
        item = self.archive.item(f"IMAGE#{full_id(name)}", "RECORD")
        assert item is not None
        self.archive.put_item(item | attributes)


@pytest.fixture
def night(cloud: VirtualCloud, caplog: pytest.LogCaptureFixture) -> RichNight:
    caplog.set_level(logging.INFO, "ami_archiver")
    night = RichNight(Archive(cloud, policy(attempts=1)))
    night.play()
    return night


def test_every_failure_of_a_night_is_named_with_its_image_and_a_next_step(
    night: RichNight, caplog: pytest.LogCaptureFixture
) -> None:
    assert set(night.expected.values()) == set(Failure) - {Failure.IN_ANOTHER_BUCKET}, "which the watch says"
    decisions = night.archive.decisions(night.summary["run_id"])
    failed = {image_id: named(reason) for image_id, (decision, reason) in decisions.items() if decision == "failed"}
    assert failed == night.expected
    assert {failure["image_id"]: named(failure["reason"]) for failure in night.summary["failures"]} == failed
    assert (night.summary["decisions"]["failed"], night.summary["decisions"]["stored"]) == (len(failed), 1)
    text = text_of(night.summary)
    assert all(f"  {failure['image_id']}: {failure['reason']}" in text for failure in night.summary["failures"])
    logged = {
        entry.__dict__["image_id"]: named(entry.__dict__["reason"])
        for entry in caplog.get_records("setup")
        if entry.__dict__.get("decision") == "failed"
    }
    assert logged == failed


def test_every_record_that_ends_failed_says_it_in_the_record_and_in_its_history(night: RichNight) -> None:
    untouched = {Failure.OBJECT_GONE, Failure.OBJECT_ALTERED, Failure.BAD_RECORD}
    for image_id, failure in night.expected.items():
        if failure not in untouched:
            record = night.archive.record(image_id)
            assert (record.status, named(record.reason)) == ("FAILED", failure)
            assert record.history[-1].why == record.reason
