"""EC2's API as the AWS SDK describes it: the one source of names, types and required parameters here."""

from __future__ import annotations

from functools import cache

import botocore.session
from botocore.model import OperationModel, ServiceModel


@cache
def service_model() -> ServiceModel:
    """EC2's service-2.json, as botocore ships it."""
    return botocore.session.get_session().get_service_model("ec2")


@cache
def operation_model(name: str) -> OperationModel | None:
    """The SDK's description of one operation; None when EC2 has no such operation."""
    model = service_model()
    return model.operation_model(name) if name in _operation_names() else None


@cache
def _operation_names() -> frozenset[str]:
    return frozenset(service_model().operation_names)
