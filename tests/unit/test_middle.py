"""The median is that of the standard library."""

from __future__ import annotations

from statistics import median as expected

from hypothesis import given
from hypothesis import strategies as st

from ami_archiver.middle import median


@given(st.lists(st.floats(0, 1e12), min_size=1))
def test_median_is_that_of_the_standard_library(numbers: list[float]) -> None:
    assert median(numbers) == expected(numbers)
