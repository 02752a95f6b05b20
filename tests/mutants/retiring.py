"""Bugs of letting originals go: each reason to keep one, the plan and its marks, the last look, settling, undoing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from ami_archiver.model import Status
from ami_archiver.retire.reasons import HOLD_TAG
from tests.mutants.bug import bug

EACH_REASON = "retire/test_each_reason.py"
SEEN = {}
"""What the first look has found, by image and action."""

# Each reason by itself


@bug("retire.reasons:by_record", EACH_REASON)
def original_goes_whatever_its_record_says(right, record, policy, action, now):
    status = Status.VERIFIED if action == "disable" else Status.DISABLED
    return right(replace(record, status=status), policy, action, now)


@bug("retire.reasons:due_at", EACH_REASON)
def original_goes_within_its_grace_period(right, record, policy, action):
    return datetime(2000, 1, 1, tzinfo=UTC)


@bug("retire.reasons:by_announcement", EACH_REASON)
def original_goes_before_the_announced_day(right, record, policy, action, image, now):
    return right(record, policy, action, image, now.replace(year=9000))


@bug("retire.reasons:by_object", EACH_REASON)
def what_cannot_be_compared_is_taken_for_proven(right, record, found, unreadable, bucket_key_arn):
    seen = found and replace(found, checksum=found.checksum or record.object_checksum)
    return right(record, seen, unreadable, bucket_key_arn)


@bug("retire.reasons:by_object", EACH_REASON)
def object_that_cannot_be_read_lets_the_original_go(right, record, found, unreadable, bucket_key_arn):
    return right(record, found, None, bucket_key_arn)


@bug("retire.reasons:by_image", EACH_REASON)
def hold_tag_is_ignored(right, image, *more):
    return right(replace(image, tags={key: image.tags[key] for key in image.tags if key != HOLD_TAG}), *more)


@bug("retire.reasons:by_group", EACH_REASON)
def one_too_few_of_the_newest_stay(right, image, newer, policy):
    return right(image, [*newer, image.image_id], policy)


@bug("retire.reasons:by_sharing", EACH_REASON)
def sharing_that_ec2_does_not_tell_is_taken_for_none(right, image, permissions, *more):
    return right(image, permissions or (), *more)


@bug("retire.reasons:by_locks", EACH_REASON)
def locked_snapshot_lets_the_original_go(right, locks):
    return right(locks and {})


@bug("retire.reasons:by_uses", EACH_REASON)
def image_in_use_goes(right, references, not_asked, policy):
    return right((), not_asked, policy)


@bug("retire.reasons:by_uses", EACH_REASON)
def use_that_could_not_be_asked_for_is_taken_for_none(right, references, not_asked, policy):
    return right(references, (), policy)


@bug("retire.reasons:is_recent", EACH_REASON)
def old_usage_report_is_believed(right, report, now):
    return True


@bug("retire.reasons:is_passing", EACH_REASON)
def announcement_outlives_an_objection(right, reason):
    return True


@bug("retire.moves:disabled", EACH_REASON)
def grace_period_goes_on_though_the_image_was_enabled_meanwhile(right, record, *args, **more):
    return replace(right(record, *args, **more), retirement=record.retirement)


# The plan: which policy, how many, marked


@bug("retire.reasons:by_policy", "retire/test_policy_in_force.py -k lets_nothing_go_any_more_keeps_what_is_planned")
def plan_goes_before_the_policy_in_force(right, name, policy, action):
    return None


@bug("retire.reasons:by_run", "retire/test_policy_in_force.py -k cap_that_is_lowered_after_the_plan_counts")
def cap_of_the_plan_goes_before_the_one_in_force(right, *args):
    return None


@bug("policy:RetireRules.has_room", "retire/test_caps.py -k run_disables_no_more_images_than_its_cap")
def one_original_more_than_the_cap_goes(right, self, images, gib, more_gib=0.0):
    return right(self, images - 1, gib, more_gib)


@bug("retire.steps.plan:stopped", "retire/test_caps.py -k more_than_the_allowed_share_of_the_account_s_images")
def any_share_of_the_accounts_images_goes(right, app, image_ids):
    return None


@bug("retire.steps.plan:_is_first_run", "retire/test_retirement.py -k first_run_of_a_newly_enabled_policy_only_says")
def first_run_of_a_policy_lets_originals_go(right, app, state, policy):
    return False


@bug("retire.steps.plan:Plan.__init__", "retire/test_looks.py -k dry_run_says_what_it_would_do")
def dry_run_marks(right, self, *args):
    right(self, *args)
    self._dry = set()


@bug("retire.reasons:by_marks", "retire/test_marks.py -k mark_that_somebody_takes_off_keeps_the_original")
def original_goes_without_a_mark(right, image, snapshots, shared, action):
    return None


@bug("adapters.ec2_originals:Ec2Originals.others_on", "retire/test_marks.py -k snapshot_that_another_image_uses_is_not")
def snapshot_of_another_image_is_marked(right, self, snapshot_ids, image_id):
    return set()


@bug("retire.steps.settle:keep", "retire/test_marks.py -k original_that_stays_loses_the_mark_of_an_older_night")
def original_that_stays_keeps_its_mark(right, *args, **more):
    return right(*args, **(more | {"marked": ()}))


@bug("retire.steps.step:_asks", "retire/test_approval.py -k nothing_goes_without_a_person_s_word")
def original_goes_without_the_word_that_its_policy_asks_for(right, app, name):
    return False


@bug("retire.steps.step:_why_not_approved", "retire/test_approval.py -k nothing_goes_without_a_person_s_word")
def no_is_taken_for_yes(right, state):
    return None


# The last look, the call, and what comes after it


@bug("retire.steps.inspect:Inspector.inspect", "retire/test_races.py -k happens_between_plan_and_call_keeps")
def call_goes_by_what_the_plan_saw(right, self, candidates):
    return [
        SEEN.setdefault((one.candidate.record.image_id, one.candidate.action), one) for one in right(self, candidates)
    ]


@bug("retire.steps.act:Act._is_ours", "retire/test_two_workers.py -k another_worker_writes_while_all_is_looked_at")
def call_is_made_though_another_worker_has_written_the_record(right, self, record):
    return True


@bug("retire.moves:shared_with", "retire/test_undone.py -k launch_permissions_come_back_from_the_record")
def sharing_is_not_recorded_before_an_image_is_disabled(right, record, permissions, **more):
    return record


@bug("retire.steps.settle:settle", "retire/test_looks.py -k disabled_image_of_a_crashed_run_is_recorded")
def call_of_a_run_that_died_is_never_recorded(right, app, state, record, image):
    return record


@bug("retire.steps.settle:_delete", "retire/test_snapshots_left.py -k without_the_mark_is_not_deleted_whatever")
def what_the_table_says_is_enough_to_delete_a_snapshot(right, app, record, snapshot_id):
    return app.originals.delete_snapshot(snapshot_id)


@bug("adapters.ec2_originals:Ec2Originals.tag", "retire/test_undone.py -k disabled_original_is_enabled_and_stays")
def original_that_was_brought_back_is_not_on_hold(right, self, resource_ids, key, value):
    return None if key == HOLD_TAG else right(self, resource_ids, key, value)
