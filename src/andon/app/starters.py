"""Starter workflows for a repository, from what is detected in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence


def make_starters(
    read: Callable[[str], bytes | None], list_files: Callable[[], Sequence[str]]
) -> tuple[Mapping[str, str], Sequence[str]]:
    """(file texts by workflow name, remarks on what was found)."""
    from andon.workflow.detect import detect
    from andon.workflow.starters import starters

    detected = detect(read, list_files)
    return starters(detected), list(detected.notes)
