"""What retirement deletes can be had back for so many days, where a policy asks for it."""

from __future__ import annotations

from typing import Any

from infra.templates import resources

Template = dict[str, Any]


def rules(template: Template) -> list[dict[str, Any]]:
    return [rule["Properties"] for rule in resources(template, "AWS::Rbin::Rule").values()]


def test_images_and_snapshots_with_the_mark_of_a_policy_that_asks_for_it_go_into_the_bin_first(
    several: Template,
) -> None:
    made = rules(several)
    assert sorted(rule["ResourceType"] for rule in made) == ["EBS_SNAPSHOT", "EC2_IMAGE"]
    for rule in made:
        assert rule["ResourceTags"] == [{"ResourceTagKey": "archiver:deregister", "ResourceTagValue": "web"}]
        assert rule["RetentionPeriod"] == {"RetentionPeriodUnit": "DAYS", "RetentionPeriodValue": 45}


def test_no_rule_is_made_that_nobody_asks_for(template: Template) -> None:
    assert rules(template) == []
