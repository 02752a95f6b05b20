"""Whatever the world is like and however it changes: what the archiver deregistered can be restored, and is equal."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ami_archiver.run_state import Next, RetirePhase
from local_cloud.engine.stored_object import content_of
from local_cloud.in_process import VirtualCloud
from local_cloud.model import Image, Snapshot
from tests.restore.test_restored_image import MUST_DIFFER, OWN_TAGS
from tests.retire.test_reasons_to_keep import CAUSES, POLICY
from tests.support.restore import Restores
from tests.support.retirement import RULES, Retiring

NAMES = ("i1", "i2")
Event = tuple[str, str]
"""(image, cause): it is brought about, unless EC2 refuses."""


@dataclass(frozen=True)
class Night:
    """What happens before a run, and between its plan and its calls; and how many days pass until the next one."""

    before: tuple[Event, ...]
    meanwhile: tuple[Event, ...]
    days: float


events = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(sorted(CAUSES))), max_size=1).map(tuple)
nights = st.lists(
    st.builds(Night, events, events, st.sampled_from([1.0, RULES.after_disabled_days, RULES.after_disabled_days])),
    min_size=2,
    max_size=3,
)
"""Few of the images are kept by something in the beginning: most worlds let one go."""
deregistered: list[int] = []


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(nights)
def _whatever_is_deregistered_comes_back_equal(cloud: VirtualCloud, world: list[Night]) -> None:
    cloud.reset()
    retiring = Retiring(cloud, POLICY)
    originals = {}
    for number, name in enumerate(NAMES):
        image_id = retiring.archive.image(name, gib=1 + number, description=f"number {number}")
        originals[name] = _as_it_is(retiring, image_id)
    retiring.archive.night()
    retiring.days(RULES.after_verified_days)
    gone: set[str] = set()
    count = 0
    for night in world:
        _happen(retiring, originals, night.before, gone)
        state = retiring.archive.go_to(retiring.archive.select(retiring.archive.begin()), Next.RETIRE)
        while state.retire is RetirePhase.PLAN:
            state, _ = retiring.archive.step(state)
        _happen(retiring, originals, night.meanwhile, gone)
        retiring.archive.go_on(state)
        for name, (image, snapshots) in originals.items():
            if name not in gone and retiring.state(image.image_id) is None:
                gone.add(name)
                count += 1
                assert retiring.status(image.image_id) == "RETIRED"
                _comes_back(retiring, image, snapshots)
        retiring.days(night.days)
    event(f"{count} of {len(originals)} deregistered by the archiver")
    deregistered.append(count)


def test_whatever_is_deregistered_by_a_run_comes_back_equal(cloud: VirtualCloud) -> None:
    """And in a good share of the worlds something is."""
    deregistered.clear()
    _whatever_is_deregistered_comes_back_equal(cloud)
    assert sum(map(bool, deregistered)) >= len(deregistered) / 3


def _as_it_is(retiring: Retiring, image_id: str) -> tuple[Image, list[Snapshot]]:
    region, catalog = retiring.archive.region, retiring.cloud.catalog
    image = catalog.images(region)[image_id]
    copy = replace(image, tags=dict(image.tags), launch_permissions=list(image.launch_permissions))
    return copy, [replace(catalog.snapshots(region)[one]) for one in image.snapshot_ids]


def _happen(
    retiring: Retiring,
    originals: dict[str, tuple[Image, list[Snapshot]]],
    happening: tuple[Event, ...],
    gone: set[str],
) -> None:
    for name, cause in happening:
        if name in gone:
            continue
        try:
            CAUSES[cause].bring_about(retiring, originals[name][0].image_id)
        except Exception:  # EC2 refuses: it does not happen
            continue
        if cause == "deregistered by somebody":
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
