"""Bugs of the archive table and of what AWS answers."""

from __future__ import annotations

from dataclasses import replace

from ami_archiver.adapters import table_records
from ami_archiver.adapters.table import delete
from tests.mutants.bug import bug


@bug("adapters.table:move", "adapters/test_table_records.py -k of_two_who_save_a_record_only_the_first_is_written")
def record_is_written_whatever_somebody_else_made_of_it(right, *args, **more):
    request = right(*args, **more)["Update"]
    request.pop("ConditionExpression")
    for part in ("ExpressionAttributeNames", "ExpressionAttributeValues"):  # those of the update begin with u
        request[part] = {name: value for name, value in request[part].items() if name[1] == "u"}
    return {"Update": request}


@bug("adapters.table_records:TableRecords.save", "adapters/test_table_records.py -k leaves_the_queue_in_the_write")
def image_stays_in_the_queue_when_it_is_started(right, self, before, after, **_):
    return right(self, before, after)


@bug("adapters.table_records:TableRecords.drop", "adapters/test_table_records.py -k dropped_but_never_one_that_waits")
def entry_of_an_image_that_waits_is_dropped(right, self, entry):
    return self._table.write(delete(table_records._queue_key(entry)))


@bug("adapters.table_records:record_actions", "adapters/test_table_records.py -k paged_out_and_none_is_lost")
def oldest_moves_are_lost_when_a_history_gets_long(right, before, after):
    return right(before, after)[:1]


@bug("adapters.table_records:RETIRING_SCHEMA", "adapters/test_table_records.py -k record_of_a_newer_schema")
def record_of_newer_code_is_read_as_if_known(right: int) -> int:
    return 99


@bug("adapters.table_records:_sort_in", "adapters/test_table_records.py -k unreadable_record_does_not_hide_its_neigh")
def record_that_cannot_be_read_hides_its_neighbours(right, item, fetched):
    return fetched.records.update({item["pk"]: table_records.record_of(item)})


@bug("adapters.table_records:record_of", "adapters/test_table_records.py -k facts_that_are_empty_and_facts_that_are")
def what_is_not_known_is_read_as_none(right, item):
    record = right(item)
    return replace(record, facts=replace(record.facts, ssm_parameters=record.facts.ssm_parameters or ()))


@bug("adapters.table_records:TableRecords.nights", "adapters/test_table_queue.py -k nights_come_oldest_first")
def newest_night_comes_first(right, self):
    return reversed(list(right(self)))


@bug("adapters.table:WAITS_SECONDS", "adapters/test_table_records.py -k dynamodb_left_unread_are_asked_again")
def what_dynamodb_puts_off_is_given_up(right: tuple[float, ...]) -> tuple[float, ...]:
    return ()


@bug("adapters.table_leases:TableLeases.take", "adapters/test_table_leases.py -k second_taker_gets_nothing")
def lease_is_taken_while_somebody_holds_it(right, self, run, now, until, *, instead_of=None):
    return right(self, run, now, until, instead_of=self.read().holder)


@bug("adapters.table_leases:TableLeases.renew", "adapters/test_table_leases.py -k stale_lease_is_taken_over_with")
def lease_is_renewed_by_whoever_asks(right, self, run_id, until, **more):
    return right(self, self.read().holder or run_id, until, **more)


@bug("adapters.table_leases:TableLeases.release", "adapters/test_table_leases.py -k join_that_was_not_seen_is_refused")
def lease_is_given_back_over_a_run_that_joined(right, self, run_id, runs):
    return right(self, run_id, len(self.read().runs))


@bug("adapters.table_retirements:TableRetirements.save", "adapters/test_table_retirements.py -k written_together")
def snapshots_that_are_left_are_not_noted(right, self, before, after, **more):
    return right(self, before, after, **(more | {"adding": ()}))


@bug("adapters.aws_errors:ACCESS_DENIED", "adapters/test_error_translation.py -k missing_permission_is_named")
def want_of_a_permission_is_a_refusal_like_any_other(right: frozenset[str]) -> frozenset[str]:
    return frozenset()


@bug("adapters.aws_errors:THROTTLED", "adapters/test_error_translation.py -k throttle_is_temporary_in_every_other_call")
def throttled_call_is_not_tried_again(right: frozenset[str]) -> frozenset[str]:
    return frozenset()


@bug("adapters.services:SfnExecutions.has_ended", "adapters/test_services.py -k handed_over")
def run_that_was_handed_over_is_taken_for_ended(right, self, execution_arn):
    return self._sfn.describe_execution(executionArn=execution_arn)["status"] != "RUNNING"
