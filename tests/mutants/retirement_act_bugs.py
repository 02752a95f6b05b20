"""Deliberate bugs of retirement: each acts a moment too early, or forgets what it has done."""

from __future__ import annotations

from tests.mutants.bug import Bug

RACES = "retire/test_races.py"
APPROVAL = "retire/test_approval.py"
LIFE = "retire/test_retirement.py"
LEFT = "retire/test_snapshots_left.py"
WORKERS = "retire/test_two_workers.py"
LOOKS = "retire/test_looks.py"

ACT_BUGS = (
    Bug(
        "EC2 asked though the intention could not be written",
        "retire/steps/act.py",
        "        return after if self._app.retirements.save(record, after, adding=left) else None\n",
        "        self._app.retirements.save(record, after, adding=left)\n        return after\n",
        f"{WORKERS}::test_nothing_more_is_looked_at_where_another_worker_has_written_the_record_first",
    ),
    Bug(
        "intention not written before EC2 is asked",
        "retire/steps/act.py",
        "        return after if self._app.retirements.save(record, after, adding=left) else None\n",
        "        return record\n",
        f"{RACES}::test_step_that_dies_around_its_call_ends_as_if_it_had_not",
    ),
    Bug(
        "snapshots that go along not noted before",
        "retire/steps/act.py",
        "self._app.retirements.save(record, after, adding=left) else None",
        "self._app.retirements.save(record, after) else None",
        f"{WORKERS}::test_snapshots_are_on_the_list_before_ec2_is_asked",
    ),
    Bug(
        "nothing looked at before the call",
        "retire/steps/act.py",
        "        if finding.reasons or finding.pending_report:\n",
        "        if False:\n",
        f"{RACES}::test_what_happens_between_plan_and_call_keeps_the_original[hold tag-disable]",
    ),
    Bug(
        "EC2 asked without a usage report",
        "retire/steps/act.py",
        "        if finding.reasons or finding.pending_report:\n",
        "        if finding.reasons:\n",
        LOOKS,
    ),
    Bug(
        "usage report not waited for",
        "retire/steps/act.py",
        "        if not report:\n            return None\n",
        "",
        f"{LIFE}::test_original_is_disabled_after_its_grace_period_and_not_before",
    ),
    Bug(
        "announcement not looked at before the call",
        "retire/steps/act.py",
        "        finding.reasons += reasons.by_announcement("
        "record, policy, action, finding.image, self._app.clock.now())\n",
        "",
        LOOKS,
    ),
    Bug(
        "launch permissions not recorded before they are dropped",
        "retire/steps/act.py",
        "shared = moves.shared_with(record, finding.permissions, at=at, run_id=run_id)",
        "shared = record",
        "retire/test_undone.py::test_launch_permissions_come_back_from_the_record",
    ),
    Bug(
        "record not read once more before the call",
        "retire/steps/act.py",
        "return now is not None and now.history[-1] == record.history[-1]",
        "return now is not None",
        f"{WORKERS}::test_record_that_another_worker_writes_while_all_is_looked_at_lets_nothing_go",
    ),
    Bug(
        "EC2's refusal taken for done",
        "retire/steps/act.py",
        "            if unwilling:\n",
        "            if False:\n",
        LOOKS,
    ),
    Bug(
        "image that EC2 refuses to deregister taken for gone",
        "retire/steps/act.py",
        "            if not self._app.originals.by_id([record.image_id]):\n",
        "            if True:\n",
        f"{WORKERS}::test_snapshots_of_a_kept_image_are_not_to_be_deleted_any_more",
    ),
    Bug(
        "retired image not recorded over another worker's word",
        "retire/steps/settle.py",
        "        before = app.retirements.get(record.image_id)\n",
        "        before = None\n",
        f"{WORKERS}::test_deregistered_image_is_retired_though_another_worker_has_written_its_record",
    ),
    Bug(
        "snapshot that is left not noted once more",
        "retire/steps/act.py",
        "done.snapshots, adding=left, leaving=over)",
        "done.snapshots, adding=(), leaving=over)",
        f"{WORKERS}::test_snapshot_that_is_left_is_noted_though_another_run_took_it_off_the_list",
    ),
    Bug(
        "snapshot that is left taken off the list",
        "retire/steps/act.py",
        "over = [one for one in ends if one not in left and",
        "over = [one for one in ends if",
        f"{LEFT}::test_snapshot_that_could_not_be_deleted_goes_with_the_next_run",
    ),
    Bug(
        "retired image not counted",
        "retire/steps/settle.py",
        "adding=adding, leaving=leaving, saved=saved):",
        "adding=adding, leaving=leaving):",
        f"{WORKERS}::test_deregistered_image_is_retired_though_another_worker_has_written_its_record",
    ),
    Bug(
        "nobody asked where the policy wants a person's word",
        "retire/steps/step.py",
        'return policy is not None and policy.retire.approval == "explicit"',
        "return False",
        f"{APPROVAL}::test_nothing_goes_without_a_person_s_word",
    ),
    Bug(
        "silence taken for a yes",
        "retire/steps/step.py",
        'if state.approval is not None and state.approval.get("approved") is not True:',
        'if state.approval is not None and state.approval.get("approved") is False:',
        f"{APPROVAL}::test_nothing_goes_without_a_person_s_word",
    ),
    Bug(
        "usage reports waited for without end",
        "retire/steps/step.py",
        "    if end is None and state.retire_looks >= MOST_LOOKS:\n",
        "    if False:\n",
        LOOKS,
    ),
    Bug(
        "disabled image not recorded after a crash",
        "retire/steps/settle.py",
        '        if image is not None and image.state == "disabled":\n',
        "        if False:\n",
        LOOKS,
    ),
    Bug(
        "image that somebody deregistered taken for retired",
        "retire/steps/settle.py",
        "image is None and record.retirement.intention is Action.DEREGISTER:",
        "image is None:",
        f"{RACES}::test_what_happens_between_plan_and_call_keeps_the_original[deregistered by somebody-deregister]",
    ),
    Bug(
        "enabled image goes on in its grace period",
        "retire/steps/settle.py",
        'if image.state == "available" and record.retirement.disabled_at is not None:',
        "if False:",
        "retire/test_undone.py::test_hand_that_enables_an_image_restarts_its_grace_period_when_it_disables_it_again",
    ),
    Bug(
        "image disabled by hand stays without a grace period",
        "retire/steps/settle.py",
        'elif image.state == "disabled" and record.retirement.disabled_at is None:',
        "elif False:",
        "retire/test_undone.py::test_hand_that_enables_an_image_restarts_its_grace_period_when_it_disables_it_again",
    ),
    Bug(
        "snapshots not noted anew after a crash",
        "retire/steps/settle.py",
        "why, {}, adding=left, intended=retirement)",
        "why, {}, adding=(), intended=retirement)",
        f"{WORKERS}::test_snapshots_are_noted_anew_where_the_answer_of_ec2_was_lost",
    ),
    Bug(
        "snapshots deleted of an image that is still there",
        "retire/steps/settle.py",
        "    if record.status is not Status.RETIRED:\n",
        "    if False:\n",
        LOOKS,
    ),
    Bug(
        "snapshots that are about to go taken off the list",
        "retire/steps/settle.py",
        "        if record.retirement.intention is not Action.DEREGISTER:\n",
        "        if True:\n",
        LOOKS,
    ),
    Bug(
        "snapshots of a kept image stay on the list",
        "retire/steps/settle.py",
        "            app.retirements.drop(left)  # the image was kept after all\n",
        "            pass\n",
        f"{WORKERS}::test_snapshots_of_a_kept_image_are_not_to_be_deleted_any_more",
    ),
    Bug(
        "last snapshots deleted though the object is not whole",
        "retire/steps/settle.py",
        "    if not_whole := by_object(app, record):\n",
        "    if False:\n",
        f"{LEFT}::test_snapshot_that_is_left_stays_while_it_is_locked_or_its_object_is_not_whole",
    ),
    Bug(
        "locked snapshot deleted after all",
        "retire/steps/settle.py",
        "    if held:\n",
        "    if False:\n",
        f"{LEFT}::test_snapshot_that_is_left_stays_while_it_is_locked_or_its_object_is_not_whole",
    ),
    Bug(
        "snapshot forgotten after the second failure",
        "retire/steps/settle.py",
        "gone = [left] if end is not SnapshotEnd.LEFT else []",
        "gone = [left]",
        f"{LEFT}::test_snapshot_that_could_not_be_deleted_goes_with_the_next_run",
    ),
)
