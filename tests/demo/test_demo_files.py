"""What a demonstration leaves behind: its calls and its text, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo import stage
from demo.stage import KEPT, Workplace


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(stage, "DIRECTORY", tmp_path)
    return tmp_path


def demonstration(text: str, *, keep: bool = False) -> Path:
    """One that has ended; where it says that its files are."""
    with Workplace(keep=keep) as place:
        for file in (place.call_log, place.transcript):
            file.write_text(text)
        (place.path / "scratch").mkdir()
    return place.kept_in


def test_the_next_demonstration_takes_the_place_of_the_last_one(directory: Path) -> None:
    demonstration("first")
    assert demonstration("second") == directory
    assert {file.name: file.read_text() for file in directory.iterdir()} == dict.fromkeys(KEPT, "second")


def test_files_of_a_kept_demonstration_are_not_overwritten_by_another_one(directory: Path) -> None:
    kept = demonstration("kept", keep=True)
    demonstration("another")
    assert kept.parent == directory
    assert {file.name: file.read_text() for file in kept.iterdir()} == dict.fromkeys(KEPT, "kept")
