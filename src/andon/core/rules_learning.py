"""`decide_learning`: who may record, change, confirm and retire a learning, and how large it may be (law 13).

The line between agents and people: an agent's learning is unreviewed; any agent may confirm it or put a better one in its
place, and its author alone among agents edits and retires it, for it stands under that name. What a person has recorded or
accepted is changed and retired by people only. Nothing here touches a gate.
"""

from __future__ import annotations

from collections.abc import Sequence

from andon.core import commands as c
from andon.core import events as e
from andon.core import learning as k
from andon.core.decide import Decision
from andon.core.errors import EXIT_DENIED, EXIT_USAGE, InvariantViolation, Rejected


def decide_learning(learning: k.Learning | None, command: c.Command) -> Decision:
    """Commands of a learning."""
    if isinstance(command, c.RecordLearning):
        return _record(learning, command)
    if learning is None:
        raise InvariantViolation(f"{type(command).__name__} for a learning that does not exist")
    if learning.status == k.RETIRED:
        by = f" (superseded by {learning.superseded_by})" if learning.superseded_by else ""
        text = f"learning {learning.id} is retired{by}"
        return Rejected(kind="learning_retired", message=text, next="andon learn 'text' records it anew")
    if isinstance(command, c.EditLearning):
        return _edit(learning, command)
    if isinstance(command, c.ConfirmLearning):
        if learning.reviewed_by and not command.person and command.actor in learning.confirmed_by:
            return []
        return [e.LearningConfirmed(at=command.at, actor=command.actor, person=command.person)]
    if isinstance(command, c.RetireLearning):
        if refusal := _refuse_agent(learning, command, "retire"):
            return refusal
        return [
            e.LearningRetired(
                at=command.at, actor=command.actor, reason=command.reason, superseded_by=command.superseded_by
            )
        ]
    raise InvariantViolation(f"no rule for command {type(command).__name__} on a learning")


def _bad(text: str, following: str) -> Rejected:
    return Rejected(kind="bad_learning", message=text, next=following, exit=EXIT_USAGE)


def refuse_parts(text: str | None, scopes: Sequence[str] | None, links: Sequence[str] = ()) -> Rejected | None:
    """Named limits on what a learning may hold."""
    if text is not None and not text.strip():
        return _bad("a learning needs a text", "andon learn 'what you found'")
    if text is not None and len(text.encode(errors="replace")) > k.MAX_TEXT_BYTES:
        return _bad(f"a learning has at most {k.MAX_TEXT_BYTES} bytes", "say the one thing that matters, or split it")
    if scopes is not None and (not scopes or len(scopes) > k.MAX_SCOPES):
        return _bad(f"a learning has 1 to {k.MAX_SCOPES} scopes", "--scope repo, or fewer globs")
    for scope in scopes or ():
        if not k.scope_kind(scope) or len(scope) > k.MAX_SCOPE_CHARS or "\n" in scope:
            return _bad(f"{scope!r} is no scope", "--scope path:GLOB, repo, label:NAME or workspace")
    if len(links) > k.MAX_LINKS:
        return _bad(f"a learning names at most {k.MAX_LINKS} others", "name the nearest ones")
    return None


def _record(learning: k.Learning | None, command: c.RecordLearning) -> Decision:
    if learning is not None:
        raise InvariantViolation(f"learning id {command.learning} given out twice")
    links = (*command.supersedes, *command.contradicts)
    if refusal := refuse_parts(command.text, command.scopes, links):
        return refusal
    return [
        e.LearningRecorded(
            at=command.at,
            actor=command.actor,
            learning=command.learning,
            text=command.text.strip(),
            scopes=tuple(dict.fromkeys(command.scopes)),
            repository=command.repository,
            person=command.person,
            task=command.task,
            run=command.run,
            step=command.step,
            commit=command.commit,
            supersedes=tuple(dict.fromkeys(command.supersedes)),
            contradicts=tuple(dict.fromkeys(command.contradicts)),
        )
    ]


def _edit(learning: k.Learning, command: c.EditLearning) -> Decision:
    if refusal := _refuse_agent(learning, command, "edit"):
        return refusal
    if refusal := refuse_parts(command.text, command.scopes, command.contradicts or ()):
        return refusal
    if command.contradicts and learning.id in command.contradicts:
        return _bad(f"learning {learning.id} can't contradict itself", "name another")
    return [
        e.LearningEdited(
            at=command.at,
            actor=command.actor,
            text=command.text.strip() if command.text is not None else None,
            scopes=command.scopes,
            contradicts=command.contradicts,
            person=command.person,
        )
    ]


def _refuse_agent(learning: k.Learning, command: c.EditLearning | c.RetireLearning, act: str) -> Rejected | None:
    if command.person:
        return None
    if learning.reviewed_by:
        return Rejected(
            kind="not_a_person",
            message=f"learning {learning.id} was accepted by {learning.reviewed_by}: only a person may {act} it",
            next=f"andon learn 'what is true instead' --contradicts {learning.id}",
            exit=EXIT_DENIED,
        )
    replaced = isinstance(command, c.RetireLearning) and command.superseded_by
    if command.actor == learning.agent or replaced:
        return None
    return Rejected(
        kind="not_yours",
        message=f"learning {learning.id} stands under the name of {learning.agent}: {command.actor} may not {act} it",
        next=f"andon learn 'what is true instead' --supersedes {learning.id}",
        exit=EXIT_DENIED,
    )
