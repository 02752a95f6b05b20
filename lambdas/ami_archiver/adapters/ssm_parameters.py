"""SSM parameters that point at images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ami_archiver.adapters.aws_errors import code_of, translated
from ami_archiver.errors import AccessDenied

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


class SsmParameters:
    def __init__(self, client: SSMClient) -> None:
        self._ssm = client

    def point(self, arn: str, from_image_id: str, to_image_id: str) -> str | None:
        name = name_of(arn)
        try:
            with translated(name):
                parameter = self._ssm.get_parameter(Name=name)["Parameter"]
                value = parameter.get("Value")
                if value == to_image_id:
                    return None
                if value != from_image_id:
                    return f"points at {value} now"
                self._ssm.put_parameter(
                    Name=name, Value=to_image_id, Overwrite=True, DataType=parameter.get("DataType", "text")
                )
        except ClientError as error:
            return code_of(error)
        except AccessDenied as error:
            return str(error)
        return None


def name_of(arn: str) -> str:
    """arn:aws:ssm:us-east-1:123456789012:parameter/golden/web → /golden/web; one level has no slash: …/web → web."""
    path = arn.partition(":parameter/")[2]
    return f"/{path}" if "/" in path else path
