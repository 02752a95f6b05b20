"""Deliberate bugs of retirement: each misunderstands what AWS says."""

from __future__ import annotations

from tests.mutants.bug import Bug

RACES = "retire/test_races.py"
LEFT = "retire/test_snapshots_left.py"

ADAPTER_BUGS = (
    Bug(
        "image deregistered without its snapshots",
        "adapters/ec2_originals.py",
        "deregister_image(ImageId=image_id, DeleteAssociatedSnapshots=True)",
        "deregister_image(ImageId=image_id)",
        "adapters/test_ec2_originals.py::test_image_is_deregistered_with_its_snapshots",
    ),
    Bug(
        "locks that may not be asked for taken for none",
        "adapters/ec2_originals.py",
        "            return None\n        return held\n",
        "            return {}\n        return held\n",
        "adapters/test_ec2_originals.py::test_locks_that_cannot_be_asked_for_are_unknown",
    ),
    Bug(
        "one snapshot that is gone hides the locks of all",
        "adapters/ec2_originals.py",
        "        if len(snapshot_ids) == 1:\n            return {}\n",
        "        return {}\n",
        "adapters/test_ec2_originals.py::test_snapshot_that_is_gone_does_not_hide_the_locks_of_others",
    ),
    Bug(
        "disabled images are nobody's snapshots",
        "adapters/ec2_originals.py",
        '                    IncludeDisabled=True, Filters=[{"Name": "block-device-mapping.snapshot-id"',
        '                    IncludeDisabled=False, Filters=[{"Name": "block-device-mapping.snapshot-id"',
        "adapters/test_ec2_originals.py::test_other_images_on_a_snapshot_count_disabled_ones_too",
    ),
    Bug(
        "return code that nobody knows taken for deleted",
        "adapters/ec2_originals.py",
        "end = _ENDS.get(code, SnapshotEnd.LEFT)",
        "end = _ENDS.get(code, SnapshotEnd.DELETED)",
        "adapters/test_ec2_originals.py",
    ),
    Bug(
        "launch permissions that may not be read taken for none",
        "adapters/ec2_originals.py",
        '            logger.warning("launch permissions unknown", extra={"image_id": image_id, "reason": str(error)})\n'
        "            return None\n",
        "            return ()\n",
        "adapters/test_ec2_originals.py::test_launch_permissions_that_may_not_be_read_are_unknown",
    ),
    Bug(
        "terminated instances keep their image",
        "adapters/ec2_uses.py",
        'STATES = ("pending", "running", "shutting-down", "stopping", "stopped")',
        'STATES = ("pending", "running", "shutting-down", "stopping", "stopped", "terminated")',
        "adapters/test_ec2_uses.py::test_instance_is_named_until_it_is_terminated",
    ),
    Bug(
        "stopped instances are no use",
        "adapters/ec2_uses.py",
        'STATES = ("pending", "running", "shutting-down", "stopping", "stopped")',
        'STATES = ("pending", "running", "shutting-down")',
        f"{RACES}::test_what_happens_between_plan_and_call_keeps_the_original[stopped instance-disable]",
    ),
    Bug(
        "default version of a launch template not looked at",
        "adapters/ec2_templates.py",
        'self._versions(Versions=["$Default", "$Latest"])',
        'self._versions(Versions=["$Latest"])',
        "adapters/test_ec2_uses.py::test_default_version_is_a_use_however_old",
    ),
    Bug(
        "versions that groups launch from not looked at",
        "adapters/ec2_templates.py",
        "if depth.looked_at and not self._found.pinned:",
        "if depth.looked_at:",
        "adapters/test_ec2_uses.py::test_group_that_launches_from_a_version_older_than_the_depth_is_a_use",
    ),
    Bug(
        "overrides of mixed instances not looked at",
        "adapters/ec2_launchers.py",
        '    for override in mixed.get("Overrides", []):\n',
        "    for override in ():\n",
        "adapters/test_ec2_uses.py::test_overrides_of_mixed_instances_are_uses",
    ),
    Bug(
        "what launches by itself not looked for",
        "adapters/ec2_uses.py",
        "            (UseKind.AUTO_SCALING, lambda: find_launchers(self._ec2, self._autoscaling(), found)),\n",
        "",
        "adapters/test_ec2_uses.py::test_launch_configuration_is_a_use_whether_or_not_a_group_has_it",
    ),
    Bug(
        "nothing takes the place of references that may not be asked for",
        "adapters/ec2_uses.py",
        "        if not known:\n",
        "        if False:\n",
        "adapters/test_ec2_uses.py",
    ),
    Bug(
        "use that cannot be asked for taken for none",
        "adapters/ec2_uses.py",
        "not_asked = {kind for kind, look in looks if not self._can(look, kind)}",
        "not_asked = {kind for kind, look in looks if not self._can(look, kind) and not known}",
        "adapters/test_ec2_uses.py::test_what_is_always_asked_and_denied_is_named",
    ),
    Bug(
        "Image Builder taken for asked where references may not be asked for",
        "adapters/ec2_uses.py",
        "        not_asked |= set() if known else {UseKind.IMAGE_BUILDER}\n",
        "",
        "retire/test_reasons_to_keep.py::test_recipe_keeps_its_image_where_references_are_denied",
    ),
    Bug(
        "only what the last ten images could not be asked about is told",
        "adapters/ec2_uses.py",
        "            not_asked |= self._look(found, depth)\n",
        "            not_asked = self._look(found, depth)\n",
        "adapters/test_ec2_references.py",
    ),
    Bug(
        "failed usage report believed",
        "adapters/ec2_usage_reports.py",
        'if raw.get("State") == "error" or raw.get("AccountIds")',
        'if raw.get("AccountIds")',
        "adapters/test_ec2_usage_reports.py::test_failed_report_is_ignored",
    ),
    Bug(
        "usage report on some accounts taken for one on all",
        "adapters/ec2_usage_reports.py",
        'if raw.get("State") == "error" or raw.get("AccountIds")',
        'if raw.get("State") == "error"',
        "adapters/test_ec2_usage_reports.py::test_report_that_says_less_than_ours_would_is_no_proof",
    ),
    Bug(
        "usage report on less than ours would say believed",
        "adapters/ec2_usage_reports.py",
        ' or not _covers(raw.get("ResourceTypes", [])):',
        ":",
        "adapters/test_ec2_usage_reports.py::test_report_that_says_less_than_ours_would_is_no_proof",
    ),
    Bug(
        "usage report that cannot be read names nobody",
        "adapters/ec2_usage_reports.py",
        '            return (f"accounts that EC2 does not name: its usage report {report_id} cannot be read",)\n',
        "            return ()\n",
        "adapters/test_ec2_usage_reports.py::test_entries_that_cannot_be_read_may_name_somebody",
    ),
    Bug(
        "older usage report preferred",
        "adapters/ec2_usage_reports.py",
        "_order(before) < _order(report)",
        "_order(before) > _order(report)",
        "adapters/test_ec2_usage_reports.py::test_newest_report_counts",
    ),
    Bug(
        "total written over instead of added to",
        "adapters/table_retirements.py",
        '"UpdateExpression": "ADD " + ", ".join(f"#{name} :{name}" for name in values),',
        '"UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in values),',
        "adapters/test_table_retirements.py::test_totals_add_up",
    ),
    Bug(
        "only the first snapshots of an image noted",
        "adapters/table_retirements.py",
        "        for one in added[SNAPSHOTS_PER_TRANSACTION:]:\n            self._put(_left_item(one))\n",
        "",
        "adapters/test_table_retirements.py::test_more_snapshots_than_one_transaction_takes_are_all_noted_and_all_dropped",
    ),
    Bug(
        "record of an original not read consistently",
        "adapters/table_retirements.py",
        "Key=key, ConsistentRead=True)",
        "Key=key)",
        "adapters/test_table_retirements.py::test_records_are_read_consistently",
    ),
    Bug(
        "record that cannot be read lets the original go",
        "adapters/table_retirements.py",
        "    except BadRecord:\n        return None\n",
        "    except BadRecord:\n        raise\n",
        "adapters/test_table_retirements.py::test_record_that_is_not_there_or_cannot_be_read_is_none",
    ),
    Bug(
        "object that may not be read taken for readable",
        "adapters/s3_bucket.py",
        "            return code_of(error.__cause__) if isinstance(error.__cause__, ClientError) else str(error)\n",
        "            return None\n",
        "adapters/test_s3_bucket.py::test_object_that_cannot_be_read_says_why_by_its_code",
    ),
)
