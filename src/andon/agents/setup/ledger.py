"""What Andon found before it wrote a client's files, so that removing gives it back to the byte.

A file of the repository's state directory: it is not committed, and another clone has none. There the files themselves
say what is Andon's; what can't be told from them is only what stood between the brackets of an empty container.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os

from msgspec import Struct

from andon.agents.setup import files

NAME = "clients.json"


class Entry(Struct, frozen=True, kw_only=True):
    """before: the content without Andon's part, None where there was no file. after: digest of what Andon wrote."""

    before: bytes | None
    after: str


class Ledger:
    """Entries by path, and the directories that were made."""

    def __init__(self, state_dir: str) -> None:
        self._path = os.path.join(state_dir, NAME)
        self.entries: dict[str, Entry] = {}
        self.directories: list[str] = []
        try:
            with open(self._path, encoding="utf-8") as file:
                known = json.load(file)
            self.directories = [str(name) for name in known["directories"]]
            for path, entry in known["files"].items():
                before = entry["before"]
                content = None if before is None else base64.b64decode(before)
                self.entries[str(path)] = Entry(before=content, after=str(entry["after"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            # None is there, or it can't be read: the files themselves say what is Andon's.
            self.entries, self.directories = {}, []

    def write(self) -> None:
        """Store it; nothing is left of an empty one."""
        if not self.entries and not self.directories:
            if os.path.lexists(self._path):
                os.unlink(self._path)
            return
        known = {
            path: {
                "before": None if entry.before is None else base64.b64encode(entry.before).decode(),
                "after": entry.after,
            }
            for path, entry in sorted(self.entries.items())
        }
        text = json.dumps({"files": known, "directories": self.directories}, indent=1)
        files.write_state(self._path, text.encode())


def digest(content: bytes | None) -> str:
    return "absent" if content is None else hashlib.sha256(content).hexdigest()
