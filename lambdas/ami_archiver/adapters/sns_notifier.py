"""The topic that a run's summary goes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ami_archiver.adapters.aws_errors import translated

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


class SnsNotifier:
    """The client is made when something is told: most functions never tell anything."""

    def __init__(self, client: SNSClient, topic_arn: str) -> None:
        self._sns = client
        self._topic_arn = topic_arn

    def publish(self, subject: str, text: str) -> None:
        with translated(self._topic_arn):
            self._sns.publish(TopicArn=self._topic_arn, Subject=subject, Message=text)
