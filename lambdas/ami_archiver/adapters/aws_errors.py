"""AWS's errors, translated once: by code and HTTP status, never by the wording of a message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from ami_archiver.errors import AccessDenied, TemporarilyUnavailable

ACCESS_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "AuthorizationError",
        "KMS.AccessDeniedException",
        "KMSAccessDenied",
    }
)
THROTTLED = frozenset(
    {
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "TransactionInProgressException",
        "TransactionConflictException",
        "RequestTimeout",
        "RequestTimeoutException",
        "SlowDown",
        "BandwidthLimitExceeded",
        "RequestThrottled",
        "EC2ThrottledException",
    }
)


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def message_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", ""))


def status_of(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


@contextmanager
def translated(about: str = "", *, throttling: bool = True) -> Iterator[None]:
    """Raise AccessDenied and TemporarilyUnavailable for what they name; other errors pass as they are.

    `about` is the image, key or item that the call concerns; it goes into the message. Without `throttling`, errors
    that say to call less often pass too.
    """
    suffix = f" ({about})" if about else ""
    try:
        yield
    except ClientError as error:
        code, status = code_of(error), status_of(error)
        text = f"{error.operation_name}{suffix}: {code}: {message_of(error)}"
        if code in ACCESS_DENIED or (status == 403 and code == "403"):
            raise AccessDenied(f"{text}. Grant the action to the function's role, or see who denies it.") from error
        if code in THROTTLED and not throttling:
            raise
        if code in THROTTLED or status >= 500 or status == 429:
            raise TemporarilyUnavailable(text) from error
        raise
    except (ConnectionError, HTTPClientError) as error:
        raise TemporarilyUnavailable(f"no answer from AWS{suffix}: {error}") from error
