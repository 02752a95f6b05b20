"""What a night costs as the fleet grows: ours, and the shape that tutorials give the task, in one virtual cloud."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from benchmarks.meter import Bill
from benchmarks.stage import Stage, stages
from benchmarks.tables import Goal, Result, Row
from benchmarks.tutorial import MAX_CONCURRENCY, POLL_SECONDS, Tutorial
from local_cloud.fleet.fleet import Fleet
from local_cloud.fleet.generator import generate_fleet
from local_cloud.settings import ThroughputSettings

GIB_PER_SECOND = 0.3
"""Of each store task: a thousand images of 46 GiB on average are then stored in a night of ten hours."""
ENGINE = {"throughput": ThroughputSettings(store_gib_per_second=GIB_PER_SECOND)}
SIZES = (100, 300, 1000)
FAST_SIZES = (20, 50)
SAME_TOTAL_GIB = 9000.0
SAME_TOTAL_SIZES = (100, 200, 400)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT, REGION = "123456789012", "us-east-1"

EC2_CALLS_GOAL, WRITES_GOAL, SHARE_GOAL = 1.25, 6.0, 0.01


def fleet_of(images: int) -> Fleet:
    return generate_fleet(images, 1, now=NOW, owner_id=ACCOUNT, region=REGION, kind="log-normal")


def run(fast: bool = False) -> list[Result]:
    sizes = FAST_SIZES if fast else SIZES
    with stages() as stage:
        nights = list(_nights(stage, sizes))
        same_total = [(n, _night_of_equal_images(stage, n)) for n in (sizes if fast else SAME_TOTAL_SIZES)]
    return [_growing_fleet(nights), _same_night(same_total)]


def _nights(stage: Callable[..., Stage], sizes: tuple[int, ...]) -> Iterator[tuple[str, int, Bill]]:
    for images in sizes:
        ours = stage(fleet_of(images), ENGINE)
        yield "ours", images, ours.night()[0]
        yield "ours, the night after", images, ours.night()[0]
        theirs = stage(fleet_of(images), ENGINE)
        yield "Map, each polls", images, Tutorial(theirs.cloud, theirs.meter).night()


def _night_of_equal_images(stage: Callable[..., Stage], images: int) -> Bill:
    ours = stage(None, ENGINE)
    for number in range(images):
        ours.archive.image(f"i{number:05}", gib=SAME_TOTAL_GIB / images)
    return ours.night()[0]


def _row(shape: str, images: int, bill: Bill) -> Row:
    """Figures per image of the fleet, and of the whole night."""
    dollars = sum(bill.dollars.values())
    return {
        "shape": shape,
        "images": images,
        "night h": bill.night_seconds / 3600,
        "EC2 calls/image": bill.calls_to("ec2") / images,
        "writes/image": bill.units.writes / images,
        "write units/image": bill.units.write_units / images,
        "read units/image": bill.units.read_units / images,
        "transitions": bill.transitions,
        "invocations": bill.invocations,
        "function ms/image": 1000 * bill.billed_seconds / images,
        "function s": bill.billed_seconds,
        "$ a night": dollars,
        "share of block reads": f"{100 * dollars / bill.block_dollars:.3f} %" if bill.stored_gib else "",
    }


def _growing_fleet(nights: list[tuple[str, int, Bill]]) -> Result:
    images = max(size for _, size, _ in nights)
    bill = next(bill for shape, size, bill in nights if shape == "ours" and size == images)
    calls = bill.calls_to("ec2") / images
    permissions = bill.calls["ec2.DescribeImageAttribute"] / images
    looks = bill.calls["ec2.DescribeStoreImageTasks"] / images
    references = bill.calls["ec2.DescribeImageReferences"] / images
    least = bill.calls["ec2.CreateStoreImageTask"] / images + permissions + references
    writes = bill.units.writes / images
    dollars, blocks = sum(bill.dollars.values()), bill.block_dollars
    parts = ", ".join(f"{what} ${dollar:.4f}" for what, dollar in bill.dollars.items())
    return Result(
        "cost",
        f"Cost of a night (log-normal fleet, {GIB_PER_SECOND} GiB/s per store task, in-flight limit 600 GiB)",
        [_row(shape, size, bill) for shape, size, bill in nights],
        [
            Goal(
                f"EC2 calls per image of {images} (no fewer than {least:.2f}: what EC2 takes by the image or by ten)",
                f"<= {EC2_CALLS_GOAL}",
                f"{calls:.2f}",
                calls <= EC2_CALLS_GOAL,
            ),
            Goal(
                "the same without the read of launch permissions, which EC2 answers for one image at a time",
                f"<= {EC2_CALLS_GOAL}",
                f"{calls - permissions:.2f}",
                calls - permissions <= EC2_CALLS_GOAL,
            ),
            Goal(
                f"DynamoDB writes per image of {images}", f"<= {WRITES_GOAL:g}", f"{writes:.2f}", writes <= WRITES_GOAL
            ),
            Goal(
                "orchestration against EC2's reading of the blocks",
                f"< {100 * SHARE_GOAL:g} %",
                f"{100 * dollars / blocks:.3f} %" if blocks else "nothing stored",
                bool(blocks) and dollars / blocks < SHARE_GOAL,
            ),
        ],
        (
            f"EC2 calls per image of {images}: 1 store, {permissions:.2f} launch permissions, {looks:.2f} looks at the "
            f"store tasks, {references:.2f} references, the rest pages of images and snapshots",
            f"a night of {images}: {parts}; reading the blocks ${blocks:.2f}",
            f"Map: {MAX_CONCURRENCY} at once, polls every {POLL_SECONDS} s; it verifies nothing and marks each once",
        ),
    )


def _same_night(bills: list[tuple[int, Bill]]) -> Result:
    rows = [
        {
            "images": images,
            "GiB each": SAME_TOTAL_GIB / images,
            "night h": bill.night_seconds / 3600,
            "transitions": bill.transitions,
            "transitions/h": bill.transitions / (bill.night_seconds / 3600),
            "looks": bill.calls["ec2.DescribeStoreImageTasks"],
            "EC2 calls/image": bill.calls_to("ec2") / images,
            "writes/image": bill.units.writes / images,
        }
        for images, bill in bills
    ]
    few, many = rows[0], rows[-1]
    return Result(
        "transitions",
        f"The same {SAME_TOTAL_GIB:,.0f} GiB in ever more images: transitions go by the night, not by the fleet",
        rows,
        [
            Goal(
                f"transitions of {many['images']} images against {few['images']} in as long a night",
                "no more",
                f"{many['transitions']} against {few['transitions']}",
                many["transitions"] <= few["transitions"] * 1.1,
            )
        ],
    )
