"""Why an original stays: pure, one function for each thing that is looked at; no reason from any of them lets it go.

Each reason begins with a name, says what was found, naming it, and what a person can do about it. It has no
figure that changes by itself, so that a record is written only when something has changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from ami_archiver.failures import reason
from ami_archiver.model import Action, ArchiveRecord, Image, Refusal, Snapshot, Status, StoredObject
from ami_archiver.policy import Policy, UseKind
from ami_archiver.retire.model import UsageReport
from ami_archiver.verification import why_altered, why_not_whole

HOLD_TAG = "archiver:hold"
"""On an image, with any value: it stays."""
RETIRE_ON_TAG = "archiver:retire-on"
"""On an announced image: the day on which it goes unless somebody objects."""
DISABLE_TAG = "archiver:disable"
"""On an image that a plan lets be disabled, and on one that is: the policy's name. Undo may enable nothing else."""
MARKS = {Action.DISABLE: DISABLE_TAG, Action.DEREGISTER: "archiver:deregister"}
"""On an image that a plan lets go, and with `deregister` on its snapshots: the policy's name. PlanRetirement sets them,
RetireImages may act on nothing else."""
REPORT_HOURS = 2
"""A usage report older than this is asked for anew: by the run that needs it, which waits for it."""


class Keep(StrEnum):
    """Every reason to keep an original, by name: what a person reads first. docs/retire.md explains them."""

    NOT_VERIFIED = "NotVerified"
    GRACE_PERIOD = "GracePeriod"
    ANNOUNCED = "Announced"
    OBJECT_NOT_WHOLE = "ObjectNotWhole"
    OBJECT_UNREADABLE = "ObjectUnreadable"
    ORIGINAL_GONE = "OriginalGone"
    NOT_OWNED = "NotOwned"
    NOT_SELECTED = "NotSelected"
    STATE = "State"
    ENABLED_AGAIN = "EnabledAgain"
    PROTECTED = "Protected"
    ON_HOLD = "OnHold"
    RECENTLY_LAUNCHED = "RecentlyLaunched"
    AMONG_NEWEST = "AmongNewest"
    SHARED = "Shared"
    SHARING_UNKNOWN = "SharingUnknown"
    SNAPSHOT_LOCKED = "SnapshotLocked"
    LOCKS_UNKNOWN = "LocksUnknown"
    IN_USE = "InUse"
    USE_UNKNOWN = "UseUnknown"
    USED_BY_ACCOUNT = "UsedByAccount"
    USAGE_PENDING = "UsagePending"
    USAGE_UNKNOWN = "UsageUnknown"
    EC2_UNWILLING = "Ec2Unwilling"
    NOT_APPROVED = "NotApproved"
    NOT_ALLOWED = "NotAllowed"
    NOT_MARKED = "NotMarked"
    CAP_REACHED = "CapReached"
    TOO_MANY = "TooMany"
    CHANGED_MEANWHILE = "ChangedMeanwhile"


def by_policy(name: str, policy: Policy | None, action: Action) -> Iterator[str]:
    """The policy in force lets originals go so far."""
    if policy is None:
        yield reason(Keep.NOT_ALLOWED, f"there is no policy {name!r} any more", "if it may go, configure it again")
    elif policy.paused:
        yield reason(Keep.NOT_ALLOWED, f"policy {name!r} is paused", "if it may go, end the pause")
    elif policy.original != "retire" and (policy.original == "keep" or action is Action.DEREGISTER):
        needed = '"retire"' if action is Action.DEREGISTER else '"disable" or "retire"'
        what = f"policy {name!r} says original = \"{policy.original}\", and '{action}' needs {needed}"
        yield reason(Keep.NOT_ALLOWED, what, "if it may go, change that")


def by_run(policy: Policy, planned_for: str, images: int, gib: float, more_gib: float) -> Iterator[str]:
    """The run has planned for what the policy says now, and what it has let go leaves room below the policy's caps."""
    if policy.original != planned_for:
        what = f'policy {policy.name!r} says original = "{policy.original}" since this run began'
        yield reason(Keep.NOT_ALLOWED, what, "the next run says what it would do, and the one after that does it")
    if not policy.retire.has_room(images, gib, more_gib):
        what = f"this run has let {images} originals of {gib:g} GiB go, all that policy {policy.name!r} allows"
        yield reason(Keep.CAP_REACHED, what, "a later run goes on")


