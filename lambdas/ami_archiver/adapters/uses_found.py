"""What was found to use images, kept by image until it is told in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

Template = str
"""A launch template's id or, where that is not known, its name."""


@dataclass
class Found:
    """Of these images only: what is added for another one is dropped."""

    image_ids: frozenset[str]
    words: dict[str, set[str]] = field(default_factory=dict)
    versions: dict[tuple[str, str], int] = field(default_factory=dict)
    """The newest version of a launch template that is known to use an image, by (image id, template id)."""
    unnamed: set[tuple[str, str]] = field(default_factory=set)
    """(image id, template id) where some version of the template uses the image, not known which."""
    pinned: dict[Template, dict[int, set[str]]] = field(default_factory=dict)
    """Who launches from that version of a launch template, other than its default and latest one."""

    def add(self, image_id: str, user: str) -> None:
        if image_id in self.image_ids:
            self.words.setdefault(image_id, set()).add(user)

    def add_template(self, image_id: str, template_id: str, version: int | None) -> None:
        if image_id not in self.image_ids:
            return
        key = (image_id, template_id)
        if version is None:
            self.unnamed.add(key)
        else:
            self.versions[key] = max(version, self.versions.get(key, 0))

    def pin(self, template: Template, version: str, user: str) -> None:
        """Somebody launches from a version that has a number; the others are looked at anyway."""
        if version.isdecimal():
            self.pinned.setdefault(template, {}).setdefault(int(version), set()).add(user)

    def references(self) -> dict[str, tuple[str, ...]]:
        told = {image_id: set(words) for image_id, words in self.words.items()}
        for image_id, text in self._templates():
            told.setdefault(image_id, set()).add(text)
        return {image_id: tuple(sorted(words)) for image_id, words in told.items()}

    def _templates(self) -> Iterator[tuple[str, str]]:
        for image_id, template_id in self.unnamed | self.versions.keys():
            version = self.versions.get((image_id, template_id))
            known = f" version {version}" if version is not None else ""
            yield image_id, f"launch template {template_id}{known}"
