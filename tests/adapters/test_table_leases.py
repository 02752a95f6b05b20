"""The lease: one holder at a time, and no join is lost between the last look and the giving back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from ami_archiver.adapters.table_leases import TableLeases
from ami_archiver.errors import LeaseLost, TemporarilyUnavailable
from ami_archiver.model import ActiveRun
from tests.adapters.conftest import LOCAL_CLOUD
from tests.support.answers import counting, losing_answers
from tests.support.archive import TABLE
from tests.support.domain import NOW

LATER = NOW + timedelta(hours=1)
FIRST = ActiveRun("run-1", "nightly", NOW, "arn:aws:states:us-east-1:123456789012:execution:archive:one")
SECOND = ActiveRun("run-2", "weekly", NOW)


@pytest.fixture
def leases(dynamodb: Any) -> TableLeases:
    return TableLeases(dynamodb, TABLE)


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


def test_what_has_ended_makes_room_for_what_starts_in_one_write(leases: TableLeases, dynamodb: Any) -> None:
    leases.take(FIRST, NOW, LATER)
    lease = leases.renew("run-1", LATER, add=["ami-1", "ami-2"])
    with counting(dynamodb, "UpdateItem") as writes:
        after = leases.exchange(lease, LATER + timedelta(hours=1), add=["ami-3"], remove=["ami-1"])
    assert (after.in_flight, after.expires_at) == ({"ami-2", "ami-3"}, LATER + timedelta(hours=1))
    assert leases.read() == after
    assert len(writes) == 1


@pytest.mark.parametrize(
    ("known", "add", "remove"),
    [([], ["ami-2"], ["ami-1"]), (["ami-1"], [], ["ami-1"]), ([], [], ["ami-1"])],
    ids=["nothing was in flight", "nothing is left in flight", "nothing was and nothing is"],
)
def test_exchange_with_nothing_in_flight_is_one_write(
    leases: TableLeases, dynamodb: Any, known: list[str], add: list[str], remove: list[str]
) -> None:
    leases.take(FIRST, NOW, LATER)
    lease = leases.renew("run-1", LATER, add=known)
    until = LATER + timedelta(hours=1)
    with counting(dynamodb, "UpdateItem") as writes:
        assert leases.exchange(lease, until, add=add, remove=remove).in_flight == set(add)
    assert (leases.read().in_flight, leases.read().expires_at, len(writes)) == (set(add), until, 1)


def test_exchange_that_did_not_see_what_was_started_meanwhile_keeps_it(leases: TableLeases) -> None:
    leases.take(FIRST, NOW, LATER)
    lease = leases.read()
    leases.renew("run-1", LATER, add=["ami-2"])
    assert leases.exchange(lease, LATER, add=["ami-3"], remove=["ami-1"]).in_flight == {"ami-2", "ami-3"}


def test_exchange_on_a_set_that_changed_meanwhile_keeps_what_others_put_there(leases: TableLeases) -> None:
    leases.take(FIRST, NOW, LATER)
    lease = leases.renew("run-1", LATER, add=["ami-1"])
    leases.renew("run-1", LATER, add=["ami-2"])
    assert leases.exchange(lease, LATER, add=["ami-3"], remove=["ami-1"]).in_flight == {"ami-2", "ami-3"}


def test_exchange_whose_answer_was_lost_is_made_once(leases: TableLeases, dynamodb: Any) -> None:
    leases.take(FIRST, NOW, LATER)
    lease = leases.renew("run-1", LATER, add=["ami-1"])
    with losing_answers(dynamodb, "UpdateItem"), pytest.raises(TemporarilyUnavailable):
        leases.exchange(lease, LATER, add=["ami-2"], remove=["ami-1"])
    assert leases.exchange(lease, LATER, add=["ami-2"], remove=["ami-1"]).in_flight == {"ami-2"}


def test_exchange_on_a_lease_that_another_run_has_taken_is_lost(leases: TableLeases) -> None:
    leases.take(FIRST, NOW, NOW)
    lease = leases.renew("run-1", NOW, add=["ami-1"])
    leases.take(SECOND, LATER, LATER)
    with pytest.raises(LeaseLost):
        leases.exchange(lease, LATER, add=["ami-2"], remove=["ami-1"])
    assert leases.read().in_flight == {"ami-1"}


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
