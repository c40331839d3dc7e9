"""The hot path: the most frequent calls of agents, answered with `os`, `sys` and SQLite alone.

Returns when it does not answer; the ordinary path then does. Nothing heavier may be imported here: a test guards it.
"""

from __future__ import annotations

import os
import sys

VERBS = frozenset({"status", "inbox", "heartbeat", "next"})


def answer(argv: list[str]) -> None:
    """Answer and end the process, or return."""
    words = [word for word in argv if word != "--json"]
    as_json = len(words) < len(argv)
    if not words or words[0] not in VERBS or os.environ.get("ANDON_URL"):
        return
    try:
        if words[0] == "next":
            _next(words[1:], as_json)
        elif words == ["heartbeat"]:
            _heartbeat(as_json, None)
        elif len(words) == 3 and words[:2] == ["heartbeat", "--agent"] and words[2]:
            _heartbeat(as_json, words[2])
        elif len(words) == 1 and as_json:
            _read(words[0])
    except Exception:
        # Whatever is unusual (and every error message) belongs to the ordinary path.
        return


def _place() -> tuple[str, str] | None:
    """(database, git directory) of the repository around the working directory."""
    from andon.git.locate import locate

    found = locate(os.getcwd())
    if found is None:
        return None
    common, git_dir, _worktree = found
    with open(os.path.join(common, "config"), "rb") as file:
        config = file.read()
    if b"[andon]" in config and b"workspace" in config:
        return None
    database = os.path.join(common, "andon", "andon.db")
    return (database, git_dir) if os.path.exists(database) else None


def _read(verb: str) -> None:
    place = _place()
    if place is None:
        return
    import time

    from andon.store import hot

    if verb == "status":
        _end(hot.status(place[0], time.time()))
    _end(hot.inbox(place[0], mailboxes(), time.time()))


def mailboxes(agent: str | None = None) -> list[str]:
    """The mailboxes that the caller reads under its own names; the store adds those of what it holds."""
    from andon.cli.identity import login, who

    name, person = who(agent)
    return [name, login(), "human"] if person else [name]


def _heartbeat(as_json: bool, agent: str | None) -> None:
    place = _place()
    if place is None or os.environ.get("ANDON_RUN"):
        return
    import time

    from andon.store import hot

    lease_file = os.path.join(place[1], "andon-lease")
    agent = agent or os.environ.get("ANDON_AGENT")
    if agent:
        with open(lease_file, encoding="utf-8") as file:
            if f"agent={agent}\n" not in file:
                return
    found = hot.heartbeat(place[0], lease_file, time.time(), 0)
    if found is None:
        return
    _tell_unread(place[0], mailboxes(agent))
    exit_code, text = found
    _end(text if as_json else "the lease is renewed", exit_code)


def _tell_unread(database: str, names: list[str]) -> None:
    """One line on standard error, as every verb of agents has it."""
    from andon.store import hot

    count = hot.unread(database, names)
    if count:
        sys.stderr.write(f"{count} unread message{'s' if count != 1 else ''}: andon inbox\n")


def _next(options: list[str], as_json: bool) -> None:
    """Only the answer "nothing is ready", and only for the plain options."""
    role: str | None = None
    agent: str | None = None
    rest = list(options)
    while rest:
        option = rest.pop(0)
        if option == "--role" and rest:
            role = rest.pop(0)
        elif option == "--agent" and rest:
            agent = rest.pop(0)
        else:
            return
    if role is not None and not role.replace("-", "").replace("_", "").isalnum():
        return
    place = _place()
    if place is None or os.environ.get("ANDON_RUN") or os.path.exists(os.path.join(place[1], "andon-lease")):
        return
    import time

    from andon.cli.identity import who
    from andon.store import hot

    if not hot.nothing_ready(place[0], role, who(agent)[0], time.time()):
        return
    _tell_unread(place[0], mailboxes(agent))
    text = f"nothing is ready for role {role}" if role else "nothing is ready"
    following = "andon status, or try later"
    if as_json:
        error = f'{{"kind":"nothing_ready","message":"{text}","next":"{following}"}}'
        _end(f'{{"ok":false,"error":{error}}}', 3)
    sys.stderr.write(f"andon: {text}\nnext: {following}\n")
    _end(None, 3)


def _end(text: str | None, exit_code: int = 0) -> None:
    """Print and leave without tearing the interpreter down."""
    try:
        if text is not None:
            if not text.isascii() or "\x7f" in text:
                from andon.cli.plain import json_text

                text = json_text(text)
            sys.stdout.write(text + "\n")
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        os._exit(0)
    except OSError as error:
        from andon.cli.output import unwritable

        unwritable(error)
    os._exit(exit_code)
