"""The lead: integrates ready submissions serially, one commit per task (laws 5 and 7).

Theory of operation. One lead at a time works on a repository (a lock file). For each ready land step: claim it; merge the
submission onto the branch's present head with objects only; measure the `done` gates on the merged tree; let the core
judge; sign the evidence; write the commit; let the core decide and record that it is prepared; store the evidence; move the
branch by compare-and-swap; confirm. A crash leaves a prepared landing, which the next lead settles by looking at the branch.
The tree that lands is the tree that was tested, and nothing lands without evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from msgspec import Struct
from msgspec.structs import replace

from andon.core import commands as c
from andon.core import state as s
from andon.core import workflow as w
from andon.core.errors import EXIT_LOST, AndonError, Rejected
from andon.core.projection import Row
from andon.core.rules_landing import landing_gates, landing_refusal, landing_verdicts
from andon.core.swarm import ref_of
from andon.core.verdict import Submission, Verdict
from andon.engine import proof
from andon.engine.claims import keep_alive
from andon.engine.judging import measure, protect
from andon.engine.places import Claim
from andon.engine.services import Services
from andon.engine.sweep import passed_over, sweep, tick_all
from andon.engine.system import SYSTEM_LEASE_S, carry_out, carry_out_all, claim_system_step, executor_name
from andon.engine.tidy import tidy
from andon.engine.transact import Unit, load_run, load_task
from andon.ports import SealedVerdicts

MAX_HEAD_MOVES = 5

AllowLanding = Callable[[str, str, str], AbstractContextManager[None]]
"""(ref, old, new): tells the guard hook that this very move is Andon's."""


class Result(Struct, frozen=True, kw_only=True):
    """What became of one landing. how: landed | conflict | failed (both: sent back) | waiting | error."""

    run: str
    task: str
    how: str
    commit: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()


def lead_once(services: Services, allow_landing: AllowLanding, limit: int | None = None) -> list[Result]:
    """Settle what a crash left, carry out steps of Andon's own, land all that is ready."""
    with services.places.only_lead():
        interrupt_dead_leads(services)
        results = settle_prepared(services)
        sweep(services)
        tick_all(services)
        carry_out_all(services)
        # A landing that was undone is ready again, and is tried at once.
        undone = {result.run for result in results if result.how == "waiting"}
        settled = len(undone)
        while limit is None or len(results) - settled < limit:
            with services.store.read() as reader:
                rows = reader.ready_steps(kinds=("land",), limit=10_000)
            done = {result.run for result in results} - undone
            row = next((row for row in rows if str(row["run"]) not in done), None)
            if row is None:
                break
            undone.discard(str(row["run"]))
            results.append(_land_safely(services, row, allow_landing))
            carry_out_all(services)
        services.update_guard()
        tidy(services)
        return results


def _land_safely(services: Services, row: Row, allow_landing: AllowLanding) -> Result:
    """One broken run is reported and never stops the others (law 12)."""
    run_id, task = str(row["run"]), str(row["task"])
    try:
        return land(services, run_id, str(row["step"]), allow_landing)
    except AndonError as error:
        return Result(run=run_id, task=task, how="error", reason=error.message)
    except OSError as error:
        return Result(run=run_id, task=task, how="error", reason=f"the machine could not do what was needed: {error}")
    except Exception as error:
        return Result(run=run_id, task=task, how="error", reason=f"a bug in Andon: {type(error).__name__}: {error}")


def interrupt_dead_leads(services: Services) -> None:
    """Free landings that a lead on this machine held when it died: the caller has the lock that it had."""
    mine = executor_name(services).rpartition(":")[0] + ":"
    with services.store.read() as reader:
        rows = [x for x in reader.steps(state=s.LEASED) if x["kind"] == "land" and str(x["agent"]).startswith(mine)]
    for row in rows:
        command = c.Interrupt(
            at=services.clock.now(),
            actor="andon",
            step=str(row["step"]),
            token=int(row["token"] or 0),
            reason="the lead that held it is gone",
        )
        try:
            services.engine.on_run(str(row["run"]), command)
        except Exception as error:
            passed_over(services, str(row["run"]), error)


