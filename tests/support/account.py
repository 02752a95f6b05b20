"""An account with what uses images, made in one line."""

from __future__ import annotations

from typing import Any

from ami_archiver.adapters.ec2_uses import Ec2Uses
from tests.support.archive import Archive, client

SIZES: dict[str, Any] = {"MinSize": 0, "MaxSize": 3, "AvailabilityZones": ["us-east-1a"]}
FLEET_ROLE = "arn:aws:iam::123456789012:role/fleet"
REFERENCES = "ec2:DescribeImageReferences"


class Account:
    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.ec2 = client(archive.cloud, "ec2")
        self.scaling = client(archive.cloud, "autoscaling")
        self.ssm = client(archive.cloud, "ssm")
        self.uses = Ec2Uses(self.ec2, self.scaling, self.ssm)

    def image(self, name: str = "one") -> str:
        return self.archive.image(name)

    def template(self, *images: str, name: str = "web", default: int | None = None) -> str:
        """A launch template with one version for each image (or alias); its id."""
        versions = [{"ImageId": image, "InstanceType": "t3.micro"} for image in images]
        made = self.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=versions[0])
        for one in versions[1:]:
            self.ec2.create_launch_template_version(LaunchTemplateName=name, LaunchTemplateData=one)
        if default is not None:
            self.ec2.modify_launch_template(LaunchTemplateName=name, DefaultVersion=str(default))
        return str(made["LaunchTemplate"]["LaunchTemplateId"])

    def instance(self, image_id: str) -> str:
        launched = self.ec2.run_instances(ImageId=image_id, MinCount=1, MaxCount=1, InstanceType="t3.micro")
        return str(launched["Instances"][0]["InstanceId"])

    def group(self, name: str = "group", **launches: Any) -> None:
        self.scaling.create_auto_scaling_group(AutoScalingGroupName=name, **launches, **SIZES)

    def fleet(self, **launches: Any) -> str:
        config = {"IamFleetRole": FLEET_ROLE, "TargetCapacity": 1, "SpotPrice": "1", **launches}
        return str(self.ec2.request_spot_fleet(SpotFleetRequestConfig=config)["SpotFleetRequestId"])

    def deny(self, *operations: str, code: str = "") -> None:
        for operation in operations:
            self.archive.cloud.service.faults.deny(operation, code)

    def users(self, image_id: str, depth: int = 3) -> tuple[str, ...]:
        found = self.uses.of([image_id], depth).references
        assert found.keys() <= {image_id}
        return found.get(image_id, ())

    def not_asked(self) -> set[str]:
        """The kinds of use that cannot be asked for."""
        return set(self.uses.of([self.image()], 3).not_asked)
