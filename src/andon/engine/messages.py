"""Messages between agents and people: say, ask, answer, inbox, and the conversations that they make.

Delivery is at least once: a message stays in each reader's inbox until that reader acknowledges it. A question to a person
is a cord: it stands first in `status` until it is answered. An answer puts the step that waited for it back to work in the
same transaction.
"""

from __future__ import annotations

import time
from typing import Any

from msgspec import Struct

from andon.core import commands as c
from andon.core import state as s
from andon.core.errors import EXIT_NOT_YET, EXIT_USAGE, AndonError, Rejected
from andon.core.rules_message import SENDER_WINDOW_S
from andon.engine import mailboxes, waiting
from andon.engine.services import Services
from andon.engine.transact import Unit, key_cause, unknown
from andon.ports import Reader
from andon.ports_queue import MESSAGES

MAX_THREAD = 500
"""Messages of one conversation that are shown."""
MAX_UNREAD = 200


class Sent(Struct, frozen=True, kw_only=True):
    """A message that was sent. again: it was known already under its key. warning: why it may reach nobody."""

    message: s.Message
    again: bool = False
    warning: str = ""


class Outgoing(Struct, frozen=True, kw_only=True):
    """What is to be sent. to "": whoever wrote the message that it replies to. key: the sender's own name for it."""

    kind: str
    to: str
    body: str
    run: str = ""
    step: str = ""
    reply: str = ""
    expires_s: float | None = None
    key: str | None = None


def send(services: Services, outgoing: Outgoing) -> Sent:
    """Send a message. A key that the sender used in that mailbox before gives the message that was sent then."""
    outgoing = addressed(services, outgoing)
    warning = mailboxes.reachable(services, outgoing.to)
    sent, _effects = services.engine.transact(lambda unit: send_in(services, unit, outgoing))
    return Sent(message=sent.message, again=sent.again, warning=warning)


def addressed(services: Services, outgoing: Outgoing) -> Outgoing:
    """With its recipient: a reply goes to who wrote the message, or on to its recipient when that was oneself."""
    from msgspec.structs import replace

    if not outgoing.reply:
        return replace(outgoing, to=mailboxes.check(outgoing.to))
    with services.store.read() as reader:
        before = load(reader, outgoing.reply)
    caller = services.caller
    own = before.sender == caller.agent or before.sender in caller.aliases
    return replace(outgoing, to=mailboxes.check(outgoing.to or (before.recipient if own else before.sender)))


def send_in(services: Services, unit: Unit, outgoing: Outgoing) -> Sent:
    """The same as part of a transaction; `outgoing` is addressed."""
    now, caller = services.clock.now(), services.caller
    to = outgoing.to
    known = _known(services, unit, outgoing)
    if known is not None:
        again = unit.on_message(known.id, c.RepeatMessage(at=now, actor=caller.agent))
        if isinstance(again, Rejected):
            raise AndonError.of(again)
        return Sent(message=again, again=True)
    before = load(unit.writer, outgoing.reply) if outgoing.reply else None
    name = unit.writer.next_id("message")
    command = c.SendMessage(
        at=now,
        actor=caller.agent,
        message=name,
        kind=outgoing.kind,
        recipient=to,
        body=outgoing.body,
        run=outgoing.run,
        step=outgoing.step,
        expires_at=now + outgoing.expires_s if outgoing.expires_s is not None else None,
        in_reply_to=before.id if before is not None else "",
        thread=before.thread or before.id if before is not None else "",
        person=outgoing.kind == "ask" and mailboxes.is_person(services, unit.writer, to),
        waiting=unit.writer.messages_waiting(to),
        recent=unit.writer.messages_sent_since(caller.agent, now - SENDER_WINDOW_S),
    )
    sent = unit.on_message(name, command, cause=_cause(services, outgoing))
    if isinstance(sent, Rejected):
        raise AndonError.of(sent)
    if before is not None and before.recipient in (mine := mailboxes.of_caller(services, unit.writer)):
        # Who answers has read.
        unit.on_message(before.id, c.AcknowledgeMessage(at=now, actor=caller.agent, mailboxes=tuple(mine)))
    return Sent(message=sent)


