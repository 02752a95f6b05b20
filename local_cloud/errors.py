"""The one exception of the image service: an AWS error code with its message."""

from __future__ import annotations


class AwsError(Exception):
    """A refusal that reaches the caller as AWS's error `code` with HTTP status 400."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
