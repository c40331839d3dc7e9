"""The moments that are answered from the hot path: before and after a tool, the beginning of a session, a prompt."""

from __future__ import annotations

import os
import time

from andon.agents.hooks import call as c
from andon.agents.hooks.bounds import LEASE_FILE
from andon.agents.hooks.call import Decision, HookCall
from andon.agents.hooks.decide import before_tool, needs_facts
from andon.cli.hooks import notes
from andon.cli.hooks.gather import Gathered, gather, lend_a_hand, withdraw_hand

BEAT_EVERY_S = 30.0
MAX_CONTEXT_CHARS = 9_000
Place = tuple[str, str, str, str | None]


def answer(call: HookCall, place: Place, names: tuple[str, ...], starts: bool) -> Decision:
    """The decision at this moment. starts: the client has a hook for the beginning of a session."""
    if call.moment == c.BEFORE_TOOL:
        return _before_tool(call, place, names)
    if call.moment == c.AFTER_TOOL:
        return _beat(call, place, names, force=False)
    if call.moment == c.SESSION_END:
        if not call.subagent and call.tokens is not None:
            _beat(call, place, names, force=True)
        return Decision()
    if call.moment == c.SESSION_START:
        return _greet(call, place, names)
    if call.moment == c.PROMPT:
        return _prompted(call, place, names, starts)
    if call.moment == c.STOP and not call.subagent:
        from andon.cli.hooks.stop import stop

        if call.tokens is not None:
            try:
                _beat(call, place, names, force=True)
            except Exception as error:
                # Tokens that are not counted must not keep the gates from being looked at.
                notes.log(place[1], f"tokens at a stop: {type(error).__name__}: {error}")
        return stop(call, gather(call, place, names, everything=True))
    return Decision()


def _before_tool(call: HookCall, place: Place, names: tuple[str, ...]) -> Decision:
    if not needs_facts(call):
        return Decision()
    decision = before_tool(call, gather(call, place, names, everything=False).facts)
    if decision.answer == c.DENY:
        # Only now it matters what else the agent holds, and whether it still holds what the directory says.
        try:
            decision = before_tool(call, gather(call, place, names, everything=True).facts)
        except Exception as error:
            notes.log(place[1], f"before a tool: {type(error).__name__}: {error}")
    return decision


# ---------------------------------------------------------------- beats


def _beat(call: HookCall, place: Place, names: tuple[str, ...], *, force: bool) -> Decision:
    """Renew the lease and count tokens, at most once in BEAT_EVERY_S; say when the lease is lost or messages wait."""
    from andon.store import hot

    path = os.path.join(notes.directory_of(place[1]), "beats", names[0].replace("/", "-")[:200])
    now = time.time()
    try:
        known = True
        if not force and 0 <= now - os.stat(path).st_mtime < BEAT_EVERY_S:
            return Decision()
    except OSError:
        known = False
    last = dict(line.partition("=")[::2] for line in notes.get(path).split("\n"))
    found = gather(call, place, names, everything=False)
    key, tokens, lines = "", "", []
    if found.claim is not None:
        key = f"{found.claim.key}/{call.session}"
        # Counted from where this session first touched the claim: what it used before was not for this work.
        tokens = last.get("tokens", "") if last.get("claim") == key else ""
        used = max(0, call.tokens - int(tokens)) if call.tokens is not None and tokens.isdecimal() else 0
        # A client that tells more than the core takes is counted for as much as it takes, and keeps its lease.
        used = min(used, hot.TOKENS_MAX)
        # A worker that launched the client counts what it used, turn by turn.
        used = 0 if os.environ.get("ANDON_LAUNCHED") else used
        lost = _renew(found, used, now)
        lines += [lost] if lost else []
        tokens = str(max(0, call.tokens)) if call.tokens is not None else tokens
    waiting = hot.unread(found.database, names)
    if waiting and str(waiting) != last.get("told"):
        lines.append(f"Andon: {waiting} unread message{'s' if waiting != 1 else ''}: andon inbox")
    notes.put(path, f"claim={key}\ntokens={tokens}\ntold={waiting}\n")
    if not known:
        notes.forget_old(os.path.dirname(path))
    return Decision(context="\n".join(lines))


