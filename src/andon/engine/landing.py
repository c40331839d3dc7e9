"""The lead: lands ready submissions, one commit per task (laws 5 and 7), a window at a time.

Theory of operation. One lead at a time works on a repository (a lock file). In a round it takes the first submissions in
order of one target branch, claims them, lets `trial` measure what the rules of `core.merge_queue` ask for, and lands the
sequence whose every tree was green: sign the evidence, write the commits, let the core decide and record each as prepared
(one transaction), store the evidence, move the branch by one compare-and-swap, confirm (one transaction). Then what was red
on top of exactly that goes back. A branch that somebody else moved makes the round void, and it is built anew. A crash
leaves prepared landings, which the next lead settles by looking at the branch: all of a round's are on it, or none.
The tree that lands is the tree that was tested, and nothing lands without evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from msgspec import Struct
from msgspec.structs import replace

from andon.core import commands as c
from andon.core import merge_queue as q
from andon.core import state as s
from andon.core.errors import EXIT_LOST, AndonError, InvariantViolation, Rejected
from andon.core.projection import Row
from andon.core.rules_landing import landing_verdicts
from andon.core.swarm import is_integration, ref_of
from andon.core.trailers import message_of
from andon.core.verdict import Submission, Verdict
from andon.engine import integration, proof
from andon.engine import merge_queue as queue
from andon.engine.claims import keep_all_alive
from andon.engine.places import Claim
from andon.engine.services import Services
from andon.engine.sweep import passed_over, sweep, tick_all
from andon.engine.system import SYSTEM_LEASE_S, carry_out_all, claim_system_steps, executor_name
from andon.engine.tidy import tidy
from andon.engine.transact import Unit, load_run
from andon.engine.trial import Candidate, Entry, Settings, Trial, entry_of
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


def lead_once(
    services: Services, allow_landing: AllowLanding, limit: int | None = None, window: int | None = None
) -> list[Result]:
    """Settle what a crash left, carry out steps of Andon's own, land all that is ready. window: instead of the usual."""
    with services.places.only_lead(), services.git.at_hand():
        interrupt_dead_leads(services)
        results = settle_prepared(services)
        sweep(services)
        tick_all(services)
        carry_out_all(services)
        # A landing that was undone is ready again, and is tried at once.
        undone = {result.run for result in results if result.how == "waiting"}
        lead = Lead(services, allow_landing, done={result.run for result in results} - undone, window=window)
        lead.work(None if limit is None else max(0, limit - len(results) + len(undone)))
        services.update_guard()
        tidy(services)
        return results + lead.results


def interrupt_dead_leads(services: Services) -> None:
    """Free landings that a lead on this machine held when it died: the caller has the lock that it had."""
    mine = executor_name(services).rpartition(":")[0] + ":"
    with services.store.read() as reader:
        rows = [x for x in reader.steps(state=s.LEASED) if x["kind"] == "land" and str(x["agent"]).startswith(mine)]
    for row in rows:
        try:
            command = c.Interrupt(
                at=services.clock.now(),
                actor="andon",
                step=str(row["step"]),
                token=int(row["token"] or 0),
                reason="the lead that held it is gone",
            )
            services.engine.on_run(str(row["run"]), command)
        except Exception as error:
            passed_over(services, str(row["run"]), error)


# ---------------------------------------------------------------- after a crash


def settle_prepared(services: Services) -> list[Result]:
    """Confirm or abandon prepared landings whose lead is gone (the caller holds the lead's lock)."""
    with services.store.read() as reader:
        rows = [row for row in reader.steps() if row["prepared_commit"]]
    runs: dict[str, list[tuple[s.Run, s.ActiveStep]]] = {}
    results = []
    for row in rows:
        try:
            with services.store.read() as reader:
                run = load_run(reader, str(row["run"]))
            runs.setdefault(run.target, []).append((run, run.active[str(row["step"])]))
        except Exception as error:
            results.append(_in_trouble(str(row["run"]), str(row["task"]), error))
    for target, found in runs.items():
        try:
            results += _settle(services, target, found)
        except Exception as error:
            results += [_in_trouble(run.id, run.task, error) for run, _step in found]
    return results


