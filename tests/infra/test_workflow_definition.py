"""The state machine, as Step Functions gets it."""

from __future__ import annotations

from typing import Any

import pytest

from ami_archiver.errors import RETRYABLE, AccessDenied
from ami_archiver.retire.steps.step import MOST_LOOKS
from ami_archiver.run_state import Next
from infra.templates import definitions, resources

Template = dict[str, Any]
STEPS = ("SelectImages", "StoreImages", "PlanRetirement", "RetireImages", "ReportRun")


@pytest.fixture(scope="module")
def definition(template: Template) -> dict[str, Any]:
    return workflow(template)


@pytest.fixture(scope="module")
def states(definition: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = definition["States"]
    return found


def test_the_flow_is_select_store_wait_plan_retire_and_report(states: dict[str, Any]) -> None:
    assert nexts(states) == {
        "SelectImages": "Selected",
        "StoreImages": "Stored",
        "Wait": "StoreImages",
        "PlanRetirement": "Planned",
        "RetireImages": "Retired",
        "WaitForUsageReports": "RetireImages",
        "ReportRun": "Reported",
        "AwaitApproval": "RetireImages",
        "HandOver": "HandedOver",
        "HandedOver": "-",
        "Done": "-",
        "Failed": "-",
    }


def test_each_answer_of_a_step_has_its_branch(states: dict[str, Any]) -> None:
    assert choices(states) == {
        "Selected": {
            "select_more": "SelectImages",
            "store": "StoreImages",
            "retire": "PlanRetirement",
            "report": "ReportRun",
        },
        "Stored": {"wait": "Wait", "hand_over": "HandOver", "retire": "PlanRetirement"},
        "Planned": {"plan_more": "PlanRetirement", "retire": "RetireImages", "report": "ReportRun"},
        "Retired": {"retire": "RetireImages", "wait": "WaitForUsageReports", "report": "ReportRun"},
        "Reported": {"store": "StoreImages", "await_approval": "AwaitApproval", "end": "Done", "fail": "Failed"},
    }


def test_restores_are_finished_by_another_function_than_the_one_that_starts_them(template: Template) -> None:
    restoring = workflow(template, "RestoreWorkflow")
    assert nexts(restoring["States"]) == {
        "PlanRestore": "Planned",
        "RestoreImages": "Restored",
        "FinishRestores": "Wait",
        "Wait": "RestoreImages",
        "ReportRestore": "Reported",
        "HandOver": "HandedOver",
        "HandedOver": "-",
        "Done": "-",
    }
    assert choices(restoring["States"]) == {
        "Planned": {"plan_more": "PlanRestore", "restore": "RestoreImages", "report": "ReportRestore"},
        "Restored": {"finish": "FinishRestores", "wait": "Wait", "hand_over": "HandOver", "report": "ReportRestore"},
        "Reported": {"end": "Done"},
    }


def test_an_unknown_or_missing_answer_fails_the_execution_since_no_choice_has_a_default(template: Template) -> None:
    """And every branch is something that a step can say."""
    for definition in definitions(template).values():
        assert {said for branches in choices(definition["States"]).values() for said in branches} <= set(Next)
        assert not [state for state in definition["States"].values() if "Default" in state]


@pytest.mark.parametrize(
    ("name", "going_on", "beginning"),
    [("ArchiveWorkflow", "StoreImages", "SelectImages"), ("RestoreWorkflow", "RestoreImages", "PlanRestore")],
)
def test_a_run_that_was_handed_over_goes_on_where_it_was(
    template: Template, name: str, going_on: str, beginning: str
) -> None:
    definition = workflow(template, name)
    assert definition["StartAt"] == "IsHandedOver"
    assert [(c["Variable"], c["IsPresent"], c["Next"]) for c in definition["States"]["IsHandedOver"]["Choices"]] == [
        ("$.run_id", True, going_on),
        ("$.run_id", False, beginning),
    ]


def test_selection_is_told_the_input_and_which_execution_it_is(states: dict[str, Any]) -> None:
    assert states["SelectImages"]["Parameters"] == {
        "input.$": "$",
        "execution_name.$": "$$.Execution.Name",
        "execution_started_at.$": "$$.Execution.StartTime",
        "execution_arn.$": "$$.Execution.Id",
    }


@pytest.mark.parametrize("step", STEPS[1:])
def test_the_other_steps_take_the_state_and_their_answer_replaces_it(states: dict[str, Any], step: str) -> None:
    assert not {"Parameters", "InputPath", "ResultPath", "ResultSelector", "OutputPath"} & states[step].keys()


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_tried_again_by_the_names_of_the_retryable_errors_and_no_catch_all(
    states: dict[str, Any], step: str
) -> None:
    service, ours = states[step]["Retry"]
    assert service["ErrorEquals"] == [
        "Lambda.ClientExecutionTimeoutException",
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
    ]
    assert set(ours["ErrorEquals"]) == {
        *(error.__name__ for error in RETRYABLE),
        "Lambda.TooManyRequestsException",
        "Lambda.Unknown",
        "Runtime.ExitError",
        "Sandbox.Timedout",
        "States.Timeout",
    }
    assert (ours["BackoffRate"], ours["JitterStrategy"]) == (2, "FULL")
    assert "Catch" not in states[step]


def test_the_retries_of_a_step_take_some_minutes_in_all(states: dict[str, Any]) -> None:
    retry = states["StoreImages"]["Retry"][1]
    longest = sum(retry["IntervalSeconds"] * 2**attempt for attempt in range(retry["MaxAttempts"]))
    assert 300 <= longest <= 900


@pytest.mark.parametrize("wait", ["Wait", "WaitForUsageReports"])
def test_a_wait_is_as_long_as_the_step_before_it_says(states: dict[str, Any], wait: str) -> None:
    assert states[wait]["SecondsPath"] == "$.wait_seconds"


def test_the_approval_is_asked_for_by_a_function_and_comes_back_by_the_token(states: dict[str, Any]) -> None:
    asking = states["AwaitApproval"]
    assert asking["Resource"] == "arn:aws:states:::lambda:invoke.waitForTaskToken"
    assert asking["Parameters"]["Payload"] == {"state.$": "$", "token.$": "$$.Task.Token"}
    assert "AskForApproval" in asking["Parameters"]["FunctionName"]
    assert asking["ResultPath"] == "$.approval"


def test_nobody_waits_for_an_approval_longer_than_the_run_says_and_the_run_goes_on_without_it(
    states: dict[str, Any],
) -> None:
    asking = states["AwaitApproval"]
    assert asking["TimeoutSecondsPath"] == "$.approval_seconds"
    assert asking["Catch"] == [{"ErrorEquals": ["States.Timeout"], "ResultPath": "$.approval", "Next": "RetireImages"}]


def test_asking_is_tried_again_as_any_step_but_a_wait_that_is_over_is_not(states: dict[str, Any]) -> None:
    asked, step = (
        [set(rule["ErrorEquals"]) for rule in states[name]["Retry"]] for name in ("AwaitApproval", "ReportRun")
    )
    assert asked == [step[0], step[1] - {"States.Timeout"}]


def test_handing_over_starts_this_state_machine_once_with_the_whole_state(states: dict[str, Any]) -> None:
    hand_over = states["HandOver"]
    assert hand_over["Resource"] == "arn:aws:states:::states:startExecution"
    assert hand_over["Parameters"] == {
        "StateMachineArn.$": "$$.StateMachine.Id",
        "Name.$": "States.Format('handed-over-{}', States.Hash($$.Execution.Name, 'SHA-1'))",
        "Input.$": "$",
    }


def test_the_executions_output_is_the_summary(states: dict[str, Any]) -> None:
    assert states["Done"] == {"Type": "Succeed", "OutputPath": "$.summary"}


def test_a_run_with_a_problem_ends_as_failed_with_the_error_that_a_step_would_have_raised(
    states: dict[str, Any],
) -> None:
    assert (states["Failed"]["Error"], states["Failed"]["CausePath"]) == (AccessDenied.__name__, "$.problem")


def test_the_workflow_is_standard_traced_and_logs_its_errors(template: Template) -> None:
    for machine in resources(template, "AWS::StepFunctions::StateMachine").values():
        assert machine["Properties"]["StateMachineType"] == "STANDARD"
        assert machine["Properties"]["TracingConfiguration"] == {"Enabled": True}
        assert machine["Properties"]["LoggingConfiguration"]["Level"] == "ERROR"
        assert machine["Properties"]["LoggingConfiguration"]["IncludeExecutionData"] is True


def test_an_execution_that_does_not_end_by_itself_is_ended_after_the_runs_limit_and_what_may_come_behind_it(
    template: Template, several: Template
) -> None:
    assert workflow(template)["TimeoutSeconds"] == (20 + 2) * 3600 + MOST_LOOKS * 900
    assert workflow(several)["TimeoutSeconds"] == (10 + 2) * 3600 + MOST_LOOKS * 60 + 22 * 3600


def workflow(template: Template, name: str = "ArchiveWorkflow") -> dict[str, Any]:
    (found,) = [found for logical_id, found in definitions(template).items() if name in logical_id]
    return found


def nexts(states: dict[str, Any]) -> dict[str, str]:
    """Where each state goes that is no choice."""
    return {name: state.get("Next", "-") for name, state in states.items() if state["Type"] != "Choice"}


def choices(states: dict[str, Any]) -> dict[str, dict[str, str]]:
    """What each choice makes of what the step before it has said."""
    found = {name: state["Choices"] for name, state in states.items() if "$.next" in str(state.get("Choices"))}
    assert {rule["Variable"] for rules in found.values() for rule in rules} == {"$.next"}
    return {name: {rule["StringEquals"]: rule["Next"] for rule in rules} for name, rules in found.items()}