def _cause(services: Services, outgoing: Outgoing) -> str | None:
    """One sender's same key in one mailbox is one message."""
    cause = key_cause("message", outgoing.key)
    return f"{cause}\n{outgoing.to}\n{services.caller.agent}" if cause is not None else None


def _known(services: Services, unit: Unit, outgoing: Outgoing) -> s.Message | None:
    cause = _cause(services, outgoing)
    if cause is None:
        return None
    older = key_cause("message", outgoing.key)
    # The later two are from when a key was one for all senders, and before that for all mailboxes.
    for name in filter(None, map(unit.writer.caused, (cause, f"{older}:{outgoing.to}", f"{older}"))):
        found = load(unit.writer, name)
        if (found.recipient, found.sender) == (outgoing.to, services.caller.agent):
            if found.body.strip() != outgoing.body.strip():
                text = f"{found.id} was sent under the key {outgoing.key} with another text; this one would be lost"
                raise AndonError(text, kind="bad_input", next="another --key, or the same text", exit=EXIT_USAGE)
            return found
    return None


def known_under(services: Services, outgoing: Outgoing) -> s.Message | None:
    """The message that was sent before under this key to this mailbox."""
    if not outgoing.key:
        return None
    found, _effects = services.engine.transact(lambda unit: _known(services, unit, outgoing))
    return found


def load(reader: Reader, name: str) -> s.Message:
    """The message's state. Raises AndonError kind "unknown_message"."""
    loaded = reader.load(name)
    if loaded is None or not isinstance(loaded.state, s.Message):
        raise unknown("message", name)
    return loaded.state


# ---------------------------------------------------------------- reading


def unread_rows(services: Services, limit: int = MAX_UNREAD) -> list[dict[str, Any]]:
    """What the caller has not acknowledged: messages of others in its mailboxes, and answers to its own questions."""
    agent = services.caller.agent
    with services.store.read() as reader:
        names = mailboxes.of_caller(services, reader)
        rows = reader.messages(recipients=names, unacknowledged_by=agent, limit=limit)
        answered = reader.messages(sender=agent, answered=True, unacknowledged_by=agent, limit=limit)
    return [*(dict(row) for row in rows if row["sender"] != agent), *(dict(row) for row in answered)]


def unread_items(services: Services) -> list[dict[str, Any]]:
    return [_item(row) for row in unread_rows(services)]


def unread(services: Services) -> int:
    return len(unread_rows(services, limit=50))


def inbox(services: Services, *, acknowledge: list[str]) -> dict[str, Any]:
    """Unread messages, after acknowledging some ("all" for every one shown)."""
    rows = unread_rows(services)
    names = [str(row["id"]) for row in rows] if "all" in acknowledge else acknowledge
    if names:
        services.engine.transact(lambda unit: _acknowledge(services, unit, names))
    return {"ok": True, "items": [_item(row) for row in rows], "acknowledged": names}


def _acknowledge(services: Services, unit: Unit, names: list[str]) -> None:
    """All of them or none."""
    mine = tuple(mailboxes.of_caller(services, unit.writer))
    command = c.AcknowledgeMessage(at=services.clock.now(), actor=services.caller.agent, mailboxes=mine)
    for name in names:
        done = unit.on_message(name, command)
        if isinstance(done, Rejected):
            raise AndonError.of(done)


def thread(services: Services, name: str) -> dict[str, Any]:
    """The whole conversation that a message belongs to, read or not."""
    with services.store.read() as reader:
        items = thread_items(reader, load(reader, name))
    return {"ok": True, "thread": items[0]["thread"] if items else name, "items": items, "acknowledged": []}


def thread_items(reader: Reader, message: s.Message) -> list[dict[str, Any]]:
    """The messages of a conversation in order; one from before there were threads stands alone."""
    if message.thread:
        return [_item(dict(row)) for row in reader.messages(thread=message.thread, limit=MAX_THREAD)]
    from andon.core.projection import rows

    return [_item(dict(row)) for row in rows(message)["messages"]]


