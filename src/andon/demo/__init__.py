"""`andon demo`: a real project, real tasks, scripted workers, and what Andon let through.

Rules: the workers are separate processes that use the public command line only; the tools they run are the real
ones; whatever the demo says was refused or landed is read from Andon's own replies, log and git.
Must not know: the engine, the store, the gates. It is a user of Andon, like any other.
"""

from __future__ import annotations


def main(
    *,
    directory: str | None = None,
    keep: bool = True,
    workers: int = 3,
    act: str = "all",
    as_json: bool = False,
    plain: bool = False,
) -> int:
    """What `andon demo` calls; returns the exit code."""
    from pathlib import Path

    from andon.demo.driver import Options, run_demo

    where = Path(directory) if directory is not None else None
    return run_demo(Options(directory=where, keep=keep, workers=workers, act=act, json=as_json, plain=plain))
