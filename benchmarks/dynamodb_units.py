"""What DynamoDB charges for: request units by the size of each item, and what the index takes along.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

WRITE_UNIT_BYTES = 1024
READ_UNIT_BYTES = 4096
INDEX_KEY = ("status", "status_order")
"""Of the table's one index, `by_status`, which holds whole items."""

Item = Mapping[str, Any]


def item_bytes(item: Item) -> int:
    """The size of an item as DynamoDB counts it, in its wire form ({"pk": {"S": …}, …})."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, inner),) = value.items()
    match kind:
        case "S":
            return len(inner.encode())
        case "N":
            return (len(inner.strip("-.")) + 1) // 2 + 1
        case "L":
            return 3 + sum(1 + _value_bytes(element) for element in inner)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_bytes(element) for name, element in inner.items())
        case "SS":
            return sum(len(element.encode()) for element in inner)
        case _:
            return 1


@dataclass(slots=True)
class Units:
    """What was read and written so far."""

    writes: int = 0
    """Items written, deleted or checked in a transaction, each once, whatever it is charged."""
    write_units: int = 0
    read_units: int = 0


class UnitMeter:
    """Counts from what the SDK sends and gets. `look` reads an item, unmetered, after it was written."""

    def __init__(self, look: Callable[[Item], Item | None]) -> None:
        self._look = look
        self._items: dict[tuple[str, str], Item] = {}
        self.units = Units()

    def count(self, operation: str, request: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """One call and its answer."""
        match operation:
            case "GetItem":
                self.units.read_units += _read_units(item_bytes(answer.get("Item", {})))
            case "BatchGetItem":
                asked = sum(len(keys["Keys"]) for keys in request["RequestItems"].values())
                found = [item for items in answer["Responses"].values() for item in items]
                self.units.read_units += sum(_read_units(item_bytes(item)) for item in found) + asked - len(found)
            case "Query":
                self.units.read_units += _read_units(sum(map(item_bytes, answer["Items"])))
            case "PutItem":
                self._written(_key(request["Item"]), 1)
            case "UpdateItem":
                self._written(request["Key"], 1)
            case "TransactWriteItems":
                for action in request["TransactItems"]:
                    ((_, one),) = action.items()
                    self._written(one.get("Key") or _key(one["Item"]), 2)

    def _written(self, key: Item, price: int) -> None:
        name = (key["pk"]["S"], key["sk"]["S"])
        before, after = self._items.get(name, {}), self._look(key) or {}
        self._items[name] = after
        self.units.writes += 1
        self.units.write_units += price * _write_units(max(item_bytes(before), item_bytes(after)))
        if before != after:
            self.units.write_units += _index_units(before, after)


def _index_units(before: Item, after: Item) -> int:
    """An entry whose key changes is deleted and written anew; the index is not part of the transaction."""
    was, now = ([item.get(name) for name in INDEX_KEY] for item in (before, after))
    if None in was and None in now:
        return 0
    if was == now:
        return _write_units(max(item_bytes(before), item_bytes(after)))
    return sum(_write_units(item_bytes(item)) for item, key in ((before, was), (after, now)) if None not in key)


def _write_units(size: int) -> int:
    return max(1, ceil(size / WRITE_UNIT_BYTES))


def _read_units(size: int) -> int:
    return max(1, ceil(size / READ_UNIT_BYTES))


def _key(item: Item) -> Item:
    return {"pk": item["pk"], "sk": item["sk"]}
