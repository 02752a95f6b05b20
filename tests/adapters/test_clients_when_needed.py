"""A function starts with the clients that nearly every call needs; the others are made when they are needed, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ami_archiver import bootstrap
from ami_archiver.adapters import clients
from tests.support.archive import Archive, client

AT_ONCE = {"dynamodb", "ec2", "s3"}
LATE = ("autoscaling", "ebs", "sns", "ssm", "stepfunctions")


@pytest.fixture
def made(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The clients made since, in order; the function's environment is the archive's."""
    made: list[str] = []

    def make(name: str) -> Any:
        made.append(name)
        return client(archive.cloud, name)

    for name in (*AT_ONCE, *LATE):
        monkeypatch.setattr(clients, name, lambda name=name: make(name))
    for name, value in (archive.settings.to_env() | {"AWS_REGION": archive.region}).items():
        monkeypatch.setenv(name, value)
    forget_apps()
    yield made
    forget_apps()


def forget_apps() -> None:
    for app in (bootstrap.app, bootstrap.restore_app, bootstrap.retire_app):
        app.cache_clear()


@pytest.mark.parametrize("app", [bootstrap.app, bootstrap.restore_app, bootstrap.retire_app])
def test_who_tells_nobody_makes_no_client_for_it(made: list[str], app: Callable[[], Any]) -> None:
    notifier = app().notifier
    assert set(made) == AT_ONCE
    for _ in range(2):
        notifier.publish("subject", "text")
    assert [name for name in made if name in LATE] == ["sns"]


def test_who_meets_no_other_run_makes_no_client_to_ask_about_it(made: list[str]) -> None:
    executions = bootstrap.app().executions
    assert set(made) == AT_ONCE
    for _ in range(2):
        assert executions.has_ended("arn:execution:a") is False
    assert [name for name in made if name in LATE] == ["stepfunctions"]


def test_clients_of_other_services_are_made_at_the_first_question_and_once(archive: Archive, made: list[str]) -> None:
    app = bootstrap.retire_app()
    assert set(made) == AT_ONCE
    for _ in range(2):
        assert app.uses.of([archive.image("one")], 3).references == {}
    assert [name for name in made if name in LATE] == ["autoscaling"]
    assert bootstrap.retire_app() is app
