"""Bugs in what an operator types: an answer that nobody gave, and errors that lead the wrong way."""

from __future__ import annotations

from tests.mutants.bug import Bug

COMMAND = "../../operate/__main__.py"
APPROVAL = "../../operate/approval.py"
STACK = "../../operate/stack.py"
APPROVE = "operate/test_approve.py"
NO_WAY = "operate/test_no_way_to_the_stack.py"

OPERATE_BUGS: tuple[Bug, ...] = (
    Bug(
        "originals go where there is nobody to ask",
        COMMAND,
        "if options.approved and not options.yes:",
        "if options.approved and not options.yes and _is_terminal(sys.stdin):",
        f"{APPROVE}::test_without_a_terminal_nothing_goes_unless_yes_was_given_as_an_option",
    ),
    Bug(
        "no answer on a terminal taken for a yes",
        COMMAND,
        "except EOFError:\n        return False",
        "except EOFError:\n        return True",
        f"{APPROVE}::test_on_a_real_terminal_only_a_typed_yes_lets_them_go",
    ),
    Bug(
        "a run that was answered listed as one that waits",
        APPROVAL,
        "if self.retirements.token(run_id) and (waiting := self._undecided(run_id)):",
        "if self.retirements.token(run_id) and (waiting := self._undecided(run_id)) is not None:",
        f"{APPROVE}::test_a_run_that_was_answered_and_still_works_does_not_hide_the_others",
    ),
    Bug(
        "a denied or expired credential taken for a missing stack",
        STACK,
        'if error.response["Error"]["Code"] in REJECTED_CREDENTIALS:',
        'if error.response["Error"]["Code"] == "ValidationError":',
        f"{NO_WAY}::test_expired_credentials_are_told_from_a_missing_stack",
    ),
    Bug(
        "a run started for a policy that the stack does not have",
        "../../operate/night.py",
        "if policy not in policies:",
        "if not policies:",
        f"{NO_WAY}::test_a_policy_that_the_stack_does_not_have_is_refused_before_anything_starts",
    ),
    Bug(
        "a run by hand with failed images ends as a good one",
        COMMAND,
        'return EXIT_BAD if summary["decisions"]["failed"] else 0',
        "return 0",
        f"{NO_WAY}::test_a_run_with_failed_images_shows_its_summary_and_ends_with_another_exit_code",
    ),
)
