"""What every table of archiver.toml has in common: strict types, no unknown keys, contradictions between keys."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError


class Table(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    def contradictions(self) -> list[tuple[str, str]]:
        """(key, what is wrong with it), of keys that are right one by one."""
        return []

    def gives(self, key: str) -> bool:
        """Whether the file has the key, be it with the default's value."""
        return key in self.model_fields_set

    @model_validator(mode="after")
    def _has_no_contradictions(self) -> Self:
        found = self.contradictions()
        if found:
            raise PydanticCustomError("contradictions", "contradictions", {"found": found})
        return self