def _item(row: dict[str, Any]) -> dict[str, Any]:
    keys = ("id", "kind", "sender", "recipient", "body", "run", "step", "answer", "answered_by", "in_reply_to")
    more = {"thread": row["thread"] or row["id"], "redelivered": bool(row["repeated"])}
    return {key: row[key] for key in keys} | more | {"sent_at": rfc3339(row["sent_at"])}


def line(item: dict[str, Any], reader: str) -> str:
    """A message as one item of a brief; the answer to a question of the reader's own comes with the question."""
    if item["answer"] and item["sender"] == reader:
        return asked_line(item, "You")
    again = " (sent again)" if item.get("redelivered") else ""
    return _said(f"- {item['id']} from {item['sender']}{again}:", item["answer"] or item["body"])


def asked_line(item: dict[str, Any], who: str) -> str:
    """A question with its answer, or that nobody answered it."""
    asked = _said(f"- {who} asked ({item['id']}):", item["body"], mark='"')
    if not item["answer"]:
        return f"{asked}; nobody answered"
    answered = _said(f"{item['answered_by'] or 'somebody'} answered:", item["answer"], mark='"')
    return f"{asked}\n  {answered}" if "\n" in asked + answered else f"{asked}; {answered}"


def _said(head: str, text: str, mark: str = "") -> str:
    """Somebody's words behind a head of ours; more than a line of them is quoted, so that it can't pass for ours."""
    head, lines = " ".join(head.split()), text.strip().splitlines()
    if len(lines) <= 1:
        return f"{head} {mark}{''.join(lines)}{mark}"
    return "\n".join([head, *(f"  > {line}" for line in lines)])


# ---------------------------------------------------------------- answers


def answer(services: Services, name: str, body: str) -> s.Message:
    """Answer a question: whoever reads the mailbox that it was put to, or a person; one put to people only these (law 11)."""
    now, caller = services.clock.now(), services.caller

    def work(unit: Unit) -> s.Message:
        mine = tuple(mailboxes.of_caller(services, unit.writer))
        command = c.AnswerMessage(at=now, actor=caller.agent, body=body, mailboxes=mine, person=caller.person)
        answered = unit.on_message(name, command)
        if isinstance(answered, Rejected):
            raise AndonError.of(answered)
        resume_in(unit, answered, now)
        return answered

    done, effects = services.engine.transact(work)
    services.after(effects)
    return done


def resume_in(unit: Unit, question: s.Message, now: float) -> None:
    """Put the step that waits for this answered question back to work, if there is one."""
    loaded = unit.writer.load(question.run) if question.run else None
    run = loaded.state if loaded is not None else None
    if not isinstance(run, s.Run) or run.status == s.RUN_ENDED:
        return
    for step in run.active.values():
        if step.question == question.id:
            command = c.Resume(at=now, actor=question.answered_by, step=step.step, question=question.id)
            refused = unit.on_run(run.id, command)
            if isinstance(refused, Rejected):
                raise AndonError.of(refused)


def wait_for_answer(services: Services, name: str, wait_s: float) -> s.Message:
    """Wait for an answer. Raises AndonError kind "no_answer" (exit 3) when there is none in time."""

    def look() -> s.Message | None:
        with services.store.read() as reader:
            question = load(reader, name)
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
    """Seconds since the epoch as RFC 3339 in UTC; None stays None, and so is what a damaged record holds instead."""
    if at is None:
        return None
    try:
        whole = time.gmtime(float(at))
    except (ValueError, TypeError, OverflowError, OSError):
        return None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", whole)


def words(arguments: dict[str, Any]) -> tuple[str, str]:
    """(recipient, text) of `say`: with --reply the recipient may be left out. Raises AndonError."""
    to, body, reply = arguments.get("to") or "", arguments.get("body"), arguments.get("reply")
    if body is None and reply:
        return "", to
    if body is None:
        raise AndonError("say needs a recipient and a text", kind="usage", next="andon say bob 'text'", exit=EXIT_USAGE)
    return to, body
