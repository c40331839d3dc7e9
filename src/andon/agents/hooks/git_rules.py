"""Which git commands a worker's shell should not run while it holds a claim (law 7: workers write, the lead commits).

In the claim's own worktree HEAD stands on no branch and the index is its own, so whatever changes just these is let be
(`add`, `restore`, `merge` or `rebase` onto what landed meanwhile). What moves a branch or other shared references, writes
the shared settings, or publishes is refused. In any other worktree of the repository whatever writes is refused. Few
false alarms count for more than completeness: an unknown subcommand passes. Pure.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

READING = frozenset({
    "status", "diff", "log", "show", "blame", "annotate", "grep", "ls-files", "ls-tree", "ls-remote", "cat-file", "rev-parse",
    "rev-list", "describe", "shortlog", "merge-base", "name-rev", "diff-tree", "diff-index", "diff-files", "for-each-ref",
    "show-ref", "show-branch", "var", "version", "help", "count-objects", "fsck", "check-ignore", "check-attr", "archive",
    "whatchanged", "range-diff", "cherry", "format-patch", "verify-commit", "verify-tag", "hash-object", "merge-tree",
    "fetch", "bugreport", "difftool", "get-tar-commit-id", "patch-id", "stripspace", "column", "check-ref-format", "rerere",
    "clone",
})  # fmt: skip
"""Change no file, index or branch; `fetch` brings remote-tracking references up to date, which nothing here rests on."""
OWN = frozenset({
    "add", "rm", "mv", "restore", "apply", "clean", "update-index", "merge-file", "checkout-index", "read-tree", "init",
    "bisect", "sparse-checkout", "stage", "write-tree", "commit-tree", "mktree", "mergetool", "merge",
})  # fmt: skip
"""Change files or the index of the worktree that they run in, and nothing else."""
SHARED = {
    "push": "what is pushed has passed no gate",
    "pull": "bring in what landed with `git merge` of the target branch",
    "update-ref": "it moves references that all worktrees share",
    "worktree": "worktrees are made and removed by Andon",
    "stash": "the stash is shared by all worktrees; to put work aside: git diff > a file outside the repository",
    "filter-branch": "it rewrites branches",
    "filter-repo": "it rewrites branches",
    "replace": "it changes objects for all worktrees",
    "fast-import": "it writes references",
    "gc": "it works on the shared repository",
    "prune": "it works on the shared repository",
    "repack": "it works on the shared repository",
    "maintenance": "it works on the shared repository",
    "pack-refs": "it works on the shared repository",
    "submodule": "it writes the shared repository's settings",
}
_STEPS_OF_A_MERGE = frozenset({"--continue", "--abort", "--quit", "--skip", "--edit-todo", "--show-current-patch"})
_HERE = frozenset({"HEAD", "@", "HEAD~0", "@~0", "HEAD^0", "@^0", "HEAD@{0}", "@{0}"})
"""Names of the commit that the worktree is at."""
_BRANCH_READS = frozenset(
    {"--list", "-l", "--show-current", "--contains", "--no-contains", "--merged", "--no-merged", "--points-at"}
)


def refusal(words: list[str], *, own: bool, merging: bool, exists: Callable[[str], bool], target: str) -> str:
    """Why this git command should not run; "" when it may.

    words: from the subcommand on. own: in the claim's worktree; else in another one of the repository. merging: a merge,
    rebase or the like is under way. exists: whether a word names a file there. target: the branch that work lands on.
    """
    name, rest = words[0], words[1:]
    options = {word.partition("=")[0] for word in rest if word.startswith("-")}
    if name in READING or "--help" in options or "-h" in options or _reads(name, rest, options):
        return ""
    if not own:
        return f"git {name} would change a worktree that is not your claim's; work in your own"
    if name in OWN:
        return ""
    if name in SHARED:
        return _because(name, SHARED[name])
    special = _SPECIAL.get(name)
    return special(name, rest, options, merging, exists, target) if special is not None else ""


def replaced(words: list[str], target: str) -> list[str]:
    """The paths that a command removes, or takes from another commit than the worktree's own or what landed."""
    name, rest = words[0], words[1:]
    names = [word for word in rest if not word.startswith("-")]
    if name in ("rm", "mv"):
        return [] if {"--cached", "-n", "--dry-run"} & set(rest) else names
    source = ""
    if name == "checkout":
        at = rest.index("--") if "--" in rest else -1
        before = [word for word in rest[:at] if not word.startswith("-")] if at >= 0 else names[:1]
        source, names = (before[0] if before else ""), (rest[at + 1 :] if at >= 0 else names[1:])
    elif name == "restore":
        for at, word in enumerate(rest):
            flag, equals, value = word.partition("=")
            if flag in ("--source", "-s"):
                source = value if equals else "".join(rest[at + 1 : at + 2])
                names = [one for one in names if equals or one != source]
            elif word.startswith("-s") and len(word) > 2:
                source = word[2:]
    same = ("", "HEAD", "@", target, f"origin/{target}", f"refs/heads/{target}")
    return names if source not in same else []


