"""Dataclasses as JSON and as items of the table, and back, with cattrs.

Nothing is taken for something else: a text is a text, a whole number is whole and no truth value, a time has a zone.
No number here is negative. What is not there takes the default that the dataclass has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar, get_args, get_origin

from cattrs import (
    AttributeValidationNote,
    BaseValidationError,
    Converter,
    ForbiddenExtraKeysError,
    IterableValidationNote,
)
from cattrs.cols import homogenous_tuple_structure_factory, is_mapping, mapping_structure_factory
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

SHOWN = 100
"""Characters of a value that cannot be read: it may be 400 KB, and the reason has to fit beside others on a page."""

T = TypeVar("T")
Hook = Callable[[Any, Any], Any]
"""Takes a value and the type that it is to be of."""
Factory = Callable[[Any, Converter], Hook]

_names: dict[type, dict[str, str]] = {}


class Unreadable(ValueError):
    """`str(error)` names the attribute, its value and what it must be."""


def stored_as(cls: type, **names: str) -> None:
    """Give fields of a dataclass the names that they have outside of it."""
    _names[cls] = names


def dump(value: Any, *, compact: bool = False) -> Any:
    """A value as dicts, lists, texts and numbers; `compact` leaves out what is as its default."""
    return (_COMPACT if compact else _OPEN).unstructure(value)


def read(cls: type[T], raw: object, *, closed: bool = False) -> T:
    """What `dump` wrote. `closed`: a key that no field has is an error. Raises Unreadable."""
    try:
        return (_CLOSED if closed else _OPEN).structure(raw, cls)
    except (BaseValidationError, _Wrong) as error:
        raise Unreadable(_explanation(error)) from error


class _Wrong(ValueError):
    def __init__(self, value: object, must: str) -> None:
        super().__init__(f"is {value!r:.{SHOWN}}, must be {must}")


def _explanation(error: BaseException) -> str:
    """The first thing that is wrong, with its path."""
    path = ""
    while isinstance(error, BaseValidationError):
        names, error = _names.get(error.cl, {}), error.exceptions[0]
        for note in getattr(error, "__notes__", ()):
            if isinstance(note, AttributeValidationNote):
                path += f".{names.get(note.name, note.name)}"
            elif isinstance(note, IterableValidationNote):
                path += f"[{note.index!r:.{SHOWN}}]"
    path = path.removeprefix(".") or "it"
    if isinstance(error, KeyError):
        return f"{path} is missing"
    if isinstance(error, ForbiddenExtraKeysError):
        unknown = ", ".join(map(repr, sorted(error.extra_fields)))
        return f"{path} has no {unknown:.{SHOWN}}; it has {', '.join(f.name for f in fields(error.cl))}"
    return f"{path} {error}"


def _text(value: Any, kind: Any) -> Any:
    """Also of an enum: each of ours is of texts."""
    if not isinstance(value, str):
        raise _Wrong(value, "a text")
    try:
        return value if kind is str else kind(value)
    except ValueError:
        raise _Wrong(value, f"one of {', '.join(kind)}") from None


def _time(value: Any, _: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _Wrong(value, "a time with its zone, such as 2026-01-31T02:00:00+00:00")
    return moment


def _number(value: Any, kind: Any) -> Any:
    if not isinstance(value, int if kind is int else int | float) or isinstance(value, bool) or value < 0:
        raise _Wrong(value, "a whole number" if kind is int else "a number")
    return kind(value)


def _truth(value: Any, _: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong(value, "true or false")
    return value


def _of_literal(kind: Any, _: Converter) -> Hook:
    def structure(value: Any, _: Any) -> Any:
        if value not in get_args(kind):
            raise _Wrong(value, f"one of {', '.join(get_args(kind))}")
        return value

    return structure


def _of_dataclass(kind: Any, converter: Converter) -> Hook:
    return make_dict_structure_fn(kind, converter, **_overrides(kind))


def _to_dict(kind: Any, converter: Converter) -> Callable[[Any], Any]:
    return make_dict_unstructure_fn(kind, converter, **_overrides(kind))


def _overrides(kind: type) -> dict[str, Any]:
    return {name: override(rename=outside) for name, outside in _names.get(kind, {}).items()}


def _only(types: Any, must: str, factory: Factory) -> Factory:
    """What cattrs makes, for values of these types alone: it would take a text for the list of its letters."""

    def checked(kind: Any, converter: Converter) -> Hook:
        structure = factory(kind, converter)

        def hook(value: Any, kind: Any) -> Any:
            if not isinstance(value, types):
                raise _Wrong(value, must)
            return structure(value, kind)

        return hook

    return checked


def _is_literal(kind: Any) -> bool:
    return get_origin(kind) is Literal


def _is_list(kind: Any) -> bool:
    return get_origin(kind) is tuple and get_args(kind)[-1] is Ellipsis


def _configured(converter: Converter) -> Converter:
    for kind, hook in ((str, _text), (bool, _truth), (int, _number), (float, _number), (datetime, _time)):
        converter.register_structure_hook(kind, hook)
    converter.register_structure_hook_func(lambda kind: isinstance(kind, type) and issubclass(kind, str), _text)
    for applies, factory in (
        (is_mapping, _only(Mapping, "an object", mapping_structure_factory)),
        (_is_list, _only(list | tuple, "a list", homogenous_tuple_structure_factory)),
        (is_dataclass, _only(Mapping, "an object", _of_dataclass)),
        (_is_literal, _of_literal),
    ):
        converter.register_structure_hook_factory(applies, factory)
    converter.register_unstructure_hook(datetime, datetime.isoformat)
    converter.register_unstructure_hook_factory(_names.__contains__, _to_dict)
    return converter


_OPEN = _configured(Converter())
_CLOSED = _configured(Converter(forbid_extra_keys=True))
_COMPACT = _configured(Converter(omit_if_default=True))
