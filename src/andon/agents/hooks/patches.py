"""The files that a patch names, in the form that Codex made and other clients took over (`*** Begin Patch` and so on).

Must not know what a patch changes in them, nor whether it could be applied.
"""

from __future__ import annotations

PROGRAM = "apply_patch"
_BEGIN, _END = "*** Begin Patch", "*** End Patch"
_MARKS = ("*** Add File: ", "*** Update File: ", "*** Delete File: ", "*** Move to: ")


def paths_in(patch: str, directory: str = "") -> tuple[str, ...]:
    """What a patch adds, updates, moves or deletes, as it names it. directory: where it is applied, if it says so."""
    found: list[str] = []
    for line in patch.splitlines():
        for mark in _MARKS:
            path = line[len(mark) :].strip() if line.startswith(mark) else ""
            if path:
                found.append(f"{directory}/{path}" if directory and not path.startswith("/") else path)
    return tuple(dict.fromkeys(found))


def patch_paths(text: str) -> tuple[str, ...]:
    """The files of a patch that is handed over bare, or in a command of the shell."""
    before, begin, patch = text.partition(_BEGIN)
    if not begin or (before.strip() and PROGRAM not in before):
        return ()
    return paths_in(patch, _after_cd(before)[0])


def only_patches(command: str) -> bool:
    """Whether a command of the shell does nothing but apply a patch."""
    before, begin, patch = command.partition(_BEGIN)
    _, words = _after_cd(before)
    after = patch.partition(_END)[2].split()
    return bool(begin) and words[:1] == [PROGRAM] and len(words) <= 2 and len(after) <= 1


def _after_cd(before: str) -> tuple[str, list[str]]:
    """(directory, the words behind) of `cd DIRECTORY && …`."""
    words = before.split()
    if words[:1] == ["cd"] and words[2:3] == ["&&"]:
        return words[1].strip("'\""), words[3:]
    return "", words
