"""Where the coordination state is kept: SQLite and memory stores behind one contract, migrations, the hot path.

Rules: a store knows events, states and rows, never what they mean. Nothing is imported here: the hot path counts
imports.
"""
