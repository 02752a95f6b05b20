"""How MiniStack's functions are replaced by stricter or more complete ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

Function = Callable[..., Any]


def replaces(module: Any, name: str) -> Callable[[Function], None]:
    """Puts the decorated function in the place of the module's `name`, which it gets as its first argument.

    Once in a process: installing again, for the next cloud, changes nothing.
    """

    def install(replacement: Function) -> None:
        original = getattr(module, name)
        if getattr(original, "of_local_cloud", False):
            return

        @wraps(original)
        def replaced(*args: Any, **kwargs: Any) -> Any:
            return replacement(original, *args, **kwargs)

        replaced.of_local_cloud = True  # type: ignore[attr-defined]  # a mark of ours
        setattr(module, name, replaced)

    return install
