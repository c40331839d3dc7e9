"""What `andon doctor` says of agents' clients: are their files as written, is the program here, did a hook really fire.

A hook that fires leaves a marker in the state directory (`andon hook` writes it). A client that is set up and never left
one is a warning, no problem: perhaps nobody has begun a session yet, perhaps the client skips the hooks in silence.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

from andon.agents.setup import apply
from andon.agents.setup.records import ClientSetup
from andon.agents.setup.shared import SHARED
from andon.app.clients import ReadHead, by_hand, configured, in_tree, is_theirs_alone, with_edits
from andon.app.clients_proof import fired, hook_edits, switched_off
from andon.core.errors import AndonError

VERSION_TIMEOUT_S = 30.0
"""Some clients load all of themselves before they say it: 12 s were seen on a busy machine."""


def client_checks(
    root: str | None, state_dir: str, read_head: ReadHead, on_target: bool = True
) -> list[dict[str, Any]]:
    """One check for each client that is set up here; none where no client is. read_head: a file on the target branch.
    on_target: that branch is checked out here."""
    if root is None:
        return []
    setups = configured(root)
    return [_check(root, state_dir, setup, setups, read_head, on_target) for setup in setups]


def _check(
    root: str, state_dir: str, setup: ClientSetup, setups: list[ClientSetup], read_head: ReadHead, on_target: bool
) -> dict[str, Any]:
    name = f"client {setup.name}"
    others = [other for other in setups if other is not setup]
    again = f"andon init --client {setup.name}"
    try:
        planned = apply.plan(root, state_dir, [setup], SHARED, others=others).files
    except AndonError as error:
        return {"check": name, "ok": False, "message": error.message, "next": error.next or again}
    changed = [one.path for one in planned if one.action not in (apply.UNCHANGED, apply.LEFT)]
    if changed:
        text = f"{', '.join(changed)} is not as Andon writes it"
        return {"check": name, "ok": False, "message": text, "next": again}
    left = [f"{one.path} {one.note}" for one in planned if one.action == apply.LEFT]
    if left:
        return {"check": name, "ok": True, "warning": True, "message": "; ".join(left), "next": again}
    theirs = with_edits(root, state_dir, [setup], others, read_head)
    # Only Andon's part counts: what else is in a file is a person's, and no worktree of a task lacks it through us.
    missing = [one for one in planned if not is_theirs_alone(one.path, read_head(in_tree(root, one.path)), theirs)]
    if missing:
        paths = [one.path for one in missing]
        text = f"{', '.join(paths)}: Andon's part is not on the target branch, so worktrees of andon next lack it"
        mixed = [one.path for one in missing if not is_theirs_alone(one.path, one.before, theirs)]
        if mixed:
            text += f"; {', '.join(mixed)} holds changes, too, that are neither committed nor Andon's"
        following = f"{again} --commit" if on_target and not mixed else f"on the target branch: {by_hand(paths)}"
        return {"check": name, "ok": True, "warning": True, "message": text, "next": following}
    version = _version(setup.program)
    here = f"{setup.program} {version}".strip() if version is not None else f"no {setup.program} on this PATH"
    message = f"its files are as written; {here}"
    if not hook_edits(setup):
        return {"check": name, "ok": True, "message": message, "next": ""}
    off = switched_off(root, setup, os.environ)
    if off:
        text = f"{message}; its hooks are switched off ({'; '.join(off)})"
        return {"check": name, "ok": True, "warning": True, "message": text, "next": "take that setting out"}
    known, proof = fired(root, state_dir, setup)
    if proof:
        return {"check": name, "ok": True, "message": f"{message}; {known}", "next": ""}
    steps = [setup.install] if version is None else []
    steps += [
        *([setup.trust] if setup.trust else []),
        "begin a session in a worktree of andon next, then: andon doctor",
    ]
    return {"check": name, "ok": True, "warning": True, "message": f"{message}; {known}", "next": "; ".join(steps)}


def _version(program: str) -> str | None:
    """What the program says of its version, "" when it says nothing of use, None when it is not here."""
    path = shutil.which(program)
    if path is None:
        return None
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, errors="replace", timeout=VERSION_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError:
        return ""
    except subprocess.TimeoutExpired:
        return f"(its --version took more than {VERSION_TIMEOUT_S:g} s)"
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    return lines[0][:80] if done.returncode == 0 and lines else ""
