"""A plugin of pytest that puts in one bug, before any test is imported."""

from __future__ import annotations

import os

from tests.mutants.bugs import BUGS

NAME = "DELIBERATE_BUG"
"""The environment variable with the bug's name."""

if NAME in os.environ:
    BUGS[os.environ[NAME]].put_in()
