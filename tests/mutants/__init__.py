"""The proof that the tests are awake: deliberate bugs, one at a time, each of which must make a test fail."""
