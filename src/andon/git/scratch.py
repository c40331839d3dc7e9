"""Temporary files of our own: private indexes and the like, in `<common directory>/andon/tmp`.

Rules: each use has a directory of its own, locked while it is used and removed afterwards; what a killed process left is
known by its free lock and removed by the next use. A file is replaced by way of a temporary one, whose name says so.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from andon.git.failures import not_writable

YOUNG_S = 1.0
"""So long what has no lock may be about to get one."""
STALE_S = 60.0
"""A temporary file has no lock; it is in use for a moment only."""
SWEEP_MAX = 100

_serial = iter(range(1_000_000_000))


@contextmanager
def scratch(common_dir: str) -> Iterator[str]:
    """A fresh directory, gone afterwards. Raises AndonError when the git directory is not writable."""
    parent = os.path.join(common_dir, "andon", "tmp")
    path = os.path.join(parent, f"{os.getpid()}-{next(_serial)}-{os.urandom(4).hex()}")
    lock = -1
    try:
        os.makedirs(path)
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_EX)
        sweep(common_dir)
    except OSError as error:
        if lock >= 0:
            os.close(lock)
        _remove(path)
        raise not_writable(path, error) from error
    try:
        yield path
    finally:
        _remove(path)
        os.close(lock)


def sweep(common_dir: str) -> None:
    """Remove what killed processes left: directories that nobody holds, and halves of files that were to be replaced."""
    home = os.path.join(common_dir, "andon")
    parent = os.path.join(home, "tmp")
    oldest = time.time() - STALE_S
    for number, entry in enumerate(os.scandir(parent) if os.path.isdir(parent) else ()):
        if number >= SWEEP_MAX:
            break
        with suppress(FileNotFoundError):
            young = entry.stat(follow_symlinks=False).st_mtime > time.time() - YOUNG_S
            if not young and (_is_free(entry.path) or not entry.is_dir(follow_symlinks=False)):
                _remove(entry.path)
    for directory in (home, os.path.join(common_dir, "hooks")):
        for entry in os.scandir(directory) if os.path.isdir(directory) else ():
            with suppress(FileNotFoundError):
                if _is_temporary(entry.name) and entry.stat(follow_symlinks=False).st_mtime < oldest:
                    _remove(entry.path)


def _is_temporary(name: str) -> bool:
    """Whether `write_file` gives such names."""
    process, dash, serial = name.rpartition(".")[2].partition("-")
    return bool(dash) and process.isdecimal() and serial.isdecimal()


def _is_free(path: str) -> bool:
    """Whether no living process holds the directory."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _remove(path: str) -> None:
    """Remove a directory (or a file); one that another process removes as well is no error."""
    try:
        if not os.path.isdir(path) or os.path.islink(path):
            os.unlink(path)
            return
        with os.scandir(path) as entries:
            listed = list(entries)
        if any(entry.is_dir(follow_symlinks=False) for entry in listed):
            _remove_tree(path)
            return
        for entry in listed:
            os.unlink(entry.path)
        os.rmdir(path)
    except OSError:
        # A leftover is harmless and is tried again by `sweep`.
        pass


def discard(common_dir: str, path: str) -> None:
    """Remove a directory and all in it: moved aside first, then removed; what is left of it is swept later.

    On another file system it can't be moved, and is removed where it is. Raises OSError.
    """
    parent = os.path.join(common_dir, "andon", "tmp")
    aside = os.path.join(parent, f"{os.getpid()}-{next(_serial)}-{os.urandom(4).hex()}")
    lock = -1
    try:
        os.makedirs(parent, exist_ok=True)
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.rename(path, aside)
    except FileNotFoundError:
        return
    except OSError:
        aside = path
    try:
        _remove_tree(aside)
    finally:
        if lock >= 0:
            os.close(lock)


def _remove_tree(path: str) -> None:
    import shutil

    def make_writable(function: Callable[..., object], name: str, _error: object) -> None:
        """A gate or a build may leave directories that can't be written to."""
        for directory in (os.path.dirname(name), name):
            try:
                os.chmod(directory, stat.S_IRWXU)
            except OSError:
                pass
        if function in (os.unlink, os.rmdir):
            function(name)
        elif os.path.isdir(name) and not os.path.islink(name):
            shutil.rmtree(name)

    try:
        shutil.rmtree(path, onerror=make_writable)
    except FileNotFoundError:
        pass


def write_file(path: str, content: bytes) -> None:
    """Replace a file as a whole, so that a reader sees the old or the new content. Directories are made as needed."""
    temporary = f"{path}.{os.getpid()}-{next(_serial)}"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError as error:
        try:
            os.unlink(temporary)
        except OSError:
            pass
        raise not_writable(path, error) from error
