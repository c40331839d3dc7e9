"""The part of the store's port that messages need besides `Reader.messages`: counting, and who was ever seen."""

# A protocol's methods say by `...` that they have no body.
# ruff: noqa: PIE790

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol
else:
    # What a port is matters to type checkers alone, and every command pays for such a class.
    Protocol = object


class MailReader(Protocol):
    """Read only; each answer is of one moment, like all that a `Reader` says."""

    def messages_waiting(self, recipient: str) -> int:
        """How many messages of a mailbox nobody has acknowledged or answered."""
        ...

    def messages_sent_since(self, sender: str, since: float) -> int:
        """How many messages somebody sent after a moment."""
        ...

    def agent_seen(self, agent: str) -> bool:
        """Whether an agent ever claimed a step (of a run that is not archived) or sent a message."""
        ...
