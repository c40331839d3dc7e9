"""The functional core: what may happen next, decided without any input or output.

Nothing in this package reads a clock, a file, an environment variable or a random number; all of
these come in as data. It must not import any other part of `andon`.
"""
