"""Files that belong to handed-off work: found by path or glob below a worktree, and named by their digests.

Rules: nothing outside the worktree, no links out of it, not git's own files; each file and all together are bounded (law 13).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from andon.core.digests import sha256
from andon.core.errors import EXIT_USAGE, AndonError
from andon.core.verdict import Artifact

MAX_ARTIFACT_BYTES = 256 * 1024**2
MAX_LOOKED_AT = 200_000
"""Paths that a glob is compared with."""
CHUNK_BYTES = 1024**2


def digested(workdir: str, patterns: Sequence[str], limit: int) -> list[Artifact]:
    """Each file once, in the order of its name. Raises AndonError kind "bad_artifact" (exit 64)."""
    root = os.path.realpath(workdir)
    names: dict[str, None] = {}
    for pattern in patterns:
        found = list(_matching(root, pattern))
        if not found:
            raise _bad(f"no file of the worktree is called {pattern}", "give a path or glob relative to the workdir")
        names.update(dict.fromkeys(found))
        if len(names) > limit:
            raise _bad(f"more than {limit} artifacts", "name the most important ones")
    return [_digested(root, name) for name in sorted(names)]


def _matching(root: str, pattern: str) -> Iterator[str]:
    parts = pattern.split("/")
    if os.path.isabs(pattern) or ".." in parts or parts[0] == ".git":
        raise _bad(f"{pattern} is not inside the worktree", "give a path relative to the workdir")
    plain = os.path.normpath(pattern)
    if os.path.isfile(os.path.join(root, plain)):
        yield plain
        return
    if not any(char in pattern for char in "*?["):
        return
    from andon.core.globs import matches

    for count, name in enumerate(_files(root)):
        if count >= MAX_LOOKED_AT:
            raise _bad(f"{pattern} looks through more than {MAX_LOOKED_AT} files", "name a directory")
        if matches(name, (pattern,)):
            yield name


def _files(root: str) -> Iterator[str]:
    for directory, below, files in os.walk(root):
        below[:] = sorted(x for x in below if x != ".git")
        for name in sorted(files):
            path = os.path.relpath(os.path.join(directory, name), root)
            if path != ".git":
                yield path


def _digested(root: str, name: str) -> Artifact:
    path = os.path.join(root, name)
    if not os.path.realpath(path).startswith(root + os.sep):
        raise _bad(f"{name} leads out of the worktree", "give a file of the worktree itself")
    digest, size = sha256(), 0
    try:
        with open(path, "rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                size += len(chunk)
                if size > MAX_ARTIFACT_BYTES:
                    raise _bad(f"{name} is larger than {MAX_ARTIFACT_BYTES} bytes", "give a link instead")
                digest.update(chunk)
    except OSError as error:
        raise _bad(f"{name} can't be read: {error.strerror}", "give another file") from error
    return Artifact(name=name, digest=f"sha256:{digest.hexdigest()}", bytes=size)


def _bad(text: str, following: str) -> AndonError:
    return AndonError(text, kind="bad_artifact", next=following, exit=EXIT_USAGE)
