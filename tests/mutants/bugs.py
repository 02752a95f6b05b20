"""The bugs: each an exact text of the archiver, what takes its place, and the smallest tests that must notice."""

from __future__ import annotations

from tests.mutants.archive_bugs import ARCHIVE_BUGS
from tests.mutants.bug import Bug
from tests.mutants.configuration_bugs import CONFIGURATION_BUGS
from tests.mutants.denied_bugs import DENIED_BUGS
from tests.mutants.fill_bugs import FILL_BUGS
from tests.mutants.operate_bugs import OPERATE_BUGS
from tests.mutants.restore_bugs import RESTORE_BUGS
from tests.mutants.retirement_bugs import RETIREMENT_BUGS
from tests.mutants.watch_bugs import WATCH_BUGS

BUGS: tuple[Bug, ...] = (
    *ARCHIVE_BUGS,
    *DENIED_BUGS,
    *FILL_BUGS,
    *RETIREMENT_BUGS,
    *RESTORE_BUGS,
    *CONFIGURATION_BUGS,
    *OPERATE_BUGS,
    *WATCH_BUGS,
)
