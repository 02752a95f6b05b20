"""The closed list of errors that end a step: the state machine's definition names them."""

from __future__ import annotations

from ami_archiver import errors


def test_every_error_is_one_of_ours_and_says_what_it_means() -> None:
    named = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert {error.__name__ for error in named} == {
        "ArchiverError",
        "BadInput",
        "BadSettings",
        "BadRecord",
        "LeaseLost",
        "AccessDenied",
        "AwsRefused",
        "TemporarilyUnavailable",
    }
    assert all(issubclass(error, errors.ArchiverError) and error.__doc__ for error in named)


def test_only_what_works_later_is_tried_again() -> None:
    assert (errors.TemporarilyUnavailable,) == errors.RETRYABLE
