"""Undo what a run did to an original: enable it again, or find out that only a restore brings it back.

Where there was nothing to undo, since the image is there, that is said and good.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from ami_archiver.adapters.table_records import TableRecords
from ami_archiver.errors import AccessDenied
from ami_archiver.inventory import IMAGE_ID
from ami_archiver.model import Status
from ami_archiver.retire.reasons import HOLD_TAG
from operate import sharing
from operate.stack import OperateError, outputs

NEEDED = ("UndoFunctionName", "ArchiveTableName")


def look(stack: str, image_id: str) -> tuple[str, ...]:
    """With whom the original was shared, as its record says. Raises OperateError for a wrong id: the function would
    fail for it, and its alarm ring. What the caller may not read is left to the function."""
    if not IMAGE_ID.fullmatch(image_id):
        raise OperateError(f"IMAGE is {image_id!r}, must be an id like ami-0123456789abcdef0; nothing was started")
    table = outputs(stack, NEEDED)["ArchiveTableName"]
    try:
        record = TableRecords(boto3.client("dynamodb"), table).get([image_id]).records.get(image_id)
    except AccessDenied:
        return ()
    if record is None:
        raise OperateError(
            f"image {image_id} has no archive record that can be read, so there is nothing to undo: see whether the id "
            "is right; nothing was started"
        )
    return record.facts.launch_permissions or () if record.status in (Status.DISABLED, Status.RETIRED) else ()


def undo(stack: str, image_id: str, wishes: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the function says, which `undo_retirement` describes. Raises OperateError."""
    name = outputs(stack, NEEDED)["UndoFunctionName"]
    event = {"image_id": image_id, **wishes}
    try:
        answer = boto3.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
        told: Any = json.loads(answer["Payload"].read())
    except (BotoCoreError, ClientError, ValueError) as error:
        raise OperateError(f"the undo could not be asked for: {error}") from error
    if answer.get("FunctionError"):
        raise OperateError(f"{told.get('errorType', 'Error')}: {told.get('errorMessage', 'the log says more')}")
    result: Mapping[str, Any] = told
    return result


def needs_restore(answer: Mapping[str, Any]) -> bool:
    return bool(answer["result"] == "restore")


def is_good(answer: Mapping[str, Any], *, was_asked: bool) -> bool:
    """Whether the image is there, as it was or as a person has just decided."""
    if answer["result"] == "enabled":
        return not answer["problems"] and (was_asked or not answer["not_shared"])
    return bool(answer["result"] == "available")


def lines(answer: Mapping[str, Any], stack: str) -> list[str]:
    """What happened, in sentences."""
    told = _what_happened(answer)
    if answer["not_shared"]:
        names = sharing.in_words(answer["not_shared"])
        told += [
            f"This did not share it with {names}, with whom it was shared before it was disabled. To share it again:",
            f"  {sharing.make_undo(answer['image_id'], answer['not_shared'], stack)}",
        ]
    return told


def _what_happened(answer: Mapping[str, Any]) -> list[str]:
    image_id, problems = answer["image_id"], list(answer["problems"])
    match answer["result"]:
        case "enabled":
            shared = "" if problems or answer["not_shared"] else ", and shared as it was before it was disabled"
            told = [f"{image_id} is enabled again{shared}."]
            if not any(HOLD_TAG in problem for problem in problems):
                told.append(f"The tag {HOLD_TAG} keeps it from now on: take it off if the image may go after all.")
            return told + [f"But {problem}." for problem in problems]
        case "restore":
            why = "; ".join(problems) or "it is deregistered"
            return [f"{image_id} cannot be enabled again ({why}): it is restored from its stored object."]
        case "available":
            return [f"There was nothing to undo of {image_id}: {'; '.join(problems)}."]
        case _:
            return [f"Nothing was undone: {problem}." for problem in problems or ["there was nothing to undo"]]
