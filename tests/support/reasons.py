"""Reasons as people read them: 'Name: what happened to which image or object; what to do now'."""

from __future__ import annotations

import re

from ami_archiver.failures import Failure
from ami_archiver.restore.model import RestoreFailure

REASON = re.compile(r"(?P<name>[A-Z]\w+): (?P<what>.+); (?P<to_do>[^;]+)", re.DOTALL)
TO_DO = re.compile(
    r"the next run (tries again|stores|takes)|again|remove the delete marker|make .* the current one|repair it|deploy|"
    r"give a 'name'|may be|ask for|turn on|see |copy|once its record"
)


def named(reason: str) -> Failure | RestoreFailure:
    """The failure that a reason names; it says what to do, or the test fails."""
    match = REASON.fullmatch(reason)
    assert match, reason
    assert TO_DO.search(match["to_do"]), reason
    return Failure(match["name"]) if match["name"] in set(Failure) else RestoreFailure(match["name"])
