"""The guard: a git hook that refuses other writers to the target branch while runs are open.

It is a `reference-transaction` hook in plain shell, since it runs at every change of any reference: for others than
the guarded references it starts no process. It allows exactly the move that the lead has announced in `andon/landing`,
and refuses every other move (deletion and renaming too) of a branch listed in `andon/guarded`, and of what is below
`refs/andon/` whether runs are open or not: Andon's own git sets that without hooks. Evidence may come in from a copy as
long as none is lost. It fails closed on files that it can't read. A hook that was there before is chained, and put back
on removal.

This is a guard rail for honest tools, not a wall: who may write the git directory may also remove the hook, run git
without hooks, or write a reference's file; git before 2.46 asks no hook when a reference is made a symbolic one. What
lands is held by compare-and-swap and by the gates, with or without it; what integration references hold by their events.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from andon.git.failures import not_writable
from andon.git.scratch import write_file

if TYPE_CHECKING:
    from andon.git.repository import Repository

HOOK = "reference-transaction"
CHAINED = "reference-transaction.andon-chained"
MARK = b"# andon guard"
SCRIPT = r"""#!/bin/sh
# andon guard
# Refuses moves of a target branch that Andon did not prepare, while runs are open. Made by `andon init`.
# Opt out: git config andon.guard off (or once: ANDON_GUARD=off git ...).
here=${0%/*}
andon=$here/../andon
[ -d "$andon" ] || andon=@ANDON@
newline="
"
chained=$here/reference-transaction.andon-chained
[ -x "$chained" ] || chained=
guarded=
closed=
own=
off=
if [ "$1" = prepared ] && [ "$ANDON_GUARD" != off ]; then
    own=yes
    if [ -f "$andon/guarded" ] && [ -r "$andon/guarded" ]; then
        while IFS= read -r name || [ -n "$name" ]; do
            [ -z "$name" ] || guarded="$guarded:$name:"
        done <"$andon/guarded"
    elif [ -e "$andon/guarded" ] || [ -h "$andon/guarded" ]; then
        closed="$andon/guarded can not be read"
    fi
fi
[ -n "$chained$own" ] || exit 0

refuse() {
    [ -z "$off" ] || return 0
    case $(git config --get andon.guard) in
        off | false | no | 0)
            off=yes
            return 0
            ;;
    esac
    case $ref in
        refs/andon/*)
            echo "andon: $ref was not moved: what is below refs/andon is moved by Andon alone." >&2
            echo "andon: is all well? andon doctor. To move it nevertheless: ANDON_GUARD=off git ..." >&2
            return 1
            ;;
    esac
    if [ -n "$closed" ]; then
        echo "andon: ${1#refs/heads/} was not moved: $closed." >&2
    else
        echo "andon: ${1#refs/heads/} was not moved: runs that land on it are open (andon status lists them)." >&2
    fi
    echo "andon: to let it land: andon lead. To opt out: git config andon.guard off, or once: ANDON_GUARD=off git ..." >&2
    return 1
}

# What git has to be asked of: there may be very many references, so that many are asked of at once.
asked=
asking=0
gone=
going=0

settle() {
    if [ -n "$gone" ] && [ "$(LC_ALL=C grep -cxF "$gone" "$andon/../packed-refs" 2>/dev/null)" != "$going" ]; then
        printf '%s\n' "$gone" | while read -r old ref; do
            LC_ALL=C grep -qxF "$old $ref" "$andon/../packed-refs" 2>/dev/null || refuse "$ref" || exit 1
        done || return 1
    fi
    if [ -n "$asked" ]; then
        printf '%s\n' "$asked" | git cat-file --batch-check='%(objectname) %(rest)' 2>/dev/null | {
            while read -r now new ref; do
                asking=$((asking - 1))
                if [ "$new" = missing ]; then
                    ref=$now
                    new=?
                fi
                [ "$now" = "$new" ] && [ "$now" != "$ref" ] || grows || refuse "$ref" || exit 1
            done
            ref=${asked%% *}
            [ "$asking" = 0 ] || refuse "$ref"
        } || return 1
    fi
    asked=
    asking=0
    gone=
    going=0
}

# Whether git only stores the reference otherwise (as `git gc` does), and it stays where it is; what git knows is settled later.
unmoved() {
    case $new in
        *[!0]*)
            [ "$old" != "$new" ] || return 0
            case $old in
                *[!0]*) return 1 ;;
            esac
            # Written into the file packed-refs, or set outright to where it is.
            now=
            [ ! -f "$andon/../$ref" ] || IFS= read -r now <"$andon/../$ref" || :
            [ "$now" != "$new" ] || return 0
            [ -z "$now" ] || return 1
            asked="$asked${asked:+$newline}$ref $new $ref"
            asking=$((asking + 1))
            ;;
        *)
            # Packed, so that its own file can go. Who deletes a reference holds the lock of that file.
            [ ! -e "$andon/../packed-refs.lock" ] || return 1
            gone="$gone${gone:+$newline}$old $ref"
            going=$((going + 1))
            ;;
    esac
    [ $((asking + going)) -lt 200 ] || settle || exit 1
}

# Whether it is the move that the lead has announced.
announced() {
    allowed=
    if [ -f "$andon/landing" ] && [ -r "$andon/landing" ]; then
        while IFS= read -r line; do
            [ "$line" != "$ref $old $new" ] || allowed=yes
        done <"$andon/landing"
    fi
    [ -n "$allowed" ]
}

# Whether a copy's evidence is brought in, and nothing of ours is lost by that.
grows() {
    case $ref in
        refs/andon/evidence/*) ;;
        *) return 1 ;;
    esac
    case $new in
        *[!0]*) ;;
        *) return 1 ;;
    esac
    now=$(git rev-parse --verify --quiet "$ref") || return 0
    git merge-base --is-ancestor "$now" "$new" 2>/dev/null
}

lines=
some=
count=0
while read -r old new ref; do
    if [ -n "$chained" ]; then
        # A text that grows by a line at a time is copied as often.
        some="$some$old $new $ref$newline"
        count=$((count + 1))
        if [ "$count" = 200 ]; then
            lines="$lines$some"
            some=
            count=0
        fi
    fi
    case $ref in
        refs/heads/*)
            if [ -z "$closed" ]; then
                case "$guarded" in
                    *":${ref#refs/heads/}:"*) ;;
                    *) continue ;;
                esac
                ! announced || continue
            fi
            ;;
        refs/andon/*)
            [ -n "$own" ] || continue
            ! announced || continue
            ;;
        *) continue ;;
    esac
    unmoved || grows || refuse "$ref" || exit 1
done
settle || exit 1
[ -n "$chained" ] || exit 0
printf %s "$lines$some" | "$chained" "$@"
"""


def install_guard(repository: Repository) -> str | None:
    """Install the hook, or bring it up to date. None when it is in place, else a note that says why it is not."""
    directory, own = hooks_directory(repository)
    script = _script(repository.common_dir)
    if not own:
        spare = os.path.join(repository.common_dir, "andon", HOOK)
        _put(spare, script)
        return (
            f"core.hooksPath is {directory}, which is not this repository's alone, so the guard hook was not installed "
            f'there; to have it, let {os.path.join(directory, HOOK)} end with: exec {_quoted(spare)} "$@"'
        )
    path = os.path.join(directory, HOOK)
    present = _read(path)
    if present == script and os.access(path, os.X_OK):
        return None
    try:
        os.makedirs(directory, exist_ok=True)
        if os.path.lexists(path) and (present is None or MARK not in present):
            os.replace(path, os.path.join(directory, CHAINED))
    except OSError as error:
        raise not_writable(path, error) from error
    _put(path, script)
    return None


def remove_guard(repository: Repository) -> None:
    """Remove the hook and put back the one that it chained; harmless when it is not there."""
    directory, own = hooks_directory(repository)
    paths = [os.path.join(repository.common_dir, "andon", HOOK)]
    chained = os.path.join(directory, CHAINED)
    path = os.path.join(directory, HOOK)
    try:
        if own and MARK in (_read(path) or b""):
            paths.append(path)
        for found in paths:
            if os.path.lexists(found):
                os.unlink(found)
        if own and os.path.lexists(chained) and not os.path.lexists(path):
            os.replace(chained, path)
    except OSError as error:
        raise not_writable(path, error) from error


def guard_problem(repository: Repository) -> str | None:
    """Why other writers to a guarded branch are not refused, or None when they are."""
    setting = repository.setting("andon.guard")
    if setting in ("off", "false", "no", "0"):
        return "the guard is off (git config andon.guard)"
    directory, own = hooks_directory(repository)
    path = os.path.join(directory, HOOK)
    content = _read(path) or b""
    called = os.fsencode(os.path.join(repository.common_dir, "andon", HOOK)) in content
    if not (MARK in content or (called and not own)):
        return f"{path} is not Andon's guard hook: other writers to the target branch are not refused (andon init)"
    if not os.access(path, os.X_OK):
        return f"{path} is not executable: other writers to the target branch are not refused (andon init)"
    if MARK in content and _words(content) != _words(_script(repository.common_dir)):
        return f"{path} is not the guard hook of this version of Andon (andon init brings it up to date)"
    return None


def hooks_directory(repository: Repository) -> tuple[str, bool]:
    """(the hooks directory that applies, whether it is this repository's alone)."""
    common = repository.common_dir
    configured = repository.setting("core.hooksPath", path=True)
    if not configured:
        directory = os.path.join(common, "hooks")
    else:
        directory = os.path.join(repository.main_worktree or common, configured)
    inside = os.path.realpath(directory)
    return directory, inside.startswith(common + os.sep) and not os.path.islink(os.path.join(inside, HOOK))


def write_guarded(common_dir: str, branches: Sequence[str]) -> None:
    """Say which branches have open runs (names without refs/heads/)."""
    path = os.path.join(common_dir, "andon", "guarded")
    content = b"".join(os.fsencode(branch) + b"\n" for branch in branches)
    if _read(path) == content or (not content and not os.path.lexists(path)):
        return
    write_file(path, content)


@contextmanager
def allow_landing(common_dir: str, ref: str, old: str, new: str) -> Iterator[None]:
    """Let exactly this move through the guard. One landing at a time: the lead holds a lock."""
    path = os.path.join(common_dir, "andon", "landing")
    write_file(path, os.fsencode(f"{ref} {old} {new}\n"))
    try:
        yield
    finally:
        try:
            os.unlink(path)
        except OSError:
            # What is left allows nothing but this very move.
            pass


def _script(common_dir: str) -> bytes:
    return SCRIPT.encode().replace(b"@ANDON@", os.fsencode(_quoted(os.path.join(common_dir, "andon"))))


def _words(script: bytes) -> list[bytes]:
    """The hook without what may differ: the shell that runs it, and where the repository was when it was installed."""
    return [line for line in script.split(b"\n")[1:] if not line.startswith(b'[ -d "$andon" ] ||')]


def _put(path: str, script: bytes) -> None:
    temporary = f"{path}.{os.getpid()}"
    write_file(temporary, script)
    try:
        os.chmod(temporary, 0o755)
        os.replace(temporary, path)
    except OSError as error:
        raise not_writable(path, error) from error


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def _quoted(path: str) -> str:
    """The path as one word of a shell command."""
    return "'" + path.replace("'", "'\\''") + "'"
