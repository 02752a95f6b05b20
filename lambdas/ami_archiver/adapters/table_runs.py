"""What runs decided: pages of decisions, and summaries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from boto3.dynamodb.conditions import Key

from ami_archiver.adapters.table import Table, key_of, put, reading
from ami_archiver.batches import batches
from ami_archiver.model import DecisionLine
from ami_archiver.serialization import dump, read, stored_as

LINES_PER_ITEM = 500
"""At up to 600 bytes a line, below the 400 KB that an item holds."""

stored_as(DecisionLine, image_id="i", policy="p", decision="d", reason="r", gib="g")


class SummaryKind(StrEnum):
    """The partitions of summaries."""

    RUNS = "RUNS"
    RETIREMENTS = "RETIREMENTS"
    """What runs did about originals."""
    WATCHES = "WATCHES"
    """What watches have found."""
    RESTORES = "RESTORES"


class TableRuns:
    """What runs decided (in pages) and their summaries."""

    def __init__(self, client: Any, table: str) -> None:
        self._table = Table(client, table)

    def put_page(self, run_id: str, page: str, lines: Sequence[DecisionLine]) -> None:
        """Write one page of decisions, if there are any; the same page written again replaces it."""
        for number, batch in enumerate(batches(lines, LINES_PER_ITEM)):
            item = key_of(f"RUN#{run_id}", f"{page}#{number:03}") | {"lines": dump(batch)}
            self._table.write(put(item), about=run_id)

    def pages(self, run_id: str, kind: str) -> Iterator[list[DecisionLine]]:
        """The run's pages whose name begins so, one in memory at a time."""
        for item in self._table.query(Key("pk").eq(f"RUN#{run_id}") & Key("sk").begins_with(kind), about=run_id):
            with reading(f"page {item['sk']} of run {run_id}", "delete it: only the run's summary is made of it"):
                lines = [read(DecisionLine, line) for line in item["lines"]]
            yield lines

    def put_summary(self, kind: SummaryKind, run_id: str, summary: Mapping[str, Any]) -> None:
        self._table.write(put(key_of(kind.value, run_id) | {"summary": dict(summary)}), about=run_id)

    def summary(self, kind: SummaryKind, run_id: str) -> dict[str, Any] | None:
        item = self._table.get(key_of(kind.value, run_id), run_id)
        return item["summary"] if item else None
