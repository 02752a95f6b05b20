"""Python values as the table keeps them, and what comes back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami_archiver.adapters.table import Table, deserialized, key_of, put, serialized, update
from tests.support.archive import TABLE

NUMBERS = st.integers(-(10**37), 10**37) | st.floats(-1e15, 1e15)
SCALARS = st.none() | st.booleans() | NUMBERS.filter(lambda number: number == 0 or abs(number) > 1e-100) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
KEY = key_of("IMAGE#ami-1", "RECORD")


@given(VALUES)
def test_value_comes_back_from_the_table_as_it_was_written(value: Any) -> None:
    assert deserialized(serialized({"value": value})) == {"value": value}


def test_number_is_a_number_to_the_last_digit_and_whole_where_it_is_whole() -> None:
    assert serialized({"a": 0.1, "b": 8.0}) == {"a": {"N": "0.1"}, "b": {"N": "8.0"}}
    back = deserialized({"a": {"N": "0.1"}, "b": {"N": "8.0"}, "c": {"N": "1E+2"}})
    assert back == {"a": 0.1, "b": 8, "c": 100}
    assert [type(value) for value in back.values()] == [float, int, int]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_the_table_cannot_keep_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        serialized({"value": value})


def test_update_puts_appends_adds_takes_and_removes_at_once(dynamodb: Any) -> None:
    table = Table(dynamodb, TABLE)
    before: dict[str, Any] = {"status": "A", "moves": ["first"], "images": 1, "ids": {"x", "y"}, "gone": 1, "map": {}}
    table.write(put(KEY | before))
    change = update(
        KEY,
        put={"status": "B", ("map", "a.b"): 0.5},
        append={"moves": ["second"]},
        add={"images": 2, "new": {"z"}},
        take={"ids": {"x"}},
        remove=["gone"],
    )
    assert table.write(change) == []
    after = {"status": "B", "moves": ["first", "second"], "images": 3, "ids": {"y"}, "new": {"z"}, "map": {"a.b": 0.5}}
    assert table.get(KEY) == KEY | after