# ---------------------------------------------------------------- after a crash


def settle_prepared(services: Services) -> list[Result]:
    """Confirm or abandon prepared landings whose lead is gone (the caller holds the lead's lock)."""
    with services.store.read() as reader:
        rows = [row for row in reader.steps() if row["prepared_commit"]]
    results = []
    for row in rows:
        try:
            results.append(_settle(services, str(row["run"]), str(row["step"])))
        except Exception as error:
            text = error.message if isinstance(error, AndonError) else f"a bug in Andon: {error}"
            results.append(Result(run=str(row["run"]), task=str(row["task"]), how="error", reason=text))
    return results


def _settle(services: Services, run_id: str, step_id: str) -> Result:
    with services.store.read() as reader:
        run = load_run(reader, run_id)
    step = run.active[step_id]
    prepared = step.prepared
    head = services.git.branch_head(run.target)
    now = services.clock.now()
    if prepared is not None and head is not None and services.git.is_ancestor(prepared.commit, head):
        proof.settle(services, run, prepared.commit)
        return _confirm(services, run, step, prepared.commit, prepared.head)
    if head is not None:
        # The branch stays where it is; what the dead lead's git locked for the move is freed for everybody.
        services.git.refresh_checkouts(run.target, head, head)
    reason = "the lead stopped before the branch moved"
    commit = prepared.commit if prepared is not None else ""
    services.engine.on_run(run_id, c.AbandonLanding(at=now, actor="andon", step=step_id, reason=reason, commit=commit))
    return Result(
        run=run_id, task=run.task, how="waiting", reason="an interrupted landing was undone; it is ready again"
    )


def _confirm(services: Services, run: s.Run, step: s.ActiveStep, commit: str, old: str) -> Result:
    # Before the landing is confirmed: after a crash it is settled again, and no checkout is left stale without a word.
    notes = [note.message for note in services.git.refresh_checkouts(run.target, old, commit)]
    command = c.ConfirmLanding(at=services.clock.now(), actor="andon", step=step.step, commit=commit)
    after, effects = services.engine.on_run(run.id, command)
    services.after(effects)
    carry_out(services, run.id)
    if after.status == s.RUN_BLOCKED:
        notes.append(f"run {run.id} needs a person: {after.reason}")
    return Result(run=run.id, task=run.task, how="landed", commit=commit, notes=tuple(notes))


# ---------------------------------------------------------------- one landing


class _Merged(Struct, frozen=True, kw_only=True):
    """What would land on `head`."""

    head: str
    head_tree: str
    submission: Submission
    verdicts: tuple[Verdict, ...] = ()
    environment: str = ""
    refusal: str = ""
    how: str = ""


def land(services: Services, run_id: str, step_id: str, allow_landing: AllowLanding) -> Result:
    """Land one run's submission, or send it back with the reason."""
    with services.store.read() as reader:
        run = load_run(reader, run_id)
    claim = claim_system_step(services, run_id, run.active[step_id])
    if claim is None:
        return Result(run=run_id, task=run.task, how="waiting", reason="somebody else has claimed the landing")
    with services.store.read() as reader:
        run = load_run(reader, run_id)
        workflow = services.engine.definitions.get(reader, run.workflow)
        task = load_task(reader, run.task)
    services.say(f"{run_id}: landing task {task.id} on {run.target}")
    try:
        # Before anything is measured: without a key that can sign, nothing lands.
        proof.ensure_keys(services)
        with keep_alive(services, claim, SYSTEM_LEASE_S):
            for _ in range(MAX_HEAD_MOVES):
                result = _try_landing(services, claim, run, workflow, task, allow_landing)
                if result is not None:
                    return result
    except (AndonError, OSError) as error:
        # The circumstances are not right (no identity, a full disk): the work stays ready, and no attempt is used up.
        _give_back(services, claim, str(error))
        raise
    _give_back(services, claim, f"the branch {run.target} moved {MAX_HEAD_MOVES} times meanwhile")
    return Result(run=run_id, task=run.task, how="waiting", reason=f"{run.target} is moved by others all the time")


