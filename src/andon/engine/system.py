"""Steps that Andon carries out itself: commands, joins, handing work on to children. (Landings belong to the lead alone.)

Each is claimed under a lease like any worker's step, so a crash in the middle is an expired lease and nothing runs twice
at once (laws 6 and 10).
"""

from __future__ import annotations

from collections.abc import Mapping

from andon.core import commands as c
from andon.core import state as s
from andon.core import workflow as w
from andon.core.errors import AndonError, InvariantViolation
from andon.core.routing import final_submission
from andon.core.rules_step import command_gate, gates_of
from andon.core.swarm import CHILD_KINDS
from andon.core.verdict import Submission
from andon.engine.claims import keep_alive
from andon.engine.places import Claim
from andon.engine.services import Services
from andon.engine.sweep import passed_over
from andon.engine.transact import Unit, load_run

CARRIED_OUT = ("command", "join", "fanout", "workflow")
MAX_STEPS_IN_A_ROW = 100
SYSTEM_LEASE_S = 120.0


def executor_name(services: Services) -> str:
    """The name under which this process carries out steps."""
    return f"andon/{services.process}"


def carry_out(services: Services, run_id: str) -> None:
    """Carry out ready command and join steps of a run until only others are left."""
    for _ in range(MAX_STEPS_IN_A_ROW):
        with services.store.read() as reader:
            run = load_run(reader, run_id)
        ready = [x for x in run.active.values() if x.state == s.READY and x.kind in CARRIED_OUT]
        if run.status == s.RUN_ENDED or not ready:
            return
        if not _carry_out_step(services, run_id, ready[0]):
            return


def carry_out_all(services: Services) -> int:
    """The same for every run; how many steps were found."""
    with services.store.read() as reader:
        rows = reader.ready_steps(kinds=CARRIED_OUT, limit=10_000)
    for run_id in dict.fromkeys(str(row["run"]) for row in rows):
        try:
            carry_out(services, run_id)
        except Exception as error:
            passed_over(services, run_id, error)
    return len(rows)


def carry_out_woken(services: Services) -> None:
    """Carry out what the caller's own act made ready in other runs: a parent whose last child it closed, say."""
    woken, services.to_carry_out = services.to_carry_out, []
    for run_id in dict.fromkeys(effect.run for effect in woken if effect.kind in CHILD_KINDS):
        try:
            carry_out(services, run_id)
        except Exception as error:
            passed_over(services, run_id, error)


def claim_system_step(services: Services, run_id: str, step: s.ActiveStep) -> Claim | None:
    """Claim a step for this process; None when somebody else was first."""
    name = executor_name(services)
    command = c.Claim(at=services.clock.now(), actor=name, step=step.step, workdir="", lease_s=SYSTEM_LEASE_S)
    try:
        run, _effects = services.engine.on_run(run_id, command)
    except AndonError as error:
        if error.kind in ("not_ready", "not_active", "run_ended", "offered"):
            return None
        raise
    lease = run.active[step.step].lease
    if lease is None or lease.agent != name:
        return None
    return Claim(run=run_id, step=step.step, token=lease.token, agent=name, workdir="")


def claim_system_steps(services: Services, steps: Mapping[str, str]) -> dict[str, Claim | AndonError]:
    """Claim several runs' steps (run -> step) in one transaction. A run is left out when somebody else was first.

    What is wrong with one run is its own trouble (law 12): then each is claimed by itself.
    """
    name = executor_name(services)

    def claim_all(unit: Unit) -> dict[str, Claim | AndonError]:
        claims: dict[str, Claim | AndonError] = {}
        for run_id, step in steps.items():
            command = c.Claim(at=services.clock.now(), actor=name, step=step, workdir="", lease_s=SYSTEM_LEASE_S)
            run = unit.on_run(run_id, command)
            lease = run.active[step].lease if isinstance(run, s.Run) else None
            if lease is not None and lease.agent == name:
                claims[run_id] = Claim(run=run_id, step=step, token=lease.token, agent=name, workdir="")
        return claims

    try:
        return services.engine.transact(claim_all)[0]
    except (AndonError, InvariantViolation):
        if len(steps) > 1:
            found: dict[str, Claim | AndonError] = {}
            for run_id, step in steps.items():
                found.update(claim_system_steps(services, {run_id: step}))
            return found
    run_id, step = next(iter(steps.items()))
    try:
        with services.store.read() as reader:
            run = load_run(reader, run_id)
        claimed = claim_system_step(services, run_id, run.active[step]) if step in run.active else None
    except AndonError as error:
        return {run_id: error}
    return {run_id: claimed} if claimed is not None else {}


