"""The three kinds of error (house rule 5).

* `Rejected` is a *value*: a rule says no. It carries the kind, the exit code class and the next action.
* `AndonError` is operational: something outside did not work. It names what, what was expected, what to do.
* `InvariantViolation` is a bug in Andon. It is raised and never turned into an answer.
"""

from __future__ import annotations

from msgspec import Struct

# Exit codes of the contract, section 2.
EXIT_YES = 0
EXIT_NO = 1
EXIT_NOT_YET = 3
EXIT_LOST = 4
EXIT_DENIED = 5
EXIT_UNAVAILABLE = 6
EXIT_USAGE = 64
EXIT_BUG = 70


class Rejected(Struct, frozen=True, kw_only=True):
    """A command refused by a rule.

    kind: short stable word in snake_case, e.g. "lease_lost".
    message: one plain sentence that names the ids.
    next: what the caller should do now.
    exit: the exit code that the caller reports.
    """

    kind: str
    message: str
    next: str = ""
    exit: int = EXIT_NO


class AndonError(Exception):
    """Something outside the rules went wrong; the message names ids and the next action.

    kind: short stable word in snake_case. next: what to do now. exit: the process's exit code.
    """

    def __init__(self, message: str, *, kind: str = "error", next: str = "", exit: int = EXIT_NO) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.next = next
        self.exit = exit
        self.notes: tuple[str, ...] = ()
        """lines for standard error beside it"""

    @classmethod
    def of(cls, rejected: Rejected) -> AndonError:
        """The same refusal as an exception, for the shell's use."""
        return cls(rejected.message, kind=rejected.kind, next=rejected.next, exit=rejected.exit)


class UsageError(AndonError):
    """Bad input (exit 64)."""

    def __init__(self, message: str, *, kind: str = "usage", next: str = "") -> None:
        super().__init__(message, kind=kind, next=next, exit=EXIT_USAGE)


class InvariantViolation(Exception):
    """A bug in Andon: a state that the rules exclude was reached."""
