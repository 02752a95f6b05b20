"""Cut what AWS takes only so many of per call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size` (itertools.batched comes with Python 3.12; the tools run on 3.11 too)."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
