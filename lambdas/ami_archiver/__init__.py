"""The archiver's domain: what to store, when, and what happened to it.

Pure decisions are in the modules here, what a run does step by step in `steps`, everything that talks to AWS in
`adapters`; `bootstrap` puts them together for the handlers.
"""
