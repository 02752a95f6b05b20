"""Which images a run takes: ownership among policies, the newest of a group, the cap."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from ami_archiver.model import Decision, Image, ImagePage
from ami_archiver.selection import Cap, NewestOfGroups, Selected, leave_out, newest_images, owner_of, select
from tests.support.domain import ACCOUNT, NOW, image, policy, snapshot

NONE = NewestOfGroups(0)
SNAPSHOTS = {"snap-1": snapshot()}


def test_image_belongs_to_the_first_policy_in_the_file_that_matches_it() -> None:
    first, second = policy("first"), policy("second")
    assert owner_of(image(), [first, second]) is first
    assert owner_of(image(tags={}), [first, second]) is None


def test_image_of_an_earlier_policy_is_excluded_with_that_policys_name() -> None:
    first, second = policy("first"), policy("second")
    verdict = leave_out(image(), second, [first, second], NONE, NOW)
    assert verdict is not None
    assert verdict.decision is Decision.EXCLUDED
    assert verdict.reason == "belongs to policy 'first', which comes first in the configuration"


def test_paused_policy_still_owns_its_images() -> None:
    first, second = policy("first", paused=True), policy("second")
    verdict = leave_out(image(), second, [first, second], NONE, NOW)
    assert verdict is not None
    assert "'first'" in verdict.reason


def test_image_whose_name_is_a_later_policys_is_left_out_for_its_name() -> None:
    web, rest = policy("web", name_patterns=("web-*",)), policy("rest")
    verdict = leave_out(image(name="db-1"), web, [web, rest], NONE, NOW)
    assert verdict is not None
    assert verdict.reason == "name 'db-1' matches none of web-*"
    assert leave_out(image(name="db-1"), rest, [web, rest], NONE, NOW) is None


@given(
    ages=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30)), max_size=30),
    keep=st.integers(0, 4),
)
def test_newest_of_groups_holds_exactly_the_newest_of_each_group(ages: list[tuple[str, int]], keep: int) -> None:
    kept = policy(keep_newest=keep, group_by_tag="Service")
    images = [
        image(f"ami-{number:017}", days_old=days, tags={"Archive": "true", "Service": group})
        for number, (group, days) in enumerate(ages)
    ]
    newest = newest_images(kept, keep, [ImagePage(images, None)])
    for group in "abc":
        members = [one for one in images if one.tags["Service"] == group]
        expected = sorted(members, key=lambda i: (i.creation_date, i.image_id), reverse=True)[:keep]
        assert {image_id for _, image_id in newest.of(group)} == {i.image_id for i in expected}


def _newest_of(images: list[Image], **fields: object) -> list[str]:
    return newest_images(policy(**fields), 1, [ImagePage(images, None)]).image_ids()


def test_failed_image_does_not_push_a_good_one_out_of_the_newest() -> None:
    good, failed = image("ami-good", days_old=2), image("ami-failed", days_old=1, state="failed")
    assert _newest_of([good, failed]) == ["ami-good"]


def test_image_whose_name_the_policy_does_not_match_does_not_count_among_its_newest() -> None:
    web, db = image("ami-web", days_old=2, name="web-1"), image("ami-db", days_old=1, name="db-1")
    assert _newest_of([web, db], name_patterns=("web-*",)) == ["ami-web"]


def test_image_in_no_group_is_never_kept_back() -> None:
    assert _newest_of([image()], group_by_tag="Service") == []


def test_newest_of_groups_remembers_only_as_many_as_it_keeps() -> None:
    newest = newest_images(policy(), 2, (ImagePage([image(f"ami-{age}", days_old=age)], None) for age in range(1000)))
    assert sorted(newest.image_ids()) == ["ami-0", "ami-1"]


def test_cap_in_images_defers_the_one_too_many() -> None:
    capped = policy(max_images_per_run=2)
    assert Cap(1, 16).refusal(capped, 8) is None
    assert Cap(2, 16).refusal(capped, 8) == "cap of 2 images per run is reached; a later run takes it"


def test_cap_in_gib_defers_what_would_exceed_it_but_never_the_first_image() -> None:
    capped = policy(max_gib_per_run=100)
    assert Cap(0, 0).refusal(capped, 800) is None
    assert Cap(1, 60).refusal(capped, 40) is None
    assert Cap(1, 60).refusal(capped, 41) == (
        "41 GiB more than the cap of 100 GiB per run allows (60 GiB taken); a later run takes it"
    )


def test_cap_counts_what_it_is_given() -> None:
    assert Cap(1, 8).plus(2.5) == Cap(2, 10.5)


def test_storable_image_is_selected_with_its_size() -> None:
    assert select(image(), SNAPSHOTS, policy(), Cap(0, 0), ACCOUNT) == Selected(8.0)


def test_obstacle_comes_before_the_cap() -> None:
    verdict = select(image(state="pending"), SNAPSHOTS, policy(max_images_per_run=0), Cap(0, 0), ACCOUNT)
    assert not isinstance(verdict, Selected)
    assert verdict.decision is Decision.INELIGIBLE


def test_image_above_the_cap_is_deferred() -> None:
    verdict = select(image(), SNAPSHOTS, policy(max_images_per_run=0), Cap(0, 0), ACCOUNT)
    assert not isinstance(verdict, Selected)
    assert verdict.decision is Decision.DEFERRED


def test_age_is_judged_at_the_time_it_is_given() -> None:
    weekly = policy(min_age_days=7)
    young = image(days_old=1)
    assert leave_out(young, weekly, [weekly], NONE, NOW) is not None
    assert leave_out(young, weekly, [weekly], NONE, NOW + timedelta(days=6)) is None
