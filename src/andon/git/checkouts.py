"""People's checkouts of a branch that Andon moved: brought forward, or left alone with a word.

Rules: a local modification (staged or not, tracked or not, ignored or not) is never lost; when bringing the checkout
forward would touch one, files and index stay as they are and the note says exactly what to run. Must not know: why the
branch moved.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from andon.core.errors import AndonError
from andon.git import index_lock
from andon.git.failures import words_of
from andon.git.locate import worktree_at
from andon.git.patch import NO_FILE, Record, path_text
from andon.git.run import Finished, Runner
from andon.ports import CheckoutNote

LOCK_TRIES = 10
LOCK_WAIT_S = 0.1
NAMES_SHOWN = 5

# (file in the worktree's git directory, what is under way, how to end it without result)
_UNDER_WAY = (
    ("MERGE_HEAD", "a merge", "git merge --abort"),
    ("CHERRY_PICK_HEAD", "a cherry-pick", "git cherry-pick --abort"),
    ("REVERT_HEAD", "a revert", "git revert --abort"),
)
_REBASES = ("rebase-merge", "rebase-apply")


def refresh(
    found: dict[str, str | None],
    branch: str,
    old: str,
    new: str,
    records: list[Record],
    runner_at: Callable[[str, str], Runner],
) -> list[CheckoutNote]:
    """Bring every checkout of `branch` from `old` to `new`. found: worktree -> branch. records: what differs."""
    notes = []
    for path, name in found.items():
        located = worktree_at(path) if os.path.isdir(path) else None
        if located is None:
            continue
        git_dir = located[1]
        if name == branch:
            notes.append(_Checkout(path, git_dir, branch, old, new, runner_at(path, git_dir)).refresh(records))
        elif _rebased(git_dir) == branch:
            message = (
                f"a rebase of {branch} is under way in {path}, and {branch} has moved to {new[:12]}: "
                f"`git rebase --abort`, then start it again"
            )
            notes.append(CheckoutNote(path=path, updated=False, message=message))
    return notes


def _rebased(git_dir: str) -> str | None:
    """The branch that a rebase in this worktree will move when it ends."""
    for directory in _REBASES:
        try:
            with open(os.path.join(git_dir, directory, "head-name"), "rb") as file:
                return os.fsdecode(file.read().strip()).removeprefix("refs/heads/")
        except OSError:
            continue
    return None


class _Checkout:
    """One worktree that has the branch checked out."""

    def __init__(self, path: str, git_dir: str, branch: str, old: str, new: str, git: Runner) -> None:
        self.path = path
        self.git_dir = git_dir
        self.branch = branch
        self.old = old
        self.new = new
        self.git = git
        self.records: list[Record] = []
        self.there_already: list[Record] = []

    def refresh(self, records: list[Record]) -> CheckoutNote:
        self.records = records
        if index_lock.interrupted(self.git_dir) == (self.old, self.new):
            self._undo_half()
        index_lock.forget(self.git_dir)
        for name, what, abort in _UNDER_WAY:
            if os.path.exists(os.path.join(self.git_dir, name)):
                return self._left(
                    f"{what} is under way there; do not commit it, it would undo what landed: `{abort}`, "
                    f"then `git status`, and start it again"
                )
        # A file that landed as new and stands there just so (as after `andon init --commit`) only has to be known.
        self.there_already = [record for record in records if record.old_mode == NO_FILE and self._is_the_same(record)]
        in_the_way = self._in_the_way([record for record in records if record not in self.there_already])
        if in_the_way:
            shown = ", ".join(in_the_way[:NAMES_SHOWN])
            why = f"what landed adds a path that stands there untracked: {shown}. Move it away, then `{self._bring()}`"
            return self._left(why)
        try:
            return self._read_tree()
        except AndonError as error:
            return self._left(f"{error.message}. When that is mended: `{self._bring()}`")

    def _read_tree(self) -> CheckoutNote:
        for _ in range(LOCK_TRIES):
            try:
                with index_lock.locked_copy(self.git_dir, self.old, self.new) as copy:
                    return self._bring_forward(copy)
            except index_lock.IndexLocked:
                time.sleep(LOCK_WAIT_S)
            except OSError as error:
                return self._left(f"{error}. When that is mended: `{self._bring()}`")
        return self._left(f"another git command holds its index. When that has ended: `{self._bring()}`")

    def _bring_forward(self, copy: str) -> CheckoutNote:
        env = {"GIT_INDEX_FILE": copy}
        known = set(self.git.run("ls-files", "-z", env=env, ok=None).out.split(b"\0")) if self.there_already else set()
        self.there_already = [record for record in self.there_already if record.path not in known]
        if self.there_already:
            lines = [f"{x.new_mode} {x.new} 0\t".encode() + x.path + b"\0" for x in self.there_already]
            self.git.run("update-index", "--add", "-z", "--index-info", stdin=b"".join(lines), env=env)
            self.git.run("update-index", "-q", "--refresh", env=env, ok=None)
        done = self._merge_trees(env)
        if done.code > 0 and self._know_edited(env):
            done = self._merge_trees(env)
        if done.code < 0:
            # Git was killed from outside; what it had written is taken back first.
            index_lock.unlock_copy(self.git_dir)
            self._undo_half()
            done = self._merge_trees(env)
        if done.code == 0:
            index_lock.keep(self.git_dir)
            message = f"{self.path} was brought up to date with {self.branch} ({self.new[:12]})"
            return CheckoutNote(path=self.path, updated=True, message=message)
        said = done.err.decode("utf-8", "replace")
        keep_both = f"git switch --detach {self.old[:12]} && git stash && git switch {self.branch} && git stash pop"
        return self._left(
            f"what landed touches local edits ({words_of(said, done.code)}). To keep both: "
            f"`cd {_quoted(self.path)} && {keep_both}`"
        )

    def _merge_trees(self, env: dict[str, str]) -> Finished:
        done = self.git.run("read-tree", "-m", "-u", self.old, self.new, env=env, ok=None)
        if done.code > 0 and b"not uptodate" in done.err:
            # Perhaps only the file's times differ. Refreshing what the index remembers of them changes no content.
            refreshed = self.git.run("update-index", "-q", "--refresh", env=env, ok=None)
            if refreshed.code < 0:
                return refreshed
            done = self.git.run("read-tree", "-m", "-u", self.old, self.new, env=env, ok=None)
        return done

    def _know_edited(self, env: dict[str, str]) -> bool:
        """Enter in the index what was edited on disk to just what landed, and nowhere staged otherwise; whether any was."""
        edited = set(self.git.run("diff-files", "-z", "--name-only", env=env, ok=None).out.split(b"\0"))
        staged = dict[bytes, bytes]()
        for line in self.git.run("ls-files", "-s", "-z", env=env, ok=None).out.split(b"\0"):
            entry, _, path = line.partition(b"\t")
            staged[path] = entry
        found = [
            record
            for record in self.records
            if record.path in edited
            and staged.get(record.path) == f"{record.old_mode} {record.old} 0".encode()
            and self._is_the_same(record)
        ]
        if found:
            lines = [f"{x.new_mode} {x.new} 0\t".encode() + x.path + b"\0" for x in found]
            self.git.run("update-index", "-z", "--index-info", stdin=b"".join(lines), env=env)
            self.git.run("update-index", "-q", "--refresh", env=env, ok=None)
            self.there_already += found
        return bool(found)

    def _undo_half(self) -> None:
        """After a predecessor was killed while it brought this checkout forward: take back the files that it had written.

        Those are files whose content is that of the new commit, or the beginning of it; all others are somebody's own.
        """
        for record in self.records:
            path = os.path.join(self.path, path_text(record))
            if (
                record in self.there_already
                or record.new_mode[:3] != "100"
                or os.path.islink(path)
                or not os.path.isfile(path)
            ):
                continue
            with open(path, "rb") as file:
                content = file.read()
            written = self.git.run("cat-file", "--filters", f"{self.new}:{path_text(record)}").out
            if not written.startswith(content):
                continue
            if record.old_mode == NO_FILE:
                os.unlink(path)
            elif self.git.run("cat-file", "--filters", f"{self.old}:{path_text(record)}").out != content:
                self.git.run("checkout-index", "-f", "--", path_text(record), ok=None)

    def _is_the_same(self, record: Record) -> bool:
        """Whether the file on disk is what landed at its path."""
        path = os.path.join(self.path, path_text(record))
        if (
            record.new_mode[:3] != "100"
            or os.path.islink(path)
            or not os.path.isfile(path)
            or self._blocked(path_text(record))
        ):
            return False
        with open(path, "rb") as file:
            content = file.read()
        return self.git.run("cat-file", "--filters", f"{self.new}:{path_text(record)}").out == content

    def _in_the_way(self, records: list[Record]) -> list[str]:
        """Paths that landed as new and where something stands that the index does not know.

        Git itself would overwrite those of them that are ignored.
        """
        added = [path_text(record) for record in records if record.old_mode == NO_FILE]
        standing = [path for path in added if os.path.lexists(os.path.join(self.path, path)) or self._blocked(path)]
        if not standing:
            return []
        gone = {path_text(record) for record in records if record.new_mode == NO_FILE}
        listed = self.git.run("ls-files", "-z", ok=None)
        known = {os.fsdecode(path) for path in listed.out.split(b"\0") if path}
        found = []
        for path in standing:
            parts = path.split("/")
            parents = {"/".join(parts[:count]) for count in range(1, len(parts))}
            if path in known or parents & (known | gone):
                continue
            below = path + "/"
            if os.path.isdir(os.path.join(self.path, path)) and not os.path.islink(os.path.join(self.path, path)):
                # A tracked directory that becomes a file: only what git does not track in it is in the way.
                on_disk = self._files_below(path)
                if on_disk and all(name in known for name in on_disk):
                    continue
                found.append(below)
                continue
            found.append(path)
        return found

    def _blocked(self, path: str) -> bool:
        """Whether a file or link stands where a directory of the path must be."""
        parts = path.split("/")
        for count in range(1, len(parts)):
            parent = os.path.join(self.path, *parts[:count])
            if os.path.islink(parent) or (os.path.lexists(parent) and not os.path.isdir(parent)):
                return True
        return False

    def _files_below(self, path: str) -> list[str]:
        top = os.path.join(self.path, path)
        return [
            os.path.relpath(os.path.join(directory, name), self.path)
            for directory, _names, files in os.walk(top)
            for name in files
        ]

    def _left(self, why: str) -> CheckoutNote:
        message = f"{self.path} is behind {self.branch} and was left as it is: {why}"
        return CheckoutNote(path=self.path, updated=False, message=message)

    def _bring(self) -> str:
        return f"git -C {_quoted(self.path)} read-tree -m -u {self.old[:12]} {self.new[:12]}"


def _quoted(path: str) -> str:
    """The path as one word of a shell command."""
    return "'" + path.replace("'", "'\\''") + "'"
