"""`[policy.retire]`: when an original goes, and what else keeps it. The defaults are those of `RetireRules`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from ami_archiver.policy import Original, RetireRules, UseKind
from infra.config_table import Table

_DEFAULT = RetireRules()
MAX_DAYS = 36_500
MAX_TEMPLATE_VERSIONS = 10_000
"""EC2's quota of versions of one launch template."""
MAX_IMAGES_PER_RUN = 1_000
"""A mail that asks for approval names them all; SNS takes 256 KB."""
MAX_RECYCLE_BIN_DAYS = 365
"""EC2's limit on a retention rule. https://docs.aws.amazon.com/ebs/latest/userguide/recycle-bin-create-rule.html"""
MAX_APPROVAL_HOURS = 720
"""Thirty days: an execution may last a year, but what was true of an original a month ago is no basis to decide on."""


def _use_kind(name: str) -> str:
    if name not in list(UseKind):
        raise PydanticCustomError("not_allowed", "must be {allowed}", {"allowed": f"one of {', '.join(UseKind)}"})
    return name


class Retire(Table):
    """`[policy.retire]`: `original` says what happens, this says when, and who may object."""

    after_verified_days: float = Field(
        default=_DEFAULT.after_verified_days, ge=0, le=MAX_DAYS, description=f"0 to {MAX_DAYS}"
    )
    after_disabled_days: float = Field(
        default=_DEFAULT.after_disabled_days, ge=0, le=MAX_DAYS, description=f"0 to {MAX_DAYS}"
    )
    keep_newest: int = Field(default=_DEFAULT.keep_newest, ge=0, description="0 or more")
    not_launched_days: float = Field(
        default=_DEFAULT.not_launched_days, ge=0, le=MAX_DAYS, description=f"0 to {MAX_DAYS}"
    )
    template_versions: int = Field(
        default=_DEFAULT.template_versions,
        ge=1,
        le=MAX_TEMPLATE_VERSIONS,
        description=f"1 to {MAX_TEMPLATE_VERSIONS}",
    )
    ignore_unknown_uses: list[Annotated[str, AfterValidator(_use_kind)]] = Field(
        default_factory=list, description=f"a list of {', '.join(UseKind)}"
    )
    allow_shared: bool = Field(default=_DEFAULT.allow_shared, description="true or false")
    approval: Literal["none", "notify", "explicit"] = Field(
        default=_DEFAULT.approval, description="one of none, notify, explicit"
    )
    notify_days: float = Field(
        default=_DEFAULT.notify_days, gt=0, le=365, description="above 0, at most 365: people need time to object"
    )
    approval_hours: int = Field(
        default=_DEFAULT.approval_hours, ge=1, le=MAX_APPROVAL_HOURS, description=f"1 to {MAX_APPROVAL_HOURS}"
    )
    max_images_per_run: int = Field(
        default=_DEFAULT.max_images_per_run, ge=1, le=MAX_IMAGES_PER_RUN, description=f"1 to {MAX_IMAGES_PER_RUN}"
    )
    max_gib_per_run: float | None = Field(default=_DEFAULT.max_gib_per_run, gt=0, description="above 0")
    recycle_bin_days: int | None = Field(
        default=_DEFAULT.recycle_bin_days, ge=1, le=MAX_RECYCLE_BIN_DAYS, description=f"1 to {MAX_RECYCLE_BIN_DAYS}"
    )

    def contradictions(self) -> list[tuple[str, str]]:
        needed = {"notify_days": "notify", "approval_hours": "explicit"}
        return [
            (key, f'does nothing without approval = "{approval}"')
            for key, approval in needed.items()
            if self.gives(key) and self.approval != approval
        ]

    def rules(self) -> RetireRules:
        ignored = tuple(map(UseKind, self.ignore_unknown_uses))
        return RetireRules(**{**self.model_dump(), "ignore_unknown_uses": ignored})

    def useless_with(self, original: Original) -> list[tuple[str, str]]:
        """(key, what is wrong with it), of what the file says in vain about originals that do not go so far."""
        if original != "disable":
            return []
        keys = ("after_disabled_days", "recycle_bin_days")
        return [(key, 'does nothing without original = "retire"') for key in keys if self.gives(key)]
