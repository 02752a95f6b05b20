"""boto3 clients against a local cloud, whoever makes them and whatever the shell around them says."""

from __future__ import annotations

from typing import Any

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config

from local_cloud.environment import DUMMY_SECRET

_MODELS = botocore.loaders.Loader()
"""Service models are read once for all sessions: S3's alone takes a quarter of a second."""


def session(account_id: str, region: str) -> boto3.Session:
    """A session with the account's credentials that reads no configuration file."""
    core = botocore.session.Session()
    core.register_component("data_loader", _MODELS)
    core.set_config_variable("config_file", "/dev/null")
    core.set_config_variable("credentials_file", "/dev/null")
    return boto3.Session(
        aws_access_key_id=account_id,
        aws_secret_access_key=DUMMY_SECRET,
        region_name=region,
        botocore_session=core,
    )


def config(app_id: str | None = None, *, max_connections: int = 32) -> Config:
    """Settings of a client: address-style S3, no proxy, patient reads, `app_id` for the log of calls."""
    return Config(
        user_agent_appid=app_id,  # type: ignore[call-arg]  # newer than the stubs
        proxies={},
        max_pool_connections=max_connections,
        read_timeout=120,
        retries={"mode": "standard", "max_attempts": 3},
        s3={"addressing_style": "path"},
    )


def client(name: str, account_id: str, region: str, endpoint_url: str | None = None, app_id: str | None = None) -> Any:
    """One boto3 client."""
    # boto3-stubs type a client by a literal name only; here it is whatever the caller asks for.
    return session(account_id, region).client(  # type: ignore[call-overload]
        name, endpoint_url=endpoint_url, config=config(app_id)
    )