def _in_trouble(run_id: str, task: str, error: Exception) -> Result:
    """One broken run is reported and never stops the others (law 12)."""
    text = f"a bug in Andon: {type(error).__name__}: {error}"
    if isinstance(error, AndonError):
        text = error.message
    elif isinstance(error, OSError):
        text = f"the machine could not do what was needed: {error}"
    return Result(run=run_id, task=task, how="error", reason=text)


def _settle(services: Services, target: str, found: Sequence[tuple[s.Run, s.ActiveStep]]) -> list[Result]:
    """One branch's: those that it holds are confirmed, together as they were moved; the others are undone."""
    head = services.git.branch_head(target)
    landed: list[tuple[s.Run, s.ActiveStep]] = []
    results = []
    for run, step in found:
        prepared = step.prepared
        if prepared is not None and head is not None and services.git.is_ancestor(prepared.commit, head):
            landed.append((run, step))
    if head is not None and not landed:
        # The branch stays where it is; what the dead lead's git locked for the move is freed for everybody.
        services.git.refresh_checkouts(target, head, head)
    for run, step in found:
        if (run, step) in landed:
            continue
        commit = step.prepared.commit if step.prepared is not None else ""
        reason = "the lead stopped before the branch moved"
        command = c.AbandonLanding(at=services.clock.now(), actor="andon", step=step.step, reason=reason, commit=commit)
        try:
            services.engine.on_run(run.id, command)
        except Exception as error:
            results.append(_in_trouble(run.id, run.task, error))
            continue
        text = "an interrupted landing was undone; it is ready again"
        results.append(Result(run=run.id, task=run.task, how="waiting", reason=text))
    if landed:
        ordered = _chain(landed)
        for run, step in ordered:
            if step.prepared is not None:
                proof.settle(services, run, step.prepared.commit)
        results += _confirm(services, target, ordered)
    return results


def _chain(landed: Sequence[tuple[s.Run, s.ActiveStep]]) -> list[tuple[s.Run, s.ActiveStep]]:
    """In the order in which they follow one another on the branch."""
    by_head = {step.prepared.head: (run, step) for run, step in landed if step.prepared is not None}
    commits = {step.prepared.commit for _run, step in landed if step.prepared is not None}
    ordered: list[tuple[s.Run, s.ActiveStep]] = []
    for first in [head for head in by_head if head not in commits]:
        at: str | None = first
        while at is not None and at in by_head:
            ordered.append(by_head[at])
            made = by_head[at][1].prepared
            at = made.commit if made is not None else None
    return ordered


def _confirm(services: Services, target: str, moved: Sequence[tuple[s.Run, s.ActiveStep]]) -> list[Result]:
    """The branch holds these prepared commits, each on the one before it."""
    prepared = [step.prepared for _run, step in moved if step.prepared is not None]
    # Before the landings are confirmed: after a crash they are settled again, and no checkout is left stale without a word.
    notes = [note.message for note in services.git.refresh_checkouts(target, prepared[0].head, prepared[-1].commit)]
    now = services.clock.now()
    commands = {
        run.id: c.ConfirmLanding(at=now, actor="andon", step=step.step, commit=made.commit)
        for (run, step), made in zip(moved, prepared, strict=True)
    }

    def confirm(unit: Unit) -> list[s.Run]:
        after = []
        for run_id, command in commands.items():
            confirmed = unit.on_run(run_id, command)
            if isinstance(confirmed, Rejected):
                raise AndonError.of(confirmed)
            after.append(confirmed)
        return after

    try:
        confirmed, effects = services.engine.transact(confirm)
        services.after(effects)
    except (AndonError, InvariantViolation):
        if len(moved) == 1:
            raise
        # What is wrong with one of them is its own trouble (law 12).
        results = []
        for run, step in moved:
            try:
                results += _confirm(services, target, [(run, step)])
            except Exception as error:
                results.append(_in_trouble(run.id, run.task, error))
        return results
    results = []
    for run, made in zip(confirmed, prepared, strict=True):
        # A word that came in at the very moment: the change is there, and its run may not end by itself.
        reason = f"landed, and needs a person: {run.reason}" if run.status == s.RUN_BLOCKED else ""
        result = Result(run=run.id, task=run.task, how="landed", commit=made.commit, reason=reason, notes=tuple(notes))
        results.append(result)
        notes = []
    return results


