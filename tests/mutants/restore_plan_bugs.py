"""Deliberate bugs of a restore's plan: each plans what cannot or must not be restored, or under a wrong name."""

from __future__ import annotations

from tests.mutants.bug import Bug

PLAN = "restore/test_plan.py"
OBSTACLES = "restore/test_obstacles.py"
FAILURES = "restore/test_every_failure.py::test_restore_that_fails_says_under_which_name_and_what_to_do"
LEFT = (
    "restore/test_leases.py::"
    "test_what_a_dead_step_was_about_to_ask_for_is_taken_off_the_lease_when_nobody_can_write_it_any_more"
)
PLANNING = "restore/planning.py"
STEP = "restore/steps/plan.py"

RESTORE_PLAN_BUGS = (
    Bug(
        "restore of an image that is not archived",
        PLANNING,
        "if record.status in NOT_ARCHIVED_YET:",
        "if False:",
        f"{PLAN}::test_image_that_is_not_archived_is_refused",
    ),
    Bug(
        "restore from another Region's bucket",
        PLANNING,
        "if record.bucket != account.bucket_name:",
        "if False:",
        f"{PLAN}::test_object_in_another_regions_bucket_is_refused_with_the_way_out",
    ),
    Bug(
        "restore by a record that cannot be read",
        PLANNING,
        "    if candidate.unreadable:\n        return candidate.unreadable\n",
        "",
        f"{PLAN}::test_record_that_cannot_be_read_stops_its_image_alone",
    ),
    Bug(
        "restore of an object that is gone or altered",
        PLANNING,
        "        if changed := alteration(record, found):\n            return changed\n",
        "",
        f"{PLAN}::test_altered_version_is_refused_and_names_the_one_to_make_current",
    ),
    Bug(
        "restore of another version",
        "verification.py",
        '        ("version", record.object_version_id, found.version_id),\n',
        "",
        OBSTACLES,
    ),
    Bug(
        "restore of an object of another size",
        "verification.py",
        '        ("size in bytes", record.object_bytes, found.size_bytes),\n',
        "",
        OBSTACLES,
    ),
    Bug(
        "restore of an object with another ETag",
        "verification.py",
        '        ("ETag", record.object_etag, found.etag),\n',
        "",
        OBSTACLES,
    ),
    Bug(
        "restore of an object with another checksum",
        "verification.py",
        '        ("checksum", record.object_checksum, found.checksum),\n',
        "",
        OBSTACLES,
    ),
    Bug(
        "restore of an empty object",
        PLANNING,
        "if found.size_bytes <= 0:",
        "if found.size_bytes < 0:",
        f"{FAILURES}[-empty]",
    ),
    Bug(
        "retrieval that the class does not have",
        PLANNING,
        "        if problem is not None:\n",
        "        if False:\n",
        "restore/test_thaw.py::test_speed_that_the_class_does_not_have_is_refused",
    ),
    Bug(
        "speed refused of what is thawed already",
        PLANNING,
        "found.frozen_class is not None and not found.readable:",
        "found.frozen_class is not None:",
        OBSTACLES,
    ),
    Bug("own tags of a restore not counted", PLANNING, " + OWN_TAGS\n", "\n", OBSTACLES),
    Bug(
        "wished tags not counted",
        PLANNING,
        "len(record.origin.tags | wishes.tags)",
        "len(record.origin.tags)",
        OBSTACLES,
    ),
    Bug(
        "fifty tags too many",
        PLANNING,
        "if tags > MAX_TAGS_OF_AN_IMAGE:",
        "if tags >= MAX_TAGS_OF_AN_IMAGE:",
        OBSTACLES,
    ),
    Bug(
        "encryption silently lost",
        PLANNING,
        "    return unencrypted(candidate, account) if not wishes.allow_unencrypted else None",
        "    return None",
        f"{PLAN}::test_losing_encryption_is_refused_then_allowed",
    ),
    Bug(
        "lost encryption cannot be allowed",
        PLANNING,
        "    return unencrypted(candidate, account) if not wishes.allow_unencrypted else None",
        "    return unencrypted(candidate, account)",
        f"{PLAN}::test_losing_encryption_is_refused_then_allowed",
    ),
    Bug(
        "unknown encryption taken for none",
        PLANNING,
        "    if encrypted is False:\n",
        "    if not encrypted:\n",
        f"{PLAN}::test_object_of_another_account_restores_by_its_key",
    ),
    Bug(
        "account's default encryption not seen",
        PLANNING,
        "    if account.encrypts_by_default:\n        return None\n",
        "",
        f"{PLAN}::test_encrypted_original_comes_back_encrypted_where_the_account_does_so",
    ),
    Bug(
        "need of encryption forgotten after the plan",
        STEP,
        "needs_encryption=planned\n",
        "needs_encryption=False\n",
        f"{PLAN}::test_encryption_that_is_switched_off_after_the_plan_stops_the_restore",
    ),
    Bug(
        "dry run puts restores into the queue",
        STEP,
        "entries = {} if state.dry_run else plan.entries_of(records)",
        "entries = plan.entries_of(records)",
        f"{PLAN}::test_dry_run_changes_nothing_but_leaves_its_summary",
    ),
    Bug(
        "dry run leaves restores",
        STEP,
        "app.restores.plan(records, entries, draft=state.dry_run)",
        "app.restores.plan(records, entries, draft=False)",
        f"{PLAN}::test_dry_run_changes_nothing_but_leaves_its_summary",
    ),
    Bug(
        "dry run goes on to restore",
        STEP,
        "    return state.then(Next.CHECK if ",
        "    return state.then(Next.CHECK if state.planned or ",
        f"{PLAN}::test_dry_run_is_reported_as_soon_as_it_is_planned",
    ),
    Bug("what was planned is planned anew", STEP, "if one not in self._written]\n", "]\n", PLAN),
    Bug(
        "invocation may plan nothing",
        STEP,
        "if state.position > begun_at and seconds_left()",
        "if seconds_left()",
        f"{PLAN}::test_plan_goes_on_where_an_invocation_had_to_stop",
    ),
    Bug(
        "pointing without a prefix allowed",
        STEP,
        "if wishes.point_ssm_parameters and not app.settings.parameter_prefixes:",
        "if False:",
        "restore/test_restored_image.py::test_pointing_parameters_is_refused_where_the_configuration_allows_none",
    ),
    Bug(
        "unknown size counts as nothing",
        STEP,
        "else self._account.budget_gib,",
        "else 0.0,",
        f"{PLAN}::test_object_of_unknown_size_is_planned_as_the_whole_budget",
    ),
    Bug(
        "copy of an object goes by the image's record",
        STEP,
        "not _is_id(name) and record.object_key != name:",
        "False:",
        f"{PLAN}::test_copy_of_an_object_under_another_key_goes_without_the_record",
    ),
    Bug(
        "licence not told",
        PLANNING,
        'if record.origin.usage_operation not in ("", "RunInstances"):',
        "if False:",
        "restore/test_restored_image.py::test_says_what_licence_and_product_codes_mean_for_a_restore",
    ),
    Bug(
        "product codes not told",
        PLANNING,
        "if record.origin.product_codes:",
        "if False:",
        "restore/test_restored_image.py::test_says_what_licence_and_product_codes_mean_for_a_restore",
    ),
    Bug(
        "lost sharing not told",
        PLANNING,
        "        yield from sharing(shared, wishes.confirmed).left_out()\n",
        "        pass\n",
        "restore/test_sharing.py::test_without_a_word_nothing_is_shared_and_that_is_said",
    ),
    Bug(
        "what a dead run asked for not looked at by one that restores nothing",
        "restore/steps/plan.py",
        "(state.planned > 0 or bool(app.leases.read().in_flight))",
        "state.planned > 0",
        "restore/test_leases.py::test_run_that_restores_nothing_still_finishes_what_a_dead_one_had_asked_for",
    ),
    Bug(
        "what a dead step announced left on the lease",
        "restore/steps/lease.py",
        "if not _left_behind(app, state, record)}",
        "}",
        LEFT,
    ),
    Bug(
        "what a step is about to write taken off the lease",
        "restore/steps/lease.py",
        "        and since > timedelta(hours=app.settings.run_limit_hours)\n",
        "",
        LEFT,
    ),
)
