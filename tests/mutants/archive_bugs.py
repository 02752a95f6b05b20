"""Deliberate bugs of the archive."""

from __future__ import annotations

from tests.mutants.bug import Bug

ARCHIVE_BUGS = (
    Bug(
        "budget compared with <=",
        "admission.py",
        "return budget_gib - in_flight_gib >= SLIVER_GIB / 2",
        "return budget_gib - in_flight_gib >= 0",
        "unit/test_admission.py",
    ),
    Bug(
        "queue read though the budget is full",
        "admission.py",
        "    if not _has_room(in_flight_gib, budget_gib):\n        return None\n",
        "",
        "unit/test_admission.py",
    ),
    Bug(
        "foreign tasks not counted",
        "steps/in_flight.py",
        "tasks = app.store_tasks.in_progress()",
        "tasks = [task for task in app.store_tasks.in_progress() if task.image_id in ours]",
        "steps/test_budget.py",
    ),
    Bug(
        "verification skipped",
        "steps/check.py",
        "why = flaw(record.image_id, found, self._app.settings.bucket_key_arn)",
        "why = None",
        "steps/test_bad_input.py::test_object_that_is_not_the_store_that_was_asked_for_is_never_verified",
    ),
    Bug(
        "verification skipped at adoption",
        "steps/adopt.py",
        "why = flaw(image.image_id, found, app.settings.bucket_key_arn)",
        "why = None",
        "steps/test_adoption.py",
    ),
    Bug(
        "EC2 called before the intention is written",
        "steps/start.py",
        "        if self._app.records.save(record, intention, leaving=entry):\n            self._ask(intention)\n",
        "        self._ask(intention)\n        self._app.records.save(record, intention, leaving=entry)\n",
        "steps/test_repeated_steps.py",
    ),
    Bug(
        "EC2 called though the intention could not be written",
        "steps/start.py",
        "        if self._app.records.save(record, intention, leaving=entry):\n            self._ask(intention)\n",
        "        self._app.records.save(record, intention, leaving=entry)\n        self._ask(intention)\n",
        "steps/test_repeated_steps.py",
    ),
    Bug(
        "queue entry not removed with the intention",
        "steps/start.py",
        "self._app.records.save(record, intention, leaving=entry)",
        "self._app.records.save(record, intention)",
        "steps/test_repeated_steps.py",
    ),
    Bug(
        "image in flight not on the lease",
        "steps/start.py",
        "leases.exchange(self._app, self._state, self._lease, add=image_ids, remove=ended)",
        "leases.exchange(self._app, self._state, self._lease, add=(), remove=ended)",
        "steps/test_a_night.py",
    ),
    Bug(
        "image under way again taken off the lease with those that ended",
        "steps/start.py",
        "sight.ended - under_way if sight else ()",
        "sight.ended if sight else ()",
        "steps/test_repeated_steps.py",
    ),
    Bug(
        "what ended left on the lease where nothing can be started",
        "steps/start.py",
        "    if stores.ended:\n        leases.renew(app, state, remove=stores.ended)\n",
        "",
        "steps/test_repeated_steps.py",
    ),
    Bug(
        "start goes by a look of any age",
        "steps/start.py",
        "running = sight.running if sight is not None and fresh else",
        "running = sight.running if sight is not None else",
        "steps/test_calls_of_a_night.py",
    ),
    Bug(
        "what ended left to a start that does not come",
        "steps/check.py",
        "if state.next is Next.START and ended == look.listed:",
        "if ended == look.listed:",
        "steps/test_repeated_steps.py",
    ),
    Bug(
        "set of images in flight replaced though somebody changed it",
        "adapters/table_leases.py",
        '"#holder = :me AND in_flight = :known"',
        '"#holder = :me AND (in_flight = :known OR attribute_exists(in_flight))"',
        "adapters/test_table_leases.py",
    ),
    Bug(
        "condition on the previous status dropped",
        "adapters/table_writes.py",
        """        condition = "#status = :was AND size(history) = :length"
        names["#status"] = status_name
        values |= {":was": serialized(of.status), ":length": serialized(of.moves)}
""",
        """        condition = "size(history) = :length"
        values |= {":length": serialized(of.moves)}
""",
        "adapters/test_table_records.py",
    ),
    Bug(
        "condition on the history's length dropped",
        "adapters/table_writes.py",
        """        condition = "#status = :was AND size(history) = :length"
        names["#status"] = status_name
        values |= {":was": serialized(of.status), ":length": serialized(of.moves)}
""",
        """        condition = "#status = :was"
        names["#status"] = status_name
        values |= {":was": serialized(of.status)}
""",
        "adapters/test_table_records.py",
    ),
    Bug(
        "history not appended",
        "lifecycle.py",
        "        history=(*record.history, entry),\n        **changes,\n",
        "        history=record.history,\n        **changes,\n",
        "unit/test_lifecycle.py",
    ),
    Bug(
        "attempts not limited",
        "lifecycle.py",
        "last = attempts >= allowed",
        "last = False",
        "unit/test_lifecycle.py",
    ),
    Bug(
        "lease not renewed",
        "adapters/table_leases.py",
        'update = "SET expires_at = :until"',
        'update = "SET expires_at = if_not_exists(expires_at, :until)"',
        "adapters/test_table_leases.py",
    ),
    Bug(
        "lease renewed by whoever asks",
        "adapters/table_leases.py",
        'return self._update(update, "#holder = :me", values)',
        'return self._update(update, "attribute_exists(#holder) OR #holder = :me", values)',
        "adapters/test_table_leases.py",
    ),
    Bug(
        "lease given back over a run that joined",
        "adapters/table_leases.py",
        '"#holder = :me AND size(runs) = :runs"',
        '"#holder = :me AND size(runs) >= :runs"',
        "adapters/test_table_leases.py",
    ),
    Bug(
        "lease taken while it is held",
        "adapters/table_leases.py",
        '"attribute_not_exists(#holder) OR expires_at < :now"',
        '"attribute_not_exists(#holder) OR expires_at <= :now OR expires_at > :now"',
        "adapters/test_table_leases.py",
    ),
    Bug(
        "ids not chunked by 20",
        "adapters/ec2_store_tasks.py",
        "IDS_PER_CALL = 20",
        "IDS_PER_CALL = 200",
        "adapters/test_ec2_store_tasks.py",
    ),
    Bug(
        "first page of images only",
        "adapters/ec2_images.py",
        'token = answer.get("NextToken") or None',
        "token = None",
        "steps/test_selection_step.py",
    ),
    Bug(
        "first page of the queue only",
        "adapters/table_records.py",
        'start = answer.get("LastEvaluatedKey")',
        "start = None",
        "adapters/test_table_queue.py",
    ),
    Bug(
        "records that DynamoDB left unread forgotten",
        "adapters/table_records.py",
        'wanted = answer.get("UnprocessedKeys")',
        "wanted = None",
        "adapters/test_table_records.py",
    ),
    Bug(
        "newer schema read as if known",
        "adapters/table_items.py",
        "if isinstance(schema, Decimal) and schema > RETIRING_SCHEMA:",
        "if isinstance(schema, Decimal) and schema < SCHEMA:",
        "adapters/test_table_records.py",
    ),
    Bug(
        "a waiting image's entry dropped",
        "adapters/table_records.py",
        '"attribute_not_exists(#status) OR #status <> :selected"',
        '"attribute_not_exists(#status) OR attribute_exists(#status) OR #status <> :selected"',
        "adapters/test_table_records.py",
    ),
    Bug(
        "a refusal judged without looking for the image's task",
        "steps/start.py",
        """        if task is not None and task.state == "InProgress":
            self.fill.running.append(Running(task, record.snapshot_gib))
            return
""",
        "",
        "steps/test_adoption.py",
    ),
    Bug(
        "one failed task counted at every look",
        "steps/in_flight.py",
        "if record.failed_task_started_at is not None and task.started_at <= record.failed_task_started_at:",
        "if record.failed_task_started_at is not None and task.started_at < record.failed_task_started_at:",
        "steps/test_failures.py",
    ),
    Bug(
        "an old task taken for tonight's",
        "steps/in_flight.py",
        "return task.started_at >= lifecycle.requested_at(record) - timedelta(seconds=CLOCK_SKEW_SECONDS)",
        "return True",
        "steps/test_budget.py",
    ),
    Bug(
        "a repeated check hides the first one's decisions",
        "steps/check.py",
        'return f"CHECK#{state.loops:07}#{digest}"',
        'return f"CHECK#{state.loops:07}"',
        "steps/test_repeated_steps.py",
    ),
    Bug(
        "report without a look at who joined",
        "steps/report.py",
        "        if not _released(app, state):\n            return state.then(Next.CHECK), {}, {}\n",
        "        app.leases.release(state.run_id, len(app.leases.read().runs))\n",
        "steps/test_two_runs.py",
    ),
    Bug(
        "version of a verified object not compared",
        "verification.py",
        '        ("version", record.object_version_id, found.version_id),\n',
        "",
        "unit/test_verification.py",
    ),
    Bug(
        "listing compared without the version",
        "inventory.py",
        "recorded = (record.object_key, record.object_version_id, record.object_bytes, record.object_etag)",
        "return self.has_image(record.image_id)\n        recorded = ()",
        "unit/test_inventory.py",
    ),
    Bug(
        "encryption not checked",
        "verification.py",
        'if not (found.encryption or "").startswith("aws:kms") or found.kms_key_id != bucket_key_arn:',
        'if not (found.encryption or "").startswith("aws:kms"):',
        "unit/test_verification.py",
    ),
    Bug(
        "first policy does not own",
        "selection.py",
        "for policy in policies if policy.selects(image)",
        "for policy in reversed(list(policies)) if policy.selects(image)",
        "unit/test_selection.py",
    ),
    Bug(
        "keep-newest off by one",
        "selection.py",
        "if len(heap) > self._kept:",
        "if len(heap) >= self._kept:",
        "unit/test_selection.py",
    ),
    Bug(
        "cap ignored",
        "selection.py",
        "reason = cap.refusal(policy, gib)",
        "reason = None",
        "unit/test_selection.py",
    ),
    Bug(
        "window ignored",
        "steps/lease.py",
        "if policy.paused or ((closes := windows.get(policy.name, own)) is not None and now >= closes)",
        "if policy.paused or ((closes := windows.get(policy.name, own)) is not None and now < closes and False)",
        "steps/test_windows_and_caps.py",
    ),
    Bug(
        "pause ignored",
        "steps/lease.py",
        "if policy.paused or (",
        "if (",
        "steps/test_two_runs.py",
    ),
    Bug(
        "dry run writes",
        "steps/select.py",
        "            if self._state.dry_run:\n                counts.update",
        "            if self._state.dry_run and not decided.chosen:\n                counts.update",
        "steps/test_windows_and_caps.py",
    ),
    Bug(
        "throttling blamed on the image",
        "adapters/ec2_store_tasks.py",
        "throttled=code in THROTTLED",
        "throttled=False",
        "steps/test_failures.py",
    ),
    Bug(
        "missing permission tried for ever",
        "adapters/aws_errors.py",
        'raise AccessDenied(f"{text}.',
        'raise TemporarilyUnavailable(f"{text}.',
        "adapters/test_error_translation.py",
    ),
)