# ---------------------------------------------------------------- rounds


class Lead:
    """Rounds of one call, under the lead's lock. Claims are kept from round to round and given back at the end."""

    def __init__(
        self, services: Services, allow_landing: AllowLanding, *, done: set[str], window: int | None = None
    ) -> None:
        self.results: list[Result] = []
        self._services = services
        self._allow_landing = allow_landing
        self._done = done
        self._window = window
        self._claims: dict[str, Claim] = {}
        self._rows: dict[str, Row] = {}
        self._moves: dict[str, int] = {}
        self._commits: dict[str, str] = {}
        """run -> what it landed as, in this call"""

    def work(self, limit: int | None) -> None:
        """Rounds until nothing is left to decide. limit: at most so many submissions are decided."""
        services = self._services
        with keep_all_alive(services, self._claims, SYSTEM_LEASE_S):
            try:
                while limit is None or len(self.results) < limit:
                    if not self._round(None if limit is None else limit - len(self.results)):
                        break
                    carry_out_all(services)
            finally:
                for claim in list(self._claims.values()):
                    self._give_back(claim, "the lead has ended")

    def _round(self, limit: int | None) -> bool:
        """One window of one branch; False when nobody waits."""
        with self._services.store.read() as reader:
            rows = reader.ready_steps(kinds=("land",), limit=queue.WAITING_MAX)
            waiting = queue.waiting_of(reader, [*self._rows.values(), *rows], self._done, self._services.clock.now())
        if not waiting:
            return False
        target = waiting[0].target
        settings = queue.settings_of(self._services, target, self._window)
        size = settings.window if limit is None else min(settings.window, limit)
        chosen = [one for one in waiting if one.target == target][:size]
        self._rows.update({one.run: one.row for one in chosen})
        entries = self._claimed(chosen)
        if not entries:
            return True
        try:
            # Before anything is measured: without a key that can sign, nothing lands.
            proof.ensure_keys(self._services)
            self._decide(target, entries, settings)
        except Exception as error:
            # The circumstances are not right (no identity, a full disk): the work stays ready, no attempt is used up.
            frozen = isinstance(error, AndonError) and error.kind == "frozen"
            for entry in entries:
                if entry.run.id in self._claims:
                    result = _in_trouble(entry.run.id, entry.run.task, error)
                    self._end(entry, replace(result, how="waiting") if frozen else result, give_back=str(error))
        return True

    def _claimed(self, chosen: Sequence[queue.InLine]) -> list[Entry]:
        """Those of the chosen that are ours, as they stand now."""
        missing = {one.run: one.step for one in chosen if one.run not in self._claims}
        claimed = claim_system_steps(self._services, missing) if missing else {}
        entries = []
        for one in chosen:
            found = self._claims.get(one.run) or claimed.get(one.run)
            if isinstance(found, Claim):
                self._claims[one.run] = found
            try:
                if found is None or isinstance(found, AndonError):
                    raise found or AndonError("somebody else has claimed the landing", kind="taken", next="andon lead")
                entry = entry_of(self._services, one.run, one.step, found)
                step = entry.run.active.get(one.step)
                if step is None or step.lease is None or step.lease.token != found.token:
                    raise AndonError("its landing was taken back meanwhile", kind="taken", next="andon lead")
                entries.append(entry)
            except Exception as error:
                self._claims.pop(one.run, None)
                self._rows.pop(one.run, None)
                self._done.add(one.run)
                result = _in_trouble(one.run, one.task, error)
                taken = isinstance(error, AndonError) and error.kind == "taken"
                self.results.append(replace(result, how="waiting") if taken else result)
        return entries

    def _decide(self, target: str, entries: Sequence[Entry], settings: Settings) -> None:
        services = self._services
        head = integration.head_of(services, target) if is_integration(target) else services.git.branch_head(target)
        if head is None:
            raise AndonError(f"branch {target} is gone", kind="no_target", next="restore the branch")
        names = ", ".join(f"{entry.task.id} ({entry.run.id})" for entry in entries)
        services.say(f"landing on {target}: {names}")
        trial = Trial(services, target, head, entries)
        decision = trial.play(settings)
        landed = self._land(trial, decision.land) if decision.land else {}
        if landed is None:
            self._moved(trial)
            return
        if landed:
            self._moves.pop(target, None)
        self._settle_rest(trial, decision, tuple(landed), list(landed.values())[-1] if landed else head)
        if self._window is None:
            queue.adapt(services, target, settings, red=bool(decision.back))

    def _moved(self, trial: Trial) -> None:
        """Somebody else moves the branch; who does so all the time is let go first."""
        moves = self._moves[trial.target] = self._moves.get(trial.target, 0) + 1
        if moves < MAX_HEAD_MOVES:
            return
        for entry in trial.entries.values():
            if entry.run.id in self._claims:
                text = f"{trial.target} is moved by others all the time"
                result = Result(run=entry.run.id, task=entry.run.task, how="waiting", reason=text)
                self._end(entry, result, give_back=text)

    def _settle_rest(self, trial: Trial, decision: q.Decision, landed: q.Items, tip: str) -> None:
        """What does not land: the guilty go back, measured against what the branch holds now; who waits is let go."""
        head = self._services.git.branch_head(trial.target)
        if head is None or (decision.back and head != tip):
            self._services.say(f"{trial.target} was moved by somebody else; what was red is tried again")
            self._moved(trial)
            return
        for back in decision.back:
            below = self._commits.get(back.after[-1], tip) if back.after else trial.head
            if not q.holds(back, landed):
                continue
            entry, candidate = trial.entries[back.item], trial[(*back.after, back.item)]
            try:
                self._end(entry, _refuse(self._services, entry, candidate, head, below))
            except Exception as error:
                self._end(entry, _in_trouble(entry.run.id, entry.run.task, error), give_back=str(error))
        for item in decision.held:
            entry, candidate = trial.entries[item], trial.last_of(item)
            how, text = ("error", candidate.error) if candidate.error else ("waiting", candidate.waits)
            result = Result(run=entry.run.id, task=entry.run.task, how=how, reason=text)
            self._end(entry, result, give_back=text)

    def _land(self, trial: Trial, items: q.Items) -> dict[str, str] | None:
        """Land a sequence: run -> commit of what landed of it; None when somebody moved the branch (then nothing has)."""
        services = self._services
        sealed = _sealed(services, trial, items)
        prepared = self._prepare(trial, sealed)
        if not prepared:
            return {}
        try:
            proof.publish(services, [(run, kept) for _one, run, kept in prepared])
        except AndonError as error:
            self._abandon(trial, prepared, f"the evidence could not be stored: {error.message}")
            raise
        if spoken := self._spoken_since(trial, prepared):
            self._abandon(trial, prepared, spoken)
            services.say(spoken)
            return None
        ref, tip = ref_of(trial.target), prepared[-1][0].commit
        tasks = ", ".join(f"{run.task} ({run.id})" for _one, run, _kept in prepared)
        with self._allow_landing(ref, trial.head, tip):
            moved = services.git.move_branch(trial.target, new=tip, expected=trial.head, reason=f"andon: land {tasks}")
        if not moved:
            reason = f"the branch {trial.target} was moved by somebody else"
            self._abandon(trial, prepared, reason)
            services.say(f"{reason}; merging again")
            return None
        said = {run.id: one.candidate.own.notes for one, run, _kept in prepared}
        for result in _confirm(services, trial.target, [(run, run.active[one.step]) for one, run, _kept in prepared]):
            self._end(trial.entries[result.run], replace(result, notes=(*said[result.run], *result.notes)))
        landed = {run.id: one.commit for one, run, _kept in prepared}
        self._commits.update(landed)
        return landed

    def _prepare(self, trial: Trial, sealed: Sequence[Sealed]) -> list[tuple[Sealed, s.Run, proof.Proof]]:
        """Let the core decide on each, and keep the evidence with its decisions: it decided on exactly what was signed.

        The first one that it refuses cuts the sequence off.
        """
        services = self._services
        summaries = [services.evidence.summarise(one.sealed, one.commit) for one in sealed]

        def prepare(unit: Unit) -> list[tuple[Sealed, s.Run, proof.Proof]]:
            queue.refuse_frozen(unit.writer, trial.target)
            found = []
            for one, summary in zip(sealed, summaries, strict=False):
                kept = proof.put(unit.writer, one.sealed, summary)
                found.append((one, _decided(unit, trial.entries[one.run], one), kept))
            queue.count_gates(
                unit.writer, [(trial.entries[one.run].workflow, one.sealed.facts.verdicts) for one in sealed]
            )
            return found

        while sealed:
            try:
                return services.engine.transact(prepare)[0]
            except _Cut as cut:
                place = next(n for n, one in enumerate(sealed) if one.run == cut.run)
                entry = trial.entries[cut.run]
                self._end(entry, _in_trouble(entry.run.id, entry.run.task, cut.error), give_back=cut.error.message)
                sealed = sealed[:place]
        return []

    def _spoken_since(self, trial: Trial, prepared: Sequence[tuple[Sealed, s.Run, proof.Proof]]) -> str:
        """The last look before the branch moves: which word of a person came in since the core decided; "" for none."""
        with self._services.store.read() as reader:
            if (frozen := queue.freeze_of(reader, trial.target)) is not None:
                return f"{trial.target} was frozen by {frozen.by}: {frozen.why}"
            for one, run, _kept in prepared:
                facts, now = one.sealed.facts, load_run(reader, run.id)
                if _judged(trial.entries[run.id], now, one.candidate, one.head, facts.at) != facts.verdicts:
                    return f"run {run.id}: a word of somebody came in just before it landed"
        return ""

    def _abandon(self, trial: Trial, prepared: Sequence[tuple[Sealed, s.Run, proof.Proof]], reason: str) -> None:
        """Take the preparations back and keep the leases."""
        now = self._services.clock.now()

        def abandon(unit: Unit) -> None:
            for one, run, _kept in prepared:
                actor = self._claims[run.id].agent
                command = c.AbandonLanding(
                    at=now, actor=actor, step=one.step, reason=reason, commit=one.commit, keep_lease=True
                )
                refused = unit.on_run(run.id, command)
                if isinstance(refused, Rejected):
                    raise AndonError.of(refused)

        self._services.engine.transact(abandon)

    def _end(self, entry: Entry, result: Result, *, give_back: str | None = None) -> None:
        """A submission is decided for this call."""
        claim = self._claims.pop(entry.run.id, None)
        self._rows.pop(entry.run.id, None)
        self._done.add(entry.run.id)
        self.results.append(result)
        if give_back is not None and claim is not None:
            self._give_back(claim, give_back)

    def _give_back(self, claim: Claim, reason: str) -> None:
        """Let go of the landing as far as that is possible; a prepared one is settled by the next lead."""
        self._claims.pop(claim.run, None)
        services = self._services
        command = c.Release(
            at=services.clock.now(), actor=claim.agent, step=claim.step, token=claim.token, reason=reason, counts=False
        )
        try:
            services.engine.on_run(claim.run, command)
        except AndonError as error:
            services.say(f"{claim.run}: the landing's lease could not be given back: {error.message}")