def _carry_out_step(services: Services, run_id: str, step: s.ActiveStep) -> bool:
    claim = claim_system_step(services, run_id, step)
    if claim is None:
        return False
    with services.store.read() as reader:
        run = load_run(reader, run_id)
        workflow = services.engine.definitions.get(reader, run.workflow)
    services.say(f"{run_id}: carrying out {step.kind} step {step.step}")
    with keep_alive(services, claim, SYSTEM_LEASE_S):
        command: c.Command
        if step.kind == "join":
            command = _join(services, claim, run, step)
        elif step.kind in CHILD_KINDS:
            from andon.engine.swarm import hand_on, is_handed_on, join

            if not is_handed_on(run, step):
                hand_on(services, claim, run, step, workflow)
                return True
            command = join(services, claim, run, step, workflow)
        else:
            command = _run(services, claim, run, step, workflow)
    _run_after, effects = services.engine.on_run(run_id, command)
    services.after(effects)
    return True


def _run(services: Services, claim: Claim, run: s.Run, step: s.ActiveStep, workflow: w.Workflow) -> c.Advance:
    from andon.engine.judging import measure

    definition = workflow.steps[step.step]
    submission = run.submissions.get(step.lane) or final_submission(run)
    verdict = services.verifier.run_command(
        command_gate(definition), definition.run or "", definition.limits, submission, workflow.environment
    )
    verdicts, environment = measure(services, workflow, run, gates_of(workflow, definition), submission)
    return c.Advance(
        at=services.clock.now(),
        actor=claim.agent,
        step=step.step,
        token=claim.token,
        verdicts=(verdict, *verdicts),
        environment_digest=environment or verdict.environment_digest,
        message=verdict.summary,
    )


def _join(services: Services, claim: Claim, run: s.Run, step: s.ActiveStep) -> c.JoinLanes:
    """Merge what the branches submitted, in the order of the branches; objects only."""
    git, now = services.git, services.clock.now()
    before = run.submissions.get(step.lane)
    changed = [run.submissions[x] for x in run.lanes.get(step.lane, ()) if run.submissions.get(x) not in (None, before)]
    if not changed:
        reason = "no branch of this fork is open any more"
        return c.JoinLanes(at=now, actor=claim.agent, step=step.step, token=claim.token, reason=reason)
    merged = changed[0]
    # A branch may stand on an older commit of the target than another; the joined work stands on the newest.
    base = run.base if any(item.base == run.base for item in changed) else merged.base
    base_tree = git.tree_of(base)
    for other in changed[1:]:
        result = git.merge(merged.commit, other.commit)
        if not result.clean:
            reason = f"conflicts in {', '.join(result.conflicts[:10])}"
            return c.JoinLanes(at=now, actor=claim.agent, step=step.step, token=claim.token, reason=reason)
        author = services.author_of(other.commit)
        commit = git.commit_tree(
            result.tree,
            [base],
            f"Branches of {run.id} joined at {step.step}",
            author=author,
            committer=author,
            at=now,
        )
        git.set_ref(f"refs/andon/submissions/{run.id}/{step.step}/{claim.token}/{commit}", commit)
        merged = Submission(
            commit=commit,
            tree=result.tree,
            base=base,
            base_tree=base_tree,
            patch=git.patch_digest(base, result.tree),
            by=merged.by,
            at=now,
        )
    return c.JoinLanes(at=now, actor=claim.agent, step=step.step, token=claim.token, submission=merged)
