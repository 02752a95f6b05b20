"""Words for what pydantic found: which key of archiver.toml, which value, what is allowed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from infra.config_model import Account, ConfigFile, PolicyTable

Location = tuple[int | str, ...]


def sentences(error: ValidationError, raw: Mapping[str, Any]) -> Iterator[str]:
    """One sentence for each thing that is wrong with the file `raw`."""
    for detail in error.errors(include_url=False):
        location = detail["loc"]
        if detail["type"] == "contradictions":
            yield from _contradictions(detail, raw)
        elif detail["type"] == "missing":
            yield f"{_key(location, raw)} is missing"
        elif detail["type"] == "extra_forbidden":
            yield f"{_key(location, raw)} is not a key: {_known_keys(location)}"
        elif location[-1:] == ("[key]",):
            yield f"{_key(location[:-2], raw)} has the key {_show(location[-2])}: {_allowed(detail)}"
        else:
            yield f"{_key(location, raw)} is {_show(detail['input'])}: {_allowed(detail)}"


def sentence(location: Location, value: object, wrong: str, raw: Mapping[str, Any]) -> str:
    """One that is found in the whole file; the value may be a default."""
    return f"{_key(location, raw)} is {_show(value)}: {wrong}"


def _contradictions(detail: ErrorDetails, raw: Mapping[str, Any]) -> Iterator[str]:
    for key, wrong in detail["ctx"]["found"]:
        if not detail["loc"]:
            yield f"{key} {wrong}"
            continue
        location = (*detail["loc"], *key.split(".", 1))
        yield f"{_key(location, raw)} is {_show(_value(raw, location))}: {wrong}"


def _allowed(detail: ErrorDetails) -> str:
    """'must be …', from the field's description, which knows both bounds, or the validator's own words."""
    if detail["type"] == "not_allowed":
        return detail["msg"]
    kind = {
        "int_type": "a whole number",
        "int_from_float": "a whole number",
        "float_type": "a number",
        "finite_number": "a finite number",
        "string_type": "text",
        "bool_type": "true or false",
        "list_type": "a list",
        "dict_type": "a table",
        "model_type": "a table",
    }.get(detail["type"])
    if detail["type"] == "list_type" and detail["loc"] == ("policy",):
        return "must be written [[policy]], with double brackets"
    description = _description(detail["loc"])
    if kind in (None, "true or false", description) or (description or "").startswith(f"{kind} "):
        return f"must be {description or kind or detail['msg']}"
    return f"must be {kind}, {description}" if description else f"must be {kind}"


def _description(location: Location) -> str | None:
    """The description of the field; None for a member of a list or a table of tags, whose validators speak."""
    return _walk(location)[1]


def _walk(location: Location) -> tuple[type[BaseModel], str | None]:
    """The innermost table on the way to the location, and the description of the last field on it."""
    model: type[BaseModel] = ConfigFile
    description: str | None = None
    for part in location:
        field = model.model_fields.get(part) if isinstance(part, str) else None
        description = field.description if field else None
        if field is not None:
            model = next((t for t in (field.annotation, *get_args(field.annotation)) if _is_table(t)), model)
    return model, description


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _known_keys(location: Location) -> str:
    known = list(_walk(location[:-1])[0].model_fields)
    near = get_close_matches(str(location[-1]), known, n=1, cutoff=0.7)
    if near:
        return f"did you mean {near[0]}?"
    if location in (("tags",), ("account", "tags")):
        return "the stack's own tags are given to `cdk deploy --tags`, those that select images to [policy.select]"
    if len(location) == 1 and f"policy.{location[0]}" in _HOMES:
        return f"it belongs to a policy: write [policy.{location[0]}], below the [[policy]]"
    home = next((t for t, keys in _HOMES.items() if location[-1] in keys), None)
    return f"it belongs in [{home}]" if home else f"the keys are {', '.join(known)}"


_HOMES = {"account": set(Account.model_fields)} | {
    f"policy.{table}": set(PolicyTable.model_fields[table].annotation.model_fields)  # type: ignore[union-attr]
    for table in ("select", "schedule", "store", "retire")
}
"""Where a key belongs that stands in the wrong table."""


def _key(location: Location, raw: Mapping[str, Any]) -> str:
    """'policy[1] "weekly": select.min_age_days', or 'account.wait_min_seconds'."""
    if location[:1] == ("policy",) and len(location) > 1 and isinstance(location[1], int):
        name = _value(raw, (*location[:2], "name"))
        head = f"policy[{location[1]}]" + (f' "{name}"' if isinstance(name, str) else "")
        return f"{head}: {_dotted(location[2:])}" if location[2:] else head
    return _dotted(location)


def _dotted(location: Location) -> str:
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = all(c.isalnum() or c in "_-" for c in part)
            text += ("." if text else "") + (part if bare else json.dumps(part, ensure_ascii=False))
    return text


def _value(raw: Any, location: Location) -> Any:
    for part in location:
        try:
            raw = raw[part]
        except (KeyError, IndexError, TypeError):
            return None
    return raw


def _show(value: Any) -> str:
    """A value as TOML would write it, shortened."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except TypeError:
        text = str(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
