"""Writing the exact content of a tree into a directory: what gates see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from andon.core.globs import Globs
from andon.git.snapshot import temporary_index

if TYPE_CHECKING:
    from andon.git.repository import Repository


def export_tree(repository: Repository, tree: str, destination: str, only: Sequence[str]) -> None:
    """Bytes as in the objects: no filter, line-end conversion or keyword of any configuration has influence."""
    plumbing = repository.plumbing
    with temporary_index(repository) as index:
        env = {"GIT_INDEX_FILE": index}
        prefix = destination.rstrip("/") + "/"
        plumbing.run("read-tree", tree, env=env)
        if not only:
            plumbing.run("--work-tree", destination, "checkout-index", "-a", "-f", "-q", f"--prefix={prefix}", env=env)
            return
        wanted = Globs(only).select([path for _mode, _oid, path in repository.list_files(tree)])
        data = b"".join(path.encode("utf-8", "surrogateescape") + b"\0" for path in wanted)
        plumbing.run(
            "--work-tree",
            destination,
            "checkout-index",
            "-z",
            "--stdin",
            "-f",
            "-q",
            f"--prefix={prefix}",
            stdin=data,
            env=env,
        )
