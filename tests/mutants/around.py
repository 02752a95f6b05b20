"""Bugs of what stands around the archiver: its configuration, the input of a run, and what people type."""

from __future__ import annotations

from uuid import uuid4

from tests.mutants.bug import bug


@bug("run_state:identify", "unit/test_run_state.py -k same_id_however_often")
def each_attempt_of_a_step_is_another_run(right, event, about):
    return right({**event, "execution_name": str(uuid4())}, about)


@bug("infra.config_model:_role_arn", "infra/test_config_errors.py -k operator_is_one_role_and_never_a_wildcard")
def operator_may_be_anybody(right, text):
    return text


@bug(
    "infra.config_schedules:_longest_gap", "infra/test_config_schedules.py -k would_ring_between_two_starts_is_refused"
)
def alarm_may_ring_between_two_starts(right, policies, now):
    return right(policies, now) / 10


@bug("operate.sharing:is_terminal", "operate/test_confirmed_sharing.py -k without_a_terminal_undo_shares_nothing")
def somebody_is_asked_where_there_is_nobody(right):
    return True


@bug("operate.__main__:_confirmed", "operate/test_approve.py -k is_asked_for_once_more")
def no_answer_is_taken_for_a_yes(right):
    return True


@bug(
    "operate.stack:explain", "operate/test_no_way_to_the_stack.py -k expired_credentials_are_told_from_a_missing_stack"
)
def expired_credentials_are_told_as_a_missing_stack(right, error):
    return "there is no such stack"
