"""With whom an image is shared again: whom the caller names or, on a terminal, confirms; by itself with nobody."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from ami_archiver import sharing
from operate.stack import DEFAULT_STACK

_CLI = {"user": "UserId", "group": "Group", "organization": "OrganizationArn", "unit": "OrganizationalUnitArn"}


class Confirmed(NamedTuple):
    wishes: dict[str, Any]
    """'share_with' and 'share_publicly', as an undo or a restore takes them."""
    was_asked: bool
    """A person has seen what is recorded and decided."""


def confirmed(
    given: str | None, publicly: bool, recorded: Mapping[str, Collection[str]], say: Callable[[str], None]
) -> Confirmed:
    """By the caller's words or, without any, by the answers on a terminal; without one, nothing. Raises BadInput.

    `recorded` are the launch permissions of each original.
    """
    if given is not None or publicly:
        share_with = sharing.share_with("SHARE", (given or "").replace(",", " ").split())
        return Confirmed(_wishes(share_with, publicly), was_asked=False)
    shared = {image_id: permissions for image_id, permissions in recorded.items() if permissions}
    if not shared or not is_terminal():
        return Confirmed({}, was_asked=False)
    for image_id, permissions in shared.items():
        say(f"{image_id} was shared with {in_words(permissions)}.")
    named, was_public = sharing.to_confirm({one for permissions in shared.values() for one in permissions})
    accounts = bool(named) and _yes("Share again with these accounts and organizations?")
    everybody = was_public and _yes("Share again with everybody? Anybody who has an AWS account could launch it.")
    return Confirmed(_wishes(sorted(named) if accounts else [], everybody), was_asked=True)


def is_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _wishes(share_with: Collection[str], publicly: bool) -> dict[str, Any]:
    wishes: dict[str, Any] = {"share_with": list(share_with)} if share_with else {}
    return wishes | ({"share_publicly": True} if publicly else {})


def _yes(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def in_words(permissions: Collection[str]) -> str:
    words = {one: one.partition(":")[2] for one in permissions}
    return ", ".join(
        "everybody" if one == sharing.PUBLIC else f"account {value}" if one.startswith("user:") else value
        for one, value in sorted(words.items())
    )


def make_undo(image_id: str, not_shared: Collection[str], stack: str) -> str:
    """What shares an original that is enabled again."""
    share_with, publicly = sharing.to_confirm(not_shared)
    words = [
        f"make undo IMAGE={image_id}",
        f"SHARE='{' '.join(share_with)}'" if share_with else "",
        "SHARE_PUBLICLY=1" if publicly else "",
        f"STACK={stack}" if stack != DEFAULT_STACK else "",
    ]
    return " ".join(filter(None, words))


def modify_image(image_id: str, not_shared: Collection[str]) -> str:
    """What shares a restored image: the same restore would make another one."""
    pairs = (one.partition(":")[::2] for one in sorted(not_shared))
    added = ",".join(f"{{{_CLI[kind]}={value}}}" for kind, value in pairs if kind in _CLI)
    return f"aws ec2 modify-image-attribute --image-id {image_id} --launch-permission 'Add=[{added}]'"
