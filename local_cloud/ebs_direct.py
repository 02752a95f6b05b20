"""The EBS direct APIs that tell what deleting a snapshot would free: ListSnapshotBlocks and ListChangedBlocks.

Errors and limits: docs.aws.amazon.com/ebs/latest/APIReference/API_ListChangedBlocks.html. Snapshots are related only
if they are of one volume; on AWS a volume that was made from a snapshot carries on its lineage. An archived snapshot
cannot be read (userguide/readsnapshots.html); AWS does not say by what error.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from local_cloud.ec2.app import Ec2
from local_cloud.ec2.request import Caller, identify
from local_cloud.engine.blocks import BLOCK_BYTES, Difference, Run, differences
from local_cloud.engine.catalog import can_create_volume
from local_cloud.model import Snapshot
from local_cloud.operations import Answer

_PATH = re.compile(r"/snapshots/(?P<snapshot>[^/]+)/(?P<what>blocks|changedblocks)/?")
_SNAPSHOT_ID = re.compile("snap-[0-9a-f]{1,59}")
_SMALLEST_PAGE, _LARGEST_PAGE = 100, 10_000
_TOKENS_LAST = timedelta(days=7)
_TOKEN_BYTES = 40
Block = dict[str, Any]


class _Refused(Exception):
    def __init__(self, status: int, code: str, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.reason, self.message = status, code, reason, message


class EbsDirect:
    """For all accounts and Regions; what it needs of snapshots it takes from EC2's catalog. Thread-safe."""

    def __init__(self, ec2: Ec2) -> None:
        self._world = ec2.world

    def handle(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:  # noqa: ARG002 - as all
        """Answer one signed request with (HTTP status, headers, JSON)."""
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        caller = identify(headers, self._world.settings)
        path = _PATH.fullmatch(unquote(parts.path))
        try:
            if method != "GET" or path is None:
                raise _Refused(404, "UnknownOperationException", "", f"There is no {method} {parts.path} here")
            list_blocks = self._snapshot_blocks if path["what"] == "blocks" else self._changed_blocks
            answer = list_blocks(caller, path["snapshot"], query)
        except _Refused as error:
            refusal = {"Message": error.message, "Reason": error.reason}
            types = {"content-type": "application/json", "x-amzn-errortype": error.code}
            return error.status, types, json.dumps(refusal).encode()
        return 200, {"content-type": "application/json"}, json.dumps(answer).encode()

    def _snapshot_blocks(self, caller: Caller, snapshot_id: str, query: Mapping[str, str]) -> dict[str, Any]:
        snapshot, runs = self._read(caller, snapshot_id)
        blocks = (
            {"BlockIndex": index, "BlockToken": _token(snapshot_id, run.origin, index)}
            for run, index in _indexes(runs, _start(query, snapshot_id))
        )
        return self._page("Blocks", blocks, snapshot, query, snapshot_id)

    def _changed_blocks(self, caller: Caller, snapshot_id: str, query: Mapping[str, str]) -> dict[str, Any]:
        first_id = query.get("firstSnapshotId", "")
        first, first_runs = self._read(caller, first_id)
        second, second_runs = self._read(caller, snapshot_id)
        if snapshot_id not in self._world.catalog.block_maps(caller.region, first):
            raise _invalid("UNRELATED_SNAPSHOTS", f"{first_id} and {snapshot_id} are not of one volume")
        scope = f"{first_id}/{snapshot_id}"
        changes = _indexes(differences(first_runs, second_runs), _start(query, scope))
        blocks = (_changed(change, index, first_id, snapshot_id) for change, index in changes)
        return self._page("ChangedBlocks", blocks, second, query, scope)

    def _read(self, caller: Caller, snapshot_id: str) -> tuple[Snapshot, list[Run]]:
        if not _SNAPSHOT_ID.fullmatch(snapshot_id):
            raise _invalid("INVALID_SNAPSHOT_ID", f"The snapshot id {snapshot_id!r} is not valid")
        catalog = self._world.catalog
        with catalog.lock:
            snapshot = catalog.snapshots(caller.region).get(snapshot_id)
            if snapshot is None:
                raise _Refused(
                    404, "ResourceNotFoundException", "SNAPSHOT_NOT_FOUND", f"The snapshot {snapshot_id} does not exist"
                )
            if not can_create_volume(snapshot, caller.account_id):
                raise _Refused(
                    403, "AccessDeniedException", "UNAUTHORIZED_ACCOUNT", f"{snapshot_id} is not shared with you"
                )
            if snapshot.state != "completed" or snapshot.storage_tier != "standard":
                raise _invalid(
                    "INVALID_SNAPSHOT_ID",
                    f"{snapshot_id} is {snapshot.state} in the {snapshot.storage_tier} tier, and cannot be read",
                )
            return snapshot, catalog.block_maps(caller.region, snapshot)[snapshot_id]

    def _page(
        self, name: str, blocks: Iterator[Block], snapshot: Snapshot, query: Mapping[str, str], scope: str
    ) -> dict[str, Any]:
        limit = _number(query, "maxResults", _LARGEST_PAGE)
        if not _SMALLEST_PAGE <= limit <= _LARGEST_PAGE:
            raise _invalid("INVALID_PARAMETER_VALUE", f"maxResults is {_SMALLEST_PAGE} to {_LARGEST_PAGE}, not {limit}")
        found = list(islice(blocks, limit))
        following = next(blocks, None)
        return {
            name: found,
            "ExpiryTime": (self._world.clock.now() + _TOKENS_LAST).timestamp(),
            "VolumeSize": snapshot.volume_size_gib,
            "BlockSize": BLOCK_BYTES,
            "NextToken": _page_token(scope, following["BlockIndex"]) if following else None,
        }


def _indexes(runs: Iterable[Run] | Iterable[Difference], start: int) -> Iterator[tuple[Any, int]]:
    """The blocks of the runs one by one, from `start` on."""
    for run in runs:
        for index in range(max(run.start, start), run.end):
            yield run, index


def _changed(change: Difference, index: int, first_id: str, second_id: str) -> Block:
    block: Block = {"BlockIndex": index}
    if change.in_first:
        block["FirstBlockToken"] = _token(first_id, "", index)
    if change.in_second:
        block["SecondBlockToken"] = _token(second_id, "", index)
    return block


def _token(snapshot_id: str, origin: str, index: int) -> str:
    return base64.b64encode(f"{snapshot_id}{origin[-4:]}{index:08x}".encode()[-_TOKEN_BYTES:]).decode()


def _start(query: Mapping[str, str], scope: str) -> int:
    """The first block of the page; with a token, StartingBlockIndex is ignored."""
    token = query.get("pageToken")
    if token is None:
        return _number(query, "startingBlockIndex", 0)
    try:
        where, index = json.loads(base64.b64decode(token, validate=True))
        if where == scope and isinstance(index, int):
            return index
    except (ValueError, TypeError, binascii.Error):
        pass
    raise _invalid("INVALID_PAGE_TOKEN", "The page token is not valid")


def _page_token(scope: str, index: int) -> str:
    return base64.b64encode(json.dumps([scope, index]).encode()).decode()


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdecimal()):
        raise _invalid("INVALID_PARAMETER_VALUE", f"{name} is a whole number, not {text!r}")
    return int(text)


def _invalid(reason: str, message: str) -> _Refused:
    return _Refused(400, "ValidationException", reason, message)
