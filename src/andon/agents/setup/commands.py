"""The command line that a client's configuration holds for each of its events."""

from __future__ import annotations

IN_CLAIM = '[ -e "$(git rev-parse --git-path andon-lease 2>/dev/null)" ]'
"""True in a worktree that `andon next` made: elsewhere a person works without Andon, and nothing is asked of them."""

BLOCK_WHEN_MISSING = (
    '{"decision":"block","reason":"There is no andon on the PATH of this session, so the work was not checked. '
    'Tell the person that it must be put there."}'
)
ANSWERED_BEFORE = '"stop_hook_active": *true'
"""For `when_missing` and `unless`, where a client says so and heeds a block."""


def hook_command(
    client: str, event: str, timeout_s: int, *, when_missing: str = "", unless: str = "", optional: bool = False
) -> str:
    """`andon hook CLIENT EVENT`, for clients that hand the line to a shell.

    optional: be silent where there is no `andon`; for clients that take a failing hook for a refusal, and so would refuse
    all work to people who have no Andon.

    when_missing: what to print in a claimed worktree when there is no `andon` on the client's PATH; such a hook would
    otherwise fail open, and nobody would learn of it. It must be an answer that the client can't loop on; so `unless` is
    a pattern of grep by which a client's input shows that it was answered so before. Neither holds a single quote.
    """
    plain = f"andon hook {client} {event} --timeout {timeout_s}"
    if optional:
        return f"command -v andon >/dev/null 2>&1 || exit 0; exec {plain}"
    if not when_missing:
        return plain
    answer = f"{{ grep -q '{unless}' || echo '{when_missing}'; }}" if unless else f"echo '{when_missing}'"
    return f"command -v andon >/dev/null 2>&1 && exec {plain}; {IN_CLAIM} && {answer}; exit 0"
