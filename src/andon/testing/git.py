"""Git in memory: the honest twin of `andon.git` for simulations and for tests of programs that use Andon's engine.

A repository (`MemoryRepository`) is what survives a crash; a `MemoryGit` is one process's view of it. Objects are
addressed by content, merges are three-way, branches move by compare-and-swap. It differs from git in one point: content
is merged line by line only where one side left a file alone; two sides that changed one file differently conflict; and
renames are deletions and additions.
`tests/testing/test_git_twin.py` compares it with real git. Must not know: faults, schedules (see `process`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha1, sha256

from msgspec import Struct

from andon.core.errors import AndonError
from andon.core.planning.history import Commit as MinedCommit
from andon.core.swarm import ref_of
from andon.ports import Change, CheckoutNote, Merge, Person

Files = Mapping[str, str]
"""path -> content"""

MARKERS = ("<<<<<<< ours", "=======", ">>>>>>> theirs")
MODE = "100644"
ABSENT = "000000"
NOTHING = "0" * 40
"""where a reference is that does not exist"""


class Commit(Struct, frozen=True, kw_only=True):
    tree: str
    parents: tuple[str, ...]
    message: str
    author: Person
    at: float


class Worktree(Struct, kw_only=True):
    """A working tree. files may be changed by whoever works there; made: as Andon wrote them."""

    head: str
    files: dict[str, str]
    made: dict[str, str]
    branch: str | None = None


class MemoryRepository:
    """What is on the disk: objects, references, worktrees."""

    def __init__(self, files: Files, *, branch: str = "main", at: float = 0.0) -> None:
        self.trees: dict[str, Files] = {}
        self.commits: dict[str, Commit] = {}
        self.references: dict[str, str] = {}
        self.worktrees: dict[str, Worktree] = {}
        self.blobs: dict[str, str] = {}
        root = self.put_commit(self.put_tree(files), (), "The first commit", Person(name="root", email="r@x"), at)
        self.references[f"refs/heads/{branch}"] = root

    def put_tree(self, files: Files) -> str:
        parts = [part for path in sorted(files) for part in (path, files[path])]
        oid = sha1("\0".join(parts).encode()).hexdigest()
        self.trees.setdefault(oid, dict(files))
        return oid

    def put_commit(self, tree: str, parents: Sequence[str], message: str, author: Person, at: float) -> str:
        text = repr((tree, tuple(parents), message, author.name, author.email, int(at)))
        oid = sha1(text.encode()).hexdigest()
        self.commits[oid] = Commit(tree=tree, parents=tuple(parents), message=message, author=author, at=at)
        return oid

    def files(self, treeish: str) -> Files:
        commit = self.commits.get(treeish)
        found = self.trees.get(commit.tree if commit is not None else treeish)
        if found is None:
            raise AndonError(f"git has no object {treeish}", kind="git_failed", next="andon doctor", exit=6)
        return found

    def ancestors(self, commit: str) -> dict[str, None]:
        """The commit and all before it, nearest first."""
        found: dict[str, None] = {}
        queue = [commit]
        while queue:
            name = queue.pop(0)
            if name not in found:
                found[name] = None
                queue.extend(self.commits[name].parents)
        return found

    def line(self, branch: str) -> list[str]:
        """The commits of a branch by first parents, oldest first."""
        found = []
        name: str | None = self.references.get(ref_of(branch))
        while name is not None:
            found.append(name)
            parents = self.commits[name].parents
            name = parents[0] if parents else None
        return found[::-1]


class MemoryGit:
    """The port `Git` on a repository in memory."""

    common_dir = "/repository/.git"
    main_worktree: str | None = "/repository"

    def __init__(self, repository: MemoryRepository, *, identity: Person | None = None) -> None:
        self.repository = repository
        self._identity = identity or Person(name="Lead", email="lead@example.invalid")

    @contextmanager
    def at_hand(self) -> Iterator[None]:
        yield

    # ------------------------------------------------------------ references

    def branch_head(self, branch: str) -> str | None:
        return self.repository.references.get(ref_of(branch))

    def current_branch(self) -> str | None:
        return "main"

    def move_branch(self, branch: str, *, new: str, expected: str, reason: str) -> bool:
        name = ref_of(branch)
        if self.repository.references.get(name, NOTHING) != expected:
            return False
        self.repository.references[name] = new
        return True

    def set_ref(self, ref: str, commit: str) -> None:
        self.repository.references[ref] = commit

    def delete_ref(self, ref: str) -> None:
        self.repository.references.pop(ref, None)

    def refs(self, prefix: str) -> dict[str, str]:
        return {name: oid for name, oid in self.repository.references.items() if name.startswith(prefix)}

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        return ancestor in self.repository.ancestors(descendant)

    def merge_base(self, one: str, other: str) -> str | None:
        before = self.repository.ancestors(other)
        return next((name for name in self.repository.ancestors(one) if name in before), None)

    # ------------------------------------------------------------ objects

    def tree_of(self, commit: str) -> str:
        return self.repository.commits[commit].tree

    def read_file(self, treeish: str, path: str) -> bytes | None:
        content = self.repository.files(treeish).get(path)
        return None if content is None else content.encode()

    def read_blobs(self, ids: Sequence[str], *, max_bytes: int | None = None) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for name in ids:
            tree, _, path = name.partition(":")
            content = (self.read_file(tree, path) if path else None) or b""
            if max_bytes is None or len(content) <= max_bytes:
                found[name] = content
        return found

    def mode_of(self, treeish: str, path: str) -> str | None:
        return MODE if path in self.repository.files(treeish) else None

    def list_files(self, treeish: str, under: str = "") -> list[tuple[str, str, str]]:
        files = self.repository.files(treeish)
        inside = [path for path in sorted(files) if not under or path == under or path.startswith(under + "/")]
        return [(MODE, sha1(files[path].encode()).hexdigest(), path) for path in inside]

    def commit_tree(
        self, tree: str, parents: Sequence[str], message: str, *, author: Person, committer: Person, at: float
    ) -> str:
        return self.repository.put_commit(tree, parents, message, author, at)

    def tree_with(self, treeish: str, files: Mapping[str, bytes | None]) -> str:
        added = {path: content.decode() for path, content in files.items() if content is not None}
        kept = {path: text for path, text in self.repository.files(treeish).items() if path not in files}
        return self.repository.put_tree({**kept, **added})

    def author_of(self, commit: str) -> Person:
        return self.repository.commits[commit].author

    def identity(self) -> Person:
        return self._identity

    def commit_contents(self, commits: Sequence[str]) -> dict[str, bytes]:
        return {name: self.repository.commits[name].message.encode() for name in commits}

    def commits_of(self, text: str, *, limit: int) -> list[str]:
        first, dots, last = text.partition("..")
        if not dots:
            return [self.repository.references.get(f"refs/heads/{text}", text)]
        known = self.repository.ancestors(first)
        return [name for name in self.repository.ancestors(last) if name not in known][::-1][:limit]

    def lineage(self, commit: str, *, limit: int) -> list[str]:
        found: list[str] = []
        parents = self.repository.commits[commit].parents
        while parents and len(found) < limit:
            found.append(parents[0])
            parents = self.repository.commits[parents[0]].parents
        return found

    def commits_since(self, head: str, known: str | None, *, limit: int) -> list[MinedCommit]:
        left_out = self.repository.ancestors(known) if known is not None else {}
        found = []
        for name in self.repository.ancestors(head):
            commit = self.repository.commits[name]
            if name in left_out or len(commit.parents) != 1:
                continue
            changed = self.changes(self.repository.commits[commit.parents[0]].tree, commit.tree)
            paths = tuple(change.path for change in changed)
            if paths:
                found.append(MinedCommit(id=name, at=commit.at, message=commit.message, files=paths))
        return found[:limit][::-1]

    def add_files(self, ref: str, files: Mapping[str, bytes], *, message: str, at: float) -> str:
        old = self.repository.references.get(ref)
        kept = self.repository.files(old) if old is not None else {}
        tree = self.repository.put_tree({**kept, **{path: content.decode() for path, content in files.items()}})
        commit = self.repository.put_commit(tree, (old,) if old else (), message, self._identity, at)
        self.repository.references[ref] = commit
        return commit

    # ------------------------------------------------------------ changes

    def changes(self, base: str, tree: str) -> list[Change]:
        old, new = self.repository.files(base), self.repository.files(tree)
        paths = sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
        return [
            Change(
                path=path,
                old_mode=MODE if path in old else ABSENT,
                new_mode=MODE if path in new else ABSENT,
                added=new[path].count("\n") + 1 if path in new else 0,
                deleted=old[path].count("\n") + 1 if path in old else 0,
            )
            for path in paths
        ]

    def patch_digest(self, base: str, tree: str) -> str:
        old, new = self.repository.files(base), self.repository.files(tree)
        paths = sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
        text = "\0".join(part for path in paths for part in (path, repr(old.get(path)), repr(new.get(path))))
        return f"patch:{sha256(text.encode()).hexdigest()}"

    def diff_text(self, base: str, tree: str, *, max_bytes: int = 60_000) -> str:
        new = self.repository.files(tree)
        return "\n".join(f"{change.path}: {new.get(change.path, '')}" for change in self.changes(base, tree))[
            :max_bytes
        ]

    def merge(self, ours: str, theirs: str) -> Merge:
        base = self.merge_base(ours, theirs)
        before = self.repository.files(base) if base is not None else {}
        one, other = self.repository.files(ours), self.repository.files(theirs)
        merged: dict[str, str] = {}
        conflicts = []
        for path in sorted(before.keys() | one.keys() | other.keys()):
            old, left, right = before.get(path), one.get(path), other.get(path)
            if left == right or right == old:
                kept = left
            elif left == old:
                kept = right
            else:
                conflicts.append(path)
                kept = "\n".join((MARKERS[0], left or "", MARKERS[1], right or "", MARKERS[2], ""))
            if kept is not None:
                merged[path] = kept
        return Merge(tree=self.repository.put_tree(merged), conflicts=tuple(conflicts))

    # ------------------------------------------------------------ worktrees

    def _worktree(self, path: str) -> Worktree:
        found = self.repository.worktrees.get(path)
        if found is None:
            raise AndonError(f"{path} is no git worktree", kind="git_failed", next="andon release; andon next", exit=6)
        return found

    def snapshot(
        self, worktree: str, *, base: str, message: str, author: Person, under: str, at: float
    ) -> tuple[str, str]:
        tree = self.write_tree(worktree, base)
        commit = self.repository.put_commit(tree, (base,), message, author, at)
        self.set_ref(f"{under}/{commit}", commit)
        return commit, tree

    def write_tree(self, worktree: str, base: str) -> str:
        return self.repository.put_tree(self._worktree(worktree).files)

    def worktree_head(self, worktree: str) -> str:
        return self._worktree(worktree).head

    def worktree_dirty(self, worktree: str, tree: str) -> bool:
        return self.repository.files(tree) != self._worktree(worktree).files

    def add_worktree(self, path: str, commit: str, *, tree: str | None = None) -> None:
        if path in self.repository.worktrees:
            raise AndonError(f"{path} exists already", kind="git_failed", next="andon doctor", exit=6)
        files = dict(self.repository.files(tree or commit))
        self.repository.worktrees[path] = Worktree(head=commit, files=files, made=dict(files))

    def update_worktree(self, path: str, old: str, new: str) -> None:
        worktree = self._worktree(path)
        if worktree.files != self.repository.files(old):
            raise AndonError(f"{path} was changed meanwhile", kind="worktree_changed", next="try again", exit=1)
        worktree.files = dict(self.repository.files(new))

    def remove_worktree(self, path: str) -> None:
        self.repository.worktrees.pop(path, None)

    def worktrees(self) -> dict[str, str | None]:
        return {path: worktree.branch for path, worktree in self.repository.worktrees.items()}

    def refresh_checkouts(self, branch: str, old: str, new: str) -> list[CheckoutNote]:
        return []

    def export_tree(self, tree: str, destination: str, *, only: Sequence[str] = ()) -> None:
        raise AndonError(
            "a repository in memory has no files to write", kind="git_failed", next="use andon.git", exit=6
        )
