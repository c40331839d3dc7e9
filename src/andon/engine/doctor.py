"""`andon doctor`: is everything as it should be, and what to do where it is not.

Checks the database file, the log against the projections (law 9), every run on its own (law 12), archives, leftovers of
crashes, the guard, the isolation levels of this machine. Reads only, unless asked to mend.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from andon.core.errors import AndonError
from andon.engine import integration, proof
from andon.engine.services import Services
from andon.engine.tidy import KEEP_ENDED_S, leftovers, remove_worktree
from andon.engine.transact import load_run

MAX_BAD_RUNS = 1000

LOST = "what can't be read is lost, and its last state is kept: go on with that; or bring back all of an export by"
"""What is to be done about events that can't be read: nothing mends them here."""

REPLACE = "andon import into a new database"
SALVAGE = "andon doctor --salvage saves what can be read into a new database and keeps the damaged one"


def doctor(
    services: Services,
    *,
    mend: bool,
    database: Callable[[bool], Sequence[str]],
    compare: Callable[[], Sequence[str]],
    rebuild: Callable[[], None],
    unreadable: Callable[[], Sequence[str]] = tuple,
    archives: Callable[[], Sequence[str]],
    probes: Callable[[], dict[str, str | None]],
    guard_state: Callable[[], str | None],
    clients: Callable[[], Sequence[dict[str, Any]]] = tuple,
    undelivered: Callable[[], Sequence[str]] = tuple,
    workspace: Callable[[], Sequence[dict[str, Any]]] = tuple,
) -> dict[str, Any]:
    """A list of checks, each {"check", "ok", "message", "next"}. A check that can't be made is one that failed.

    clients: checks of agents' clients, made elsewhere; they may hold "warning": true where nothing is wrong as yet.
    undelivered: what became of messages that nobody has acknowledged for too long; a warning. workspace: checks of the one that
    the repository belongs to, made elsewhere.
    """
    checks: list[dict[str, Any]] = []

    def add(name: str, find: Callable[[], str | None], following: str = "", good: str = "") -> None:
        try:
            problem = find()
        except AndonError as error:
            problem, following = error.message, error.next if error.next != "andon doctor" else SALVAGE
        checks.append({"check": name, "ok": problem is None, "message": problem or good, "next": following})

    add("database", lambda: _listed(database(mend)), f"andon doctor --mend; if that is not enough, {SALVAGE}", "sound")
    checks.append(_replay(compare, rebuild, unreadable, mend=mend))
    add("archives", lambda: _listed(archives()), "restore the file from a copy", "every archive is what was archived")
    add("runs", lambda: _runs(services), "andon log RUN", "every run can be read")
    add("target branch", lambda: _target(services), "andon init --target BRANCH", "the target branch exists")
    checks.append(_integration(services))
    add("prepared landings", lambda: _prepared(services), "andon lead", "none is left over")
    add("evidence keys", lambda: proof.key_problem(services), "andon key list", "new evidence can be signed")
    following = "andon doctor --mend, or fetch refs/andon/evidence/* from a copy"
    good = "every landed commit has evidence: andon verify COMMIT"
    add("evidence", lambda: proof.missing(services, mend=mend), following, good)
    checks.append(_merge_queue(services))
    checks.append(_flaky(services))
    add("worktrees", lambda: _worktrees(services, mend), "andon doctor --mend", _good_worktrees(services))
    for level, reason in probes().items():
        following = "apt-get install bubblewrap" if level == "sandbox" else ""
        add(f"isolation {level}", lambda reason=reason: reason, following, "usable here")  # type: ignore[misc]
    add("guard", guard_state, "andon init", "the git hook protects the target branch")
    checks.append(_messages(undelivered))
    checks.extend(workspace())
    checks.extend(clients())
    return {"ok": all(check["ok"] for check in checks), "checks": checks}


def _replay(
    compare: Callable[[], Sequence[str]],
    rebuild: Callable[[], None],
    unreadable: Callable[[], Sequence[str]],
    *,
    mend: bool,
) -> dict[str, Any]:
    found: dict[str, Any] = {"check": "log and projections", "ok": True, "message": "replay(events) == projections"}
    try:
        differences = list(compare())
        if differences and mend:
            rebuild()
            differences = list(compare())
        following = following_of(differences, unreadable)
    except AndonError as error:
        return found | {
            "ok": False,
            "message": error.message,
            "next": error.next if error.next != "andon doctor" else SALVAGE,
        }
    if differences:
        found |= {"ok": False, "message": f"{len(differences)} differences: {'; '.join(differences[:5])}"}
    return found | {"next": following}


