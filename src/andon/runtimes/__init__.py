"""Isolation levels: where gates, set-up and command steps run (port `Runtime`).

`sandbox.py` (bubblewrap) and `process.py` carry out one `Job` each way; `supervise.py` is what they share: limits,
bounded output, the deadline, and the promise that nothing outlives `run`. Must not know gates, git or the store.
"""
