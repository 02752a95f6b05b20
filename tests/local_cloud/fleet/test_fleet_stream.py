"""JSON read piece by piece is the JSON that was written."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_cloud.fleet.stream import JsonStream, JsonSyntaxError

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@settings(deadline=None, derandomize=True)
@given(entries=st.lists(values, max_size=5), chunk=st.integers(1, 40), indent=st.sampled_from([None, 0, 2]))
def test_pieces_of_any_length_give_the_same_values(entries: list[Any], chunk: int, indent: int | None) -> None:
    text = json.dumps({"Images": entries, "Count": 1234}, indent=indent, ensure_ascii=False)
    stream = JsonStream(io.StringIO(text), chunk)
    found: dict[str, Any] = {}
    for key in stream.keys():  # noqa: SIM118 -- not a dict: walks the stream
        found[key] = [stream.value() for _ in stream.items()] if key == "Images" else stream.value()
    assert stream.peek() == ""
    assert found == json.loads(text)


@settings(deadline=None, derandomize=True)
@given(text=st.text(alphabet='[]{},:" \n1ae\\', max_size=30), chunk=st.integers(1, 8))
def test_pieces_of_any_length_refuse_what_json_refuses(text: str, chunk: int) -> None:
    stream = JsonStream(io.StringIO(text), chunk)
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(JsonSyntaxError, match=r"at line \d+, column \d+"):
            _whole(stream)
    else:
        assert _whole(stream) == expected


def _whole(stream: JsonStream) -> Any:
    value = stream.value()
    if stream.peek() != "":
        raise stream.error("expected nothing more")
    return value


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_line_and_column_are_those_of_the_file(chunk: int) -> None:
    text = '[\n  {"a": 1},\n  {"b": 2},\n  {"c": x}\n]'
    stream = JsonStream(io.StringIO(text), chunk)
    with pytest.raises(JsonSyntaxError, match="at line 4, column 9"):
        [stream.value() for _ in stream.items()]
