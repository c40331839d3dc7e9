"""An agent wants to end its turn: its claim's gates say whether it may. The one moment at which gates are run.

Theory of operation. A claim whose gates are closed keeps the agent at work with the reasons, within the bounds of
`agents/hooks/blocks.py`; after them a person is called (a question to people, which stands first in `andon status`) and the
agent ends. Green gates are not enough: only `advance` proceeds, so the agent is told to run it. Where nothing but people,
reviewers or signals is missing, the agent has done what it can: the step is handed over by the very `advance` that it should
have run, which takes its files as they stand and parks the step (a review is never given in its agent's stead). That an agent
stopped says nothing: the run's state does.

Under `andon work` the worker checks after every turn, advances, prompts again and gives up, each within bounds of its own.
There a hook only saves it turns: closed gates are told within the same bound, all else is the worker's.
"""

from __future__ import annotations

import os
import time

from andon.agents.hooks.blocks import bound_of
from andon.agents.hooks.bounds import Claim
from andon.agents.hooks.call import CONTINUE, END, Decision, HookCall
from andon.cli.hooks import notes
from andon.cli.hooks.gather import Gathered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from andon.core.errors import AndonError
    from andon.engine.interface import Reply

MAX_REASON_CHARS = 6_000
MAX_DETAIL_LINES = 15
EXIT_NOT_YET, EXIT_LOST, EXIT_TROUBLE = 3, 4, 6


class Late(BaseException):
    """The call's own deadline, well before the client's."""


def ask_coordinator(
    claim: Claim, agent: str, verb: str, arguments: dict[str, Any]
) -> tuple[Reply | None, AndonError | None]:
    """Carry a verb out as this agent, in the claim's worktree: (reply, None) or (None, error)."""
    from andon.cli.lean import import_msgspec

    import_msgspec()
    from andon.app import open_coordinator
    from andon.core.errors import AndonError
    from andon.engine.interface import CallContext

    context = CallContext(cwd=claim.workdir, agent=agent, person=False, run=claim.run)
    try:
        return open_coordinator(context).call(verb, arguments), None
    except AndonError as error:
        return None, error


def stop(call: HookCall, found: Gathered) -> Decision:
    """PROCEED, CONTINUE with reasons, or END with a notice and a cord."""
    from andon.store import hot

    claim = found.claim
    if claim is None:
        other = found.others
        if other is None or launched():
            return Decision()
        return Decision(notice=f"Andon: nothing was checked: {whose(other, found.facts.name)}")
    question = hot.open_question(found.database, (*found.facts.names, claim.agent), claim.run, claim.step, time.time())
    if question:
        return Decision(notice=f"Andon: {claim.run} waits for an answer: andon answer {question} TEXT")
    try:
        reply, error = ask_coordinator(claim, claim.name_among(found.facts.names), "check", {})
    except Late:
        reason = (
            f"the gates of {claim.run}, step {claim.step}, are still running. Run `andon check` and wait for its answer"
        )
        return refuse(call, found, "late", f"Andon: {reason}, then `andon advance -m 'what you did'`.")
    if error is not None:
        return _could_not(call, found, claim, error)
    if reply is None or reply.exit == 0:
        if launched():
            return Decision()
        text = f"all gates of {claim.run}, step {claim.step}, are open, but the step is not done"
        return refuse(call, found, "green", f"Andon: {text}. Run `andon advance -m 'what you did'` in {claim.workdir}.")
    verdicts = reply.body.get("verdicts") or []
    closed = [x for x in verdicts if x["outcome"] not in ("passed", "waived")]
    if reply.exit == EXIT_NOT_YET:
        if launched():
            return Decision()
        left = reply.body.get("error") or {}
        if str(left.get("kind")).startswith("children_"):
            text = f"Andon: {claim.run}, step {claim.step}: {left.get('message')}. Run `{left.get('next')}`."
            return refuse(call, found, "children", text)
        if not reply.body.get("review"):
            return _hand_over(call, found, claim, ", ".join(x["gate"] for x in closed))
        text = (
            f"Andon: {claim.step} is a review, and yours is not recorded. Run `andon advance -m 'why'` when the change is "
            "good, or `andon advance --outcome … -m 'what is wrong'` to send it back."
        )
        return refuse(call, found, "review", text)
    head = f"Andon: {claim.run}, step {claim.step}, is not done; these gates are closed:"
    tail = f"Work in {claim.workdir}; `andon check` measures again, `andon advance -m 'what you did'` proceeds. "
    tail += "If a person must decide, `andon ask 'question'`; if you can not do it, `andon release -m 'why'`."
    marks = ",".join(sorted(f"{x['gate']}:{x['outcome']}" for x in closed))
    return refuse(call, found, f"red:{marks}", "\n".join([head, *_told(closed), tail]))


