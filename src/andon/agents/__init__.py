"""Agent clients: the dialects of their hooks, the set-up of their configuration, and launching them without a person.

An adapter: it knows clients' formats and nothing of the store or the engine. `hooks` is on the hot path and imports
nothing heavy; `setup` and `launch` are for people and workers.
"""
