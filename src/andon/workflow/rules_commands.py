"""Lint of gates' commands: exit codes that get lost on the way.

Rule `hidden-exit`. A shell's exit code is that of its last command: a pipeline hides every part but the last, `|| true`
and a trailing command hide what failed before, `&` does not wait. /bin/sh has no `pipefail` everywhere. Only a warning:
a report with a condition may judge all the same. Must not know how commands are run.
"""

from __future__ import annotations

import re

from andon.core import workflow as w
from andon.workflow.rules import Subject

RULE = "hidden-exit"
_QUOTED = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.")
_COMMENT = re.compile(r"(?:^|(?<=\s))#[^\n]*")
_KEPT = re.compile(r"\bpipefail\b|\bPIPESTATUS\b|\bset\s+-[a-z]*e|\bexit\s+[\"']?\$")
_PIPE = re.compile(r"(?<!\|)\|(?!\|)")
_SWALLOWED = re.compile(r"\|\|\s*(?:true|:|exit\s+0)(?:\s*$|\s*[;)\n&])")
_THEN = re.compile(r"(?:;|\n|(?<!&)&(?!&))\s*(?:true|:|exit\s+0|echo\b[^;&|]*)\s*;?\s*$")
_BACKGROUND = re.compile(r"(?<![&>])&\s*$")

_KEEP = 'keep it: `cmd > "$ANDON_OUT/log" 2>&1; status=$?; cat "$ANDON_OUT/log"; exit $status`'


def commands(subject: Subject) -> None:
    """Warn about gates and command steps whose command may end with 0 though a part of it failed."""
    for gate in subject.workflow.gates.values():
        if isinstance(gate, w.RunGate) and (why := hides(gate.run)):
            at = subject.at(f"gate:{gate.id}.run", f"gate:{gate.id}")
            subject.warn(RULE, at, f"gate `{gate.id}`: {why}", _KEEP)
    for step in subject.workflow.steps.values():
        if step.run is not None and (why := hides(step.run)):
            at = subject.at(f"step:{step.id}.run", f"step:{step.id}")
            subject.warn(RULE, at, f"step `{step.id}`: {why}", _KEEP)


def hides(command: str) -> str:
    """What in a shell command hides an exit code, or "". What stands in quotes is not looked at."""
    bare = _COMMENT.sub("", _substituted(_QUOTED.sub("q", command)))
    if _KEPT.search(command):
        return ""
    if _PIPE.search(bare):
        return "a pipeline has the exit code of its last part only"
    if _SWALLOWED.search(bare):
        return "`|| true` turns a failure into a success"
    if _THEN.search(bare):
        return "the last command hides the exit code of the one before it"
    return "a command in the background is not waited for" if _BACKGROUND.search(bare) else ""


def _substituted(text: str) -> str:
    """Without $(…) and `…`: what happens inside gives text, not the command's exit code."""
    before = ""
    while before != text:
        before, text = text, re.sub(r"\$\([^()]*\)|`[^`]*`|<\([^()]*\)", "q", text)
    return text
