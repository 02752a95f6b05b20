"""Deliberate bugs of what a restored or enabled image is shared with, and of whose image a restore ends with."""

from __future__ import annotations

from tests.mutants.bug import Bug

SHARING = "restore/test_sharing.py"
UNDONE = "retire/test_undone.py"
AGAIN = "restore/test_sent_again.py"
FINISH = "restore/steps/finish.py"
CHECK = "restore/steps/check.py"
UNDO = "retire/steps/undo.py"
TAKEOVER = "restore/steps/takeover.py"
START = "restore/steps/start.py"

SHARING_BUGS = (
    Bug(
        "all that is recorded shared",
        "sharing.py",
        "tuple(one for one in recorded if one in confirmed),",
        "tuple(recorded),",
        f"{SHARING}::test_only_what_is_both_recorded_and_confirmed_is_shared_and_the_rest_is_said",
    ),
    Bug(
        "all that is confirmed shared",
        "sharing.py",
        "tuple(one for one in recorded if one in confirmed),",
        "tuple(confirmed),",
        f"{SHARING}::test_only_what_is_both_recorded_and_confirmed_is_shared_and_the_rest_is_said",
    ),
    Bug(
        "shared publicly without its word",
        "sharing.py",
        "if share_publicly else tuple(confirmed)",
        "if confirmed or share_publicly else ()",
        f"{SHARING}::test_everybody_gets_it_only_where_that_is_recorded_and_asked_for_by_itself",
    ),
    Bug(
        "whom a restore is not shared with not in its record",
        FINISH,
        "    if not found.again:\n        return found.left_out()\n",
        "    if not found.again:\n        return []\n",
        f"{SHARING}::test_without_a_word_nothing_is_shared_and_that_is_said",
    ),
    Bug(
        "not shared though confirmed",
        FINISH,
        "refused = app.tasks.share(image.image_id, found.again)",
        "refused = None",
        f"{SHARING}::test_organizations_and_units_are_confirmed_by_their_arns",
    ),
    Bug(
        "image without the restore's tag shared",
        FINISH,
        "if image.restore_id and image.restore_id in (record.restore_id, record.takes_over):",
        "if True:",
        f"{SHARING}::test_image_without_the_tag_of_its_restore_is_not_shared",
    ),
    Bug(
        "shared by what the table says was confirmed",
        CHECK,
        "confirmed = state.confirmed if is_own else ()",
        "confirmed = record.options.confirmed",
        f"{SHARING}::test_who_writes_the_table_shares_nothing",
    ),
    Bug(
        "another run's restore shared by what this one confirms",
        CHECK,
        "confirmed = state.confirmed if is_own else ()",
        "confirmed = state.confirmed",
        f"{SHARING}::test_who_writes_the_table_shares_nothing_by_another_run_either",
    ),
    Bug(
        "another run ends what it may not share",
        CHECK,
        "        if not is_own and record.options.confirmed and not _is_abandoned(app, record):\n            continue\n",
        "",
        f"{SHARING}::test_another_run_leaves_the_sharing_to_the_one_that_knows_what_was_confirmed",
    ),
    Bug(
        "stopped restore left under way though it is taken over",
        CHECK,
        "    own |= {record.takes_over for record in records if record.run_id == state.run_id and record.takes_over}\n",
        "",
        f"{SHARING}::test_equal_request_shares_what_a_stopped_one_was_to_share",
    ),
    Bug(
        "undo shares all that is recorded",
        UNDO,
        "found = sharing.sharing(recorded or (), confirmed)",
        "found = sharing.sharing(recorded or (), recorded or ())",
        f"{UNDONE}::test_without_a_word_the_original_is_enabled_and_not_shared_and_the_answer_says_how_to",
    ),
    Bug(
        "undo of what somebody else disabled",
        UNDO,
        "if record.status is not Status.DISABLED:",
        "if record.status is not Status.DISABLED and image.state == 'available':",
        f"{UNDONE}::test_image_that_somebody_else_disabled_is_not_touched",
    ),
    Bug(
        "undo does not say which tag is missing",
        UNDO,
        "if DISABLE_TAG not in image.tags:",
        "if False:",
        f"{UNDONE}::test_image_that_iam_keeps_undo_from_says_which_tag_it_lacks",
    ),
    Bug(
        "undo again does it all again",
        UNDO,
        'was_noted = image.state == "available" and record.retirement.disabled_at is None',
        "was_noted = False",
        f"{UNDONE}::test_undo_again_finds_it_done_and_changes_nothing",
    ),
    Bug(
        "image of a stopped restore made again",
        TAKEOVER,
        'USABLE = ("pending", "available")',
        "USABLE = ()",
        f"{AGAIN}::test_pending_image_of_a_stopped_restore_is_finished_and_not_made_again",
    ),
    Bug(
        "failed image taken over",
        TAKEOVER,
        'USABLE = ("pending", "available")',
        'USABLE = ("pending", "available", "failed")',
        f"{AGAIN}::test_image_that_failed_meanwhile_is_made_anew_and_that_is_said",
    ),
    Bug(
        "image of other wishes taken over",
        TAKEOVER,
        "    return record.object_key, record.object_version_id, wishes\n",
        "    return record.object_key, record.object_version_id, Wishes()\n",
        f"{AGAIN}::test_request_with_other_wishes_makes_an_image_of_its_own",
    ),
    Bug(
        "image of another version taken over",
        TAKEOVER,
        "    return record.object_key, record.object_version_id, wishes\n",
        "    return record.object_key, None, wishes\n",
        f"{AGAIN}::test_another_version_of_the_object_makes_an_image_of_its_own",
    ),
    Bug(
        "image that only has the tag taken over",
        TAKEOVER,
        "            and record.restored_image_id in (None, image.image_id)\n",
        "",
        f"{AGAIN}::test_tag_alone_makes_no_image_the_one_of_a_stopped_restore",
    ),
    Bug(
        "reported image taken over",
        TAKEOVER,
        "            and not _reported_before(app, record, asked_at)\n",
        "",
        f"{AGAIN}::test_what_was_reported_is_a_new_wish_and_made_again_with_a_number",
    ),
    Bug(
        "image that was taken over and reported is taken over again",
        "restore/steps/report.py",
        "    note_reported(app, state.run_id, taken_over)\n",
        "",
        f"{AGAIN}::test_what_the_run_that_took_it_over_has_reported_is_a_new_wish_too",
    ),
    Bug(
        "image that was reported meanwhile made again",
        TAKEOVER,
        'datetime.fromisoformat(summary["ended_at"]) <= moment',
        "True",
        f"{AGAIN}::test_two_equal_requests_at_the_same_time_end_with_one_image",
    ),
    Bug(
        "image that the plan could not see made again",
        START,
        "            if found := to_take_over(self._app, record, taken.values(), self._state.started):\n"
        "                self._take_over(record, found)\n"
        "                return\n",
        "",
        f"{AGAIN}::test_two_equal_requests_at_the_same_time_end_with_one_image",
    ),
    Bug(
        "image that failed after the plan taken over",
        START,
        "image.restore_id == record.takes_over and image.state in USABLE:",
        "image.restore_id == record.takes_over:",
        f"{AGAIN}::test_image_that_fails_or_goes_after_the_plan_is_made_anew_and_that_is_said",
    ),
    Bug(
        "image that is taken over counts twice",
        "restore/steps/in_flight.py",
        "gib = 0.0 if not counts else ",
        "gib = ",
        f"{AGAIN}::test_pending_image_that_is_taken_over_counts_once_in_the_budget",
    ),
    Bug(
        "thawed for an image that is taken over",
        "restore/steps/plan.py",
        "        self._entries[restore_id] = RestoreEntry(restore_id, wanted.gib)\n",
        "        self._entries[restore_id] = ThawEntry(restore_id, self._state.started)\n",
        f"{AGAIN}::test_image_that_is_taken_over_is_not_thawed_for",
    ),
)
