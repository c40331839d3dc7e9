"""What a claim may write, put down beside its lease file for the hooks of agents' clients (`agents/hooks/bounds.py`).

An early warning while the agent works; nothing here decides: the gates judge the change. Pure.
"""

from __future__ import annotations

from andon.core import state as s
from andon.core import workflow as w
from andon.core.gate_files import protected
from andon.core.judge import is_review_step
from andon.core.rules_step import gates_of

TASK_SCOPE = "task.scope"


def bounds_text(workflow: w.Workflow, run: s.Run, step: s.ActiveStep) -> str:
    """One fact a line, `key=value`; a list of globs, of which one must hold a path, is separated by tabs."""
    definition = workflow.steps[step.step]
    lines = [f"task={run.task}", f"target={run.target}"]
    if is_review_step(workflow, definition):
        lines.append("review=yes")
    gates = [workflow.gates.get(name) for name in dict.fromkeys((*gates_of(workflow, definition), *workflow.done))]
    within: list[tuple[str, ...]] = []
    for gate in gates:
        if isinstance(gate, w.DiffGate):
            within.append(_resolved(gate.within, run.scope))
            lines += [f"forbid={glob}" for glob in gate.forbid]
    # Where no gate bounds the change, the brief still tells the task's scope as what may be changed.
    if not any(within):
        within = [tuple(run.scope)]
    lines += ["within=" + "\t".join(globs) for globs in within if globs and not any("\t" in glob for glob in globs)]
    lines += [f"protect={pattern}" for pattern in protected(workflow)]
    return "".join(f"{line}\n" for line in lines if "\n" not in line)


def _resolved(within: tuple[str, ...], scope: tuple[str, ...]) -> tuple[str, ...]:
    """The globs with the task's scope in its place; none when a task without scope is named, as the gate reads it."""
    if TASK_SCOPE in within and not scope:
        return ()
    found: list[str] = []
    for glob in within:
        found += scope if glob == TASK_SCOPE else (glob,)
    return tuple(found)
