"""Why an original stays: pure, one function for each thing that is looked at; None from all of them lets it go.

Each reason begins with a name, says what was found, naming it, and what a person can do about it. It has no
figure that changes by itself, so that a record is written only when something has changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from ami_archiver.failures import reason
from ami_archiver.model import (
    Action,
    ArchiveRecord,
    Decision,
    DecisionLine,
    Image,
    Refusal,
    Snapshot,
    Status,
    StoredObject,
)
from ami_archiver.policy import Policy, UseKind
from ami_archiver.retire.model import UsageReport
from ami_archiver.sharing import PUBLIC
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
STATUS_BEFORE = {Action.DEREGISTER: Status.DISABLED, Action.DISABLE: Status.VERIFIED}
"""Deregistering first: those have waited longer."""
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


def by_policy(name: str, policy: Policy | None, action: Action) -> str | None:
    """The policy in force does not let originals go so far."""
    if policy is None:
        return reason(Keep.NOT_ALLOWED, f"there is no policy {name!r} any more", "if it may go, configure it again")
    if policy.paused:
        return reason(Keep.NOT_ALLOWED, f"policy {name!r} is paused", "if it may go, end the pause")
    if policy.original != "retire" and (policy.original == "keep" or action is Action.DEREGISTER):
        needed = '"retire"' if action is Action.DEREGISTER else '"disable" or "retire"'
        what = f"policy {name!r} says original = \"{policy.original}\", and '{action}' needs {needed}"
        return reason(Keep.NOT_ALLOWED, what, "if it may go, change that")
    return None


class Taken:
    """What a run lets go, or announces, of each policy: what its caps are about. Each image counts once."""

    def __init__(self, lines: Iterable[DecisionLine] = ()) -> None:
        self._image_ids: set[str] = set()
        self._sums: dict[tuple[str, bool], tuple[int, float]] = {}
        for line in lines:
            self.add(line)

    def __contains__(self, image_id: str) -> bool:
        return image_id in self._image_ids

    def add(self, line: DecisionLine) -> None:
        if line.decision is not Decision.KEPT and line.image_id not in self._image_ids:
            self._image_ids.add(line.image_id)
            announced = line.decision is Decision.ANNOUNCED
            images, gib = self.of(line.policy, announced=announced)
            self._sums[line.policy, announced] = images + 1, gib + line.gib

    def of(self, policy: str, *, announced: bool = False) -> tuple[int, float]:
        """(images, GiB). Announcements have a cap of their own, of the same size."""
        return self._sums.get((policy, announced), (0, 0.0))


def by_run(policy: Policy, planned_for: str, taken: Taken, more_gib: float) -> str | None:
    """The policy says something else than the run has planned for, or its caps leave no room for it."""
    if policy.original != planned_for:
        what = f'policy {policy.name!r} says original = "{policy.original}" since this run began'
        return reason(Keep.NOT_ALLOWED, what, "the next run says what it would do, and the one after that does it")
    images, gib = taken.of(policy.name)
    if not policy.retire.has_room(images, gib, more_gib):
        what = f"this run has let {images} originals of {gib:g} GiB go, all that policy {policy.name!r} allows"
        return reason(Keep.CAP_REACHED, what, "a later run goes on")
    return None


def by_marks(image: Image, snapshots: Mapping[str, Snapshot], shared: Collection[str], action: Action) -> str | None:
    """The image, or a snapshot that goes with it, has no mark of the plan. One that is disabled needs none to be
    disabled: EC2 is not asked."""
    if is_done(image, action):
        return None
    marked: dict[str, Mapping[str, str]] = {f"image {image.image_id}": image.tags}
    if action is Action.DEREGISTER:
        marked |= {f"snapshot {one}": each.tags for one, each in snapshots.items() if one not in shared}
    name = next((name for name, tags in marked.items() if MARKS[action] not in tags), None)
    if name is None:
        return None
    return reason(Keep.NOT_MARKED, f"{name} has no tag {MARKS[action]}", "the next run marks it if it may go")


def is_done(image: Image, action: Action) -> bool:
    """Whether somebody has done it already, so that EC2 need not be asked."""
    return action is Action.DISABLE and image.state == "disabled"


def marks_off(*, disabled: bool) -> frozenset[str]:
    """The marks that an image which stays must not have. A disabled one keeps the mark by which it was disabled: IAM
    lets undo enable and share no other image."""
    return frozenset(MARKS.values()) - ({MARKS[Action.DISABLE]} if disabled else set())


def is_marked(image: Image | None, snapshots: Mapping[str, Snapshot]) -> bool:
    """Whether an image that stays, or a snapshot of it, has a mark that it must not have."""
    if image is None:
        return False
    off = marks_off(disabled=image.state == "disabled")
    return bool(image.tags.keys() & off) or any(MARKS[Action.DEREGISTER] in each.tags for each in snapshots.values())


def due_at(record: ArchiveRecord, policy: Policy, action: Action) -> datetime | None:
    """When the grace period before the action ends; None: it has not begun."""
    since = record.verified_at if action is Action.DISABLE else record.retirement.disabled_at
    return since + grace(policy, action) if since is not None else None


def grace(policy: Policy, action: Action) -> timedelta:
    rules = policy.retire
    return timedelta(days=rules.after_verified_days if action is Action.DISABLE else rules.after_disabled_days)


def by_record(record: ArchiveRecord, policy: Policy, action: Action, now: datetime) -> str | None:
    """The record does not say that the archive is whole, or that the grace period is over."""
    needed = STATUS_BEFORE[action]
    if record.status is not needed:
        return reason(Keep.NOT_VERIFIED, f"its record is {record.status}, not {needed}", "a later run looks again")
    due = due_at(record, policy, action)
    if due is None or now < due:
        until = f"until {due:%Y-%m-%d %H:%M} UTC" if due else "from the day on which it is disabled"
        return reason(Keep.GRACE_PERIOD, f"its grace period before '{action}' lasts {until}", "a later run looks again")
    return None


def is_announced(record: ArchiveRecord, policy: Policy, action: Action, image: Image | None) -> bool:
    """Whether the action was announced, if the policy asks for that, and the image says so: its tag is the notice."""
    if policy.retire.approval != "notify":
        return True
    retirement = record.retirement
    if retirement.announced is not action or retirement.retire_on is None or image is None:
        return False
    return image.tags.get(RETIRE_ON_TAG) == f"{retirement.retire_on:%Y-%m-%d}"


def by_announcement(
    record: ArchiveRecord, policy: Policy, action: Action, image: Image | None, now: datetime
) -> str | None:
    """With `notify`, it was not announced, or the announced day has not come."""
    on = record.retirement.retire_on
    if not is_announced(record, policy, action, image):
        return reason(Keep.ANNOUNCED, f"'{action}' is not announced yet", "a later run announces it")
    if policy.retire.approval == "notify" and on is not None and now < on:
        what = f"'{action}' is announced for {on:%Y-%m-%d}"
        return reason(Keep.ANNOUNCED, what, f"to object, tag the image {HOLD_TAG}")
    return None


def by_object(
    record: ArchiveRecord, found: StoredObject | None, unreadable: str | None, bucket_key_arn: str
) -> str | None:
    """The object is not there now, whole and readable, as it was recorded. What cannot be compared is not proven."""
    to_do = "repair the archive first; nothing else holds this image once it is retired"
    what = why_altered(record, found, missing_counts=True)
    if what is None and found is not None:
        what = why_not_whole(record.image_id, found, bucket_key_arn)
    if what is not None:
        return reason(Keep.OBJECT_NOT_WHOLE, what, to_do)
    if unreadable is not None:
        return reason(Keep.OBJECT_UNREADABLE, f"object {record.object_key} cannot be read: {unreadable}", to_do)
    return None


def object_hidden(record: ArchiveRecord, what: str) -> str:
    """What cannot be looked at is not proven either."""
    to_do = "grant it to the function's role, or see who denies it"
    return reason(Keep.OBJECT_UNREADABLE, f"object {record.object_key} could not be looked at: {what}", to_do)


def original_gone() -> str:
    what = "the image no longer exists, and the archiver did not deregister it"
    to_do = "see in CloudTrail who deregistered it; the archive has it, and a restore brings it back"
    return reason(Keep.ORIGINAL_GONE, what, to_do)


def by_image(image: Image, policy: Policy, action: Action, now: datetime, account_id: str) -> str | None:
    """The original is not ours, not meant by its policy any more, or somebody holds on to it."""
    if image.owner_id != account_id:
        return reason(Keep.NOT_OWNED, f"the image is owned by account {image.owner_id}", "its owner may retire it")
    not_selected = policy.excluding_tag(image)
    if not policy.selects(image):
        not_selected = f"policy {policy.name!r} does not select it any more, by its tags or its name"
    if not_selected:
        return reason(Keep.NOT_SELECTED, not_selected, f"if it may go, let policy {policy.name!r} select it again")
    if image.state == "available" and action is Action.DEREGISTER:
        what = "somebody has enabled the image again after the archiver had disabled it"
        to_do = "if it may go after all, disable it; its grace period then starts again"
        return reason(Keep.ENABLED_AGAIN, what, to_do)
    if image.state not in ("available", "disabled"):
        return reason(Keep.STATE, f"the image is {image.state}", "a later run looks again")
    if image.deregistration_protection != "disabled":
        what = f"its deregistration protection is {image.deregistration_protection}"
        return reason(Keep.PROTECTED, what, "disable the protection if it may go")
    if HOLD_TAG in image.tags:
        what = f"it has the tag {HOLD_TAG}={image.tags[HOLD_TAG]}"
        return reason(Keep.ON_HOLD, what, "take the tag off if it may go")
    launched, days = image.last_launched_at, policy.retire.not_launched_days
    if launched is not None and now - launched < timedelta(days=days):
        what = f"it was launched on {launched:%Y-%m-%d}, and the policy keeps an image for {days:g} days after a launch"
        return reason(Keep.RECENTLY_LAUNCHED, what, "a later run looks again")
    return None


def by_group(image: Image, newer: Collection[str], policy: Policy) -> str | None:
    """There are not enough newer available images of its group: `newer` are those seen just now."""
    group, wanted = policy.group_of(image), policy.retire.keep_newest
    if group is None or len(newer) >= wanted:
        return None
    what = f"it is among the newest {wanted} of group {group!r}"
    return reason(Keep.AMONG_NEWEST, what, "wait for a newer image of the group")


def by_sharing(image: Image, permissions: Sequence[str] | None, policy: Policy, account_id: str) -> str | None:
    """Somebody else may launch it, and the policy does not let shared images go."""
    if permissions is None:
        return reason(Keep.SHARING_UNKNOWN, "EC2 did not say with whom it is shared", "a later run asks again")
    others = [one for one in permissions if one != f"user:{account_id}"]
    if image.public and PUBLIC not in others:
        others.append(PUBLIC)
    if not others or policy.retire.allow_shared:
        return None
    to_do = "end the sharing, or let the policy say retire.allow_shared"
    return reason(Keep.SHARED, f"it is shared with {_listed(others)}", to_do)


def by_locks(locks: Mapping[str, str] | None) -> str | None:
    """A snapshot is locked."""
    if locks is None:
        return reason(Keep.LOCKS_UNKNOWN, "EC2 did not say which snapshots are locked", "a later run asks again")
    for snapshot_id, state in sorted(locks.items()):
        return reason(Keep.SNAPSHOT_LOCKED, f"snapshot {snapshot_id} is locked ({state})", "wait for the lock to end")
    return None


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


def by_uses(references: Sequence[str], not_asked: Collection[UseKind], policy: Policy) -> str | None:
    """Something in this account refers to it, or might and could not be asked, and the policy does not ignore that."""
    if references:
        return reason(Keep.IN_USE, f"used by {_listed(references)}", "change it to another image first")
    unknown = [kind for kind in UseKind if kind in not_asked and kind not in policy.retire.ignore_unknown_uses]
    if not unknown:
        return None
    words = ", ".join(ASKED_BY[kind][0] for kind in unknown)
    actions = ", ".join(sorted({action for kind in unknown for action in ASKED_BY[kind][1]}))
    names = ", ".join(f'"{kind}"' for kind in unknown)
    to_do = (
        f"grant {actions} to RetireImages, or see who denies it; "
        f"or let the policy say retire.ignore_unknown_uses = [{names}]"
    )
    return reason(Keep.USE_UNKNOWN, f"it could not be asked which {words} use it", to_do)


def by_usage(accounts: Sequence[str]) -> str | None:
    """EC2's usage report names another account."""
    if not accounts:
        return None
    return reason(Keep.USED_BY_ACCOUNT, f"used by {_listed(accounts)}", "ask them to use another image first")


def usage_unknown(refusal: Refusal) -> str:
    what = f"EC2 makes no usage report: {refusal}"
    return reason(Keep.USAGE_UNKNOWN, what, "grant the call, or see who denies it")


def is_recent(report: UsageReport, now: datetime) -> bool:
    return now - report.created_at < timedelta(hours=REPORT_HOURS)


def changed(what: str) -> str:
    return reason(Keep.CHANGED_MEANWHILE, what, "a later run looks again")


WRITTEN_BY_ANOTHER = changed("somebody else has just written its record")


def refused(verb: str, refusal: Refusal) -> str:
    return reason(Keep.EC2_UNWILLING, f"EC2 did not {verb} it: {refusal}", "a later run asks again")


PASSING = frozenset({Keep.USAGE_PENDING, Keep.CAP_REACHED, Keep.TOO_MANY, Keep.CHANGED_MEANWHILE, Keep.EC2_UNWILLING})
"""Reasons that nobody has objected with: what was announced stays announced."""


def is_passing(reason: str) -> bool:
    return reason.partition(":")[0] in PASSING


LISTED = 3


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
