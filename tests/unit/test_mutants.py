"""The deliberate bugs of `make mutants` keep fitting the code; whether they are noticed takes minutes to see."""

from __future__ import annotations

from inspect import Parameter, signature

import pytest

from tests.mutants.bug import Bug
from tests.mutants.bugs import BUGS
from tests.support.assembly import ROOT

ANY = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


@pytest.mark.parametrize("bug", BUGS.values(), ids=lambda bug: bug.name)
def test_bug_has_a_place_in_the_source_and_a_test_to_notice_it(bug: Bug) -> None:
    original = getattr(bug.original(), "__func__", bug.original())
    if callable(original):
        _, *taken = signature(bug.spoiled).parameters.values()
        assert {one.name for one in taken if one.kind not in ANY} <= signature(original).parameters.keys()
    assert bug.some in (ROOT / "tests" / bug.file).read_text()


def test_there_are_bugs_for_all_that_is_promised() -> None:
    assert len(BUGS) >= 100
