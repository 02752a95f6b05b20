"""What is about to happen to a policy's originals, or has, stands in that policy's own summary and mail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ami_archiver.adapters.table_runs import SummaryKind
from ami_archiver.policy import Policy
from ami_archiver.run_state import Next
from local_cloud.in_process import VirtualCloud
from tests.retire.test_approval import SOMEBODY, messages
from tests.support.retirement import NIGHTLY, RULES, Retiring

WEEKLY = Policy("weekly", {"Archive": ("weekly",)}, original="disable", retire=RULES)
ASKING_WEEKLY = replace(WEEKLY, retire=replace(RULES, approval="explicit", approval_hours=9))


def stage(cloud: VirtualCloud, weekly: Policy) -> tuple[Retiring, str, str]:
    """Both policies have an original that is due; the nightly one is past its first run."""
    retiring = Retiring(cloud)
    retiring.archive.configure(policies=(NIGHTLY, weekly))
    own, other = (retiring.archive.image(name, tags={"Archive": tag}) for name, tag in (("n", "true"), ("w", "weekly")))
    for policy in ("nightly", "weekly"):
        retiring.archive.night(policy)
    retiring.days(RULES.after_verified_days)
    return retiring, own, other


def joined_night(retiring: Retiring, until: Next = Next.END) -> tuple[Any, dict[str, dict[str, Any]]]:
    """The nightly run works for the weekly one, too: its last state, and each policy's newest summary."""
    nightly = retiring.archive.select(retiring.archive.begin("nightly"))
    weekly = retiring.archive.select(retiring.archive.begin("weekly"))
    state = nightly
    while state.next not in (until, Next.END):
        state, _ = retiring.archive.step(state)
    return state, summaries(retiring, nightly.run_id, weekly.run_id)


def summaries(retiring: Retiring, *run_ids: str) -> dict[str, dict[str, Any]]:
    found = [retiring.archive.app.runs.summary(SummaryKind.RUNS, run_id) or {} for run_id in run_ids]
    return {each["policy"]: each for each in found}


def mail(retiring: Retiring, policy: str) -> str:
    """The newest notification about a run of the policy."""
    return next(m["Message"] for m in reversed(messages(retiring)) if f"of policy {policy}\n" in m["Message"])


def test_each_policy_s_summary_and_mail_say_what_becomes_of_its_own_originals(cloud: VirtualCloud) -> None:
    retiring, own, other = stage(cloud, WEEKLY)
    _, originals = joined_night(retiring)
    for policy, image_id, stranger in (("nightly", own, other), ("weekly", other, own)):
        (line,) = originals[policy]["retirement"]["done"]["disabled"]["listed"]
        assert line["image_id"] == image_id
        assert f"{image_id}  Disabled: " in mail(retiring, policy)
        assert stranger not in mail(retiring, policy)


def test_first_run_of_a_policy_that_joined_is_announced_in_its_own_mail(cloud: VirtualCloud) -> None:
    retiring, _, other = stage(cloud, replace(WEEKLY, original="keep"))
    retiring.archive.configure(policies=(NIGHTLY, WEEKLY))
    _, originals = joined_night(retiring)
    assert (originals["nightly"]["retirement"]["first_runs"], originals["weekly"]["retirement"]["first_runs"]) == (
        [],
        ["weekly"],
    )
    assert "First run since policy weekly may let originals go" in mail(retiring, "weekly")
    assert f"{other}  Would disable: " in mail(retiring, "weekly")
    assert "First run" not in mail(retiring, "nightly")


def test_totals_stand_in_the_working_run_s_summary_alone(cloud: VirtualCloud) -> None:
    retiring, _, _ = stage(cloud, WEEKLY)
    _, originals = joined_night(retiring)
    assert "saved_total" in originals["nightly"]["retirement"]
    assert "saved_total" not in originals["weekly"]["retirement"]


def test_answer_of_a_person_is_told_again_to_the_policy_that_asked(cloud: VirtualCloud) -> None:
    retiring, _, other = stage(cloud, ASKING_WEEKLY)
    state, originals = joined_night(retiring, Next.AWAIT_APPROVAL)
    assert state.approval_seconds == 9 * 3600
    assert originals["weekly"]["retirement"]["awaiting_approval"] == 1
    assert f"1 original waits for approval: make approve RUN={state.run_id}" in mail(retiring, "weekly")
    retiring.archive.answer = {"approved": True, "by": SOMEBODY}
    retiring.archive.go_on(state)
    assert f"{other}  Disabled: " in mail(retiring, "weekly")
    (joined,) = retiring.archive.app.runs.summary(SummaryKind.RUNS, state.run_id)["joined_runs"]
    assert summaries(retiring, joined)["weekly"]["retirement"]["awaiting_approval"] == 0


def test_dry_run_of_a_paused_policy_says_what_would_go_where_it_comes_to_it(retiring: Retiring) -> None:
    (image_id,) = retiring.due("web")
    state = retiring.archive.go_to(retiring.archive.select(retiring.archive.begin(dry_run=True)), Next.RETIRE)
    retiring.archive.configure(policies=(replace(NIGHTLY, paused=True),))
    with retiring.no_power_used():
        originals = retiring.archive.go_on(state)["retirement"]
    assert [each["image_id"] for each in originals["would"]["disabled"]["listed"]] == [image_id]