def by_marks(
    image: Image | None, snapshots: Mapping[str, Snapshot], shared: Collection[str], action: Action
) -> Iterator[str]:
    """The image, and each snapshot that goes with it, has the mark of the plan. One that is disabled needs none to be
    disabled: EC2 is not asked."""
    if image is None or is_done(image, action):
        return
    marked: dict[str, Mapping[str, str]] = {f"image {image.image_id}": image.tags}
    if action is Action.DEREGISTER:
        marked |= {f"snapshot {one}": each.tags for one, each in snapshots.items() if one not in shared}
    for name, tags in marked.items():
        if MARKS[action] not in tags:
            yield reason(Keep.NOT_MARKED, f"{name} has no tag {MARKS[action]}", "the next run marks it if it may go")


def is_done(image: Image, action: Action) -> bool:
    """Whether somebody has done it already, so that EC2 need not be asked."""
    return action is Action.DISABLE and image.state == "disabled"


def marks_off(*, disabled: bool) -> frozenset[str]:
    """The marks that an image which stays must not have. A disabled one keeps the mark by which it was disabled: IAM
    lets undo enable and share no other image."""
    return frozenset(MARKS.values()) - ({MARKS[Action.DISABLE]} if disabled else set())


def marked(image: Image | None, snapshots: Mapping[str, Snapshot]) -> list[str]:
    """What may have a mark that an image which stays must not have: all of it, where the image has one."""
    if image is None:
        return []
    if image.tags.keys() & marks_off(disabled=image.state == "disabled"):
        return [image.image_id, *image.snapshot_ids]
    return [one for one, snapshot in snapshots.items() if MARKS[Action.DEREGISTER] in snapshot.tags]


def due_at(record: ArchiveRecord, policy: Policy, action: Action) -> datetime | None:
    """When the grace period before the action ends; None: it has not begun."""
    if action is Action.DISABLE:
        since, days = record.verified_at, policy.retire.after_verified_days
    else:
        since, days = record.retirement.disabled_at, policy.retire.after_disabled_days
    return since + timedelta(days=days) if since is not None else None


def by_record(record: ArchiveRecord, policy: Policy, action: Action, now: datetime) -> Iterator[str]:
    """The record says that the archive is whole, and that the grace period is over."""
    needed = Status.VERIFIED if action is Action.DISABLE else Status.DISABLED
    if record.status is not needed:
        yield reason(Keep.NOT_VERIFIED, f"its record is {record.status}, not {needed}", "a later run looks again")
    due = due_at(record, policy, action)
    if due is None or now < due:
        until = f"until {due:%Y-%m-%d %H:%M} UTC" if due else "from the day on which it is disabled"
        yield reason(Keep.GRACE_PERIOD, f"its grace period before '{action}' lasts {until}", "a later run looks again")


def is_announced(record: ArchiveRecord, policy: Policy, action: Action, image: Image | None) -> bool:
    """Whether the action was announced, if the policy asks for that, and the image says so: its tag is the notice."""
    if policy.retire.approval != "notify":
        return True
    told = record.retirement
    if told.announced is not action or told.retire_on is None or image is None:
        return False
    return image.tags.get(RETIRE_ON_TAG) == f"{told.retire_on:%Y-%m-%d}"


def by_announcement(
    record: ArchiveRecord, policy: Policy, action: Action, image: Image | None, now: datetime
) -> Iterator[str]:
    """With `notify`, it was announced, and the announced day has come."""
    on = record.retirement.retire_on
    if not is_announced(record, policy, action, image):
        yield reason(Keep.ANNOUNCED, f"'{action}' is not announced yet", "a later run announces it")
    elif policy.retire.approval == "notify" and on is not None and now < on:
        what = f"'{action}' is announced for {on:%Y-%m-%d}"
        yield reason(Keep.ANNOUNCED, what, f"to object, tag the image {HOLD_TAG}")


