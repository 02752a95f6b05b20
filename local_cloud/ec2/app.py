"""The EC2 of the local cloud: one query request in, AWS's XML out."""

from __future__ import annotations

import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from botocore import xform_name
from moto.core.exceptions import ServiceException
from moto.core.request import Request as MotoRequest

from local_cloud.clock import Clock
from local_cloud.ec2 import (
    describe_images,
    image_attributes,
    image_state,
    launch_templates,
    make_images,
    references,
    snapshots,
    spot_fleets,
    store_tasks,
    tags,
    usage_reports,
)
from local_cloud.ec2.answers import CONTENT_TYPE, error_document, success_document
from local_cloud.ec2.moto_bridge import CatalogBackend, Launches, MotoInstances
from local_cloud.ec2.query import operation_model, parse_parameters
from local_cloud.ec2.request import Caller, Request, identify
from local_cloud.ec2.world import Operation, ParameterSource, World
from local_cloud.engine.catalog import Catalog
from local_cloud.engine.service import ImageService
from local_cloud.errors import AwsError
from local_cloud.settings import CloudSettings

logger = logging.getLogger(__name__)

_MODULES = (
    describe_images,
    image_attributes,
    image_state,
    launch_templates,
    make_images,
    references,
    snapshots,
    spot_fleets,
    store_tasks,
    tags,
    usage_reports,
)
"""Their functions that are named as boto3 names an operation answer it, from the catalog. The rest of EC2 is moto's."""
_UNLOCKED = frozenset(
    {
        "CreateRestoreImageTask",
        "CreateStoreImageTask",
        "DescribeImageReferences",
        "DescribeLaunchTemplateVersions",
        "DescribeStoreImageTasks",
    }
)
"""What also asks S3 or Systems Manager, which may wait for somebody who waits for the catalog's lock."""
_OF_IMAGES = re.compile("[A-Z][a-z]+(Image|Snapshot)s?([A-Z][A-Za-z]*)?|[A-Z][a-z]+Fast(Launch|Snapshot).*")
"""What moto would answer from images and snapshots of its own, of which it has none."""

_STATUS = {"DryRunOperation": 412, "RequestLimitExceeded": 503, "InternalError": 500}
_REFUSED = 400


@cache
def find_operation(name: str) -> Operation | None:
    """What answers an operation here; None if that is moto's."""
    found: Operation | None = next(filter(None, (getattr(one, xform_name(name), None) for one in _MODULES)), None)
    return found


class Throttle:
    """EC2's request rate limit: a token bucket for each account and Region, on the wall's clock.

    Refuses with RequestLimitExceeded what comes faster than `calls_per_second`; a second's worth may burst.
    """

    def __init__(self, calls_per_second: float | None, wall_seconds: Callable[[], float] = time.monotonic) -> None:
        self._rate = calls_per_second
        self._wall_seconds = wall_seconds
        self._lock = threading.Lock()
        self._buckets: dict[Caller, tuple[float, float]] = {}

    def admit(self, caller: Caller) -> None:
        if self._rate is None:
            return
        capacity = max(1.0, self._rate)
        now = self._wall_seconds()
        with self._lock:
            tokens, since = self._buckets.get(caller, (capacity, now))
            tokens = min(capacity, tokens + (now - since) * self._rate)
            admitted = tokens >= 1
            self._buckets[caller] = (tokens - 1 if admitted else tokens, now)
        if not admitted:
            raise AwsError("RequestLimitExceeded", "Request limit exceeded.")


class Ec2:
    """EC2 for all accounts and Regions. Thread-safe.

    An access key of twelve digits is an account id; any other belongs to the default account of the settings.
    """

    def __init__(
        self,
        service: ImageService,
        catalog: Catalog,
        clock: Clock,
        settings: CloudSettings,
        parameters: ParameterSource,
    ) -> None:
        self._launches = Launches(clock, settings.last_launched_delay_seconds)
        self._moto = MotoInstances(catalog, clock, self._launches)
        self._throttle = Throttle(settings.ec2_calls_per_second)
        self.world = World(service, catalog, clock, settings, parameters, self._moto)

    def instances(self, caller: Caller) -> CatalogBackend:
        """moto's of an account in a Region, for a service that launches some; guarded by the catalog's lock."""
        return self._moto.backend(caller)

    def handle(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Answer one signed query request with (HTTP status, headers, XML).

        Never raises. A refusal is 400 (412 for a dry run that would have succeeded, 503 for RequestLimitExceeded);
        500 is a bug of the local cloud, and logged.
        """
        request_id = str(uuid.uuid4())
        try:
            status, document = 200, self._answer(method, url, headers, body, request_id)
        except (AwsError, ServiceException) as error:
            status = _STATUS.get(error.code, _REFUSED)
            document = error_document(error.code, error.message, request_id)
        except Exception:
            logger.exception("EC2 failed to answer")
            status, document = 500, error_document("InternalError", "An internal error has occurred", request_id)
        return status, {"Content-Type": CONTENT_TYPE, "x-amzn-RequestId": request_id}, document

    def _answer(self, method: str, url: str, headers: Mapping[str, str], body: bytes, request_id: str) -> bytes:
        pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
        pairs += parse_qsl(body.decode("utf-8", errors="replace"), keep_blank_values=True)
        caller = identify(headers, self.world.settings)
        self._throttle.admit(caller)
        action = dict(pairs).get("Action")
        if not action:
            raise AwsError("MissingAction", "The request is missing an action or a required parameter.")
        if operation_model(action) is None:
            raise AwsError("InvalidAction", f"The action {action} is not valid for this web service.")
        if operation := find_operation(action):
            request = Request(action, parse_parameters(action, pairs, check_values=True), caller)
            return success_document(action, self._result(operation, request), request_id)
        parse_parameters(action, pairs, check_values=False)
        if _OF_IMAGES.fullmatch(action):
            raise AwsError("UnsupportedOperation", f"The local cloud does not have the operation {action}")
        self.world.service.settle()
        return self._from_moto(caller, action, MotoRequest.from_primitives(method, url, headers, body))

    def _result(self, operation: Operation, request: Request) -> dict[str, Any]:
        if request.operation in _UNLOCKED:
            result = operation(self.world, request)
        else:
            self.world.service.settle()
            with self.world.catalog.lock:
                self._launches.show()
                result = operation(self.world, request)
        request.stop_if_dry_run()
        return result

    def _from_moto(self, caller: Caller, action: str, request: MotoRequest) -> bytes:
        try:
            with self.world.catalog.lock:
                return self._moto.answer(caller, action, request)
        except (AwsError, ServiceException):
            raise
        except Exception as error:  # moto checks little: what it falls over is, nearly always, a bad parameter
            logger.warning("moto fell over %s", action, exc_info=True)
            raise AwsError("InvalidParameterValue", f"The parameters of {action} are not valid: {error}") from error
