"""AwaitApproval: nothing goes that needs a person's word until the run's task token comes back with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ami_archiver.errors import BadInput
from ami_archiver.retire.app import RetireApp
from ami_archiver.retire.steps.plan import PLANNED, lines_on
from ami_archiver.retire.summary import WOULD
from ami_archiver.run_state import RunState


def ask_for_approval(app: RetireApp, event: Mapping[str, Any]) -> None:
    """Keep the token and tell people what they are asked. `event` is {"state": …, "token": …}. Raises BadInput."""
    token = event.get("token")
    if not isinstance(token, str) or not token:
        raise BadInput(f"the state machine must hand over the task's token, not {token!r}")
    state = RunState.from_json(event.get("state"))
    app.retirements.put_token(state.run_id, token)
    waiting = [line for line in lines_on(app, state, PLANNED).values() if _needs_approval(app, line.policy)]
    hours = state.approval_seconds // 3600
    app.notifier.publish(
        f"ami-archiver: {len(waiting)} originals wait for approval",
        "\n".join(
            [
                f"Run {state.run_id} asks about these originals, and waits {hours} hours for an answer:",
                *(
                    f"  {WOULD[line.decision]} {line.image_id} ({line.gib:g} GiB, policy {line.policy})"
                    for line in waiting
                ),
                "",
                f"make approve RUN={state.run_id}",
                f"make reject RUN={state.run_id} WHY='…'",
                "",
                "Each is checked once more before it goes. Without an answer, all of them stay.",
            ]
        ),
    )


def _needs_approval(app: RetireApp, name: str) -> bool:
    policy = app.settings.policy(name)
    return policy is not None and policy.retire.approval == "explicit"
