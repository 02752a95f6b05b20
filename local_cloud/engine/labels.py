"""What EC2 writes beside a stored object's bytes: tags and user metadata, within what S3 allows."""

from __future__ import annotations

import re
from datetime import datetime

from local_cloud.errors import AwsError
from local_cloud.model import Image
from local_cloud.settings import EngineSettings

MAX_OBJECT_TAGS = 10
MAX_TAG_KEY = 128
MAX_TAG_VALUE = 256
_NOT_IN_A_TAG = re.compile(r"[^\w\s+\-=.:/@]")
_NOT_IN_A_HEADER = re.compile(r"[^\x20-\x7e]")


def check_object_tags(tags: dict[str, str]) -> None:
    """InvalidParameterValue unless S3 would take the caller's `S3ObjectTags`."""
    if len(tags) > MAX_OBJECT_TAGS:
        raise _invalid(f"an object has at most {MAX_OBJECT_TAGS} tags, not {len(tags)}")
    for key, value in tags.items():
        if not 1 <= len(key) <= MAX_TAG_KEY:
            raise _invalid(f"the key of an object tag has 1 to {MAX_TAG_KEY} characters: {key!r}")
        if len(value) > MAX_TAG_VALUE:
            raise _invalid(f"the value of object tag {key!r} has more than {MAX_TAG_VALUE} characters")
        if key.lower().startswith("aws:"):
            raise _invalid(f"the prefix aws: is reserved: {key!r}")
        if _NOT_IN_A_TAG.search(key + value):
            raise _invalid(f"object tag {key!r} has a character that S3 does not allow in tags")


def object_labels(
    image: Image, stored_at: datetime, object_tags: dict[str, str], settings: EngineSettings
) -> tuple[dict[str, str], dict[str, str]]:
    """(tags, user metadata) of the object. The caller's tags come first; EC2's fill what S3's ten leave.

    The key names are our own: AWS documents which facts it writes, not under which names.
    """
    facts = {
        "ami-name": image.name,
        "ami-owner-account": image.owner_id,
        "ami-store-date": stored_at.isoformat(timespec="seconds"),
        "ami-registration-date": image.creation_date.isoformat(timespec="seconds"),
        "ami-description": image.description or "",
    }
    tags = dict(object_tags)
    metadata: dict[str, str] = {}
    if settings.object_metadata in ("tags", "both"):
        for key, value in facts.items():
            if len(tags) < MAX_OBJECT_TAGS:
                tags.setdefault(key, _NOT_IN_A_TAG.sub("", value)[:MAX_TAG_VALUE])
    if settings.object_metadata in ("user-metadata", "both"):
        metadata = {key: _NOT_IN_A_HEADER.sub("", value)[:MAX_TAG_VALUE] for key, value in facts.items()}
    return tags, metadata


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Value for parameter S3ObjectTag is invalid: {message}")