# ---------------------------------------------------------------- one landing


class Sealed(Struct, frozen=True, kw_only=True):
    """A landing with its signed verdicts and its commit, before the core has decided on it."""

    run: str
    step: str
    head: str
    commit: str
    candidate: Candidate
    sealed: SealedVerdicts


class _Cut(Exception):
    """The core refuses one landing of a sequence."""

    def __init__(self, run: str, error: AndonError) -> None:
        self.run = run
        self.error = error


def _sealed(services: Services, trial: Trial, items: q.Items) -> list[Sealed]:
    """Evidence and commits of a sequence, each on the one before it."""
    found: list[Sealed] = []
    head, now = trial.head, services.clock.now()
    for place in range(1, len(items) + 1):
        entry, candidate = trial.entries[items[place - 1]], trial[items[:place]]
        with services.store.read() as reader:
            # What people recorded while others were measured counts.
            run = load_run(reader, entry.run.id)
        verdicts = _judged(entry, run, candidate, head, now)
        facts = proof.facts_of(
            entry.workflow, run, entry.step, _at(candidate, head), verdicts, candidate.environment, now, candidate.own
        )
        sealed = services.evidence.seal(facts)
        commit = _commit(services, entry, candidate, head, sealed.digest)
        found.append(Sealed(run=run.id, step=entry.step, head=head, commit=commit, candidate=candidate, sealed=sealed))
        head = commit
    return found


