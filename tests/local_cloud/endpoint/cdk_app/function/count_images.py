import boto3


def handler(event, context):
    images = boto3.client("ec2").describe_images(Owners=["self"])["Images"]
    return {"policy": event["policy"], "images": len(images)}
