"""The functions' entry points, one per state of the workflow: unpack, call one step, return."""