def _at(candidate: Candidate, head: str) -> Submission:
    """What lands on this commit, which is no longer a provisional one; tree and change are the same."""
    return replace(candidate.what, base=head)


def _judged(entry: Entry, run: s.Run, candidate: Candidate, head: str, at: float) -> tuple[Verdict, ...]:
    """What is to be said of a candidate, with what people have recorded of its run."""
    measured, what = candidate.verdicts, _at(candidate, head)
    return landing_verdicts(entry.workflow, run, entry.step, what, measured, candidate.environment, at)


def _decided(unit: Unit, entry: Entry, one: Sealed) -> s.Run:
    """The run with its landing prepared. Raises _Cut when the core refuses that."""
    claim = entry.claim
    if claim is None:
        raise InvariantViolation(f"run {one.run} lands without a claim")
    command = c.PrepareLanding(
        at=one.sealed.facts.at,
        actor=claim.agent,
        step=one.step,
        token=claim.token,
        head=one.head,
        commit=one.commit,
        tree=one.candidate.what.tree,
        patch=one.candidate.what.patch,
        merged=one.candidate.own.parents,
        verdicts=one.candidate.verdicts,
        environment_digest=one.candidate.environment,
    )
    try:
        prepared = unit.on_run(one.run, command)
    except AndonError as error:
        raise _Cut(one.run, error) from error
    if isinstance(prepared, Rejected):
        raise _Cut(one.run, AndonError.of(prepared))
    if prepared.active[one.step].verdicts != one.sealed.facts.verdicts:
        text = f"run {one.run}: a word of somebody came in while it was about to land"
        raise _Cut(one.run, AndonError(text, kind="conflict", next="andon lead", exit=EXIT_LOST))
    return prepared


