"""What can happen to a call of a step: once, or from there to the end of the night."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from local_cloud.in_process import _Raw
from tests.chaos.wire import Call, Disturbance, Step
from tests.support.state_machine import Killed

URL = "http://127.0.0.1"


@dataclass
class Fault(Disturbance):
    """At the call with this number; `hits` counts how often it struck."""

    number: int
    hits: int = field(default=0, init=False)

    def before(self, call: Call) -> None:
        if call.number == self.number:
            self.strike_before()

    def answer(self, call: Call, attempt: int, send: Callable[[], AWSResponse]) -> AWSResponse:
        return self.strike(call, attempt, send) if call.number == self.number else send()

    def after(self, call: Call) -> None:
        if call.number == self.number:
            self.strike_after()

    def strike_before(self) -> None:
        pass

    def strike(self, call: Call, attempt: int, send: Callable[[], AWSResponse]) -> AWSResponse:
        return send()

    def strike_after(self) -> None:
        pass


class KilledBefore(Fault):
    """The function dies just before the call."""

    def strike_before(self) -> None:
        self.hits += 1
        raise Killed


class KilledWithoutAnswer(Fault):
    """The call takes effect, and the function dies before the answer is there."""

    def strike(self, call: Call, attempt: int, send: Callable[[], AWSResponse]) -> AWSResponse:
        self.hits += 1
        send()
        raise Killed


class KilledAfter(Fault):
    """The function dies between the answer and its next line."""

    def strike_after(self) -> None:
        self.hits += 1
        raise Killed


class ConnectionLost(Fault):
    """The call takes effect, the answer is lost, and the SDK sends it again."""

    first: AWSResponse | None = field(default=None, init=False)

    def strike(self, call: Call, attempt: int, send: Callable[[], AWSResponse]) -> AWSResponse:
        if attempt == 1:
            self.hits += 1
            self.first = send()
            raise ConnectionClosedError(endpoint_url=URL)
        if call.operation == "TransactWriteItems" and self.first is not None:
            return self.first  # by its token; MiniStack compares the request with one that it has changed meanwhile
        return send()


class EffectThenSilence(Fault):
    """The call takes effect, and neither its answer nor that of any repetition arrives: the SDK gives up."""

    def strike(self, call: Call, attempt: int, send: Callable[[], AWSResponse]) -> AWSResponse:
        if attempt == 1:
            send()
            self.hits += 1
        raise ReadTimeoutError(endpoint_url=URL)


class TimedOut(Fault):
    """The request never arrives; the SDK sends it again."""

    def strike(self, call: Call, attempt: int, send: Callable[[], AWSResponse]) -> AWSResponse:
        if attempt > 1:
            return send()
        self.hits += 1
        raise ReadTimeoutError(endpoint_url=URL)


class Throttled(Fault):
    """AWS asks to slow down, once."""

    def strike(self, call: Call, attempt: int, send: Callable[[], AWSResponse]) -> AWSResponse:
        if attempt > 1:
            return send()
        self.hits += 1
        return refusal(call, *THROTTLE[call.service])


class InternalError(Fault):
    """AWS fails inside, once."""

    def strike(self, call: Call, attempt: int, send: Callable[[], AWSResponse]) -> AWSResponse:
        if attempt > 1:
            return send()
        self.hits += 1
        return refusal(call, 500, "InternalServerError" if call.service == "dynamodb" else "InternalError")


class Unavailable(Fault):
    """AWS is unavailable for longer than the SDK tries."""

    def strike(self, call: Call, attempt: int, send: Callable[[], AWSResponse]) -> AWSResponse:
        self.hits += 1
        return refusal(call, 503, "ServiceUnavailable")


class Denied(Fault):
    """AWS refuses the call for want of a permission."""

    first: Call | None = None

    def strike(self, call: Call, attempt: int, send: Callable[[], AWSResponse]) -> AWSResponse:
        self.hits += 1
        self.first = call
        return refusal(call, *DENIED[call.service])


class DeniedForTheNight(Fault):
    """AWS refuses this call, and until the end of the night every other that `is_alike`."""

    first: Call | None = None
    over = False

    def is_alike(self, call: Call, first: Call) -> bool:
        raise NotImplementedError

    def before(self, call: Call) -> None:
        if call.number == self.number and self.applies(call):
            self.first = call

    def answer(self, call: Call, attempt: int, send: Callable[[], AWSResponse]) -> AWSResponse:
        if self.first is None or self.over or not self.is_alike(call, self.first):
            return send()
        self.hits += 1
        return refusal(call, *DENIED[call.service])

    def next_night(self) -> None:
        self.over = self.first is not None


class DeniedForImage(DeniedForTheNight):
    """Whatever names this one image, its snapshots or its object's key; what is about others is not."""

    def applies(self, moment: Call | Step) -> bool:
        return isinstance(moment, Call) and moment.image is not None

    def is_alike(self, call: Call, first: Call) -> bool:
        return call.image == first.image


