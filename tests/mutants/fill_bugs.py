"""Deliberate bugs of filling a budget, which stores and restores have in common."""

from __future__ import annotations

from tests.mutants.bug import Bug

FILL_BUGS = (
    Bug(
        "a rejection counted as a failed attempt",
        "steps/fill.py",
        "if own_fault or not in_flight:",
        "if own_fault or in_flight is not None:",
        "steps/test_budget.py",
    ),
    Bug(
        "what others start meanwhile not counted",
        "steps/fill.py",
        "        self.see(in_flight)\n",
        "",
        "steps/test_budget.py",
    ),
    Bug(
        "refused images blamed though a task has ended since",
        "steps/fill.py",
        "if suspect.in_flight <= still]",
        "if suspect.in_flight]",
        "steps/test_budget.py",
    ),
    Bug(
        "wait not doubled while EC2 takes nothing",
        "waiting.py",
        "return min(maximum, minimum << min(refused, 10))",
        "return min(maximum, minimum)",
        "steps/test_failures.py",
    ),
)
