"""The restore budget is the account's: started while less than it is in flight, oversize ones included."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from local_cloud.in_process import VirtualCloud
from local_cloud.settings import ThroughputSettings
from tests.support.archive import Archive
from tests.support.restore import Restores

BUDGET_GIB = 300
HAND = {"by": "hand"}


def accepted_below_the_budget(restores: Restores) -> bool:
    """By the cloud's own log: no start was tried while the budget was used up."""
    return all(start.status == 200 for start in restores.starts())


def test_two_hundred_images_against_three_hundred_gib(cloud_where: Callable[..., VirtualCloud]) -> None:
    cloud = cloud_where(throughput=ThroughputSettings(restore_gib_per_second=1), bytes_per_gib=1)
    restores = Restores(Archive(cloud))
    sizes = [random.Random(seed).choice([4, 8, 8, 20, 40]) for seed in range(200)]
    ids = [restores.stored(f"ami-{number:04}", gib) for number, gib in enumerate(sizes)]
    summary = restores.run(image_ids=ids)
    assert summary["restores"] == {"restored": 200, "failed": 0, "refused": 0, "in_progress": 0}
    assert summary["restored_gib"] == sum(sizes)
    assert len(restores.starts()) == 200
    assert accepted_below_the_budget(restores)
    assert restores.most_in_flight_gib < BUDGET_GIB + max(sizes)
    assert len({line.restored_image_id for line in restores.records(summary)}) == 200


def test_image_larger_than_the_budget_starts_while_a_sliver_is_free(restores: Restores) -> None:
    restores.stored("ami-giant", 500)
    small = [restores.stored(f"ami-{number:02}", 20) for number in range(10)]
    summary = restores.run(image_ids=["ami-giant", *small])
    assert summary["restores"]["restored"] == 11
    assert restores.most_in_flight_gib >= 500
    assert accepted_below_the_budget(restores)


def test_budget_of_the_configuration_is_kept(cloud: VirtualCloud) -> None:
    restores = Restores(Archive(cloud, restore_budget_gib=50))
    ids = [restores.stored(f"ami-{number:02}", 20) for number in range(8)]
    assert restores.run(image_ids=ids)["restores"]["restored"] == 8
    assert restores.most_in_flight_gib == 60


def test_strict_rule_never_exceeds_the_budget(cloud: VirtualCloud) -> None:
    restores = Restores(Archive(cloud, restore_budget_gib=50, admission_rule="strict"))
    ids = [restores.stored(f"ami-{number:02}", 20) for number in range(6)]
    assert restores.run(image_ids=ids)["restores"]["restored"] == 6
    assert restores.most_in_flight_gib == 40


def test_restores_that_others_started_count(archive: Archive, restores: Restores) -> None:
    theirs = restores.stored("ami-theirs", 350, name="theirs")
    restores.stored("ami-ours", 10)
    restores.app.restore_tasks.start(archive.settings.bucket_name, f"nightly/{theirs}.bin", "theirs", HAND, HAND)
    summary = restores.run(image_ids=["ami-ours"])
    assert summary["restores"]["restored"] == 1
    assert summary["seconds"] > 350 / 0.1, "it waited until the other one had ended"
    assert accepted_below_the_budget(restores)


def test_image_that_is_made_of_an_instance_does_not_count(archive: Archive, restores: Restores) -> None:
    restores.stored("ami-ours", 10)
    archive.image("ami-new", 400, state="pending", source_instance_id="i-0123456789abcdef0")
    assert restores.run(image_ids=["ami-ours"])["seconds"] < 600


def test_rejection_is_back_pressure_not_a_failure(cloud_where: Callable[..., VirtualCloud]) -> None:
    """The cloud's limit is half of what the archiver believes: what it refuses is asked for again."""
    restores = Restores(Archive(cloud_where(restore_limit_gib=100)))
    ids = [restores.stored(f"ami-{number:02}", 40) for number in range(10)]
    summary = restores.run(image_ids=ids)
    assert summary["restores"] == {"restored": 10, "failed": 0, "refused": 0, "in_progress": 0}
    assert any(start.error_code == "InvalidRequest" for start in restores.starts())
    assert all(record.attempts == 0 for record in restores.records(summary))


def test_object_of_unknown_size_counts_as_the_whole_budget_until_ec2_shows_it(restores: Restores) -> None:
    restores.encrypt_by_default()
    unknown = f"nightly/{restores.stored('ami-unknown', 10, record=False)}.bin"
    known = [f"nightly/{restores.stored(f'ami-{number}', 100)}.bin" for number in range(4)]
    summary = restores.run(object_keys=[unknown, *known])
    assert summary["restores"]["restored"] == 5
    assert accepted_below_the_budget(restores)


def test_two_runs_share_the_budget(restores: Restores) -> None:
    large = [restores.stored(f"ami-{number:02}", 100) for number in range(6)]
    small = [restores.stored(f"ami-{number:02}", 50) for number in range(10, 14)]
    runs: list[Any] = [restores.plan(restores.begin(image_ids=ids)) for ids in (large, small)]
    while not all(isinstance(run, dict) for run in runs):
        runs = [run if isinstance(run, dict) else restores.step(run) for run in runs]
    assert [run["restores"]["restored"] for run in runs] == [6, 4]
    assert accepted_below_the_budget(restores)


def test_run_that_died_does_not_block_the_budget_and_its_restore_is_finished_by_the_next(
    archive: Archive, restores: Restores
) -> None:
    restores.stored("ami-a", 400)
    restores.stored("ami-b", 10)
    state = restores.plan(restores.begin(image_ids=["ami-a"]))
    while not restores.starts():
        state = restores.step(state)
    dead = state.run_id  # somebody stops the execution here
    summary = restores.run(image_ids=["ami-b"])
    assert summary["restores"]["restored"] == 1
    (left,) = restores.of_run(dead)
    assert left.status == "RESTORED"
    assert archive.record("ami-a").history[-1].why.startswith("restored as ami-")


def test_run_that_makes_no_progress_gives_up_and_says_why(cloud: VirtualCloud) -> None:
    restores = Restores(Archive(cloud, run_limit_hours=2))
    theirs = restores.stored("ami-theirs", 350, name="theirs")
    restores.stored("ami-ours", 10)
    started = restores.app.restore_tasks.start(
        restores.archive.settings.bucket_name, f"nightly/{theirs}.bin", "theirs", HAND, HAND
    )
    cloud.service.faults.hang(started)
    summary = restores.run(image_ids=["ami-ours"])
    assert summary["restores"]["failed"] == 1
    assert "nothing was restored for 2 hours" in summary["failed"][0]["reason"]
    assert 2 * 3600 <= summary["seconds"] < 3 * 3600
