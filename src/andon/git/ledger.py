"""Files on a reference of Andon's own, added by compare-and-swap, objects only.

Rules: a file is added or replaced, never removed; each change is a commit on the last one, so that a copy elsewhere is
always behind, never beside; who comes second tries again on what the first one wrote. Must not know: what the files are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from andon.core.errors import EXIT_NO, AndonError, InvariantViolation
from andon.git import objects, refs
from andon.git.failures import failure
from andon.git.run import Runner
from andon.ports import Person

TYPE_CHECKING = False
if TYPE_CHECKING:
    from andon.git.standing import Workshop

MAX_TRIES = 20
KEEPER = Person(name="Andon", email="andon@agents.invalid")


def add_files(
    repo: Runner,
    common_dir: str,
    ref: str,
    files: Mapping[str, bytes],
    *,
    message: str,
    at: float,
    workshop: Workshop | None = None,
) -> str:
    """The reference's commit once it holds all these files. Raises AndonError kind "conflict" or "git_failed"."""
    if not ref.startswith("refs/andon/"):
        raise InvariantViolation(f"{ref} is not a reference that Andon keeps files on")
    wanted = {os.fsencode(path): content for path, content in files.items()}
    for _ in range(MAX_TRIES):
        if refs.points_elsewhere(os.path.join(common_dir, ref)):
            # Nothing is moved for whoever did that; what stood there is in the store, and in copies.
            mend = f"ANDON_GUARD=off git update-ref --no-deref -d {ref}; andon doctor --mend"
            raise AndonError(f"{ref} is symbolic, which Andon never makes it", kind="moved", next=mend, exit=EXIT_NO)
        old = refs.read_id(os.path.join(common_dir, ref)) or head_of(repo, ref)
        before = (
            ((workshop.tree_of(old) if workshop else None) or objects.resolve(repo, old, kind="tree")) if old else None
        )
        tree = _at_hand(workshop, before, wanted) if workshop else None
        tree = tree or _with(repo, before, wanted)
        if old is not None and tree == before:
            return old
        parents = [old] if old else []
        new = workshop.commit(tree, parents, message, author=KEEPER, committer=KEEPER, at=at) if workshop else None
        new = new or objects.commit_tree(repo, tree, parents, message, author=KEEPER, committer=KEEPER, at=at)
        command = ("update-ref", "--no-deref", "-m", message, ref, new, old or "0" * len(new))
        done = refs.try_to_change(repo, common_dir, ref, command)
        if done.code == 0:
            return new
        if head_of(repo, ref) == old:
            raise failure(("update-ref",), done.code, done.err)
    raise AndonError(f"{ref} is changed by others all the time", kind="conflict", next="try again", exit=4)


def head_of(repo: Runner, ref: str) -> str | None:
    """The commit that a reference is at, None when there is no such reference."""
    found = refs.refs(repo, ref).get(ref)
    return objects.resolve(repo, found, kind="commit") if found else None


def _split(files: Mapping[bytes, bytes]) -> tuple[dict[bytes, bytes], dict[bytes, dict[bytes, bytes]]]:
    """(files of this directory, directory -> what is below it)."""
    here: dict[bytes, bytes] = {}
    below: dict[bytes, dict[bytes, bytes]] = {}
    for path, content in files.items():
        name, slash, rest = path.partition(b"/")
        if slash:
            below.setdefault(name, {})[rest] = content
        else:
            here[name] = content
    return here, below


def _at_hand(workshop: Workshop, tree: str | None, files: Mapping[bytes, bytes]) -> str | None:
    """The same as `_with`, from processes at hand; None when one of them has no answer."""
    entries: dict[bytes, tuple[bytes, str]] = {}
    if tree is not None:
        found = workshop.read([tree])
        if found is None or found[tree][0] != b"tree":
            return None
        entries = objects.entries_of(found[tree][1], tree)
    here, below = _split(files)
    for name, content in here.items():
        oid = workshop.store("blob", content)
        if oid is None:
            return None
        entries[name] = b"100644", oid
    for name, inner in below.items():
        mode, there = entries.get(name, (b"", ""))
        made = _at_hand(workshop, there if mode == b"40000" else None, inner)
        if made is None:
            return None
        entries[name] = b"40000", made
    # Git sorts a directory as if its name ended with a slash.
    names = sorted(entries, key=lambda name: name + b"/" if entries[name][0] == b"40000" else name)
    lines = [entries[name][0] + b" " + name + b"\0" + bytes.fromhex(entries[name][1]) for name in names]
    return workshop.store("tree", b"".join(lines))


def _with(repo: Runner, tree: str | None, files: Mapping[bytes, bytes]) -> str:
    """A tree like `tree` (None: empty) with these files; only the directories on their way are read."""
    entries: dict[bytes, bytes] = {}
    if tree is not None:
        for line in repo.run("ls-tree", "-z", tree).out.split(b"\0"):
            if line:
                meta, _, name = line.partition(b"\t")
                entries[name] = meta
    here, below = _split(files)
    for name, content in here.items():
        oid = repo.run("hash-object", "-w", "--stdin", "--no-filters", stdin=content).text
        entries[name] = b"100644 blob " + oid.encode()
    for name, inner in below.items():
        kind, _, there = entries.get(name, b"").rpartition(b" ")
        subtree = _with(repo, there.decode() if kind.endswith(b"tree") else None, inner)
        entries[name] = b"040000 tree " + subtree.encode()
    lines = b"".join(meta + b"\t" + name + b"\0" for name, meta in entries.items())
    return repo.run("mktree", "-z", stdin=lines).text
