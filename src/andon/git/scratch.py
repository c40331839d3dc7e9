"""Temporary files of our own: private indexes and the like, in `<common directory>/andon/tmp`.

Rules: each use has a directory of its own, removed afterwards; what a killed process left is removed by a later one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from andon.git.failures import not_writable

STALE_S = 6 * 3600.0
SWEEP_MAX = 100

_serial = iter(range(1_000_000_000))


@contextmanager
def scratch(common_dir: str) -> Iterator[str]:
    """A fresh directory, gone afterwards. Raises AndonError when the git directory is not writable."""
    parent = os.path.join(common_dir, "andon", "tmp")
    path = os.path.join(parent, f"{os.getpid()}-{next(_serial)}-{os.urandom(4).hex()}")
    try:
        os.makedirs(path)
        _sweep(parent)
    except OSError as error:
        raise not_writable(path, error) from error
    try:
        yield path
    finally:
        _remove(path)


def _sweep(parent: str) -> None:
    oldest = time.time() - STALE_S
    for number, entry in enumerate(os.scandir(parent)):
        if number >= SWEEP_MAX:
            return
        try:
            if entry.stat(follow_symlinks=False).st_mtime < oldest:
                _remove(entry.path)
        except FileNotFoundError:
            pass


def _remove(path: str) -> None:
    """Remove a directory of files (or a file); one that another process removes as well is no error."""
    try:
        if not os.path.isdir(path) or os.path.islink(path):
            os.unlink(path)
            return
        for entry in os.scandir(path):
            os.unlink(entry.path)
        os.rmdir(path)
    except OSError:
        # A leftover is harmless and is tried again by `_sweep`.
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
