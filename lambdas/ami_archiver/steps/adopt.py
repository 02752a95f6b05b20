"""Taking up what is there already: objects in the bucket that no record knows of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ami_archiver import lifecycle
from ami_archiver.app import App
from ami_archiver.eligibility import image_gib
from ami_archiver.errors import AccessDenied
from ami_archiver.failures import hidden
from ami_archiver.inventory import image_id_of
from ami_archiver.model import ArchiveRecord, Decision, DecisionLine, Image, Origin, RestoreFacts, Snapshot, Status
from ami_archiver.policy import Policy
from ami_archiver.run_state import RunState
from ami_archiver.verification import why_not_whole


def fresh_record(
    app: App, policy: Policy, state: RunState, image: Image, gib: float, reason: str, facts: RestoreFacts
) -> ArchiveRecord:
    """A record in SELECTED, before it has any history."""
    now = app.clock.now()
    return ArchiveRecord(
        image_id=image.image_id,
        image_name=image.name,
        status=Status.SELECTED,
        decision=Decision.DEFERRED,
        reason=reason,
        policy=policy.name,
        run_id=state.run_id,
        bucket=app.settings.bucket_name,
        object_key=object_key(app, policy, image.image_id),
        snapshot_gib=gib,
        attempts=0,
        selected_at=now,
        changed_at=now,
        facts=facts,
        origin=Origin(
            description=image.description,
            tags=dict(image.tags),
            group=policy.group_of(image),
            architecture=image.architecture,
            platform_details=image.platform_details,
            usage_operation=image.usage_operation,
            product_codes=image.product_codes,
            created_at=image.creation_date,
        ),
    )


def object_key(app: App, policy: Policy, image_id: str) -> str:
    """Where a store started now puts the image: EC2 names the object <image-id>.bin below the prefix."""
    prefix = policy.prefix_for(app.clock.now(), app.settings.account_id, app.region)
    return f"{prefix}/{image_id}.bin" if prefix else f"{image_id}.bin"


def find_keys(app: App, image_ids: set[str]) -> dict[str, str]:
    """The keys of these images' objects, wherever in the bucket they are: one listing."""
    return {
        image_id: listed.key for listed in app.bucket.listing() if (image_id := image_id_of(listed.key)) in image_ids
    }


def objects_without_record(
    app: App,
    policy: Policy,
    state: RunState,
    images: Sequence[tuple[Image, ArchiveRecord | None]],
    snapshots: Mapping[str, Snapshot],
) -> tuple[list[DecisionLine], set[str]]:
    """Verify and record each image's object. EC2 would refuse to store it again: one copy of an image per bucket.

    Returns this run's decisions, and the ids of images whose record somebody else wrote meanwhile.
    """
    keys = find_keys(app, {image.image_id for image, _ in images})
    aliases = parameters(app, [image for image, _ in images])
    lines = []
    lost = set()
    for image, before in images:
        key = keys.get(image.image_id)
        if key is None:
            continue  # it was deleted since the first listing; the next run stores the image
        gib = image_gib(image, snapshots)
        try:
            found = app.bucket.head(key)
        except AccessDenied as error:
            unseen = hidden(key, error, "the next run looks again")
            lines.append(DecisionLine(image.image_id, policy.name, Decision.FAILED, unseen, gib))
            continue
        if found is None:
            continue  # or since the second
        present = [snapshots[s] for s in image.snapshot_ids if s in snapshots]
        facts = facts_of(image, present, aliases)
        fresh = fresh_record(app, policy, state, image, gib, f"object {key} was in the bucket before", facts)
        fresh = replace(fresh, object_key=key, facts=with_launch_permissions(app, fresh))
        record = lifecycle.select(fresh, before)
        at, run_id = app.clock.now(), state.run_id
        why = why_not_whole(image.image_id, found, app.settings.bucket_key_arn)
        if why:
            record = lifecycle.move(record, Status.FAILED, Decision.FAILED, why, at=at, run_id=run_id)
        else:
            record = lifecycle.move(record, Status.STORING, Decision.DEFERRED, "adopted", at=at, run_id=run_id)
            record = lifecycle.verify(record, found, f"adopted object {key}", at=at, run_id=run_id, tasks=0)
        if app.records.save(before, record):
            decision = Decision.FAILED if record.status is Status.FAILED else Decision.ALREADY_ARCHIVED
            lines.append(DecisionLine(image.image_id, policy.name, decision, record.reason, gib))
        else:
            lost.add(image.image_id)
    return lines, lost


def parameters(app: App, images: Sequence[Image]) -> dict[str, tuple[str, ...]] | None:
    """The SSM parameters that point at each image; None where this cannot be asked."""
    return app.images.ssm_parameters([image.image_id for image in images]) if images else {}


def facts_of(
    image: Image, snapshots: Sequence[Snapshot], parameters: Mapping[str, tuple[str, ...]] | None
) -> RestoreFacts:
    """What a restore of the image will need and EC2 does not keep, as far as a whole page of images tells it."""
    return RestoreFacts(
        ssm_parameters=None if parameters is None else parameters.get(image.image_id, ()),
        encrypted=any(snapshot.encrypted for snapshot in snapshots),
        kms_key_ids=tuple(sorted({snapshot.kms_key_id for snapshot in snapshots if snapshot.kms_key_id})),
    )


def with_launch_permissions(app: App, record: ArchiveRecord) -> RestoreFacts:
    """The record's facts with whom the image is shared with now, or, where that cannot be read, was when last asked.

    EC2 tells it of one image at a time: asked for a whole fleet when it is selected, the first store would wait for it.
    """
    now = app.images.launch_permissions(record.image_id)
    return record.facts if now is None else replace(record.facts, launch_permissions=now)
