"""Bugs of selecting, storing, settling, reporting and watching."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from ami_archiver import lifecycle
from ami_archiver.errors import AccessDenied, ArchiverError, LeaseLost
from ami_archiver.model import RestoreFacts, Status
from ami_archiver.run_state import Next, Outcome
from ami_archiver.verification import why_altered
from tests.mutants.bug import Function, bug

# Selection


@bug("selection:owner_of", "unit/test_selection.py")
def first_policy_does_not_own_its_images(right: Function) -> Function:
    return lambda image, policies: None


@bug("selection:NewestOfGroups.__init__", "unit/test_selection.py")
def one_too_few_of_the_newest_are_kept_back(right: Function) -> Function:
    return lambda self, policy, kept=None: right(self, policy, (policy.keep_newest if kept is None else kept) - 1)


@bug("selection:NewestOfGroups.add", "unit/test_selection.py")
def failed_image_pushes_a_good_one_out_of_the_newest(right: Function) -> Function:
    return lambda self, image: right(self, replace(image, state="available"))


@bug("selection:_restored", "restore/test_restored_image.py -k restored_image_is_not_archived_anew_though_it_has_its")
def restored_image_is_archived_anew(right: Function) -> Function:
    return lambda image: None


@bug("selection:Cap.refusal", "steps/test_windows_and_caps.py -k dry_run_respects_the_cap")
def cap_is_ignored(right: Function) -> Function:
    return lambda self, policy, gib: None


@bug("selection:Cap.refusal", "unit/test_selection.py")
def image_larger_than_the_cap_never_gets_its_night(right: Function) -> Function:
    return lambda self, policy, gib: right(replace(self, images=max(1, self.images)), policy, gib)


@bug("policy:Policy.selects", "unit/test_policy.py")
def image_without_the_policys_tags_is_selected(right: Function) -> Function:
    return lambda self, image: right(replace(self, tags={}), image)


@bug("policy:Policy.excluding_tag", "unit/test_policy.py")
def excluding_tag_is_ignored(right: Function) -> Function:
    return lambda self, image: None


@bug("eligibility:why_not_storable", "unit/test_eligibility.py")
def image_of_another_account_is_stored(right: Function) -> Function:
    return lambda image, snapshots, account_id: right(replace(image, owner_id=account_id), snapshots, account_id)


@bug("eligibility:why_not_storable", "unit/test_eligibility.py")
def unfinished_snapshot_is_stored(right: Function) -> Function:
    def spoiled(image, snapshots, account_id):
        return right(image, {key: replace(one, state="completed") for key, one in snapshots.items()}, account_id)

    return spoiled


@bug("eligibility:snapshot_gib", "unit/test_eligibility.py")
def size_is_the_volumes_and_not_what_is_written(right: Function) -> Function:
    return lambda snapshot: float(snapshot.volume_gib)


@bug("steps.select:_Selection.__init__", "steps/test_windows_and_caps.py -k dry_run_decides_and_counts_but_records_and")
def dry_run_writes(right: Function) -> Function:
    return lambda self, app, policy, state, *, working: right(
        self, app, policy, replace(state, dry_run=False), working=working
    )


@bug("adapters.ec2_images:Ec2Images.pages", "steps/test_selection_step.py -k with_time_left_goes_through_all_pages_at")
def first_page_of_images_only(right: Function) -> Function:
    return lambda *args: islice(right(*args), 1)


@bug("steps.adopt:with_launch_permissions", "steps/test_selection_step.py -k what_a_restore_needs_is_recorded_before")
def whom_the_image_is_shared_with_is_not_recorded(right: Function) -> Function:
    return lambda app, record: record.facts


@bug("steps.adopt:facts_of", "steps/test_adoption.py -k adopted_image_has_its_restore_facts_recorded_too")
def what_a_restore_needs_is_not_recorded(right: Function) -> Function:
    return lambda image, snapshots, parameters: RestoreFacts()


@bug("inventory:Inventory.has_recorded", "unit/test_inventory.py")
def altered_object_is_found_as_recorded(right: Function) -> Function:
    return lambda self, record: self.has_image(record.image_id)


# What may start: the account's budget


@bug("admission:_has_room", "unit/test_admission.py")
def budget_is_compared_with_at_most(right: Function) -> Function:
    return lambda in_flight_gib, budget_gib: in_flight_gib <= budget_gib


@bug("admission:next_start", "unit/test_admission.py")
def image_larger_than_the_budget_never_starts(right: Function) -> Function:
    def spoiled(in_flight_gib, budget_gib, rule, largest):
        entry = right(in_flight_gib, budget_gib, rule, largest)
        return entry if entry and entry.snapshot_gib <= budget_gib else None

    return spoiled


@bug("admission:next_start", "unit/test_admission.py")
def strict_rule_is_not_kept(right: Function) -> Function:
    return lambda in_flight_gib, budget_gib, rule, largest: right(in_flight_gib, budget_gib, "aws", largest)


@bug("admission:_below_the_top", "unit/test_admission.py")
def largest_image_starts_first(right: Function) -> Function:
    return lambda room_gib, top, largest: None


@bug("steps.store_work:StoreWork.in_flight", "steps/test_budget.py -k foreign_tasks_are_counted_together_with_ours")
def tasks_of_others_are_not_counted(right: Function) -> Function:
    return lambda self: [task for task in right(self) if task.image_id in self._ours]


@bug("engine:Filling._see", "unit/test_engine.py")
def what_others_start_meanwhile_is_not_counted(right: Function) -> Function:
    return lambda self, shown: None


@bug("engine:Filling._refused", "unit/test_engine.py")
def refusal_for_the_budget_is_blamed_on_the_image(right: Function) -> Function:
    return lambda self, record, refusal: right(self, record, replace(refusal, own_fault=not refusal.throttled))


@bug("engine:Filling._judge_ambiguous", "unit/test_engine.py")
def refused_image_is_blamed_though_a_task_has_ended_since(right: Function) -> Function:
    def spoiled(self):
        self._ambiguous = [replace(one, in_flight=frozenset()) for one in self._ambiguous]
        right(self)

    return spoiled


@bug("engine:Filling._refused", "unit/test_engine.py")
def throttling_does_not_end_the_filling(right: Function) -> Function:
    return lambda self, record, refusal: right(self, record, replace(refusal, throttled=False))


@bug("engine:Filling._choose", "unit/test_engine.py")
def room_that_a_denied_image_leaves_stays_empty(right: Function) -> Function:
    return lambda self, reader: [] if self.denied else right(self, reader)


@bug("engine:in_turn", "unit/test_engine.py")
def refused_image_is_first_at_every_look(right: Function) -> Function:
    return lambda records, look: right(records, 0)


# Storing


@bug("steps.store_work:StoreWork.announce", "steps/test_stopped_runs.py -k goes_on_after_the_stop_starts_only_what_it")
def what_is_started_is_not_put_on_the_lease(right: Function) -> Function:
    return lambda self, entry_ids: None


@bug("steps.store_work:StoreWork.intend", "steps/test_repeated_steps.py -k is_written_and_the_queue_left_before_ec2_is")
def ec2_is_asked_before_the_intention_is_written(right: Function) -> Function:
    def spoiled(self, record, entry, figures):
        self.start(record)
        return right(self, record, entry, figures)

    return spoiled


@bug("steps.store_work:StoreWork.intend", "steps/test_repeated_steps.py -k ec2_is_not_asked_where_somebody_else_has")
def ec2_is_asked_though_somebody_else_wrote_the_intention(right: Function) -> Function:
    return lambda self, record, entry, figures: right(self, record, entry, figures) or record


@bug("steps.store_work:StoreWork.is_settled", "steps/test_denied.py -k denied_image_that_is_being_stored_already_is")
def refusal_is_judged_without_looking_for_the_images_task(right: Function) -> Function:
    return lambda self, record, refusal: False


@bug("steps.store_work:StoreWork._may_be_there", "steps/test_denied.py -k store_whose_object_may_not_be_looked_at_is")
def object_that_may_not_be_looked_at_is_taken_for_missing(right: Function) -> Function:
    def spoiled(self, key):
        try:
            return self._app.bucket.head(key) is not None
        except AccessDenied:
            return False

    return spoiled


@bug("steps.store_work:StoreWork._is_in_the_bucket", "steps/test_denied.py -k image_whose_object_is_in_the_bucket_is")
def denied_image_is_failed_though_its_object_is_in_the_bucket(right: Function) -> Function:
    return lambda self, record: False


@bug("steps.store_work:StoreWork.why_not", "steps/test_denied.py -k whose_object_may_not_be_looked_at_is_neither_asked")
def store_is_asked_for_again_though_its_object_may_be_there(right: Function) -> Function:
    return lambda self, record: None


@bug("adapters.ec2_store_tasks:Ec2StoreTasks.start", "steps/test_a_night.py -k object_carries_the_image_and_the_policy")
def object_is_not_tagged(right: Function) -> Function:
    return lambda self, image_id, bucket, prefix, tags: right(self, image_id, bucket, prefix, {})


@bug("adapters.ec2_store_tasks:Ec2StoreTasks.start", "steps/test_failures.py -k store_waits_ever_longer_and_counts_no")
def throttling_is_blamed_on_the_image(right: Function) -> Function:
    def spoiled(*args):
        refusal = right(*args)
        return refusal and replace(refusal, own_fault=True, throttled=False)

    return spoiled


@bug("adapters.ec2_store_tasks:_task", "steps/test_open_questions.py -k task_is_known_for_ours_though_somebody_stores")
def task_of_another_bucket_is_taken_for_ours(right: Function) -> Function:
    return lambda raw: replace(right(raw), bucket="archive-bucket")


@bug("adapters.ec2_store_tasks:IDS_PER_CALL", "adapters/test_ec2_store_tasks.py")
def more_images_are_asked_for_at_once_than_ec2_takes(right: int) -> int:
    return 200


@bug("waiting:seconds_to_wait", "steps/test_failures.py -k throttled_store_waits_ever_longer_and_counts_no_attempt")
def wait_does_not_grow_while_ec2_takes_nothing(right: Function) -> Function:
    return lambda *args, **more: right(*args, **(more | {"refused_looks": 0}))


@bug("waiting:_room_in_seconds", "unit/test_waiting.py")
def run_looks_at_the_next_end_though_it_frees_too_little(right: Function) -> Function:
    return lambda ends, budget_gib: ends[0][0]


@bug("steps.store_images:store_images", "steps/test_failures.py -k ends_the_run_at_its_limit_and_the_next_run_takes_it")
def run_with_a_hung_task_never_ends(right: Function) -> Function:
    def spoiled(app, state):
        after, metrics = right(app, replace(state, started_at=app.clock.now().isoformat()))
        return replace(after, started_at=state.started_at), metrics

    return spoiled


# Settling and verifying


@bug("verification:why_not_whole", "unit/test_verification.py")
def empty_object_is_verified(right: Function) -> Function:
    return lambda image_id, found, key_arn: right(image_id, replace(found, size_bytes=1), key_arn)


@bug("verification:why_not_whole", "steps/test_bad_input.py -k object_that_is_not_the_store_that_was_asked_for_is")
def object_of_another_image_is_verified(right: Function) -> Function:
    return lambda image_id, found, key_arn: right(image_id, replace(found, tags={}), key_arn)


@bug("verification:why_not_whole", "steps/test_adoption.py -k that_is_not_the_images_archive_fails_it_with_what_to_do")
def object_under_another_key_is_adopted(right: Function) -> Function:
    return lambda image_id, found, key_arn: right(
        image_id, replace(found, encryption="aws:kms", kms_key_id=key_arn), key_arn
    )


@bug("verification:why_altered", "unit/test_verification.py")
def another_version_passes_for_the_recorded_one(right: Function) -> Function:
    return lambda record, found: right(record, found and replace(found, version_id=record.object_version_id))


@bug("verification:why_altered", "steps/test_adoption.py -k deleted_object_of_a_verified_record_is_failed_with_what_to")
def deleted_object_passes_for_the_recorded_one(right: Function) -> Function:
    return lambda record, found: found and right(record, found)


@bug("steps.settle_stores:is_news", "steps/test_budget.py -k old_failed_task_is_not_counted_when_a_later_nights_start")
def old_task_is_taken_for_tonights(right: Function) -> Function:
    return lambda record, task: True


@bug("steps.settle_stores:is_news", "steps/test_failures.py -k store_that_fails_once_is_started_again_in_the_same")
def one_failed_task_counts_at_every_look(right: Function) -> Function:
    return lambda record, task: right(replace(record, failed_task_started_at=None), task)


@bug("steps.settle_stores:Settled._hide", "steps/test_denied.py -k object_that_may_not_be_looked_at_stays_under_way_is")
def hidden_object_is_told_at_every_look(right: Function) -> Function:
    def spoiled(self, record, key, error):
        right(self, record, key, error)
        self.lines.append(self.hidden[-1])

    return spoiled


@bug("steps.settle_stores:Settled.unreadable", "steps/test_failures.py -k while_its_store_runs_is_reported_failed_and")
def unreadable_record_has_no_decision(right: Function) -> Function:
    return lambda self, fetched: None


@bug("lifecycle:attempt_failed", "unit/test_lifecycle.py")
def attempts_have_no_limit(right: Function) -> Function:
    return lambda record, failure, what, allowed, **more: right(record, failure, what, 99, **more)


@bug("lifecycle:move", "unit/test_lifecycle.py")
def record_moves_wherever_it_is_told_to(right: Function) -> Function:
    return lambda record, to, decision, why, *, at, run_id, **changes: lifecycle._step(
        record, to, decision, why, at, run_id, changes
    )


@bug("lifecycle:_appended", "unit/test_lifecycle.py")
def history_is_replaced_by_the_last_move(right: Function) -> Function:
    return lambda record, entry: right(record, entry) | {"history": (entry,)}


@bug("steps.pages:page_name", "steps/test_repeated_steps.py -k look_that_is_repeated_later_hides_nothing_of_what_the")
def repeated_look_hides_the_first_ones_decisions(right: Function) -> Function:
    return lambda begins, lines: begins


@bug("steps.store_images:_concluded", "steps/test_denied.py -k role_that_may_store_nothing_ends_the_run_reported_and")
def run_goes_on_asking_though_every_store_is_denied(right: Function) -> Function:
    return lambda state, *, final: state


@bug("steps.store_images:_concluded", "steps/test_denied.py -k one_store_that_is_taken_clears_the_role_however_many")
def role_is_blamed_though_a_store_was_taken(right: Function) -> Function:
    return lambda state, *, final: right(replace(state, stores_taken=False), final=final)


# The lease, and runs that meet


@bug("steps.lease:enter", "steps/test_two_runs.py -k second_run_of_the_same_policy_ends_as_met_and_names_the_run")
def second_run_of_a_policy_joins_the_first(right: Function) -> Function:
    def spoiled(app, state):
        outcome, holder = right(app, state)
        return (Outcome.JOINED if outcome is Outcome.MET else outcome), holder

    return spoiled


@bug("steps.lease:_has_ended", "steps/test_stopped_runs.py -k run_that_is_started_again_after_a_stop_works_at_once_and")
def lease_of_a_stopped_run_is_left_to_expire(right: Function) -> Function:
    return lambda app, run: False


@bug("steps.lease:_has_ended", "steps/test_stopped_runs.py -k run_of_which_step_functions_says_nothing_is_taken_for")
def lease_is_taken_where_step_functions_does_not_answer(right: Function) -> Function:
    def spoiled(app, run):
        try:
            app.executions.has_ended(run.execution_arn)
        except ArchiverError:
            return True
        return right(app, run)

    return spoiled


@bug("steps.lease:held", "steps/test_two_runs.py -k run_whose_lease_was_taken_over_stops_and_the_other_one_ends_the")
def run_works_on_without_the_lease(right: Function) -> Function:
    return lambda app, state: app.leases.read()


@bug("steps.lease:CLOCK_SKEW_SECONDS", "steps/test_two_runs.py -k clock_five_minutes_ahead_does_not_take_what_another")
def clocks_are_taken_to_be_equal(right: int) -> int:
    return 0


@bug("steps.lease:prolong", "steps/test_repeated_steps.py -k look_that_can_start_nothing_takes_what_has_ended_off_the")
def what_has_ended_stays_on_the_lease(right: Function) -> Function:
    return lambda app, state, lease, *, remove: right(app, state, lease, remove=())


@bug("steps.lease:closed_policies", "steps/test_windows_and_caps.py -k window_that_closes_defers_the_rest_which_goes")
def store_window_never_closes(right: Function) -> Function:
    return lambda app, lease, state: {policy.name for policy in app.settings.policies if policy.paused}


@bug("steps.lease:closed_policies", "steps/test_two_runs.py -k left_in_the_queue_waits_until_somebody_starts_a_run_of")
def pause_is_ignored(right: Function) -> Function:
    return lambda app, lease, state: {name for name in right(app, lease, state) if not app.settings.policy(name).paused}


# The report


@bug("steps.report:report_run", "steps/test_two_runs.py -k policy_that_joins_when_the_queue_was_just_found_empty_is")
def report_does_not_look_who_has_joined(right: Function) -> Function:
    return lambda app, state: right(app, replace(state, runs=len(app.leases.read().runs)))


@bug("steps.report:_worked_off", "steps/test_two_runs.py -k joined_run_that_reports_after_it_was_worked_off_keeps_the")
def summary_of_a_joined_run_is_replaced(right: Function) -> Function:
    return lambda app, state: None


@bug("steps.report:_written_before", "steps/test_two_runs.py -k report_that_died_after_giving_the_lease_back_tells_its")
def report_that_died_is_never_told(right: Function) -> Function:
    def spoiled(app, state, lease):
        raise LeaseLost("somebody else holds it")

    return spoiled


@bug("steps.report:_end", "steps/test_denied.py -k few_images_all_denied_are_the_roles_fault_when_nothing_is_left_to")
def run_whose_every_store_was_denied_ends_as_a_success(right: Function) -> Function:
    return lambda state: Next.END


@bug("summary:tally", "unit/test_summary.py")
def stored_image_is_counted_as_waiting(right: Function) -> Function:
    return lambda policy, selected, ended: right(policy, selected, {})


@bug("failures:reason", "steps/test_failures_say_what_to_do.py")
def failure_does_not_say_what_to_do(right: Function) -> Function:
    return lambda failure, what, to_do: f"{failure}: {what}"


# Watching every archive


@bug("steps.watch:STATUSES", "steps/test_watch.py")
def archives_of_retired_originals_go_unwatched(right: tuple[Status, ...]) -> tuple[Status, ...]:
    return right[:2]


@bug("steps.watch:_difference", "steps/test_watch.py")
def archives_of_policies_that_are_gone_go_unwatched(right: Function) -> Function:
    def spoiled(app, inventory, indexed):
        record = indexed.record
        return None if record and not app.settings.policy(record.policy) else right(app, inventory, indexed)

    return spoiled


@bug("steps.watch:_difference", "steps/test_watch.py -k object_that_came_after_the_listing_is_no_false_alarm")
def what_differs_from_the_listing_is_not_looked_at_once_more(right: Function) -> Function:
    def spoiled(app, inventory, indexed):
        return None if inventory.has_recorded(indexed.record) else why_altered(indexed.record, None)

    return spoiled


@bug("steps.watch:_difference", "steps/test_watch.py -k record_that_cannot_be_read_counts_and_hides_no_other")
def record_that_cannot_be_read_is_taken_for_whole(right: Function) -> Function:
    return lambda app, inventory, indexed: indexed.record and right(app, inventory, indexed)


@bug("steps.watch:WatchState.from_event", "steps/test_watch.py -k watch_that_runs_out_of_time_goes_on_where_it_was")
def watch_begins_anew_when_its_time_is_over(right: Function) -> Function:
    return lambda cls, event: replace(right(cls, event), after="")
