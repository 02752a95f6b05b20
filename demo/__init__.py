"""`make demo`: a real deployment archives a fleet on the local cloud, shown live, and its claims are checked."""
