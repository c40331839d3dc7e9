"""Files of a repository: which may be written, and all of a change or nothing of it.

Rules: nothing outside the repository or in its git directory is touched, whatever links lead there; every file is
replaced whole; when one can't be written, those that were are put back. Must not know what is written.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from andon.core.errors import EXIT_UNAVAILABLE, AndonError, UsageError

MAX_BYTES = 1_000_000


class File:
    """One file as it stands. real: its path without links. content: None where there is none."""

    __slots__ = ("content", "executable", "path", "real")

    def __init__(self, path: str, real: str, content: bytes | None, executable: bool) -> None:
        self.path = path
        self.real = real
        self.content = content
        self.executable = executable


def read(root: str, path: str) -> File:
    """The file at a path below the root. Raises UsageError for what Andon must not or can't write."""
    top = os.path.realpath(root)
    real = os.path.realpath(os.path.join(top, path))
    below = os.path.relpath(real, top)
    if below == ".." or below.startswith("../"):
        raise _refused(path, "leads out of the repository through a link")
    if below.split("/")[0] == ".git":
        raise _refused(path, "leads into the git directory")
    if os.path.isdir(real):
        raise _refused(path, "is a directory")
    parent = os.path.dirname(real)
    while not os.path.lexists(parent):
        parent = os.path.dirname(parent)
    if not os.path.isdir(parent):
        raise _refused(path, f"can't be made: {os.path.relpath(parent, top)} is no directory")
    try:
        status = os.stat(real)
    except FileNotFoundError:
        if os.path.islink(os.path.join(top, path)):
            raise _refused(path, "is a link to nothing") from None
        return File(path, real, None, False)
    if not stat.S_ISREG(status.st_mode):
        raise _refused(path, "is no regular file")
    if status.st_size > MAX_BYTES:
        raise _refused(path, f"has more than {MAX_BYTES} bytes")
    try:
        with open(real, "rb") as file:
            return File(path, real, file.read(), bool(status.st_mode & 0o100))
    except OSError as error:
        raise _refused(path, f"can't be read: {error.strerror}") from error


def _refused(path: str, why: str) -> UsageError:
    text = f"{path} {why}; nothing was written"
    return UsageError(text, kind="client_files", next=f"move {path} away, then the same again")


def missing_directories(root: str, real: str) -> list[str]:
    """The directories that writing this file makes, outermost first, relative to the root."""
    top, found = os.path.realpath(root), []
    directory = os.path.dirname(real)
    while not os.path.isdir(directory):
        found.append(os.path.relpath(directory, top))
        directory = os.path.dirname(directory)
    return found[::-1]


def write_all(state_dir: str, wanted: Mapping[str, tuple[bytes | None, bool]]) -> None:
    """Make every file (by its real path) what is wanted, None: not there. The bool: executable."""
    staged: dict[str, str] = {}
    undo: dict[str, tuple[bytes | None, bool]] = {}
    try:
        for number, (real, (content, executable)) in enumerate(wanted.items()):
            if content is not None:
                staged[real] = _stage(state_dir, number, real, content, executable)
        for real in wanted:
            before = _present(real)
            if real in staged:
                os.makedirs(os.path.dirname(real), exist_ok=True)
                _move(staged[real], real)
            elif os.path.lexists(real):
                os.unlink(real)
            undo[real] = before
    except OSError as error:
        for real, (content, executable) in undo.items():
            _put_back(state_dir, real, content, executable)
        for temporary in staged.values():
            if os.path.lexists(temporary):
                os.unlink(temporary)
        named = f"{error.filename}: " if error.filename else ""
        text = f"{named}{error.strerror}; the files are as they were"
        raise AndonError(text, kind="machine", next="mend that, then the same again", exit=EXIT_UNAVAILABLE) from error


def write_state(path: str, content: bytes) -> None:
    """A file of the state directory, all of it or nothing."""
    temporary = f"{path}.{os.getpid()}-0"
    with open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def remove_empty(root: str, directories: list[str]) -> list[str]:
    """Remove those of the directories that are empty, innermost first. What is left of them."""
    left = []
    for directory in sorted(directories, key=lambda name: name.count("/"), reverse=True):
        try:
            os.rmdir(os.path.join(root, directory))
        except FileNotFoundError:
            continue
        except OSError:
            left.append(directory)
    return sorted(left)


def _stage(state_dir: str, number: int, real: str, content: bytes, executable: bool) -> str:
    # Named like the temporary files of the git directory, where it is swept should we be killed.
    temporary = os.path.join(state_dir, f"client-{number}.{os.getpid()}-0")
    with open(temporary, "wb") as file:
        file.write(content)
    if os.path.exists(real):
        mode = stat.S_IMODE(os.stat(real).st_mode)
        os.chmod(temporary, mode | (0o111 if executable else 0))
    elif executable:
        os.chmod(temporary, stat.S_IMODE(os.stat(temporary).st_mode) | 0o111)
    return temporary


def _move(temporary: str, real: str) -> None:
    try:
        os.rename(temporary, real)
    except OSError as error:
        if error.errno != 18:  # EXDEV: the git directory is on another file system.
            raise
        beside = f"{real}.andon-{os.getpid()}"
        with open(temporary, "rb") as source, open(beside, "wb") as target:
            target.write(source.read())
        os.chmod(beside, stat.S_IMODE(os.stat(temporary).st_mode))
        os.rename(beside, real)
        os.unlink(temporary)


def _present(real: str) -> tuple[bytes | None, bool]:
    try:
        with open(real, "rb") as file:
            return file.read(), bool(os.fstat(file.fileno()).st_mode & 0o100)
    except FileNotFoundError:
        return None, False


def _put_back(state_dir: str, real: str, content: bytes | None, executable: bool) -> None:
    try:
        if content is None:
            os.unlink(real)
        else:
            _move(_stage(state_dir, 0, real, content, executable), real)
    except OSError:
        # The machine fails at everything; what could be put back was.
        pass
