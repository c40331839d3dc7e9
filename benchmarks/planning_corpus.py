"""Real histories for `benchmarks/planning.py`: of a git repository, of a GNU change log, or of a kept `git log --stat`.

A GNU project's ChangeLog that is made from its git history holds, for each commit, the date, the message and the files that
it touched (`* path (function): what.`). Debian's packages carry such change logs, which makes them real histories that a
package registry has. What is a commit's message here is the summary line and its prose alone: the lines that name files, and
everything behind them, are taken for the files and left out of the message.
"""

from __future__ import annotations

import datetime
import gzip
import re
import subprocess
from pathlib import Path

from andon.core.planning.history import Commit

_DATE = re.compile(r"^(\d{4})-(\d{2})-(\d{2})\s")
_FILES = re.compile(r"^\*\s+([^:(\[<]+)")
_LOG_DATE = re.compile(r"^(?:Author)?Date: +(.*)$")
_LOG_FILE = re.compile(r"^ (\S.*?) +\| +(?:\d+|Bin)")
_PATH = re.compile(r"^[\w.+\-/@]+$")


def of_repository(directory: str) -> list[Commit]:
    """The commits of a repository's HEAD without merges, oldest first."""
    options = ("--no-merges", "--no-renames", "--name-only", "-z", "--reverse", "--topo-order")
    command = ["git", "-C", directory, "log", *options, "--format=%x01%H%x02%ct%x02%B%x03"]
    done = subprocess.run(command, capture_output=True, check=True)
    found = []
    for part in done.stdout.decode("utf-8", "surrogateescape").split("\x01")[1:]:
        head, _, files = part.partition("\x03")
        name, at, message = head.split("\x02", 2)
        paths = tuple(path for path in (x.strip("\n") for x in files.split("\x00")) if path)
        found.append(Commit(id=name, at=float(at), message=message, files=paths))
    return found


def of_change_log(file: Path) -> list[Commit]:
    """The commits of a change log, oldest first; entries without a summary or without files are left out."""
    opened = gzip.open(file, "rt", errors="replace") if file.suffix == ".gz" else file.open(errors="replace")
    with opened as whole:
        lines = whole.read().split("\n")
    if lines[0].startswith("commit "):
        return _of_log(lines)
    entries: list[tuple[float, list[str]]] = []
    for line in lines:
        if match := _DATE.match(line):
            year, month, day = (int(part) for part in match.groups())
            at = datetime.datetime(year, month, day, tzinfo=datetime.UTC).timestamp()
            entries.append((at, []))
        elif entries:
            entries[-1][1].append(line.strip())
    commits = [commit for at, body in reversed(entries) if (commit := _commit(at, body))]
    commits.sort(key=lambda commit: commit.at)
    return commits


def _commit(at: float, body: list[str]) -> Commit | None:
    starts = [place for place, line in enumerate(body) if _FILES.match(line)]
    if not starts:
        return None
    message = "\n".join(body[: starts[0]]).strip()
    # Several commits of one author and day stand below one date; they can't be told apart.
    between = "\n".join(body[starts[0] :])
    if not message or ("\n\n" in between.strip() and _another_summary(body[starts[0] :])):
        return None
    files: dict[str, None] = {}
    for place in starts:
        text = body[place]
        for line in body[place + 1 :]:
            if ":" in text or not line or line.startswith("*"):
                break
            text += " " + line
        names = _FILES.match(text)
        for name in (names.group(1) if names else "").split(","):
            cleaned = name.strip().rstrip(":.")
            if _PATH.match(cleaned) and ("/" in cleaned or "." in cleaned or cleaned.isupper()):
                files[cleaned] = None
    return Commit(at=at, message=message, files=tuple(files)) if files else None


def _of_log(lines: list[str]) -> list[Commit]:
    """The commits of `git log --stat`, oldest first. Paths that it cut short are those that alone end so, or left out."""
    found: list[tuple[float, list[str], list[str]]] = []
    for line in lines:
        if line.startswith("commit "):
            found.append((0.0, [], []))
        elif match := _LOG_DATE.match(line):
            at = datetime.datetime.strptime(match.group(1).strip(), "%a %b %d %H:%M:%S %Y %z").timestamp()
            found[-1] = (at, *found[-1][1:])
        elif line.startswith("    "):
            found[-1][1].append(line.strip())
        elif (match := _LOG_FILE.match(line)) and "=>" not in line:
            found[-1][2].append(match.group(1))
    endings: dict[str, set[str]] = {}
    for path in {path for _, _, files in found for path in files if not path.startswith("...")}:
        parts = path.split("/")
        for start in range(len(parts)):
            endings.setdefault("/".join(parts[start:]), set()).add(path)
    commits = []
    for at, message, files in reversed(found):
        whole = [endings.get(path[4:], set()) if path.startswith(".../") else {path} for path in files]
        paths = tuple(dict.fromkeys(path for one in whole if len(one) == 1 for path in one))
        if paths:
            commits.append(Commit(at=at, message="\n".join(message).strip(), files=paths))
    return commits


def _another_summary(body: list[str]) -> bool:
    """Whether, after an empty line, a text stands that is no entry about a file and is followed by one."""
    for place in range(1, len(body) - 1):
        fresh = not body[place - 1] and body[place] and not body[place].startswith(("*", "("))
        if fresh and any(_FILES.match(line) for line in body[place + 1 :]):
            return True
    return False
