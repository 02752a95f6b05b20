"""What a policy is about, whom it leaves out, which group an image is in, where its object goes."""

from __future__ import annotations

import pytest

from tests.support.domain import NOW, image, policy


def test_policy_selects_image_that_has_every_tag_with_one_of_the_values() -> None:
    two_tags = policy(tags={"Archive": ("true", "yes"), "Team": ("*",)})
    assert two_tags.selects(image(tags={"Archive": "yes", "Team": "web"}))
    assert two_tags.selects(image(tags={"Archive": "true", "Team": ""}))


@pytest.mark.parametrize("tags", [{}, {"Archive": "True"}, {"archive": "true"}, {"Archive": "true "}])
def test_tags_match_to_the_letter(tags: dict[str, str]) -> None:
    assert not policy().selects(image(tags=tags))


@pytest.mark.parametrize(
    ("patterns", "name", "selected"),
    [
        ((), "anything", True),
        (("web-*",), "web-1", True),
        (("web-*", "db-?"), "db-7", True),
        (("web-*",), "WEB-1", False),
        (("web-*",), "my-web-1", False),
    ],
)
def test_name_patterns_are_shell_patterns_of_the_whole_name(
    patterns: tuple[str, ...], name: str, selected: bool
) -> None:
    assert policy(name_patterns=patterns).selects(image(name=name)) is selected


def test_name_that_no_pattern_matches_is_left_out_with_the_patterns() -> None:
    reason = policy(name_patterns=("web-*", "db-*")).exclusion(image(name="api"), NOW, among_newest=False)
    assert reason == "name 'api' matches none of web-*, db-*"


def test_exclude_tag_leaves_an_image_out_by_name_and_value() -> None:
    keeps = policy(exclude_tags={"Hold": ("*",), "Env": ("dev", "test")})
    assert keeps.exclusion(image(tags={"Hold": ""}), NOW, among_newest=False) == "tag Hold= excludes it"
    assert keeps.exclusion(image(tags={"Env": "dev"}), NOW, among_newest=False) == "tag Env=dev excludes it"
    assert keeps.exclusion(image(tags={"Env": "prod"}), NOW, among_newest=False) is None


def test_image_younger_than_the_minimum_age_is_left_out_until_it_is_exactly_that_old() -> None:
    weekly = policy(min_age_days=7)
    reason = weekly.exclusion(image(days_old=6.5), NOW, among_newest=False)
    assert reason == "6.5 days old, the policy needs at least 7"
    assert weekly.exclusion(image(days_old=7), NOW, among_newest=False) is None


def test_image_among_the_newest_is_left_out_with_its_group() -> None:
    kept = policy(keep_newest=2, group_by_tag="Service")
    reason = kept.exclusion(image(tags={"Service": "web"}), NOW, among_newest=True)
    assert reason == "among the newest 2 of group 'web'"


@pytest.mark.parametrize(
    ("name", "group"), [("web-2024-01-01", "web"), ("web-api-2024-01-01", "web-api"), ("nightly", None)]
)
def test_group_by_name_is_the_capture(name: str, group: str | None) -> None:
    assert policy(group_by_name=r"^(.+)-\d{4}-\d\d-\d\d$").group_of(image(name=name)) == group


def test_capture_that_took_no_part_puts_an_image_in_no_group() -> None:
    assert policy(group_by_name=r"^(?:a(\d))?b").group_of(image(name="b")) is None


def test_image_without_the_groups_tag_is_in_no_group() -> None:
    assert policy(group_by_tag="Service").group_of(image(tags={})) is None


def test_without_a_grouping_all_images_of_a_policy_are_one_group() -> None:
    assert policy("weekly").group_of(image()) == "weekly"


def test_object_prefix_names_policy_account_region_and_the_day_of_the_store() -> None:
    full = policy(object_prefix="/{policy}/{account}/{region}/{year}/{month}/{day}/")
    assert full.prefix_for(NOW, "123456789012", "eu-west-1") == "nightly/123456789012/eu-west-1/2026/01/01"


def test_empty_object_prefix_is_the_buckets_root() -> None:
    assert policy(object_prefix="").prefix_for(NOW, "123456789012", "eu-west-1") == ""
