"""A deliberate bug: it names a function of the source, or a constant, and says what stands in for it."""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from types import FunctionType
from typing import Any

Function = Callable[..., Any]
HERE = str(Path(__file__).parent)
broken: list[str] = []
"""How a stand-in itself failed: a test that fails of that has noticed nothing."""
OUTSIDE = ("handlers", "infra", "operate")
"""Packages beside the archiver's own, in which a target is looked for by its whole name."""


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
    spoil: Function
    """Takes the original and returns what stands in for it."""

    def original(self) -> Any:
        """Raises ImportError or AttributeError where there is no such target."""
        owner, name = self._owner()
        return inspect.getattr_static(owner, name)

    def put_in(self) -> None:
        """Into this process, for good."""
        owner, name = self._owner()
        original = self.original()
        if inspect.isclass(owner):
            setattr(owner, name, self._member(original, owner, name))
        elif isinstance(function := inspect.unwrap(original), FunctionType):
            self._swap(function)
        else:
            substitute = self.spoil(original)
            for module in list(sys.modules.values()):
                if vars(module).get(name) is original:
                    setattr(module, name, substitute)

    def _owner(self) -> tuple[Any, str]:
        module, _, path = self.target.partition(":")
        own = module.partition(".")[0] not in OUTSIDE
        owner: Any = importlib.import_module(f"ami_archiver.{module}" if own else module)
        *outer, name = path.split(".")
        for each in outer:
            owner = getattr(owner, each)
        return owner, name

    def _member(self, original: Any, owner: type, name: str) -> Any:
        """A method, of whatever kind, that does what the bug does."""
        if isinstance(original, property):
            return property(_guarded(self.spoil(original.fget)))
        if isinstance(original, cached_property):
            substitute = cached_property(_guarded(self.spoil(original.func)))
            substitute.__set_name__(owner, name)
            return substitute
        if isinstance(original, staticmethod | classmethod):
            return type(original)(_guarded(self.spoil(original.__func__)))
        return wraps(original)(_guarded(self.spoil(original)))

    def _swap(self, function: FunctionType) -> None:
        """Give the function itself another body: whoever imported it, or keeps it in a table, has the bug too."""
        right = FunctionType(
            function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
        )
        right.__kwdefaults__ = function.__kwdefaults__
        function.__globals__["DELIBERATE_BUG"] = _guarded(self.spoil(right))
        function.__code__ = _body.__code__


def _body(*args: Any, **kwargs: Any) -> Any:
    """What a spoiled function does; the globals are those of its own module."""
    return globals()["DELIBERATE_BUG"](*args, **kwargs)


BUGS: dict[str, Bug] = {}
"""By name, in the order of the files."""


def bug(target: str, tests: str) -> Callable[[Function], Function]:
    """Register a function as a bug: it takes the original and returns what stands in for it. `tests`: FILE -k WORDS."""

    def register(spoil: Function) -> Function:
        name = spoil.__name__.replace("_", " ")
        if name in BUGS:
            raise ValueError(f"two bugs are called {name!r}")
        file, _, some = tests.partition(" -k ")
        BUGS[name] = Bug(name, target, file, some, spoil)
        return spoil

    return register


def _guarded(stand_in: Function) -> Function:
    """A stand-in that is called wrongly, or fails in its own lines, says so."""

    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return stand_in(*args, **kwargs)
        except (TypeError, AttributeError, NameError, KeyError, IndexError) as error:
            if traceback.extract_tb(error.__traceback__)[-1].filename.startswith(HERE):
                broken.append(repr(error))
            raise

    return guarded
