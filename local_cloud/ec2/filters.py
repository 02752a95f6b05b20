"""`Filters` of the describe calls: values are ORed, filters ANDed, `*` and `?` are wildcards, `\\` escapes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from local_cloud.errors import AwsError

T = TypeVar("T")
Fields = Mapping[str, Callable[[T], Iterable[object]]]
Predicate = Callable[[T], bool]
_MAX_VALUES = 200


def alike(*names: str) -> dict[str, Callable[[Any], Iterable[object]]]:
    """The filters that are named as the attributes they look at: `owner-id` at `owner_id`."""

    def read(name: str) -> Callable[[Any], Iterable[object]]:
        get = attrgetter(name.replace("-", "_"))
        return lambda found: (get(found),)

    return {name: read(name) for name in names}


def compile_filters(
    filters: Sequence[Mapping[str, Any]],
    fields: Fields[T],
    tags_of: Callable[[T], Mapping[str, str]] | None = None,
) -> Predicate[T]:
    """One predicate for the `Filters` of a request.

    `fields` gives, per filter name, the values a resource has under it. With `tags_of`, `tag:KEY`, `tag-key` and
    `tag-value` are filters too.

    Raises `AwsError`: InvalidParameterValue for an unknown or incomplete filter, FilterLimitExceeded.
    """
    predicates: list[Predicate[T]] = []
    if sum(len(one.get("Values", ())) for one in filters) > _MAX_VALUES:
        raise AwsError(
            "FilterLimitExceeded",
            f"The maximum number of filter values specified on a single call is {_MAX_VALUES}",
        )
    for one in filters:
        name = one.get("Name")
        if not name or not one.get("Values"):
            raise AwsError("InvalidParameterValue", f"The filter '{name or 'null'}' is invalid")
        predicates.append(_predicate(name, one["Values"], fields, tags_of))

    def accept(resource: T) -> bool:
        return all(predicate(resource) for predicate in predicates)

    return accept


def _predicate(
    name: str, values: Sequence[str], fields: Fields[T], tags_of: Callable[[T], Mapping[str, str]] | None
) -> Predicate[T]:
    matches = value_matcher(values)
    if tags_of is not None:
        if name.startswith("tag:"):
            key = name.removeprefix("tag:")
            return lambda resource: (value := tags_of(resource).get(key)) is not None and matches(value)
        if name == "tag-key":
            return lambda resource: any(matches(key) for key in tags_of(resource))
        if name == "tag-value":
            return lambda resource: any(matches(value) for value in tags_of(resource).values())
    field = fields.get(name)
    if field is None:
        raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
    return lambda resource: any(matches(as_text(value)) for value in field(resource) if value is not None)


def value_matcher(values: Sequence[str]) -> Callable[[str], bool]:
    """Whether a text equals or, with wildcards, matches one of `values`. Case counts, as AWS says."""
    if not any(character in value for value in values for character in "*?\\"):
        return frozenset(values).__contains__
    pattern = re.compile("|".join(_expression(value) for value in values), re.DOTALL)
    return lambda text: pattern.fullmatch(text) is not None


def exact_values(filters: Sequence[Mapping[str, Any]], name: str) -> Sequence[str]:
    """The values of a filter that nothing else can match, to look up instead of trying all; empty: there are none."""
    for one in filters:
        values: Sequence[str] = one.get("Values", ())
        if one.get("Name") == name and not any(character in value for value in values for character in "*?\\"):
            return values
    return ()


def as_text(value: object) -> str:
    """A field's value as a filter's value is written: booleans are `true` and `false`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _expression(value: str) -> str:
    parts = []
    characters = iter(value)
    for character in characters:
        if character == "\\":
            parts.append(re.escape(next(characters, "\\")))
        else:
            parts.append({"*": ".*", "?": "."}.get(character) or re.escape(character))
    return "".join(parts)
