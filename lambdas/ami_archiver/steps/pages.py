"""Pages of decisions: how they are named, and one structured log line per decision."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from hashlib import sha256

from ami_archiver.model import DecisionLine


def page_name(begins: str, lines: Iterable[DecisionLine]) -> str:
    """By what is on it: a look that is repeated, or made twice at once, finds other images ended and hides none."""
    digest = sha256(" ".join(sorted(line.image_id for line in lines)).encode()).hexdigest()[:16]
    return f"{begins}#{digest}"


def log_decision(logger: logging.Logger, line: DecisionLine) -> None:
    extra = {"image_id": line.image_id, "decision": line.decision.value, "reason": line.reason}
    logger.info("image decided", extra=extra)
