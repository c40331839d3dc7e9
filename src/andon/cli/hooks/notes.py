"""The small files of hooks in `<common>/andon/hooks/`: proof that a hook fired, counts of blocks, beats, and the log.

None of them is state of a run: losing them loses a count or a proof, never a decision. Each is bounded.
"""

from __future__ import annotations

import os
import time

from andon.agents.hooks.blocks import Blocks

PROOF_EVERY_S = 60.0
MAX_LOG_BYTES = 262_144
MAX_FILES = 500
MAX_AGE_S = 14 * 86_400.0


def directory_of(common: str) -> str:
    return os.path.join(common, "andon", "hooks")


def rfc3339(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def prove(common: str, client: str, moment: str, session: str, now: float) -> None:
    """Note that this client's hook fired: `<client>.<moment>` holds a time and the session. At most once a minute."""
    path = os.path.join(directory_of(common), f"{client}.{moment}")
    try:
        if 0 <= now - os.stat(path).st_mtime < PROOF_EVERY_S:
            return
    except OSError:
        pass
    try:
        put(path, f"{rfc3339(now)} {_plain(session)}\n")
    except OSError as error:
        # A proof that can't be written is missed by `andon doctor` and by nobody else.
        log(common, f"{client}.{moment}: no proof could be written: {error}")


def put(path: str, text: str) -> None:
    """Write a file as a whole. A directory that is missing is made."""
    temporary = f"{path}.{os.getpid()}.new"
    try:
        file = open(temporary, "w", encoding="utf-8", errors="backslashreplace")
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        file = open(temporary, "w", encoding="utf-8", errors="backslashreplace")
    with file:
        file.write(text)
    os.replace(temporary, path)


def get(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(65_536)
    except OSError:
        return ""


def blocks_path(common: str, key: str) -> str:
    return os.path.join(directory_of(common), "stops", _plain(key))


def load_blocks(common: str, key: str) -> Blocks:
    return Blocks(get(blocks_path(common, key)))


def save_blocks(common: str, key: str, blocks: Blocks) -> bool:
    """Whether the count could be kept. What can't be counted can't be bounded: then an agent is not kept at work."""
    path = blocks_path(common, key)
    try:
        known = os.path.exists(path)
        put(path, blocks.text())
        if not known:
            forget_old(os.path.dirname(path))
    except OSError as error:
        log(common, f"the count of {key} could not be written: {error}")
        return False
    return True


def forget_old(directory: str) -> None:
    """Remove what is older than MAX_AGE_S, and of more than MAX_FILES the oldest."""
    found = []
    for name in os.listdir(directory):
        try:
            found.append((os.stat(os.path.join(directory, name)).st_mtime, name))
        except OSError:
            continue
    found.sort()
    limit = time.time() - MAX_AGE_S
    for at, (changed, name) in enumerate(found):
        if changed < limit or at < len(found) - MAX_FILES:
            try:
                os.unlink(os.path.join(directory, name))
            except OSError:
                continue


def log(common: str | None, text: str) -> None:
    """One entry in the log; where there is no state directory, nowhere. Never raises."""
    if common is None or not os.path.isdir(os.path.join(common, "andon")):
        return
    path = os.path.join(directory_of(common), "log")
    entry = f"{rfc3339(time.time())} {text.strip()[:8000]}\n".encode("utf-8", "backslashreplace")
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.exists(path) and os.stat(path).st_size + len(entry) > MAX_LOG_BYTES:
            os.replace(path, path + ".1")
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, entry)
        finally:
            os.close(descriptor)
    except OSError:
        return


def _plain(text: str) -> str:
    """As a file's name, or as one word of a line."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "-_.") else "-" for char in text[:120]) or "-"
