"""Faults of single calls, for tests and the demo: what is refused, and what EC2 then fails to do."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Literal, get_args

SnapshotFailure = Literal["internal-error", "missing-permissions", "client-error"]
"""What DeregisterImage says of a snapshot that it could not delete (EC2 API, DeleteSnapshotReturnCode)."""

_OPERATION = re.compile(r"(?:[a-z][a-z0-9-]*:)?[A-Z][A-Za-z0-9]*")
_REPORT_FAILURE = "The report could not be created because of an internal error"


@dataclass(slots=True)
class _Planned:
    code: str
    times: int | None


class CallFaults:
    """What shall go wrong with calls, until `clear`. Thread-safe."""

    def __init__(self) -> None:
        self._calls_lock = threading.Lock()
        self._denied: dict[str, _Planned] = {}
        self._undeletable: dict[str, _Planned] = {}
        self._reports_hang = False
        self._report_failure = ""

    def deny(self, operation: str, code: str = "", times: int | None = None) -> None:
        """Refuse the next `times` calls (None: all) of an operation, as if the caller's policies did not allow it.

        The operation is named as in a policy (`ssm:DescribeParameters`), or alone, then of whatever service. Another
        `code` than the service's own for this makes it another refusal: `UnsupportedOperation`, say, for an account
        that does not have the call. What EC2 itself asks of other services is not refused.
        """
        if not _OPERATION.fullmatch(operation):
            raise ValueError(f"an operation is named like ec2:DescribeImages or DescribeImages, not {operation!r}")
        _check_times(times)
        with self._calls_lock:
            self._denied[operation] = _Planned(code, times)

    def fail_snapshot_deletion(
        self, snapshot_id: str, code: SnapshotFailure = "internal-error", times: int | None = 1
    ) -> None:
        """Let DeregisterImage keep this snapshot and answer `code` for it, the next `times` times (None: always).

        DeleteSnapshot deletes it all the same.
        """
        if code not in get_args(SnapshotFailure):
            raise ValueError(f"the code is one of {', '.join(get_args(SnapshotFailure))}, not {code!r}")
        _check_times(times)
        with self._calls_lock:
            self._undeletable[snapshot_id] = _Planned(code, times)

    def hold_usage_reports(self) -> None:
        """Let image usage reports, those there are too, be pending and stay so."""
        self._reports_hang = True

    def fail_usage_reports(self, reason: str = _REPORT_FAILURE) -> None:
        """Let image usage reports that are asked for from now on end in an error."""
        self._report_failure = reason

    @property
    def denies(self) -> bool:
        """Whether any operation is denied."""
        return bool(self._denied)

    def take_denial(self, service: str, operation: str) -> str | None:
        """The code to refuse this call with ('': the service's own), which counts as one time; None: let it pass."""
        with self._calls_lock:
            name = f"{service}:{operation}" if f"{service}:{operation}" in self._denied else operation
            return _take(self._denied, name)

    def take_snapshot_failure(self, snapshot_id: str) -> str | None:
        """What DeregisterImage shall answer for this snapshot, which counts as one time; None: delete it."""
        with self._calls_lock:
            return _take(self._undeletable, snapshot_id)

    @property
    def usage_reports_hang(self) -> bool:
        return self._reports_hang

    @property
    def usage_report_failure(self) -> str:
        """Why a report ends in an error; '' if it does not."""
        return self._report_failure

    def clear_calls(self) -> None:
        with self._calls_lock:
            self._denied.clear()
            self._undeletable.clear()
            self._reports_hang, self._report_failure = False, ""


def _check_times(times: int | None) -> None:
    if times is not None and times < 1:
        raise ValueError(f"a fault happens at least once, not {times} times")


def _take(planned: dict[str, _Planned], name: str) -> str | None:
    found = planned.get(name)
    if found is None:
        return None
    if found.times is not None:
        found.times -= 1
        if not found.times:
            del planned[name]
    return found.code
