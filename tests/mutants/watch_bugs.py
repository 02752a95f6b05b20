"""Deliberate bugs of the watch: each leaves an archive unwatched, or cries wolf."""

from __future__ import annotations

from tests.mutants.bug import Bug

WATCH = "steps/test_watch.py"

WATCH_BUGS = (
    Bug(
        "archives of retired originals go unwatched",
        "steps/watch.py",
        "STATUSES = (Status.VERIFIED, Status.DISABLED, Status.RETIRED)",
        "STATUSES = (Status.VERIFIED, Status.DISABLED)",
        WATCH,
    ),
    Bug(
        "record that moves on while the archive is watched is missed",
        "steps/watch.py",
        "STATUSES = (Status.VERIFIED, Status.DISABLED, Status.RETIRED)",
        "STATUSES = (Status.RETIRED, Status.DISABLED, Status.VERIFIED)",
        WATCH,
    ),
    Bug(
        "archives of policies that are not configured go unwatched",
        "steps/watch.py",
        "    if inventory.has_recorded(record):\n",
        "    if inventory.has_recorded(record) or app.settings.policy(record.policy) is None:\n",
        WATCH,
    ),
    Bug(
        "what differs from the listing is not looked at once more",
        "steps/watch.py",
        "        return alteration(record, app.bucket.look(record.object_key))\n",
        "        return alteration(record, None)\n",
        WATCH,
    ),
    Bug(
        "record that cannot be read taken for whole",
        "steps/watch.py",
        "        return indexed.unreadable\n",
        "        return None\n",
        WATCH,
    ),
    Bug(
        "object in another bucket looked for in this one",
        "steps/watch.py",
        "    if record.bucket != bucket:\n",
        "    if record.bucket == '':\n",
        WATCH,
    ),
    Bug(
        "object that may not be looked at ends the watch",
        "steps/watch.py",
        "    except (AccessDenied, AwsRefused) as error:",
        "    except AwsRefused as error:",
        WATCH,
    ),
    Bug(
        "watch begins anew when its time is over",
        "steps/watch.py",
        "in _pages(app, state.after):",
        'in _pages(app, ""):',
        WATCH,
    ),
    Bug(
        "watch ends when its time is over",
        "steps/watch.py",
        "            return asdict(state), {}\n",
        "            break\n",
        WATCH,
    ),
    Bug(
        "difference counted anew for each attempt of the step",
        "steps/watch.py",
        '        "differing": len(image_ids),\n',
        '        "differing": sum(len(lines) for lines in app.runs.pages(state.run_id, "WATCH#")),\n',
        WATCH,
    ),
    Bug(
        "mail every day, whether or not something differs",
        "steps/watch.py",
        '    if summary["differing"]:\n',
        "    if True:\n",
        WATCH,
    ),
    Bug(
        "watch reads its records all at once",
        "steps/watch.py",
        "in batches(app.records.in_status(status, cursor or None), RECORDS_PER_PAGE):",
        "in batches(list(app.records.in_status(status, cursor or None)), RECORDS_PER_PAGE):",
        WATCH,
    ),
    Bug(
        "records of a status not read beyond the first page",
        "adapters/table_records.py",
        "        for item in query(self._dynamodb, self._table, question):\n            fetched",
        "        for item in self._dynamodb.query(TableName=self._table, **question)['Items']:\n            fetched",
        "adapters/test_table_records.py",
    ),
)
