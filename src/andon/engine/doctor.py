"""`andon doctor`: is everything as it should be, and what to do where it is not.

Checks the log against the projections (law 9), every run on its own (law 12), leftovers of crashes, the guard, the
isolation levels of this machine. Reads only, unless asked to mend.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from andon.core.errors import AndonError
from andon.engine import proof
from andon.engine.services import Services
from andon.engine.tidy import KEEP_ENDED_S, leftovers, remove_worktree
from andon.engine.transact import load_run


def doctor(
    services: Services,
    *,
    mend: bool,
    compare: Callable[[], Sequence[str]],
    rebuild: Callable[[], None],
    probes: Callable[[], dict[str, str | None]],
    guard_state: Callable[[], str | None],
) -> dict[str, Any]:
    """A list of checks, each {"check", "ok", "message", "next"}."""
    checks: list[dict[str, Any]] = []

    def add(name: str, problem: str | None, following: str = "", good: str = "") -> None:
        checks.append({"check": name, "ok": problem is None, "message": problem or good, "next": following})

    differences = list(compare())
    if differences and mend:
        rebuild()
        differences = list(compare())
    shown = "; ".join(differences[:5])
    add(
        "log and projections",
        f"{len(differences)} differences: {shown}" if differences else None,
        "andon doctor --mend",
        "replay(events) == projections",
    )
    add("runs", _runs(services), "andon log RUN", "every run can be read")
    add("target branch", _target(services), "andon init --target BRANCH", "the target branch exists")
    add("prepared landings", _prepared(services), "andon lead", "none is left over")
    add("evidence keys", proof.key_problem(services), "andon key list", "new evidence can be signed")
    lacking = proof.missing(services, mend=mend)
    following = "andon doctor --mend, or fetch refs/andon/evidence/* from a copy"
    add("evidence", lacking, following, "every landed commit has evidence: andon verify")
    leftovers = _worktrees(services, mend)
    add("worktrees", leftovers, "andon doctor --mend", "none is left over")
    for level, reason in probes().items():
        add(f"isolation {level}", reason, "apt-get install bubblewrap" if level == "sandbox" else "", "usable here")
    add("guard", guard_state(), "andon init", "the git hook protects the target branch")
    return {"ok": all(check["ok"] for check in checks), "checks": checks}


def _runs(services: Services) -> str | None:
    bad = []
    with services.store.read() as reader:
        for row in reader.runs(limit=100_000):
            try:
                run = load_run(reader, str(row["id"]))
                services.engine.definitions.get(reader, run.workflow)
            except AndonError as error:
                bad.append(f"{row['id']}: {error.message}")
    return "; ".join(bad[:5]) or None


def _target(services: Services) -> str | None:
    try:
        target = services.target
    except AndonError as error:
        return error.message
    return None if services.git.branch_head(target) else f"branch {target} does not exist"


def _prepared(services: Services) -> str | None:
    with services.store.read() as reader:
        rows = [row for row in reader.steps() if row["prepared_commit"]]
    return f"runs {', '.join(str(row['run']) for row in rows)} are in the middle of landing" if rows else None


def _worktrees(services: Services, mend: bool) -> str | None:
    """Worktrees of ended runs; with `mend` they are removed."""
    over = leftovers(services, older_than_s=0.0 if mend else 2 * KEEP_ENDED_S)
    if mend:
        for path, run_id in over:
            remove_worktree(services, path, run_id)
        return None
    return f"{len(over)} worktrees of runs that ended long ago; `andon lead` removes them" if over else None
