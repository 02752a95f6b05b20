"""Deliberate bugs of a restore's name, and of which images a query chooses."""

from __future__ import annotations

from tests.mutants.bug import Bug

PLAN = "restore/test_plan.py"
FAILURES = "restore/test_every_failure.py::test_restore_that_fails_says_under_which_name_and_what_to_do"
DOMAIN = "restore/test_restore_domain.py"
QUERIES = "restore/test_queries.py"
PLANNING = "restore/planning.py"
STEP = "restore/steps/plan.py"

RESTORE_CHOICE_BUGS = (
    Bug(
        "name that EC2 does not take is planned",
        STEP,
        "if not why and not naming.valid(names[0]):",
        "if False:",
        f"{FAILURES}[-bad_name]",
    ),
    Bug(
        "characters of a name not checked",
        "restore/naming.py",
        "<= LONGEST and _ALLOWED.fullmatch(name) is not None",
        "<= LONGEST",
        DOMAIN,
    ),
    Bug(
        "length of a name not checked",
        "restore/naming.py",
        "    return 3 <= len(name) <= LONGEST and ",
        "    return ",
        DOMAIN,
    ),
    Bug(
        "taken name is planned",
        STEP,
        "naming.free(iter(names), taken.keys() | self._names)",
        "naming.free(iter(names), self._names)",
        f"{PLAN}::test_taken_name_is_refused_and_says_by_which_image_and_what_to_do",
    ),
    Bug(
        "one run gives a name away twice",
        STEP,
        "naming.free(iter(names), taken.keys() | self._names)",
        "naming.free(iter(names), taken)",
        f"{PLAN}::test_two_images_of_one_request_never_get_the_same_name",
    ),
    Bug(
        "names of an earlier invocation forgotten",
        STEP,
        "        self._names = {one.name for one in written if isinstance(one, RestoreRecord) and one.name}\n",
        "        self._names: set[str] = set()\n",
        f"{PLAN}::test_dry_run_goes_on_where_an_invocation_had_to_stop_and_says_what_the_real_run_does",
    ),
    Bug(
        "template not used",
        "restore/naming.py",
        "yield from numbered(template.format(",
        "yield from numbered(name or template.format(",
        f"{PLAN}::test_by_a_template_a_free_name_is_taken",
    ),
    Bug(
        "date of a template is another",
        "restore/naming.py",
        "{on:%Y%m%d}",
        "{on:%Y%d%m%H}",
        f"{PLAN}::test_by_a_template_a_free_name_is_taken",
    ),
    Bug(
        "number lets a name be too long",
        "restore/naming.py",
        "wanted[: LONGEST - len(suffix)] + suffix",
        "wanted[:LONGEST] + suffix",
        f"{DOMAIN}::test_number_behind_the_longest_name_takes_its_place_in_it",
    ),
    Bug(
        "unknown field of a template taken",
        "restore/naming.py",
        "if field not in FIELDS:",
        "if False:",
        "restore/test_request.py",
    ),
    Bug(
        "query does not heed the policy",
        "restore/request.py",
        "(self.policy is None or record.policy == self.policy)",
        "True",
        QUERIES,
    ),
    Bug(
        "query does not heed the tag's value",
        "restore/request.py",
        "record.origin.tags.get(self.tag[0]) == self.tag[1]",
        "self.tag[0] in record.origin.tags",
        QUERIES,
    ),
    Bug(
        "query does not heed the name",
        "restore/request.py",
        "fnmatchcase(record.image_name, self.name_pattern)",
        "True",
        QUERIES,
    ),
    Bug(
        "query leaves out its first moment",
        "restore/request.py",
        "stored >= self.stored_after",
        "stored > self.stored_after",
        QUERIES,
    ),
    Bug(
        "query takes the moment after its last",
        "restore/request.py",
        "stored < self.stored_before",
        "stored <= self.stored_before",
        QUERIES,
    ),
    Bug(
        "query goes by the last change",
        "restore/request.py",
        "stored = record.verified_at or record.changed_at",
        "stored = record.changed_at",
        QUERIES,
    ),
    Bug(
        "oldest instead of newest of a group",
        PLANNING,
        "max(ranked, self._newest.get(key, ranked))",
        "min(ranked, self._newest.get(key, ranked))",
        QUERIES,
    ),
    Bug("groups of two policies mixed up", PLANNING, "key = (record.policy, group)", 'key = ("", group)', QUERIES),
    Bug(
        "newest by when it was selected",
        PLANNING,
        "created = record.origin.created_at or record.selected_at",
        "created = record.selected_at",
        QUERIES,
    ),
    Bug(
        "image without a group left out",
        PLANNING,
        "if not self._query.newest_per_group or group is None:",
        "if not self._query.newest_per_group:",
        QUERIES,
    ),
    Bug(
        "query finds what is not archived",
        STEP,
        "ARCHIVED = frozenset(Status) - planning.NOT_ARCHIVED_YET",
        "ARCHIVED = frozenset(Status)",
        QUERIES,
    ),
    Bug(
        "repeated plan asks its query again",
        STEP,
        "        found = app.restores.request(state.run_id)\n        if",
        "        found = None\n        if",
        QUERIES,
    ),
)
