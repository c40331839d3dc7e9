"""One repository: the `Git` port over the git program.

Questions about objects go to the repository with its settings overridden; what compares, merges or writes files out
goes through `Plumbing`, where no setting of anybody counts. Only worktrees and the refresh of checkouts touch a person's or
worker's files, and of these only the refresh touches an index that is not our own. The work is done in the modules by
concern; here they are put together.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from andon.core.errors import EXIT_NO, EXIT_USAGE, AndonError
from andon.core.later import later
from andon.core.swarm import is_integration
from andon.git import objects, refs, worktrees
from andon.git.locate import locate
from andon.git.plumbing import Plumbing
from andon.git.run import Runner
from andon.ports import Change, CheckoutNote, Merge, Person

if TYPE_CHECKING:
    from andon.core.planning.history import Commit as MinedCommit
    from andon.git import changes, checkouts, export, history, ledger, merging, patch, snapshot, sole
    from andon.git.standing import Workshop
else:
    changes, checkouts, export = later("andon.git.changes"), later("andon.git.checkouts"), later("andon.git.export")
    history, ledger, merging = later("andon.git.history"), later("andon.git.ledger"), later("andon.git.merging")
    patch, snapshot, sole = later("andon.git.patch"), later("andon.git.snapshot"), later("andon.git.sole")

EDITS_KEPT = 64
READ_AT_ONCE = 100
_IDENTITY = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")


class Repository:
    """Implements `andon.ports.Git`."""

    def __init__(self, common_dir: str, main_worktree: str | None) -> None:
        self.common_dir = common_dir
        self.main_worktree = main_worktree
        where = ("--git-dir", common_dir)
        self._repo = Runner(where)
        self._hooked = Runner(where, hooks=True)
        self.plumbing = Plumbing(common_dir)
        self.may_be_in_workspace = True
        """False: the configuration, as it was when the repository was found, says nothing of one; see `membership`"""
        self._trees: dict[str, str] = {}
        self._edits: dict[tuple[str, str], patch.Edits] = {}
        self._changes: dict[tuple[str, str], list[Change]] = {}
        self._identity: Person | None = None
        self._workshop: Workshop | None = None

    @classmethod
    def find(cls, start: str) -> Repository:
        """The repository around a directory, of any of its worktrees, or a bare one.

        Raises AndonError kind "not_a_repository" when there is none, or git would refuse to use it.
        """
        found = locate(start)
        if found is None:
            raise AndonError(
                f"{start} is not in a git repository" if os.path.isdir(start) else f"there is no directory {start}",
                kind="not_a_repository",
                next="cd into a repository, or make one: git init",
                exit=EXIT_USAGE,
            )
        common_dir, git_dir, worktree = found
        if not _owned(common_dir, git_dir, worktree):
            _ask_git(start)
        config = _config(common_dir)
        repository = cls(common_dir, _main_worktree(config, common_dir, git_dir, worktree))
        repository.may_be_in_workspace = b"workspace" in config
        return repository

    # ------------------------------------------------------------ the repository

    @property
    def is_shallow(self) -> bool:
        """Whether history ends somewhere because it was not fetched."""
        return os.path.exists(os.path.join(self.common_dir, "shallow"))

    def setting(self, name: str, *, path: bool = False) -> str:
        """A value of the git configuration as it applies here, "" when there is none. path: `~` is expanded."""
        kind = ("--type=path",) if path else ()
        return self._hooked.run("config", *kind, "--get", name, ok=None).text

    def identity(self, default: Person | None = None) -> Person:
        """Who commits here, from git's configuration (or GIT_AUTHOR_NAME and its like); nothing is guessed.

        Raises AndonError kind "no_identity" when that is not known and there is no default.
        """
        if self._identity is None:
            env = {key: os.environ[key] for key in _IDENTITY if os.environ.get(key)}
            for name in ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"):
                done = self._repo.run("-c", "user.useConfigOnly=true", "var", name, env=env, ok=None)
                if done.code == 0:
                    self._identity = objects.person(done.out.decode("utf-8", "replace"))
                    break
        if self._identity is not None:
            return self._identity
        if default is not None:
            return default
        raise AndonError(
            "git does not know who you are: user.name and user.email are not set",
            kind="no_identity",
            next="git config user.name 'YOUR NAME' && git config user.email YOU@EXAMPLE.COM",
            exit=EXIT_USAGE,
        )

    @contextmanager
    def at_hand(self) -> Iterator[None]:
        """Keep git processes for questions about objects while many of them follow."""
        if self._workshop is not None:
            yield
            return
        from andon.git.standing import Workshop

        self._workshop = Workshop(self._repo, self.plumbing, self.common_dir)
        try:
            yield
        finally:
            workshop, self._workshop = self._workshop, None
            workshop.close()

    # ------------------------------------------------------------ references

    def branch_head(self, branch: str) -> str | None:
        return refs.branch_head(self._repo, self.common_dir, branch)

    def current_branch(self) -> str | None:
        done = self._repo.run("symbolic-ref", "--quiet", "HEAD", ok=None)
        return done.text.removeprefix(refs.BRANCHES) if done.code == 0 else None

    def set_ref(self, ref: str, commit: str) -> None:
        refs.set_ref(self._repo, self.common_dir, ref, commit)

    def delete_ref(self, ref: str) -> None:
        refs.delete_ref(self._repo, self.common_dir, ref)

    def refs(self, prefix: str) -> dict[str, str]:
        return refs.refs(self._repo, prefix)

    def move_branch(self, branch: str, *, new: str, expected: str, reason: str) -> bool:
        return refs.move_branch(self._repo, self._hooked, self.common_dir, branch, new, expected, reason)

    # ------------------------------------------------------------ history

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        done = self._repo.run("merge-base", "--is-ancestor", ancestor, descendant, ok=(0, 1))
        if done.code == 1 and self.is_shallow:
            # Where history is cut off, "no" is only known when the two have something in common.
            self.merge_base(ancestor, descendant)
        return done.code == 0

    def merge_base(self, one: str, other: str) -> str | None:
        done = self._repo.run("merge-base", one, other, ok=(0, 1))
        if done.code == 0:
            return done.text
        if self.is_shallow:
            raise AndonError(
                f"the common history of {one[:12]} and {other[:12]} is not here: the repository is a shallow clone",
                kind="shallow",
                next="git fetch --unshallow",
                exit=EXIT_NO,
            )
        return None

    def merge(self, ours: str, theirs: str) -> Merge:
        return merging.merge(self.plumbing, self._id(ours), self._id(theirs), shallow=self.is_shallow)

    # ------------------------------------------------------------ objects

    def _id(self, name: str) -> str:
        """The plumbing directory has no references, so names are resolved before they are used there."""
        return objects.resolve(self._repo, name)

    def tree_of(self, commit: str) -> str:
        if commit not in self._trees:
            tree = self._workshop.tree_of(commit) if self._workshop and objects.is_id(commit) else None
            tree = tree or objects.resolve(self._repo, commit, kind="tree")
            if not objects.is_id(commit):
                return tree
            self._trees[commit] = tree
        return self._trees[commit]

    def read_file(self, treeish: str, path: str) -> bytes | None:
        if self._workshop and (found := self._workshop.read([f"{treeish}:{path}"])):
            kind, content = found[f"{treeish}:{path}"]
            return content if kind == b"blob" else None
        return objects.read_file(self._repo, treeish, path)

    def mode_of(self, treeish: str, path: str) -> str | None:
        directory, _, name = path.rpartition("/")
        asked = f"{treeish}:{directory}"
        plain = objects.is_id(treeish) and not {"", ".", ".."} & set(path.split("/"))
        if self._workshop and plain and (found := self._workshop.read([asked])):
            kind, content = found[asked]
            entries = objects.entries_of(content, treeish) if kind == b"tree" else {}
            mode, _oid = entries.get(os.fsencode(name), (b"", ""))
            return mode.decode() if mode not in (b"", b"40000") else None
        listed = objects.list_files(self._repo, treeish, directory)
        return next((mode for mode, _oid, one in listed if one == path), None)

    def list_files(self, treeish: str, under: str = "") -> list[tuple[str, str, str]]:
        return objects.list_files(self._repo, treeish, under)

    def read_blobs(self, ids: Sequence[str], *, max_bytes: int | None = None) -> dict[str, bytes]:
        """Contents by object id, in one process; with `max_bytes` a second one asks for the sizes first."""
        if self._workshop and len(ids) <= READ_AT_ONCE and (found := self._workshop.read(ids)) is not None:
            contents = {name: content for name, (_kind, content) in found.items()}
            return {x: y for x, y in contents.items() if max_bytes is None or len(y) <= max_bytes}
        if max_bytes is not None:
            ids = objects.not_larger(self._repo, ids, max_bytes)
        return objects.read_blobs(self._repo, ids)

    def uses_lfs(self, treeish: str) -> bool:
        """Whether a tree holds files that Git LFS stands behind."""
        return objects.uses_lfs(self._repo, treeish)

    def author_of(self, commit: str) -> Person:
        known = self._workshop.read([commit]) if self._workshop and objects.is_id(commit) else None
        return objects.author_of(self._repo, commit, known[commit][1] if known else None)

    def commit_tree(
        self, tree: str, parents: Sequence[str], message: str, *, author: Person, committer: Person, at: float
    ) -> str:
        if self._workshop:
            made = self._workshop.commit(tree, parents, message, author=author, committer=committer, at=at)
            if made is not None:
                return made
        return objects.commit_tree(self._repo, tree, parents, message, author=author, committer=committer, at=at)

    def commit_contents(self, commits: Sequence[str]) -> dict[str, bytes]:
        return self.read_blobs(commits)

    def commits_of(self, text: str, *, limit: int) -> list[str]:
        return history.commits_of(self._repo, text, limit=limit)

    def lineage(self, commit: str, *, limit: int) -> list[str]:
        return history.lineage(self._repo, self._id(commit), limit=limit)

    def commits_since(self, head: str, known: str | None, *, limit: int) -> list[MinedCommit]:
        """The newest commits of `head` that are not of `known`, with the paths that each changed; oldest first."""
        return history.commits_since(
            self._repo, self._id(head), self._id(known) if known is not None else None, limit=limit
        )

    def add_files(self, ref: str, files: Mapping[str, bytes], *, message: str, at: float) -> str:
        return ledger.add_files(
            self._repo, self.common_dir, ref, files, message=message, at=at, workshop=self._workshop
        )

    def tree_with(self, treeish: str, files: Mapping[str, bytes | None]) -> str:
        return objects.tree_with(self._repo, self.common_dir, treeish, files)

    # ------------------------------------------------------------ changes

    def changes(self, base: str, tree: str) -> list[Change]:
        # Asked for by several gates of one check; both are ids of objects, which never change.
        key = (self._id(base), self._id(tree))
        if key not in self._changes:
            counted = changes.from_edits(self._edits_of(base, tree))
            self._changes[key] = changes.changes(self._diff, *key) if counted is None else counted
        return self._changes[key]

    def added_lines(self, base: str, tree: str) -> dict[str, tuple[tuple[int, int], ...] | None]:
        return changes.added_lines(self._edits_of(base, tree))

    def patch_digest(self, base: str, tree: str) -> str:
        return patch.digest(self._edits_of(base, tree), self.read_blobs)

    def diff_text(self, base: str, tree: str, *, max_bytes: int = 60_000) -> str:
        return changes.diff_text(self.plumbing, self._id(base), self._id(tree), max_bytes)

    def _differences(self, base: str, tree: str) -> list[patch.Record]:
        return [record for record, _hunks in self._edits_of(base, tree)]

    def _edits_of(self, base: str, tree: str) -> patch.Edits:
        """What differs between two objects; asked for several times in one command, read once."""
        key = (base, tree)
        if key not in self._edits:
            if len(self._edits) >= EDITS_KEPT:
                self._edits.clear()
            self._edits[key] = patch.read_edits(self._diff, self._id(base), self._id(tree))
        return self._edits[key]

    def _diff(self, options: Sequence[str], base: str, tree: str) -> bytes:
        found = self._workshop.diff(options, base, tree) if self._workshop else None
        return found if found is not None else self.plumbing.run("diff-tree", *options, base, tree).out

    # ------------------------------------------------------------ working trees

    def snapshot(
        self, worktree: str, *, base: str, message: str, author: Person, under: str, at: float
    ) -> tuple[str, str]:
        tree = self.write_tree(worktree, base)
        commit = self.commit_tree(tree, [base], message, author=author, committer=author, at=at)
        self.set_ref(f"{under}/{commit}", commit)
        return commit, tree

    def write_tree(self, worktree: str, base: str) -> str:
        """The tree that `snapshot` would store, with the same refusals, without a commit or a reference."""
        tree = self._tree_on_disk(worktree, base)
        snapshot.refuse_bad_entries(self._repo, self._differences(base, tree), tree)
        return tree

    def worktree_dirty(self, worktree: str, tree: str) -> bool:
        return self._tree_on_disk(worktree, tree) != tree

    def _tree_on_disk(self, worktree: str, base: str) -> str:
        top, git_dir = worktrees.git_dir_of(self.common_dir, worktree)
        runner = self._runner_at(top, git_dir)
        return snapshot.write_tree(runner, top=top, git_dir=git_dir, common_dir=self.common_dir, base=base)

    def _runner_at(self, top: str, git_dir: str) -> Runner:
        """Git in a worktree. Named outright, so that git does not look for another repository around it."""
        return Runner(("-C", top, "--git-dir", git_dir, "--work-tree", top))

    def worktree_head(self, worktree: str) -> str:
        top, git_dir = worktrees.git_dir_of(self.common_dir, worktree)
        detached = refs.read_id(os.path.join(git_dir, "HEAD"))
        if detached is not None:
            return detached
        done = self._runner_at(top, git_dir).run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", ok=None)
        if done.code != 0:
            raise AndonError(
                f"{worktree} has no commit checked out", kind="unknown_object", next="git status there", exit=EXIT_NO
            )
        return done.text

    def worktree_root(self, directory: str) -> str | None:
        """The top of the worktree that a directory is in, None in a bare repository."""
        found = locate(directory)
        return found[2] if found else None

    def add_worktree(self, path: str, commit: str, *, tree: str | None = None) -> None:
        worktrees.add(self._repo, self.common_dir, path, self._id(commit), tree, self._runner_at)

    def update_worktree(self, path: str, old: str, new: str) -> None:
        top, git_dir = worktrees.git_dir_of(self.common_dir, path)
        from andon.git import bring

        bring.bring(self._runner_at(top, git_dir), self.common_dir, path, self._id(old), self._id(new))

    def remove_worktree(self, path: str) -> None:
        worktrees.remove(self.common_dir, path)

    def worktrees(self) -> dict[str, str | None]:
        return worktrees.listed(self._repo)

    def refresh_checkouts(self, branch: str, old: str, new: str) -> list[CheckoutNote]:
        if is_integration(branch):
            return []
        differences = self._differences(old, new)
        with sole.sole(self.common_dir) as alone:
            if alone:
                sole.clear_killed_move(self.common_dir)
            return checkouts.refresh(self.worktrees(), branch, old, new, differences, self._runner_at)

    def export_tree(self, tree: str, destination: str, *, only: Sequence[str] = ()) -> None:
        export.export_tree(self.plumbing, self.common_dir, self._id(tree), destination, only)


def _owned(*paths: str | None) -> bool:
    """Whether these belong to this process's user; if not, it is for git to say whether they may be used."""
    user = os.geteuid()
    try:
        return all(os.stat(path).st_uid == user for path in paths if path is not None)
    except OSError:
        return False


