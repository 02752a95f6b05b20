"""Every error that ends a step, by name; docs/errors.md says of each what to do.

The state machine's definition uses the names of these classes.

An expected outcome (the budget is full, an image cannot be stored) is returned, never raised: what is raised here
means 'try this step again' or 'tell a person'.
"""

from __future__ import annotations


class ArchiverError(Exception):
    """The base of the closed list: `str(error)` says what, which value, what is allowed or what to do next."""


class BadInput(ArchiverError):
    """The execution's input is not what a run takes; nothing was changed."""


class BadSettings(ArchiverError):
    """The function's environment is incomplete or contradicts itself: deploy the stack again."""


class BadRecord(ArchiverError):
    """An item in the archive table cannot be read as what its key says it is; it was left as it is."""


class LeaseLost(ArchiverError):
    """Another run holds the lease: this run stops at once, the other one goes on with the queue."""


class AccessDenied(ArchiverError):
    """AWS refused a call for want of a permission: the role, a key policy or an organization's policy.

    A step catches it where the call concerns one image or object: then it is that one's fault, and the others go on.
    """

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}. Grant the action to the function's role, or see who denies it.")
        self.what = what
        """The call, what it was about, and AWS's words."""


class AwsRefused(ArchiverError):
    """AWS refused a call for a reason that no step expects: a table, bucket, topic or key is gone or disabled."""


class TemporarilyUnavailable(ArchiverError):
    """AWS throttled, timed out or failed inside: the same step will work later. Retried by the state machine."""


RETRYABLE = (TemporarilyUnavailable,)
"""What the state machine tries again, with back-off."""
