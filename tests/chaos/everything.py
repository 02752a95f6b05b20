"""All that `make chaos` plays."""

from __future__ import annotations

from tests.chaos.interleavings import MEETINGS
from tests.chaos.restore_meetings import RESTORE_MEETINGS
from tests.chaos.restore_scenarios import RESTORES
from tests.chaos.retirement_meetings import RETIREMENT_MEETINGS
from tests.chaos.retirement_scenarios import RETIREMENT, SEVERAL
from tests.chaos.scenarios import SCENARIOS

EVERY_SCENARIO = SCENARIOS | RETIREMENT | RESTORES
"""Each to be swept with every fault."""
EVERY_MEETING = MEETINGS | RETIREMENT_MEETINGS | RESTORE_MEETINGS
"""Each to be interleaved at every call."""
EVERY_REDEPLOY = {
    f"redeploy-{scenario.name}": scenario for scenario in (*SCENARIOS.values(), *RETIREMENT.values(), SEVERAL)
}
"""Each with every redeploy between any two steps."""