def _try_landing(
    services: Services,
    claim: Claim,
    run: s.Run,
    workflow: w.Workflow,
    task: s.Task,
    allow_landing: AllowLanding,
) -> Result | None:
    """One try on the present head; None when the branch was moved by somebody meanwhile."""
    merged = _merge(services, run, workflow, claim.step)
    if merged.refusal:
        return _refuse(services, claim, run, merged)
    with services.store.read() as reader:
        # Measuring may have taken long: what people recorded meanwhile counts.
        run = load_run(reader, run.id)
    now = services.clock.now()
    verdicts = landing_verdicts(workflow, run, claim.step, merged.submission, merged.verdicts, merged.environment, now)
    refusal = landing_refusal(workflow, run, claim.step, merged.submission, verdicts)
    if refusal is not None:
        return _not_open(services, claim, run, merged, refusal)
    facts = proof.facts_of(workflow, run, claim.step, merged.submission, verdicts, merged.environment, now)
    sealed = services.evidence.seal(facts)
    commit = _commit(services, run, task, merged, sealed.digest)
    prepared, kept = _prepare(services, claim, merged, commit, sealed)
    try:
        proof.publish(services, prepared, kept)
    except AndonError as error:
        _abandon(services, claim, commit, f"the evidence could not be stored: {error.message}")
        raise
    ref = ref_of(run.target)
    with allow_landing(ref, merged.head, commit):
        moved = services.git.move_branch(
            run.target, new=commit, expected=merged.head, reason=f"andon: land {task.id} ({run.id})"
        )
    if not moved:
        reason = f"the branch {run.target} was moved by somebody else"
        _abandon(services, claim, commit, reason)
        services.say(f"{run.id}: {reason}; merging again")
        return None
    return _confirm(services, prepared, prepared.active[claim.step], commit, merged.head)


def _prepare(
    services: Services, claim: Claim, merged: _Merged, commit: str, sealed: SealedVerdicts
) -> tuple[s.Run, proof.Proof]:
    """Let the core decide, and keep the evidence with its decision: it decided on exactly what was signed."""
    command = c.PrepareLanding(
        at=sealed.facts.at,
        actor=claim.agent,
        step=claim.step,
        token=claim.token,
        head=merged.head,
        commit=commit,
        tree=merged.submission.tree,
        patch=merged.submission.patch,
        verdicts=merged.verdicts,
        environment_digest=merged.environment,
    )
    summary = services.evidence.summarise(sealed, commit)

    def prepare(unit: Unit) -> tuple[s.Run, proof.Proof]:
        kept = proof.put(unit.writer, sealed, summary)
        prepared = unit.on_run(claim.run, command)
        if isinstance(prepared, Rejected):
            raise AndonError.of(prepared)
        if prepared.active[claim.step].verdicts != sealed.facts.verdicts:
            text = f"run {claim.run}: a word of somebody came in while it was about to land"
            raise AndonError(text, kind="conflict", next="andon lead", exit=EXIT_LOST)
        return prepared, kept

    (prepared, kept), _effects = services.engine.transact(prepare)
    return prepared, kept


def _not_open(services: Services, claim: Claim, run: s.Run, merged: _Merged, refusal: Rejected) -> Result:
    """Not yet: wait for what is pending. No: send it back."""
    if refusal.kind == "pending_gates":
        _give_back(services, claim, refusal.message)
        return Result(run=run.id, task=run.task, how="waiting", reason=refusal.message)
    return _refuse(services, claim, run, replace(merged, refusal=refusal.message, how="failed", verdicts=()))


def _abandon(services: Services, claim: Claim, commit: str, reason: str) -> None:
    """Take the preparation back and keep the lease."""
    command = c.AbandonLanding(
        at=services.clock.now(), actor=claim.agent, step=claim.step, reason=reason, commit=commit, keep_lease=True
    )
    services.engine.on_run(claim.run, command)


