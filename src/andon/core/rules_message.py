"""The rules of messages: who may send how much, what one reader's acknowledgement means, who answers a question.

Rules. Delivery is at least once: a message stays unread for each reader until that reader acknowledges it. Whether it was
*delivered* is another matter: a mailbox that several read (a role, a run, a task, people) has got its message with the
first acknowledgement, and so has an agent's own; only who reads a mailbox acknowledges and answers what lies in it, and a
person answers whatever waits. A question to a person by name is a person's to answer, whoever goes by that name (law 11).
A sender's same key in one mailbox is one message; when it comes again before anybody acknowledged it, that is marked.
Everything has a limit (law 13): a message's size, a mailbox, a sender's rate.
"""

from __future__ import annotations

from collections.abc import Sequence

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core.errors import EXIT_DENIED, EXIT_NOT_YET, EXIT_USAGE, InvariantViolation, Rejected

HUMAN = "human"
"""The mailbox of people."""
MAX_MESSAGE_BYTES = 64_000
MAX_MAILBOX = 1000
"""Messages of one mailbox that nobody has acknowledged."""
MAX_SENT = 60
SENDER_WINDOW_S = 60.0
"""One sender sends at most MAX_SENT messages in this time."""
MAX_REPEATS = 100
"""Repetitions of one message that are recorded."""

Decision = list[e.Event] | Rejected


def decide_message(message: s.Message | None, command: c.Command) -> Decision:
    """Commands of a message."""
    if isinstance(command, c.SendMessage):
        return _send(message, command)
    if message is None:
        raise InvariantViolation(f"{type(command).__name__} for a message that does not exist")
    if isinstance(command, c.RepeatMessage):
        if message.acknowledged or message.answered_at is not None or message.repeated >= MAX_REPEATS:
            return []
        return [e.MessageRepeated(at=command.at, actor=command.actor)]
    if isinstance(command, c.AcknowledgeMessage):
        if command.actor in message.acknowledged:
            return []
        heard = bool(message.answer) and command.actor == message.sender
        if not heard and (refusal := refuse_stranger(message, command.mailboxes)):
            return refusal
        return [e.MessageAcknowledged(at=command.at, actor=command.actor, by=command.actor)]
    if isinstance(command, c.AnswerMessage):
        return _answer(message, command)
    raise InvariantViolation(f"no rule for command {type(command).__name__} on a message")


def _send(message: s.Message | None, command: c.SendMessage) -> Decision:
    if message is not None:
        raise InvariantViolation(f"message id {command.message} given out twice")
    if refusal := refuse_body(command.body) or _refuse_amount(command):
        return refusal
    return [
        e.MessageSent(
            at=command.at,
            actor=command.actor,
            message=command.message,
            kind=command.kind,
            recipient=command.recipient,
            body=command.body,
            run=command.run,
            step=command.step,
            expires_at=command.expires_at,
            thread=command.thread or command.message,
            in_reply_to=command.in_reply_to,
            person=command.person and command.kind == "ask",
        )
    ]


def refuse_body(body: str) -> Rejected | None:
    if not body.strip():
        return Rejected(kind="bad_message", message="the message is empty", next="say something", exit=EXIT_USAGE)
    if len(body.encode(errors="replace")) > MAX_MESSAGE_BYTES:
        text = f"the message is larger than {MAX_MESSAGE_BYTES} bytes"
        return Rejected(kind="bad_message", message=text, next="point to a file instead", exit=EXIT_USAGE)
    return None


def _refuse_amount(command: c.SendMessage) -> Rejected | None:
    """A hand-off's message is part of the hand-off, which has a limit of its own."""
    if command.kind == "handoff":
        return None
    if command.waiting >= MAX_MAILBOX:
        text = f"{command.waiting} messages to {command.recipient} wait for somebody to acknowledge them"
        following = "wait until they are read: andon inbox --ack all"
        return Rejected(kind="mailbox_full", message=text, next=following, exit=EXIT_NOT_YET)
    if command.recent >= MAX_SENT:
        text = f"{command.actor} sent {command.recent} messages within {SENDER_WINDOW_S:.0f} s; {MAX_SENT} is the limit"
        return Rejected(kind="too_many_messages", message=text, next="say it in one message, later", exit=EXIT_NOT_YET)
    return None


def refuse_stranger(message: s.Message, mailboxes: Sequence[str]) -> Rejected | None:
    """Only who reads a mailbox speaks for it: others neither take its messages away nor answer its questions (law 11)."""
    if message.recipient in mailboxes:
        return None
    text = f"message {message.id} is for {message.recipient}"
    if message.recipient == HUMAN or message.person:
        return Rejected(kind="not_a_person", message=text, next="ask a person", exit=EXIT_DENIED)
    following = "andon inbox shows yours; a role's, a run's or a task's are read by whoever works there"
    return Rejected(kind="not_yours", message=text, next=following, exit=EXIT_DENIED)


def _answer(message: s.Message, command: c.AnswerMessage) -> Decision:
    if message.kind != "ask":
        text = f"message {message.id} is not a question"
        return Rejected(kind="not_a_question", message=text, next=f"andon say {message.sender} …")
    if message.answer:
        text = f"question {message.id} was answered by {message.answered_by}"
        return Rejected(kind="answered", message=text, next=f"andon say {message.sender} …")
    if command.actor == message.sender:
        return Rejected(kind="own_question", message=f"question {message.id} is your own", next="wait for another")
    if not command.person and (refusal := refuse_stranger(message, () if message.person else command.mailboxes)):
        return refusal
    if message.expires_at is not None and command.at > message.expires_at:
        text = f"question {message.id} has expired"
        return Rejected(kind="expired", message=text, next=f"andon say {message.sender} …")
    if refusal := refuse_body(command.body):
        return refusal
    return [e.MessageAnswered(at=command.at, actor=command.actor, by=command.actor, body=command.body)]
