"""A local AWS for machine images: one endpoint on 127.0.0.1 that keeps AWS's rules for images.

`engine` is EC2's image store and restore service in plain Python, `ec2` speaks it over HTTP (on top of moto),
`s3` adds what the S3 emulator lacks, `fleet` fills it with images, `endpoint` puts all of it behind one port.
"""
