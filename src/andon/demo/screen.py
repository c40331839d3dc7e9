"""What the demo shows while it runs: lines as things happen, and on a terminal a live table of the tasks below them.

Rules: in a pipe, with --plain or with NO_COLOR there are plain lines without control characters; with --json
nothing but the final object goes to standard output. Must not know: what the notes lead to.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from typing import IO, Any

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

STYLES = {
    "refused": "yellow",
    "let_through": "bold red",
    "landed": "bold green",
    "unexpected": "bold red",
    "conflict": "magenta",
    "sent_back": "yellow",
    "killed": "red",
    "approved": "green",
    "section": "bold cyan",
}
WIDTH_AGENT = 18
WIDTH_TASK = 15


class Screen:
    """Lines for everybody; colours and a live table for a terminal."""

    def __init__(self, *, plain: bool, stream: IO[str] | None = None) -> None:
        self.stream = stream or sys.stdout
        self.begun = time.monotonic()
        self._console: Console | None = None
        self._live: Live | None = None
        self._states: dict[str, tuple[str, str]] = {}
        if not plain and self.stream.isatty() and not os.environ.get("NO_COLOR"):
            from rich.console import Console

            self._console = Console(file=self.stream, highlight=False)

    # ------------------------------------------------------------ lines

    def line(self, text: str, style: str = "") -> None:
        """One line, with a style where there are colours."""
        text = printable(text)
        if self._console is not None:
            self._console.print(text, style=STYLES.get(style), markup=False, soft_wrap=True)
        else:
            print(text, file=self.stream, flush=True)

    def section(self, text: str) -> None:
        self.line("")
        self.line(text, "section")

    def happening(self, agent: str, task: str, text: str, style: str = "") -> None:
        """Something that somebody did just now."""
        clock = time.monotonic() - self.begun
        line = f"{clock:6.1f}s  {agent:<{WIDTH_AGENT}} {task:<{WIDTH_TASK}} {printable(text)}".rstrip()
        if self._console is not None and len(line) > self._console.width:
            # A wrapped line would tear the columns; the whole reason stands in the list at the end.
            line = line[: self._console.width - 1] + "…"
        self.line(line, style)

    # ------------------------------------------------------------ the live table

    def begin(self, tasks: Iterable[str]) -> None:
        """Start the live table of these tasks."""
        self._states = dict.fromkeys(tasks, ("waiting", ""))
        if self._console is not None:
            from rich.live import Live

            self._live = Live(self._board(), console=self._console, refresh_per_second=4, transient=True)
            self._live.start()

    def state(self, task: str, state: str, who: str = "") -> None:
        """A task's new state."""
        if task in self._states and self._states[task] != (state, who):
            self._states[task] = (state, who)
            if self._live is not None:
                self._live.update(self._board())

    def end(self) -> None:
        """Take the live table away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _board(self) -> Table:
        rows = ((key, state, who) for key, (state, who) in self._states.items())
        return _rich_table(("task", "state", "by"), rows)


def _rich_table(headers: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(*headers, header_style="bold", expand=False)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


def printable(text: Any) -> str:
    """Text that cannot fool a terminal: control characters are replaced."""
    return "".join(char if char.isprintable() else " " for char in str(text))
