"""One structured log line per image and decision."""

from __future__ import annotations

import logging

from ami_archiver.model import DecisionLine


def log_decision(logger: logging.Logger, line: DecisionLine) -> None:
    extra = {"image_id": line.image_id, "decision": line.decision.value, "reason": line.reason}
    logger.info("image decided", extra=extra)
