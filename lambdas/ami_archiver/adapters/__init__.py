"""All of the archiver's AWS calls, by botocore, behind the ports. A raw answer of the SDK never leaves this package."""
