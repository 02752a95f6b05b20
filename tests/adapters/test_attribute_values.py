"""Attribute values are as boto3's serializer has them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from ami_archiver.adapters.attribute_values import plain, serialized

numbers = st.integers(-(10**37), 10**37) | st.decimals(-(10**9), 10**9, places=6)
scalars = st.none() | st.booleans() | numbers | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(values)
def test_a_value_is_written_as_boto3_writes_it_and_comes_back(value: Any) -> None:
    assert serialized(value) == TypeSerializer().serialize(value)
    assert plain(serialized(value)) == value


@pytest.mark.parametrize(
    "attribute",
    [{"SS": ["a", "b"]}, {"NS": ["1", "2.5"]}, {"BS": [b"a"]}, {"B": b"a"}, {"N": "1E+2"}, {"M": {"a": {"L": []}}}],
)
def test_what_somebody_else_has_written_is_read_as_boto3_reads_it(attribute: dict[str, Any]) -> None:
    assert plain(attribute) == TypeDeserializer().deserialize(attribute)


def test_times_floats_tuples_and_sets_have_a_form_in_the_table() -> None:
    assert serialized(datetime(2026, 1, 2, tzinfo=UTC)) == {"S": "2026-01-02T00:00:00+00:00"}
    assert serialized(0.1) == {"N": "0.1"}
    assert serialized((1,)) == {"L": [{"N": "1"}]}
    assert serialized(frozenset("ab")) == {"SS": ["a", "b"]}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("-Infinity"), object(), b"bytes"])
def test_what_the_table_cannot_keep_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        serialized(value)


@pytest.mark.parametrize("attribute", [{"X": "a"}, {}])
def test_what_is_no_attribute_is_refused(attribute: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        plain(attribute)
