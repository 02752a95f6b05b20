"""The other team, which stores its own images in the archiver's way."""

from __future__ import annotations

from collections import Counter
from typing import Any

from botocore.exceptions import ClientError

from ami_archiver.model import Decision
from demo.others import Team
from demo.watch import Look, Task

OURS = Task("ami-1", "ours", 100, 0, "InProgress", foreign=False)
THEIRS = Task("ami-a", "theirs", 100, 0, "InProgress", foreign=True)
LARGE = Task("ami-2", "large", 800, 0, "InProgress", foreign=False)
SELECTED = Counter({Decision.DEFERRED: 1})


class FakeAws:
    """Takes every store but the refused ones."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.refuse = False
        self.ec2 = self.s3 = self

    def create_bucket(self, **_: Any) -> None: ...

    def create_store_image_task(self, ImageId: str, Bucket: str) -> None:  # noqa: N803 - the SDK's names
        if self.refuse:
            raise ClientError({"Error": {"Code": "InvalidRequest"}}, "CreateStoreImageTask")
        self.started.append(ImageId)


def test_it_begins_with_two_when_images_are_selected_and_goes_on_one_by_one_while_ours_are_stored() -> None:
    aws = FakeAws()
    team = Team(aws, ("ami-a", "ami-b", "ami-c", "ami-d"))  # type: ignore[arg-type]  # all that it asks of Aws
    for decisions, running, started in (
        (Counter(), (), []),
        (SELECTED, (), ["ami-a", "ami-b"]),
        (SELECTED, (OURS, THEIRS), ["ami-a", "ami-b"]),
        (SELECTED, (), ["ami-a", "ami-b"]),
        (SELECTED, (OURS,), ["ami-a", "ami-b"]),
        (SELECTED, (OURS,), ["ami-a", "ami-b", "ami-c"]),
        (SELECTED, (OURS, THEIRS), ["ami-a", "ami-b", "ami-c"]),
        (SELECTED, (LARGE,), ["ami-a", "ami-b", "ami-c"]),
        (SELECTED, (LARGE,), ["ami-a", "ami-b", "ami-c"]),
        (SELECTED, (OURS,), ["ami-a", "ami-b", "ami-c"]),
        (SELECTED, (OURS,), ["ami-a", "ami-b", "ami-c", "ami-d"]),
        (SELECTED, (OURS,), ["ami-a", "ami-b", "ami-c", "ami-d"]),
    ):
        team.go_on(Look(0, running, (), decisions))
        assert aws.started == started


def test_what_is_refused_is_tried_again() -> None:
    aws = FakeAws()
    team = Team(aws, ("ami-a",))  # type: ignore[arg-type]  # all that it asks of Aws
    aws.refuse = True
    team.go_on(Look(0, (), (), SELECTED))
    aws.refuse = False
    team.go_on(Look(1, (), (), SELECTED))
    assert aws.started == ["ami-a"]
