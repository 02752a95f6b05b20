"""Deliberate bugs of what restores ask AWS for, and of how the table keeps them."""

from __future__ import annotations

from tests.mutants.bug import Bug

EC2 = "adapters/ec2_restores.py"
SHARES = "adapters/ec2_shares.py"
TABLE = "adapters/table_restores.py"
ITEMS = "adapters/restore_items.py"
SSM = "adapters/ssm_parameters.py"
EC2_TESTS = "adapters/test_ec2_restores.py"
TABLE_TESTS = "adapters/test_table_restores.py"
SSM_TESTS = "adapters/test_ssm_parameters.py"
BUDGET = "restore/test_restore_budget.py"
IMAGE = "restore/test_restored_image.py"
PLAN = "restore/test_plan.py"
DOMAIN = "restore/test_restore_domain.py"

RESTORE_ADAPTER_BUGS = (
    Bug(
        "restored image not tagged",
        EC2,
        '                        {"ResourceType": "image", "Tags": _tags(image_tags)},\n',
        "",
        f"{IMAGE}::test_image_and_snapshots_say_where_they_come_from",
    ),
    Bug(
        "restored snapshots not tagged",
        EC2,
        '                        {"ResourceType": "snapshot", "Tags": _tags(snapshot_tags)},\n',
        "",
        f"{IMAGE}::test_image_and_snapshots_say_where_they_come_from",
    ),
    Bug(
        "image in use by a name not seen while it is disabled",
        EC2,
        ", IncludeDisabled=True",
        "",
        f"{EC2_TESTS}::test_name_of_a_disabled_image_is_taken",
    ),
    Bug(
        "only the first page of pending images seen",
        EC2,
        '                found += page["Images"]\n        return self._seen(found)',
        '                found += page["Images"]\n                break\n        return self._seen(found)',
        f"{EC2_TESTS}::test_pending_images_are_seen_beyond_the_first_page",
    ),
    Bug(
        "default encryption of the account not asked for",
        EC2,
        'return self._ec2.get_ebs_encryption_by_default().get("EbsEncryptionByDefault", False)',
        "return False",
        f"{PLAN}::test_encrypted_original_comes_back_encrypted_where_the_account_does_so",
    ),
    Bug(
        "refused sharing ends the step",
        SHARES,
        "    except AccessDenied as error:\n        return str(error)\n",
        "",
        f"{EC2_TESTS}::test_sharing_that_is_denied_says_why",
    ),
    Bug(
        "shared with organizations as with users",
        SHARES,
        '"organization": "OrganizationArn"',
        '"organization": "UserId"',
        f"{EC2_TESTS}::test_permissions_of_every_kind_are_given",
    ),
    Bug(
        "progress of a restore not seen",
        EC2,
        "int(done / gib) if gib else 0",
        "0",
        f"{EC2_TESTS}::test_size_and_progress_of_a_restore_are_those_of_its_snapshots",
    ),
    Bug(
        "taken name seen as another refusal",
        EC2,
        "name_taken=code == NAME_TAKEN,",
        "name_taken=False,",
        f"{PLAN}::test_name_that_is_taken_after_the_plan_is_replaced_where_a_template_allows_it",
    ),
    Bug(
        "restore written though another has moved it",
        TABLE,
        "        return not write(self._dynamodb, actions, after.restore_id)\n",
        "        write(self._dynamodb, actions, after.restore_id)\n        return True\n",
        f"{TABLE_TESTS}::test_of_two_who_move_a_restore_only_the_first_is_written",
    ),
    Bug(
        "restore's revision not in the condition",
        TABLE,
        "of=Revision(before.status, before.revision, len(before.history)) if before else None,",
        "of=None,",
        f"{TABLE_TESTS}::test_of_two_who_move_a_restore_only_the_first_is_written",
    ),
    Bug(
        "entry stays in the queue",
        TABLE,
        "        if leaving is not None:\n",
        "        if False:\n",
        f"{TABLE_TESTS}::test_move_takes_its_entry_out_of_one_queue_and_into_the_other",
    ),
    Bug(
        "entry not put into the queue",
        TABLE,
        "        if joining is not None:\n",
        "        if False:\n",
        f"{TABLE_TESTS}::test_move_takes_its_entry_out_of_one_queue_and_into_the_other",
    ),
    Bug(
        "restores that DynamoDB has put off forgotten",
        "adapters/table_reads.py",
        'wanted = answer.get("UnprocessedKeys")',
        "wanted = None",
        f"{TABLE_TESTS}::test_what_dynamodb_puts_off_is_asked_for_again_later",
    ),
    Bug(
        "smallest restore first",
        TABLE,
        '"ScanIndexForward": False',
        '"ScanIndexForward": True',
        f"{TABLE_TESTS}::test_largest_restore_comes_first",
    ),
    Bug(
        "only the first page of the queue",
        "adapters/table_reads.py",
        "        if not start:\n",
        "        if True:\n",
        f"{TABLE_TESTS}::test_queue_goes_on_beyond_a_page",
    ),
    Bug(
        "thaws looked at before they are due",
        TABLE,
        'upper = f"{until.isoformat()}#~" if until is not None else "~"',
        'upper = "~"',
        f"{TABLE_TESTS}::test_thaw_is_due_when_its_time_has_come",
    ),
    Bug(
        "only the last of the candidates kept",
        TABLE,
        'candidates += plain_item(item)["candidates"]',
        'candidates = plain_item(item)["candidates"]',
        f"{TABLE_TESTS}::test_request_comes_back_whole_however_many_it_names",
    ),
    Bug(
        "rest of a page not planned where one is there",
        TABLE,
        "                pending = [record for record in pending if record.restore_id not in there]\n",
        "                break\n",
        f"{TABLE_TESTS}::test_repeated_plan_writes_what_is_missing_and_leaves_what_is_there",
    ),
    Bug(
        "unreadable archive record ends a query",
        TABLE,
        "                with suppress(BadRecord):\n",
        "                with suppress(ZeroDivisionError):\n",
        f"{TABLE_TESTS}::test_archive_record_that_cannot_be_read_stops_no_query",
    ),
    Bug("restore in the archive's index", ITEMS, 'STATUS = "restore_status"', 'STATUS = "status"', DOMAIN),
    Bug(
        "restore of a newer schema taken for one of ours",
        ITEMS,
        'if raw.get("schema", 0) > SCHEMA:',
        "if False:",
        DOMAIN,
    ),
    Bug("wishes lost in the table", ITEMS, "    return wishes_of(whole)\n", "    return wishes_of({})\n", DOMAIN),
    Bug(
        "SSM parameter that points elsewhere overwritten",
        SSM,
        "                if value != from_image_id:\n",
        "                if False:\n",
        f"{IMAGE}::test_points_parameters_back_only_when_asked_and_only_those_that_still_point_at_the_original",
    ),
    Bug(
        "repeated pointing said to have failed",
        SSM,
        "                if value == to_image_id:\n                    return None\n",
        "",
        f"{SSM_TESTS}::test_pointing_twice_is_as_good_as_once",
    ),
    Bug(
        "SSM parameter loses its data type",
        SSM,
        'parameter.get("DataType", "text")',
        '"text"',
        f"{SSM_TESTS}::test_parameter_keeps_its_data_type",
    ),
    Bug(
        "parameter with a slash and one level not found",
        SSM,
        'else (path, f"/{path}")',
        "else (path,)",
        f"{SSM_TESTS}::test_parameter_of_one_level_is_found_with_its_slash_and_without",
    ),
    Bug(
        "denied parameter ends the step",
        SSM,
        "        except AccessDenied as error:\n            return str(error)\n",
        "",
        f"{SSM_TESTS}::test_parameter_that_may_not_be_changed_says_why",
    ),
)
