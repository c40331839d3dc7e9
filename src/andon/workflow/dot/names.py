"""Ids, outcomes and titles that a state diagram takes, made from whatever a pipeline calls its parts."""

from __future__ import annotations

import re

from andon.workflow.mermaid import MAX_ID, RESERVED

_NOT_ID = re.compile(r"[^A-Za-z0-9_]+")
_ACCELERATOR = re.compile(r"\s*(?:\[\w{1,3}\]|\w{1,2}\)|\w{1,2}\s+[-–—]\s)\s*(?=\S)")
_TAKEN_OUTCOMES = frozenset({"passed", "failed", "expired", "success", "fail", "else", "conflict"})
# Inside a quoted title Mermaid still looks for these.
_NOT_TITLE = re.compile(r'["<>\[\]{};#`\\]|%%')
_DIRECTION = re.compile(r"\b(direction)\b", re.IGNORECASE)
_SPACES = re.compile(r"\s+")


def legal_id(wanted: str) -> str:
    """A state's id: letters, digits and _, no word of Mermaid's, at most its length."""
    name = _NOT_ID.sub("_", wanted)
    name = name.strip("_") if name != wanted else name
    if not name or not (name[0].isalpha() or name[0] == "_"):
        name = f"step_{name}" if name else "step"
    # `PHASE_start` and `PHASE_end` are what Mermaid calls a phase's own circles.
    if name.lower() in RESERVED or name.lower().endswith(("_start", "_end")):
        name = f"{name}_step"
    return name[: MAX_ID - 6]


def without_accelerator(label: str) -> str:
    """A choice's label without its key: `[A] Approve`, `A) Approve` and `A - Approve` are `Approve`."""
    plain = _ACCELERATOR.sub("", label, count=1) if _ACCELERATOR.match(label) else label
    return _SPACES.sub(" ", plain).strip()


def normal_label(label: str) -> str:
    """The form in which two labels are compared."""
    return without_accelerator(label).lower()


def outcome(text: str) -> str:
    """An outcome's name from a label, a status or a condition."""
    name = _NOT_ID.sub("_", without_accelerator(text)).strip("_").lower()
    if not name or not name[0].isalpha():
        name = f"chose_{name}" if name else "chosen"
    if name in _TAKEN_OUTCOMES or name in ("direction", "end"):
        name = f"chose_{name}"
    return name[:48]


def title(label: str) -> str:
    """A label as the quoted title of a state: one line, without what Mermaid would read in it."""
    plain = _NOT_TITLE.sub(" ", label.replace('"', "'"))
    plain = "".join(x for x in plain if x.isprintable() or x == " ")
    plain = _DIRECTION.sub(r"\1s", plain)
    plain = _SPACES.sub(" ", plain).strip()
    return plain if len(plain) <= 80 else plain[:79].rstrip() + "…"
