"""How a message's events change it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from andon.core import events as e
from andon.core import state as s
from andon.core.errors import InvariantViolation


def _message_sent(state: s.Message | None, event: e.MessageSent) -> s.Message:
    if state is not None:
        raise InvariantViolation(f"message {event.message} sent twice")
    return s.Message(
        id=event.message,
        kind=event.kind,
        sender=event.actor,
        recipient=event.recipient,
        body=event.body,
        run=event.run,
        step=event.step,
        sent_at=event.at,
        expires_at=event.expires_at,
        thread=event.thread,
        in_reply_to=event.in_reply_to,
        person=event.person,
    )


def _message_repeated(message: s.Message, _event: e.MessageRepeated) -> s.Message:
    return replace(message, repeated=message.repeated + 1)


def _message_acknowledged(message: s.Message, event: e.MessageAcknowledged) -> s.Message:
    if event.by in message.acknowledged:
        return message
    return replace(message, acknowledged=(*message.acknowledged, event.by))


def _message_answered(message: s.Message, event: e.MessageAnswered) -> s.Message:
    return replace(message, answer=event.body, answered_by=event.by, answered_at=event.at)


MESSAGE_EVENTS: dict[type[e.Event], Callable[[Any, Any], s.State]] = {
    e.MessageSent: _message_sent,
    e.MessageRepeated: _message_repeated,
    e.MessageAcknowledged: _message_acknowledged,
    e.MessageAnswered: _message_answered,
}