def by_object(
    record: ArchiveRecord, found: StoredObject | None, unreadable: str | None, bucket_key_arn: str
) -> Iterator[str]:
    """The object is there now, as it was recorded, whole and readable. What cannot be compared is not proven."""
    to_do = "repair the archive first; nothing else holds this image once it is retired"
    what = why_altered(record, found) or (why_not_whole(record.image_id, found, bucket_key_arn) if found else None)
    if what is None and found is not None:
        pairs = (
            ("version", record.object_version_id, found.version_id),
            ("size in bytes", record.object_bytes, found.size_bytes),
            ("ETag", record.object_etag, found.etag),
            ("checksum", record.object_checksum, found.checksum),
        )
        what = next(
            (
                f"its {name} is recorded as {recorded}, seen as {now}"
                for name, recorded, now in pairs
                if recorded != now
            ),
            None,
        )
    if what is not None:
        yield reason(Keep.OBJECT_NOT_WHOLE, what, to_do)
    if unreadable is not None:
        yield reason(Keep.OBJECT_UNREADABLE, f"object {record.object_key} cannot be read: {unreadable}", to_do)


def object_hidden(record: ArchiveRecord, what: str) -> str:
    """What cannot be looked at is not proven either."""
    to_do = "grant it to the function's role, or see who denies it"
    return reason(Keep.OBJECT_UNREADABLE, f"object {record.object_key} could not be looked at: {what}", to_do)


def by_image(image: Image | None, policy: Policy, action: Action, now: datetime, account_id: str) -> Iterator[str]:
    """The original is there, ours, still meant by its policy, and nobody holds on to it."""
    if image is None:
        yield reason(
            Keep.ORIGINAL_GONE,
            "the image no longer exists, and the archiver did not deregister it",
            "see in CloudTrail who deregistered it; the archive has it, and a restore brings it back",
        )
        return
    if image.owner_id != account_id:
        yield reason(Keep.NOT_OWNED, f"the image is owned by account {image.owner_id}", "its owner may retire it")
    if why := _not_selected(image, policy):
        yield reason(Keep.NOT_SELECTED, why, f"if it may go, let policy {policy.name!r} select it again")
    yield from _by_state(image, action)
    if image.deregistration_protection != "disabled":
        yield reason(
            Keep.PROTECTED,
            f"its deregistration protection is {image.deregistration_protection}",
            "disable the protection if it may go",
        )
    if HOLD_TAG in image.tags:
        yield reason(Keep.ON_HOLD, f"it has the tag {HOLD_TAG}={image.tags[HOLD_TAG]}", "take the tag off if it may go")
    launched, days = image.last_launched_at, policy.retire.not_launched_days
    if launched is not None and now - launched < timedelta(days=days):
        yield reason(
            Keep.RECENTLY_LAUNCHED,
            f"it was launched on {launched:%Y-%m-%d}, and the policy keeps an image for {days:g} days after a launch",
            "a later run looks again",
        )


def _not_selected(image: Image, policy: Policy) -> str | None:
    if not policy.selects(image):
        return f"policy {policy.name!r} does not select it any more, by its tags or its name"
    return policy.excluding_tag(image)


def _by_state(image: Image, action: Action) -> Iterator[str]:
    if image.state == "available" and action is Action.DEREGISTER:
        yield reason(
            Keep.ENABLED_AGAIN,
            "somebody has enabled the image again after the archiver had disabled it",
            "if it may go after all, disable it; its grace period then starts again",
        )
    elif image.state not in ("available", "disabled"):
        yield reason(Keep.STATE, f"the image is {image.state}", "a later run looks again")


def by_group(image: Image, newer: Collection[str], policy: Policy) -> Iterator[str]:
    """Enough newer available images of its group are there: `newer` are those seen just now."""
    group, wanted = policy.group_of(image), policy.retire.keep_newest
    if group is not None and len(newer) < wanted:
        yield reason(
            Keep.AMONG_NEWEST,
            f"it is among the newest {wanted} of group {group!r}",
            "wait for a newer image of the group",
        )


def by_sharing(image: Image, permissions: Sequence[str] | None, policy: Policy, account_id: str) -> Iterator[str]:
    """Nobody else may launch it, unless the policy lets shared images go."""
    if permissions is None:
        yield reason(Keep.SHARING_UNKNOWN, "EC2 did not say with whom it is shared", "a later run asks again")
        return
    others = [one for one in permissions if one != f"user:{account_id}"]
    if image.public and "group:all" not in others:
        others.append("group:all")
    if others and not policy.retire.allow_shared:
        yield reason(
            Keep.SHARED,
            f"it is shared with {_listed(others)}",
            "end the sharing, or let the policy say retire.allow_shared",
        )


