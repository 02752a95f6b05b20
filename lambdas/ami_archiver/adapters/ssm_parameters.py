"""SSM parameters that point at images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ami_archiver.adapters.aws_errors import code_of, translated
from ami_archiver.errors import AccessDenied

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_ssm.type_defs import ParameterTypeDef


NOT_FOUND = "ParameterNotFound"


class SsmParameters:
    """The client is made when it is first needed: few restores point a parameter at their image."""

    def __init__(self, client: SSMClient) -> None:
        self._ssm = client

    def point(self, arn: str, from_image_id: str, to_image_id: str) -> str | None:
        """Let a parameter that points at one image point at another; why it was left as it is, or None."""
        try:
            with translated(arn):
                parameter = self._read(arn)
                if parameter is None:
                    return NOT_FOUND
                value = parameter.get("Value")
                if value == to_image_id:
                    return None
                if value != from_image_id:
                    return f"points at {value} now"
                self._ssm.put_parameter(
                    Name=parameter["Name"],
                    Value=to_image_id,
                    Overwrite=True,
                    DataType=parameter.get("DataType", "text"),
                )
        except ClientError as error:
            return code_of(error)
        except AccessDenied as error:
            return str(error)
        return None

    def _read(self, arn: str) -> ParameterTypeDef | None:
        for name in names_of(arn):
            try:
                return self._ssm.get_parameter(Name=name)["Parameter"]
            except ClientError as error:
                if code_of(error) != NOT_FOUND:
                    raise
        return None


def names_of(arn: str) -> tuple[str, ...]:
    """arn:…:parameter/golden/web is /golden/web; with one level the ARN does not tell whether a slash comes first."""
    path = arn.partition(":parameter/")[2]
    return (f"/{path}",) if "/" in path else (path, f"/{path}")
