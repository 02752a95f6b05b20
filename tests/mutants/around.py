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


@bug("infra.config_model:_owns_all_of", "infra/test_config_errors.py -k after_one_that_owns_all_its_images_is_refused")
def policy_that_can_find_no_image_is_taken(right, earlier, later):
    return False


@bug(
    "infra.config_schedules:_longest_gap", "infra/test_config_schedules.py -k would_ring_between_two_starts_is_refused"
)
def alarm_may_ring_between_two_starts(right, policies, now):
    return right(policies, now) / 10


@bug("operate.__main__:_is_terminal", "operate/test_approve.py -k without_a_terminal_nothing_goes")
def originals_go_where_there_is_nobody_to_ask(right, file):
    return True


@bug("operate.__main__:_confirmed", "operate/test_approve.py -k on_a_real_terminal_only_a_typed_yes_lets_them_go")
def no_answer_is_taken_for_a_yes(right):
    return True


@bug("operate.approval:Approvals._undecided", "operate/test_approve.py -k answered_and_still_works_does_not_hide")
def run_that_was_answered_is_listed_as_one_that_waits(right, self, run_id):
    return [line for lines in self.runs.pages(run_id, "PLAN#") for line in lines]


@bug(
    "operate.stack:explain", "operate/test_no_way_to_the_stack.py -k expired_credentials_are_told_from_a_missing_stack"
)
def expired_credentials_are_told_as_a_missing_stack(right, error):
    return "there is no such stack"


@bug("operate.undo:is_good", "operate/test_undo.py")
def undo_that_did_nothing_ends_as_a_good_one(right, answer, *, was_asked):
    return True
