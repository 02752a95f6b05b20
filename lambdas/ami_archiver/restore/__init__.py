"""The way back: stored objects become images again, under the account's restore budget.

The same architecture as the archive: pure decisions here, what a run does in `steps`, AWS in `adapters`.
"""
