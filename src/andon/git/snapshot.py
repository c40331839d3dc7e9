"""Snapshots of a working tree: what is on disk, as a git tree, without touching anybody's index, HEAD or branch.

A private index starts as a copy of the worktree's own (its record of file times makes this quick, and it names ignored
files that were added on purpose), loses the flags that hide edits, and takes everything that git does not ignore.
Rules: what is not understood or can't be read is an error, never left out. Must not know: runs, gates.
"""

from __future__ import annotations

import os

from andon.core.errors import EXIT_NO, AndonError
from andon.git.failures import failure, words_of
from andon.git.index_flags import may_hide
from andon.git.objects import read_blobs
from andon.git.patch import GITLINK, LINK, Record, path_text
from andon.git.run import Finished, Runner
from andon.git.scratch import scratch

# What a snapshot holds must not depend on settings that let git trust or change what it reads.
_TRUTHFUL = (
    "-c", "core.safecrlf=false", "-c", "core.ignoreStat=false", "-c", "core.trustctime=true",
    "-c", "core.checkStat=default", "-c", "add.ignoreErrors=false", "-c", "advice.addEmbeddedRepo=false",
)  # fmt: skip
_DAMAGED = (b"index file corrupt", b"bad index file", b"bad signature", b"index file smaller", b"index uses",
            b"unordered stage entries", b"malformed name field", b"unknown index entry format")  # fmt: skip


def write_tree(worktree: Runner, *, top: str, git_dir: str, common_dir: str, base: str) -> str:
    """The tree of what the worktree at `top` holds: tracked and untracked, not ignored.

    base: the commit whose files count as tracked when the worktree's own index is damaged.
    """
    with scratch(common_dir) as directory:
        index = os.path.join(directory, "index")
        env = {"GIT_INDEX_FILE": index}
        content = _copy(os.path.join(git_dir, "index"), index)
        if content is None:
            _from_commit(worktree, env, base)
        elif may_hide(content, 32 if len(base) == 64 else 20):
            _show_hidden(worktree, top, env)
        done = _add(worktree, env)
        if done.code != 0 and any(words in done.err for words in _DAMAGED):
            # The work on disk is what matters; a damaged index must not stand in its way.
            os.unlink(index)
            _from_commit(worktree, env, base)
            done = _add(worktree, env)
        if done.code != 0:
            # Something may just have been writing there; once more, then say so.
            done = _add(worktree, env)
        if done.code != 0:
            raise _not_added(done, top)
        return worktree.run("write-tree", env=env).text


def _add(worktree: Runner, env: dict[str, str]) -> Finished:
    return worktree.run(*_TRUTHFUL, "add", "-A", "--sparse", ".", env=env, ok=None)


def _from_commit(worktree: Runner, env: dict[str, str], base: str) -> None:
    if worktree.run("read-tree", "HEAD", env=env, ok=None).code != 0:
        worktree.run("read-tree", base, env=env)


def _copy(source: str, target: str) -> bytes | None:
    """Copy an index with its time stamp; None when there is none.

    Git takes a file that changed in the same instant as the index for possibly changed, and reads it again. A copy with
    a later time stamp would make an edit of the same size in that instant invisible.
    """
    try:
        with open(source, "rb") as file:
            times = os.fstat(file.fileno())
            content = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AndonError(
            f"{source} can't be read: {error.strerror}", kind="git_failed", next="make it readable", exit=EXIT_NO
        ) from error
    with open(target, "wb") as file:
        file.write(content)
    os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))
    return content


