"""What proves that a client's hooks run: markers that the hooks leave, and what speaks against them.

A marker (`hooks/CLIENT.MOMENT`) counts when it is younger than the hooks' configuration, since clients ask for trust anew
after a change and pass over the hooks in silence until then, and not older than MARKER_DAYS. `hooks/configured.CLIENT`
holds the digest of what `andon init` wrote and when; where it is missing (a clone of others' set-up) the files' times tell.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from andon.agents.setup import apply
from andon.agents.setup.jsonc import JsonProblem, parse
from andon.agents.setup.records import ClientSetup, Edit, OffSwitch

MARKERS = "hooks"
MARKER_DAYS = 30


def hook_edits(setup: ClientSetup) -> list[Edit]:
    """The edits that hold a hook."""
    return [edit for edit in setup.edits if "andon hook" in apply.by_hand(edit) and not edit.path.endswith(".md")]


def remember(state_dir: str, setup: ClientSetup, *, written: bool) -> None:
    """Note what hooks are configured; earlier markers of other ones prove nothing any more. written: something was."""
    digest = _digest(setup)
    known = _configured(state_dir, setup)
    if known[:1] == [digest]:
        return
    if known or written:
        forget(state_dir, setup)
    os.makedirs(os.path.join(state_dir, MARKERS), exist_ok=True)
    since = _rfc3339(time.time()) if known or written else ""
    with open(_record(state_dir, setup), "w", encoding="utf-8") as file:
        file.write(f"{digest} {since}\n")


def forget(state_dir: str, setup: ClientSetup) -> None:
    """Remove the markers of a client."""
    for name in _names(state_dir, setup):
        os.unlink(os.path.join(state_dir, MARKERS, name))
    if os.path.exists(_record(state_dir, setup)):
        os.unlink(_record(state_dir, setup))


def fired(root: str, state_dir: str, setup: ClientSetup) -> tuple[str, bool]:
    """(what is known of the hooks, whether that is proof)."""
    found = []
    for name in _names(state_dir, setup):
        words = _words(os.path.join(state_dir, MARKERS, name))
        if words:
            found.append((words[0], name.removeprefix(setup.name + ".")))
    since = _since(root, state_dir, setup)
    if not found:
        after = f" since they were written ({since})" if since else ""
        return f"none of its hooks has ever fired here{after}", False
    last, moment = max(found)
    if last < since:
        return f"no hook has fired since they were last changed ({since}; before that: {moment} {last})", False
    if last < _rfc3339(time.time() - MARKER_DAYS * 86_400):
        return f"no hook has fired for more than {MARKER_DAYS} days ({moment} {last})", False
    return f"hooks have fired: {', '.join(f'{name} {at}' for at, name in sorted(found) if at >= since)}", True


def switched_off(root: str, setup: ClientSetup, environment: Mapping[str, str]) -> list[str]:
    """The settings that keep this client's hooks from running, as `PATH: KEY is VALUE`."""
    found = []
    for switch in setup.switches:
        for path in switch.paths:
            home = environment.get("HOME", "")
            if path.startswith("~/") and not home:
                continue
            real = os.path.join(home, path[2:]) if path.startswith("~/") else os.path.join(root, path)
            value = _value(real, switch)
            if value is not None and (value == switch.value or (isinstance(value, list) and switch.value in value)):
                found.append(f"{path}: {'.'.join(switch.at)} is {json.dumps(value)}")
    return found


def _value(path: str, switch: OffSwitch) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        value = tomllib.loads(text) if path.endswith(".toml") else parse(text).value
    except (OSError, ValueError, JsonProblem):
        # The client's own words about such a file are better than ours.
        return None
    for key in switch.at:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _since(root: str, state_dir: str, setup: ClientSetup) -> str:
    known = _configured(state_dir, setup)
    if known[:1] == [_digest(setup)]:
        return known[1] if len(known) > 1 else ""
    times = []
    for edit in hook_edits(setup):
        try:
            times.append(os.stat(os.path.join(root, edit.path)).st_mtime)
        except OSError:
            continue
    return _rfc3339(max(times)) if times else ""


def _digest(setup: ClientSetup) -> str:
    text = json.dumps([[edit.path, apply.by_hand(edit)] for edit in hook_edits(setup)])
    return hashlib.sha256(text.encode()).hexdigest()


def _record(state_dir: str, setup: ClientSetup) -> str:
    return os.path.join(state_dir, MARKERS, f"configured.{setup.name}")


def _configured(state_dir: str, setup: ClientSetup) -> list[str]:
    return _words(_record(state_dir, setup))


def _names(state_dir: str, setup: ClientSetup) -> Iterator[str]:
    try:
        names = sorted(os.listdir(os.path.join(state_dir, MARKERS)))
    except OSError:
        return
    for name in names:
        if name.startswith(f"{setup.name}.") and not name.endswith(".new"):
            yield name


def _words(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(200).split()
    except OSError:
        return []


def _rfc3339(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
