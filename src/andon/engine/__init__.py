"""The engine: carries out commands on the core with a store, git and a verifier.

It is the only place that joins decisions with the world. It knows adapters by the ports alone; `andon.app` wires them.
"""
