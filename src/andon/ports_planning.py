"""What planning keeps of a repository between two plans: its history as it was mined, and the names that its files define.

Both are derived, and are made again from git whenever they are lost.
"""

# A protocol's methods say by `...` that they have no body.
# ruff: noqa: PIE790

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol

    from andon.core.planning.definitions import Defined
    from andon.core.planning.history import Commit as MinedCommit
else:
    # What a port is matters to type checkers alone, and every command pays for such a class.
    Protocol = object


class MinedHistory(Protocol):
    """Mined commits, kept from one plan to the next. They can be mined again: what can't be read is thrown away."""

    def read(self) -> tuple[str, list[MinedCommit]]:
        """(mark, commits, oldest first). mark: how far they go, as given to `keep`; "" when nothing is kept."""
        ...

    def keep(self, mark: str, commits: Sequence[MinedCommit], *, after: str) -> None:
        """Add commits behind those with the mark `after`, or take their place where it is ""."""
        ...


class KeptNames(Protocol):
    """The names that blobs define, by (ending of the path, id of the blob), kept from one plan to the next. They can be
    read again: what is wrong is thrown away."""

    def read(self) -> dict[tuple[str, str], Defined]: ...

    def keep(self, fresh: Mapping[tuple[str, str], Defined], *, gone: Collection[tuple[str, str]] = ()) -> None:
        """Add names. gone: those that may be forgotten."""
        ...
