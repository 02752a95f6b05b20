"""Start a restore, show how it gets on, and end with what came of it."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from ami_archiver import sharing as permissions
from ami_archiver.adapters.s3_bucket import S3ArchiveBucket
from ami_archiver.adapters.table_records import TableRecords
from ami_archiver.adapters.table_restores import TableRestores
from ami_archiver.errors import AccessDenied
from ami_archiver.inventory import image_id_of
from ami_archiver.restore.model import RestoreRecord
from ami_archiver.restore.request import parse
from ami_archiver.restore.summary import title_of
from ami_archiver.run_state import identify
from operate import executions, sharing
from operate.stack import OperateError, outputs

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

LOOK_SECONDS = 2.0
NEEDED = ("RestoreWorkflowArn", "ArchiveTableName", "ArchiveBucketName")


@dataclass(frozen=True)
class Following:
    """An execution and, by its records, the restores that it works on."""

    sfn: SFNClient
    restores: TableRestores
    execution_arn: str
    run_id: str

    def records(self) -> list[RestoreRecord]:
        return [one for one in self.restores.of_run(self.run_id) if isinstance(one, RestoreRecord)]

    def ended(self) -> Mapping[str, Any] | None:
        """The description of the last execution of the run once it has ended; hand-overs are followed."""
        return executions.ended(self.sfn, self.execution_arn)


def look(stack: str, given: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """With whom the originals were shared, by image id, as far as that is recorded.

    Raises BadInput or OperateError for what no restore could find: then none is started, which would fail and let the
    alarm ring. What the caller may not read is left to the workflow, which looks as well.
    """
    request = parse(given)
    found = outputs(stack, NEEDED)
    bucket = S3ArchiveBucket(boto3.client("s3"), found["ArchiveBucketName"])
    ids = {*request.image_ids, *(image_id_of(key) for key in request.object_keys)} - {""}
    with suppress(AccessDenied):
        for key in request.object_keys:
            if bucket.head(key) is None:
                raise _nothing_there(f"object {key!r}", found["ArchiveBucketName"])
    try:
        fetched = TableRecords(boto3.client("dynamodb"), found["ArchiveTableName"]).get(ids)
    except AccessDenied:
        return {}
    unknown = set(request.image_ids) - fetched.records.keys() - fetched.unreadable.keys()
    if unknown:
        with suppress(AccessDenied):
            unknown -= {image_id_of(listed.key) for listed in bucket.listing()}
            if unknown:
                raise _nothing_there(
                    f"a record or an object of {', '.join(sorted(unknown))}", found["ArchiveBucketName"]
                )
    return {
        image_id: record.facts.launch_permissions or ()
        for image_id, record in fetched.records.items()
        if image_id in request.image_ids or record.object_key in request.object_keys
    }


def _nothing_there(what: str, bucket: str) -> OperateError:
    return OperateError(f"there is not {what} in the archive, whose bucket is {bucket}: nothing was started")


def start(stack: str, given: Mapping[str, Any]) -> Following:
    """Start RestoreWorkflow with the input. Raises OperateError."""
    found = outputs(stack, NEEDED)
    sfn = boto3.client("stepfunctions")
    name = f"restore-{uuid.uuid4().hex[:12]}"
    try:
        started = sfn.start_execution(
            stateMachineArn=found["RestoreWorkflowArn"], name=name, input=json.dumps(dict(given))
        )
        arn = started["executionArn"]
        begun = sfn.describe_execution(executionArn=arn)["startDate"]
    except (BotoCoreError, ClientError) as error:
        raise OperateError(f"the restore could not be started: {error}") from error
    run_id, _ = identify({"execution_name": name, "execution_started_at": begun.isoformat()}, "restore")
    restores = TableRestores(boto3.client("dynamodb"), found["ArchiveTableName"])
    return Following(sfn, restores, arn, run_id)


def follow(following: Following, say: Callable[[str], None]) -> Any:
    """Say every change until the execution has ended; its summary. Raises OperateError if it failed."""
    seen: dict[str, str] = {}
    while True:
        ended = following.ended()
        for line in _changes(following.records(), seen):
            say(line)
        if ended is not None:
            break
        time.sleep(LOOK_SECONDS)
    return executions.output_of(ended)


def _changes(records: list[RestoreRecord], seen: dict[str, str]) -> Iterator[str]:
    """A line for each restore that is not as it was seen last; with the first one, what will differ."""
    for record in records:
        now = f"{record.status.value:<9} {record.source_image_id or record.object_key}: {record.reason}"
        before = seen.get(record.restore_id)
        if before == now:
            continue
        seen[record.restore_id] = now
        yield now
        if before is None:
            yield from (f"          will differ: {difference}" for difference in record.differences)


def not_shared_lines(
    summary: Mapping[str, Any], recorded: Mapping[str, Collection[str]], wishes: Mapping[str, Any]
) -> list[str]:
    """How the restored images are shared with whom the originals were, where nobody has said so."""
    confirmed = permissions.permissions(wishes.get("share_with", ()), wishes.get("share_publicly", False))
    told = []
    for line in summary.get("restored", []):
        if left := permissions.sharing(tuple(recorded.get(line["image_id"], ())), confirmed).unconfirmed:
            new = line["restored_image_id"]
            told.append(f"{new} is not shared with {sharing.in_words(left)}, as {line['image_id']} was. To share it:")
            told.append(f"  {sharing.modify_image(new, left)}")
    return told


def result_lines(summary: Mapping[str, Any]) -> list[str]:
    """What a person reads at the end; the new image ids come last."""
    lines = [f"{count} {name.replace('_', ' ')}" for name, count in summary["restores"].items() if count]
    told = [f"Restore {summary['run_id']}: {', '.join(lines) or summary['outcome'].replace('_', ' ')}"]
    for kind in ("would_restore", "refused", "failed"):
        for line in summary.get(kind, []):
            told.append(f"{kind.replace('_', ' ')}: {title_of(line)}: {line['reason']}")
            told += [f"  will differ: {difference}" for difference in line.get("differences", [])]
    told += [f"{title_of(line)} → {line['restored_image_id']}" for line in summary.get("restored", [])]
    return told


def is_good(summary: Mapping[str, Any]) -> bool:
    """Whether everything that was asked for came back, or would."""
    counts = summary["restores"]
    good = counts.get("restored", 0) + counts.get("would_restore", 0)
    return bool(good and not counts["failed"] and not counts["refused"] and not counts.get("in_progress", 0))
