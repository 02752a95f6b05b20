"""A deliberate bug: a function that names one of the source's functions, and does what that one must not do.

It takes the original, and then what the original takes. A bug in a constant takes it and returns another.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

Function = Callable[..., Any]
OUTSIDE = ("handlers", "infra", "operate")
"""Packages beside the archiver's own, in which a target is looked for by its whole name."""
HERE = str(Path(__file__).parent)
broken: list[str] = []
"""How a bug itself failed: a test that fails of that has noticed nothing."""


@dataclass(frozen=True)
class Bug:
    name: str
    """A sentence that says what goes wrong."""
    target: str
    """`module:function`, `module:Class.method` or `module:CONSTANT`, seen from ami_archiver."""
    file: str
    """The tests that must notice it, below tests/."""
    some: str
    """What is in the names of those that are run; '': all."""
    spoiled: Function

    def original(self) -> Any:
        """Raises ImportError or AttributeError where there is no such target."""
        owner, name = self._owner()
        return inspect.getattr_static(owner, name)

    def put_in(self) -> None:
        """Into this process, for good."""
        (owner, name), original = self._owner(), self.original()
        if inspect.isclass(owner):
            setattr(owner, name, self._member(original))
        elif isinstance(function := inspect.unwrap(original), FunctionType):
            self._swap(function)
        else:
            for module in list(sys.modules.values()):  # `from x import NAME` has copied it
                if vars(module).get(name) is original:
                    setattr(module, name, self.spoiled(original))

    def _owner(self) -> tuple[Any, str]:
        module, _, path = self.target.partition(":")
        own = module.partition(".")[0] not in OUTSIDE
        owner: Any = importlib.import_module(f"ami_archiver.{module}" if own else module)
        *outer, name = path.split(".")
        for each in outer:
            owner = getattr(owner, each)
        return owner, name

    def _member(self, original: Any) -> Any:
        if isinstance(original, property):
            return property(self._instead_of(original.fget))
        if isinstance(original, staticmethod | classmethod):
            return type(original)(self._instead_of(original.__func__))
        return self._instead_of(original)

    def _swap(self, function: FunctionType) -> None:
        """Give the function itself another body: whoever imported it, or keeps it in a table, has the bug too."""
        right = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__)
        right.__kwdefaults__ = function.__kwdefaults__
        function.__globals__["DELIBERATE_BUG"] = self._instead_of(right)
        function.__code__ = _body.__code__

    def _instead_of(self, right: Function) -> Function:
        def spoiled(*args: Any, **kwargs: Any) -> Any:
            try:
                return self.spoiled(right, *args, **kwargs)
            except (TypeError, AttributeError, NameError, KeyError, IndexError) as error:
                if traceback.extract_tb(error.__traceback__)[-1].filename.startswith(HERE):
                    broken.append(repr(error))
                raise

        return spoiled


def _body(*args: Any, **kwargs: Any) -> Any:
    """What a spoiled function does; the globals are those of its own module."""
    return globals()["DELIBERATE_BUG"](*args, **kwargs)


BUGS: dict[str, Bug] = {}
"""By name, in the order of the files."""


def bug(target: str, tests: str) -> Callable[[Function], Function]:
    """Register a function as a bug. `tests` is 'FILE', or 'FILE -k WORDS' for those with the words in their names."""

    def register(spoiled: Function) -> Function:
        name = spoiled.__name__.replace("_", " ")
        if name in BUGS:
            raise ValueError(f"two bugs are called {name!r}")
        file, _, some = tests.partition(" -k ")
        BUGS[name] = Bug(name, target, file, some, spoiled)
        return spoiled

    return register
