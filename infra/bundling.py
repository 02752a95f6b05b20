"""Hands the functions' asset to the CDK."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_

from infra import asset


def functions_code() -> lambda_.Code:
    """The asset; every function takes it, each with its own handler. Raises BundlingError."""
    asset.vendored()  # now, since an exception does not come through the CDK's callback as what it is
    return lambda_.Code.from_asset(
        str(asset.SOURCE),
        asset_hash_type=cdk.AssetHashType.CUSTOM,
        asset_hash=asset.content_hash(),
        bundling=cdk.BundlingOptions(image=cdk.DockerImage.from_registry("none"), local=_LocalBundling()),
    )


@jsii.implements(cdk.ILocalBundling)
class _LocalBundling:
    def try_bundle(self, output_dir: str, *_options: object, **_more: object) -> bool:
        asset.bundle(Path(output_dir))
        return True
