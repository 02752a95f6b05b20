"""Who hears of a run, and who is woken when there is none."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.functions import METRICS_NAMESPACE, SERVICE


class Notifications(Construct):
    """The topic that gets the summary of every run, and the alarms."""

    def __init__(self, scope: Construct, construct_id: str, *, key: kms.Key, emails: Sequence[str]) -> None:
        super().__init__(scope, construct_id)
        self.topic = sns.Topic(self, "Topic", display_name="AMI archive", master_key=key, enforce_ssl=True)
        for email in emails:
            self.topic.add_subscription(subscriptions.EmailSubscription(email))
        alarms = iam.ServicePrincipal(
            "cloudwatch.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}}
        )
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[alarms],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
            )
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[alarms],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],  # in a key's policy: this key
            )
        )


class Alarms(Construct):
    """A run or restore that failed, images that failed, a run that did not happen, a start that did not succeed, a
    retirement that was refused, snapshots that do not go, archives that differ or were not looked at."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        topic: sns.ITopic,
        workflow: sfn.StateMachine,
        restore_workflow: sfn.StateMachine,
        watch_workflow: sfn.StateMachine,
        dead_letters: sqs.Queue,
        without_success_hours: int | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._topic = topic
        self._more_than_none("RunFailed", workflow.metric_failed(), "A run ended with an error")
        self._more_than_none("RunTimedOut", workflow.metric_timed_out(), "A run took too long")
        self._more_than_none("RunAborted", workflow.metric_aborted(), "A run was stopped by hand")
        self._more_than_none(
            "ImagesFailed", _own_metric("ImagesFailed"), "Images could not be stored; the run's summary names them"
        )
        self._more_than_none(
            "RetirementsStopped",
            _own_metric("RetirementsStopped"),
            "More originals would have gone in one run than account.retire_stop_percent allows, so none did",
        )
        self._snapshots_stay()
        self._more_than_none("RestoreRunFailed", restore_workflow.metric_failed(), "A restore ended with an error")
        self._more_than_none("RestoreRunTimedOut", restore_workflow.metric_timed_out(), "A restore took too long")
        self._more_than_none("RestoreRunAborted", restore_workflow.metric_aborted(), "A restore was stopped by hand")
        self._more_than_none(
            "RestoresFailed", _own_metric("RestoresFailed"), "Images could not be restored; the run's summary says why"
        )
        self._more_than_none(
            "ArchivesDiffering",
            _own_metric("ArchivesDiffering"),
            "Stored objects are not as they were recorded, or cannot be compared; the watch's summary names them",
        )
        self._more_than_none(
            "WatchFailed", watch_workflow.metric_failed(), "A watch of the archive ended with an error"
        )
        self._more_than_none("WatchTimedOut", watch_workflow.metric_timed_out(), "A watch of the archive took too long")
        self._none_for("NotWatched", _own_metric("ArchivesDiffering"), 26, "The archive was not watched")
        self._more_than_none(
            "DeadLetters",
            dead_letters.metric_approximate_number_of_messages_visible(),
            "A schedule could not start its run; the message in the dead-letter queue says why",
            statistic="Maximum",
        )
        if without_success_hours is not None:
            self._none_for("NoSuccess", _own_metric("RunSeconds"), without_success_hours, "No run has succeeded")

    def _none_for(self, name: str, metric: cloudwatch.Metric, hours: int, description: str) -> None:
        """No run or watch was reported for so many hours.

        CloudWatch cannot ask that in one period (it takes a day at most). So it looks at that many periods of one
        hour. An hour without a report has no data point, and when the last
        hour with one has passed out of sight, the alarm's data is insufficient: that change of state rings. A new
        alarm has insufficient data from the start, so none rings after the first deployment, nor ever if no run
        succeeds: RunFailed and DeadLetters say that. CloudWatch looks back some periods more than it is told, so it
        may ring some hours late. 26 is a nightly run's 24 and two for a night that takes longer than the one before;
        seven days is the most that CloudWatch looks back with periods of an hour. It is the report and not the
        execution's end that counts: an execution may go on for days, waiting for a person's approval.
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
        """
        alarm = self._alarm(
            name,
            metric.with_(period=cdk.Duration.hours(1), statistic="SampleCount"),
            f"{description} for {hours} hours: its data is then insufficient",
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            threshold=1,
            periods=hours,
            missing=cloudwatch.TreatMissingData.MISSING,
        )
        alarm.add_insufficient_data_action(actions.SnsAction(self._topic))

    def _snapshots_stay(self) -> None:
        """Left once, a snapshot is deleted by the next run as a rule; this one needs a person.

        Runs of a day count together, with the best of them; seven days is the most that CloudWatch looks back.
        """
        self._alarm(
            "SnapshotsLeft",
            _own_metric("SnapshotsLeft").with_(period=cdk.Duration.days(1), statistic="Minimum"),
            "Snapshots of deregistered images could not be deleted on three of seven days; the run's summary says more",
            comparison=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            threshold=0,
            periods=7,
            breaching_periods=3,
            missing=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _more_than_none(
        self, name: str, metric: cloudwatch.Metric, description: str, *, statistic: str = "Sum"
    ) -> None:
        self._alarm(
            name,
            metric.with_(period=cdk.Duration.minutes(5), statistic=statistic),
            description,
            comparison=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            threshold=0,
            periods=1,
            missing=cloudwatch.TreatMissingData.NOT_BREACHING,
        )

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        description: str,
        *,
        comparison: cloudwatch.ComparisonOperator,
        threshold: float,
        periods: int,
        breaching_periods: int | None = None,
        missing: cloudwatch.TreatMissingData,
    ) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            alarm_description=f"{description}.",
            comparison_operator=comparison,
            threshold=threshold,
            evaluation_periods=periods,
            datapoints_to_alarm=breaching_periods,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(actions.SnsAction(self._topic))
        return alarm


def _own_metric(name: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(namespace=METRICS_NAMESPACE, metric_name=name, dimensions_map={"service": SERVICE})
