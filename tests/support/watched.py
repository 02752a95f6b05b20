"""Handlers under the real workflow, every call of theirs seen, to be held against the roles of the template."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from ami_archiver import bootstrap
from tests.chaos.world import Context
from tests.support.archive import Archive, client
from tests.support.assembly import STACK, CloudAssembly
from tests.support.state_machine import StateMachine, definition_of, handler_of, handlers_in

FUNCTIONS = {
    "handlers.archive.select": "SelectImages",
    "handlers.archive.store": "StoreImages",
    "handlers.archive.report": "ReportRun",
    "handlers.retire.plan": "PlanRetirement",
    "handlers.retire.retire": "RetireImages",
    "handlers.retire.ask": "AskForApproval",
    "handlers.retire.undo": "UndoRetirement",
    "handlers.archive.watch": "WatchArchive",
}
SERVICES = ("autoscaling", "dynamodb", "ebs", "ec2", "s3", "sns", "ssm", "stepfunctions")
ACTIONS = {
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "stepfunctions:DescribeExecution": "states:DescribeExecution",
}
"""Where IAM's action is not named like the call."""
IN_TRANSACTIONS = {
    "Update": "UpdateItem",
    "Put": "PutItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}


@dataclass
class Watched:
    """What each function called: IAM's actions, and the buckets, tables and topics that it named."""

    actions: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    targets: set[tuple[str, str]] = field(default_factory=set)
    deleted: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Partition keys of deleted items, by function."""
    tags: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Keys of the tags that each function set or took off."""


class Stage:
    """Functions that are cold each time, under a workflow of the template."""

    def __init__(
        self,
        archive: Archive,
        assembly: CloudAssembly,
        seen: Watched,
        before: Callable[[str], None] = lambda _: None,
        workflow: str = "ArchiveWorkflow",
    ) -> None:
        self._archive = archive
        self._seen = seen
        self._before = before
        self._function = ""
        definition = definition_of(assembly.directory / f"{STACK}.template.json", workflow)
        functions = {name: lambda event, name=name: self.invoke(name, event) for name in handlers_in(definition)}
        self.machine = StateMachine(definition, functions, archive.cloud.advance, archive.cloud.clock.now)

    def night(self, answer: dict[str, Any] | None = None, *, hours: float = 0, **given: Any) -> None:
        """A whole execution; `answer` is what a person says if the run asks, so many hours later."""
        with self.watching():
            running = self.machine.begin(
                {"policy": "nightly"} | given, f"night-{self._archive.cloud.clock.seconds()}-{given}"
            )
            while running.execution.status == "RUNNING":
                self.machine.step(running)
                if running.waiting and answer is not None:
                    self._archive.cloud.advance(hours * 3600)
                    self.machine.answer(running.waiting.token, answer)
        assert running.execution.status == "SUCCEEDED", running.execution

    def invoke(self, name: str, event: Any) -> Any:
        """Run a function, by its handler's name."""
        handler = handler_of(name)
        self._before(FUNCTIONS[name])
        self._function = FUNCTIONS[name]
        try:
            with (
                patch.object(bootstrap, "app", self._archive.worker),
                patch.object(bootstrap, "retire_app", self._archive.retirer),
            ):
                return handler(event, Context())
        finally:
            self._function = ""

    @contextmanager
    def watching(self) -> Iterator[None]:
        """See the calls of whatever function runs."""
        clients = [client(self._archive.cloud, name) for name in SERVICES]
        for each in clients:
            each.meta.events.register("provide-client-params.*.*", self._see)
        try:
            yield
        finally:
            for each in clients:
                each.meta.events.unregister("provide-client-params.*.*", self._see)

    def _see(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        if self._function:
            note(self._seen, self._function, model.service_model.service_name, model.name, params)


def note(seen: Watched, function: str, service: str, operation: str, params: dict[str, Any]) -> None:
    for target in ("Bucket", "TableName", "TopicArn"):
        if target in params:
            seen.targets.add((target, params[target].partition("/")[0]))  # EC2 takes a path behind the bucket
    if operation in ("CreateTags", "DeleteTags"):
        seen.tags[function] |= {tag["Key"] for tag in params["Tags"]}
    if operation == "DeleteItem":
        seen.deleted[function].add(params["Key"]["pk"]["S"])
    if operation != "TransactWriteItems":
        seen.actions[function] |= actions_of(service, operation, params)
        return
    for part in params["TransactItems"]:
        ((kind, request),) = part.items()
        seen.actions[function].add(f"dynamodb:{IN_TRANSACTIONS[kind]}")
        seen.targets.add(("TableName", request["TableName"]))
        if kind == "Delete":
            seen.deleted[function].add(request["Key"]["pk"]["S"])


def actions_of(service: str, operation: str, params: dict[str, Any]) -> set[str]:
    """What IAM asks of the caller for a call."""
    if (service, operation) == ("s3", "GetObject") and "VersionId" in params:
        return {"s3:GetObjectVersion"}
    if operation == "DeregisterImage" and params.get("DeleteAssociatedSnapshots"):
        return {"ec2:DeregisterImage", "ec2:DeleteSnapshot"}
    return {ACTIONS.get(f"{service}:{operation}", f"{service}:{operation}")}


def allowed(assembly: CloudAssembly, function: str) -> set[str]:
    """The actions of a function's role, and of the policies that are attached to it."""
    resources = assembly.template["Resources"]
    found = [
        (logical_id, resource["Properties"]["Policies"])
        for logical_id, resource in resources.items()
        if resource["Type"] == "AWS::IAM::Role" and f"Functions{function}Role" in logical_id
    ]
    assert len(found) == 1, f"{len(found)} roles of {function}"
    ((role, policies),) = found
    attached = [
        resource["Properties"]
        for resource in resources.values()
        if resource["Type"] == "AWS::IAM::Policy" and {"Ref": role} in resource["Properties"]["Roles"]
    ]
    statements = [one for policy in [*policies, *attached] for one in policy["PolicyDocument"]["Statement"]]
    actions = [statement["Action"] for statement in statements]
    return {action for each in actions for action in ([each] if isinstance(each, str) else each)}
