"""The contents of files before each commit of a history, for `benchmarks/planning.py`: what the tree's files defined then.

From a repository, the tree of the commit's parent; for a history without contents, the newest of some dated archives that is
older than the commit; of releases, the release before. Nothing of a commit's own tree is ever read.
"""

from __future__ import annotations

import math
import re
import subprocess
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct

from andon.core.planning.definitions import Defined, defined
from andon.core.planning.history import Commit
from andon.core.planning.names import is_read, names_in, suffix_of

Before = tuple[frozenset[str], dict[str, Defined]]
"""(the files of a tree, what those define that are read)"""


class Contents(Struct, frozen=True, kw_only=True):
    """before: number of a commit -> what stood before it, None where that is unknown. start: commits from before this time
    have nothing known before them."""

    before: Callable[[int], Before | None]
    start: float = -math.inf


_GENERATED = re.compile(r"(^|/)(PKG-INFO|setup\.cfg|[^/]*\.egg-info/.*)$")
_CHANGE_LOG = re.compile(r"(^|/)(changes|changelog|history|news)(\.\w+)?$", re.IGNORECASE)
_VERSION = re.compile(r"-(\d[\d.]*\d)\.(?:zip|tar|tgz)")
MAX_MESSAGE_CHARS = 4_000


class _Names:
    """What contents define, each read once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes | str], Defined] = {}

    def of(self, path: str, key: bytes | str, text: bytes) -> Defined:
        place = (suffix_of(path), key)
        if place not in self._known:
            self._known[place] = defined(names_in(path, text.decode("utf-8", "replace")))
        return self._known[place]


def of_parents(directory: str, commits: list[Commit]) -> Contents:
    """The tree of each commit's first parent."""
    names = _Names()
    texts: dict[str, bytes] = {}

    def git(*arguments: str, given: bytes = b"") -> bytes:
        return subprocess.run(["git", "-C", directory, *arguments], input=given, capture_output=True, check=True).stdout

    def before(number: int) -> Before | None:
        listed = git("ls-tree", "-r", "-z", commits[number].id + "^").decode("utf-8", "surrogateescape")
        rows = [(path, head.split()[2]) for head, _, path in (line.partition("\t") for line in listed.split("\0")[:-1])]
        wanted = list(dict.fromkeys(blob for path, blob in rows if is_read(path) and blob not in texts))
        out = git("cat-file", "--batch", given="".join(f"{blob}\n" for blob in wanted).encode()) if wanted else b""
        at = 0
        for blob in wanted:
            end = out.find(b"\n", at)
            size = int(out[at:end].split()[2])
            texts[blob] = out[end + 1 : end + 1 + size]
            at = end + size + 2
        found = {path: names.of(path, blob, texts[blob]) for path, blob in rows if is_read(path)}
        return frozenset(path for path, _ in rows), found

    return Contents(before=before)


def of_archives(directory: Path, commits: list[Commit], within: str = "") -> Contents:
    """The newest archive that is older than the commit, as dated by its youngest file; of it what is below `within`."""
    names = _Names()
    snapshots: list[tuple[float, dict[str, Defined]]] = []
    for file in _archives(directory):
        when, files = _read(file)
        read = {path.removeprefix(within): text for path, text in files.items() if path.startswith(within)}
        snapshots.append((when, {path: names.of(path, text, text) for path, text in read.items() if is_read(path)}))
    snapshots.sort(key=lambda item: item[0])

    def before(number: int) -> Before | None:
        older = [found for when, found in snapshots if when < commits[number].at]
        seen = frozenset(path for commit in commits[:number] for path in commit.files)
        return (seen, {path: one for path, one in older[-1].items() if path in seen}) if older else None

    return Contents(before=before, start=snapshots[0][0])


def of_releases(directory: Path) -> tuple[list[Commit], Contents]:
    """Releases one after the other: the message is what came into the change log, the tree is the release before."""
    names = _Names()
    commits: list[Commit] = []
    trees: list[dict[str, bytes]] = []
    last: dict[str, bytes] = {}
    for file in _archives(directory):
        when, files = _read(file)
        files = {path: text for path, text in files.items() if not _GENERATED.search(path)}
        logs = [path for path in files if _CHANGE_LOG.search(path)]
        known = {line for path in last if _CHANGE_LOG.search(path) for line in last[path].splitlines()}
        lines = [line for path in logs for line in files[path].splitlines() if line not in known]
        message = b"\n".join(lines).decode("utf-8", "replace").strip()[:MAX_MESSAGE_CHARS]
        changed = tuple(path for path in files if path not in logs and files[path] != last.get(path))
        if last and changed and message:
            commits.append(Commit(id=file.name, at=when, message=message, files=changed))
            trees.append(last)
        last = files

    def before(number: int) -> Before | None:
        tree = trees[number]
        read = {path: names.of(path, text, text) for path, text in tree.items() if is_read(path)}
        return frozenset(tree), read

    return commits, Contents(before=before)


def _archives(directory: Path) -> list[Path]:
    """The archives of a directory by their version."""
    found = [(match.group(1), file) for file in directory.iterdir() if (match := _VERSION.search(file.name))]
    return [file for _, file in sorted(found, key=lambda item: [int(part) for part in item[0].split(".")])]


def _read(file: Path) -> tuple[float, dict[str, bytes]]:
    """(when the youngest file was made, contents by path without the archive's own directory)."""
    when, found = 0.0, {}
    members: Iterable[tuple[str, float, bytes]]
    if file.suffix == ".zip":
        with zipfile.ZipFile(file) as archive:
            infos = [x for x in archive.infolist() if not x.is_dir()]
            members = [(x.filename, time.mktime((*x.date_time, 0, 0, -1)), archive.read(x)) for x in infos]
    else:
        with tarfile.open(file) as opened:
            inside = [(x, opened.extractfile(x)) for x in opened.getmembers() if x.isfile()]
            members = [(x.name, float(x.mtime), stream.read()) for x, stream in inside if stream is not None]
    for name, at, text in members:
        when = max(when, at)
        found[name.partition("/")[2]] = text
    return when, found
