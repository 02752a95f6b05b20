"""What the settings in force at the moment of a call say of it: a plan, an approval or a queue entry that was made
under older ones is only a wish. Read from the cloud's own books and the table, not by the archiver's code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ami_archiver.policy import Policy
from tests.support.archive import TABLE, client

if TYPE_CHECKING:
    from tests.chaos.world import World

ALLOWED_BY = {"disable": ("disable", "retire"), "deregister": ("retire",)}
"""By action, what a policy's `original` must say."""
Record = dict[str, Any]


class PoliciesInForce:
    """Judges a call, and counts what each run has let go."""

    def __init__(self, world: World, record: Callable[[str], Record]) -> None:
        self._world = world
        self._record = record
        self._gone: dict[tuple[str, str], list[float]] = {}
        """By run id and policy: the GiB of the originals that it has let go."""

    def against(self, record: Record, action: str) -> Iterator[str]:
        """Why an original must not be disabled or deregistered now."""
        policy = self._policy(record)
        yield from self._forbidden(record, action)
        if policy is None:
            return
        run_id = record["history"][-1]["run_id"]
        rules, gone = policy.retire, self._gone.get((run_id, policy.name), [])
        gib = float(record["snapshot_gib"])
        if len(gone) >= rules.max_images_per_run:
            yield f"run {run_id} has let {len(gone)} go, at most {rules.max_images_per_run} may"
        if rules.max_gib_per_run is not None and gone and sum(gone) + gib > rules.max_gib_per_run:
            yield f"run {run_id} has let {sum(gone):g} GiB go, at most {rules.max_gib_per_run:g} may"
        first = self._item("POLICIES", policy.name)
        noted = first.get("original", {}).get("S"), first.get("run_id", {}).get("S")
        if noted[0] != policy.original or noted[1] == run_id:
            yield f"no run has said before what original = {policy.original!r} would do; noted is {noted}"

    def against_snapshot(self, record: Record) -> Iterator[str]:
        """Why a snapshot of a deregistered original must not be deleted now."""
        if record:
            yield from self._forbidden(record, "deregister")

    def against_store(self, image_id: str) -> Iterator[str]:
        """Why a store must not be started now."""
        archive, service, record = self._world.archive, self._world.cloud.service, self._record(image_id)
        if not record:
            yield f"{image_id} has no record"
            return
        policy, now = self._policy(record), self._world.cloud.clock.now()
        service.settle()
        in_flight = service.in_flight_gib(archive.account_id, archive.region)
        if in_flight >= archive.settings.in_flight_budget_gib:
            yield f"{in_flight:g} of {archive.settings.in_flight_budget_gib:g} GiB are in flight"
        runs = self._item("LEASE", "LEASE").get("runs", {}).get("M", {}).values()
        begun = [run["M"]["started_at"]["S"] for run in runs if run["M"]["policy"]["S"] == record["policy"]]
        if policy is not None and policy.paused and not begun:
            yield f"policy {policy.name} is paused, and nobody has started a run of it"
        if policy is not None and policy.window_hours is not None and begun:
            closes = max(map(datetime.fromisoformat, begun)) + timedelta(hours=policy.window_hours)
            if now >= closes:
                yield f"the window of policy {policy.name} has closed at {closes}"

    def let_go(self, record: Record) -> None:
        """EC2 has disabled or deregistered it."""
        run_id = record["history"][-1]["run_id"]
        self._gone.setdefault((run_id, record["policy"]), []).append(float(record["snapshot_gib"]))

    def _forbidden(self, record: Record, action: str) -> Iterator[str]:
        policy = self._policy(record)
        if policy is None:
            yield f"there is no policy {record['policy']}"
            return
        if policy.paused:
            yield f"policy {policy.name} is paused"
        if policy.original not in ALLOWED_BY[action]:
            yield f"{action} is not what policy {policy.name} says: original = {policy.original!r}"

    def _policy(self, record: Record) -> Policy | None:
        return self._world.archive.settings.policy(record["policy"])

    def _item(self, pk: str, sk: str) -> dict[str, Any]:
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        return dict(client(self._world.cloud, "dynamodb").get_item(TableName=TABLE, Key=key).get("Item", {}))
