"""Whether an execution of the archive's workflow still works, as Step Functions tells it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ami_archiver.adapters.aws_errors import code_of, translated

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


ENDED = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"})


class SfnExecutions:
    """The client is made at the first question: few runs meet another one."""

    def __init__(self, client: SFNClient) -> None:
        self._sfn = client

    def has_ended(self, execution_arn: str) -> bool | None:
        """DescribeExecution is eventually consistent: an execution that another one has just started may be unknown.
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
