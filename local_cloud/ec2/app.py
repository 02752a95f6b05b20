"""The EC2 of the local cloud: one query request in, AWS's XML out."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from moto.core.exceptions import ServiceException
from moto.core.request import Request as MotoRequest

from local_cloud.clock import Clock
from local_cloud.ec2 import (
    copies,
    describe_images,
    ebs_settings,
    image_attributes,
    image_state,
    launch_templates,
    references,
    register_image,
    snapshot_protection,
    snapshots,
    spot_fleets,
    store_tasks,
    tags,
    usage_reports,
)
from local_cloud.ec2.answers import CONTENT_TYPE, error_document, success_document
from local_cloud.ec2.launches import Launches
from local_cloud.ec2.moto_bridge import CatalogBackend, MotoInstances
from local_cloud.ec2.operation import Operation
from local_cloud.ec2.query import parse_parameters
from local_cloud.ec2.request import Caller, Request, identify
from local_cloud.ec2.sdk import operation_model
from local_cloud.ec2.throttle import Throttle
from local_cloud.ec2.world import ParameterSource, World
from local_cloud.engine.catalog import Catalog
from local_cloud.engine.service import ImageService
from local_cloud.errors import AwsError
from local_cloud.settings import CloudSettings

logger = logging.getLogger(__name__)

OPERATIONS: Mapping[str, Operation] = {
    **copies.OPERATIONS,
    **describe_images.OPERATIONS,
    **ebs_settings.OPERATIONS,
    **image_attributes.OPERATIONS,
    **image_state.OPERATIONS,
    **launch_templates.OPERATIONS,
    **register_image.OPERATIONS,
    **snapshot_protection.OPERATIONS,
    **snapshots.OPERATIONS,
    **spot_fleets.OPERATIONS,
    **tags.OPERATIONS,
    **usage_reports.OPERATIONS,
}
"""What is answered from the catalog, under its lock. Whatever else EC2 has is moto's."""

UNLOCKED_OPERATIONS: Mapping[str, Operation] = {
    **launch_templates.UNLOCKED_OPERATIONS,
    **references.OPERATIONS,
    **store_tasks.OPERATIONS,
}
"""What also asks S3 or Systems Manager, which may wait for somebody who waits for the catalog."""

_STATUS = {"DryRunOperation": 412, "RequestLimitExceeded": 503, "InternalError": 500}
_REFUSED = 400


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
        query = dict(pairs)
        caller = identify({name.lower(): value for name, value in headers.items()}, query, self.world.settings)
        self._throttle.admit(caller)
        action = query.get("Action")
        if not action:
            raise AwsError("MissingAction", "The request is missing an action or a required parameter.")
        if operation_model(action) is None:
            raise AwsError("InvalidAction", f"The action {action} is not valid for this web service.")
        if action in UNLOCKED_OPERATIONS or action in OPERATIONS:
            request = Request(action, parse_parameters(action, pairs, check_values=True), caller)
            return success_document(action, self._result(request), request_id)
        parse_parameters(action, pairs, check_values=False)
        self.world.service.settle()
        return self._from_moto(caller, action, MotoRequest.from_primitives(method, url, headers, body))

    def _result(self, request: Request) -> dict[str, Any]:
        if request.operation in UNLOCKED_OPERATIONS:
            result = UNLOCKED_OPERATIONS[request.operation](self.world, request)
        else:
            self.world.service.settle()
            with self.world.catalog.lock:
                self._launches.show()
                result = OPERATIONS[request.operation](self.world, request)
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
