"""Deliberate bugs of retirement: each looks at less, or plans more, than it may."""

from __future__ import annotations

from tests.mutants.bug import Bug

RACES = "retire/test_races.py"
TABLE = "retire/test_reasons_to_keep.py"
CAPS = "retire/test_caps.py"
LIFE = "retire/test_retirement.py"
LOOKS = "retire/test_looks.py"
FORCE = "retire/test_policy_in_force.py"
MARKS = "retire/test_marks.py"

PLAN_BUGS = (
    Bug(
        "what EC2 lists of an image not looked at",
        "retire/steps/inspect.py",
        "        finding.reasons += _by_what_ec2_lists(app, finding)\n",
        "        pass\n",
        f"{RACES}::test_what_happens_between_plan_and_call_keeps_the_original[hold tag-disable]",
    ),
    Bug(
        "newer images believed to be there still",
        "retire/steps/inspect.py",
        'if i in there and there[i].state == "available"]',
        "]",
        LOOKS,
    ),
    Bug(
        "newest of a group not looked for",
        "retire/steps/inspect.py",
        "    _look_at_groups(app, [finding for finding in findings if not finding.reasons], newest)\n",
        "",
        f"{RACES}::test_what_happens_between_plan_and_call_keeps_the_original[newest of its group-disable]",
    ),
    Bug(
        "object not looked at",
        "retire/steps/inspect.py",
        "        finding.reasons += by_object(app, finding.candidate.record)\n",
        "        pass\n",
        f"{RACES}::test_what_happens_between_plan_and_call_keeps_the_original[object gone-disable]",
    ),
    Bug(
        "object not read",
        "retire/steps/inspect.py",
        "    if found is not None and found.readable:\n",
        "    if found is None:\n",
        f"{TABLE}::test_original_stays_while_a_question_cannot_be_asked[objects cannot be read-disable]",
    ),
    Bug(
        "locks not looked at",
        "retire/steps/inspect.py",
        "    _look_at_snapshots(app, _open(findings))\n",
        "",
        f"{RACES}::test_what_happens_between_plan_and_call_keeps_the_original[locked snapshot-disable]",
    ),
    Bug(
        "sharing not looked at",
        "retire/steps/inspect.py",
        "        _look_at_sharing(app, finding)\n",
        "        pass\n",
        f"{RACES}::test_what_happens_between_plan_and_call_keeps_the_original[shared-disable]",
    ),
    Bug(
        "uses not looked at",
        "retire/steps/inspect.py",
        "    _look_at_uses(app, _open(findings))\n",
        "",
        f"{RACES}::test_what_happens_between_plan_and_call_keeps_the_original[launch template-disable]",
    ),
    Bug(
        "uses looked for to the depth of the shallowest policy",
        "retire/steps/inspect.py",
        "depth = max(finding",
        "depth = min(finding",
        LOOKS,
    ),
    Bug(
        "usage by other accounts not looked at",
        "retire/steps/inspect.py",
        "    _look_at_usage(app, _open(findings))\n",
        "",
        LOOKS,
    ),
    Bug(
        "old usage report not asked for anew",
        "retire/steps/inspect.py",
        "    if report is not None and reasons.is_recent(report, app.clock.now()):\n",
        "    if report is not None:\n",
        LOOKS,
    ),
    Bug(
        "one image more than the cap",
        "policy.py",
        "if images >= self.max_images_per_run:",
        "if images > self.max_images_per_run:",
        f"{CAPS}::test_run_disables_no_more_images_than_its_cap_and_the_next_goes_on",
    ),
    Bug(
        "image planned twice takes two places in the cap",
        "retire/steps/plan.py",
        "if line.decision is Decision.KEPT or line.image_id in self._counted:",
        "if line.decision is Decision.KEPT:",
        f"{CAPS}::test_plan_that_is_made_twice_fills_the_cap_once_and_counts_every_image_once",
    ),
    Bug(
        "cap of GiB found out too late",
        "policy.py",
        "images == 0 or gib + more_gib <= self.max_gib_per_run",
        "images == 0 or gib <= self.max_gib_per_run",
        f"{CAPS}::test_run_lets_go_no_more_than_its_cap_of_gib_but_at_least_one_image",
    ),
    Bug(
        "kept image takes a place in the cap",
        "retire/steps/plan.py",
        "if line.decision is Decision.KEPT or line.image_id in self._counted:",
        "if line.image_id in self._counted:",
        f"{CAPS}::test_image_that_is_kept_takes_no_place_in_the_cap",
    ),
    Bug(
        "share of the account's images not looked at",
        "retire/steps/plan.py",
        "    if owned >= enough:\n",
        "    if owned:\n",
        f"{CAPS}::test_more_than_the_allowed_share_of_the_account_s_images_stops_the_whole_plan",
    ),
    Bug(
        "what the run has deregistered makes the rest too many",
        "retire/steps/plan.py",
        "        owned += going - len(app.originals.by_id(image_ids))\n",
        "        pass\n",
        f"{FORCE}::test_images_that_the_run_has_deregistered_count_as_the_account_s",
    ),
    Bug(
        "original goes without a mark",
        "retire/steps/plan.py",
        "        if not dry and (unwilling := self._mark(finding)):\n",
        "        if False and (unwilling := self._mark(finding)):\n",
        MARKS,
    ),
    Bug(
        "dry run marks",
        "retire/steps/plan.py",
        "        if not dry and (unwilling := self._mark(finding)):\n",
        "        if unwilling := self._mark(finding):\n",
        f"{MARKS}::test_dry_run_marks_nothing",
    ),
    Bug(
        "snapshot of another image marked",
        "retire/steps/plan.py",
        "            ids |= own - self._app.originals.others_on(own, image.image_id)\n",
        "            ids |= own\n",
        f"{MARKS}::test_snapshot_that_another_image_uses_is_not_marked",
    ),
    Bug(
        "image that is disabled already said to be disabled",
        "retire/steps/plan.py",
        "        if finding.image is not None and reasons.is_done(finding.image, action):\n",
        "        if False:\n",
        f"{FORCE}::test_image_that_is_disabled_already_is_not_said_to_be_disabled",
    ),
    Bug(
        "policy whose setting has changed planned for as before",
        "retire/steps/plan.py",
        "if state.retiring[name] != each.original}",
        "if state.retiring[name] == DRY}",
        f"{FORCE}::test_plan_that_goes_on_under_another_setting_only_says_what_it_would_do",
    ),
    Bug(
        "stopped plan acted upon",
        "retire/steps/step.py",
        "        end = act.kept(line, stop) if stop else _act_on(act, state, line)\n",
        "        end = _act_on(act, state, line)\n",
        f"{CAPS}::test_more_than_the_allowed_share_of_the_account_s_images_stops_the_whole_plan",
    ),
    Bug(
        "first run of a policy acts",
        "retire/steps/plan.py",
        "    return first is not None and first.run_id == state.run_id\n",
        "    return first is None\n",
        f"{LIFE}::test_first_run_of_a_newly_enabled_policy_only_says_what_it_would_do",
    ),
    Bug(
        "policy that is enabled again has no first run",
        "retire/steps/plan.py",
        'if (first.original if first else "keep") != policy.original:',
        "if first is None:",
        f"{LIFE}::test_first_run_of_a_newly_enabled_policy_only_says_what_it_would_do",
    ),
    Bug(
        "dry run acts",
        "retire/steps/plan.py",
        "        dry = state.dry_run or _is_first_run(app, state, policy)\n",
        "        dry = not state.dry_run and _is_first_run(app, state, policy)\n",
        f"{LIFE}::test_dry_run_says_what_it_would_do_and_changes_nothing",
    ),
    Bug(
        "dry run writes why it would keep",
        "retire/steps/plan.py",
        "        if record.policy not in self._dry:\n            marked =",
        "        if True:\n            marked =",
        LOOKS,
    ),
    Bug(
        "dry run announces",
        "retire/steps/plan.py",
        "        if dry:\n            return _line(record, Decision.ANNOUNCED, why)\n",
        "",
        LOOKS,
    ),
    Bug(
        "dry run asks for usage reports",
        "retire/steps/plan.py",
        "        if not dry and finding.pending_report:\n",
        "        if finding.pending_report:\n",
        LOOKS,
    ),
    Bug(
        "policy that only disables deregisters",
        "retire/steps/plan.py",
        '            if policy.original != "retire":\n                return False\n',
        "",
        LOOKS,
    ),
    Bug(
        "paused policy retires",
        "retire/steps/plan.py",
        "or (policy.paused and not state.dry_run):",
        "or False:",
        LOOKS,
    ),
    Bug(
        "policies of other runs retired by nobody",
        "retire/steps/plan.py",
        "if policy.name not in {state.policy, *others} or",
        "if policy.name not in {state.policy} or",
        LOOKS,
    ),
    Bug(
        "image goes though it could not be tagged",
        "retire/steps/plan.py",
        "        if unwilling:\n",
        "        if False:\n",
        LOOKS,
    ),
)
