"""The lease: one holder at a time, and no join is lost between the last look and the giving back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from ami_archiver.adapters.table_leases import ARCHIVE_LEASE, RESTORE_LEASE, TableLeases
from ami_archiver.errors import BadRecord, LeaseLost, TemporarilyUnavailable
from ami_archiver.model import ActiveRun
from tests.adapters.conftest import LOCAL_CLOUD
from tests.support.answers import losing_answers
from tests.support.archive import TABLE
from tests.support.domain import NOW

LATER = NOW + timedelta(hours=1)
KEY = {"pk": {"S": "LEASE"}, "sk": {"S": "LEASE"}}
FIRST = ActiveRun("run-1", "nightly", NOW, "arn:aws:states:us-east-1:123456789012:execution:archive:one")
SECOND = ActiveRun("run-2", "weekly", NOW)


@pytest.fixture
def leases(dynamodb: Any) -> TableLeases:
    return TableLeases(dynamodb, TABLE, ARCHIVE_LEASE)


def test_lease_that_never_was_is_free(leases: TableLeases) -> None:
    lease = leases.read()
    assert (lease.holder, lease.expires_at, lease.runs, lease.in_flight) == (None, None, {}, frozenset())


def test_taken_lease_names_its_holder_until_when_and_its_run(leases: TableLeases) -> None:
    assert leases.take(FIRST, NOW, LATER) == leases.read()
    lease = leases.read()
    assert (lease.holder, lease.expires_at, lease.runs) == ("run-1", LATER, {"run-1": FIRST})


def test_second_taker_gets_nothing(leases: TableLeases) -> None:
    leases.take(FIRST, NOW, LATER)
    assert leases.take(SECOND, NOW, LATER) is None
    assert leases.read().holder == "run-1"


def test_holder_that_takes_again_keeps_those_who_joined(leases: TableLeases) -> None:
    leases.take(FIRST, NOW, LATER)
    leases.join("run-1", SECOND, NOW)
    again = leases.take(FIRST, NOW, LATER + timedelta(hours=1))
    assert again is not None
    assert set(again.runs) == {"run-1", "run-2"}
    assert again.expires_at == LATER + timedelta(hours=1)


@pytest.mark.parametrize("dynamodb", [LOCAL_CLOUD], indirect=True)  # moto has no lock
def test_of_many_takers_at_once_one_wins(leases: TableLeases) -> None:
    runs = [ActiveRun(f"run-{number}", "nightly", NOW) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        won = [lease for lease in pool.map(lambda run: leases.take(run, NOW, LATER), runs) if lease]
    assert len(won) == 1
    assert leases.read().holder == won[0].holder


def test_stale_lease_is_taken_over_with_what_is_in_flight_and_its_old_holder_is_out(leases: TableLeases) -> None:
    leases.take(FIRST, NOW, LATER)
    leases.renew("run-1", LATER, add=["ami-1"])
    assert leases.take(SECOND, LATER, LATER) is None
    taken = leases.take(SECOND, LATER + timedelta(seconds=1), LATER + timedelta(hours=1))
    assert taken is not None
    assert (taken.holder, set(taken.runs), taken.in_flight) == ("run-2", {"run-2"}, {"ami-1"})
    with pytest.raises(LeaseLost, match=r"^run run-1 does not hold the lease: another run took it"):
        leases.renew("run-1", LATER + timedelta(hours=2))
    with pytest.raises(LeaseLost):
        leases.release("run-1", 1)
    assert leases.read().holder == "run-2"


def test_holder_may_renew_a_lease_that_expired_while_nobody_took_it(leases: TableLeases) -> None:
    leases.take(FIRST, NOW, NOW)
    assert leases.renew("run-1", LATER).expires_at == LATER


def test_renewal_of_a_lease_that_was_given_back_is_lost(leases: TableLeases) -> None:
    leases.take(FIRST, NOW, LATER)
    assert leases.release("run-1", 1)
    with pytest.raises(LeaseLost):
        leases.renew("run-1", LATER)


def test_images_in_flight_come_and_go_and_outlive_the_run(leases: TableLeases) -> None:
    leases.take(FIRST, NOW, LATER)
    assert leases.renew("run-1", LATER, add=["ami-1", "ami-2"]).in_flight == {"ami-1", "ami-2"}
    assert leases.renew("run-1", LATER, remove=["ami-1", "ami-9"]).in_flight == {"ami-2"}
    leases.release("run-1", 1)
    assert leases.read().in_flight == {"ami-2"}
    taken = leases.take(SECOND, NOW, LATER)
    assert taken is not None
    assert taken.in_flight == {"ami-2"}
    assert leases.renew("run-2", LATER, remove=["ami-2"]).in_flight == frozenset()


def test_lease_of_the_restores_is_another_one(leases: TableLeases, dynamodb: Any) -> None:
    leases.take(FIRST, NOW, LATER)
    assert TableLeases(dynamodb, TABLE, RESTORE_LEASE).take(SECOND, NOW, LATER) is not None
    assert leases.read().holder == "run-1"


def test_lease_of_a_release_that_did_not_note_ids_and_executions_is_read(leases: TableLeases, dynamodb: Any) -> None:
    leases.take(SECOND, NOW, LATER)
    item = dynamodb.get_item(TableName=TABLE, Key=KEY)["Item"]
    older = {name: value for name, value in item["runs"]["M"]["run-2"]["M"].items() if name in ("policy", "started_at")}
    dynamodb.put_item(TableName=TABLE, Item=item | {"runs": {"M": {"run-2": {"M": older}}}})
    assert leases.read().runs == {"run-2": SECOND}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"holder": {"N": "5"}}, "holder is 5, must be a text"),
        ({"runs": {"L": []}}, ""),
        ({"runs": {"M": {"run-1": {"M": {}}}}}, "runs['run-1'].policy is missing"),
        ({"expires_at": {"S": "soon"}}, ""),
    ],
)
def test_lease_that_cannot_be_read_says_what_to_do(
    leases: TableLeases, dynamodb: Any, change: dict[str, Any], why: str
) -> None:
    leases.take(FIRST, NOW, LATER)
    dynamodb.put_item(TableName=TABLE, Item=dynamodb.get_item(TableName=TABLE, Key=KEY)["Item"] | change)
    with pytest.raises(BadRecord, match=r"^the lease cannot be read: .*; delete the item while no run works") as bad:
        leases.read()
    assert why in str(bad.value)


def test_joined_run_is_told_with_policy_and_execution(leases: TableLeases) -> None:
    leases.take(SECOND, NOW, LATER)
    assert leases.join("run-2", FIRST, NOW)
    assert leases.read().runs == {"run-1": FIRST, "run-2": SECOND}


def test_lease_that_takes_the_place_of_a_run_takes_it_from_that_run_alone(leases: TableLeases) -> None:
    leases.take(FIRST, NOW, LATER)
    third = ActiveRun("run-3", "nightly", NOW)
    assert leases.take(third, NOW, LATER, instead_of="run-2") is None
    taken = leases.take(third, NOW, LATER, instead_of="run-1")
    assert taken is not None
    assert (taken.holder, set(taken.runs)) == ("run-3", {"run-3"})


def test_joining_twice_is_joining_once(leases: TableLeases) -> None:
    leases.take(FIRST, NOW, LATER)
    assert leases.join("run-1", SECOND, NOW)
    assert leases.join("run-1", SECOND, NOW)
    assert leases.release("run-1", 2)


def test_release_after_a_join_that_was_not_seen_is_refused_and_nothing_changes(leases: TableLeases) -> None:
    leases.take(FIRST, NOW, LATER)
    leases.join("run-1", SECOND, NOW)
    assert not leases.release("run-1", 1)
    assert (leases.read().holder, len(leases.read().runs)) == ("run-1", 2)
    assert leases.release("run-1", 2)


def test_join_after_the_release_fails(leases: TableLeases) -> None:
    leases.take(FIRST, NOW, LATER)
    leases.release("run-1", 1)
    assert not leases.join("run-1", SECOND, NOW)
    assert leases.read().runs == {}


def test_join_of_a_run_whose_lease_has_expired_fails(leases: TableLeases) -> None:
    leases.take(FIRST, NOW, LATER)
    assert not leases.join("run-1", SECOND, LATER + timedelta(seconds=1))


def test_join_of_a_run_that_is_not_the_holder_fails(leases: TableLeases) -> None:
    leases.take(FIRST, NOW, LATER)
    assert not leases.join("run-0", SECOND, NOW)


@pytest.mark.parametrize("dynamodb", [LOCAL_CLOUD], indirect=True)  # moto has no lock
def test_of_a_join_and_a_release_at_once_exactly_one_comes_first(leases: TableLeases) -> None:
    for _ in range(10):
        leases.take(FIRST, NOW, LATER)
        with ThreadPoolExecutor(2) as pool:
            joined = pool.submit(leases.join, "run-1", SECOND, NOW)
            released = pool.submit(leases.release, "run-1", 1)
            assert joined.result() is not released.result()
        if joined.result():
            leases.release("run-1", 2)


def test_take_whose_answer_was_lost_is_ours_when_repeated(leases: TableLeases, dynamodb: Any) -> None:
    with losing_answers(dynamodb, "UpdateItem"), pytest.raises(TemporarilyUnavailable):
        leases.take(FIRST, NOW, LATER)
    assert leases.take(FIRST, NOW, LATER) is not None
