"""Deliberate bugs of a running restore: thaws, looks, ends, records, reports."""

from __future__ import annotations

from tests.mutants.bug import Bug

THAWS = "restore/test_thaw.py"
IMAGE = "restore/test_restored_image.py"
FAILURES = "restore/test_every_failure.py"
ENDS = f"{FAILURES}::test_restore_that_fails_says_under_which_name_and_what_to_do"
DEATH = "restore/test_restore_failures.py::test_dying_at_any_call_gives_the_same_end"
DOMAIN = "restore/test_restore_domain.py"
TURNS = "restore/test_turns.py"
SUMMARY = "restore/test_restore_summary.py"
THAW = "restore/steps/thaw.py"
FINISH = "restore/steps/finish.py"
REPORT = "restore/steps/report.py"

RESTORE_RUN_BUGS = (
    Bug(
        "thaw asked for at every look",
        THAW,
        'elif record.thaw_asked_at is not None and found.thaw == "asked":',
        "elif False:",
        f"{THAWS}::test_thaw_is_asked_for_once_at_the_speed_and_for_the_days_that_were_wished",
    ),
    Bug(
        "thaw for other days than wished",
        THAW,
        "else record.options.thaw_days",
        "else 1",
        f"{THAWS}::test_thaw_is_asked_for_once_at_the_speed_and_for_the_days_that_were_wished",
    ),
    Bug(
        "thaw at another speed than wished",
        "adapters/s3_bucket.py",
        '{"GlacierJobParameters": {"Tier": tier}}',
        '{"GlacierJobParameters": {"Tier": "Standard"}}',
        f"{THAWS}::test_thaw_is_asked_for_once_at_the_speed_and_for_the_days_that_were_wished",
    ),
    Bug(
        "altered object thawed for money",
        THAW,
        "    why = altered(record, found)\n",
        "    why = None\n",
        f"{THAWS}::test_object_that_was_altered_since_the_plan_is_not_thawed",
    ),
    Bug(
        "thaw looked at too early",
        "restore/thawing.py",
        "return first if now < first else now + pause",
        "return now + pause",
        f"{DOMAIN}::test_a_thaw_is_looked_at_first_when_it_can_be_done_and_then_a_few_times",
    ),
    Bug(
        "thaw looked at all the time",
        "restore/thawing.py",
        "max(minimum_seconds, (latest - earliest) / LOOKS)",
        "minimum_seconds",
        f"{DOMAIN}::test_a_thaw_is_looked_at_first_when_it_can_be_done_and_then_a_few_times",
    ),
    Bug(
        "thaw never overdue",
        "restore/thawing.py",
        "return now > asked_at + timedelta(seconds=latest + GIVE_UP_SECONDS)",
        "return False",
        f"{DOMAIN}::test_a_thaw_is_looked_at_first_when_it_can_be_done_and_then_a_few_times",
    ),
    Bug(
        "thaw overdue at once",
        "restore/thawing.py",
        "timedelta(seconds=latest + GIVE_UP_SECONDS)",
        "timedelta(seconds=latest)",
        f"{DOMAIN}::test_a_thaw_is_looked_at_first_when_it_can_be_done_and_then_a_few_times",
    ),
    Bug(
        "no other speed where S3 has no capacity",
        THAW,
        "if refused == NO_EXPEDITED_CAPACITY:",
        "if False:",
        f"{THAWS}::test_expedited_retrieval_without_capacity_becomes_a_standard_one",
    ),
    Bug(
        "refused thaw taken for one that was asked",
        THAW,
        "    if refused:\n",
        "    if False:\n",
        f"{ENDS}[-thaw_refused]",
    ),
    Bug(
        "frozen objects wait with those that are not",
        "restore/steps/plan.py",
        "if found is not None and not found.readable:",
        "if False:",
        f"{THAWS}",
    ),
    Bug(
        "thaw of an ended restore goes on",
        THAW,
        "if record is None or record.status not in WAITING:",
        "if record is None:",
        f"{THAWS}::test_thaw_of_a_restore_that_has_ended_is_asked_for_by_nobody",
    ),
    Bug(
        "failed image taken for restored",
        FINISH,
        'if image.state != "available":',
        "if False:",
        f"{ENDS}[-restore_failed]",
    ),
    Bug(
        "image that is gone taken for failed",
        FINISH,
        "RestoreFailure.IMAGE_GONE",
        "RestoreFailure.RESTORE_FAILED",
        f"{ENDS}[-image_gone]",
    ),
    Bug(
        "SSM parameters pointed unasked",
        FINISH,
        "    if not record.options.point_ssm_parameters:\n        return []\n",
        "",
        f"{IMAGE}::test_points_parameters_back_only_when_asked_and_only_those_that_still_point_at_the_original",
    ),
    Bug(
        "SSM parameter beyond the prefixes pointed",
        FINISH,
        "if not pointable(arn, app.settings.parameter_prefixes):",
        "if False:",
        f"{IMAGE}::test_points_parameters_back_only_when_asked_and_only_those_that_still_point_at_the_original",
    ),
    Bug(
        "original's history not told",
        FINISH,
        "        _note_in_history(app, record, image, archived)\n",
        "        pass\n",
        f"{IMAGE}::test_restore_is_in_the_originals_history_and_changes_nothing_else_of_it",
    ),
    Bug(
        "restore of a copy in the original's history",
        FINISH,
        "if archived is not None and archived.object_key != record.object_key:",
        "if False:",
        "restore/test_plan.py::test_copy_of_an_object_under_another_key_goes_without_the_record",
    ),
    Bug(
        "repeated step tells the history twice",
        FINISH,
        "if archived is None or any(move.why == why for move in archived.history):",
        "if archived is None:",
        DEATH,
    ),
    Bug(
        "new image's id not recorded",
        FINISH,
        '        "; ".join([why, *notes]),\n        at=app.clock.now(),\n        restored_image_id=image.image_id,\n',
        '        "; ".join([why, *notes]),\n        at=app.clock.now(),\n        restored_image_id=None,\n',
        f"{IMAGE}::test_each_restore_has_a_record_with_its_moves",
    ),
    Bug(
        "restored image becomes failed",
        "restore/lifecycle.py",
        "S.RESTORED: frozenset(),",
        "S.RESTORED: frozenset({S.FAILED}),",
        f"{DOMAIN}::test_status_only_moves_forward_and_every_move_is_in_the_history",
    ),
    Bug(
        "restore planned again",
        "restore/lifecycle.py",
        "S.THAWING: frozenset({S.RESTORING, S.FAILED}),",
        "S.THAWING: frozenset({S.PLANNED, S.RESTORING, S.FAILED}),",
        f"{DOMAIN}::test_status_only_moves_forward_and_every_move_is_in_the_history",
    ),
    Bug(
        "one attempt more than allowed",
        "restore/lifecycle.py",
        "last = attempts >= allowed",
        "last = attempts > allowed",
        f"{DOMAIN}::test_a_refused_call_fails_the_restore_at_the_last_attempt",
    ),
    Bug(
        "wished tags may replace the restore's own",
        "restore/tags.py",
        "        **record.options.tags,\n        RESTORE_ID_TAG: record.restore_id,\n",
        "        RESTORE_ID_TAG: record.restore_id,\n",
        f"{IMAGE}::test_image_and_snapshots_say_where_they_come_from",
    ),
    Bug(
        "end of a long key not in the tag",
        "restore/tags.py",
        "record.object_key[-MAX_VALUE:]",
        "record.object_key[:MAX_VALUE]",
        DOMAIN,
    ),
    Bug(
        "restores counted once each kind",
        "restore/summary.py",
        "self.counts[kind] += 1",
        "self.counts[kind] = 1",
        SUMMARY,
    ),
    Bug("all restores listed", "restore/summary.py", "if len(self.listed[kind]) < LISTED:", "if True:", SUMMARY),
    Bug(
        "unreadable restore counted as in progress",
        "restore/summary.py",
        "self._add(NAMES[S.FAILED], 0.0, _line_of_unreadable(restore))",
        "self._add(self.unended, 0.0, _line_of_unreadable(restore))",
        SUMMARY,
    ),
    Bug(
        "restored GiB with the failed ones",
        "restore/summary.py",
        'round(result.gib["restored"], 3)',
        "round(sum(result.gib.values()), 3)",
        SUMMARY,
    ),
    Bug("metrics mixed up", REPORT, 'float(result.counts["failed"])', 'float(result.counts["refused"])', SUMMARY),
    Bug("metrics of a dry run", REPORT, "{} if state.dry_run else _metrics(result)", "_metrics(result)", SUMMARY),
    Bug(
        "nobody told",
        REPORT,
        "    app.notifier.publish(headline(summary), text_of(summary))\n",
        "",
        f"{IMAGE}::test_summary_is_kept_told_and_newest_first_without_a_scan",
    ),
    Bug(
        "summary not kept",
        REPORT,
        "    app.runs.put_summary(state.run_id, summary)\n",
        "",
        f"{IMAGE}::test_summary_is_kept_told_and_newest_first_without_a_scan",
    ),
    Bug(
        "what waits at the end never ends",
        REPORT,
        "        _give_up(app, state)\n",
        "        pass\n",
        f"{ENDS}[-given_up_while_it_waits]",
    ),
    Bug(
        "entry of an unreadable restore stays",
        REPORT,
        "            app.restores.drop(restore_id, left)\n",
        "            pass\n",
        f"{FAILURES}::test_only_plan_of_an_unreadable_restore_ends_the_run",
    ),
    Bug(
        "ended restores stay in flight",
        REPORT,
        "        _tidy(app, state)\n",
        "        pass\n",
        f"{ENDS}[-restore_failed]",
    ),
    Bug(
        "ended run stays in the turns",
        REPORT,
        "        app.restores.wait_no_more(state.run_id)\n",
        "",
        "restore/test_leases.py::test_run_that_gives_up_leaves_the_turns",
    ),
    Bug("what stands still looked at all the time", "restore/looks.py", "    if still:\n", "    if False:\n", TURNS),
    Bug(
        "estimate rests on what stands still",
        "restore/looks.py",
        "moving = [r for r in running if r not in still]",
        "moving = list(running)",
        TURNS,
    ),
)