def _because(name: str, why: str) -> str:
    return f"git {name}: {why}"


def _reads(name: str, rest: list[str], options: set[str]) -> bool:
    """The reading forms of commands that can also write."""
    first = next((word for word in rest if not word.startswith("-")), "")
    if name == "branch":
        return not (set(rest) - options) or bool(options & _BRANCH_READS)
    if name == "tag":
        return not rest or bool(
            options & {"-l", "--list", "--contains", "--points-at", "--merged", "-v", "--verify", "-n"}
        )
    if name == "stash":
        return first in ("list", "show", "create")
    if name in ("worktree", "submodule", "notes", "bundle", "lfs"):
        return first in ("list", "status", "summary", "show", "verify", "")
    if name == "remote":
        return first in ("", "show", "get-url")
    if name == "reflog":
        return first not in ("expire", "delete", "drop")
    if name == "config":
        asks = {"--get", "--get-all", "--get-regexp", "--list", "-l", "--get-urlmatch", "--global"}
        one = len([word for word in rest if not word.startswith("-")]) == 1
        return bool(options & asks) or first in ("get", "list") or (one and not options - {"--local"})
    if name == "symbolic-ref":
        return len([word for word in rest if not word.startswith("-")]) < 2 and not options & {"-d", "--delete"}
    if name in ("push", "commit"):
        return "--dry-run" in options or (name == "push" and "-n" in options)
    return False


def _commit(
    name: str, rest: list[str], options: set[str], merging: bool, exists: Callable[[str], bool], target: str
) -> str:
    if merging:
        return ""
    return _because(name, "workers write and the lead commits; Andon takes your files as they stand at `andon advance`")


def _checkout(
    name: str, rest: list[str], options: set[str], merging: bool, exists: Callable[[str], bool], target: str
) -> str:
    """Files may be taken from anywhere; HEAD stays where it is."""
    if options & {"-b", "-B", "--orphan", "-t", "--track", "-c", "-C", "--create", "--force-create"}:
        return _because(name, "a claim needs no branch; Andon takes the files as they stand")
    if name == "switch" and rest == ["-"]:
        # Back to where this worktree was before, and it was nowhere else.
        return ""
    if name == "checkout":
        if "--" in rest or options & {
            "-p",
            "--patch",
            "--ours",
            "--theirs",
            "-m",
            "--conflict",
            "--pathspec-from-file",
        }:
            return ""
        names = [word for word in rest if not word.startswith("-")]
        # `git checkout COMMIT PATH…` and `git checkout PATH…` write files.
        if not names or len(names) > 1 or exists(names[0]) or names[0] in (".", "HEAD"):
            return ""
    return _because(
        name, "the claim's worktree stays where it is; to take files from elsewhere: git restore --source=… -- PATH"
    )


def _reset(
    name: str, rest: list[str], options: set[str], merging: bool, exists: Callable[[str], bool], target: str
) -> str:
    names = [word for word in rest if not word.startswith("-")]
    if not names or rest[:1] == ["--"] or names[0] in _HERE or exists(names[0]):
        return ""
    if len(names) > 1 and not options & {"--hard", "--soft", "--mixed", "--merge", "--keep"}:
        return ""
    why = "a moved HEAD over old files would undo what others landed; to bring a newer commit in: git merge"
    return _because(name, why)


def _rebase(
    name: str, rest: list[str], options: set[str], merging: bool, exists: Callable[[str], bool], target: str
) -> str:
    """Onto what landed is meant; naming a second branch would check that one out and move it."""
    names = [word for word in rest if not word.startswith("-")]
    if len(names) > 1 and not options & {"--onto", "-x", "--exec", "-s", "-X", "--strategy"}:
        return _because(name, f"it would move branch {names[1]}")
    return ""


def _picking(
    name: str, rest: list[str], options: set[str], merging: bool, exists: Callable[[str], bool], target: str
) -> str:
    if merging or options & (_STEPS_OF_A_MERGE | {"-n", "--no-commit"}):
        return ""
    return _because(name, "workers make no commits; with --no-commit it changes the files alone" if name != "am" else
                    "workers make no commits; `git apply` changes the files alone")  # fmt: skip


def _references(
    name: str, rest: list[str], options: set[str], merging: bool, exists: Callable[[str], bool], target: str
) -> str:
    return _because(name, "it changes references or settings that all worktrees share")


_SPECIAL: dict[str, Callable[[str, list[str], set[str], bool, Callable[[str], bool], str], str]] = {
    "commit": _commit,
    "checkout": _checkout,
    "switch": _checkout,
    "reset": _reset,
    "rebase": _rebase,
    "cherry-pick": _picking,
    "revert": _picking,
    "am": _picking,
    "branch": _references,
    "tag": _references,
    "symbolic-ref": _references,
    "config": _references,
    "remote": _references,
    "notes": _references,
    "reflog": _references,
}