def _commit(services: Services, entry: Entry, candidate: Candidate, head: str, evidence: str) -> str:
    """One commit per task, by the worker, committed by the lead, with trailers; children's own are its further parents."""
    task, run = entry.task, entry.run
    return services.git.commit_tree(
        candidate.what.tree,
        [head, *candidate.own.parents],
        message_of(task.title, task.body, task=task.id, run=run.id, evidence=evidence),
        author=services.author_of(candidate.what.commit),
        committer=services.git.identity(),
        at=services.clock.now(),
    )


def _refuse(services: Services, entry: Entry, candidate: Candidate, head: str, below: str) -> Result:
    """Send the work back with the reason, to be done on what the branch holds now. below: the commit it was red on."""
    run, claim = entry.run, entry.claim
    if claim is None:
        raise InvariantViolation(f"run {run.id} is refused without a claim")
    reason = candidate.reason(run.target, head)
    if candidate.where and (names := queue.landed_since(services, candidate, below)):
        reason = f"{reason} (landed since its base: {names})"
    command = c.RefuseLanding(
        at=services.clock.now(),
        actor=claim.agent,
        step=claim.step,
        token=claim.token,
        how=candidate.how,
        reason=reason,
        head=head,
        head_tree=services.git.tree_of(head),
        verdicts=candidate.verdicts,
        environment_digest=candidate.environment,
    )
    after, effects = services.engine.on_run(run.id, command)
    services.after(effects)
    where = ", ".join(f"{x.step} ({x.state})" for x in after.active.values())
    return Result(run=run.id, task=run.task, how=candidate.how, reason=reason, notes=(f"{run.id} is now at {where}",))
