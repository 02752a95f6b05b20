"""Whatever the world is like and however it changes: what the archiver deregistered can be restored, and is equal."""

from __future__ import annotations

from dataclasses import fields, replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local_cloud.engine.stored_object import content_of
from local_cloud.in_process import VirtualCloud
from local_cloud.model import Image, Snapshot
from tests.restore.test_restored_image import MUST_DIFFER, OWN_TAGS
from tests.retire.test_reasons_to_keep import CAUSES, POLICY
from tests.support.restore import Restores
from tests.support.retirement import RULES, Retiring

NAMES = ("i1", "i2", "i3")
HARMLESS_LATER = sorted(set(CAUSES) - {"deregistered by somebody"})
Event = tuple[str, str]
"""(image, cause): it is brought about, unless EC2 refuses."""

events = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(sorted(CAUSES))), max_size=3)
worlds = st.lists(
    st.tuples(st.sampled_from([1.0, RULES.after_disabled_days, RULES.after_verified_days]), events, events),
    min_size=3,
    max_size=5,
)
"""Days that pass, what happens before the run, and what happens between its plan and its calls."""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(worlds)
def test_whatever_is_deregistered_by_a_run_comes_back_equal(
    cloud: VirtualCloud, world: list[tuple[float, list[Event], list[Event]]]
) -> None:
    cloud.reset()
    retiring = Retiring(cloud, POLICY)
    originals = {}
    for number, name in enumerate(NAMES):
        image_id = retiring.archive.image(name, gib=1 + number, description=f"number {number}")
        originals[name] = _as_it_is(retiring, image_id)
    retiring.archive.night()
    retiring.days(RULES.after_verified_days)
    gone_by_others: set[str] = set()
    for days, before, meanwhile in world:
        _happen(retiring, originals, before, gone_by_others)
        state = retiring.archive.select(retiring.archive.begin())
        while state.next not in ("wait", "report", "end") or state.retire == "plan":
            state, _ = retiring.archive.step(state)
        _happen(retiring, originals, meanwhile, gone_by_others)
        retiring.archive.go_on(state)
        retiring.days(days)
    for name, (image, snapshots) in originals.items():
        if retiring.state(image.image_id) is None and name not in gone_by_others:
            assert retiring.status(image.image_id) == "RETIRED"
            _comes_back(retiring, image, snapshots)


def _as_it_is(retiring: Retiring, image_id: str) -> tuple[Image, list[Snapshot]]:
    region, catalog = retiring.archive.region, retiring.cloud.catalog
    image = catalog.images(region)[image_id]
    copy = replace(image, tags=dict(image.tags), launch_permissions=list(image.launch_permissions))
    return copy, [replace(catalog.snapshots(region)[one]) for one in image.snapshot_ids]


def _happen(
    retiring: Retiring, originals: dict[str, tuple[Image, list[Snapshot]]], happening: list[Event], gone: set[str]
) -> None:
    for name, cause in happening:
        image_id = originals[name][0].image_id
        there = retiring.state(image_id) is not None
        try:
            CAUSES[cause].bring_about(retiring, image_id)
        except Exception:  # EC2 refuses, or what it is about is gone: it does not happen
            continue
        if there and cause == "deregistered by somebody":
            gone.add(name)


def _comes_back(retiring: Retiring, original: Image, snapshots: list[Snapshot]) -> None:
    restores = Restores(retiring.archive)
    restored = restores.new_image(restores.run(image_ids=[original.image_id], name="{name}-back"))
    for field in fields(Image):
        if field.name not in MUST_DIFFER | {"name", "deregistration_protection", "last_launched_time"}:
            assert getattr(restored, field.name) == getattr(original, field.name), field.name
    assert {key: value for key, value in restored.tags.items() if key not in OWN_TAGS} == original.tags
    bytes_per_gib = retiring.cloud.settings.engine.bytes_per_gib
    catalog = retiring.cloud.catalog.snapshots(retiring.archive.region)
    contents = [content_of(catalog[one], bytes_per_gib) for one in restored.snapshot_ids]
    assert contents == [content_of(one, bytes_per_gib) for one in snapshots]
