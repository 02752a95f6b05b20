"""Puts settings, clock and SDK clients together, once per function instance, at the first event."""

from __future__ import annotations

import os
from functools import cache

from ami_archiver.adapters.clients import make_client
from ami_archiver.app import App
from ami_archiver.clock import SystemClock
from ami_archiver.retire.app import RetireApp
from ami_archiver.settings import Settings


@cache
def app() -> App:
    """Raises BadSettings."""
    return App(Settings.from_env(os.environ), os.environ["AWS_REGION"], SystemClock(), make_client)


@cache
def retire_app() -> RetireApp:
    """The app of the functions that mark, disable or deregister originals. Raises BadSettings."""
    return RetireApp(Settings.from_env(os.environ), os.environ["AWS_REGION"], SystemClock(), make_client)
