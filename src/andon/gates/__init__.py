"""Gates that Andon measures itself (port `Verifier`): run, diff, artifact, protected paths, command steps.

`verifier.py` is the way in; `run_gate.py` runs commands in an environment (`environment.py`) through the port `Runtime`
and reads what they left (`reports/`, `logs.py`, `conditions.py`). Outcomes never collapse: whatever was not measured is
`unmeasured`, with the reason. Must not know the engine, the store's tables, or which runtimes exist.
"""
