"""The facts of a hook call: where it is, who the agent is, what it holds."""

from __future__ import annotations

import os
import time

from andon.agents import sessions
from andon.agents.hooks.bounds import HAND_FILE, Claim, read_claim
from andon.agents.hooks.call import HookCall
from andon.agents.hooks.facts import Facts
from andon.cli.hooks.notes import log, rfc3339
from andon.git.locate import locate, worktree_at

MAX_CLAIMS = 8
MAX_ROWS = 60
PROJECT_VARIABLES = ("CLAUDE_PROJECT_DIR", "GEMINI_PROJECT_DIR", "QWEN_PROJECT_DIR", "CURSOR_PROJECT_DIR")
"""Where clients say to their hooks which project they were started in."""


class Gathered:
    """facts: for the decision. claim: the agent's own one at hand. over: the claim around it, which it holds no more.

    others: the claim around it that is somebody else's and live, as far as the store was asked.
    """

    __slots__ = ("claim", "database", "facts", "others", "over")

    def __init__(
        self, facts: Facts, database: str, claim: Claim | None, over: Claim | None, others: Claim | None = None
    ) -> None:
        self.facts = facts
        self.database = database
        self.claim = claim
        self.over = over
        self.others = others


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
    own = here is not None and bool(here.name_among(names)) and wanted in (None, "", here.run)
    claims = [here] if here is not None else []
    over = others = False
    if everything or here is None:
        # What a person claimed may be this agent's work; of the rest of that person's claims it knows nothing.
        also = [here.agent] if here is not None else []
        live = _live(database, tuple(dict.fromkeys((*names, person(), *also))), names, here, wanted)
        gone = here is not None and here.key not in [claim.key for claim in live]
        over = own and gone
        others = not own and not gone
        if over:
            claims = []
        claims += [one for one in live if here is None or one.key != here.key]
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
    return Gathered(
        facts, database, mine[0] if mine else None, here if over else None, here if others and not mine else None
    )


def person() -> str:
    """The name that this user's own claims go by."""
    from andon.cli.identity import login

    return f"{login()}@{os.uname().nodename}"


def withdraw_hand(claim: Claim) -> None:
    """The agent may not work on this claim after all."""
    try:
        os.unlink(os.path.join(claim.git_dir, HAND_FILE))
    except FileNotFoundError:
        pass


def lend_a_hand(place: tuple[str, str, str, str | None], names: tuple[str, ...]) -> None:
    """A session begins in the worktree of a claim that its own person made: from now on it works on that claim.

    Not under a name that was given it, which says as whom it works, and not for a review, whose reviewer must be plain. What
    another session left there is submitted first, in its name, so that it stays an author.
    """
    _cwd, _common, git_dir, worktree = place
    here = read_claim(worktree, git_dir) if worktree is not None else None
    if here is None or here.agent != person() or here.review or os.environ.get("ANDON_AGENT"):
        return
    if here.name_among(names):
        return
    if here.hand:
        from andon.cli.hooks.stop import ask_coordinator

        ask_coordinator(here, here.hand, "submit", {})
    path = os.path.join(git_dir, HAND_FILE)
    with open(f"{path}.{os.getpid()}", "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(f"{names[0]}\n")
    os.replace(f"{path}.{os.getpid()}", path)


def _live(
    database: str, asked: tuple[str, ...], names: tuple[str, ...], here: Claim | None, wanted: str | None
) -> list[Claim]:
    """The claims of these names that the agent works on, and the one around it whoever's it is."""
    from andon.store import hot

    rows = hot.claims(database, asked)
    if here is not None:
        rows.sort(key=lambda row: (row[0], row[1]) != (here.run, here.step))
    found: list[Claim] = []
    for run, _step, workdir in rows[:MAX_ROWS]:
        place = worktree_at(workdir)
        claim = read_claim(place[2] or workdir, place[1]) if place is not None else None
        if claim is not None and (claim.name_among(names) or (here is not None and claim.key == here.key)):
            found.insert(0 if wanted == run else len(found), claim)
        if len(found) > MAX_CLAIMS:
            break
    return found
