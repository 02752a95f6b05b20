"""EC2 over HTTP: images, snapshots and their tasks from the catalog, everything else from moto."""
