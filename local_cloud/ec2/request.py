"""One EC2 request: who calls, where, what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud.errors import AwsError
from local_cloud.settings import CloudSettings

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/,\s]+)/")
_ACCOUNT_ID = re.compile(r"[0-9]{12}")


@dataclass(frozen=True, slots=True)
class Caller:
    """An account in a Region."""

    account_id: str
    region: str


@dataclass(frozen=True, slots=True)
class Request:
    """An operation with its parameters under the SDK's names."""

    operation: str
    params: dict[str, Any]
    caller: Caller

    @property
    def account_id(self) -> str:
        return self.caller.account_id

    @property
    def region(self) -> str:
        return self.caller.region

    def stop_if_dry_run(self) -> None:
        """Called by an operation once everything is checked and before anything is changed."""
        if self.params.get("DryRun"):
            raise dry_run_succeeded()


def dry_run_succeeded() -> AwsError:
    return AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")


def identify(headers: Mapping[str, str], query: Mapping[str, str], settings: CloudSettings) -> Caller:
    """The account and Region of a request, from its signature's scope.

    An access key of exactly twelve digits is an account id; any other belongs to the default account.
    """
    scope = headers.get("authorization", "")
    if "X-Amz-Credential" in query:
        scope = f"Credential={query['X-Amz-Credential']}"
    match = _CREDENTIAL.search(scope)
    access_key, region = match.groups() if match else ("", settings.region)
    return Caller(access_key if is_account_id(access_key) else settings.account_id, region)


def is_account_id(text: str) -> bool:
    return _ACCOUNT_ID.fullmatch(text) is not None
