"""The closed lists of what can fail: the state machine's definition and docs/errors.md name the same."""

from __future__ import annotations

import re

import pytest

from ami_archiver import errors
from ami_archiver.failures import NEXT_STEPS, Failure, reason
from ami_archiver.restore.model import RestoreFailure
from tests.support.assembly import ROOT

OF_BOTH = {"AccessDenied", "ObjectEmpty", "ObjectGone", "ObjectAltered", "InAnotherBucket", "BadRecord"}
"""Failures of an image that are failures of its restore, too."""
ROW = re.compile(r"^\| `(\w+)` \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)


def classes() -> set[type[Exception]]:
    return {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)}


def documented(title: str) -> list[str]:
    """The names in the table under a title, in order."""
    (section,) = [part for part in (ROOT / "docs/errors.md").read_text().split("\n## ") if part.startswith(title)]
    return [row[0] for row in ROW.findall(section)]


def test_every_error_is_one_of_ours_and_says_what_it_means() -> None:
    assert {error.__name__ for error in classes()} == {
        "ArchiverError",
        "BadInput",
        "BadSettings",
        "BadRecord",
        "LeaseLost",
        "AccessDenied",
        "AwsRefused",
        "TemporarilyUnavailable",
    }
    assert all(issubclass(error, errors.ArchiverError) and error.__doc__ for error in classes())


def test_only_what_works_later_is_tried_again() -> None:
    assert (errors.TemporarilyUnavailable,) == errors.RETRYABLE


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("Ends the execution", {error.__name__ for error in classes()} - {"ArchiverError"}),
        ("Fails one image", {failure.value for failure in Failure}),
        ("Fails a restore", {failure.value for failure in RestoreFailure} | OF_BOTH),
    ],
)
def test_document_explains_exactly_the_names_in_the_code_each_once(title: str, names: set[str]) -> None:
    assert sorted(documented(title)) == sorted(names)


def test_every_row_of_the_document_says_when_about_what_and_what_to_do() -> None:
    text = (ROOT / "docs/errors.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(ROW.findall(text)) == len(rows)
    assert all(row.rstrip(" |").endswith(".") for row in rows)


def test_reason_begins_with_the_name_and_ends_with_what_to_do() -> None:
    assert reason(Failure.OBJECT_EMPTY, "object k is empty", "delete it") == (
        "ObjectEmpty: object k is empty; delete it"
    )


def test_no_name_means_two_things() -> None:
    assert not {failure.value for failure in Failure} & {failure.value for failure in RestoreFailure}


def test_what_is_tried_several_times_has_a_next_step_for_the_end() -> None:
    assert set(NEXT_STEPS) == {Failure.STORE_FAILED, Failure.STORE_REFUSED, Failure.OBJECT_MISSING}