def _renew(found: Gathered, tokens_used: int, now: float) -> str:
    """What the agent must know about its lease; "" when it holds."""
    from andon.store import hot

    claim = found.claim
    if claim is None:
        return ""
    if hot.heartbeat(found.database, os.path.join(claim.git_dir, LEASE_FILE), now, tokens_used) is not None:
        return ""
    from andon.cli.hooks.stop import ask_coordinator

    _reply, error = ask_coordinator(claim, claim.name_among(found.facts.names), "heartbeat", {"tokens": tokens_used})
    if error is None:
        return ""
    if error.exit == 4:
        return (
            f"Andon: STOP. Your lease of {claim.run}, step {claim.step}, is lost: {error.message}. Nothing that you do there "
            "can be submitted any more. `andon next` gives other work."
        )
    raise error


# ---------------------------------------------------------------- beginnings


def _prompted(call: HookCall, place: Place, names: tuple[str, ...], starts: bool) -> Decision:
    found = gather(call, place, names, everything=True)
    if found.claim is not None:
        path = notes.blocks_path(place[1], found.claim.key)
        if os.path.exists(path):
            blocks = notes.load_blocks(place[1], found.claim.key)
            if blocks.row:
                blocks.prompted()
                notes.save_blocks(place[1], found.claim.key, blocks)
    if starts:
        return Decision()
    greeted = os.path.join(notes.directory_of(place[1]), "greeted", names[-1].replace("/", "-")[:200])
    if os.path.exists(greeted):
        return Decision()
    notes.put(greeted, "")
    notes.forget_old(os.path.dirname(greeted))
    return _greet(call, place, names)


def _greet(call: HookCall, place: Place, names: tuple[str, ...]) -> Decision:
    """What an agent must know at the beginning: the brief of what it holds, else how to begin."""
    if call.subagent or os.environ.get("ANDON_LAUNCHED"):
        # The prompt of a worker that launched the client holds the brief.
        return Decision()
    lend_a_hand(place, names)
    found = gather(call, place, names, everything=True)
    from andon.cli.hooks.stop import whose

    parts = [f"Andon coordinates the work in this repository; you are {found.facts.name} to it."]
    brief = ""
    if found.claim is not None:
        from andon.cli.hooks.stop import ask_coordinator

        reply, error = ask_coordinator(found.claim, found.claim.name_among(names), "brief", {})
        if reply is not None:
            brief = str(reply.body.get("brief", ""))
            own = found.claim.agent in names
            holds = "You hold" if own else f"For {found.claim.agent}, who claimed it and started you here, you work on"
            parts.append(
                f"{holds} {found.claim.run}, step {found.claim.step}. Work in {found.claim.workdir} and nowhere else, and run "
                "`andon` there. Its brief:"
            )
        elif error is not None and error.kind in ("not_yours", "not_distinct"):
            withdraw_hand(found.claim)
            parts.append(f"LOOK OUT: {whose(found.claim, found.facts.name)} ({error.message})")
        elif error is not None and error.exit == 4:
            parts.append(f"Your claim of {found.claim.run}, step {found.claim.step}, is lost: {error.message}.")
    elif found.over is not None:
        parts.append(
            f"The claim of this directory ({found.over.run}, step {found.over.step}) is over; nothing done here counts."
        )
    elif found.others is not None:
        parts.append(f"LOOK OUT: {whose(found.others, found.facts.name)}")
    if not brief:
        parts.append(
            "For work from its queue run `andon next`: it claims a step and prints the brief and the directory to work in. "
            "There, `andon check` says what is missing, and `andon advance -m 'what you did'` is what counts as done."
        )
        from andon.store import hot

        count = hot.unread(found.database, names)
        if count:
            parts.append(f"{count} unread message{'s' if count != 1 else ''}: andon inbox")
    text = " ".join(parts) + (f"\n\n{brief}" if brief else "")
    if len(text) > MAX_CONTEXT_CHARS:
        kept = text[:MAX_CONTEXT_CHARS].rpartition("\n")[0]
        text = f"{kept}\n[… cut; all of it: andon brief]"
    return Decision(context=text)
