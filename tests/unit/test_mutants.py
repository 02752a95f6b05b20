"""The deliberate bugs of `make mutants` keep fitting the code; whether they are noticed takes minutes to see."""

from __future__ import annotations

import pytest

from tests.mutants.bug import Bug
from tests.mutants.bugs import BUGS
from tests.support.assembly import ROOT


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_bug_can_be_put_in_exactly_one_place_and_has_a_test_to_notice_it(bug: Bug) -> None:
    whole = (ROOT / "lambdas/ami_archiver" / bug.file).read_text()
    assert whole.count(bug.text) == 1
    compile(whole.replace(bug.text, bug.instead), bug.file, "exec")
    assert (ROOT / "tests" / bug.tests.partition("::")[0]).is_file()


def test_bugs_are_told_apart_by_their_names() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 15
