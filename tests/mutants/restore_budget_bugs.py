"""Deliberate bugs of the restore budget: what is in flight, the lease, turns, refusals, looks."""

from __future__ import annotations

from tests.mutants.bug import Bug

BUDGET = "restore/test_restore_budget.py"
REFUSALS = "restore/test_refusals.py"
TURNS = "restore/test_turns.py"
LEASES = "restore/test_leases.py"
DEATH = "restore/test_restore_failures.py::test_dying_at_any_call_gives_the_same_end"
PLAN = "restore/test_plan.py"
ENDS = "restore/test_every_failure.py::test_restore_that_fails_says_under_which_name_and_what_to_do"
START = "restore/steps/start.py"
IN_FLIGHT = "restore/steps/in_flight.py"
CHECK = "restore/steps/check.py"
LEASE = "restore/steps/lease.py"

RESTORE_BUDGET_BUGS = (
    Bug(
        "restore budget of the configuration not kept",
        START,
        "budget_gib=app.settings.restore_budget_gib,",
        "budget_gib=300.0,",
        f"{BUDGET}::test_budget_of_the_configuration_is_kept",
    ),
    Bug(
        "admission rule of a restore not kept",
        START,
        "rule=app.settings.admission_rule,",
        'rule="aws",',
        f"{BUDGET}::test_strict_rule_never_exceeds_the_budget",
    ),
    Bug(
        "others' restores not counted",
        IN_FLIGHT,
        "if image.image_id not in found and not image.made_of_instance",
        "if False",
        f"{BUDGET}::test_restores_that_others_started_count",
    ),
    Bug(
        "image made of an instance counted",
        IN_FLIGHT,
        "if image.image_id not in found and not image.made_of_instance",
        "if image.image_id not in found",
        f"{BUDGET}::test_image_that_is_made_of_an_instance_does_not_count",
    ),
    Bug(
        "own restores counted twice",
        IN_FLIGHT,
        "if image.image_id not in found and not image.made_of_instance",
        "if not image.made_of_instance",
        f"{LEASES}::test_restore_that_is_under_way_counts_once",
    ),
    Bug(
        "namesake taken for ours",
        IN_FLIGHT,
        "namesake if namesake and namesake.restore_id == record.restore_id else None",
        "namesake",
        f"{LEASES}::test_image_of_the_same_name_is_not_taken_for_a_restore_whose_call_was_not_made",
    ),
    Bug(
        "image hidden for a moment taken for gone",
        IN_FLIGHT,
        "        elif may_be_hidden(record, now):\n",
        "        elif False:\n",
        f"{LEASES}::test_image_that_ec2_does_not_show_for_a_moment_is_not_gone",
    ),
    Bug(
        "image gone for ever still waited for",
        IN_FLIGHT,
        "        elif may_be_hidden(record, now):\n",
        "        elif True:\n",
        f"{ENDS}[-image_gone]",
    ),
    Bug(
        "restore whose step died not adopted",
        CHECK,
        "        if app.restores.save(before, after):\n            adopted[before.restore_id] = after\n",
        "",
        f"{LEASES}::test_restore_whose_step_died_after_its_call_is_adopted",
    ),
    Bug(
        "other run's intention not counted",
        START,
        "if r.run_id != state.run_id and may_be_hidden(r, now)]",
        "if False]",
        f"{LEASES}::test_what_another_run_is_about_to_start_counts_in_the_budget_for_a_while",
    ),
    Bug(
        "dead run's intention counts for ever",
        START,
        "if r.run_id != state.run_id and may_be_hidden(r, now)]",
        "if r.run_id != state.run_id]",
        f"{LEASES}::test_what_another_run_is_about_to_start_counts_in_the_budget_for_a_while",
    ),
    Bug(
        "dead run's intention never given up",
        CHECK,
        "if record.run_id != state.run_id and now - (record.requested_at or record.changed_at) > limit:",
        "if False:",
        f"{REFUSALS}::test_call_that_a_stopped_run_never_made_is_given_up_by_a_later_one",
    ),
    Bug(
        "no second look right before the call",
        START,
        "        return altered(record, found)\n",
        "        return None\n",
        f"{PLAN}::test_object_that_is_altered_after_the_plan_is_not_restored",
    ),
    Bug(
        "default encryption not looked at again",
        START,
        "if record.needs_encryption and not self._encrypts:",
        "if False:",
        f"{PLAN}::test_encryption_that_is_switched_off_after_the_plan_stops_the_restore",
    ),
    Bug(
        "copy that froze again is restored",
        START,
        "elif found is not None and not found.readable:",
        "elif False:",
        "restore/test_thaw.py::test_copy_that_has_frozen_again_before_its_turn_is_thawed_again",
    ),
    Bug(
        "intention of a restore not written before the call",
        START,
        "            if self._app.restores.save(record, intention, leaving=entry):\n",
        "            if True:\n",
        f"{LEASES}::test_restore_whose_step_died_after_its_call_is_adopted",
    ),
    Bug(
        "restore called though another worker moved it",
        START,
        "            if self._app.restores.save(record, intention, leaving=entry):\n",
        "            if self._app.restores.save(record, intention, leaving=entry) or True:\n",
        f"{LEASES}::test_nothing_is_called_for_a_restore_that_another_worker_has_moved",
    ),
    Bug(
        "restore not named on the lease before its call",
        START,
        "lambda restore_ids: leases.renew(self._app, self._state, add=restore_ids),",
        "lambda restore_ids: None,",
        f"{DEATH}",
    ),
    Bug(
        "budget filled without the lease",
        LEASE,
        "    if lease is None:\n        yield None\n        return\n",
        "    lease = lease or app.leases.read()\n",
        f"{LEASES}::test_while_another_run_has_the_lease_nothing_is_called",
    ),
    Bug(
        "restores' lease not given back",
        LEASE,
        "        raise\n    app.leases.release(state.run_id, 1)\n",
        "        raise\n",
        f"{LEASES}::test_lease_is_given_back_after_each_fill",
    ),
    Bug(
        "restores' lease kept after an error",
        LEASE,
        "    except ArchiverError:\n        app.leases.release(state.run_id, 1)\n",
        "    except ArchiverError:\n",
        f"{LEASES}::test_lease_is_given_back_where_a_fill_fails",
    ),
    Bug(
        "restores' lease ends before its step may",
        LEASE,
        "LASTS = timedelta(seconds=STEP_SECONDS + CLOCK_SKEW_SECONDS)",
        "LASTS = timedelta(seconds=60)",
        f"{LEASES}::test_lease_lasts_as_long_as_a_step_may_take",
    ),
    Bug(
        "lost lease ends the run",
        START,
        "    except LeaseLost as error:",
        "    except ZeroDivisionError as error:",
        f"{LEASES}::test_step_that_hung_until_another_run_took_its_lease_calls_nothing_and_looks_again",
    ),
    Bug(
        "ended restores stay on the lease while a run goes on",
        START,
        "        leases.drop_ended(app, state, lease, self._in_flight)\n",
        "",
        f"{LEASES}::test_what_has_ended_is_off_the_lease_at_the_next_fill",
    ),
    Bug(
        "run does not wait for its turn",
        START,
        "restores.from_queue(first is None)",
        "restores.from_queue(True)",
        f"{TURNS}::test_large_run_does_not_starve_a_small_one_that_looks_after_it",
    ),
    Bug(
        "turn not noted",
        START,
        "keep_turn(app, own, wait_seconds, had_it=fill.asked)",
        "keep_turn(app, own, wait_seconds)",
        TURNS,
    ),
    Bug("dead run's turn waited for", "restore/turns.py", " and other.looks_at + LATE >= now]", "]", TURNS),
    Bug(
        "run that had the last turn goes first",
        "restore/turns.py",
        "first = min([run, *comes]",
        "first = max([run, *comes]",
        TURNS,
    ),
    Bug("refused restore not tried again", START, "ATTEMPTS = 3", "ATTEMPTS = 1", REFUSALS),
    Bug(
        "refusal for want of budget held against the restore",
        START,
        "final = answer.concerns_restore",
        "final = True",
        f"{BUDGET}::test_rejection_is_back_pressure_not_a_failure",
    ),
    Bug(
        "restore that EC2 never takes tried again",
        START,
        "final = answer.concerns_restore",
        "final = False",
        f"{REFUSALS}::test_restore_that_ec2_refuses_for_its_own_sake_is_asked_for_once",
    ),
    Bug(
        "throttled restore held against it",
        START,
        "throttled=answer.throttled)",
        "throttled=False)",
        f"{REFUSALS}::test_throttling_is_waited_out_ever_longer_and_blames_nobody",
    ),
    Bug(
        "refused restore never convicted",
        START,
        "                self._attempt_failed(suspect, refused, final=False)\n",
        "                pass\n",
        f"{REFUSALS}::test_refusal_counts_at_once_where_another_is_taken_and_nothing_has_ended",
    ),
    Bug(
        "waits not longer after refusals",
        START,
        "refused = state.refused_starts + 1 if fill.only_refused else 0",
        "refused = 0",
        f"{REFUSALS}::test_throttling_is_waited_out_ever_longer_and_blames_nobody",
    ),
    Bug(
        "own image under the name not adopted",
        START,
        "if image is None or image.restore_id != record.restore_id:",
        "if True:",
        f"{LEASES}::test_image_that_an_earlier_call_made_is_adopted_by_its_name",
    ),
    Bug(
        "no other name where a template allows it",
        START,
        "if name is not None and name != record.name:",
        "if False:",
        f"{PLAN}::test_name_that_is_taken_after_the_plan_is_replaced_where_a_template_allows_it",
    ),
    Bug(
        "restores that end are no progress",
        CHECK,
        "        state = state.then(Next.WAIT, progressed_at=now.isoformat())\n",
        "        pass\n",
        f"{LEASES}::test_run_that_gets_on_may_take_longer_than_its_limit",
    ),
    Bug(
        "run without progress never gives up",
        CHECK,
        "if thaw is None and state.loops > 1 and now - state.progressed > limit:",
        "if False:",
        f"{LEASES}::test_look_after_the_limit_without_progress_ends_the_run",
    ),
    Bug(
        "long run not handed over",
        CHECK,
        "if state.loops % HAND_OVER_LOOPS == 0:",
        "if False:",
        "restore/test_restore_failures.py::test_hand_over_goes_on_with_the_check",
    ),
    Bug(
        "other run's restore not ended",
        CHECK,
        "    for record, image in in_flight.ended:\n        current",
        "    for record, image in [one for one in in_flight.ended if one[0].run_id == state.run_id]:\n        current",
        f"{BUDGET}::test_run_that_died_does_not_block_the_budget_and_its_restore_is_finished_by_the_next",
    ),
    Bug(
        "wait rests on others' restores",
        CHECK,
        "running if more_to_start else own,",
        "running,",
        f"{TURNS}::test_a_run_waits_for_the_end_of_its_own_and_not_of_others",
    ),
)
