"""Reading and writing git objects: files, lists, commits, trees.

Rules: paths are bytes to git and text to callers (surrogateescape); NUL ends every name. Must not know: branches,
worktrees, what a commit is for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from andon.core.errors import EXIT_NO, AndonError, UsageError
from andon.git.run import Runner
from andon.git.scratch import scratch
from andon.ports import Person

HEX = b"0123456789abcdef"
ID_LENGTHS = (40, 64)


def is_id(text: str | bytes) -> bool:
    """Whether this is a full object id (SHA-1 or SHA-256)."""
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    return len(data) in ID_LENGTHS and not data.strip(HEX)


def resolve(repo: Runner, name: str, *, kind: str = "") -> str:
    """The full id that a name stands for; kind: "commit" or "tree" to peel to. Raises kind "unknown_object"."""
    if is_id(name) and not kind:
        return name
    if not name or name.startswith("-"):
        raise UsageError(f"{name!r} names no git object")
    done = repo.run("rev-parse", "--verify", "--quiet", f"{name}^{{{kind}}}" if kind else name, ok=None)
    if done.code != 0:
        raise unknown(name, kind)
    return done.text


def unknown(name: str, kind: str = "") -> AndonError:
    return AndonError(
        f"there is no {kind or 'object'} {name} in this repository",
        kind="unknown_object",
        next="git fsck, or fetch what is missing",
        exit=EXIT_NO,
    )


def read_file(repo: Runner, treeish: str, path: str) -> bytes | None:
    """The content of a file of a tree; None when the tree has no file there."""
    if not path or path.startswith(("/", "./", "../")):
        return None
    name = f"{treeish}:{path}"
    done = repo.run("cat-file", "--batch", "-z", stdin=os.fsencode(name) + b"\0")
    header, _, rest = done.out.partition(b"\n")
    words = header.split(b" ")
    if len(words) == 3 and is_id(words[0]):
        return rest[: int(words[2])] if words[1] == b"blob" else None
    # Nothing there, or an object that should be there is not: the second is no answer to give as "no such file".
    tree = resolve(repo, treeish, kind="tree")
    found = repo.run("rev-parse", "--verify", "--quiet", f"{tree}:{path}", ok=None)
    if found.code == 0:
        raise AndonError(
            f"the object of {path} in {treeish} is missing or damaged",
            kind="git_failed",
            next="git fsck; in a partial clone: git fetch --refetch",
            exit=EXIT_NO,
        )
    return None


def list_files(repo: Runner, treeish: str, under: str = "") -> list[tuple[str, str, str]]:
    """(mode, object id, path) of every blob, link and submodule below the directory `under`."""
    where = [under.rstrip("/") + "/"] if under.strip("/") else []
    done = repo.run("ls-tree", "-r", "-z", "--full-tree", resolve(repo, treeish), *where)
    found = []
    for line in done.out.split(b"\0"):
        if line:
            meta, _, path = line.partition(b"\t")
            mode, _kind, oid = meta.decode().split(" ")
            found.append((mode, oid, os.fsdecode(path)))
    return found


def entries_of(content: bytes, like: str) -> dict[bytes, tuple[bytes, str]]:
    """name -> (mode, object id) of what stands in a tree object itself. like: any id, since all are of one length."""
    entries: dict[bytes, tuple[bytes, str]] = {}
    length, at = len(like) // 2, 0
    while at < len(content):
        end = content.index(b"\0", at)
        mode, _, name = content[at:end].partition(b" ")
        entries[name] = mode, content[end + 1 : end + 1 + length].hex()
        at = end + 1 + length
    return entries


def read_blobs(repo: Runner, ids: Sequence[str]) -> dict[str, bytes]:
    """Contents by object id, in one process."""
    if not ids:
        return {}
    out = repo.run("cat-file", "--batch", stdin="".join(f"{oid}\n" for oid in ids).encode()).out
    found: dict[str, bytes] = {}
    at = 0
    for oid in ids:
        end = out.find(b"\n", at)
        header = out[at:end].split(b" ")
        if end < 0 or len(header) != 3:
            raise AndonError(
                f"object {oid} is missing or damaged",
                kind="git_failed",
                next="git fsck; in a partial clone: git fetch --refetch",
                exit=EXIT_NO,
            )
        size = int(header[2])
        found[oid] = out[end + 1 : end + 1 + size]
        at = end + 1 + size + 1
    return found


def not_larger(repo: Runner, ids: Sequence[str], max_bytes: int) -> list[str]:
    """Those of the objects that are no larger than so many bytes. A missing one stays, so that reading it says so."""
    if not ids:
        return []
    asked = "".join(f"{oid}\n" for oid in ids).encode()
    sizes = repo.run("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=asked).text.splitlines()
    words = (line.split(" ") for line in sizes)
    return [one[0] for one in words if not (one[1].isdigit() and int(one[1]) > max_bytes)]


def author_of(repo: Runner, commit: str, content: bytes | None = None) -> Person:
    """Who wrote a commit, as recorded in it. content: of the commit, where it is known."""
    content = content if content is not None else repo.run("cat-file", "commit", resolve(repo, commit)).out
    head = content.split(b"\n\n", 1)[0]
    for line in head.split(b"\n"):
        if line.startswith(b"author "):
            return person(line[7:].decode("utf-8", "replace"))
    raise AndonError(f"commit {commit} names no author", kind="git_failed", next="git fsck", exit=EXIT_NO)


def person(ident: str) -> Person:
    """`Name <email> seconds zone` as a record."""
    name, _, rest = ident.rpartition(" <")
    return Person(name=name.strip(), email=rest.partition(">")[0])


def commit_tree(
    repo: Runner, tree: str, parents: Sequence[str], message: str, *, author: Person, committer: Person, at: float
) -> str:
    """A commit of no branch. at: seconds since the epoch."""
    date = f"@{int(at)} +0000"
    env = {
        "GIT_AUTHOR_NAME": author.name,
        "GIT_AUTHOR_EMAIL": author.email,
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_NAME": committer.name,
        "GIT_COMMITTER_EMAIL": committer.email,
        "GIT_COMMITTER_DATE": date,
    }
    arguments = [argument for parent in parents for argument in ("-p", parent)]
    # Git keeps a message without its last line end, and with NUL bytes refuses it.
    data = message.replace("\0", "").encode("utf-8", "surrogateescape")
    data += b"" if data.endswith(b"\n") else b"\n"
    return repo.run("commit-tree", tree, *arguments, stdin=data, env=env).text


def tree_with(repo: Runner, common_dir: str, treeish: str, files: Mapping[str, bytes | None]) -> str:
    """A tree like `treeish` with these files added, replaced or (None) left out; a replaced file keeps its mode."""
    with scratch(common_dir) as directory:
        env = {"GIT_INDEX_FILE": os.path.join(directory, "index")}
        tree = resolve(repo, treeish, kind="tree")
        repo.run("read-tree", tree, env=env)
        modes = {path: mode for mode, _oid, path in list_files(repo, tree) if path in files}
        lines: list[bytes] = []
        for path, content in files.items():
            if content is None:
                lines.append(b"0 " + b"0" * len(tree) + b"\t" + os.fsencode(path) + b"\0")
                continue
            oid = repo.run("hash-object", "-w", "--stdin", "--no-filters", stdin=content).text
            mode = modes.get(path, "100644")
            mode = mode if mode.startswith("100") else "100644"
            lines.append(f"{mode} {oid}\t".encode() + os.fsencode(path) + b"\0")
        repo.run("update-index", "-z", "--add", "--replace", "--index-info", stdin=b"".join(lines), env=env)
        return repo.run("write-tree", env=env).text


def uses_lfs(repo: Runner, treeish: str) -> bool:
    """Whether a tree has files that Git LFS stands behind: an attribute says so, or a file is a pointer."""
    files = list_files(repo, treeish)
    attributes = sorted({oid for _mode, oid, path in files if path.rpartition("/")[2] == ".gitattributes"})
    if any(b"filter=lfs" in content for content in read_blobs(repo, attributes).values()):
        return True
    return any(content.startswith(LFS_POINTER) for content in _small_blobs(repo, files))


LFS_POINTER = b"version https://git-lfs.github.com/spec/"
LFS_POINTER_BYTES = 1024


def _small_blobs(repo: Runner, files: Iterable[tuple[str, str, str]]) -> Iterable[bytes]:
    """Contents of the files that are small enough to be LFS pointers and not empty."""
    ids = sorted({oid for mode, oid, _path in files if mode.startswith("100")})
    if not ids:
        return []
    asked = "".join(f"{oid}\n" for oid in ids).encode()
    sizes = repo.run("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=asked).text.splitlines()
    small = [
        words[0]
        for words in (line.split(" ") for line in sizes)
        if words[1].isdigit() and len(LFS_POINTER) < int(words[1]) < LFS_POINTER_BYTES
    ]
    return read_blobs(repo, small).values()
