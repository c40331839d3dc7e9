"""The command line that a client's configuration holds for each of its events."""

from __future__ import annotations

IN_CLAIM = '[ -e "$(git rev-parse --git-path andon-lease 2>/dev/null)" ]'
"""True in a worktree that `andon next` made: elsewhere a person works without Andon, and nothing is asked of them."""


def hook_command(client: str, event: str, timeout_s: int, *, when_missing: str = "") -> str:
    """`andon hook CLIENT EVENT`, for clients that hand the line to a shell.

    when_missing: what to print in a claimed worktree when there is no `andon` on the client's PATH; such a hook would
    otherwise fail open, and nobody would learn of it. It must be an answer that the client can't loop on, and hold no
    single quote.
    """
    plain = f"andon hook {client} {event} --timeout {timeout_s}"
    if not when_missing:
        return plain
    return f"command -v andon >/dev/null 2>&1 && exec {plain}; {IN_CLAIM} && echo '{when_missing}'; exit 0"
