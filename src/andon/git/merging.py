"""Three-way merges with objects only: no index, no files, no program but git.

Rules: the outcome depends on the two commits alone, not on anybody's configuration. The `merge` attributes of the
trees count as far as git itself carries them out (`union`, `binary`, `-merge`); a driver's name means the ordinary text
merge, since drivers are commands that only configuration can define, and here there is none.
"""

from __future__ import annotations

import os

from andon.core.errors import EXIT_NO, AndonError
from andon.git.failures import failure
from andon.git.plumbing import Plumbing
from andon.ports import Merge

MESSAGE_CHARACTERS = 4000


def merge(plumbing: Plumbing, ours: str, theirs: str, *, shallow: bool) -> Merge:
    """Merge from the merge base. Raises AndonError kind "unrelated" (or "shallow") when there is none."""
    done = plumbing.run(
        # Not bare, with an empty directory as the working tree, and "renormalize": only then does git look for attributes
        # in the trees. It has nothing to normalize, since the plumbing directory switches every conversion off.
        "-c", "core.bare=false", "-c", "merge.renormalize=true", "--work-tree", plumbing.nowhere,
        "merge-tree", "--write-tree", "-z", ours, theirs,
        ok=None,
    )  # fmt: skip
    if done.code not in (0, 1):
        if b"unrelated histories" in done.err:
            raise AndonError(
                f"{ours[:12]} and {theirs[:12]} have no common history"
                + (" here: the repository is a shallow clone" if shallow else ""),
                kind="shallow" if shallow else "unrelated",
                next="git fetch --unshallow" if shallow else "start the work again from the target branch",
                exit=EXIT_NO,
            )
        raise failure(("merge-tree",), done.code, done.err)
    tree, _, rest = done.out.partition(b"\0")
    if done.code == 0:
        return Merge(tree=tree.decode())
    paths, messages = _conflicts(rest)
    text = "\n".join(messages)[:MESSAGE_CHARACTERS]
    return Merge(tree=tree.decode(), conflicts=paths or ("(see messages)",), messages=text)


def _conflicts(output: bytes) -> tuple[tuple[str, ...], list[str]]:
    """`mode id stage TAB path NUL` entries, an empty one, then messages: count NUL paths… NUL kind NUL text NUL."""
    fields = output.split(b"\0")
    paths: dict[str, None] = {}
    at = 0
    while at < len(fields) and fields[at]:
        paths[os.fsdecode(fields[at].partition(b"\t")[2])] = None
        at += 1
    at += 1
    messages = []
    while at < len(fields) and fields[at].isdigit():
        count = int(fields[at])
        named = [os.fsdecode(path) for path in fields[at + 1 : at + 1 + count]]
        kind = fields[at + 1 + count]
        text = fields[at + 2 + count].decode("utf-8", "replace").strip()
        at += 3 + count
        if kind.startswith(b"CONFLICT"):
            messages.append(text)
            # Some conflicts (of directories that were renamed) leave no entry of their own.
            paths.update(dict.fromkeys(named))
    return tuple(paths), messages
