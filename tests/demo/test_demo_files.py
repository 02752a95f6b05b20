"""What a demonstration leaves behind: its log of calls, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo import stage
from demo.stage import CALL_LOG, Workplace


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(stage, "DIRECTORY", tmp_path)
    return tmp_path


def demonstration(text: str, *, keep: bool = False) -> Path:
    """One that has ended; where it says that its log is."""
    with Workplace(keep=keep) as place:
        place.call_log.write_text(text)
        (place.path / "scratch").mkdir()
    return place.call_log_left


def test_the_next_demonstration_takes_the_place_of_the_last_one(directory: Path) -> None:
    demonstration("first")
    assert demonstration("second") == directory / CALL_LOG
    assert {file.name: file.read_text() for file in directory.iterdir()} == {CALL_LOG: "second"}


def test_the_log_of_a_kept_demonstration_is_not_overwritten_by_another_one(directory: Path) -> None:
    kept = demonstration("kept", keep=True)
    demonstration("another")
    assert {file.name: file.read_text() for file in directory.iterdir()} == {CALL_LOG: "another", kept.name: "kept"}
