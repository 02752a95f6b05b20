"""Deliberate bugs of retirement."""

from __future__ import annotations

from tests.mutants.bug import Bug
from tests.mutants.retirement_act_bugs import ACT_BUGS
from tests.mutants.retirement_adapter_bugs import ADAPTER_BUGS
from tests.mutants.retirement_control_bugs import CONTROL_BUGS
from tests.mutants.retirement_plan_bugs import PLAN_BUGS
from tests.mutants.retirement_reason_bugs import REASON_BUGS

RETIREMENT_BUGS: tuple[Bug, ...] = (*REASON_BUGS, *PLAN_BUGS, *ACT_BUGS, *CONTROL_BUGS, *ADAPTER_BUGS)
