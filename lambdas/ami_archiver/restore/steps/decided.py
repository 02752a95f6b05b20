"""One structured log line per restore and move."""

from __future__ import annotations

import logging

from ami_archiver.restore.model import RestoreRecord


def log_restore(logger: logging.Logger, record: RestoreRecord) -> None:
    logger.info(
        "restore decided",
        extra={
            "restore_id": record.restore_id,
            "image_id": record.source_image_id,
            "object_key": record.object_key,
            "status": record.status.value,
            "reason": record.reason,
            "restored_image_id": record.restored_image_id,
        },
    )
