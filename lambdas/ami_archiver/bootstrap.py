"""Puts settings, adapters and steps together, once per function instance, at the first event.

What only some functions need is imported by them: the others start a tenth faster without. The clients that nearly
every call needs are made here; one that is needed now and then is made when it is, once.
"""

from __future__ import annotations

import os
from functools import cache

from ami_archiver.adapters import clients
from ami_archiver.adapters.s3_bucket import S3ArchiveBucket
from ami_archiver.adapters.sns_notifier import SnsNotifier
from ami_archiver.adapters.table_leases import TableLeases
from ami_archiver.adapters.table_runs import RETIREMENTS, WATCHES, TableRuns
from ami_archiver.app import App
from ami_archiver.clock import SystemClock
from ami_archiver.restore.app import RestoreApp
from ami_archiver.retire.app import RetireApp
from ami_archiver.settings import Settings


@cache
def restore_app() -> RestoreApp:
    """Raises BadSettings."""
    from ami_archiver.adapters.ec2_restores import Ec2Restores
    from ami_archiver.adapters.ssm_parameters import SsmParameters
    from ami_archiver.adapters.table_records import TableRecords
    from ami_archiver.adapters.table_restores import RESTORE_LEASE, RESTORE_SUMMARIES, TableRestores
    from ami_archiver.restore.app import RestoreApp

    settings = Settings.from_env(os.environ)
    dynamodb = clients.dynamodb()
    return RestoreApp(
        settings=settings,
        region=os.environ["AWS_REGION"],
        clock=SystemClock(),
        tasks=Ec2Restores(clients.ec2()),
        bucket=S3ArchiveBucket(clients.s3(), settings.bucket_name),
        records=TableRecords(dynamodb, settings.table_name),
        restores=TableRestores(dynamodb, settings.table_name),
        leases=TableLeases(dynamodb, settings.table_name, RESTORE_LEASE),
        runs=TableRuns(dynamodb, settings.table_name, RESTORE_SUMMARIES),
        parameters=SsmParameters(cache(clients.ssm)),
        notifier=SnsNotifier(cache(clients.sns), settings.topic_arn),
    )


@cache
def retire_app() -> RetireApp:
    """Raises BadSettings."""
    from ami_archiver.adapters.ebs_blocks import EbsBlocks
    from ami_archiver.adapters.ec2_originals import Ec2Originals
    from ami_archiver.adapters.ec2_usage_reports import Ec2UsageReports
    from ami_archiver.adapters.ec2_uses import Ec2Uses
    from ami_archiver.adapters.table_retirements import TableRetirements
    from ami_archiver.retire.app import RetireApp

    settings = Settings.from_env(os.environ)
    ec2, dynamodb = clients.ec2(), clients.dynamodb()
    return RetireApp(
        settings=settings,
        region=os.environ["AWS_REGION"],
        clock=SystemClock(),
        originals=Ec2Originals(ec2),
        uses=Ec2Uses(ec2, cache(clients.autoscaling), cache(clients.ssm)),
        usage_reports=Ec2UsageReports(ec2, settings.account_id),
        blocks=EbsBlocks(ec2, cache(clients.ebs)),
        bucket=S3ArchiveBucket(clients.s3(), settings.bucket_name),
        retirements=TableRetirements(dynamodb, settings.table_name),
        leases=TableLeases(dynamodb, settings.table_name),
        runs=TableRuns(dynamodb, settings.table_name),
        summaries=TableRuns(dynamodb, settings.table_name, RETIREMENTS),
        notifier=SnsNotifier(cache(clients.sns), settings.topic_arn),
    )


@cache
def app() -> App:
    """Raises BadSettings."""
    from ami_archiver.adapters.ec2_images import Ec2Images
    from ami_archiver.adapters.ec2_store_tasks import Ec2StoreTasks
    from ami_archiver.adapters.sfn_executions import SfnExecutions
    from ami_archiver.adapters.table_records import TableRecords
    from ami_archiver.app import App

    settings = Settings.from_env(os.environ)
    ec2, dynamodb = clients.ec2(), clients.dynamodb()
    return App(
        settings=settings,
        region=os.environ["AWS_REGION"],
        clock=SystemClock(),
        images=Ec2Images(ec2),
        store_tasks=Ec2StoreTasks(ec2),
        bucket=S3ArchiveBucket(clients.s3(), settings.bucket_name),
        records=TableRecords(dynamodb, settings.table_name),
        leases=TableLeases(dynamodb, settings.table_name),
        executions=SfnExecutions(cache(clients.stepfunctions)),
        runs=TableRuns(dynamodb, settings.table_name),
        retirements=TableRuns(dynamodb, settings.table_name, RETIREMENTS),
        watches=TableRuns(dynamodb, settings.table_name, WATCHES),
        notifier=SnsNotifier(cache(clients.sns), settings.topic_arn),
    )
