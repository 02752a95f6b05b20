"""A real account's export as the demonstration's fleet. Nothing in the account is touched: this is a copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from demo.scene import ACCOUNT_ID, Scene, sizes_gib
from local_cloud.fleet.export import load_fleet
from local_cloud.fleet.fleet import FleetError


def from_export(paths: Sequence[Path], tag: tuple[str, str] | None, selecting: tuple[str, str]) -> Scene:
    """The scene of a fleet that somebody exported. `selecting` is the tag that the demo's policy goes by.

    With `tag`, the images that carry it get `selecting`. Without, those that carry `selecting` already are taken or,
    where none does, all of the account's own images get it. Raises FleetError.
    """
    fleet = load_fleet(*paths, owner_id=ACCOUNT_ID)
    key, value = selecting
    own = [image for image in fleet.images if image.owner_id == ACCOUNT_ID]
    if not own:
        raise FleetError(
            f"{' and '.join(map(str, paths))}: there is no image of the account's own to archive. Is the Region right? "
            "An export is of one Region: aws ec2 describe-images --owners self --region REGION > images.json"
        )
    carrying = [image for image in own if image.tags.get(key) == value]
    if tag is not None:
        chosen = [image for image in own if image.tags.get(tag[0]) == tag[1]]
        if not chosen:
            raise FleetError(f"none of the {len(own)} images has the tag {tag[0]}={tag[1]}")
        why = f"TAG={tag[0]}={tag[1]} takes {len(chosen)} of {len(own)}: in this copy they get {key}={value}"
    elif carrying:
        chosen = carrying
        why = (
            f"{len(chosen)} of {len(own)} have the tag {key}={value}, which the policy selects (or use: TAG=Key=Value)"
        )
    else:
        chosen = own
        why = (
            f"none has the tag {key}={value}, which the policy selects: in this copy all {len(own)} get it "
            "(TAG=Key=Value takes only those with this tag)"
        )
    for image in own:
        image.tags.pop(key, None)
    for image in chosen:
        image.tags[key] = value
    sizes = sizes_gib(fleet)
    return Scene(fleet=fleet, notes=(why,), store_gib=sum(sizes[image.image_id] for image in chosen))


def parse_tag(text: str) -> tuple[str, str]:
    """'Key=Value' as a pair. Raises FleetError."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise FleetError(f"TAG is {text!r}; expected Key=Value")
    return key, value


def selecting_tag(config: Mapping[str, Any]) -> tuple[str, str]:
    """The first tag that the first policy of archiver.toml's content asks for."""
    key, value = next(iter(config["policy"][0]["select"]["tags"].items()))
    return key, value if isinstance(value, str) else value[0]
