"""What a patch names, bare and in a command of the shell."""

from __future__ import annotations

import pytest

from andon.agents.hooks.patches import only_patches, patch_paths, paths_in

PATCH = """*** Begin Patch
*** Add File: a.txt
+*** Add File: no.txt
*** Update File: b.txt
*** Move to: /c/d.txt
*** Delete File: b.txt
*** Delete File:
*** End Patch
"""
NAMED = ("a.txt", "b.txt", "/c/d.txt")


def test_every_file_is_named_once() -> None:
    assert paths_in(PATCH) == NAMED
    assert paths_in("*** Add File: a.txt") == ("a.txt",), "clients take a patch without its first line, too"
    assert paths_in(PATCH, "sub") == ("sub/a.txt", "sub/b.txt", "/c/d.txt")
    assert paths_in("") == ()


@pytest.mark.parametrize(
    ("command", "paths", "only"),
    [
        (f"apply_patch <<'EOF'\n{PATCH}EOF", NAMED, True),
        (f"cd 'sub' && apply_patch <<EOF\n{PATCH}EOF", ("sub/a.txt", "sub/b.txt", "/c/d.txt"), True),
        (f"apply_patch <<EOF\n{PATCH}EOF\nrm -r x", NAMED, False),
        (f"echo hi; apply_patch <<EOF\n{PATCH}EOF", NAMED, False),
        (PATCH, NAMED, False),
        (f"cat <<EOF\n{PATCH}EOF", (), False),
        ("apply_patch", (), False),
        ("", (), False),
    ],
)
def test_patches_in_commands(command: str, paths: tuple[str, ...], only: bool) -> None:
    assert (patch_paths(command), only_patches(command)) == (paths, only)
