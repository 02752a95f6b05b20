"""Cuts the SDK's models down to what the functions call: a client of EC2 is then made ten times as fast.

EC2's model describes 700 operations, and the functions use some twenty. Which ones is read from the sources: an
operation stays if its name occurs anywhere in them, so nobody keeps a list. What stays is written unpacked, without
blanks and mostly without what it says to people: S3's rules for endpoints are a megabyte otherwise, most of it blanks.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

OF_THE_SDK = {"headbucket", "createsession", "assumerole", "assumerolewithwebidentity"}
"""What the SDK itself calls: to find a bucket's Region, to sign for directory buckets, to get credentials."""


def names_in(text: str) -> set[str]:
    """Every word of a source, as `prune_operations` compares names: DescribeImages and describe_images are the same."""
    return {word.replace("_", "").lower() for word in re.findall(r"\w+", text)}


def prune_models(service: Path, names: Collection[str]) -> None:
    """Keep of a service's models (botocore/data/ec2) the operations with these names, and the shapes that they use."""
    (version,) = (path for path in service.iterdir() if path.is_dir())
    for packed in version.glob("*.json.gz"):
        model = json.loads(gzip.decompress(packed.read_bytes()))
        if packed.name == "service-2.json.gz":
            _prune_operations(model, OF_THE_SDK.union(names))
        packed.with_suffix("").write_text(json.dumps(model, separators=(",", ":")))
        packed.unlink()
    (version / "examples-1.json").unlink(missing_ok=True)


def prune_endpoints(file: Path, services: Collection[str]) -> None:
    """Keep of botocore/data/endpoints.json, which every session reads, what is said of these services."""
    endpoints = json.loads(file.read_text())
    for partition in endpoints["partitions"]:
        partition["services"] = {name: one for name, one in partition["services"].items() if name in services}
    file.write_text(json.dumps(endpoints, separators=(",", ":")))


def _prune_operations(model: dict[str, Any], kept: Collection[str]) -> None:
    model["operations"] = {name: one for name, one in model["operations"].items() if name.lower() in kept}
    used: set[str] = set()
    _collect(model["operations"], model["shapes"], used)
    model["shapes"] = {name: shape for name, shape in model["shapes"].items() if name in used}
    for part in ("operations", "shapes"):  # the SDK insists on that of other parts
        model[part] = _without_documentation(model[part])


def _without_documentation(part: Any) -> Any:
    """Without the texts for people; a member that is called documentation is an object, and stays."""
    if isinstance(part, list):
        return [_without_documentation(inner) for inner in part]
    if isinstance(part, dict):
        return {
            name: _without_documentation(inner)
            for name, inner in part.items()
            if not (name == "documentation" and isinstance(inner, str))
        }
    return part


def _collect(part: Any, shapes: dict[str, Any], used: set[str]) -> None:
    """Every shape that a part of the model names, and what those name."""
    if isinstance(part, list):
        for inner in part:
            _collect(inner, shapes, used)
    elif isinstance(part, dict):
        name = part.get("shape")
        if isinstance(name, str) and name not in used and name in shapes:
            used.add(name)
            _collect(shapes[name], shapes, used)
        for inner in part.values():
            _collect(inner, shapes, used)
