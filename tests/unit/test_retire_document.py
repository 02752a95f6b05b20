"""docs/retire.md names every reason to keep an original and every key, with the defaults that hold."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest

from ami_archiver.policy import Policy, RetireRules
from ami_archiver.retire.reasons import HOLD_TAG, MARKS, RETIRE_ON_TAG, Keep
from ami_archiver.settings import Settings
from tests.support.assembly import ROOT

TEXT = (ROOT / "docs/retire.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([\w.]+)` \| (.+) \| (.+) \|$", re.MULTILINE)


def section(title: str) -> list[tuple[str, str, str]]:
    """The rows of the table under a title."""
    (found,) = [part for part in TEXT.split("\n## ") if part.startswith(title)]
    return ROW.findall(found)


def test_document_explains_every_reason_to_keep_an_original_once_and_in_order() -> None:
    assert [name for name, *_ in section("Why is this image still here?")] == [keep.value for keep in Keep]


def test_every_reason_says_what_it_means_and_what_to_do() -> None:
    for name, means, to_do in section("Why is this image still here?"):
        assert means.endswith("."), name
        assert to_do.endswith((".", "is.")), name


def defaults() -> dict[str, object]:
    found: dict[str, object] = {"original": Policy("p", {}).original}
    found |= {field.name: field.default for field in fields(RetireRules)}
    settings = {field.name: field.default for field in fields(Settings)}
    return found | {"account.retire_stop_percent": settings["retire_stop_percent"]}


def test_document_has_every_key_with_its_default() -> None:
    written = {name: default.strip("`") for name, _, default in section("Configuration")}
    in_words = {name: "none" if value in (None, ()) else str(value).lower() for name, value in defaults().items()}
    assert written == in_words


@pytest.mark.parametrize("tag", [HOLD_TAG, RETIRE_ON_TAG, *MARKS.values()])
def test_document_names_the_tags(tag: str) -> None:
    assert f"`{tag}" in TEXT


def test_the_days_from_archive_to_deletion_add_up() -> None:
    rules = RetireRules()
    days = rules.after_verified_days + rules.after_disabled_days + 2 * rules.notify_days
    assert f"with the defaults {days:g} days pass" in TEXT
