"""Who may launch an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ami_archiver.adapters.aws_errors import code_of, message_of, translated
from ami_archiver.errors import AccessDenied

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import LaunchPermissionTypeDef


_KINDS = {
    "user": "UserId",
    "group": "Group",
    "organization": "OrganizationArn",
    "unit": "OrganizationalUnitArn",
}


def share(ec2: EC2Client, image_id: str, permissions: Sequence[str]) -> str | None:
    """Give launch permissions as in RestoreFacts; why EC2 did not take them, or None."""
    try:
        with translated(image_id):
            ec2.modify_image_attribute(
                ImageId=image_id, LaunchPermission={"Add": [_permission(one) for one in permissions]}
            )
    except ClientError as error:
        return f"{code_of(error)}: {message_of(error)}"
    except AccessDenied as error:
        return str(error)
    return None


def _permission(text: str) -> LaunchPermissionTypeDef:
    kind, _, value = text.partition(":")
    return {_KINDS[kind]: value}  # type: ignore[misc]  # one of the four keys, chosen at run time
