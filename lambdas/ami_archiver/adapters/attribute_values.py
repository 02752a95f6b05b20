"""DynamoDB's attribute values, such as {"S": "text"}: what boto3 has a serializer for, and importing boto3 takes 12 ms.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import datetime
from decimal import Clamped, Context, Decimal, Inexact, Overflow, Rounded, Underflow
from typing import Any

NUMBERS = Context(prec=38, Emin=-128, Emax=126, traps=[Clamped, Overflow, Inexact, Rounded, Underflow])
"""What DynamoDB keeps of a number without changing it."""


def serialized(value: Any) -> dict[str, Any]:
    """A Python value as DynamoDB's attribute value: times as ISO text, floats as numbers; sets are of texts."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int() | float() | Decimal():
            return {"N": _number(Decimal(str(value)))}
        case datetime():
            return {"S": value.isoformat()}
        case str():
            return {"S": str(value)}
        case Mapping():
            return {"M": {name: serialized(inner) for name, inner in value.items()}}
        case list() | tuple():
            return {"L": [serialized(inner) for inner in value]}
        case Set():
            return {"SS": sorted(value)}
        case _:
            raise TypeError(f"{type(value).__name__} is no attribute value")


def plain(attribute: Mapping[str, Any]) -> Any:
    """The Python value of an attribute, of whatever type somebody may have written; numbers are Decimals."""
    ((kind, value),) = attribute.items()
    match kind:
        case "NULL":
            return None
        case "N":
            return Decimal(value)
        case "NS":
            return set(map(Decimal, value))
        case "SS" | "BS":
            return set(value)
        case "L":
            return [plain(inner) for inner in value]
        case "M":
            return {name: plain(inner) for name, inner in value.items()}
        case "S" | "BOOL" | "B":
            return value
        case _:
            raise TypeError(f"DynamoDB has no attributes of type {kind}")


def _number(value: Decimal) -> str:
    if not value.is_finite():
        raise TypeError(f"DynamoDB has no number {value}")
    return str(NUMBERS.create_decimal(value))
