"""Reading what was synthesized: a template's resources, and its state machines as plain JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_PSEUDO = {"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "123456789012"}


def resources(template: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """The resources of a type, by logical id."""
    return {name: found for name, found in template["Resources"].items() if found["Type"] == kind}


def definitions(template: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Every state machine's definition by logical id, with stand-ins for the ARNs that CloudFormation fills in."""
    return {
        name: json.loads(plain(machine["Properties"]["DefinitionString"]))
        for name, machine in resources(template, "AWS::StepFunctions::StateMachine").items()
    }


def plain(value: Any) -> str:
    """A string property without CloudFormation's functions: references become readable stand-ins."""
    match value:
        case str():
            return value
        case {"Fn::Join": [str() as separator, list() as parts]}:
            return separator.join(plain(part) for part in parts)
        case {"Ref": str() as name}:
            return _PSEUDO.get(name, name)
        case {"Fn::GetAtt": [str() as name, "Arn"]}:
            return f"arn:aws:stand-in:us-east-1:123456789012:{name}"
        case {"Fn::GetAtt": [str() as name, str() as attribute]}:
            return f"{name}.{attribute}"
        case _:
            raise ValueError(f"not a string: {value!r}")
