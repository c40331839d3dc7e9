"""The rules for recording a plan on a task: what `andon plan --apply` may write, and what makes it write nothing.

Rules: only tasks that nobody has begun; never more than the named limits (law 13); what stands there already is no event,
so that the same plan can be applied again. Must not know: how files are predicted or waves are cut.
"""

from __future__ import annotations

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core.errors import EXIT_USAGE, Rejected

MAX_PREDICTED = 100
MAX_DEPENDENCIES = 500


def plan_task(task: s.Task, command: c.PlanTask) -> list[e.Event] | Rejected:
    """TaskPlanned, nothing when the task says the same already, or why not."""
    if task.status not in (s.OPEN, s.DRAFT):
        text = f"task {task.id} is {task.status}: only a task that nobody has begun is planned"
        return Rejected(kind="task_begun", message=text, next=f"andon show {task.id}")
    if len(command.predicted) > MAX_PREDICTED:
        text = f"the plan of {task.id} names {len(command.predicted)} paths, more than {MAX_PREDICTED}"
        return Rejected(kind="bad_plan", message=text, next="split the task", exit=EXIT_USAGE)
    if command.wave is not None and command.wave < 1:
        text = f"wave {command.wave} of {task.id}: waves count from 1"
        return Rejected(kind="bad_plan", message=text, next="andon plan", exit=EXIT_USAGE)
    own = [name for name in task.depends_on if name not in task.planned_after]
    after = tuple(name for name in dict.fromkeys(command.after) if name not in own)
    if task.id in after:
        text = f"task {task.id} can't depend on itself"
        return Rejected(kind="bad_plan", message=text, next="andon plan", exit=EXIT_USAGE)
    if len(own) + len(after) > MAX_DEPENDENCIES:
        text = f"task {task.id} would depend on more than {MAX_DEPENDENCIES} tasks"
        return Rejected(kind="bad_plan", message=text, next="give its shared files to fewer tasks", exit=EXIT_USAGE)
    said = (task.predicted, task.wave, task.planned_after, task.planned_head)
    if said == (command.predicted, command.wave, after, command.head) and task.changed_at <= max(task.planned_at, 0.0):
        return []
    if said == ((), None, (), "") == (command.predicted, command.wave, after, command.head):
        return []
    return [
        e.TaskPlanned(
            at=command.at,
            actor=command.actor,
            predicted=command.predicted,
            wave=command.wave,
            after=after,
            head=command.head,
            reason=command.reason,
        )
    ]