class DeniedForRole(DeniedForTheNight):
    """The operation, for everything."""

    def is_alike(self, call: Call, first: Call) -> bool:
        return (call.service, call.operation) == (first.service, first.operation)


FAULTS: dict[str, type[Fault]] = {
    "killed-before": KilledBefore,
    "killed-without-answer": KilledWithoutAnswer,
    "killed-after": KilledAfter,
    "connection-lost": ConnectionLost,
    "effect-then-silence": EffectThenSilence,
    "timed-out": TimedOut,
    "throttled": Throttled,
    "internal-error": InternalError,
    "unavailable": Unavailable,
    "denied": Denied,
    "denied-for-image": DeniedForImage,
    "denied-for-role": DeniedForRole,
}

THROTTLE = {
    "ec2": (503, "RequestLimitExceeded"),
    "dynamodb": (400, "ProvisionedThroughputExceededException"),
    "s3": (503, "SlowDown"),
    "sns": (400, "Throttling"),
    "auto-scaling": (400, "Throttling"),
    "ebs": (400, "ThrottlingException"),
    "ssm": (400, "ThrottlingException"),
    "sfn": (400, "ThrottlingException"),
}
DENIED = {
    "ec2": (403, "UnauthorizedOperation"),
    "dynamodb": (400, "AccessDeniedException"),
    "s3": (403, "AccessDenied"),
    "sns": (403, "AuthorizationError"),
    "auto-scaling": (403, "AccessDenied"),
    "ebs": (403, "AccessDeniedException"),
    "ssm": (400, "AccessDeniedException"),
    "sfn": (400, "AccessDeniedException"),
}


def refusal(call: Call, status: int, code: str) -> AWSResponse:
    """An error as the service words it."""
    message = "injected"
    if call.service in ("dynamodb", "ssm", "ebs", "sfn"):
        kind = f"com.amazonaws.dynamodb.v20120810#{code}" if call.service == "dynamodb" else code
        body = json.dumps({"__type": kind, "message": message})
        headers = {"content-type": "application/x-amz-json-1.0", "x-amzn-errortype": code}
    else:
        error = f"<Code>{code}</Code><Message>{message}</Message>"
        wrapped = f"<Error><Type>Sender</Type>{error}</Error>"
        body = {
            "ec2": f"<Response><Errors><Error>{error}</Error></Errors><RequestID>r-1</RequestID></Response>",
            "s3": f"<Error>{error}<RequestId>r-1</RequestId></Error>",
            "auto-scaling": f"<ErrorResponse>{wrapped}<RequestId>r-1</RequestId></ErrorResponse>",
            "sns": f"<ErrorResponse>{wrapped}<RequestId>r-1</RequestId></ErrorResponse>",
        }[call.service]
        headers = {"content-type": "text/xml"}
    raw = b"" if call.operation == "HeadObject" else body.encode()
    return AWSResponse(URL, status, headers, _Raw(raw))  # type: ignore[arg-type]
