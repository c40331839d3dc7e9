"""The hot path: the most frequent calls of agents, answered with `os`, `sys` and SQLite alone.

Returns when it does not answer; the ordinary path then does. Nothing heavier may be imported here: a test guards it.
"""

from __future__ import annotations

import os
import sys

VERBS = frozenset({"status", "inbox", "heartbeat", "next"})


def answer(argv: list[str]) -> None:
    """Answer and end the process, or return."""
    verb = argv[0]
    if verb == "--json" and len(argv) > 1:
        argv = [*argv[1:], "--json"]
        verb = argv[0]
    if verb not in VERBS or os.environ.get("ANDON_URL"):
        return
    if verb == "next":
        _next(argv[1:])
    elif argv[1:] == ["--json"] or (verb == "heartbeat" and not argv[1:]):
        _simple(verb, as_json="--json" in argv)


def _place() -> tuple[str, str, str | None] | None:
    """(database, git directory, worktree) of the repository around the working directory."""
    from andon.git.locate import locate

    try:
        found = locate(os.getcwd())
    except OSError:
        return None
    if found is None:
        return None
    common, git_dir, worktree = found
    try:
        with open(os.path.join(common, "config"), "rb") as file:
            config = file.read()
        if b"[andon]" in config and b"workspace" in config:
            return None
    except OSError:
        return None
    database = os.path.join(common, "andon", "andon.db")
    return (database, git_dir, worktree) if os.path.exists(database) else None


def _simple(verb: str, *, as_json: bool) -> None:
    place = _place()
    if place is None:
        return
    import time

    from andon.store import hot

    database, git_dir, _worktree = place
    now = time.time()
    try:
        if verb == "status":
            # Time must be let act first when something has expired; the ordinary path does that.
            if hot.overdue(database, now):
                return
            _end(hot.status(database, now))
        elif verb == "inbox":
            from andon.cli.identity import login, who

            name, person = who()
            _end(hot.inbox(database, name, person, login()))
        else:
            _heartbeat(hot.read_lease(os.path.join(git_dir, "andon-lease")), database, now, as_json)
    except hot.ERRORS:
        return


def _heartbeat(lease: dict[str, str] | None, database: str, now: float, as_json: bool) -> None:
    from andon.cli.identity import who
    from andon.store import hot

    if lease is None or lease.get("db") != database or os.environ.get("ANDON_RUN", lease["run"]) != lease["run"]:
        return
    found = hot.heartbeat(lease, now)
    if found is None:
        return
    exit_code, text = found
    unread = hot.unread(database, who()[0])
    if unread:
        sys.stderr.write(f"{unread} unread message{'s' if unread != 1 else ''}: andon inbox\n")
    _end(text if as_json else f"lease renewed: {lease['run']} {lease['step']}", exit_code)


def _next(options: list[str]) -> None:
    """Only the answer "nothing is ready", and only for the plain options."""
    role: str | None = None
    as_json = False
    rest = list(options)
    while rest:
        option = rest.pop(0)
        if option == "--json":
            as_json = True
        elif option == "--role" and rest:
            role = rest.pop(0)
        elif option == "--agent" and rest:
            rest.pop(0)
        else:
            return
    place = _place()
    if place is None or os.path.exists(os.path.join(place[1], "andon-lease")) or os.environ.get("ANDON_RUN"):
        return
    import time

    from andon.store import hot

    try:
        if not hot.nothing_ready(place[0], role, time.time()):
            return
    except hot.ERRORS:
        return
    wanted = f" for role {role}" if role else ""
    if as_json:
        import_safe = all(char.isalnum() or char in "-_" for char in role or "")
        if not import_safe:
            return
        _end(
            '{"ok":false,"error":{"kind":"nothing_ready","message":"nothing is ready'
            f'{wanted}","next":"andon status, or try later"}}}}',
            3,
        )
    sys.stderr.write(f"andon: nothing is ready{wanted}\nnext: andon status, or try later\n")
    _end(None, 3, silent=True)


def _end(text: str | None, exit_code: int = 0, *, silent: bool = False) -> None:
    """Print and leave without tearing the interpreter down."""
    if text is None and not silent:
        return
    try:
        if text is not None:
            sys.stdout.write(text + "\n")
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        os._exit(0)
    os._exit(exit_code)
