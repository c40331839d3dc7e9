"""What children integrated comes into their parent's worktree, and what the parent has goes onto their reference.

Theory of operation. What is taken in is named child by child: those whose work the reference's head holds at the moment when
it is read. A child that lands while its parent merges is not among them, so it still stands out (law 10). Work that the
parent does without is a merge that keeps nothing of it; it goes onto the reference like any other work of the parent, so
neither later children nor later merges bring it back. A snapshot of the worktree is kept before it is changed; conflicts
stand in the files and are named. Must not know: who waits, and for how long.
"""

from __future__ import annotations

from typing import Any

from andon.core import commands as c
from andon.core import state as s
from andon.core import swarm as sw
from andon.core.errors import AndonError
from andon.engine import claims, integration, judging
from andon.engine.places import Claim
from andon.engine.services import Services
from andon.engine.transact import load_run
from andon.ports import Merge

MAX_MOVES = 5


def present(run: s.Run, step: s.ActiveStep) -> sw.Swarm | None:
    """The children that the worker of this visit made."""
    swarm = run.swarms.get(step.step)
    return swarm if swarm is not None and swarm.visit == step.visit and not swarm.join else None


def own_commit(services: Services, swarm: sw.Swarm, tree: str) -> str:
    """What the worktree holds as a commit on what it has in common with the reference, so that merges are three-way."""
    who = services.author()
    text = f"The worktree of step {swarm.step}"
    return services.git.commit_tree(tree, [swarm.common], text, author=who, committer=who, at=services.clock.now())


def merged(services: Services, head: str, own: str) -> Merge:
    """Both together. Raises AndonError when they conflict."""
    merge = services.git.merge(head, own)
    if not merge.clean:
        raise AndonError(
            f"this worktree and what children landed conflict in {', '.join(merge.conflicts[:10])}",
            kind="merge_conflicts",
            next="andon wait brings it in; resolve the conflicts, then spawn again",
        )
    return merge


def put_up(services: Services, ref: str, head: str, own: str, text: str) -> bool:
    """Put a commit of the parent, of which an event told, onto the reference. False when others moved it meanwhile."""
    git = services.git
    if git.is_ancestor(own, head):
        return True
    new = own
    if not git.is_ancestor(head, own):
        merge = merged(services, head, own)
        who = services.author()
        new = git.commit_tree(merge.tree, [head, own], text, author=who, committer=who, at=services.clock.now())
    return git.move_branch(ref, new=new, expected=head, reason=f"andon: {text}")


def take_in(services: Services, claim: Claim, *, leave_out: bool) -> dict[str, Any] | None:
    """Merge the integration reference into the worktree, or do without what it holds."""
    git = services.git
    run, step = claims.held(services, claim)
    swarm = present(run, step)
    if swarm is None or not swarm.unmerged:
        return None
    head = integration.head_of(services, swarm.ref)
    tasks = _held_by(services, run.id, swarm, head)
    conflicts: tuple[str, ...] = ()
    kept, common = "", head
    if leave_out:
        common = _without(services, swarm, head)
    else:
        before = judging.submit(services, claim)
        kept = before.commit
        merge = git.merge(own_commit(services, swarm, before.tree), head)
        conflicts = merge.conflicts
        # Told before it is done: whatever interrupts it, nobody can say later that the worktree does without.
        begun = c.BeginMerge(
            at=services.clock.now(), actor=claim.agent, step=claim.step, token=claim.token, tasks=tasks
        )
        services.engine.on_run(run.id, begun)
        git.update_worktree(claim.workdir, before.tree, merge.tree)
        # Submitted before it counts as taken in: whoever goes on with the step after this worker begins with it.
        judging.submit(services, claim)
    command = c.MergeChildren(
        at=services.clock.now(),
        actor=claim.agent,
        step=claim.step,
        token=claim.token,
        commit=common,
        left_out=leave_out,
        conflicts=conflicts,
        tasks=tasks,
    )
    _after, effects = services.engine.on_run(run.id, command)
    services.after(effects)
    if leave_out:
        _withdraw(services, swarm.ref, common, run.id)
    return {"commit": head, "left_out": leave_out, "conflicts": list(conflicts), "before": kept or None}


def _held_by(services: Services, run_id: str, swarm: sw.Swarm, head: str) -> tuple[str, ...]:
    """The children not taken in so far whose work the head holds; swarm: as it was before the head was read.

    Their ends may have been told since, or be told soon: then only git knows whether the head holds their commit.
    """
    certain = set(swarm.unmerged)
    with services.store.read() as reader:
        after = load_run(reader, run_id).swarms.get(swarm.step, swarm)
        open_now = [child for child in after.children if not child.taken and child.task not in certain]
        others = {child.task: child.commit or integration.prepared(reader, child) for child in open_now}
    landing = {task for task, commit in others.items() if commit and services.git.is_ancestor(commit, head)}
    return tuple(child.task for child in after.children if child.task in certain | landing)


def _without(services: Services, swarm: sw.Swarm, head: str) -> str:
    """The merge of both that keeps only what the worktree had in common with the reference before."""
    git, who = services.git, services.author()
    text = f"Step {swarm.step} does without what its children landed"
    parents = [swarm.common, head] if not git.is_ancestor(swarm.common, head) else [head]
    tree = git.tree_of(swarm.common)
    return git.commit_tree(tree, parents, text, author=who, committer=who, at=services.clock.now())


def _withdraw(services: Services, ref: str, without: str, run: str) -> None:
    """Children that begin from now on begin without it. When that can't be done now, the next `spawn` does it."""
    text = f"Without what children of {run} landed"
    for _ in range(MAX_MOVES):
        try:
            if put_up(services, ref, integration.head_of(services, ref), without, text):
                return
        except AndonError as error:
            services.say(f"{ref} still holds it: {error.message}")
            return
