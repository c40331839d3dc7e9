"""`check`, `advance` and `submit`: what a worker's tree is worth, measured by Andon on the exact content.

Theory of operation. The working tree is stored as a commit outside any branch; the step's gates are carried out on that
commit's tree (never on the working tree itself); the core decides on the verdicts. `check` stops before the core.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from andon.core import commands as c
from andon.core import state as s
from andon.core import verdict as v
from andon.core import workflow as w
from andon.core.errors import EXIT_NO, EXIT_NOT_YET, EXIT_YES, AndonError, Rejected
from andon.core.gate_files import protected
from andon.core.judge import gates_to_measure, is_review_step, judge, overall, protect_digest
from andon.core.routing import Progress, final_submission
from andon.core.rules_step import gates_of, step_verdicts
from andon.core.swarm import refuse_leaving
from andon.core.verdict import Finding, Submission, Verdict
from andon.engine.claims import definitions_of as definitions_of
from andon.engine.claims import held, keep_alive, renew
from andon.engine.places import Claim
from andon.engine.services import Services
from andon.engine.transact import load_run
from andon.ports import GateRequest


class Judged(Struct, frozen=True, kw_only=True):
    """The result of `check` or `advance`. exit: of the contract. left: whether the step was left."""

    run: s.Run
    step: str
    verdicts: tuple[Verdict, ...]
    exit: int
    left: bool = False
    outcome: str = ""
    submission: Submission | None = None


def base_of(services: Services, run: s.Run, workdir: str) -> str:
    """The commit that the change is measured against: the newest commit of the target branch that the worktree's HEAD
    holds. It may be newer than the run's base (the worker brought it in) or older (another branch of the run did)."""
    head = services.git.worktree_head(workdir)
    if head == run.base:
        return run.base
    target = services.git.branch_head(run.target)
    common = services.git.merge_base(head, target) if target is not None else None
    return common or run.base


def refuse_undoing(services: Services, workdir: str, tree: str, base: str, before: str) -> None:
    """Refuse a tree that takes back what others landed between the visit's base and a newer one.

    That is what a moved HEAD over old files looks like (`git reset` without merging); nobody means it. The newer one need
    not follow the visit's: a person may have worded the branch's last commits anew.
    """
    if base == before or services.git.is_ancestor(base, before):
        return
    theirs = {change.path for change in services.git.changes(before, base)}
    undone = theirs & {change.path for change in services.git.changes(base, tree)}
    undone -= {change.path for change in services.git.changes(before, tree)}
    if undone:
        raise AndonError(
            f"{workdir} undoes what landed meanwhile in {', '.join(sorted(undone)[:10])}",
            kind="bad_tree",
            next="bring the newer commit in with `git merge` or `git rebase`, not by moving HEAD",
        )


def refuse_conflicts(services: Services, run: s.Run, step: s.ActiveStep, tree: str) -> None:
    """Refuse a tree that still holds the conflicts which its worktree was handed over with."""
    swarm = run.swarms.get(step.step)
    of_children = swarm.conflicts if swarm is not None and swarm.visit == step.visit else ()
    if still := [path for path in of_children if _has_markers(services, tree, path)]:
        raise AndonError(
            f"unresolved conflicts with what children landed: {', '.join(still[:10])}",
            kind="unresolved_conflicts",
            next="resolve them (look for <<<<<<<), then try again",
        )
    submission = run.submissions.get(step.lane)
    if submission is None or submission.base == run.base:
        return
    merge = services.git.merge(run.base, submission.commit)
    if merge.clean:
        return
    handed_over = {path: oid for _mode, oid, path in services.git.list_files(merge.tree)}
    now = {path: oid for _mode, oid, path in services.git.list_files(tree)}
    left = [path for path in merge.conflicts if path in now and now[path] == handed_over.get(path)]
    left += [x for x in merge.conflicts if x in now and x not in left and _has_markers(services, tree, x)]
    if left:
        raise AndonError(
            f"unresolved conflicts with what landed meanwhile: {', '.join(left[:10])}",
            kind="unresolved_conflicts",
            next="resolve them (look for <<<<<<<), then try again",
        )


def _has_markers(services: Services, tree: str, path: str) -> bool:
    content = b"\n" + (services.git.read_file(tree, path) or b"")
    return all(mark in content for mark in (b"\n<<<<<<< ", b"\n=======", b"\n>>>>>>> "))


