"""With whom an image is shared again: with those that the record names and the caller confirms.

Neither is enough by itself. Whoever can write the table must not be able to give an image away, and whoever asks for a
restore must not have to know with whom the original was shared.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ami_archiver.errors import BadInput

PUBLIC = "group:all"
"""The launch permission by which everybody may launch an image."""
MAX_CONFIRMED = 100
"""They travel in the state of a run, which may have 256 KiB."""
_KINDS = {
    "user": re.compile(r"\d{12}"),
    "organization": re.compile(r"arn:aws[a-z-]*:organizations::\d{12}:organization/o-[a-z0-9]{10,32}"),
    "unit": re.compile(r"arn:aws[a-z-]*:organizations::\d{12}:ou/o-[a-z0-9]{10,32}/ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}"),
}
"""https://docs.aws.amazon.com/organizations/latest/APIReference/API_Organization.html, API_OrganizationalUnit.html"""


def share_with(name: str, value: object) -> tuple[str, ...]:
    """What an input gives as 'share_with'. Raises BadInput."""
    if not isinstance(value, list | tuple) or len(value) > MAX_CONFIRMED:
        raise BadInput(f"{name!r} is {value!r}, must be a list of at most {MAX_CONFIRMED} accounts and organizations")
    for one in value:
        if not isinstance(one, str) or not any(form.fullmatch(one) for form in _KINDS.values()):
            raise BadInput(
                f"{name!r} has {one!r}, must be account ids of 12 digits, or ARNs of organizations or their units; "
                "to share with everybody, set 'share_publicly' to true"
            )
    return tuple(dict.fromkeys(value))


def share_publicly(name: str, value: object) -> bool:
    """What an input gives as 'share_publicly'. Raises BadInput."""
    if not isinstance(value, bool):
        raise BadInput(f"{name!r} is {value!r}, must be true or false")
    return value


def permissions(share_with: Iterable[str], share_publicly: bool) -> tuple[str, ...]:
    """What was confirmed, as RestoreFacts writes launch permissions."""
    confirmed = [f"{kind}:{one}" for one in share_with for kind, form in _KINDS.items() if form.fullmatch(one)]
    return (*confirmed, PUBLIC) if share_publicly else tuple(confirmed)


def to_confirm(recorded: Iterable[str]) -> tuple[list[str], bool]:
    """('share_with', 'share_publicly') by which launch permissions are confirmed."""
    values = [one.partition(":")[2] for one in recorded if one != PUBLIC]
    return [one for one in values if any(form.fullmatch(one) for form in _KINDS.values())], PUBLIC in recorded


@dataclass(frozen=True, slots=True)
class Sharing:
    """What becomes of each launch permission that is recorded or confirmed."""

    again: tuple[str, ...]
    unconfirmed: tuple[str, ...]
    unrecorded: tuple[str, ...]

    def left_out(self) -> list[str]:
        """With whom the image is not shared, and why, in sentences without a subject."""
        left = []
        if self.unconfirmed:
            names = ", ".join(self.unconfirmed)
            left.append(f"not shared with {names}: recorded, but not confirmed by 'share_with' or 'share_publicly'")
        if self.unrecorded:
            left.append(f"not shared with {', '.join(self.unrecorded)}: confirmed, but not recorded of the original")
        return left


def sharing(recorded: Collection[str], confirmed: Collection[str]) -> Sharing:
    return Sharing(
        tuple(one for one in recorded if one in confirmed),
        tuple(one for one in recorded if one not in confirmed),
        tuple(one for one in confirmed if one not in recorded),
    )
