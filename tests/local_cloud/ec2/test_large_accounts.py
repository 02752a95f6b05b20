"""Accounts with very many images: pages stay quick, and reading all of them costs what reading them once costs."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from local_cloud.ec2.paging import page
from local_cloud.ec2.request import Caller, Request
from local_cloud.model import BlockDevice, Image

from .scenario import ACCOUNT, REGION, Cloud


class Counted(Sequence[str]):
    """Ids that count how often one of them is looked at."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.looks = 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> str:  # type: ignore[override]
        self.looks += 1
        return f"ami-{index:017x}"


def test_reading_an_account_in_pages_looks_at_each_image_about_once() -> None:
    ids = Counted(100_000)
    token, read = None, 0
    while True:
        request = Request("DescribeImages", {"MaxResults": 1000, "NextToken": token}, Caller(ACCOUNT, REGION))
        found, token = page(request, ids, lambda one: (one,))
        read += len(found)
        if token is None:
            break

    assert read == 100_000
    assert ids.looks < 3 * 100_000 + 100 * 20


def test_page_of_a_thousand_images_takes_far_less_than_a_second(cloud: Cloud) -> None:
    for number in range(20_000):
        image = Image(
            f"ami-{number:017x}",
            f"web-{number}",
            ACCOUNT,
            datetime(2024, 1, 1, tzinfo=UTC),
            block_devices=(BlockDevice("/dev/xvda", f"snap-{number:017x}", 8),),
            tags={"Archive": "true", "Team": "web"},
        )
        cloud.catalog.add_image(REGION, image)
    started = time.thread_time()  # of this thread alone: other tests run beside it

    status, code = cloud.raw("DescribeImages", MaxResults="1000", Filter__1__Name="tag:Team", Filter__1__Value__1="w*")

    assert (status, code) == (200, "")
    assert time.thread_time() - started < 1


def test_calls_from_many_threads_are_all_answered(cloud: Cloud) -> None:
    image_id = cloud.add_image().image_id
    answers: list[tuple[int, str]] = []

    def call(number: int) -> None:
        for step in range(20):
            name = f"image-{number}-{step}"
            answers.append(cloud.raw("RegisterImage", Name=name, ImageLocation="bucket/x.manifest.xml"))
            answers.append(cloud.raw("DescribeImages", MaxResults="5"))
            answers.append(cloud.raw("CreateTags", ResourceId__1=image_id, Tag__1__Key=f"k{number}"))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [(200, "")] * (8 * 20 * 3)
    assert len(cloud.catalog.images(REGION)) == 8 * 20 + 1