def _ask_git(start: str) -> None:
    done = Runner(("-C", start)).run("rev-parse", "--git-dir", ok=None)
    if done.code == 0:
        return
    said = done.err.decode("utf-8", "replace")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    doubted = "dubious ownership" in said
    raise AndonError(
        f"git can't use the repository around {start}: {lines[0] if lines else 'no reason given'}",
        kind="not_a_repository",
        next=lines[-1] if doubted and lines else "git status",
        exit=EXIT_USAGE,
    )


def _config(common_dir: str) -> bytes:
    """The repository's own configuration in lower case, as it stands."""
    try:
        with open(os.path.join(common_dir, "config"), "rb") as file:
            return file.read().lower()
    except OSError:
        return b""


def _main_worktree(config: bytes, common_dir: str, git_dir: str, worktree: str | None) -> str | None:
    """The main worktree's top directory, None for a bare repository."""
    settled = b"bare = false" in config and b"bare = true" not in config and b"worktree" not in config
    if not settled:
        runner = Runner(("--git-dir", common_dir))
        if runner.run("config", "--type=bool", "--get", "core.bare", ok=None).text == "true":
            return None
        top = runner.run("config", "--get", "core.worktree", ok=None).text
        if top:
            return os.path.realpath(os.path.join(common_dir, top))
    if git_dir == common_dir and worktree is not None:
        return worktree
    return os.path.dirname(common_dir) if os.path.basename(common_dir) == ".git" else None
