"""How the functions' SDK clients are made, and read to the last page.

They retry a few times with back-off, and time out well before a step does.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from ami_archiver.adapters.aws_errors import translated

CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 6},
    connect_timeout=5,
    read_timeout=60,
)


@cache
def make_client(service: str) -> Any:
    """A client of the service, one per function instance."""
    return boto3.client(service, config=CONFIG)  # type: ignore[call-overload]  # the services are named in app.py


def paged(client: Any, operation: str, member: str, about: str = "", **request: Any) -> Iterator[Any]:
    """What the answers have under a name, page by page."""
    pages = client.get_paginator(operation).paginate(**request)
    with translated(about):
        for page in pages:
            yield from page.get(member, [])
