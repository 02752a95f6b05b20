"""Bucket properties that MiniStack's CloudFormation leaves out, passed to its S3 as the SDK would send them.

Without these a stack's bucket has no default encryption, no lifecycle rules, no tags and no Object Lock, and
everything that rests on them seems to work because nothing happens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import botocore.serialize
import botocore.session

Properties = Mapping[str, Any]


@lru_cache(maxsize=1)
def _service_model() -> Any:
    return botocore.session.Session().get_service_model("s3")


def _body(operation: str, **parameters: Any) -> bytes:
    """The XML that the SDK sends for an operation."""
    model = _service_model()
    serializer = botocore.serialize.create_serializer(model.protocol, include_validation=False)
    body = serializer.serialize_to_request({"Bucket": "b", **parameters}, model.operation_model(operation))["body"]
    return body if isinstance(body, bytes) else str(body).encode()


def encryption(properties: Properties) -> bytes:
    """BucketEncryption as the body of PutBucketEncryption."""
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": rule.get("ServerSideEncryptionByDefault", {}),
            "BucketKeyEnabled": str(rule.get("BucketKeyEnabled", False)).lower() == "true",
        }
        for rule in properties.get("ServerSideEncryptionConfiguration", [])
    ]
    return _body("PutBucketEncryption", ServerSideEncryptionConfiguration={"Rules": rules})


def lifecycle(properties: Properties) -> bytes:
    """LifecycleConfiguration as the body of PutBucketLifecycleConfiguration."""
    rules = [_lifecycle_rule(rule) for rule in properties.get("Rules", [])]
    return _body("PutBucketLifecycleConfiguration", LifecycleConfiguration={"Rules": rules})


def _lifecycle_rule(rule: Properties) -> dict[str, Any]:
    """What becomes of noncurrent versions later is left out, but for their end: nothing here acts on it."""
    sdk: dict[str, Any] = {"Status": rule["Status"], "Filter": _filter(rule)}
    if "Id" in rule:
        sdk["ID"] = rule["Id"]
    if transitions := [*rule.get("Transitions", []), *([rule["Transition"]] if "Transition" in rule else [])]:
        sdk["Transitions"] = [
            {_TRANSITION[name]: int(value) if name == "TransitionInDays" else value for name, value in one.items()}
            for one in transitions
        ]
    if "ExpirationInDays" in rule:
        sdk["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    if noncurrent := rule.get("NoncurrentVersionExpiration"):
        sdk["NoncurrentVersionExpiration"] = {name: int(value) for name, value in noncurrent.items()}
    if abort := rule.get("AbortIncompleteMultipartUpload"):
        sdk["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": int(abort["DaysAfterInitiation"])}
    return sdk


_TRANSITION = {"StorageClass": "StorageClass", "TransitionInDays": "Days", "TransitionDate": "Date"}


def _filter(rule: Properties) -> dict[str, Any]:
    parts: dict[str, Any] = {
        name: int(rule[name]) for name in ("ObjectSizeGreaterThan", "ObjectSizeLessThan") if name in rule
    }
    if rule.get("Prefix"):
        parts["Prefix"] = rule["Prefix"]
    tags = [{"Key": tag["Key"], "Value": tag["Value"]} for tag in rule.get("TagFilters", [])]
    if len(tags) + len(parts) > 1:
        return {"And": parts | ({"Tags": tags} if tags else {})}
    return {"Tag": tags[0]} if tags else parts or {"Prefix": ""}


def tags(properties: Any) -> bytes:
    """Tags as the body of PutBucketTagging."""
    return _body("PutBucketTagging", Tagging={"TagSet": [dict(tag) for tag in properties]})


def ownership(properties: Properties) -> bytes:
    """OwnershipControls as the body of PutBucketOwnershipControls."""
    return _body("PutBucketOwnershipControls", OwnershipControls={"Rules": list(properties.get("Rules", []))})


def complete(provisioners: Any, s3: Any) -> None:
    """Teach MiniStack's CloudFormation the properties that it does not know yet. Does nothing the second time."""
    known = {entry[0] for entry in provisioners._S3_BUCKET_CONFIGURATIONS}
    ours: tuple[tuple[str, Callable[[Any], bytes], Any, Any], ...] = (
        ("BucketEncryption", encryption, s3._put_bucket_encryption, s3._delete_bucket_encryption),
        ("LifecycleConfiguration", lifecycle, s3._put_bucket_lifecycle, s3._delete_bucket_lifecycle),
        ("Tags", tags, s3._put_bucket_tagging, s3._delete_bucket_tagging),
        ("OwnershipControls", ownership, s3._put_bucket_ownership_controls, s3._delete_bucket_ownership_controls),
    )
    provisioners._S3_BUCKET_CONFIGURATIONS += tuple(
        (name, to_xml, _checked(name, put), delete) for name, to_xml, put, delete in ours if name not in known
    )


def _checked(name: str, put: Callable[[str, bytes], Any]) -> Callable[[str, bytes], None]:
    """A property that S3 refuses fails the stack, as on AWS."""

    def checked(bucket: str, body: bytes) -> None:
        status, _, answer = put(bucket, body)
        if status >= 400:
            raise ValueError(f"AWS::S3::Bucket {name} rejected: {answer!r}")

    return checked
