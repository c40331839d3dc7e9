"""The safeguards of questions and findings, each as the patch that switches it off. See `safeguards`."""

from __future__ import annotations

from andon.core import commands as c
from andon.core import decide, decide_run, judge, routing, rules_findings, rules_message, rules_question
from andon.core import state as s
from andon.core.decide_run import _HANDLERS
from andon.core.errors import Rejected
from andon.engine import messages
from andon.testing.safeguards import Patch


def findings_forgotten() -> list[Patch]:
    """Another reviewer's word, or the next change, drops what a reviewer found."""
    return [(judge, "open_findings", lambda _run, _role: ())]


def anybody_resolves() -> list[Patch]:
    """Whoever likes says that a finding is mended: its author, too."""
    return [(rules_findings, "_refuse_resolving", lambda *_: None)]


def criteria_rewritten() -> list[Patch]:
    """Whoever works on a task changes what it asks for."""
    return [(decide, "refuse_criteria", lambda *_: None)]


def strangers_answer() -> list[Patch]:
    """Anybody speaks for any mailbox."""
    return [(rules_message, "refuse_stranger", lambda *_: None)]


def answers_unheard() -> list[Patch]:
    """The answer to a question puts no step back to work."""
    return [(messages, "resume_in", lambda *_: None)]


def questions_pass() -> list[Patch]:
    """A step that waits for an answer is ready whenever time acts."""
    original = decide_run._tick

    def tick(progress: routing.Progress, command: c.Tick) -> Rejected | None:
        for step in list(progress.run.active.values()):
            if step.question and step.state == s.WAITING:
                rules_question._ready(progress, step, "answered", "somebody must have")
        return original(progress, command)

    return [(_HANDLERS, c.Tick, tick)]


def kept_for_ever() -> list[Patch]:
    """What is handed to a name waits for it until it comes."""
    return [(decide_run, "kept_until", lambda *_: None)]
