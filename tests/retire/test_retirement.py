"""An original's way out: disabled, then deregistered with its snapshots, each after its grace period."""

from __future__ import annotations

from local_cloud.in_process import VirtualCloud
from tests.support.retirement import NIGHTLY, RULES, Retiring


def test_original_is_disabled_after_its_grace_period_and_not_before(retiring: Retiring) -> None:
    image_id = retiring.archived("web")
    retiring.days(RULES.after_verified_days - 1)
    retiring.night()
    assert (retiring.status(image_id), retiring.state(image_id)) == ("VERIFIED", "available")
    retiring.days(1)
    originals = retiring.night()
    assert originals["done"]["disabled"]["listed"] == [
        {"image_id": image_id, "policy": "nightly", "reason": retiring.archive.record(image_id).reason}
    ]
    assert (retiring.status(image_id), retiring.state(image_id)) == ("DISABLED", "disabled")


def test_disabled_original_is_deregistered_with_its_snapshots_after_the_second_grace_period(retiring: Retiring) -> None:
    (image_id,) = retiring.due("web")
    retiring.night()
    retiring.days(RULES.after_disabled_days - 1)
    retiring.night()
    assert (retiring.status(image_id), retiring.state(image_id)) == ("DISABLED", "disabled")
    retiring.days(1)
    originals = retiring.night()
    assert originals["done"]["retired"]["images"] == 1
    assert (retiring.status(image_id), retiring.state(image_id), retiring.snapshots(image_id)) == ("RETIRED", None, [])
    assert list(retiring.archive.record(image_id).retirement.snapshots.values()) == ["deleted"]


def test_every_move_is_in_the_history_with_its_reason(retiring: Retiring) -> None:
    (image_id,) = retiring.disabled("web")
    retiring.night()
    moves = [(move.from_status, move.to_status) for move in retiring.archive.record(image_id).history]
    assert moves[-4:] == [
        ("VERIFIED", "VERIFIED"),  # the intention
        ("VERIFIED", "DISABLED"),
        ("DISABLED", "DISABLED"),
        ("DISABLED", "RETIRED"),
    ]
    assert all(move.why and move.run_id for move in retiring.archive.record(image_id).history)


def test_first_run_of_a_newly_enabled_policy_only_says_what_it_would_do(cloud: VirtualCloud) -> None:
    retiring = Retiring(cloud, NIGHTLY)
    (image_id,) = retiring.due("web")
    (policy,) = retiring.archive.settings.policies
    retiring.archive.configure(policies=(type(policy)("nightly", policy.tags),))
    retiring.archive.night()
    retiring.archive.configure(policies=(policy,))
    with retiring.no_power_used():
        originals = retiring.night()
    assert originals["first_runs"] == ["nightly"]
    assert [each["image_id"] for each in originals["would"]["disabled"]["listed"]] == [image_id]
    assert originals["done"]["disabled"]["images"] == 0
    originals = retiring.night()
    assert [each["image_id"] for each in originals["done"]["disabled"]["listed"]] == [image_id]


def test_policy_that_only_disables_never_deregisters(cloud: VirtualCloud) -> None:
    retiring = Retiring(cloud, type(NIGHTLY)("nightly", NIGHTLY.tags, original="disable", retire=RULES))
    (image_id,) = retiring.due("web")
    retiring.night()
    retiring.days(400)
    retiring.night()
    assert (retiring.status(image_id), retiring.state(image_id)) == ("DISABLED", "disabled")


def test_policy_that_keeps_its_originals_touches_none(cloud: VirtualCloud) -> None:
    retiring = Retiring(cloud, type(NIGHTLY)("nightly", NIGHTLY.tags))
    (image_id,) = retiring.due("web")
    with retiring.no_power_used():
        assert "retirement" not in retiring.archive.night()
    assert (retiring.status(image_id), retiring.state(image_id)) == ("VERIFIED", "available")
