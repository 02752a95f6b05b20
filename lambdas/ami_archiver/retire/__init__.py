"""Retirement: the original goes only when it is provably safe, and never by surprise.

`reasons` says why an original stays, `moves` how its record goes on, `steps` what a run does. Whatever is unclear is a
reason to keep it.
"""
