"""Deliberate bugs of restores."""

from __future__ import annotations

from tests.mutants.bug import Bug
from tests.mutants.restore_adapter_bugs import RESTORE_ADAPTER_BUGS
from tests.mutants.restore_budget_bugs import RESTORE_BUDGET_BUGS
from tests.mutants.restore_choice_bugs import RESTORE_CHOICE_BUGS
from tests.mutants.restore_plan_bugs import RESTORE_PLAN_BUGS
from tests.mutants.restore_run_bugs import RESTORE_RUN_BUGS
from tests.mutants.sharing_bugs import SHARING_BUGS

RESTORE_BUGS: tuple[Bug, ...] = (
    *RESTORE_PLAN_BUGS,
    *RESTORE_CHOICE_BUGS,
    *RESTORE_BUDGET_BUGS,
    *RESTORE_RUN_BUGS,
    *RESTORE_ADAPTER_BUGS,
    *SHARING_BUGS,
)
