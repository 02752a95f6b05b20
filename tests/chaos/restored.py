"""What the restores of a world come to, so that a disturbed play can be compared with an undisturbed one."""

from __future__ import annotations

from typing import Any

from tests.chaos.evidence import Evidence
from tests.chaos.restore_evidence import RESTORE_ID

BEST_FIRST = ("RESTORED", "FAILED", "REFUSED", "RESTORING", "THAWING", "PLANNED")
NOT_COMPARED = "denied"
DENIED = ("AccessDenied", "UnauthorizedOperation")


def restored(seen: Evidence) -> dict[str, tuple[Any, ...]]:
    """By object key: the best that became of it, and its image: name, with whom it is shared, whether pointed at.

    A person who starts a run again after a permission was denied gets the image that the first one made or, where that
    was reported already, another answer (the name is taken by then) or image: what counts is the first. What EC2 or
    SSM denied is said in the reason and not tried again: then it is not compared.
    """
    found: dict[str, tuple[Any, ...]] = {}
    for key in sorted({record["object_key"] for record in seen.restore.records.values()}):
        records = [record for record in seen.restore.records.values() if record["object_key"] == key]
        best = min(records, key=lambda record: (BEST_FIRST.index(record["restore_status"]), record["restore_id"]))
        image = seen.restore.images.get(best.get("restored_image_id", ""))
        if image is None or best["restore_status"] != "RESTORED":
            found[key] = (best["restore_status"],)
            continue
        shared = tuple(sorted(one["UserId"] for one in image.launch_permissions))
        pointed = tuple(sorted(name for name, value in seen.restore.parameters.items() if value == image.image_id))
        denied = [part for part in best["reason"].split("; ") if any(word in part for word in DENIED)]
        found[key] = (
            "RESTORED",
            image.name,
            NOT_COMPARED if any(part.startswith("not shared") for part in denied) else shared,
            NOT_COMPARED if any("left as it is" in part for part in denied) else pointed,
            _more(seen, key),
        )
    return found


def same(now: tuple[Any, ...] | None, expected: tuple[Any, ...] | None) -> bool:
    """But for what is not compared."""
    if now is None or expected is None or len(now) != len(expected):
        return now == expected
    return all(one in (NOT_COMPARED, other) for one, other in zip(now, expected, strict=True))


def _more(seen: Evidence, key: str) -> str:
    """More images of the object than runs that have asked for it: each run wants one."""
    images = [i for i in seen.restore.images.values() if i.tags["archiver:object-key"] == key]
    runs = {image.tags[RESTORE_ID].rpartition(".")[0] for image in images}
    return "one for each run" if len(images) == len(runs) else f"{len(images)} images"
