"""Bugs of restoring: the plan, the budget and its turns, thawing, finishing, sharing, and requests sent again."""

from __future__ import annotations

from dataclasses import replace

from ami_archiver.restore import lifecycle
from ami_archiver.restore.model import RestoreOptions
from ami_archiver.sharing import Sharing
from tests.mutants.bug import bug

# The plan


@bug("restore.planning:why_not_restorable", "restore/test_obstacles.py")
def altered_object_is_restored(right, candidate, options, account):
    found, record = candidate.found, candidate.record
    if found and record:
        version = {"version_id": record.object_version_id, "etag": record.object_etag}
        found = replace(found, size_bytes=record.object_bytes, checksum=record.object_checksum, **version)
    return right(replace(candidate, found=found), options, account)


@bug("restore.planning:unencrypted", "restore/test_plan.py -k losing_encryption_is_refused_then_allowed")
def restored_image_loses_its_encryption_without_a_word(right, candidate, account):
    return None


@bug("restore.naming:free", "restore/test_plan.py -k taken_name_is_refused_and_says_by_which_image")
def name_that_is_taken_is_taken_again(right, names, taken):
    return next(names)


@bug("restore.steps.plan:plan_restore", "restore/test_queries.py -k repeated_plan_is_about_what_its_query_found_first")
def repeated_plan_asks_its_query_again(right, app, event, seconds_left):
    app.restores.request = lambda run_id: None
    return right(app, event, seconds_left)


@bug("restore.steps.plan:_Plan.__init__", "restore/test_plan.py -k dry_run_changes_nothing_but_leaves_its_summary")
def dry_run_plans_as_a_real_one(right, self, app, state, options):
    object.__setattr__(state, "dry_run", False)
    right(self, app, state, options)


@bug("restore.steps.plan:_has_to_look", "restore/test_leases.py -k restores_nothing_still_finishes_what_a_dead")
def what_a_dead_run_had_asked_for_is_left(right, app, state):
    return not state.dry_run and state.planned > 0


# The budget, the lease and the turns


@bug("adapters.ec2_restores:Ec2Restores.pending", "restore/test_restore_budget.py -k that_others_started_count")
def restores_of_others_are_not_counted(right, self):
    return [image for image in right(self) if image.restore_id]


@bug("restore.steps.restore_work:_sort_in", "restore/test_sent_again.py -k taken_over_counts_once_in_the_budget")
def image_that_is_taken_over_counts_twice(right, look, record, image, *, counts):
    return right(look, record, image, counts=True)


@bug("restore.steps.restore_work:RestoreWork._may_be_hidden", "restore/test_leases.py -k for_a_moment_is_not_gone")
def image_that_ec2_does_not_show_for_a_moment_is_gone(right, self, record):
    return False


@bug("restore.steps.lease:goes_before", "restore/test_turns.py -k had_no_turn_for_longest")
def runs_take_no_turns(right, run, others, now):
    return None


@bug("restore.steps.restore_images:_stands_still", "restore/test_leases.py -k after_the_limit_without_progress_ends")
def run_without_progress_never_ends(right, app, state):
    return False


@bug("restore.steps.restore_work:RestoreWork._look_at_object", "restore/test_plan.py -k altered_after_the_plan_is_not")
def object_is_not_looked_at_once_more_before_its_turn(right, self, record):
    return (self._app.bucket.head(record.object_key), None)


@bug("restore.steps.restore_work:RestoreWork.intend", "restore/test_leases.py -k restore_that_another_worker_has_moved")
def ec2_is_asked_for_a_restore_that_another_worker_moved(right, self, record, entry, figures):
    return right(self, record, entry, figures) or record


@bug("restore.steps.restore_work:RestoreWork._is_adopted", "restore/test_refusals.py -k an_earlier_attempt_of_the_step")
def image_of_an_earlier_attempt_is_not_adopted(right, self, record, image):
    return False


@bug("restore.lifecycle:move", "restore/test_restore_domain.py")
def restore_that_has_ended_moves_on(right, record, to, why, *, at, **changes):
    return lifecycle._step(record, to, why, at, changes)