def _merge(services: Services, run: s.Run, workflow: w.Workflow, step_id: str) -> _Merged:
    """Merge onto the present head and measure the result."""
    git = services.git
    head = git.branch_head(run.target)
    if head is None:
        raise AndonError(f"branch {run.target} is gone", kind="no_target", next="restore the branch")
    head_tree = git.tree_of(head)
    step = run.active[step_id]
    submission = run.submissions.get(step.lane)
    if submission is None:
        empty = Submission(commit=head, tree=head_tree, base=head, base_tree=head_tree, patch="patch:")
        text = "there is nothing to land: no step submitted a change"
        return _Merged(head=head, head_tree=head_tree, submission=empty, refusal=text, how="failed")
    merge = git.merge(head, submission.commit)
    what = Submission(
        commit=submission.commit,
        tree=merge.tree,
        base=head,
        base_tree=head_tree,
        patch=git.patch_digest(head, merge.tree) if merge.clean else submission.patch,
        by=submission.by,
        at=services.clock.now(),
    )
    if not merge.clean:
        shown = ", ".join(merge.conflicts[:10])
        text = f"conflicts with what landed meanwhile on {run.target} ({head[:12]}): {shown}"
        return _Merged(head=head, head_tree=head_tree, submission=what, refusal=text, how="conflict")
    if merge.tree == head_tree:
        text = f"the change is already on {run.target}: merging it changes nothing"
        return _Merged(head=head, head_tree=head_tree, submission=what, refusal=text, how="failed")
    gates = landing_gates(workflow, workflow.steps[step_id])
    verdicts, environment = measure(services, workflow, run, gates, what, landing=True)
    verdicts = (protect(services, workflow, what, verdicts), *verdicts)
    red = [x for x in verdicts if not x.opens]
    text = "; ".join(f"{x.gate} {x.outcome}: {x.summary}" for x in red)
    reason = f"not green when merged onto {run.target} ({head[:12]}): {text}" if red and not _waivable(run, red) else ""
    return _Merged(
        head=head,
        head_tree=head_tree,
        submission=what,
        verdicts=verdicts,
        environment=environment,
        refusal=reason,
        how="failed" if reason else "",
    )


def _waivable(run: s.Run, red: list[Verdict]) -> bool:
    """Whether waivers might cover all red verdicts; the core decides whether they do."""
    waived = {waiver.gate for waiver in run.waivers}
    return all(verdict.gate in waived for verdict in red)


def _commit(services: Services, run: s.Run, task: s.Task, merged: _Merged, evidence: str) -> str:
    """One commit per task, by the worker, committed by the lead, with trailers."""
    body = task.body.strip()
    trailers = f"Andon-Task: {task.id}\nAndon-Run: {run.id}\nAndon-Evidence: {evidence}\n"
    message = f"{task.title}\n\n{body + chr(10) + chr(10) if body else ''}{trailers}"
    return services.git.commit_tree(
        merged.submission.tree,
        [merged.head],
        message,
        author=services.author_of(merged.submission.commit),
        committer=services.git.identity(),
        at=services.clock.now(),
    )


def _refuse(services: Services, claim: Claim, run: s.Run, merged: _Merged) -> Result:
    command = c.RefuseLanding(
        at=services.clock.now(),
        actor=claim.agent,
        step=claim.step,
        token=claim.token,
        how=merged.how,
        reason=merged.refusal,
        head=merged.head,
        head_tree=merged.head_tree,
        verdicts=merged.verdicts,
        environment_digest=merged.environment,
    )
    after, effects = services.engine.on_run(run.id, command)
    services.after(effects)
    carry_out(services, run.id)
    where = ", ".join(f"{x.step} ({x.state})" for x in after.active.values())
    return Result(
        run=run.id, task=run.task, how=merged.how, reason=merged.refusal, notes=(f"{run.id} is now at {where}",)
    )


def _give_back(services: Services, claim: Claim, reason: str) -> None:
    """Let go of the landing as far as that is possible; a prepared one is settled by the next lead."""
    command = c.Release(
        at=services.clock.now(), actor=claim.agent, step=claim.step, token=claim.token, reason=reason, counts=False
    )
    try:
        services.engine.on_run(claim.run, command)
    except AndonError as error:
        services.say(f"{claim.run}: the landing's lease could not be given back: {error.message}")
