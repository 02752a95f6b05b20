"""Auto Scaling groups and launch configurations: moto's, on the instances, templates and images of our EC2.

MiniStack has an Auto Scaling too, but it launches nothing, forgets mixed instances policies, takes a launch template's
id for its name and never pages. What CloudFormation makes is MiniStack's all the same, and not seen here.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from moto.autoscaling.models import AutoScalingBackend
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.exceptions import ServiceException
from moto.core.request import Request as MotoRequest
from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores

from local_cloud.ec2.app import Ec2
from local_cloud.ec2.moto_bridge import CatalogBackend, ForCaller
from local_cloud.ec2.request import Caller, identify
from local_cloud.errors import AwsError
from local_cloud.operations import Answer
from local_cloud.refusals import query_refusal

_LARGEST_PAGE = 100
_log = logging.getLogger("local_cloud")


class _Backend(AutoScalingBackend):
    """moto's backend of one account and Region, which launches its instances in our EC2."""

    def __init__(self, caller: Caller, instances: CatalogBackend) -> None:
        super().__init__(caller.region, caller.account_id)
        self.ec2_backend = instances


class _Response(ForCaller, AutoScalingResponse):
    """moto's Auto Scaling with its account, Region and backend given instead of guessed."""

    def __init__(self, caller: Caller, backend: _Backend) -> None:
        super().__init__()
        self.caller = caller
        self._backend = backend

    @property
    def autoscaling_backend(self) -> AutoScalingBackend:
        return self._backend

    def describe_auto_scaling_groups(self) -> ActionResult:
        self._check_page(self._backend.autoscaling_groups)
        return super().describe_auto_scaling_groups()

    def describe_launch_configurations(self) -> ActionResult:
        self._check_page(self._backend.launch_configurations)
        return super().describe_launch_configurations()

    def create_launch_configuration(self) -> ActionResult:
        name = self._get_param("LaunchConfigurationName")
        if name in self._backend.launch_configurations:
            raise AwsError("AlreadyExists", f"Launch Configuration by this name already exists: {name}")
        return super().create_launch_configuration()

    def create_auto_scaling_group(self) -> ActionResult:
        name = self._get_param("AutoScalingGroupName")
        if name in self._backend.autoscaling_groups:
            raise AwsError("AlreadyExists", f"AutoScalingGroup by this name already exists: {name}")
        wanted = self._get_param("LaunchConfigurationName")
        if wanted and wanted not in self._backend.launch_configurations:
            raise AwsError("ValidationError", f"Launch configuration name not found - {wanted}")
        return super().create_auto_scaling_group()

    def _check_page(self, known: Mapping[str, Any]) -> None:
        limit, token = self._get_int_param("MaxRecords", 1), self._get_param("NextToken")
        if not 1 <= limit <= _LARGEST_PAGE:
            raise AwsError("ValidationError", f"MaxRecords must be between 1 and {_LARGEST_PAGE}, not {limit}")
        if token and token not in known:
            raise AwsError("InvalidNextToken", "The NextToken value is not valid.")


class AutoScaling:
    """Auto Scaling for all accounts and Regions. Thread-safe: it works under the catalog's lock, as EC2 does."""

    def __init__(self, ec2: Ec2) -> None:
        self._ec2 = ec2
        self._backends: dict[Caller, _Backend] = {}

    def handle(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one signed query request with (HTTP status, headers, XML); 500 is a bug here, and logged."""
        query = dict(parse_qsl(body.decode("utf-8", errors="replace"), keep_blank_values=True))
        caller = identify(headers, self._ec2.world.settings)
        action = query.get("Action", "")
        self._ec2.world.service.settle()
        try:
            with self._ec2.world.catalog.lock:
                answer = self._answer(caller, action, MotoRequest.from_primitives(method, url, dict(headers), body))
        except (AwsError, ServiceException) as error:
            # What EC2 says of a template or an image is, to Auto Scaling, what is wrong with the group.
            of_ec2 = error.code.startswith("Invalid") and "." in error.code
            return query_refusal("ValidationError" if of_ec2 else error.code, error.message)
        except Exception:
            _log.exception("Auto Scaling failed to answer %s", action)
            return query_refusal("InternalFailure", "An internal error has occurred")
        return 200, {"content-type": "text/xml"}, answer

    def _answer(self, caller: Caller, action: str, request: MotoRequest) -> bytes:
        response = _Response(caller, self._backend(caller))
        response.setup_class(request)
        method = getattr(response, str(camelcase_to_underscores(action)), None) if action.isalnum() else None
        if method is None:
            raise AwsError("InvalidAction", f"The action {action} is not valid for this web service.")
        body = response.serialized(method())[2]
        return body.encode() if isinstance(body, str) else bytes(body)

    def _backend(self, caller: Caller) -> _Backend:
        if caller not in self._backends:
            self._backends[caller] = _Backend(caller, self._ec2.instances(caller))
        return self._backends[caller]
