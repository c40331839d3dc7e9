"""Messages between agents and people: say, ask, answer, inbox.

Delivery is at least once: a message stays in the inbox until it is acknowledged. A question to a person is a cord: it
stands first in `status` until it is answered.
"""

from __future__ import annotations

import time
from typing import Any

from andon.core import commands as c
from andon.core import state as s
from andon.core.errors import EXIT_NOT_YET, EXIT_USAGE, AndonError, Rejected
from andon.engine import waiting
from andon.engine.services import Services
from andon.engine.transact import Unit, key_cause, unknown
from andon.ports import Reader
from andon.ports_queue import MESSAGES

HUMAN = "human"


def send(
    services: Services,
    *,
    kind: str,
    to: str,
    body: str,
    run: str = "",
    step: str = "",
    expires_s: float | None = None,
    key: str | None = None,
) -> s.Message:
    """Send a message. A key that was used before gives the message that was sent then."""

    def work(unit: Unit) -> s.Message:
        return send_in(services, unit, kind=kind, to=to, body=body, run=run, step=step, expires_s=expires_s, key=key)

    sent, _effects = services.engine.transact(work)
    return sent


def send_in(
    services: Services,
    unit: Unit,
    *,
    kind: str,
    to: str,
    body: str,
    run: str,
    step: str,
    expires_s: float | None = None,
    key: str | None = None,
) -> s.Message:
    """The same as part of a transaction."""
    now = services.clock.now()
    cause = key_cause("message", key)
    known = unit.writer.caused(cause) if cause else None
    if known is not None:
        return _load(unit.writer, known)
    if to.startswith("run:"):
        unit.run(to.removeprefix("run:"))
    name = unit.writer.next_id("message")
    command = c.SendMessage(
        at=now,
        actor=services.caller.agent,
        message=name,
        kind=kind,
        recipient=to,
        body=body,
        run=run,
        step=step,
        expires_at=now + expires_s if expires_s is not None else None,
    )
    sent = unit.on_message(name, command, cause=cause)
    if isinstance(sent, Rejected):
        raise AndonError.of(sent)
    return sent


def _on_message(services: Services, name: str, command: c.Command) -> s.Message | Rejected:
    done, _effects = services.engine.transact(lambda unit: unit.on_message(name, command))
    return done


def _load(reader: Reader, name: str) -> s.Message:
    loaded = reader.load(name)
    if loaded is None or not isinstance(loaded.state, s.Message):
        raise unknown("message", name)
    return loaded.state


def recipients(services: Services) -> list[str]:
    """The mailboxes that the caller reads: its own name, its present roles and runs, and people's for a person."""
    caller = services.caller
    names = [caller.agent, *caller.aliases]
    if caller.person:
        names.append(HUMAN)
    with services.store.read() as reader:
        for row in reader.steps(state=s.LEASED):
            if row["agent"] == caller.agent:
                names += [f"run:{row['run']}"] + ([f"role:{row['role']}"] if row["role"] else [])
    return list(dict.fromkeys(names))


def inbox(services: Services, *, acknowledge: list[str]) -> dict[str, Any]:
    """Unread messages, after acknowledging some ("all" for every one shown)."""
    mailboxes = recipients(services)
    now = services.clock.now()
    agent = services.caller.agent
    with services.store.read() as reader:
        rows = reader.messages(recipients=mailboxes, unacknowledged_by=agent)
        answered = reader.messages(sender=agent, answered=True, unacknowledged_by=agent)
    names = [str(row["id"]) for row in (*rows, *answered)] if "all" in acknowledge else acknowledge
    for name in names:
        done = _on_message(services, name, c.AcknowledgeMessage(at=now, actor=services.caller.agent))
        if isinstance(done, Rejected):
            raise AndonError.of(done)
    items = [_item(row) for row in (*rows, *answered) if str(row["sender"]) != services.caller.agent or row["answer"]]
    return {"ok": True, "items": items, "acknowledged": names}


def _item(row: dict[str, Any]) -> dict[str, Any]:
    keys = ("id", "kind", "sender", "recipient", "body", "run", "step", "answer", "answered_by")
    return {key: row[key] for key in keys} | {"sent_at": rfc3339(row["sent_at"])}


def line(item: dict[str, Any], reader: str) -> str:
    """A message as one item of a brief; the answer to a question of the reader's own comes with the question."""
    if item["answer"] and item["sender"] == reader:
        answered_by = item["answered_by"] or "somebody"
        return f"- You asked ({item['id']}): {_quoted(item['body'])}; {answered_by} answered: {_quoted(item['answer'])}"
    return f"- {item['id']} from {item['sender']}: {item['answer'] or item['body']}"


def _quoted(text: str) -> str:
    return f'"{text.strip()}"'


def unread(services: Services) -> int:
    with services.store.read() as reader:
        return len(reader.messages(recipients=recipients(services), unacknowledged_by=services.caller.agent, limit=50))


def answer(services: Services, name: str, body: str) -> s.Message:
    """Answer a question. One put to people is answered by a person only (law 11)."""
    with services.store.read() as reader:
        question = _load(reader, name)
    if question.recipient == HUMAN and not services.caller.person:
        text = f"question {name} was put to a person; {services.caller.agent} is an agent"
        raise AndonError(text, kind="not_a_person", next="ask a person", exit=5)
    command = c.AnswerMessage(at=services.clock.now(), actor=services.caller.agent, body=body)
    answered = _on_message(services, name, command)
    if isinstance(answered, Rejected):
        raise AndonError.of(answered)
    return answered


def wait_for_answer(services: Services, name: str, wait_s: float) -> s.Message:
    """Wait for an answer. Raises AndonError kind "no_answer" (exit 3) when there is none in time."""

    def look() -> s.Message | None:
        with services.store.read() as reader:
            question = _load(reader, name)
        return question if question.answer else None

    answered = waiting.until(services, look, wait_s, about=MESSAGES)
    if answered is None:
        raise AndonError(
            f"question {name} has no answer yet",
            kind="no_answer",
            next=f"andon inbox (it comes as {name})",
            exit=EXIT_NOT_YET,
        )
    return answered


def rfc3339(at: Any) -> str | None:
    """Seconds since the epoch as RFC 3339 in UTC; None stays None."""
    if at is None:
        return None
    whole = time.gmtime(float(at))
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", whole)


def check_recipient(to: str) -> str:
    if not to or len(to) > 200 or "\n" in to:
        text = f"{to!r} is no recipient"
        raise AndonError(text, kind="usage", next="an agent's name, role:NAME, run:ID or human", exit=EXIT_USAGE)
    return to
