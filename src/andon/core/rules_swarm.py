"""The rules of children: handing a step's work on, what becomes of each child, and the join.

Theory of operation. A `fanout` or `workflow` step is claimed by Andon itself, hands its work on and waits. Each child's
end is told to the parent in the transaction in which the child's task is closed, so that none is lost and none counts twice
(law 10). When all are over the step is ready again; whoever carries it out brings the integrated tree, which is the
parent's change from then on. A child's verdicts open no gate of the parent: its own gates are judged on the integrated tree.
An agent that holds a step may make children beside its own work; it waits for them itself.
"""

from __future__ import annotations

from msgspec.structs import replace

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core import swarm as sw
from andon.core import verdict as v
from andon.core import workflow as w
from andon.core.errors import EXIT_LOST, EXIT_USAGE, InvariantViolation, Rejected
from andon.core.judge import is_review_step, overall
from andon.core.routing import Progress
from andon.core.rules_step import end_attempt, fail_or_retry, held_step, judge_step


def spent(run: s.Run) -> int:
    """Tokens that are gone or promised: its own, those of children that are over, and what open children may use."""
    return run.tokens_used + run.children_tokens + sw.reserved(run.swarms)


def tokens_left(workflow: w.Workflow, run: s.Run) -> int | None:
    """What may still be used or reserved; None without a limit."""
    left = [run.budget - spent(run)] if run.budget is not None else []
    left += [workflow.limits.tokens - spent(run) + run.tokens_from] if workflow.limits.tokens is not None else []
    return min(left) if left else None


def hand_on(progress: Progress, command: c.HandOn) -> Rejected | None:
    step = held_step(progress.run, command.step, command.token, command.at, command.actor)
    if isinstance(step, Rejected):
        return step
    by_itself = step.kind in sw.CHILD_KINDS
    refusal = _refuse_children(progress, step, command)
    if refusal is not None and not by_itself:
        return refusal
    if problem := command.problem or (refusal.message if refusal is not None else ""):
        progress.leave(step.step, w.FAILED, message=problem)
        return None
    children = command.children
    if command.max_parallel is not None:
        opened = [child.task for child in children if not child.is_over][: command.max_parallel]
        children = tuple(replace(x, released=x.is_over or x.task in opened) for x in children)
    progress.emit(
        e.ChildrenAdded(
            at=command.at,
            actor=command.actor,
            step=step.step,
            token=command.token,
            visit=step.visit,
            ref=command.ref,
            base=command.base,
            base_tree=command.base_tree,
            children=children,
            join=command.join,
            max_parallel=command.max_parallel,
            common=command.common,
            land=command.land,
        )
    )
    if by_itself:
        count = sum(not child.is_over for child in children)
        state = "waiting" if count else "interrupted"
        end_attempt(progress, progress.run.active[step.step], state, reason=sw.waits_for(count), counts=False)
    return None


def _refuse_children(progress: Progress, step: s.ActiveStep, command: c.HandOn) -> Rejected | None:
    run = progress.run
    fresh = [child for child in command.children if not child.is_over]
    if step.kind not in sw.CHILD_KINDS:
        definition = progress.workflow.steps.get(step.step)
        if definition is None or definition.kind != "agent" or is_review_step(progress.workflow, definition):
            text = f"step {step.step} of run {run.id} is no work of an agent, so nothing of it is handed on"
            return Rejected(kind="bad_step", message=text, next="andon spawn in a step that changes something")
    elif command.children and command.join not in ("all", "any") and int(command.join) > len(command.children):
        text = f"the join of {step.step} needs {command.join} children, and there are {len(command.children)}"
        return Rejected(kind="bad_list", message=text, exit=EXIT_USAGE)
    if not fresh:
        return None
    budgets = [child.budget for child in fresh]
    have = [swarm for name, swarm in run.swarms.items() if name != step.step or not swarm.join]
    left = tokens_left(progress.workflow, run)
    left = None if left is None else left - command.overdrawn
    keep = 0
    if left is not None and step.kind not in sw.CHILD_KINDS:
        keep = sw.kept(left, run.swarms.get(step.step))
    return sw.refuse(run.depth, have, len(fresh), budgets, left, keep=keep)


def end_child(progress: Progress, command: c.EndChild) -> Rejected | None:
    """Told by the child's task. A second word about the same child changes nothing."""
    swarm = progress.run.swarms.get(command.step)
    child = next((x for x in swarm.children if x.task == command.task), None) if swarm is not None else None
    if child is None or child.is_over:
        return None
    progress.emit(
        e.ChildEnded(
            at=command.at,
            actor=command.actor,
            step=command.step,
            task=command.task,
            run=command.run,
            outcome=command.outcome,
            commit=command.commit,
            message=_cut(command.message),
            notes=_cut(command.notes),
            reason=_cut(command.reason),
            tokens=command.tokens,
            authors=command.authors,
        )
    )
    _after_child(progress, command.step)
    return None


def _cut(text: str) -> str:
    limit = sw.MAX_RESULT_CHARS
    return text if len(text) <= limit else f"{text[:limit]} [… {len(text) - limit} characters more: andon show]"


