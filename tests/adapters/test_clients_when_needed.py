"""A function that retires starts without the clients that only an original which is due needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ami_archiver import bootstrap
from ami_archiver.adapters import clients
from tests.support.archive import Archive, client

LATE = ("autoscaling", "ebs", "ssm")


@pytest.fixture
def made(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The clients made since, in order; the function's environment is the archive's."""
    made: list[str] = []

    def make(name: str) -> Any:
        made.append(name)
        return client(archive.cloud, name)

    for name in ("dynamodb", "ec2", "s3", "sns", *LATE):
        monkeypatch.setattr(clients, name, lambda name=name: make(name))
    for name, value in (archive.settings.to_env() | {"AWS_REGION": archive.region}).items():
        monkeypatch.setenv(name, value)
    bootstrap.retire_app.cache_clear()
    yield made
    bootstrap.retire_app.cache_clear()


def test_clients_of_other_services_are_made_at_the_first_question_and_once(archive: Archive, made: list[str]) -> None:
    app = bootstrap.retire_app()
    assert set(made) == {"dynamodb", "ec2", "s3", "sns"}
    for _ in range(2):
        assert app.uses.of([archive.image("one")], 3) == {}
    assert [name for name in made if name in LATE] == ["autoscaling"]
    assert bootstrap.retire_app() is app