def _told(closed: list[dict[str, Any]]) -> list[str]:
    lines: list[str] = []
    room = MAX_REASON_CHARS
    for verdict in closed:
        some = [f"- {verdict['gate']}: {verdict['outcome']}: {verdict.get('summary', '')}"]
        for finding in verdict.get("findings", [])[:8]:
            line = f":{finding['line']}" if finding.get("line") else ""
            where = f"{finding['path']}{line}: " if finding.get("path") else ""
            some.append(f"  {where}{finding.get('message', '')}")
        detail = str(verdict.get("detail") or "").strip().splitlines()
        some += [f"  {line[:300]}" for line in detail[-MAX_DETAIL_LINES:]]
        text = "\n".join(some)[: max(room, 200)]
        room -= len(text)
        lines.append(text)
        if room <= 0:
            lines.append("- … and more: andon check")
            break
    return lines


def _could_not(call: HookCall, found: Gathered, claim: Claim, error: AndonError) -> Decision:
    """`check` gave no verdicts: the claim is lost, the tree is refused, or Andon can't answer (no answer is no pass)."""
    if error.exit == EXIT_LOST:
        return Decision(notice=f"Andon: {claim.run}, step {claim.step}: {error.message}")
    text = f"Andon: {claim.run}, step {claim.step}, can not be checked: {error.message}."
    # Where the store itself fails, no question can be put, so nobody's answer starts another row.
    again = error.exit != EXIT_TROUBLE
    return refuse(call, found, f"error:{error.kind}", f"{text} Next: {error.next or 'andon check'}", again=again)


def _hand_over(call: HookCall, found: Gathered, claim: Claim, waiting_for: str) -> Decision:
    arguments = {"message": "handed over at the end of a turn", "notes": call.final_text.strip()[:2000]}
    try:
        reply, error = ask_coordinator(claim, claim.name_among(found.facts.names), "advance", arguments)
    except Late:
        return refuse(
            call, found, "late", f"Andon: only {waiting_for} is missing. Run `andon advance -m 'what you did'`."
        )
    if error is not None:
        return _could_not(call, found, claim, error)
    if reply is None or reply.exit not in (0, EXIT_NOT_YET):
        # A gate that gave another answer this time: the step is still the agent's.
        return refuse(call, found, "changed", "Andon: a gate closed while the step was handed over. Run `andon check`.")
    return Decision(notice=f"Andon: {claim.run}, step {claim.step}, is handed over and waits for {waiting_for}")


def refuse(call: HookCall, found: Gathered, closed: str, reason: str, *, again: bool = True) -> Decision:
    """CONTINUE with the reason, or after the bound END with a cord. again: as in `Blocks.block`."""
    claim = found.claim
    if claim is None:
        return Decision()
    blocks = notes.load_blocks(found.facts.common, claim.key)
    bound = bound_of(os.environ.get("ANDON_HOOK_BLOCKS"))
    go_on = blocks.block(call.session, closed, bound, heeds(call.client), again=again)
    kept = notes.save_blocks(found.facts.common, claim.key, blocks)
    if go_on and kept:
        return Decision(CONTINUE, reason=reason)
    if launched():
        return Decision(END, notice=f"Andon: {claim.run}, step {claim.step}, is not done; its worker goes on with it")
    return pull_cord(found, claim, reason, blocks.total)


def _missing(reason: str) -> str:
    """What the agent was told is missing, in one line for a person: without what the agent was to do next."""
    gates = [line[2:] for line in reason.splitlines() if line.startswith("- ")]
    return "; ".join(gates) or reason.removeprefix("Andon: ").partition(". Run `")[0].partition("\n")[0].strip()


def whose(claim: Claim, name: str) -> str:
    """What is to be done in a worktree that another has claimed, for the agent and the person alike."""
    return (
        f"this worktree is claimed by {claim.agent} ({claim.run}, step {claim.step}), not by {name}, and what {name} does here "
        f"is not held to its gates. Start the client with ANDON_AGENT={claim.agent} to go on as that name, or run `andon next` "
        "for work of its own."
    )


def launched() -> bool:
    """Whether a worker of Andon's launched the client."""
    return os.environ.get("ANDON_LAUNCHED") == "1"


def heeds(client: str) -> int:
    """How many blocks of a stop in a row the client heeds; 0: any number."""
    from andon.agents.hooks.dialects import load

    return int(load(client).STOP_BLOCKS)


def pull_cord(found: Gathered, claim: Claim, reason: str, total: int) -> Decision:
    """Call a person, once for each row of blocks; the claim stays until its lease ends."""
    kept = f" (kept at work {total} times)" if total else ""
    body = f"{claim.name_among(found.facts.names)} stops with {claim.step} not done{kept}: {_missing(reason)}"[:3000]
    notice = f"Andon: {claim.run}, step {claim.step}, is not done, and its agent was let go; see: andon status"
    try:
        _reply, error = ask_coordinator(
            claim, claim.name_among(found.facts.names), "ask", {"body": body, "key": f"hook:{claim.key}:{total}"}
        )
    except Late:
        error = None
        notes.log(found.facts.common, f"cord of {claim.key}: late: {body}")
    if error is not None:
        notes.log(found.facts.common, f"cord of {claim.key}: {error.kind}: {error.message}: {body}")
        notice += f" (no question could be put there: {error.message})"
    return Decision(END, notice=notice)
