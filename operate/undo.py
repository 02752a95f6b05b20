"""Undo what a run did to an original: enable it again, or find out that only a restore brings it back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from ami_archiver.retire.reasons import HOLD_TAG
from operate.stack import OperateError, outputs

NEEDED = ("UndoFunctionName",)


def undo(stack: str, image_id: str) -> Mapping[str, Any]:
    """What the function says: {"image_id", "status", "result", "problems"}. Raises OperateError."""
    name = outputs(stack, NEEDED)["UndoFunctionName"]
    try:
        answer = boto3.client("lambda").invoke(FunctionName=name, Payload=json.dumps({"image_id": image_id}))
        told: Any = json.loads(answer["Payload"].read())
    except (BotoCoreError, ClientError, ValueError) as error:
        raise OperateError(f"the undo could not be asked for: {error}") from error
    if answer.get("FunctionError"):
        raise OperateError(f"{told.get('errorType', 'Error')}: {told.get('errorMessage', 'the log says more')}")
    result: Mapping[str, Any] = told
    return result


def needs_restore(answer: Mapping[str, Any]) -> bool:
    return bool(answer["result"] == "restore")


def is_good(answer: Mapping[str, Any]) -> bool:
    """Whether the image is there again, as it was."""
    return answer["result"] == "enabled" and not answer["problems"]


def lines(answer: Mapping[str, Any]) -> list[str]:
    """What happened, in sentences."""
    image_id, problems = answer["image_id"], list(answer["problems"])
    match answer["result"]:
        case "enabled":
            shared = "" if problems else ", and shared as it was before it was disabled"
            told = [f"{image_id} is enabled again{shared}."]
            if not any(HOLD_TAG in problem for problem in problems):
                told.append(
                    f"The tag {HOLD_TAG}=undone keeps it from now on: take it off if the image may go after all."
                )
            return told + [f"But {problem}." for problem in problems]
        case "restore":
            why = "; ".join(problems) or "it is deregistered"
            return [f"{image_id} cannot be enabled again ({why}): it is restored from its stored object."]
        case _:
            return [f"Nothing was undone: {problem}." for problem in problems or ["there was nothing to undo"]]