def _show_hidden(worktree: Runner, top: str, env: dict[str, str]) -> None:
    """Clear assume-unchanged, and skip-worktree where it does not stand for a file left out by a sparse checkout."""
    listed = worktree.run("ls-files", "-v", "-z", env=env, ok=None)
    if listed.code != 0:
        return
    entries = [(entry[:1], entry[2:]) for entry in listed.out.split(b"\0") if entry]
    assumed = [path for tag, path in entries if tag.islower()]
    skipped = [path for tag, path in entries if tag in b"Ss"]
    if skipped and worktree.run("config", "--type=bool", "--get", "core.sparseCheckout", ok=None).text == "true":
        root = os.fsencode(top)
        skipped = [path for path in skipped if os.path.lexists(os.path.join(root, path))]
    for flag, paths in (("--no-assume-unchanged", assumed), ("--no-skip-worktree", skipped)):
        if paths:
            worktree.run("update-index", flag, "-z", "--stdin", stdin=b"".join(x + b"\0" for x in paths), env=env)


def _not_added(done: Finished, top: str) -> AndonError:
    said = done.err.decode("utf-8", "replace")
    if "does not have a commit checked out" in said:
        return AndonError(
            f"there is a git repository without a commit inside {top}; its content would be lost: "
            f"{words_of(said, done.code)}",
            kind="bad_tree",
            next="remove the inner .git, or add its directory to .gitignore",
        )
    if "invalid path" in said:
        return AndonError(
            f"{top} holds a name that git would take for its own: {words_of(said, done.code)}",
            kind="bad_tree",
            next="rename or remove it",
        )
    if any(words in said for words in ("unable to index file", "short read", "can only add regular files", 'open("')):
        return AndonError(
            f"a file in {top} could not be read as it stands: {words_of(said, done.code)}",
            kind="unreadable_file",
            next="make it readable, let what writes it finish, or add it to .gitignore; then try again",
        )
    return failure(("add",), done.code, done.err)


# ---------------------------------------------------------------- what may not be in a snapshot


def refuse_bad_entries(repo: Runner, records: list[Record], tree: str) -> None:
    """Refuse what is new against the base: embedded repositories, and symbolic links out of the tree."""
    links = [record for record in records if record.new_mode == LINK]
    embedded = [record for record in records if record.new_mode == GITLINK and record.old_mode != GITLINK]
    if embedded:
        declared = declared_submodules(repo, tree)
        for record in embedded:
            name = path_text(record)
            if name not in declared:
                raise AndonError(
                    f"{name} is a git repository inside the working tree; its content would be lost",
                    kind="bad_tree",
                    next=f"remove {name}/.git, add {name} to .gitignore, or declare it: git submodule add URL {name}",
                )
    targets = read_blobs(repo, sorted({record.new for record in links}))
    for record in links:
        why = leads_out(path_text(record), os.fsdecode(targets[record.new]))
        if why:
            raise AndonError(
                f"the symbolic link {path_text(record)} -> {os.fsdecode(targets[record.new])} {why}",
                kind="bad_tree",
                next="link to a path inside the repository, or add the link to .gitignore",
            )


def declared_submodules(repo: Runner, tree: str) -> frozenset[str]:
    """The paths that `.gitmodules` of a tree declares."""
    done = repo.run("config", "-z", "--blob", f"{tree}:.gitmodules", "--get-regexp", r"^submodule\..*\.path$", ok=None)
    values = (entry.partition(b"\n")[2] for entry in done.out.split(b"\0") if entry)
    return frozenset(os.fsdecode(value).rstrip("/") for value in values) if done.code == 0 else frozenset()


def leads_out(path: str, target: str) -> str:
    """Why a link leads (or may lead) out of the tree; "" when it does not.

    '..' counts only at the beginning of the target: the link's own directory is a real one, so that is exact. After a
    name, which may be a link itself, '..' leads nobody can say where without looking at the whole tree.
    """
    if target.startswith("/"):
        return "is absolute: it leads out of the tree"
    depth = path.count("/")
    named = False
    for part in target.split("/"):
        if part == "..":
            if named:
                return "has '..' after a name: where it leads depends on other links"
            depth -= 1
        elif part.lower() == ".git":
            return "leads into the git directory"
        elif part not in ("", "."):
            named = True
    return "leads out of the tree" if depth < 0 else ""