def take_snapshot(services: Services, claim: Claim, run: s.Run, step: s.ActiveStep, *, keep: bool = True) -> Submission:
    """Store the working tree and say what changed. keep: as a commit under refs/andon/; else the tree's objects only."""
    git, now = services.git, services.clock.now()
    base = base_of(services, run, claim.workdir)
    base_tree = run.base_tree if base == run.base else git.tree_of(base)
    if not keep:
        tree = git.write_tree(claim.workdir, base)
        refuse_undoing(services, claim.workdir, tree, base, step.base)
        refuse_conflicts(services, run, step, tree)
        patch = git.patch_digest(base, tree)
        return Submission(commit="", tree=tree, base=base, base_tree=base_tree, patch=patch, by=claim.agent, at=now)
    commit, tree = git.snapshot(
        claim.workdir,
        base=base,
        message=f"Submission of {run.id}, step {step.step}, by {claim.agent}",
        author=services.author(),
        under=f"refs/andon/submissions/{run.id}/{step.step}/{claim.token}",
        at=now,
    )
    refuse_undoing(services, claim.workdir, tree, base, step.base)
    refuse_conflicts(services, run, step, tree)
    return Submission(
        commit=commit,
        tree=tree,
        base=base,
        base_tree=base_tree,
        patch=git.patch_digest(base, tree),
        by=claim.agent,
        at=now,
    )


def measure(
    services: Services,
    workflow: w.Workflow,
    run: s.Run,
    ids: Sequence[str],
    submission: Submission,
    *,
    fresh: bool = False,
    landing: bool = False,
    again: Mapping[str, Verdict] | None = None,
) -> tuple[tuple[Verdict, ...], str]:
    """Carry out gates on a submission: (verdicts, environment digest). Cheap gates first; a waived gate is not run.

    landing: what workers' own commands have measured before is not believed. again: gate -> the red verdict on this
    content that is measured once more.
    """
    gates = gates_to_measure(workflow, ids)
    gates.sort(key=lambda gate: isinstance(gate, w.RunGate))
    environment = ""
    if any(isinstance(gate, w.RunGate) for gate in gates):
        environment = services.verifier.environment_digest(workflow.environment, submission.tree, submission.base_tree)
    now = services.clock.now()
    already = {x.gate for x in judge(workflow, run, ids, submission, (), environment, now) if x.outcome == v.WAIVED}
    verdicts: list[Verdict] = []
    for gate in gates:
        if gate.id in already:
            continue
        services.say(f"gate {gate.id} …")
        request = GateRequest(
            gate=gate,
            submission=submission,
            environment=workflow.environment,
            scope=run.scope,
            definitions=run.definitions,
            fresh=fresh,
            landing=landing,
            after=again.get(gate.id) if again else None,
        )
        verdict = services.verifier.verify(request)
        services.say(f"gate {gate.id}: {verdict.outcome}, {verdict.summary}")
        verdicts.append(verdict)
    return tuple(verdicts), environment


def protect(
    services: Services, workflow: w.Workflow, submission: Submission, others: Sequence[Verdict] = ()
) -> Verdict:
    """The built-in gate; with the findings of suspicion when no gate among `others` tells them already."""
    told = any(isinstance(workflow.gates.get(verdict.gate), w.DiffGate) for verdict in others)
    verdict = services.verifier.protect(submission, protected(workflow), suspicion=not told)
    return replace(verdict, gate_digest=protect_digest(workflow))


def _evaluate(
    services: Services, claim: Claim, run: s.Run, step: s.ActiveStep, *, fresh: bool, keep: bool = True
) -> tuple[w.Workflow, Submission | None, tuple[Verdict, ...], str]:
    """Snapshot (for steps that make changes) and measure."""
    workflow = definitions_of(services, run)
    definition = workflow.steps[step.step]
    reviewing = is_review_step(workflow, definition)
    gates = gates_of(workflow, definition)
    with services.git.at_hand():
        submission = None if reviewing else take_snapshot(services, claim, run, step, keep=keep)
        subject = submission or run.submissions.get(step.lane) or final_submission(run)
        with keep_alive(services, claim, definition.lease_s):
            verdicts, environment = measure(services, workflow, run, gates, subject, fresh=fresh)
            if not reviewing:
                verdicts = (protect(services, workflow, subject, verdicts), *verdicts)
    return workflow, submission, verdicts, environment


def check(services: Services, claim: Claim, *, fresh: bool = False) -> Judged:
    """Has this step been achieved? Changes no state but the lease's end."""
    held(services, claim)
    run = renew(services, claim)
    step = run.active[claim.step]
    workflow, submission, measured, environment = _evaluate(services, claim, run, step, fresh=fresh, keep=False)
    progress = Progress(workflow, run, services.clock.now(), claim.agent, services.engine.evaluate)
    verdicts = step_verdicts(progress, step, submission, measured, environment)
    held(services, claim)
    return Judged(run=run, step=claim.step, verdicts=verdicts, exit=exit_of(verdicts), submission=submission)


