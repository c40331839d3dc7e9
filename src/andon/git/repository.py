"""One repository: the `Git` port over the git program.

Reading and merging go through `Plumbing` (objects only, our configuration). Only snapshots, worktrees, references and the
refresh of checkouts touch the repository itself, and of these only the refresh touches a person's index.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from andon.core.errors import EXIT_UNAVAILABLE, EXIT_USAGE, AndonError
from andon.git import export, landing, patch, snapshot, worktrees
from andon.git.locate import locate
from andon.git.plumbing import Plumbing, failed
from andon.git.run import base_environment, spawn
from andon.ports import Change, CheckoutNote, Merge, Person

NO_HOOKS = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")


class Repository:
    """Implements `andon.ports.Git`."""

    def __init__(self, common_dir: str, main_worktree: str | None) -> None:
        self.common_dir = common_dir
        self.main_worktree = main_worktree
        self.plumbing = Plumbing(common_dir)
        self._known_trees: dict[str, str] = {}
        self._known_records: dict[tuple[str, str], list[patch.Record]] = {}

    @classmethod
    def find(cls, start: str) -> Repository:
        """The repository around a directory. Raises AndonError kind "not_a_repository"."""
        found = locate(start)
        if found is None:
            raise AndonError(
                f"{start} is not in a git repository",
                kind="not_a_repository",
                next="cd into a repository, or: git init",
                exit=EXIT_USAGE,
            )
        common_dir = os.path.realpath(found[0])
        bare = os.path.basename(common_dir) != ".git"
        return cls(common_dir, None if bare else os.path.dirname(common_dir))

    # ------------------------------------------------------------ running

    def try_run(
        self,
        *args: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        worktree: str | None = None,
        hooks: bool = False,
    ) -> tuple[int, bytes, bytes]:
        """Run git in the repository (or one of its worktrees): (exit code, output, errors)."""
        where = ["-C", worktree] if worktree else ["--git-dir", self.common_dir]
        environment = base_environment()
        environment.update(env or {})
        return spawn([*where, *(() if hooks else NO_HOOKS), *args], stdin=stdin, env=environment)

    def run(
        self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None, worktree: str | None = None
    ) -> bytes:
        code, out, err = self.try_run(*args, stdin=stdin, env=env, worktree=worktree)
        if code != 0:
            raise failed(args, code, err)
        return out

    # ------------------------------------------------------------ reading

    @property
    def is_shallow(self) -> bool:
        return os.path.exists(os.path.join(self.common_dir, "shallow"))

    def branch_head(self, branch: str) -> str | None:
        loose = read_id(os.path.join(self.common_dir, "refs", "heads", branch))
        if loose is not None:
            return loose
        code, out, _ = self.try_run("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}")
        return out.decode().strip() if code == 0 else None

    def current_branch(self) -> str | None:
        code, out, _ = self.try_run("symbolic-ref", "--quiet", "--short", "HEAD")
        return out.decode("utf-8", "surrogateescape").strip() if code == 0 else None

    def tree_of(self, commit: str) -> str:
        if commit not in self._known_trees:
            self._known_trees[commit] = self.plumbing.text("rev-parse", "--verify", f"{commit}^{{tree}}")
        return self._known_trees[commit]

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        code, _ = self._history("merge-base", "--is-ancestor", ancestor, descendant)
        return code == 0

    def merge_base(self, one: str, other: str) -> str | None:
        code, out = self._history("merge-base", one, other)
        return out.decode().strip() if code == 0 else None

    def _history(self, *args: str) -> tuple[int, bytes]:
        """Questions about history go to the repository itself, which knows where a shallow one ends."""
        code, out, err = self.try_run(*args)
        if code not in (0, 1):
            if self.is_shallow:
                raise AndonError(
                    "the repository is a shallow clone and the history that is needed is not there",
                    kind="shallow",
                    next="git fetch --unshallow",
                    exit=EXIT_UNAVAILABLE,
                )
            raise failed(args, code, err)
        return code, out

    def read_file(self, treeish: str, path: str) -> bytes | None:
        name = treeish if treeish != "HEAD" else self._head()
        code, out = self.plumbing.run("cat-file", "blob", f"{name}:{path}", ok=(0, 128, 1))
        return out if code == 0 else None

    def _head(self) -> str:
        return self.run("rev-parse", "--verify", "HEAD^{commit}").decode().strip()

    def list_files(self, treeish: str, under: str = "") -> list[tuple[str, str, str]]:
        name = treeish if treeish != "HEAD" else self._head()
        args = ["ls-tree", "-r", "-z", "--full-tree", name] + ([f"{under.rstrip('/')}/"] if under else [])
        found = []
        for line in self.plumbing.run(*args)[1].split(b"\0"):
            if line:
                meta, _, path = line.partition(b"\t")
                mode, _kind, oid = meta.decode().split(" ")
                found.append((mode, oid, os.fsdecode(path)))
        return found

    def read_blobs(self, ids: Sequence[str]) -> dict[str, bytes]:
        """Contents by object id, in one process."""
        if not ids:
            return {}
        out = self.plumbing.run("cat-file", "--batch", stdin="".join(f"{x}\n" for x in ids).encode())[1]
        found: dict[str, bytes] = {}
        at = 0
        for oid in ids:
            end = out.index(b"\n", at)
            header = out[at:end].decode().split(" ")
            if len(header) != 3:
                raise AndonError(f"object {oid} is missing", kind="git_failed", next="git fsck", exit=EXIT_UNAVAILABLE)
            size = int(header[2])
            found[oid] = out[end + 1 : end + 1 + size]
            at = end + 1 + size + 1
        return found

    def author_of(self, commit: str) -> Person:
        out = self.plumbing.run("cat-file", "commit", commit)[1]
        for line in out.split(b"\n\n", 1)[0].split(b"\n"):
            if line.startswith(b"author "):
                name, _, rest = line[7:].decode("utf-8", "replace").rpartition(" <")
                return Person(name=name, email=rest.partition(">")[0])
        raise AndonError(f"commit {commit} has no author", kind="git_failed", exit=EXIT_UNAVAILABLE)

    def identity(self) -> Person:
        code, out, _ = self.try_run("var", "GIT_COMMITTER_IDENT")
        text = out.decode("utf-8", "replace").strip()
        configured = self.try_run("config", "user.email")[0] == 0
        if code != 0 or not configured:
            raise AndonError(
                "git does not know who you are",
                kind="no_identity",
                next="git config user.name 'YOUR NAME' && git config user.email YOU@EXAMPLE.COM",
                exit=EXIT_USAGE,
            )
        name, _, rest = text.rpartition(" <")
        return Person(name=name, email=rest.partition(">")[0])

    def worktree_root(self, directory: str) -> str | None:
        """The worktree that a directory is in, None in a bare repository."""
        found = locate(directory)
        return found[2] if found else None

    # ------------------------------------------------------------ changes

    def changes(self, base: str, tree: str) -> list[Change]:
        raw = self._records(base, tree)
        out = self.plumbing.run("diff-tree", "-r", "-z", "--numstat", "--no-renames", base, tree)[1]
        lines: dict[bytes, tuple[int, int]] = {}
        for entry in out.split(b"\0"):
            if entry:
                added, deleted, path = entry.split(b"\t", 2)
                lines[path] = (-1, -1) if added == b"-" else (int(added), int(deleted))
        return [
            Change(
                path=os.fsdecode(path),
                old_mode=old_mode,
                new_mode=new_mode,
                added=lines.get(path, (0, 0))[0],
                deleted=lines.get(path, (0, 0))[1],
            )
            for old_mode, new_mode, _old, _new, _status, path in raw
        ]

    def _records(self, base: str, tree: str) -> list[patch.Record]:
        """What differs between two objects; asked for several times in one command, read once."""
        key = (base, tree)
        if key not in self._known_records:
            out = self.plumbing.run("diff-tree", "-r", "-z", "--raw", "--no-renames", base, tree)[1]
            self._known_records[key] = patch.parse_raw(out)
        return self._known_records[key]

    def patch_digest(self, base: str, tree: str) -> str:
        records = self._records(base, tree)
        modified = [x for x in records if x[4] in "MT" and patch.GITLINK not in (x[0], x[1])]
        hunks: dict[bytes, list[patch.Hunk]] = {}
        if modified:
            out = self.plumbing.run(
                "diff-tree",
                "-r",
                "-p",
                "-U0",
                "--no-renames",
                "--diff-algorithm=myers",
                "--no-color",
                "--diff-filter=M",
                "--no-ext-diff",
                "--no-textconv",
                "--inter-hunk-context=0",
                base,
                tree,
            )[1]
            hunks = patch.parse_hunks(out, [x[5] for x in records if x[4] == "M"])
        return patch.digest(records, self.read_blobs, hunks)

    def diff_text(self, base: str, tree: str, *, max_bytes: int = 60_000) -> str:
        out = self.plumbing.run("diff-tree", "-r", "-p", "--stat", "--no-color", "-M", base, tree)[1]
        text = out[:max_bytes].decode("utf-8", "replace")
        return text + (f"\n[… {len(out) - max_bytes} bytes left out]" if len(out) > max_bytes else "")

    def merge(self, ours: str, theirs: str) -> Merge:
        return landing.merge(self, ours, theirs)

    def commit_tree(
        self, tree: str, parents: Sequence[str], message: str, *, author: Person, committer: Person, at: float
    ) -> str:
        env = {
            "GIT_AUTHOR_NAME": author.name,
            "GIT_AUTHOR_EMAIL": author.email,
            "GIT_AUTHOR_DATE": f"@{int(at)} +0000",
            "GIT_COMMITTER_NAME": committer.name,
            "GIT_COMMITTER_EMAIL": committer.email,
            "GIT_COMMITTER_DATE": f"@{int(at)} +0000",
        }
        arguments = [argument for parent in parents for argument in ("-p", parent)]
        data = message.encode("utf-8", "surrogateescape")
        return self.plumbing.text("commit-tree", tree, *arguments, stdin=data, env=env)

    def tree_with(self, treeish: str, files: Mapping[str, bytes]) -> str:
        with snapshot.temporary_index(self) as index:
            env = {"GIT_INDEX_FILE": index}
            self.plumbing.run("read-tree", treeish, env=env)
            lines = []
            for path, content in files.items():
                oid = self.plumbing.text("hash-object", "-w", "--stdin", "--no-filters", stdin=content)
                lines.append(b"100644 " + oid.encode() + b"\t" + os.fsencode(path) + b"\0")
            self.plumbing.run("update-index", "-z", "--index-info", stdin=b"".join(lines), env=env)
            return self.plumbing.text("write-tree", env=env)

    # ------------------------------------------------------------ snapshots and worktrees

    def snapshot(
        self, worktree: str, *, base: str, message: str, author: Person, ref: str, at: float
    ) -> tuple[str, str]:
        tree = snapshot.write_tree(self, worktree)
        snapshot.refuse_bad_entries(self, base, tree)
        commit = self.commit_tree(tree, [base], message, author=author, committer=author, at=at)
        self.set_ref(ref, commit)
        return commit, tree

    def worktree_head(self, worktree: str) -> str:
        found = locate(worktree)
        detached = read_id(os.path.join(found[1], "HEAD")) if found else None
        if detached is not None:
            return detached
        code, out, _ = self.try_run("rev-parse", "--verify", "--quiet", "HEAD^{commit}", worktree=worktree)
        return out.decode().strip() if code == 0 else ""

    def write_tree(self, worktree: str, base: str) -> str:
        """The tree of what the worktree holds now; refuses like `snapshot`. Makes no commit and no reference."""
        tree = snapshot.write_tree(self, worktree)
        snapshot.refuse_bad_entries(self, base, tree)
        return tree

    def worktree_dirty(self, worktree: str, tree: str) -> bool:
        return snapshot.write_tree(self, worktree) != tree

    def add_worktree(self, path: str, commit: str, *, tree: str | None = None) -> None:
        worktrees.add(self, path, commit, tree)

    def remove_worktree(self, path: str) -> None:
        worktrees.remove(self, path)

    def worktrees(self) -> dict[str, str | None]:
        return worktrees.listed(self)

    # ------------------------------------------------------------ references

    def set_ref(self, ref: str, commit: str) -> None:
        self.run("update-ref", ref, commit)

    def delete_ref(self, ref: str) -> None:
        self.run("update-ref", "-d", ref)

    def refs(self, prefix: str) -> dict[str, str]:
        out = self.run("for-each-ref", "--format=%(refname) %(objectname)", prefix).decode("utf-8", "surrogateescape")
        return dict(line.rsplit(" ", 1) for line in out.splitlines())

    def move_branch(self, branch: str, *, new: str, expected: str, reason: str) -> bool:
        return landing.move_branch(self, branch, new, expected, reason)

    def refresh_checkouts(self, branch: str, old: str, new: str) -> list[CheckoutNote]:
        return landing.refresh_checkouts(self, branch, old, new)

    def export_tree(self, tree: str, destination: str, *, only: Sequence[str] = ()) -> None:
        export.export_tree(self, tree, destination, only)


def read_id(path: str) -> str | None:
    """The object id that a loose reference (or detached HEAD) file holds; None when it is anything else."""
    try:
        with open(path, "rb") as file:
            text = file.read(100).strip()
    except OSError:
        return None
    good = len(text) in (40, 64) and not text.strip(b"0123456789abcdef")
    return text.decode() if good else None
