"""Deliberate bugs of retirement: each acts by an older setting, without a mark, or tells the wrong people."""

from __future__ import annotations

from tests.mutants.bug import Bug

FORCE = "retire/test_policy_in_force.py"
MARKS = "retire/test_marks.py"
LEFT = "retire/test_snapshots_left.py"
WORKERS = "retire/test_two_workers.py"
TOLD = "retire/test_told_by_policy.py"

CONTROL_BUGS = (
    Bug(
        "policy in force not asked",
        "retire/steps/act.py",
        "        if policy is None or not_allowed:\n",
        "        if policy is None:\n",
        FORCE,
    ),
    Bug(
        "cap counts nothing that the run has done",
        "retire/steps/act.py",
        "        self._gone.append(line)\n",
        "        pass\n",
        f"{FORCE}::test_cap_that_is_lowered_after_the_plan_counts_what_the_run_has_done_already",
    ),
    Bug(
        "share of the account's images asked for in no turn",
        "retire/steps/step.py",
        "stop = _stop_of(over.values()) or planning.stopped(app, planned.keys())",
        "stop = _stop_of(over.values())",
        f"{FORCE}::test_share_that_is_lowered_after_the_plan_stops_all_of_it",
    ),
    Bug(
        "run waits as long as the slowest policy of all",
        "retire/steps/step.py",
        "for name in {line.policy for line in waiting})",
        "for name in {policy.name for policy in app.settings.policies})",
        f"{FORCE}::test_run_waits_as_long_as_the_policies_say_whose_originals_wait",
    ),
    Bug(
        "what nobody has planned acted upon",
        "retire/steps/step.py",
        "    if state.retire is not RetirePhase.ACT:",
        "    if state.retire is RetirePhase.DONE:",
        f"{FORCE}::test_execution_that_began_before_originals_were_marked_lets_nothing_go",
    ),
    Bug(
        "marks not looked at before the call",
        "retire/steps/act.py",
        "        finding.reasons += reasons.by_marks(finding.image, finding.snapshots, shared, action)\n",
        "",
        MARKS,
    ),
    Bug(
        "original that stays keeps its mark",
        "retire/steps/act.py",
        "    app.originals.unmark(marked, reasons.marks_off(disabled=record.status is Status.DISABLED))\n",
        "",
        MARKS,
    ),
    Bug(
        "disabled image loses the mark that lets undo enable it",
        "retire/steps/act.py",
        "reasons.marks_off(disabled=record.status is Status.DISABLED)",
        "reasons.marks_off(disabled=False)",
        MARKS,
    ),
    Bug(
        "snapshot that another image uses keeps its mark",
        "retire/steps/act.py",
        "if end is SnapshotEnd.SHARED], MARKS.values()",
        "if end is SnapshotEnd.LEFT], MARKS.values()",
        MARKS,
    ),
    Bug(
        "image that a dead worker has deregistered only kept",
        "retire/steps/act.py",
        "    if before.retirement.intention is Action.DEREGISTER and",
        "    if record is before and before.retirement.intention is Action.DEREGISTER and",
        WORKERS,
    ),
    Bug(
        "image that somebody else has deregistered taken for ours",
        "retire/steps/act.py",
        "    if before.retirement.intention is Action.DEREGISTER and",
        "    if record.retirement.intention is Action.DEREGISTER and",
        WORKERS,
    ),
    Bug(
        "any snapshot on the list deleted",
        "retire/steps/settle.py",
        "    if snapshot_id not in record.retirement.snapshots:\n",
        "    if False:\n",
        LEFT,
    ),
    Bug(
        "snapshot without a mark deleted",
        "retire/steps/settle.py",
        "    if MARKS[Action.DEREGISTER] not in snapshot.tags:\n",
        "    if False:\n",
        LEFT,
    ),
    Bug(
        "snapshot deleted though its policy lets nothing go",
        "retire/steps/settle.py",
        "    kept = [*reasons.by_policy(record.policy, app.settings.policy(record.policy), Action.DEREGISTER)]\n",
        "    kept = []\n",
        LEFT,
    ),
    Bug(
        "snapshot whose image has no record passed over",
        "retire/steps/settle.py",
        '        return _still_there(left, "", why)\n',
        "        return None\n",
        LEFT,
    ),
    Bug(
        "list of snapshots begun anew in every turn",
        "retire/steps/settle.py",
        "        if _position(left) <= after:\n",
        "        if False:\n",
        LEFT,
    ),
    Bug(
        "list of snapshots gone through without a look at the time",
        "retire/steps/settle.py",
        "        if seconds_left() < SNAPSHOT_SECONDS:\n",
        "        if False:\n",
        LEFT,
    ),
    Bug(
        "joined run not told what became of its originals",
        "steps/report.py",
        '[each | _originals(app, state, each["policy"]) for each in',
        "[each | _originals(app, state, state.policy) for each in",
        TOLD,
    ),
    Bug(
        "joined run not told what became of the approved",
        "steps/report.py",
        "        if after != before:\n",
        "        if False:\n",
        TOLD,
    ),
)
