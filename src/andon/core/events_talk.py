"""The events of messages and of reviewers' findings; part of `events`, where their rules stand."""

from __future__ import annotations

from andon.core.event import Event
from andon.core.verdict import Finding


class FindingsRaised(Event, frozen=True, kw_only=True):
    """A review's findings became durable: they are F<first>, F<first + 1> … of the run."""

    step: str
    role: str
    agent: str
    patch: str
    first: int
    findings: tuple[Finding, ...]


class FindingResolved(Event, frozen=True, kw_only=True):
    finding: str
    by: str
    why: str


class FindingReopened(Event, frozen=True, kw_only=True):
    finding: str
    by: str
    why: str


# ---------------------------------------------------------------- message


class MessageSent(Event, frozen=True, kw_only=True):
    """kind: say | ask | handoff. recipient: an agent, "role:<name>", "run:<id>", "task:<id>" or "human".

    thread: the id of the message that the conversation began with (its own for the first one). person: whether it is a
    question to a person by name.
    """

    message: str
    kind: str
    recipient: str
    body: str
    run: str = ""
    step: str = ""
    expires_at: float | None = None
    thread: str = ""
    in_reply_to: str = ""
    person: bool = False


class MessageRepeated(Event, frozen=True, kw_only=True):
    """Its sender sent it again under the same key before anybody acknowledged it."""


class MessageAcknowledged(Event, frozen=True, kw_only=True):
    by: str


class MessageAnswered(Event, frozen=True, kw_only=True):
    by: str
    body: str
