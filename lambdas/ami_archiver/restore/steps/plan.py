"""PlanRestore: a decision for every object that the request names, and what can be restored into the queue."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from ami_archiver.app import App
from ami_archiver.errors import AccessDenied, BadInput
from ami_archiver.failures import hidden, reason
from ami_archiver.inventory import image_id_of
from ami_archiver.model import Status
from ami_archiver.restore import lifecycle, naming, planning
from ami_archiver.restore.lifecycle import log_restore
from ami_archiver.restore.model import (
    RestoredImage,
    RestoreEntry,
    RestoreFailure,
    RestoreOptions,
    RestoreRecord,
    RestoreStatus,
    ThawEntry,
)
from ami_archiver.restore.planning import Account, Candidate, choose
from ami_archiver.restore.request import RestoreRequest, options_of
from ami_archiver.restore.state import RestoreState, begin
from ami_archiver.restore.steps.takeover import to_take_over
from ami_archiver.run_state import Next, Outcome

logger = logging.getLogger(__name__)

PAGE = 50
PAGE_SECONDS = 60
"""What one page may take, at two calls per object; with less time left, the next invocation goes on."""

ARCHIVED = sorted(set(Status) - planning.NOT_ARCHIVED_YET)


def plan_restore(app: App, event: Mapping[str, Any], seconds_left: Callable[[], float]) -> RestoreState:
    """Plan page by page, at least one, until done or until `seconds_left()` gets short. Raises BadInput."""
    raw = event.get("input")
    if isinstance(raw, dict) and raw.get("next") == Next.PLAN_MORE:
        state = RestoreState.from_json(raw)
        options, names = _written(app, state.run_id)
    else:
        state, request = begin(event)
        options = request.options
        if options.point_ssm_parameters and not app.settings.parameter_prefixes:
            raise BadInput(
                "'point_ssm_parameters' is true, but this stack may change no SSM parameter; to allow it, set "
                "account.parameter_prefixes in archiver.toml to what their names begin with, and deploy the stack"
            )
        found = app.restores.request(state.run_id)
        if found is None:
            names = _names(app, request)
            app.restores.put_request(state.run_id, {"options": asdict(options)}, names)
        else:  # an earlier attempt of this step has written it; what a query finds now may be something else
            names = found[1]
    if not names:
        return state.then(Next.REPORT, outcome=Outcome.NOTHING_MATCHED)
    plan = _Plan(app, state, options)
    begun_at = state.position
    while state.position < len(names):
        if state.position > begun_at and seconds_left() < PAGE_SECONDS:
            return state
        page = names[state.position : state.position + PAGE]
        records = plan.page(page, state.position)
        entries = {} if state.dry_run else plan.entries_of(records)
        app.restores.plan(records, entries, draft=state.dry_run)
        state = _counted(state, records).then(Next.PLAN_MORE, position=state.position + len(page))
    return state.then(Next.RESTORE if _has_to_look(app, state) else Next.REPORT)


def _has_to_look(app: App, state: RestoreState) -> bool:
    """Also where nothing is planned: what a run that died asked EC2 for is finished by the next one."""
    return not state.dry_run and (state.planned > 0 or bool(app.restore_leases.read().in_flight))


def _counted(state: RestoreState, records: Iterable[RestoreRecord]) -> RestoreState:
    planned = [record for record in records if record.status is RestoreStatus.PLANNED]
    return state.then(
        state.next,
        planned=state.planned + len(planned),
        planned_gib=state.planned_gib + sum(record.gib for record in planned),
        refused=state.refused + sum(1 for record in records if record.status is RestoreStatus.REFUSED),
    )


def _written(app: App, run_id: str) -> tuple[RestoreOptions, list[str]]:
    found = app.restores.request(run_id)
    if found is None:
        return RestoreOptions(), []
    return options_of(found[0].get("options") or found[0]["wishes"]), found[1]


def _names(app: App, request: RestoreRequest) -> list[str]:
    """Image ids or object keys; which it is, each says itself."""
    if request.query is None:
        return [*request.image_ids, *request.object_keys]
    indexed = (each for status in ARCHIVED for each in app.records.in_status(status))
    return choose(request.query, (each.record for each in indexed if each.record is not None))


class _Plan:
    def __init__(self, app: App, state: RestoreState, options: RestoreOptions) -> None:
        self._app = app
        self._state = state
        self._options = options
        written = list(app.restores.of_run(state.run_id, draft=state.dry_run))
        self._written = {one.restore_id: one for one in written}
        """What earlier invocations of this step have planned: that stands, whatever would be planned now."""
        self._names = {one.name for one in written if isinstance(one, RestoreRecord) and one.name}
        """Given away by this run, though EC2 does not know it yet."""
        self._account = Account(
            bucket_name=app.settings.bucket_name,
            region=app.region,
            encrypts_by_default=app.restore_tasks.encrypts_by_default(),
            budget_gib=app.settings.restore_budget_gib,
            parameter_prefixes=app.settings.parameter_prefixes,
        )
        self._entries: dict[str, RestoreEntry | ThawEntry] = {}

    def entries_of(self, records: Iterable[RestoreRecord]) -> dict[str, RestoreEntry | ThawEntry]:
        """What those of the records wait for that were planned just now."""
        return {r.restore_id: self._entries[r.restore_id] for r in records if r.restore_id in self._entries}

    def page(self, names: Sequence[str], position: int) -> list[RestoreRecord]:
        ids = [f"{self._state.run_id}.{number:06}" for number in range(position, position + len(names))]
        before = [self._written[one] for one in ids if one in self._written]
        records = [one for one in before if isinstance(one, RestoreRecord)]
        new = [(one, name) for one, name in zip(ids, names, strict=True) if one not in self._written]
        candidates = self._candidates([name for _, name in new])
        taken = self._taken(candidates)
        for (restore_id, _), candidate in zip(new, candidates, strict=True):
            record = lifecycle.begin(self._decide(candidate, restore_id, taken))
            records.append(record)
            log_restore(logger, record)
        return records

    def _candidates(self, names: Sequence[str]) -> list[Candidate]:
        ids = {_image_id(name) for name in names} - {""}
        fetched = self._app.records.get(ids)
        unknown = {n for n in names if _is_id(n) and n not in fetched.records and n not in fetched.unreadable}
        keys = {}
        if unknown:
            for listed in self._app.bucket.listing():
                if image_id_of(listed.key) in unknown:
                    keys[image_id_of(listed.key)] = listed.key
        candidates = []
        for name in names:
            record = fetched.records.get(_image_id(name))
            if record is not None and not _is_id(name) and record.object_key != name:
                record = None  # another copy of that image: nothing is recorded of it
            key = name if not _is_id(name) else record.object_key if record else keys.get(name, "")
            unreadable = fetched.unreadable.get(name) if _is_id(name) else None
            try:
                found = self._app.bucket.head(key) if key else None
            except AccessDenied as error:
                found, unreadable = None, hidden(key, error, "then restore again")
            image_id = name if _is_id(name) else planning.source_image_id(name, found)
            candidates.append(Candidate(key, image_id, record, found, unreadable))
        return candidates

    def _taken(self, candidates: Iterable[Candidate]) -> dict[str, RestoredImage]:
        """The account's images that have a name which one of these restores may take."""
        wanted = {name for candidate in candidates for name in self._possible_names(candidate)}
        return self._app.restore_tasks.named(wanted) if wanted else {}

    def _possible_names(self, candidate: Candidate) -> list[str]:
        name = planning.original_name(candidate)
        return list(naming.candidates(self._options.name, name, candidate.image_id, self._state.started_at))

    def _decide(self, candidate: Candidate, restore_id: str, taken: Mapping[str, RestoredImage]) -> RestoreRecord:
        why = planning.why_not_restorable(candidate, self._options, self._account)
        names = self._possible_names(candidate)
        if not why and (
            record := self._takeover(candidate, restore_id, [taken[name] for name in names if name in taken])
        ):
            return record
        name = naming.free(iter(names), taken.keys() | self._names)
        if not why and not naming.valid(names[0]):
            why = reason(
                RestoreFailure.BAD_NAME,
                f"name {names[0]!r} is none that EC2 takes",
                "give a 'name' template such as 'restored-{image_id}'",
            )
        if not why and name is None:
            why = reason(
                RestoreFailure.NAME_TAKEN,
                f"name {names[0]!r} is taken by {self._holder(names[0], taken)} in {self._app.region}",
                "give a 'name' template, such as '{name}' (then a number is added) or '{name}-restored-{date}'",
            )
        if why or name is None:
            return self._record(candidate, restore_id, RestoreStatus.REFUSED, why or "", "")
        self._names.add(name)
        planned = _planned_reason(candidate)
        if name != names[0]:
            planned += f"; name {names[0]!r} is taken by {self._holder(names[0], taken)}"
        record = self._record(candidate, restore_id, RestoreStatus.PLANNED, planned, name)
        found = candidate.found
        if found is not None and not found.readable:
            self._entries[restore_id] = ThawEntry(restore_id, self._state.started_at)
        else:
            self._entries[restore_id] = RestoreEntry(restore_id, record.gib)
        return record

    def _takeover(self, candidate: Candidate, restore_id: str, images: Iterable[RestoredImage]) -> RestoreRecord | None:
        """The restore that ends with the image of an equal request: nothing has to be thawed or made for it."""
        wanted = self._record(candidate, restore_id, RestoreStatus.PLANNED, "", "")
        image = to_take_over(self._app, wanted, images, self._state.started_at)
        if image is None:
            return None
        self._names.add(image.name)
        self._entries[restore_id] = RestoreEntry(restore_id, wanted.gib)
        reason = (
            f"planned; takes over image {image.image_id}, which an equal request has begun: restore {image.restore_id}"
        )
        record = self._record(candidate, restore_id, RestoreStatus.PLANNED, reason, image.name)
        return replace(record, takes_over=image.restore_id)

    @staticmethod
    def _holder(name: str, taken: Mapping[str, RestoredImage]) -> str:
        if name not in taken:
            return "another restore of this request"
        return f"{taken[name].image_id}, which is {taken[name].state},"

    def _record(
        self, candidate: Candidate, restore_id: str, status: RestoreStatus, reason: str, name: str
    ) -> RestoreRecord:
        record, found, now = candidate.record, candidate.found, self._app.clock.now()
        planned = status is RestoreStatus.PLANNED
        return RestoreRecord(
            restore_id=restore_id,
            run_id=self._state.run_id,
            status=status,
            reason=reason,
            object_key=candidate.key,
            source_image_id=candidate.image_id,
            name=name,
            gib=record.snapshot_gib if record else self._account.budget_gib,
            gib_known=record is not None,
            planned_at=now,
            changed_at=now,
            options=self._options,
            object_version_id=found.version_id if found else None,
            object_etag=found.etag if found else None,
            needs_encryption=planned
            and planning.unencrypted(candidate, _without_default(self._account)) is not None
            and not self._options.allow_unencrypted,
            differences=planning.differences(candidate, self._options, self._account, name) if planned else (),
        )


def _without_default(account: Account) -> Account:
    return replace(account, encrypts_by_default=False)


def _planned_reason(candidate: Candidate) -> str:
    if candidate.record is None:
        return "planned; its size is not recorded, so it counts as the whole restore budget until EC2 shows it"
    return f"planned; {candidate.record.snapshot_gib:g} GiB, waits for its turn in the restore budget"


def _is_id(name: str) -> bool:
    return name.startswith("ami-") and "/" not in name and "." not in name


def _image_id(name: str) -> str:
    return name if _is_id(name) else image_id_of(name)
