"""Services that need a call or two: SNS, Step Functions, and SSM's parameters."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from ami_archiver.adapters.aws_errors import code_of, translated
from ami_archiver.errors import AccessDenied

ENDED = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"})
"""States of an execution that does nothing any more."""
NOT_FOUND = "ParameterNotFound"


class SnsNotifier:
    """The topic that a run's summary goes to."""

    def __init__(self, client: Any, topic_arn: str) -> None:
        self._sns = client
        self._topic_arn = topic_arn

    def publish(self, subject: str, text: str) -> None:
        with translated(self._topic_arn):
            self._sns.publish(TopicArn=self._topic_arn, Subject=subject, Message=text)


class SfnExecutions:
    """Whether an execution of the archive's workflow still works, as Step Functions tells it."""

    def __init__(self, client: Any) -> None:
        self._sfn = client

    def has_ended(self, execution_arn: str) -> bool | None:
        """With those that it handed over to; None: Step Functions does not know it.

        DescribeExecution is eventually consistent: an execution that another one has just started may be unknown.
        https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
        """
        arn = execution_arn
        while True:
            try:
                with translated(arn):
                    described = self._sfn.describe_execution(executionArn=arn)
            except ClientError as error:
                if code_of(error) != "ExecutionDoesNotExist":
                    raise
                return None if arn == execution_arn else False
            if described["status"] not in ENDED:
                return False
            output = json.loads(described.get("output") or "{}")
            if "ExecutionArn" not in output:
                return True
            arn = output["ExecutionArn"]


class SsmParameters:
    """SSM parameters that point at images."""

    def __init__(self, client: Any) -> None:
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

    def _read(self, arn: str) -> Any:
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
