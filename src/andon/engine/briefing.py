"""What goes into a brief: the task, the messages, the questions that were waited for, the change to review.

Rules: a reviewer judges the change by the criteria and not by its author's reasons, so neither messages of authors about the
run nor what they noted for others reach the brief of a review; what the reviewer itself asked does, with the answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from andon.core import state as s
from andon.core import workflow as w
from andon.core.errors import AndonError
from andon.core.judge import is_review_step
from andon.core.learning import ACTIVE
from andon.engine import messages
from andon.engine.brief import brief
from andon.engine.services import Services
from andon.engine.transact import load_task
from andon.ports import Reader

MAX_MESSAGES = 20


def write_brief(
    services: Services, run: s.Run, step: s.ActiveStep, workflow: w.Workflow, around: Sequence[str] = ()
) -> str:
    """The brief of a claimed step, for the caller. around: who else works on the same paths, a line each."""
    reviewing = is_review_step(workflow, workflow.steps[step.step])
    agent = services.caller.agent
    with services.store.read() as reader:
        task = load_task(reader, run.task)
        whole = _whole(reader, task.parent) if task.parent else None
        anything_known = reader.count_learnings(status=ACTIVE) > 0 or services.space is not None
    lines = _questions(services, step, agent)
    unread = [x for x in messages.unread_items(services) if x["id"] not in step.asked]
    if reviewing:
        unread = [x for x in unread if not _by_author(run, agent, x)]
    lines += [messages.line(x, agent) for x in unread[:MAX_MESSAGES]]
    diff = ""
    submission = run.submissions.get(step.lane)
    if submission is not None and reviewing:
        diff = services.git.diff_text(submission.base, submission.tree)
    mine: tuple[str, ...] = ()
    if run.findings:
        from andon.core.rules_findings import may_resolve

        mine = tuple(x.id for x in run.findings if x.holds and may_resolve(workflow, run, x, agent, step.role))
    known = ""
    if anything_known:
        from andon.engine.knowing import section

        known = section(services, workflow, run, step, task)
    return brief(
        workflow,
        run,
        step,
        task,
        messages=lines,
        diff=diff,
        neighbours=around,
        known=known,
        resolvable=mine,
        whole=whole,
    )


def _whole(reader: Reader, name: str) -> s.Task | None:
    """The task that this one is a part of; a damaged one stops no part of it (law 12)."""
    try:
        return load_task(reader, name)
    except AndonError:
        return None


def _questions(services: Services, step: s.ActiveStep, agent: str) -> list[str]:
    """What this step waited for, with the answers, whoever asked."""
    lines = []
    with services.store.read() as reader:
        for name in step.asked[-MAX_MESSAGES:]:
            try:
                asked = messages.load(reader, name)
            except AndonError as error:
                # The step goes on without what can't be read (law 12), and says so.
                lines.append(f"- {name}: {error.message} ({error.next})")
                continue
            item = {"id": name, "body": asked.body, "answer": asked.answer, "answered_by": asked.answered_by}
            lines.append(messages.asked_line(item, "You" if asked.sender == agent else asked.sender))
    return lines


def _by_author(run: s.Run, agent: str, item: dict[str, object]) -> bool:
    """Whether a message is an author's, wherever it was sent from: the inbox has it, the brief does not. The answer to the
    reader's own question is what it asked for."""
    if item["answer"] and item["sender"] == agent:
        return False
    return item["sender"] in run.authors
