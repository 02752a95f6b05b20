"""Bugs of restoring: the plan, the budget and its turns, thawing, finishing, sharing, and requests sent again."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

from ami_archiver.model import Refusal
from ami_archiver.restore import lifecycle
from ami_archiver.restore.model import RestoreOptions
from ami_archiver.sharing import Sharing
from tests.mutants.bug import Function, bug

# The plan


@bug("restore.planning:why_not_restorable", "restore/test_obstacles.py")
def altered_object_is_restored(right: Function) -> Function:
    def spoiled(candidate, options, account):
        found, record = candidate.found, candidate.record
        if found and record:
            version = {"version_id": record.object_version_id, "etag": record.object_etag}
            found = replace(found, size_bytes=record.object_bytes, checksum=record.object_checksum, **version)
        return right(replace(candidate, found=found), options, account)

    return spoiled


@bug("restore.planning:unencrypted", "restore/test_plan.py -k losing_encryption_is_refused_then_allowed")
def restored_image_loses_its_encryption_without_a_word(right: Function) -> Function:
    return lambda candidate, account: None


@bug("restore.planning:why_not_restorable", "restore/test_plan.py -k object_in_another_regions_bucket_is_refused")
def object_in_another_bucket_is_looked_for_in_this_one(right: Function) -> Function:
    def spoiled(candidate, options, account):
        record = candidate.record and replace(candidate.record, bucket=account.bucket_name)
        return right(replace(candidate, record=record), options, account)

    return spoiled


@bug("restore.planning:NOT_ARCHIVED_YET", "restore/test_plan.py -k image_that_is_not_archived_is_refused")
def image_that_is_not_archived_yet_is_restored(right: frozenset) -> frozenset:
    return frozenset()


@bug("restore.planning:MAX_TAGS_OF_AN_IMAGE", "restore/test_obstacles.py")
def more_tags_are_asked_for_than_ec2_takes(right: int) -> int:
    return 100


@bug("restore.planning:_of_record", "restore/test_restored_image.py -k what_licence_and_product_codes_mean")
def what_will_differ_is_not_said(right: Function) -> Function:
    return lambda record, options, account: []


@bug("restore.planning:NewestOfGroups.add", "restore/test_queries.py")
def query_finds_all_of_a_group(right: Function) -> Function:
    def spoiled(self, record):
        self._query = replace(self._query, newest_per_group=False)
        right(self, record)

    return spoiled


@bug("restore.naming:free", "restore/test_plan.py -k taken_name_is_refused_and_says_by_which_image")
def name_that_is_taken_is_taken_again(right: Function) -> Function:
    return lambda names, taken: next(names)


@bug("restore.steps.plan:_written", "restore/test_plan.py -k plan_goes_on_where_an_invocation_had_to_stop")
def rest_of_a_long_plan_is_forgotten(right: Function) -> Function:
    return lambda app, run_id: (right(app, run_id)[0], [])


@bug("restore.steps.plan:plan_restore", "restore/test_queries.py -k repeated_plan_is_about_what_its_query_found_first")
def repeated_plan_asks_its_query_again(right: Function) -> Function:
    def spoiled(app, event, seconds_left):
        app.restores.request = lambda run_id: None
        return right(app, event, seconds_left)

    return spoiled


@bug("restore.steps.plan:_Plan.entries_of", "restore/test_plan.py -k dry_run_changes_nothing_but_leaves_its_summary")
def dry_run_is_looked_at_like_a_real_one(right: Function) -> Function:
    def spoiled(self, records):
        raise AssertionError("a dry run has no entries")

    return spoiled


@bug(
    "restore.steps.plan:_has_to_look", "restore/test_leases.py -k run_that_restores_nothing_still_finishes_what_a_dead"
)
def what_a_dead_run_had_asked_for_is_left(right: Function) -> Function:
    return lambda app, state: not state.dry_run and state.planned > 0


# The budget, the lease and the turns


@bug(
    "adapters.ec2_restores:Ec2Restores.pending", "restore/test_restore_budget.py -k restores_that_others_started_count"
)
def restores_of_others_are_not_counted(right: Function) -> Function:
    return lambda self: [image for image in right(self) if image.restore_id]


@bug(
    "adapters.ec2_restores:Ec2Restores.pending", "restore/test_restore_budget.py -k made_of_an_instance_does_not_count"
)
def image_that_is_made_of_an_instance_counts(right: Function) -> Function:
    return lambda self: [replace(image, made_of_instance=False) for image in right(self)]


@bug("restore.steps.restore_work:_sort_in", "restore/test_sent_again.py -k taken_over_counts_once_in_the_budget")
def image_that_is_taken_over_counts_twice(right: Function) -> Function:
    return lambda look, record, image, *, counts: right(look, record, image, counts=True)


@bug("restore.steps.restore_work:RestoreWork._may_be_hidden", "restore/test_leases.py -k for_a_moment_is_not_gone")
def image_that_ec2_does_not_show_for_a_moment_is_gone(right: Function) -> Function:
    return lambda self, record: False


@bug("restore.steps.lease:held", "restore/test_leases.py -k while_another_run_has_the_lease_nothing_is_called")
def two_runs_fill_the_budget_at_once(right: Function) -> Function:
    @contextmanager
    def spoiled(app, state):
        yield app.restore_leases.read()

    return spoiled


@bug("restore.steps.lease:drop_ended", "restore/test_leases.py -k what_has_ended_is_off_the_lease_after_the_next_look")
def what_has_ended_stays_on_the_restores_lease(right: Function) -> Function:
    return lambda *args: None


@bug("restore.steps.lease:goes_before", "restore/test_turns.py -k large_run_does_not_starve_a_small_one")
def runs_take_no_turns(right: Function) -> Function:
    return lambda run, others, now: None


@bug("restore.steps.lease:LATE", "restore/test_turns.py -k run_that_was_stopped_while_it_waited_keeps_nobody_waiting")
def run_that_comes_no_more_is_waited_for(right: object) -> object:
    return right * 1000


@bug(
    "restore.steps.restore_images:_stands_still", "restore/test_leases.py -k look_after_the_limit_without_progress_ends"
)
def run_without_progress_never_ends(right: Function) -> Function:
    return lambda app, state: False


@bug("restore.steps.restore_work:RestoreWork._look_at_object", "restore/test_plan.py -k altered_after_the_plan_is_not")
def object_is_not_looked_at_once_more_before_its_turn(right: Function) -> Function:
    return lambda self, record: (self._app.bucket.head(record.object_key), None)


@bug("restore.steps.restore_work:RestoreWork.intend", "restore/test_leases.py -k restore_that_another_worker_has_moved")
def ec2_is_asked_for_a_restore_that_another_worker_moved(right: Function) -> Function:
    return lambda self, record, entry, figures: right(self, record, entry, figures) or record


@bug("restore.steps.restore_work:RestoreWork._is_adopted", "restore/test_refusals.py -k an_earlier_attempt_of_the_step")
def image_of_an_earlier_attempt_is_not_adopted(right: Function) -> Function:
    return lambda self, record, image: False


@bug("adapters.ec2_restores:Ec2Restores.start", "restore/test_refusals.py -k throttling_is_waited_out_ever_longer")
def throttled_restore_is_given_up(right: Function) -> Function:
    def spoiled(*args):
        answer = right(*args)
        return replace(answer, own_fault=True, throttled=False) if isinstance(answer, Refusal) else answer

    return spoiled


@bug("restore.lifecycle:call_refused", "restore/test_restore_domain.py")
def one_call_more_is_made_than_allowed(right: Function) -> Function:
    return lambda record, failure, what, allowed, *, at: right(record, failure, what, allowed + 1, at=at)


@bug("restore.lifecycle:move", "restore/test_restore_domain.py")
def restore_that_has_ended_moves_on(right: Function) -> Function:
    return lambda record, to, why, *, at, **changes: lifecycle._step(record, to, why, at, changes)


# Thawing


@bug("restore.planning:why_not_thawable", "restore/test_thaw.py -k speed_that_the_class_does_not_have_is_refused")
def any_speed_is_asked_of_any_storage_class(right: Function) -> Function:
    return lambda frozen_class, tier: None


@bug("restore.planning:look_at", "restore/test_thaw.py -k waits_as_long_as_aws_documents_in_few_transitions")
def thaw_is_looked_at_all_the_time(right: Function) -> Function:
    return lambda frozen_class, tier, asked_at, now, minimum_seconds: now


@bug(
    "restore.steps.thaw:why_altered_since_plan", "restore/test_thaw.py -k object_that_was_altered_since_the_plan_is_not"
)
def object_that_was_altered_since_the_plan_is_thawed(right: Function) -> Function:
    return lambda record, found: None


@bug("adapters.s3_bucket:S3ArchiveBucket.thaw", "restore/test_thaw.py -k expedited_retrieval_without_capacity_becomes")
def lack_of_expedited_capacity_fails_the_restore(right: Function) -> Function:
    def spoiled(self, key, days, tier):
        code = right(self, key, days, tier)
        return code and "ServiceUnavailable"

    return spoiled


# Finishing and sharing


@bug("restore.steps.finish:finish", "restore/test_every_failure.py -k says_under_which_name_and_what_to_do")
def failed_image_is_taken_for_restored(right: Function) -> Function:
    def spoiled(app, record, image, archived, confirmed):
        right(app, record, image and replace(image, state="available"), archived, confirmed)

    return spoiled


@bug("sharing:sharing", "restore/test_sharing.py -k only_what_is_both_recorded_and_confirmed_is_shared")
def all_that_is_recorded_is_shared_again(right: Function) -> Function:
    return lambda recorded, confirmed: Sharing(tuple(recorded), (), ())


@bug("sharing:sharing", "restore/test_sharing.py -k only_what_is_both_recorded_and_confirmed_is_shared")
def all_that_is_confirmed_is_shared(right: Function) -> Function:
    return lambda recorded, confirmed: Sharing(tuple(confirmed), (), ())


@bug("sharing:permissions", "restore/test_sharing.py -k only_where_that_is_recorded_and_asked_for_by_itself")
def everybody_gets_it_without_a_word_of_its_own(right: Function) -> Function:
    return lambda share_with, share_publicly: right(share_with, True)


@bug("restore.steps.finish:_share", "restore/test_sharing.py -k image_without_the_tag_of_its_restore_is_not_shared")
def image_that_is_not_this_restores_is_shared(right: Function) -> Function:
    return lambda app, record, image, *more: right(app, record, replace(image, restore_id=record.restore_id), *more)


@bug("restore.steps.finish:finish", "restore/test_sharing.py -k who_writes_the_table_shares_nothing")
def image_is_shared_by_what_the_table_says(right: Function) -> Function:
    return lambda app, record, image, archived, confirmed: right(app, record, image, archived, record.options.confirmed)


@bug("restore.steps.finish_restores:to_finish", "restore/test_sharing.py -k leaves_the_sharing_to_the_one_that_knows")
def another_run_ends_what_it_may_not_share(right: Function) -> Function:
    return lambda app, state, work, look: list(look.ended)


@bug("restore.planning:pointable", "restore/test_restored_image.py -k only_those_that_still_point_at_the_original")
def any_ssm_parameter_is_pointed_at_the_restored_image(right: Function) -> Function:
    return lambda arn, prefixes: True


@bug("adapters.services:SsmParameters._read", "restore/test_restored_image.py -k still_point_at_the_original")
def parameter_that_points_elsewhere_is_overwritten(right: Function) -> Function:
    return lambda self, arn: right(self, arn) | {"Value": self._expected}


@bug("restore.steps.finish:_note_in_history", "restore/test_restored_image.py -k restore_is_in_the_originals_history")
def restore_is_not_in_the_originals_history(right: Function) -> Function:
    return lambda *args: None


@bug("restore.tags:tags_of", "restore/test_restored_image.py -k image_and_snapshots_say_where_they_come_from")
def tags_that_were_asked_for_replace_the_restores_own(right: Function) -> Function:
    return lambda record, at: right(record, at) | record.options.tags


@bug("restore.steps.report:report_restore", "restore/test_refusals.py -k it_is_the_role_where_every_restore_was_denied")
def role_that_may_restore_nothing_is_not_named(right: Function) -> Function:
    return lambda app, state: right(app, replace(state, restores_denied=0))


@bug("restore.steps.report:_give_up", "restore/test_every_failure.py -k says_under_which_name_and_what_to_do")
def what_still_waits_at_the_end_has_no_decision(right: Function) -> Function:
    return lambda app, state: None


# A request that is sent again


@bug("restore.steps.takeover:to_take_over", "restore/test_sent_again.py -k pending_image_of_a_stopped_restore")
def image_of_a_stopped_restore_is_made_again(right: Function) -> Function:
    return lambda app, wanted, images, asked_at: None


@bug("restore.steps.takeover:_reported_before", "restore/test_sent_again.py -k what_was_reported_is_a_new_wish")
def reported_image_is_taken_over(right: Function) -> Function:
    return lambda app, record, moment: False


@bug(
    "restore.steps.takeover:_what", "restore/test_sent_again.py -k request_with_other_wishes_makes_an_image_of_its_own"
)
def image_of_other_options_is_taken_over(right: Function) -> Function:
    return lambda record: right(replace(record, options=RestoreOptions()))


@bug("restore.steps.takeover:_what", "restore/test_sent_again.py -k another_version_of_the_object_makes_an_image")
def image_of_another_version_is_taken_over(right: Function) -> Function:
    return lambda record: right(replace(record, object_version_id=None))


@bug("restore.steps.takeover:USABLE", "restore/test_sent_again.py -k image_that_failed_meanwhile_is_made_anew")
def failed_image_is_taken_over(right: tuple[str, ...]) -> tuple[str, ...]:
    return (*right, "failed")
