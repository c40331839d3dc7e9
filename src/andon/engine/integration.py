"""Integration references: where they stand, and that nothing stands on them that Andon did not put there.

Theory of operation. What lands on such a reference becomes the parent's change, whose authors are those of its children.
So a reference is believed only as far as the parent's events explain it: its head is what the parent's worker had in
common with it, what a child landed last or is landing now, or a merge of such a commit with the worker's own, made again
here to compare; and what children landed is in it. Anyone who may write the git directory can move a reference; here that
is noticed before it is built upon (laws 5 and 7). Must not know: worktrees, waiting.
"""

from __future__ import annotations

from andon.core import state as s
from andon.core import swarm as sw
from andon.core.errors import EXIT_NO, AndonError
from andon.engine.services import Services
from andon.engine.transact import load_run, load_task
from andon.ports import Reader

MAX_LOOKS = 4
"""Children land between the look at git and the look at the events."""
MAX_MERGES = 20
"""Merges of the worker's own commits, one upon the other, with nothing landed in between."""


def head_of(services: Services, ref: str) -> str:
    """The head of an integration reference. Raises AndonError when the reference is gone, or not where events put it."""
    for _ in range(MAX_LOOKS):
        head = services.git.branch_head(ref)
        with services.store.read() as reader:
            run, swarm = _swarm_of(reader, ref)
            if swarm is None:
                raise AndonError(f"run {run} has no children on {ref}", kind="parent_over", next=f"andon show {run}")
            back = _known(swarm)[-1]
            if head is None:
                text = f"the integration reference {ref} of run {run} is gone, or symbolic"
                raise AndonError(text, kind="no_target", next=_mend(ref, back, anew=True))
            if head == back:
                return head
            landing = [commit for child in sw.open_children(swarm) if (commit := prepared(reader, child))]
        if _is_explained(services, swarm, head, landing):
            return head
    mend = _mend(ref, back)
    text = (
        f"{ref} stands at {(head or '')[:12]}, which neither run {run} nor its children put there; put it back: {mend}"
    )
    raise AndonError(text, kind="moved", next=mend, exit=EXIT_NO)


def problems(services: Services) -> list[tuple[str, str]]:
    """(what is wrong, what mends it) of each integration reference of open children that is gone or was moved."""
    found: list[tuple[str, str]] = []
    for ref in _open_refs(services):
        try:
            head_of(services, ref)
        except AndonError as error:
            # Children may end between the two looks.
            if error.kind != "parent_over":
                found.append((error.message, error.next))
    return found


def _open_refs(services: Services) -> list[str]:
    """Where children of open steps land; what can't be read is passed over, another check of `doctor` names it."""
    found: list[str] = []
    with services.store.read() as reader:
        for name in sorted({str(row["run"]) for row in reader.steps()}):
            try:
                run = load_run(reader, name)
            except AndonError:
                continue
            found += [swarm.ref for swarm in run.swarms.values() if _is_open(run, swarm)]
    return found


def _is_open(run: s.Run, swarm: sw.Swarm) -> bool:
    step = run.active.get(swarm.step)
    return step is not None and step.visit == swarm.visit and not swarm.outcome and swarm.ref != ""


def _mend(ref: str, commit: str, *, anew: bool = False) -> str:
    """The line that puts it back. anew: whatever stands in its place is taken away first."""
    # The guard lets nobody but Andon move it; a person who puts it back says so.
    line = "ANDON_GUARD=off git update-ref --no-deref"
    return f"{line} -d {ref}; {line} {ref} {commit}" if anew else f"{line} {ref} {commit}"


def prepared(reader: Reader, child: sw.Child) -> str:
    """The commit with which a child is about to land, "" for none."""
    try:
        task = load_task(reader, child.task)
        run = load_run(reader, task.run) if task.run and task.status == s.RUNNING else None
    except AndonError:
        # One that can't be read holds up nothing but itself (law 12).
        return ""
    steps = run.active.values() if run is not None else ()
    return next((step.prepared.commit for step in steps if step.prepared is not None), "")


def _swarm_of(reader: Reader, ref: str) -> tuple[str, sw.Swarm | None]:
    """(the run whose reference it is, its children there)"""
    name = sw.run_of(ref)
    found = load_run(reader, name).swarms.values()
    return name, next((swarm for swarm in found if swarm.ref == ref), None)


def _known(swarm: sw.Swarm) -> list[str]:
    """Commits that stand or stood on the reference, the one to go back to last."""
    return [commit for commit in (swarm.common, swarm.tip) if commit]


def _is_explained(services: Services, swarm: sw.Swarm, head: str, landing: list[str]) -> bool:
    git = services.git
    if swarm.tip and not git.is_ancestor(swarm.tip, head):
        return False
    if swarm.join and not git.is_ancestor(swarm.common, head):
        return False
    known = _known(swarm)
    at = head
    for _ in range(MAX_MERGES):
        # What is landing may bring commits of its own children along: of it, only the very commit is an explanation.
        if at in landing or any(at == commit or git.is_ancestor(at, commit) for commit in known):
            return True
        own, before = git.merge_base(at, swarm.common), git.lineage(at, limit=1)
        if own is None or not before:
            return False
        merge = git.merge(before[0], own)
        if not merge.clean or merge.tree != git.tree_of(at):
            return False
        at = before[0]
    return False
