"""Deliberate bugs about what AWS denies, of one image or of the function's role."""

from __future__ import annotations

from tests.mutants.bug import Bug

DENIED = "steps/test_denied.py"
REFUSALS = "restore/test_refusals.py"
CHECK = "steps/check.py"
START = "steps/start.py"
FILL = "steps/fill.py"

DENIED_BUGS = (
    Bug(
        "denied image uses up the refusals of the step",
        START,
        "        self.fill.denied += 1\n",
        "        self.fill.denied += 1\n        self.fill._refusals_left = 0\n",
        f"{DENIED}::test_denied_image_fails_alone_and_the_others_are_stored_in_the_same_step",
    ),
    Bug(
        "room that a denied image leaves waits for the next look",
        FILL,
        "while denied != self.denied and self.may_start(0):",
        "while denied is None and self.may_start(0):",
        f"{DENIED}::test_denied_image_fails_alone_and_the_others_are_stored_in_the_same_step",
    ),
    Bug(
        "denied image failed though its object is in the bucket",
        START,
        "        if self._is_in_the_bucket(record):\n            return\n        why = denied",
        "        why = denied",
        f"{DENIED}::test_denied_image_whose_object_is_in_the_bucket_is_verified",
    ),
    Bug(
        "object that may not be looked at taken for missing",
        START,
        "        except AccessDenied:\n            return True\n",
        "        except AccessDenied:\n            return False\n",
        f"{DENIED}::test_refused_store_whose_object_may_not_be_looked_at_is_not_failed",
    ),
    Bug(
        "run goes on asking though every store is denied",
        CHECK,
        "(startable or look.unstarted) and state.problem is None",
        "startable or look.unstarted",
        f"{DENIED}::test_role_that_may_store_nothing_ends_the_run_reported_and_failed_and_leaves_the_rest_waiting",
    ),
    Bug(
        "role blamed for denied images though a store was taken",
        START,
        "if state.stores_taken or not state.stores_denied:",
        "if not state.stores_denied:",
        f"{DENIED}::test_denied_image_fails_alone_and_the_others_are_stored_in_the_same_step",
    ),
    Bug(
        "few images all denied end as a success",
        CHECK,
        "return (state if more_to_start else concluded(state)).then(",
        "return state.then(",
        f"{DENIED}::test_few_images_all_denied_are_the_roles_fault_when_nothing_is_left_to_ask_for",
    ),
    Bug(
        "hidden object told at every look",
        CHECK,
        "    if state.next is Next.RETIRE:\n        look.tell_hidden()\n",
        "    look.tell_hidden()\n",
        f"{DENIED}::test_object_that_may_not_be_looked_at_stays_under_way_is_reported_and_not_waited_for",
    ),
    Bug(
        "run whose every store was denied ends as a success",
        "steps/report.py",
        "return Next.FAIL if state.problem else Next.END",
        "return Next.END",
        f"{DENIED}::test_role_that_may_store_nothing_ends_the_run_reported_and_failed_and_leaves_the_rest_waiting",
    ),
    Bug(
        "sharing that may not be seen ends the run",
        "adapters/ec2_images.py",
        "except (ClientError, AccessDenied) as error:\n            logger.warning(",
        "except ClientError as error:\n            logger.warning(",
        f"{DENIED}::test_image_whose_sharing_may_not_be_seen_is_stored_all_the_same",
    ),
    Bug(
        "denied restore not adopted though it was started before",
        "restore/steps/start.py",
        "        if self._is_adopted(record, self._app.tasks.named([record.name]).get(record.name)):\n"
        "            return\n        why = denied",
        "        why = denied",
        f"{REFUSALS}::test_denied_restore_that_an_earlier_attempt_of_the_step_had_started_is_adopted",
    ),
    Bug(
        "report does not say that every restore was denied",
        "restore/steps/report.py",
        "if state.restores_denied and not state.restores_taken:",
        "if False:",
        f"{REFUSALS}::test_report_says_that_it_is_the_role_where_every_restore_was_denied",
    ),
    Bug(
        "object hidden from the retirement ends its run",
        "retire/steps/inspect.py",
        "    except AccessDenied as error:\n        return [",
        "    except ZeroDivisionError as error:\n        return [",
        "retire/test_reasons_to_keep.py::test_original_stays_while_a_question_cannot_be_asked",
    ),
    Bug(
        "path that EC2 shows makes our task somebody else's",
        "adapters/ec2_store_tasks.py",
        'raw.get("Bucket", "").partition("/")[0]',
        'raw.get("Bucket", "")',
        "steps/test_open_questions.py::test_task_is_known_for_ours_though_somebody_stores_the_image_elsewhere_too",
    ),
    Bug(
        "task of another bucket taken for ours",
        "adapters/ec2_store_tasks.py",
        "if task.image_id in elsewhere and task.bucket == bucket:",
        "if task.image_id in elsewhere:",
        "steps/test_open_questions.py::test_task_is_known_for_ours_though_somebody_stores_the_image_elsewhere_too",
    ),
    Bug(
        "size that nobody saw remembered",
        "steps/in_flight.py",
        '            logger.warning("size of a store task',
        '            app.sizes[image_id] = 0.0\n            logger.warning("size of a store task',
        "steps/test_budget.py::test_size_that_could_not_be_seen_is_asked_for_again_at_the_next_look",
    ),
)
