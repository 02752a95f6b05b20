"""The .bin format: what goes in comes out, and nothing that was altered does."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_cloud.engine.stored_object import (
    MAGIC,
    CorruptObject,
    content_of,
    decode,
    decode_header,
    encode,
    written_gib,
)
from local_cloud.model import GIB, BlockDevice, Image, Snapshot

STORED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
text = st.text(max_size=20)
tags = st.dictionaries(text, text, max_size=4)
moments = st.datetimes(timezones=st.just(UTC))


@st.composite
def stored_images(draw: st.DrawFn) -> tuple[Image, list[Snapshot], list[bytes]]:
    snapshots = [
        Snapshot(
            f"snap-{number:08x}",
            draw(st.text("0123456789", min_size=12, max_size=12)),
            draw(st.integers(1, 64)),
            draw(moments),
            full_snapshot_size_bytes=draw(st.none() | st.integers(0, 64 * GIB)),
            encrypted=draw(st.booleans()),
            description=draw(text),
            tags=draw(tags),
        )
        for number in range(draw(st.integers(0, 3)))
    ]
    devices = [
        BlockDevice(
            f"/dev/sd{letter}",
            snapshot.snapshot_id,
            snapshot.volume_size_gib,
            volume_type=draw(st.sampled_from(["gp2", "gp3", "io2"])),
            delete_on_termination=draw(st.booleans()),
            encrypted=snapshot.encrypted,
            iops=draw(st.none() | st.integers(100, 64_000)),
            throughput=draw(st.none() | st.integers(125, 1000)),
        )
        for letter, snapshot in zip("abc", snapshots, strict=False)
    ]
    devices += [BlockDevice("/dev/sdz", virtual_name="ephemeral0")] * draw(st.integers(0, 1))
    image = Image(
        "ami-01234567",
        draw(text),
        "123456789012",
        draw(moments),
        tuple(devices),
        description=draw(st.none() | text),
        architecture=draw(st.sampled_from(["x86_64", "arm64"])),
        boot_mode=draw(st.sampled_from([None, "uefi", "legacy-bios"])),
        imds_support=draw(st.sampled_from([None, "v2.0"])),
        tpm_support=draw(st.sampled_from([None, "v2.0"])),
        ena_support=draw(st.booleans()),
        platform=draw(st.sampled_from([None, "windows"])),
        product_codes=tuple((code, "marketplace") for code in draw(st.lists(text, max_size=2))),
        tags=draw(tags),
        extra=draw(
            st.dictionaries(text.map("New{}".format), text | st.integers() | st.lists(text, max_size=2), max_size=3)
        ),
    )
    return image, snapshots, [draw(st.binary(max_size=200)) for _ in snapshots]


def an_object(bytes_per_gib: int = 4) -> bytes:
    snapshot = Snapshot("snap-01234567", "123456789012", 8, STORED_AT, tags={"Volume": "root"})
    image = Image("ami-01234567", "web", "123456789012", STORED_AT, (BlockDevice("/dev/xvda", "snap-01234567", 8),))
    content = content_of(snapshot, bytes_per_gib)
    return b"".join(encode(image, [snapshot], [content], STORED_AT, region="us-east-1"))


@settings(max_examples=100, deadline=None)
@given(stored_images())
def test_what_was_stored_is_what_comes_back(stored: tuple[Image, list[Snapshot], list[bytes]]) -> None:
    image, snapshots, contents = stored
    back = decode(b"".join(encode(image, snapshots, contents, STORED_AT, region="eu-west-1")))
    assert back.image == image
    assert [snapshot.content for snapshot in back.snapshots] == contents
    assert [replace(snapshot, content=None) for snapshot in back.snapshots] == snapshots
    assert (back.region, back.stored_at) == ("eu-west-1", STORED_AT)


def test_the_object_comes_in_parts_and_reads_one_snapshot_at_a_time() -> None:
    snapshots = [Snapshot(f"snap-0000000{number}", "1", 8, STORED_AT) for number in range(3)]
    image = Image("ami-01234567", "web", "1", STORED_AT)
    read = []

    def contents() -> Iterator[bytes]:
        for number in range(3):
            read.append(number)
            yield bytes(1000)

    parts = encode(image, snapshots, contents(), STORED_AT, region="us-east-1")
    next(parts)
    assert read == []
    next(parts)
    assert read == [0]
    assert len(list(parts)) == 3


def test_an_object_cut_off_at_any_length_is_corrupt() -> None:
    whole = an_object()
    for length in range(len(whole)):
        with pytest.raises(CorruptObject):
            decode(whole[:length])


def test_an_object_with_any_byte_altered_is_corrupt() -> None:
    whole = an_object()
    for position in range(len(whole)):
        altered = bytearray(whole)
        altered[position] ^= 1 << position % 8
        with pytest.raises(CorruptObject):
            decode(bytes(altered))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 400))
def test_foreign_bytes_are_corrupt_wherever_they_stand(junk: bytes, position: int) -> None:
    whole = an_object()
    for data in (junk, MAGIC + junk, whole[:position] + junk + whole[position:], whole + junk):
        if data != whole:
            with pytest.raises(CorruptObject):
                decode(data)


@pytest.mark.parametrize(
    "header",
    [
        [],
        {},
        {"image": {}, "snapshots": [], "region": "", "stored_at": ""},
        {"image": None, "snapshots": None, "region": "us-east-1", "stored_at": "2026-01-01"},
    ],
)
def test_a_header_of_something_else_is_corrupt(header: object) -> None:
    with pytest.raises(CorruptObject):
        decode_header(with_header(json.dumps(header).encode()))


def test_a_header_that_maps_a_snapshot_the_object_does_not_hold_is_corrupt() -> None:
    whole = an_object()
    (length,) = struct.unpack_from(">I", whole, len(MAGIC))
    fields = json.loads(whole[len(MAGIC) + 8 :][:length])
    fields["snapshots"] = []
    with pytest.raises(CorruptObject):
        decode_header(with_header(json.dumps(fields).encode()))


def test_the_header_can_be_read_before_the_content_is_there() -> None:
    whole = an_object()
    assert decode_header(whole[:-40]).image.name == "web"
    with pytest.raises(CorruptObject):
        decode(whole[:-40])


def test_an_altered_header_is_noticed_before_the_content_is_read() -> None:
    whole = an_object()
    (length,) = struct.unpack_from(">I", whole, len(MAGIC))
    for position in range(len(MAGIC) + 8 + length):
        altered = bytearray(whole)
        altered[position] ^= 1 << position % 8
        with pytest.raises(CorruptObject):
            decode_header(bytes(altered))


@pytest.mark.parametrize("contents", [[], [b"one", b"two"]])
def test_more_or_less_content_than_the_header_says_is_corrupt(contents: list[bytes]) -> None:
    snapshot = Snapshot("snap-01234567", "1", 8, STORED_AT)
    image = Image("ami-01234567", "web", "1", STORED_AT, (BlockDevice("/dev/xvda", "snap-01234567", 8),))
    with pytest.raises(CorruptObject):
        decode(b"".join(encode(image, [snapshot], contents, STORED_AT, region="us-east-1")))


def test_content_is_as_long_as_the_written_blocks_and_always_the_same() -> None:
    snapshot = Snapshot("snap-01234567", "1", 100, STORED_AT, full_snapshot_size_bytes=30 * GIB)
    assert written_gib(snapshot) == 30
    assert len(content_of(snapshot, 64)) == 30 * 64
    assert content_of(snapshot, 64) == content_of(replace(snapshot), 64)
    assert content_of(replace(snapshot, snapshot_id="snap-07654321"), 64) != content_of(snapshot, 64)
    assert content_of(replace(snapshot, snapshot_id="snap-07654321", content_seed="snap-01234567"), 64) == content_of(
        snapshot, 64
    )
    assert content_of(replace(snapshot, content=b"own"), 64) == b"own"


def test_the_object_is_smaller_than_the_snapshots() -> None:
    assert len(an_object(bytes_per_gib=10_000)) < 8 * 10_000 * 0.7


def with_header(header: bytes) -> bytes:
    return MAGIC + struct.pack(">II", len(header), zlib.crc32(header)) + header