def following_of(differences: Sequence[str], unreadable: Callable[[], Sequence[str]], copy: str = REPLACE) -> str:
    """What is to be done about differences between a log and its projections. copy: what brings a store back from an export."""
    if not differences:
        return ""
    return f"{LOST} {copy}" if set(differences) <= set(unreadable()) else "andon doctor --mend"


def _messages(undelivered: Callable[[], Sequence[str]]) -> dict[str, Any]:
    try:
        found = _listed(undelivered())
    except AndonError as error:
        return {"check": "messages", "ok": False, "message": error.message, "next": error.next}
    text = f"undelivered: {found}" if found else "every message reached somebody"
    following = "andon status; andon show M…" if found else ""
    check: dict[str, Any] = {"check": "messages", "ok": True, "message": text, "next": following}
    return check | {"warning": True} if found else check


def _integration(services: Services) -> dict[str, Any]:
    """Where children's work is put together: nothing is built upon what nobody's events explain."""
    found: dict[str, Any] = {"check": "integration references", "ok": True, "message": "each is where it was put"}
    try:
        problems = integration.problems(services)
    except AndonError as error:
        return found | {"ok": False, "message": error.message, "next": SALVAGE}
    if not problems:
        return found | {"next": ""}
    return found | {"ok": False, "message": _listed([text for text, _mend in problems]), "next": problems[0][1]}


def _merge_queue(services: Services) -> dict[str, Any]:
    """A freeze that can't be read counts as one; nobody would find out why nothing lands."""
    from andon.engine.merge_queue import UNREADABLE, unreadable_freezes

    found: dict[str, Any] = {"check": "merge queue", "ok": True, "message": "every freeze can be read", "next": ""}
    try:
        frozen = unreadable_freezes(services)
    except AndonError as error:
        return found | {"ok": False, "message": error.message, "next": SALVAGE}
    if frozen:
        text = f"nothing lands on {', '.join(frozen[:5])}: {UNREADABLE}"
        found |= {"ok": False, "message": text, "next": f"andon lead unfreeze {frozen[0]} (a person's act)"}
    return found


def _flaky(services: Services) -> dict[str, Any]:
    """Gates that were red and passed when they were measured again: nothing is broken, and somebody should know."""
    from andon.engine.merge_queue import flaky_words

    try:
        with services.store.read() as reader:
            words = flaky_words(reader)
    except AndonError as error:
        return {"check": "flaky gates", "ok": False, "message": error.message, "next": "andon doctor --mend"}
    found: dict[str, Any] = {"check": "flaky gates", "ok": True, "message": words or "none was", "next": ""}
    if words:
        found |= {"warning": True, "next": "mend the tests, or flaky: refuse in the workflow"}
    return found


def _listed(problems: Sequence[str]) -> str | None:
    more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
    return "; ".join(problems[:5]) + more if problems else None


def _runs(services: Services) -> str | None:
    """Every run's state and its pinned definitions, some at a time: there may be very many."""
    bad: list[str] = []
    after = (-1, "")
    while len(bad) < MAX_BAD_RUNS:
        with services.store.read() as reader:
            found = reader.next_runs(after)
            for _number, name in found:
                try:
                    run = load_run(reader, name)
                    services.engine.definitions.get(reader, run.workflow)
                except AndonError as error:
                    bad.append(f"{name}: {error.message}")
        if not found:
            break
        after = found[-1]
    return _listed(bad)


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


def _good_worktrees(services: Services) -> str:
    """What to say when none stays too long: agents may still stand in those of runs that ended just now."""
    try:
        waiting = len(leftovers(services, older_than_s=0.0))
    except AndonError:
        waiting = 0
    after = f"{KEEP_ENDED_S / 60:.0f} minutes after its run ended"
    return f"{waiting} of ended runs; the lead removes each {after}" if waiting else "none is left over"


def _worktrees(services: Services, mend: bool) -> str | None:
    """Worktrees of ended runs; with `mend` they are removed."""
    over = leftovers(services, older_than_s=0.0 if mend else 2 * KEEP_ENDED_S)
    if mend:
        for path, run_id in over:
            remove_worktree(services, path, run_id)
        left = [path for path, _run_id in leftovers(services, older_than_s=0.0)]
        return f"left, since what is in them could not be stored: {', '.join(left[:5])}" if left else None
    return f"{len(over)} worktrees of runs that ended long ago; `andon lead` removes them" if over else None
