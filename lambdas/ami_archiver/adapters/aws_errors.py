"""AWS's errors, translated once: by code and HTTP status, never by the wording of a message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from ami_archiver import errors
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

ENCODED = " Encoded authorization failure message"
"""From here on, what EC2 says of a denied call is some thousand characters for DecodeAuthorizationMessage."""
LATER = "The step is tried again; if that does not help, the next run goes on."


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def message_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", ""))


def status_of(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


class AwsRefused(errors.AwsRefused, ClientError):
    """Still a ClientError: an adapter that expects some code of its call looks at it as at any other."""

    def __init__(self, error: ClientError, text: str) -> None:
        super().__init__(error.response, error.operation_name)
        self.args = (f"{text}. See whether what the stack made is still there and enabled, or deploy the stack again.",)


@contextmanager
def translated(about: str = "", *, throttling: bool = True) -> Iterator[None]:
    """Raise AccessDenied and TemporarilyUnavailable for what they name, and AwsRefused for all else.

    `about` is the image, key or item that the call concerns; it goes into the message. Without `throttling`, errors
    that say to call less often are AwsRefused too.
    """
    suffix = f" ({about})" if about else ""
    try:
        yield
    except ClientError as error:
        code, status = code_of(error), status_of(error)
        text = f"{error.operation_name}{suffix}: {code}: {message_of(error)}"
        if code in ACCESS_DENIED or (status == 403 and code == "403"):
            raise AccessDenied(text.partition(ENCODED)[0]) from error
        if code in THROTTLED and not throttling:
            raise AwsRefused(error, text) from error
        if code in THROTTLED or status >= 500 or status == 429:
            raise TemporarilyUnavailable(f"{text}. {LATER}") from error
        raise AwsRefused(error, text) from error
    except (ConnectionError, HTTPClientError) as error:
        raise TemporarilyUnavailable(f"no answer from AWS{suffix}: {error}. {LATER}") from error
