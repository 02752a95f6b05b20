"""Request units as DynamoDB charges them."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.dynamodb_units import UnitMeter, item_bytes

KEY = {"pk": {"S": "IMAGE#1"}, "sk": {"S": "RECORD"}}


def metered(*states: dict[str, Any]) -> UnitMeter:
    """A meter over a table that holds one item, in these states one after the other."""
    held = iter(states)
    return UnitMeter(lambda _: next(held))


def sized(size: int, **more: Any) -> dict[str, Any]:
    item = {**KEY, **more, "text": {"S": ""}}
    return {**item, "text": {"S": "x" * (size - item_bytes(item))}}


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({"name": {"S": "é"}}, 6),
        ({"n": {"N": "-12.5"}}, 4),
        ({"flag": {"BOOL": True}}, 5),
        ({"list": {"L": [{"S": "ab"}]}}, 4 + 3 + 1 + 2),
        ({"map": {"M": {"k": {"NULL": True}}}}, 3 + 3 + 1 + 1 + 1),
        ({"ids": {"SS": ["abc", "de"]}}, 3 + 5),
    ],
)
def test_an_item_is_as_large_as_its_names_and_values(item: dict[str, Any], size: int) -> None:
    assert item_bytes(item) == size


def test_a_write_costs_a_unit_per_kilobyte_begun_of_the_larger_of_before_and_after() -> None:
    meter = metered(sized(1025), sized(100))
    meter.count("PutItem", {"Item": sized(1025)}, {})
    assert meter.units.write_units == 2
    meter.count("UpdateItem", {"Key": KEY}, {})
    assert (meter.units.writes, meter.units.write_units) == (2, 4)


def test_a_transaction_costs_twice_and_each_of_its_items_is_a_write() -> None:
    meter = metered(sized(500), {})
    actions = [{"Update": {"Key": KEY}}, {"Delete": {"Key": {"pk": {"S": "QUEUE"}, "sk": {"S": "1"}}}}]
    meter.count("TransactWriteItems", {"TransactItems": actions}, {})
    assert (meter.units.writes, meter.units.write_units) == (2, 4)


def test_the_index_is_written_twice_when_a_record_s_place_in_it_changes() -> None:
    first = sized(900, status={"S": "SELECTED"}, status_order={"S": "1"})
    second = sized(1900, status={"S": "STORING"}, status_order={"S": "2"})
    meter = metered(first, second)
    meter.count("UpdateItem", {"Key": KEY}, {})
    assert meter.units.write_units == 1 + 1
    meter.count("UpdateItem", {"Key": KEY}, {})
    assert meter.units.write_units == 2 + 2 + (1 + 2)


def test_reads_cost_a_unit_per_four_kilobytes_and_one_for_nothing() -> None:
    meter = metered()
    meter.count("GetItem", {}, {})
    meter.count("Query", {}, {"Items": [sized(3000), sized(3000)]})
    request = {"RequestItems": {"t": {"Keys": [KEY, KEY, KEY]}}}
    meter.count("BatchGetItem", request, {"Responses": {"t": [sized(4097)]}})
    assert meter.units.read_units == 1 + 2 + (2 + 1 + 1)