def _after_child(progress: Progress, step_id: str) -> None:
    """Let others in, or drop those that the join does not need."""
    swarm = progress.run.swarms[step_id]
    if not swarm.join:
        return
    still = sw.open_children(swarm)
    if still and sw.verdict(swarm) == sw.PASSED:
        drop(progress, swarm, [child.task for child in still], "the join is satisfied without it")
    elif tasks := sw.may_start(swarm):
        progress.emit(e.ChildrenReleased(at=progress.at, actor=progress.actor, step=step_id, tasks=tasks))


def drop(progress: Progress, swarm: sw.Swarm, tasks: list[str], reason: str) -> None:
    progress.emit(
        e.ChildrenDropped(at=progress.at, actor=progress.actor, step=swarm.step, tasks=tuple(tasks), reason=reason)
    )


def drop_again(progress: Progress) -> None:
    """A child that was in the middle of landing when it was dropped is asked again."""
    for swarm in list(progress.run.swarms.values()):
        tasks = [child.task for child in sw.open_children(swarm) if child.dropped]
        if tasks and swarm.step in progress.run.active:
            drop(progress, swarm, tasks, "not needed any more")


def drop_children(progress: Progress, command: c.DropChildren) -> Rejected | None:
    step = held_step(progress.run, command.step, command.token, command.at, command.actor)
    if isinstance(step, Rejected):
        return step
    swarm = progress.run.swarms.get(step.step)
    still = [child.task for child in sw.open_children(swarm)]
    unknown = [task for task in command.tasks if swarm is None or task not in {x.task for x in swarm.children}]
    if unknown:
        text = f"{', '.join(unknown)}: no child of step {step.step} of run {progress.run.id}"
        return Rejected(kind="unknown_child", message=text, next="andon wait lists your children", exit=EXIT_USAGE)
    tasks = [task for task in still if not command.tasks or task in command.tasks]
    if swarm is not None and tasks:
        drop(progress, swarm, tasks, command.reason or f"cancelled by {command.actor}")
    return None


def begin_merge(progress: Progress, command: c.BeginMerge) -> Rejected | None:
    step = held_step(progress.run, command.step, command.token, command.at, command.actor)
    if isinstance(step, Rejected):
        return step
    swarm = progress.run.swarms.get(step.step)
    named = swarm.children if swarm is not None else ()
    tasks = tuple(x.task for x in named if x.task in command.tasks and not (x.taking or x.taken))
    if tasks:
        progress.emit(
            e.ChildrenMerging(at=command.at, actor=command.actor, step=step.step, token=command.token, tasks=tasks)
        )
    return None


def merge_children(progress: Progress, command: c.MergeChildren) -> Rejected | None:
    step = held_step(progress.run, command.step, command.token, command.at, command.actor)
    if isinstance(step, Rejected):
        return step
    swarm = progress.run.swarms.get(step.step)
    if swarm is None:
        return None
    new = set(command.tasks) - {child.task for child in swarm.children if child.taken}
    if swarm.common == command.commit and not new:
        return None
    if command.left_out and (half := [x.task for x in swarm.children if x.taking and x.task in new]):
        text = f"an earlier wait began to bring in what {', '.join(half)} landed, so your tree may hold it"
        return Rejected(kind="half_merged", message=text, next="andon wait; then take out what you do without")
    progress.emit(
        e.ChildrenMerged(
            at=command.at,
            actor=command.actor,
            step=step.step,
            token=command.token,
            commit=command.commit,
            left_out=command.left_out,
            conflicts=command.conflicts,
            tasks=command.tasks,
        )
    )
    return None


def join_children(progress: Progress, command: c.JoinChildren) -> Rejected | None:
    """The integrated tree becomes the run's change, whether or not enough of the children ended well."""
    step = held_step(progress.run, command.step, command.token, command.at, command.actor)
    if isinstance(step, Rejected):
        return step
    swarm = progress.run.swarms.get(step.step)
    if step.kind not in sw.CHILD_KINDS or swarm is None or swarm.visit != step.visit:
        raise InvariantViolation(f"step {step.step} of run {progress.run.id} has no children to join")
    if still := sw.open_children(swarm):
        text = f"{len(still)} children of step {step.step} of run {progress.run.id} are open"
        return Rejected(kind="children_open", message=text, exit=EXIT_LOST)
    outcome = sw.verdict(swarm)
    progress.emit(
        e.ChildrenJoined(
            at=command.at,
            actor=command.actor,
            step=step.step,
            token=command.token,
            outcome=outcome,
            results=sw.results(swarm),
            submission=command.submission,
        )
    )
    message = sw.summary(swarm)
    if outcome != sw.PASSED:
        progress.leave(step.step, w.FAILED, message=message)
        return None
    _judge_join(progress, command, message)
    return None


def _judge_join(progress: Progress, command: c.JoinChildren, message: str) -> None:
    """The step's own gates, on the integrated tree."""
    step = progress.run.active[command.step]
    verdicts = judge_step(progress, step.step, command.submission, command.verdicts, command.environment_digest)
    state = overall(verdicts)
    if state == v.PASSED:
        progress.leave(step.step, w.PASSED, message=message)
    elif state == v.PENDING:
        names = ", ".join(x.gate for x in verdicts if x.outcome == v.PENDING)
        end_attempt(progress, progress.run.active[step.step], "waiting", reason=f"waits for {names}", counts=False)
    else:
        fail_or_retry(progress, progress.run.active[step.step], verdicts)