def by_locks(locks: Mapping[str, str] | None) -> Iterator[str]:
    """No snapshot is locked."""
    if locks is None:
        yield reason(Keep.LOCKS_UNKNOWN, "EC2 did not say which snapshots are locked", "a later run asks again")
    for snapshot_id, state in sorted((locks or {}).items()):
        yield reason(Keep.SNAPSHOT_LOCKED, f"snapshot {snapshot_id} is locked ({state})", "wait for the lock to end")


ASKED_BY: Mapping[UseKind, tuple[str, tuple[str, ...]]] = {
    UseKind.INSTANCES: ("instances", ("ec2:DescribeInstances",)),
    UseKind.LAUNCH_TEMPLATES: (
        "launch templates",
        ("ec2:DescribeLaunchTemplates", "ec2:DescribeLaunchTemplateVersions", "ssm:GetParameters"),
    ),
    UseKind.AUTO_SCALING: (
        "Auto Scaling groups and spot fleets",
        (
            "autoscaling:DescribeAutoScalingGroups",
            "autoscaling:DescribeLaunchConfigurations",
            "ec2:DescribeSpotFleetRequests",
        ),
    ),
    UseKind.SSM_PARAMETERS: ("SSM parameters", ("ssm:DescribeParameters", "ssm:GetParameters")),
    UseKind.IMAGE_BUILDER: ("Image Builder recipes", ("ec2:DescribeImageReferences",)),
}
"""Each kind of use in words, and what has to be allowed to see it."""


def by_uses(references: Sequence[str], not_asked: Collection[UseKind], policy: Policy) -> Iterator[str]:
    """Nothing in this account refers to it, and whatever might was asked, unless the policy ignores that kind."""
    if references:
        yield reason(Keep.IN_USE, f"used by {_listed(references)}", "change it to another image first")
    unknown = [kind for kind in UseKind if kind in not_asked and kind not in policy.retire.ignore_unknown_uses]
    if unknown:
        words = ", ".join(ASKED_BY[kind][0] for kind in unknown)
        actions = ", ".join(sorted({action for kind in unknown for action in ASKED_BY[kind][1]}))
        names = ", ".join(f'"{kind}"' for kind in unknown)
        yield reason(
            Keep.USE_UNKNOWN,
            f"it could not be asked which {words} use it",
            f"grant {actions} to RetireImages, or see who denies it; "
            f"or let the policy say retire.ignore_unknown_uses = [{names}]",
        )


def by_usage(report: UsageReport | None, accounts: Sequence[str], now: datetime) -> Iterator[str]:
    """A report not older than `REPORT_HOURS` says that no other account uses it."""
    if report is None or not is_recent(report, now):
        yield reason(
            Keep.USAGE_PENDING, "it is not known whether other accounts use it", "a later run reads EC2's report on it"
        )
    elif not report.available:
        yield reason(Keep.USAGE_PENDING, f"usage report {report.report_id} is being made", "a later run reads it")
    elif accounts:
        yield reason(Keep.USED_BY_ACCOUNT, f"used by {_listed(accounts)}", "ask them to use another image first")


def changed(what: str) -> str:
    return reason(Keep.CHANGED_MEANWHILE, what, "a later run looks again")


def unwilling(what: str, answer: Refusal) -> str:
    return reason(Keep.EC2_UNWILLING, f"EC2 did not {what} it: {answer}", "a later run asks again")


def usage_unknown(why: str) -> str:
    return reason(Keep.USAGE_UNKNOWN, f"EC2 makes no usage report: {why}", "grant the call, or see who denies it")


def is_recent(report: UsageReport, now: datetime) -> bool:
    return now - report.created_at < timedelta(hours=REPORT_HOURS)


PASSING = frozenset({Keep.USAGE_PENDING, Keep.CAP_REACHED, Keep.TOO_MANY, Keep.CHANGED_MEANWHILE, Keep.EC2_UNWILLING})
"""Reasons that nobody has objected with: what was announced stays announced."""


def is_passing(reason: str) -> bool:
    return reason.partition(":")[0] in PASSING


LISTED = 3


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
