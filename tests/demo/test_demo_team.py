"""The other team, which stores its own images in the archiver's way."""

from __future__ import annotations

from collections import Counter
from typing import Any

from botocore.exceptions import ClientError

from ami_archiver.model import Decision
from demo.others import Team
from demo.watch import Look

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


def test_it_stores_its_images_once_something_is_selected_and_each_only_once() -> None:
    aws = FakeAws()
    team = Team(aws, ("ami-a", "ami-b"))  # type: ignore[arg-type]  # all that it asks of Aws
    for decisions, started in ((Counter(), []), (SELECTED, ["ami-a", "ami-b"]), (SELECTED, ["ami-a", "ami-b"])):
        team.go_on(Look(0, (), (), decisions))
        assert aws.started == started


def test_what_is_refused_is_tried_again() -> None:
    aws = FakeAws()
    team = Team(aws, ("ami-a",))  # type: ignore[arg-type]  # all that it asks of Aws
    aws.refuse = True
    team.go_on(Look(0, (), (), SELECTED))
    aws.refuse = False
    team.go_on(Look(1, (), (), SELECTED))
    assert aws.started == ["ami-a"]
