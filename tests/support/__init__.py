"""What the tests share: an archive in a world of its own, in domain words."""
