"""Bugs of selecting, storing, settling, reporting and watching."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from ami_archiver import lifecycle
from ami_archiver.errors import AccessDenied, ArchiverError, LeaseLost
from ami_archiver.model import Status
from ami_archiver.run_state import Next, Outcome
from tests.mutants.bug import bug

# Selection


@bug("selection:owner_of", "unit/test_selection.py")
def first_policy_does_not_own_its_images(right, image, policies):
    return None


@bug("selection:NewestOfGroups.__init__", "unit/test_selection.py -k holds_exactly_the_newest")
def one_too_few_of_the_newest_are_kept_back(right, self, count):
    right(self, count - 1)


@bug("selection:_restored", "restore/test_restored_image.py -k restored_image_is_not_archived_anew_though_it_has_its")
def restored_image_is_archived_anew(right, image):
    return None


@bug("selection:Cap.refusal", "steps/test_windows_and_caps.py -k dry_run_respects_the_cap")
def cap_is_ignored(right, self, policy, gib):
    return None


@bug("policy:Policy.selects", "unit/test_policy.py")
def image_without_the_policys_tags_is_selected(right, self, image):
    return right(replace(self, tags={}), image)


@bug("policy:Policy.excluding_tag", "unit/test_policy.py")
def excluding_tag_is_ignored(right, self, image):
    return None


@bug("eligibility:why_not_storable", "unit/test_eligibility.py")
def image_of_another_account_is_stored(right, image, snapshots, account_id):
    return right(replace(image, owner_id=account_id), snapshots, account_id)


@bug("steps.select:_Selection.__init__", "steps/test_windows_and_caps.py -k dry_run_decides_and_counts_but_records_and")
def dry_run_writes(right, self, app, policy, state, *, working):
    return right(self, app, policy, replace(state, dry_run=False), working=working)


@bug("adapters.ec2_images:Ec2Images.pages", "steps/test_selection_step.py -k with_time_left_goes_through_all_pages_at")
def first_page_of_images_only(right, *args):
    return islice(right(*args), 1)


@bug("steps.adopt:with_launch_permissions", "steps/test_selection_step.py -k what_a_restore_needs_is_recorded_before")
def whom_the_image_is_shared_with_is_not_recorded(right, app, record):
    return record.facts


@bug("inventory:Inventory.has_recorded", "unit/test_inventory.py")
def altered_object_is_found_as_recorded(right, self, record):
    return self.has_image(record.image_id)


# What may start: the account's budget


@bug("admission:_has_room", "unit/test_admission.py")
def budget_is_compared_with_at_most(right, in_flight_gib, budget_gib):
    return in_flight_gib <= budget_gib


@bug("admission:next_start", "unit/test_admission.py")
def image_larger_than_the_budget_never_starts(right, in_flight_gib, budget_gib, rule, largest):
    entry = right(in_flight_gib, budget_gib, rule, largest)
    return entry if entry and entry.snapshot_gib <= budget_gib else None


@bug("admission:next_start", "unit/test_admission.py")
def strict_rule_is_not_kept(right, in_flight_gib, budget_gib, rule, largest):
    return right(in_flight_gib, budget_gib, "aws", largest)


@bug("steps.store_work:StoreWork.in_flight", "steps/test_budget.py -k foreign_tasks_are_counted_together_with_ours")
def tasks_of_others_are_not_counted(right, self):
    return [task for task in right(self) if task.image_id in self._ours]


@bug("engine:Filling._see", "unit/test_engine.py")
def what_others_start_meanwhile_is_not_counted(right, self, shown):
    return None


@bug("engine:Filling._refused", "unit/test_engine.py")
def refusal_for_the_budget_is_blamed_on_the_image(right, self, record, refusal):
    return right(self, record, replace(refusal, own_fault=not refusal.throttled))


@bug("engine:Filling._judge_ambiguous", "unit/test_engine.py")
def refused_image_is_blamed_though_a_task_has_ended_since(right, self):
    self._ambiguous = [replace(one, in_flight=frozenset()) for one in self._ambiguous]
    right(self)


@bug("engine:Filling._choose", "unit/test_engine.py")
def room_that_a_denied_image_leaves_stays_empty(right, self, reader):
    return [] if self.denied else right(self, reader)


@bug("engine:in_turn", "unit/test_engine.py")
def refused_image_is_first_at_every_look(right, records, look):
    return right(records, 0)


# Storing


@bug("steps.store_work:StoreWork.announce", "steps/test_stopped_runs.py -k goes_on_after_the_stop_starts_only_what_it")
def what_is_started_is_not_put_on_the_lease(right, self, entry_ids):
    return None


@bug("steps.store_work:StoreWork.intend", "steps/test_repeated_steps.py -k is_written_and_the_queue_left_before_ec2_is")
def ec2_is_asked_before_the_intention_is_written(right, self, record, entry, figures):
    self.start(record)
    return right(self, record, entry, figures)


@bug("steps.store_work:StoreWork.intend", "steps/test_repeated_steps.py -k ec2_is_not_asked_where_somebody_else_has")
def ec2_is_asked_though_somebody_else_wrote_the_intention(right, self, record, entry, figures):
    return right(self, record, entry, figures) or record


@bug("steps.store_work:StoreWork.is_settled", "steps/test_denied.py -k denied_image_that_is_being_stored_already_is")
def refusal_is_judged_without_looking_for_the_images_task(right, self, record, refusal):
    return False


@bug("steps.store_work:StoreWork._may_be_there", "steps/test_denied.py -k store_whose_object_may_not_be_looked_at_is")
def object_that_may_not_be_looked_at_is_taken_for_missing(right, self, key):
    try:
        return self._app.bucket.head(key) is not None
    except AccessDenied:
        return False


@bug("steps.store_work:StoreWork._is_in_the_bucket", "steps/test_denied.py -k image_whose_object_is_in_the_bucket_is")
def denied_image_is_failed_though_its_object_is_in_the_bucket(right, self, record):
    return False


@bug("adapters.ec2_store_tasks:Ec2StoreTasks.start", "steps/test_a_night.py -k object_carries_the_image_and_the_policy")
def object_is_not_tagged(right, self, image_id, bucket, prefix, tags):
    return right(self, image_id, bucket, prefix, {})


@bug("adapters.ec2_store_tasks:Ec2StoreTasks.start", "steps/test_failures.py -k store_waits_ever_longer_and_counts_no")
def throttling_is_blamed_on_the_image(right, *args):
    refusal = right(*args)
    return refusal and replace(refusal, own_fault=True, throttled=False)


@bug("adapters.ec2_store_tasks:_task", "steps/test_open_questions.py -k task_is_known_for_ours_though_somebody_stores")
def task_of_another_bucket_is_taken_for_ours(right, raw):
    return replace(right(raw), bucket="archive-bucket")


@bug("waiting:seconds_to_wait", "steps/test_failures.py -k throttled_store_waits_ever_longer_and_counts_no_attempt")
def wait_does_not_grow_while_ec2_takes_nothing(right, *args, **more):
    return right(*args, **(more | {"refused_looks": 0}))


@bug("steps.store_images:store_images", "steps/test_failures.py -k ends_the_run_at_its_limit_and_the_next_run_takes_it")
def run_with_a_hung_task_never_ends(right, app, state):
    after, metrics = right(app, replace(state, started_at=app.clock.now().isoformat()))
    return replace(after, started_at=state.started_at), metrics


# Settling and verifying


@bug("verification:why_not_whole", "steps/test_bad_input.py -k object_that_is_not_the_store_that_was_asked_for_is")
def object_of_another_image_is_verified(right, image_id, found, bucket_key_arn):
    return right(image_id, replace(found, tags={}), bucket_key_arn)


@bug("verification:why_not_whole", "steps/test_adoption.py -k that_is_not_the_images_archive_fails_it_with_what_to_do")
def object_under_another_key_is_adopted(right, image_id, found, bucket_key_arn):
    return right(image_id, replace(found, encryption="aws:kms", kms_key_id=bucket_key_arn), bucket_key_arn)


@bug("verification:why_altered", "unit/test_verification.py")
def another_version_passes_for_the_recorded_one(right, record, found):
    return right(record, found and replace(found, version_id=record.object_version_id))


@bug("verification:why_altered", "steps/test_adoption.py -k deleted_object_of_a_verified_record_is_failed_with_what_to")
def deleted_object_passes_for_the_recorded_one(right, record, found):
    return found and right(record, found)


@bug("steps.settle_stores:is_news", "steps/test_budget.py -k old_failed_task_is_not_counted_when_a_later_nights_start")
def old_task_is_taken_for_tonights(right, record, task):
    return True


@bug("steps.settle_stores:Settled.unreadable", "steps/test_failures.py -k while_its_store_runs_is_reported_failed_and")
def unreadable_record_has_no_decision(right, self, fetched):
    return None


@bug("lifecycle:attempt_failed", "unit/test_lifecycle.py")
def attempts_have_no_limit(right, record, failure, what, allowed, **more):
    return right(record, failure, what, 99, **more)


@bug("lifecycle:move", "unit/test_lifecycle.py")
def record_moves_wherever_it_is_told_to(right, record, to, decision, why, *, at, run_id, **changes):
    return lifecycle._step(record, to, decision, why, at, run_id, changes)


@bug("lifecycle:appended", "unit/test_lifecycle.py")
def history_is_replaced_by_the_last_move(right, record, entry):
    return right(record, entry) | {"history": (entry,)}


@bug("steps.pages:page_name", "steps/test_repeated_steps.py -k look_that_is_repeated_later_hides_nothing_of_what_the")
def repeated_look_hides_the_first_ones_decisions(right, begins, lines):
    return begins


@bug("steps.store_images:_concluded", "steps/test_denied.py -k role_that_may_store_nothing_ends_the_run_reported_and")
def run_goes_on_asking_though_every_store_is_denied(right, state, *, final):
    return state


# The lease, and runs that meet


@bug("steps.lease:enter", "steps/test_two_runs.py -k second_run_of_the_same_policy_ends_as_met_and_names_the_run")
def second_run_of_a_policy_joins_the_first(right, app, state):
    outcome, holder = right(app, state)
    return (Outcome.JOINED if outcome is Outcome.MET else outcome), holder


@bug("steps.lease:_has_ended", "steps/test_stopped_runs.py -k run_that_is_started_again_after_a_stop_works_at_once_and")
def lease_of_a_stopped_run_is_left_to_expire(right, app, run):
    return False


@bug("steps.lease:_has_ended", "steps/test_stopped_runs.py -k run_of_which_step_functions_says_nothing_is_taken_for")
def lease_is_taken_where_step_functions_does_not_answer(right, app, run):
    try:
        app.executions.has_ended(run.execution_arn)
    except ArchiverError:
        return True
    return right(app, run)


@bug("steps.lease:held", "steps/test_two_runs.py -k run_whose_lease_was_taken_over_stops_and_the_other_one_ends_the")
def run_works_on_without_the_lease(right, app, state):
    return app.leases.read()


@bug("steps.lease:CLOCK_SKEW_SECONDS", "steps/test_stopped_runs.py -k not_known_a_minute_after_its_start")
def clocks_are_taken_to_be_equal(right: int) -> int:
    return 0


@bug("steps.lease:prolong", "steps/test_repeated_steps.py -k look_that_can_start_nothing_takes_what_has_ended_off_the")
def what_has_ended_stays_on_the_lease(right, app, state, lease, *, remove):
    return right(app, state, lease, remove=())


@bug("steps.lease:closed_policies", "steps/test_windows_and_caps.py -k window_that_closes_defers_the_rest_which_goes")
def store_window_never_closes(right, app, lease, state):
    return {policy.name for policy in app.settings.policies if policy.paused}


@bug("steps.lease:closed_policies", "steps/test_two_runs.py -k left_in_the_queue_waits_until_somebody_starts_a_run_of")
def pause_is_ignored(right, app, lease, state):
    return {name for name in right(app, lease, state) if not app.settings.policy(name).paused}


# The report


@bug("steps.report:report_run", "steps/test_two_runs.py -k policy_that_joins_when_the_queue_was_just_found_empty_is")
def report_does_not_look_who_has_joined(right, app, state):
    return right(app, replace(state, runs=len(app.leases.read().runs)))


@bug("steps.report:_written_before", "steps/test_two_runs.py -k report_that_died_after_giving_the_lease_back_tells_its")
def report_that_died_is_never_told(right, app, state, lease):
    raise LeaseLost("somebody else holds it")


@bug("steps.report:_end", "steps/test_denied.py -k few_images_all_denied_are_the_roles_fault_when_nothing_is_left_to")
def run_whose_every_store_was_denied_ends_as_a_success(right, state):
    return Next.END


@bug("summary:tally", "unit/test_summary.py")
def stored_image_is_counted_as_waiting(right, policy, selected, ended):
    return right(policy, selected, {})


@bug("failures:reason", "steps/test_failures_say_what_to_do.py")
def failure_does_not_say_what_to_do(right, failure, what, to_do):
    return f"{failure}: {what}"


# Watching every archive


@bug("steps.watch:STATUSES", "steps/test_watch.py")
def archives_of_retired_originals_go_unwatched(right: tuple[Status, ...]) -> tuple[Status, ...]:
    return right[:2]


@bug("steps.watch:_difference", "steps/test_watch.py")
def archives_of_policies_that_are_gone_go_unwatched(right, app, inventory, indexed):
    record = indexed.record
    return None if record and not app.settings.policy(record.policy) else right(app, inventory, indexed)


@bug("steps.watch:_difference", "steps/test_watch.py -k record_that_cannot_be_read_counts_and_hides_no_other")
def record_that_cannot_be_read_is_taken_for_whole(right, app, inventory, indexed):
    return indexed.record and right(app, inventory, indexed)