# Thawing


@bug("restore.steps.thaw:why_altered_since_plan", "restore/test_thaw.py -k altered_since_the_plan_is_not")
def object_that_was_altered_since_the_plan_is_thawed(right, record, found):
    return None


# Finishing and sharing


@bug("restore.steps.finish:finish", "restore/test_every_failure.py -k says_under_which_name_and_what_to_do")
def failed_image_is_taken_for_restored(right, app, record, image, archived, confirmed):
    right(app, record, image and replace(image, state="available"), archived, confirmed)


@bug("sharing:sharing", "restore/test_sharing.py -k only_what_is_both_recorded_and_confirmed_is_shared")
def all_that_is_recorded_is_shared_again(right, recorded, confirmed):
    return Sharing(tuple(recorded), (), ())


@bug("sharing:sharing", "restore/test_sharing.py -k only_what_is_both_recorded_and_confirmed_is_shared")
def all_that_is_confirmed_is_shared(right, recorded, confirmed):
    return Sharing(tuple(confirmed), (), ())


@bug("sharing:permissions", "restore/test_sharing.py -k only_where_that_is_recorded_and_asked_for_by_itself")
def everybody_gets_it_without_a_word_of_its_own(right, share_with, share_publicly):
    return right(share_with, True)


@bug("restore.steps.finish:_share", "restore/test_sharing.py -k image_without_the_tag_of_its_restore_is_not_shared")
def image_that_is_not_this_restores_is_shared(right, app, record, image, *more):
    return right(app, record, replace(image, restore_id=record.restore_id), *more)


@bug("restore.steps.finish:finish", "restore/test_sharing.py -k who_writes_the_table_shares_nothing")
def image_is_shared_by_what_the_table_says(right, app, record, image, archived, confirmed):
    return right(app, record, image, archived, record.options.confirmed)


@bug("restore.steps.finish_restores:to_finish", "restore/test_sharing.py -k leaves_the_sharing_to_the_one_that_knows")
def another_run_ends_what_it_may_not_share(right, app, state, work, look):
    return list(look.ended)


@bug("restore.planning:pointable", "restore/test_restored_image.py -k only_those_that_still_point_at_the_original")
def any_ssm_parameter_is_pointed_at_the_restored_image(right, arn, prefixes):
    return True


@bug("adapters.services:SsmParameters.point", "restore/test_restored_image.py -k still_point_at_the_original")
def parameter_that_points_elsewhere_is_overwritten(right, self, arn, from_image_id, to_image_id):
    return right(self, arn, (self._read(arn) or {}).get("Value"), to_image_id)


@bug("restore.steps.finish:_note_in_history", "restore/test_restored_image.py -k restore_is_in_the_originals_history")
def restore_is_not_in_the_originals_history(right, *args):
    return None


@bug("restore.steps.report:report_restore", "restore/test_refusals.py -k it_is_the_role_where_every_restore_was_denied")
def role_that_may_restore_nothing_is_not_named(right, app, state):
    return right(app, replace(state, restores_denied=0))


@bug("restore.steps.report:_give_up", "restore/test_every_failure.py -k given_up_while_it_waits")
def what_still_waits_at_the_end_has_no_decision(right, app, state):
    return None


# A request that is sent again


@bug("restore.steps.takeover:to_take_over", "restore/test_sent_again.py -k pending_image_of_a_stopped_restore")
def image_of_a_stopped_restore_is_made_again(right, app, wanted, images, asked_at):
    return None


@bug("restore.steps.takeover:_reported_before", "restore/test_sent_again.py -k what_was_reported_is_a_new_wish")
def reported_image_is_taken_over(right, app, record, moment):
    return False


@bug("restore.steps.takeover:_what", "restore/test_sent_again.py -k other_wishes_makes_an_image_of_its_own")
def image_of_other_options_is_taken_over(right, record):
    return right(replace(record, options=RestoreOptions()))
