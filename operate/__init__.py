"""For people who operate a deployed archive, on AWS or on the local cloud (`AWS_ENDPOINT_URL`)."""
