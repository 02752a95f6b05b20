"""How the services refuse a call that `Faults.deny` denies: each in its own protocol."""

from __future__ import annotations

import json
from xml.sax.saxutils import escape

from local_cloud.ec2.answers import error_document
from local_cloud.engine.faults import CallFaults
from local_cloud.object_store import EC2_CALLER
from local_cloud.operations import Answer, Request, identify

_REQUEST_ID = "00000000-0000-4000-8000-000000000000"
_STATUS = {
    "AccessDenied": 403,
    "UnauthorizedOperation": 403,
    "InternalError": 500,
    "InternalFailure": 500,
    "RequestLimitExceeded": 503,
    "ServiceUnavailable": 503,
    "Unavailable": 503,
}
_JSON_DENIED = "AccessDeniedException"


def refusal_of(faults: CallFaults, request: Request) -> Answer | None:
    """The refusal of a denied call; None for one that may go on, and for what EC2 itself asks.

    Not for CloudWatch, whose answers are CBOR.
    """
    if not faults.denies:
        return None
    operation = identify(request)
    service = operation.signer.service
    if operation.signer.app_id == EC2_CALLER:
        return None
    code = faults.take_denial(service, operation.name)
    if code is None:
        return None
    message = f"You are not authorized to perform this operation: {service}:{operation.name}."
    if service == "ec2":
        return _ec2(code or "UnauthorizedOperation", message)
    if "x-amz-target" in request.headers:
        return _json(code or _JSON_DENIED, message, status=400)
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return query_refusal(code or "AccessDenied", message)
    if service == "s3":
        return _rest_xml(code or "AccessDenied", message)
    return _json(code or _JSON_DENIED, message, status=403)


def query_refusal(code: str, message: str) -> Answer:
    """A refusal in AWS's query protocol but for EC2's own dialect: of Auto Scaling, SNS and others."""
    status = _status(code)
    fault = "Sender" if status < 500 else "Receiver"
    body = (
        f"<ErrorResponse><Error><Type>{fault}</Type><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        f"</Error><RequestId>{_REQUEST_ID}</RequestId></ErrorResponse>"
    )
    return status, {"content-type": "text/xml"}, body.encode()


def _ec2(code: str, message: str) -> Answer:
    return _status(code), {"content-type": "text/xml;charset=UTF-8"}, error_document(code, message, _REQUEST_ID)


def _rest_xml(code: str, message: str) -> Answer:
    body = (
        f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        f"<RequestId>{_REQUEST_ID}</RequestId></Error>"
    )
    return _status(code), {"content-type": "application/xml"}, body.encode()


def _json(code: str, message: str, *, status: int) -> Answer:
    headers = {"content-type": "application/x-amz-json-1.1", "x-amzn-errortype": code}
    return _STATUS.get(code, status), headers, json.dumps({"__type": code, "message": message}).encode()


def _status(code: str) -> int:
    return _STATUS.get(code, 400)
