"""The demo's second act: one intent becomes six tasks, six workers take them from the hook, and one change lands.

Rules: as in the first act, the workers are processes of their own that know the public command line only.
Must not know: the engine, the store, the gates.
"""
