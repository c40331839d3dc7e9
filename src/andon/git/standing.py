"""Git processes that stay at hand while many small questions follow: starting one costs more than most answers.

Rules: only questions and objects, never references or files of people; the answers are those of the ordinary commands,
and whatever is out of the ordinary (a process that ended, an object that is missing, an odd name) is left to them: then
`None` is returned, and the caller asks in the ordinary way. A process belongs to one call at a time. Nothing is started
while the lock of `sole` is held by us, since what we start would keep it.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # the public module makes enumerations of them all
import _thread
import os
import select
import time
from collections.abc import Mapping, Sequence

from andon.core.errors import AndonError
from andon.git import sole
from andon.git.run import Runner, base_environment, find_git
from andon.git.scratch import scratch
from andon.ports import Person

ANSWER_S = 60.0
READ_BYTES = 1_048_576
CRUD = "".join(chr(code) for code in range(33)) + ".,:;<>\"\\'"
"""What git takes off the ends of a name."""


class Ended(Exception):
    """The process is gone or does not answer; what it was asked is asked in the ordinary way."""


class Standing:
    """One git process with its two pipes."""

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str]) -> None:
        if sole.held():
            raise Ended
        in_read, in_write = os.pipe()
        out_read, out_write = os.pipe()
        try:
            self._pid = os.posix_spawn(
                find_git(),
                ["git", *arguments],
                dict(env),
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, in_read, 0),
                    (os.POSIX_SPAWN_DUP2, out_write, 1),
                    (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0),
                ],
                setpgroup=0,
                setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),
            )
        except (OSError, AndonError) as error:
            os.close(in_write)
            os.close(out_read)
            raise Ended from error
        finally:
            os.close(in_read)
            os.close(out_write)
        self._into, self._out = in_write, out_read
        self._rest = bytearray()
        self._poll = select.poll()
        self._poll.register(out_read, select.POLLIN)

    def write(self, data: bytes) -> None:
        try:
            os.write(self._into, data)
        except OSError as error:
            raise Ended from error

    def until(self, mark: bytes) -> bytes:
        """What it says up to a mark, which is taken away."""
        begin = 0
        while (at := self._rest.find(mark, begin)) < 0:
            begin = max(0, len(self._rest) - len(mark))
            self._more()
        found = bytes(self._rest[:at])
        del self._rest[: at + len(mark)]
        return found

    def take(self, count: int) -> bytes:
        while len(self._rest) < count:
            self._more()
        found = bytes(self._rest[:count])
        del self._rest[:count]
        return found

    def _more(self) -> None:
        if not self._poll.poll(ANSWER_S * 1000):
            raise Ended
        chunk = os.read(self._out, READ_BYTES)
        if not chunk:
            raise Ended
        self._rest += chunk

    def let_go(self) -> None:
        """Without input it ends by itself."""
        if self._into >= 0:
            os.close(self._into)
            os.close(self._out)
            self._into = self._out = -1

    def close(self) -> None:
        """End it, and see it end."""
        self.let_go()
        until = time.monotonic() + 1.0
        while os.waitpid(self._pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > until:
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
                return
            time.sleep(0.0005)


class Workshop:
    """The processes of one repository, started at their first use. None as an answer: ask in the ordinary way."""

    def __init__(self, repo: Runner, plumbing: Runner, common_dir: str) -> None:
        self._repo = repo
        self._plumbing = plumbing
        self._common_dir = common_dir
        self._processes: dict[tuple[str, ...], Standing] = {}
        self._lock = _thread.allocate_lock()
        self._scratch = scratch(common_dir)
        self._directory: str | None = None
        self._written = 0

    def close(self) -> None:
        with self._lock:
            # All are told before the first is waited for.
            for process in self._processes.values():
                process.let_go()
            for process in self._processes.values():
                process.close()
            self._processes.clear()
            if self._directory is not None:
                self._scratch.__exit__(None, None, None)

    def _process(self, runner: Runner, *arguments: str) -> Standing:
        if arguments not in self._processes:
            runner.prepare()
            self._processes[arguments] = Standing([*runner.leading, *arguments], {**base_environment(), **runner.env})
        return self._processes[arguments]

    def _lost(self, *arguments: str) -> None:
        process = self._processes.pop(arguments, None)
        if process is not None:
            process.close()

    # ------------------------------------------------------------ objects

    def read(self, names: Sequence[str]) -> dict[str, tuple[bytes, bytes]] | None:
        """name -> (kind, content) of objects, named by id or as TREE:PATH. None when one is missing or oddly named."""
        command = ("cat-file", "--batch")
        if any(not name.isascii() or not name.isprintable() or " " in name for name in names):
            return None
        found: dict[str, tuple[bytes, bytes]] = {}
        whole = True
        with self._lock:
            try:
                process = self._process(self._repo, *command)
                for name in names:
                    process.write(name.encode() + b"\n")
                    words = process.until(b"\n").split(b" ")
                    if len(words) != 3 or not words[2].isdigit():
                        whole = False
                        continue
                    found[name] = words[1], process.take(int(words[2]))
                    process.take(1)
            except Ended:
                self._lost(*command)
                return None
        return found if whole else None

    def store(self, kind: str, content: bytes) -> str | None:
        """The id of an object, which is in the repository then."""
        command = ("hash-object", "-w", "--no-filters", "-t", kind, "--stdin-paths")
        with self._lock:
            self._written += 1
            # Where nothing is stored, nothing is left behind to be swept.
            self._directory = self._directory or self._scratch.__enter__()
            path = os.path.join(self._directory, str(self._written))
            try:
                with open(path, "wb") as file:
                    file.write(content)
                process = self._process(self._repo, *command)
                process.write(os.fsencode(path) + b"\n")
                return process.until(b"\n").decode()
            except (Ended, OSError):
                self._lost(*command)
                return None
            finally:
                if os.path.exists(path):
                    os.unlink(path)

    def tree_of(self, commit: str) -> str | None:
        found = self.read([commit])
        if found is None:
            return None
        kind, content = found[commit]
        if kind == b"tree":
            return commit
        line = content.partition(b"\n")[0]
        return line[5:].decode() if kind == b"commit" and line.startswith(b"tree ") else None

    def diff(self, options: Sequence[str], base: str, tree: str) -> bytes | None:
        """What `git diff-tree` says about two trees (or commits) with these options."""
        one, other = self.tree_of(base), self.tree_of(tree)
        if one is None or other is None:
            return None
        command = ("diff-tree", "--stdin", *options)
        # A line that names no object is said back when all before it was answered.
        mark = b"answered " + os.urandom(16).hex().encode()
        with self._lock:
            try:
                process = self._process(self._plumbing, *command)
                process.write(f"{one} {other}\n".encode() + mark + b"\n")
                found = process.until(mark + b"\n")
            except Ended:
                self._lost(*command)
                return None
        header = f"{one} {other}\n".encode()
        return found[len(header) :] if found.startswith(header) else found or b""

    def commit(
        self, tree: str, parents: Sequence[str], message: str, *, author: Person, committer: Person, at: float
    ) -> str | None:
        """A commit as `git commit-tree` writes it; None where git would change a name or doubt the text."""
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        for word, person in (("author", author), ("committer", committer)):
            name, email = person.name, person.email
            if not name or name != name.strip(CRUD) or email != email.strip(CRUD) or set("<>\n\0") & set(name + email):
                return None
            lines.append(f"{word} {name} <{email}> {int(at)} +0000")
        text = message.replace("\0", "")
        text += "" if text.endswith("\n") else "\n"
        try:
            content = ("\n".join(lines) + "\n\n" + text).encode()
        except UnicodeEncodeError:
            return None
        return self.store("commit", content)
