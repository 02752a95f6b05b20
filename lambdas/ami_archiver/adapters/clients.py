"""How the functions' SDK clients are made: a few retries with back-off, and time-outs well below a step's."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 6},
    connect_timeout=5,
    read_timeout=60,
)


@cache
def make_client(service: str) -> Any:
    """A client of the service, one per function instance."""
    return boto3.client(service, config=CONFIG)  # type: ignore[call-overload]  # the services are named in app.py
