"""Writing the exact content of a tree into a directory: what gates see.

Rules: bytes as in the objects. No filter, line-end conversion, keyword or encoding of any attribute or configuration
has influence, and no hook runs. A submodule is an empty directory. Must not know: what the files are for.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from andon.core.errors import UsageError
from andon.core.globs import Globs
from andon.git.failures import not_writable
from andon.git.objects import list_files
from andon.git.plumbing import Plumbing
from andon.git.scratch import scratch

# The work tree is the destination itself; git may use it although the plumbing directory is a bare one.
_INTO = ("-c", "core.bare=false")


def export_tree(plumbing: Plumbing, common_dir: str, tree: str, destination: str, only: Sequence[str]) -> None:
    """Write a tree (or of it what the globs `only` name) into a directory that is empty or not there yet."""
    place = os.path.abspath(destination)
    try:
        os.makedirs(place, exist_ok=True)
        if os.listdir(place):
            raise UsageError(f"{place} is not empty, so no tree is written there", kind="not_empty")
    except OSError as error:
        raise not_writable(place, error) from error
    with scratch(common_dir) as directory:
        env = {"GIT_INDEX_FILE": os.path.join(directory, "index")}
        where = (*_INTO, "--work-tree", place)
        if not only:
            # One process reads the tree and writes the files, in two threads of work.
            plumbing.run(*where, "read-tree", "-m", "-u", tree, env=env)
            return
        globs = Globs(only)
        wanted = [entry for entry in list_files(plumbing, tree) if globs.matches(entry[2])]
        lines = [f"{mode} {oid}\t".encode() + os.fsencode(path) + b"\0" for mode, oid, path in wanted]
        if lines:
            plumbing.run(*where, "update-index", "-z", "--index-info", stdin=b"".join(lines), env=env)
            plumbing.run(*where, "checkout-index", "-a", "-f", "-q", f"--prefix={place}/", env=env)
