"""AWS's query protocol but for EC2's own dialect: how Auto Scaling, SNS and others say that they refuse."""

from __future__ import annotations

import uuid
from xml.sax.saxutils import escape

from local_cloud.endpoint import Answer

CONTENT_TYPE = "text/xml"


def refusal(code: str, message: str, status: int = 400) -> Answer:
    fault = "Sender" if status < 500 else "Receiver"
    body = (
        f"<ErrorResponse><Error><Type>{fault}</Type><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        f"</Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
    )
    return status, {"content-type": CONTENT_TYPE}, body.encode()
