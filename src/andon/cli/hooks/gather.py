"""The facts of a hook call: where it is, who the agent is, what it holds."""

from __future__ import annotations

import os
import time

from andon.agents import sessions
from andon.agents.hooks.bounds import Claim, read_claim
from andon.agents.hooks.call import HookCall
from andon.agents.hooks.facts import Facts
from andon.cli.hooks.notes import log, rfc3339
from andon.git.locate import locate, worktree_at

MAX_CLAIMS = 8
PROJECT_VARIABLES = ("CLAUDE_PROJECT_DIR", "GEMINI_PROJECT_DIR", "QWEN_PROJECT_DIR", "CURSOR_PROJECT_DIR")
"""Where clients say to their hooks which project they were started in."""


class Gathered:
    """facts: for the decision. claim: the agent's own one at hand. over: the claim around it, which it holds no more."""

    __slots__ = ("claim", "database", "facts", "over")

    def __init__(self, facts: Facts, database: str, claim: Claim | None, over: Claim | None) -> None:
        self.facts = facts
        self.database = database
        self.claim = claim
        self.over = over


def place_of(call: HookCall) -> tuple[str, str, str, str | None] | None:
    """(cwd, common directory, git directory, worktree), or None where Andon is not set up."""
    cwd = call.cwd if call.cwd.startswith("/") and "\0" not in call.cwd and os.path.isdir(call.cwd) else ""
    # A client may tell where its shell has gone; the session still belongs to where the client was started.
    for start in (cwd, _process_directory(), *(os.environ.get(name, "") for name in PROJECT_VARIABLES)):
        found = locate(start) if start.startswith("/") else None
        if found is not None and os.path.exists(os.path.join(found[0], "andon", "andon.db")):
            return os.path.realpath(cwd or start), *found
    return None


def _process_directory() -> str:
    try:
        return os.getcwd()
    except OSError:
        # It was removed.
        return ""


def names_of(call: HookCall, common: str) -> tuple[str, ...]:
    """The agent's names; the first is the one that `andon` in its shell goes by (`cli/identity.py`)."""
    from andon.cli.identity import SESSIONS

    fixed = os.environ.get("ANDON_AGENT")
    if fixed:
        return (fixed,)
    names = [f"{client}-{os.environ[variable][:40]}" for variable, client in SESSIONS if os.environ.get(variable)][:1]
    try:
        known = sessions.register(common, call.client, call.session, rfc3339(time.time()))
    except OSError as error:
        # What can't be written down is no reason to know nothing.
        log(common, f"{call.client} {call.event}: this session can't be registered: {error}")
        known = sessions.registered(common)
    if known is not None:
        names.append(known[0])
    if call.session:
        names.append(sessions.agent_name(call.client, call.session))
    return tuple(dict.fromkeys(names)) or (f"{call.client}-unknown",)


def gather(
    call: HookCall, place: tuple[str, str, str, str | None], names: tuple[str, ...], *, everything: bool
) -> Gathered:
    """The facts. everything: the store is asked what the agent holds; else the working directory's lease file is believed."""
    cwd, common, git_dir, worktree = place
    database = os.path.join(common, "andon", "andon.db")
    here = read_claim(worktree, git_dir) if worktree is not None else None
    wanted = os.environ.get("ANDON_RUN")
    own = here is not None and here.agent in names and wanted in (None, "", here.run)
    claims = [here] if here is not None else []
    over = False
    if everything or here is None:
        live = _by_name(database, names, wanted)
        over = own and here is not None and here.key not in [claim.key for claim in live]
        if over:
            claims = []
        claims += [claim for claim in live if here is None or claim.key != here.key]
    facts = Facts(
        common=common,
        cwd=cwd,
        name=names[0],
        names=names,
        fixed=bool(os.environ.get("ANDON_AGENT")),
        known=names != (f"{call.client}-unknown",),
        worktree=worktree,
        claims=tuple(claims),
        home=os.path.realpath(os.path.expanduser("~")),
        temporary=tuple(
            os.path.realpath(x) for x in ("/tmp", "/var/tmp", "/dev/shm", os.environ.get("TMPDIR") or "/tmp")
        ),
    )
    mine = [claim for claim in claims if claim is not here or own]
    return Gathered(facts, database, mine[0] if mine else None, here if over else None)


def _by_name(database: str, names: tuple[str, ...], wanted: str | None) -> list[Claim]:
    from andon.store import hot

    found: list[Claim] = []
    for run, _step, workdir in hot.claims(database, names)[:MAX_CLAIMS]:
        place = worktree_at(workdir)
        claim = read_claim(place[2] or workdir, place[1]) if place is not None else None
        if claim is not None:
            found.insert(0 if wanted == run else len(found), claim)
    return found
