"""What an operation is: a function of the world and the request that returns its result under the SDK's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local_cloud.ec2.request import Request
from local_cloud.ec2.world import World

Operation = Callable[[World, Request], dict[str, Any]]

SUCCEEDED: dict[str, Any] = {"Return": True}
"""What operations answer that have nothing else to say."""