def still_to_do(judged: Judged) -> Rejected | None:
    """Why a step whose gates are open is not left all the same: its children are not over, or not taken in."""
    step = judged.run.active[judged.step]
    return refuse_leaving(judged.run.swarms.get(judged.step), step.visit, passed=True)


def other_hand(services: Services, claim: Claim) -> str:
    """Who else has worked in the claim and so becomes an author too (law 11): who acts, else the owner's own agent."""
    return services.caller.agent if services.caller.agent != claim.agent else claim.hand


def exit_of(verdicts: Sequence[Verdict]) -> int:
    state = overall(verdicts)
    return {v.PASSED: EXIT_YES, v.PENDING: EXIT_NOT_YET}.get(state, EXIT_NO)


def advance(
    services: Services,
    claim: Claim,
    *,
    outcome: str | None = None,
    message: str = "",
    notes: str = "",
    findings: tuple[Finding, ...] = (),
    resolve: tuple[str, ...] = (),
    fresh: bool = False,
) -> Judged:
    """Verify and proceed."""
    held(services, claim)
    run = renew(services, claim)
    step = run.active[claim.step]
    refusal = refuse_leaving(run.swarms.get(step.step), step.visit, passed=outcome in (None, w.PASSED))
    if refusal is not None:
        # Before anything is measured: the core would refuse it afterwards.
        raise AndonError.of(refusal)
    submission: Submission | None = None
    measured: tuple[Verdict, ...] = ()
    environment = ""
    if outcome in (None, w.PASSED):
        _workflow, submission, measured, environment = _evaluate(services, claim, run, step, fresh=fresh)
    elif not is_review_step(definitions_of(services, run), definitions_of(services, run).steps[step.step]):
        submission = take_snapshot(services, claim, run, step)
    command = c.Advance(
        at=services.clock.now(),
        actor=claim.agent,
        step=claim.step,
        token=claim.token,
        outcome=outcome,
        submission=submission,
        verdicts=measured,
        environment_digest=environment,
        message=message,
        notes=notes,
        findings=findings,
        resolve=resolve,
        also_by=other_hand(services, claim),
    )
    seen = _seq(services, claim.run)
    after, effects = services.engine.on_run(claim.run, command)
    services.after(effects)
    judged = _after_advance(services, claim, after, seen)
    if judged.left:
        from andon.engine.system import carry_out

        carry_out(services, claim.run)
        with services.store.read() as reader:
            judged = replace(judged, run=load_run(reader, claim.run))
    return judged


def _seq(services: Services, run_id: str) -> int:
    with services.store.read() as reader:
        loaded = reader.load(run_id)
    return loaded.seq if loaded else 0


def _after_advance(services: Services, claim: Claim, after: s.Run, seen: int) -> Judged:
    """Read back from the log what the decision was."""
    from andon.core import events as e

    with services.store.read() as reader:
        events = [stored.event for stored in reader.events(claim.run, after=seen)]
    verdicts: tuple[Verdict, ...] = ()
    outcome = ""
    for event in events:
        if isinstance(event, e.Judged) and event.step == claim.step:
            verdicts = event.verdicts
        if isinstance(event, e.StepFinished) and event.step == claim.step and not outcome:
            outcome = event.outcome
    left = bool(outcome)
    exit_code = EXIT_YES if left else exit_of(verdicts)
    if not left and exit_code == EXIT_YES:
        exit_code = EXIT_NO
    if outcome == w.FAILED and any(isinstance(x, e.AttemptEnded) for x in events):
        exit_code = EXIT_NO
    if any(isinstance(x, e.AttemptEnded) and x.how in ("waiting", "reviewed") for x in events):
        # Its worker has done its part; what is red is others' to open.
        exit_code = EXIT_NOT_YET
    return Judged(run=after, step=claim.step, verdicts=verdicts, exit=exit_code, left=left, outcome=outcome)


def submit(services: Services, claim: Claim) -> Submission:
    """Store the working tree now, so that it survives whatever happens to the worker."""
    held(services, claim)
    run = renew(services, claim)
    step = run.active[claim.step]
    if is_review_step(definitions_of(services, run), definitions_of(services, run).steps[step.step]):
        text = f"step {step.step} is a review; it has nothing to submit"
        raise AndonError(text, kind="review_step", next="andon advance [--outcome …] -m REASON")
    submission = take_snapshot(services, claim, run, step)
    command = c.Submit(
        at=services.clock.now(),
        actor=claim.agent,
        step=claim.step,
        token=claim.token,
        submission=submission,
        also_by=other_hand(services, claim),
    )
    _run, effects = services.engine.on_run(claim.run, command)
    services.after(effects)
    return submission
