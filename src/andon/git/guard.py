"""The guard: a git hook that refuses other writers to the target branch while runs are open.

The hook is plain shell. It allows exactly the move that the lead has announced in `andon/landing`, and refuses every
other move of a branch listed in `andon/guarded`. It fails closed on unreadable files, and an existing hook is chained.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from andon.git.repository import Repository

MARK = "# andon guard"
CHAINED = "reference-transaction.andon-chained"
SCRIPT = """#!/bin/sh
# andon guard
# Refuses moves of a target branch that Andon did not prepare, while runs are open.
# Opt out: git config andon.guard off (or once: ANDON_GUARD=off git ...).
state="$1"
here=$(dirname "$0")
input=$(cat)
if [ -x "$here/reference-transaction.andon-chained" ]; then
    printf '%s\\n' "$input" | "$here/reference-transaction.andon-chained" "$@" || exit $?
fi
[ "$state" = prepared ] || exit 0
common=$(git rev-parse --git-common-dir) || exit 1
[ -e "$common/andon/guarded" ] || exit 0
[ "$ANDON_GUARD" = off ] && exit 0
guarded=$(cat "$common/andon/guarded") || exit 1
[ -n "$guarded" ] || exit 0
case "$input" in
    *refs/heads/*) ;;
    *) exit 0 ;;
esac
[ "$(git config --get andon.guard)" = off ] && exit 0
printf '%s\\n' "$input" | while read -r old new ref; do
    printf '%s\\n' "$guarded" | while read -r branch; do
        [ "$ref" = "refs/heads/$branch" ] || continue
        case "$new" in
            *[!0]*) [ "$old" = "$new" ] && continue ;;
        esac
        if [ -r "$common/andon/landing" ] && grep -qxF "$ref $old $new" "$common/andon/landing"; then
            continue
        fi
        echo "andon: $branch has open runs; only the lead moves it (andon lead; andon status)." >&2
        echo "andon: to opt out: git config andon.guard off, or once: ANDON_GUARD=off git ..." >&2
        exit 1
    done || exit 1
done || exit 1
"""


def hooks_directory(repository: Repository) -> tuple[str, bool]:
    """(the hooks directory that applies, whether it is the repository's own)."""
    own = os.path.join(repository.common_dir, "hooks")
    code, out, _ = repository.try_run("config", "--get", "core.hooksPath", hooks=True)
    configured = os.fsdecode(out).strip() if code == 0 else ""
    if not configured:
        return own, True
    path = os.path.expanduser(configured)
    path = path if os.path.isabs(path) else os.path.join(repository.main_worktree or repository.common_dir, path)
    return path, os.path.realpath(path) == os.path.realpath(own)


def install_guard(repository: Repository, python: str = "") -> str | None:
    """Install the hook; None when it is in place, else why it is not."""
    directory, own = hooks_directory(repository)
    if not own:
        return (
            f"core.hooksPath is {directory}: the guard was not installed there; add a reference-transaction hook "
            "yourself, or unset core.hooksPath and run `andon init` again"
        )
    path = os.path.join(directory, "reference-transaction")
    try:
        os.makedirs(directory, exist_ok=True)
        if os.path.exists(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                present = file.read()
            if present == SCRIPT:
                return None
            if MARK not in present:
                os.replace(path, os.path.join(directory, CHAINED))
        temporary = f"{path}.{os.getpid()}"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(SCRIPT)
        os.chmod(temporary, 0o755)
        os.replace(temporary, path)
    except OSError as error:
        return f"the guard hook could not be written: {error}"
    return None


def remove_guard(repository: Repository) -> None:
    """Remove the hook and put back the one that it chained."""
    directory, _own = hooks_directory(repository)
    path = os.path.join(directory, "reference-transaction")
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            if MARK not in file.read():
                return
    except FileNotFoundError:
        return
    os.unlink(path)
    chained = os.path.join(directory, CHAINED)
    if os.path.exists(chained):
        os.replace(chained, path)


def write_guarded(common_dir: str, branches: Sequence[str]) -> None:
    """Say which branches have open runs."""
    path = os.path.join(common_dir, "andon", "guarded")
    text = "".join(f"{branch}\n" for branch in branches)
    try:
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                return
    except OSError:
        pass
    _write(path, text)


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    os.replace(temporary, path)


@contextmanager
def allow_landing(common_dir: str, ref: str, old: str, new: str) -> Iterator[None]:
    """Let exactly this move through the guard."""
    path = os.path.join(common_dir, "andon", "landing")
    _write(path, f"{ref} {old} {new}\n")
    try:
        yield
    finally:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
