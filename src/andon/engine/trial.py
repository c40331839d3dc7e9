"""A round's trees: the submissions of a window merged on one another, and what the gates say about each.

Theory of operation. A sequence of submissions on a head is merged one after the other with objects only; each tree is what
would land after the one before it. Until their gates are known the commits in between are provisional: they have the tree
and the parents that the landed ones will have, and no other use than to be merged onto. Which sequence is measured
when is decided by `core.merge_queue`; here it is done, several at a time. Must not know: how things land.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from andon.core import merge_queue as q
from andon.core import state as s
from andon.core import verdict as v
from andon.core import workflow as w
from andon.core.errors import AndonError
from andon.core.rules_landing import landing_gates, landing_refusal, landing_verdicts
from andon.core.verdict import Submission, Verdict
from andon.engine.judging import measure, protect
from andon.engine.own_commits import Own, own_commits
from andon.engine.places import Claim
from andon.engine.services import Services
from andon.engine.transact import load_run, load_task

CONFLICT = "conflict"
FAILED = "failed"


class Entry(Struct, frozen=True, kw_only=True):
    """A submission that wants to land. claim: None when it is only looked at (a dry run)."""

    run: s.Run
    step: str
    workflow: w.Workflow
    task: s.Task
    claim: Claim | None = None


class Candidate(Struct, frozen=True, kw_only=True):
    """What would land: one submission on top of others. refusal: why it may not; how: conflict | failed.

    where: words that go before the branch's name in the reason, "" when the refusal says all.
    """

    what: Submission
    own: Own = Own()
    verdicts: tuple[Verdict, ...] = ()
    environment: str = ""
    refusal: str = ""
    how: str = ""
    where: str = ""
    waits: str = ""
    """why it can't be said yet"""
    error: str = ""
    """why it can't be measured here; the submission is not to blame"""
    final: bool = False
    """measuring again could bring nothing else"""

    def reason(self, target: str, head: str) -> str:
        """The refusal in words, on a branch that is at `head`."""
        return f"{self.where} {target} ({head[:12]}): {self.refusal}" if self.where else self.refusal

    @property
    def outcome(self) -> str:
        return q.HELD if self.waits or self.error else q.RED if self.refusal else q.GREEN


def entry_of(services: Services, run_id: str, step: str, claim: Claim | None = None) -> Entry:
    """What stands in the store now. Raises AndonError when it can't be read."""
    with services.store.read() as reader:
        run = load_run(reader, run_id)
        workflow = services.engine.definitions.get(reader, run.workflow)
        task = load_task(reader, run.task)
    return Entry(run=run, step=step, workflow=workflow, task=task, claim=claim)


class Trial:
    """One window on one head."""

    def __init__(self, services: Services, target: str, head: str, entries: Sequence[Entry]) -> None:
        self._services = services
        self.target = target
        self.head = head
        self.head_tree = services.git.tree_of(head)
        self.entries: Mapping[str, Entry] = {entry.run.id: entry for entry in entries}
        self._candidates: dict[q.Items, Candidate] = {}
        self._commits: dict[q.Items, str] = {(): head}
        self._trees: dict[str, str] = {head: self.head_tree}

    def __getitem__(self, items: q.Items) -> Candidate:
        """What is known of a sequence's last one."""
        return self._candidates[items]

    def last_of(self, item: str) -> Candidate:
        """What was last found out about a submission, on whatever it was tried."""
        return next(found for items, found in reversed(self._candidates.items()) if items[-1] == item)

    def play(self, settings: Settings) -> q.Decision:
        """Measure what the rules ask for, until they know what becomes of the window."""
        going = q.Round(items=tuple(self.entries), mode=settings.mode, retries=settings.retries)
        while not (decision := q.decide(going)).over:
            chosen: list[tuple[q.Check, Mapping[str, Verdict] | None]] = []
            for check in decision.wanted[: settings.parallel]:
                if (refused := self._refused(check)) is not None:
                    going = going.tell(check, refused.outcome, final=refused.final)
                    break
                told = going.told.get(check)
                chosen.append((check, self._reds(check.items) if told is not None else None))
            jobs = [self._job(check.items, again) for check, again in chosen]
            measured = self._services.together(jobs, settings.parallel)
            for (check, _again), found in zip(chosen, measured, strict=True):
                judged = self._judged(check.items, found)
                self._candidates[check.items] = judged
                # A group's tip that waits for a word says nothing about the others.
                outcome = q.RED if judged.outcome == q.HELD and len(check.group) > 1 else judged.outcome
                going = going.tell(check, outcome, final=judged.final)
        return decision

    def alone(self, items: q.Items, settings: Settings) -> Candidate:
        """The last one measured on top of the others, which are taken for good."""
        check, times = q.Check(after=items[:-1], group=items[-1:]), 0
        if (refused := self._refused(check)) is not None:
            return refused
        while True:
            again = self._reds(items) if times else None
            measured = self._services.together([self._job(items, again)], 1)
            candidate = self._candidates[items] = self._judged(items, measured[0])
            times += 1
            if candidate.outcome != q.RED or candidate.final or times > settings.retries:
                return candidate

    def merged(self, items: q.Items) -> Candidate:
        """The last one merged onto the others, unmeasured unless it was measured before."""
        if items not in self._candidates:
            self._candidates[items] = self._merge(items)
        return self._candidates[items]

    # ------------------------------------------------------------ merging

    def _refused(self, check: q.Check) -> Candidate | None:
        """Whether what is to be checked can't even be merged: then nothing is measured."""
        for place in range(len(check.after) + 1, len(check.items) + 1):
            candidate = self.merged(check.items[:place])
            if (candidate.refusal and candidate.final and not candidate.verdicts) or candidate.error:
                if place == len(check.items):
                    return candidate
                found: Candidate = replace(candidate, final=True, error="", refusal=candidate.refusal or "unknown")
                return found
        return None

    def _merge(self, items: q.Items) -> Candidate:
        entry = self.entries[items[-1]]
        try:
            return self._merge_onto(entry, self._commit_of(items[:-1]))
        except (AndonError, OSError) as error:
            what = Submission(commit="", tree="", base="", base_tree="", patch="patch:")
            return Candidate(what=what, error=_words(error), final=True)

    def _merge_onto(self, entry: Entry, base: str) -> Candidate:
        git, run = self._services.git, entry.run
        base_tree = self._trees[base]
        submission = run.submissions.get(run.active[entry.step].lane)
        if submission is None:
            empty = Submission(commit=base, tree=base_tree, base=base, base_tree=base_tree, patch="patch:")
            text = "there is nothing to land: no step submitted a change"
            return Candidate(what=empty, refusal=text, how=FAILED, final=True)
        merge = git.merge(base, submission.commit)
        what = Submission(
            commit=submission.commit,
            tree=merge.tree,
            base=base,
            base_tree=base_tree,
            patch=git.patch_digest(base, merge.tree) if merge.clean else submission.patch,
            by=submission.by,
            at=self._services.clock.now(),
        )
        if not merge.clean:
            text, where = ", ".join(merge.conflicts[:10]), "conflicts with what landed meanwhile on"
            return Candidate(what=what, refusal=text, where=where, how=CONFLICT, final=True)
        if merge.tree == base_tree:
            text = f"the change is already on {self.target}: merging it changes nothing"
            return Candidate(what=what, refusal=text, how=FAILED, final=True)
        return Candidate(what=what, own=own_commits(self._services, run, base))

    def _commit_of(self, items: q.Items) -> str:
        """The commit that a sequence would make. Raises AndonError when it can't be merged."""
        if items not in self._commits:
            candidate = self.merged(items)
            if candidate.error or not candidate.what.tree or candidate.how == CONFLICT:
                raise AndonError(candidate.error or candidate.refusal, kind="not_merged", next="andon lead")
            commit = self._services.git.commit_tree(
                candidate.what.tree,
                [candidate.what.base, *candidate.own.parents],
                f"Provisional: {', '.join(items)}",
                author=self._services.git.identity(),
                committer=self._services.git.identity(),
                at=self._services.clock.now(),
            )
            self._commits[items], self._trees[commit] = commit, candidate.what.tree
        return self._commits[items]

    # ------------------------------------------------------------ measuring

    def _reds(self, items: q.Items) -> Mapping[str, Verdict]:
        """The red verdicts of the last measurement, which is repeated."""
        return {verdict.gate: verdict for verdict in self._candidates[items].verdicts if not verdict.opens}

    def _job(self, items: q.Items, again: Mapping[str, Verdict] | None) -> Callable[[Services], Measured]:
        entry, what = self.entries[items[-1]], self.merged(items).what

        def job(services: Services) -> Measured:
            gates = landing_gates(entry.workflow, entry.workflow.steps[entry.step])
            verdicts, environment = measure(services, entry.workflow, entry.run, gates, what, landing=True, again=again)
            return (protect(services, entry.workflow, what, verdicts), *verdicts), environment

        return job

    def _judged(self, items: q.Items, found: Measured | Exception) -> Candidate:
        """What the measured verdicts mean, with what people recorded meanwhile."""
        candidate, entry = self.merged(items), self.entries[items[-1]]
        if isinstance(found, Exception):
            broken: Candidate = replace(candidate, error=_words(found), final=True)
            return broken
        verdicts, environment = found
        measured: Candidate = replace(
            candidate, verdicts=verdicts, environment=environment, refusal="", how="", where=""
        )
        red = [verdict for verdict in verdicts if not verdict.opens]
        if red and not waivable(entry.run, red):
            text = "; ".join(f"{x.gate} {x.outcome}: {x.summary}" for x in red)
            where, final = "not green when merged onto", not _may_differ(entry, red)
            refused: Candidate = replace(measured, refusal=text, where=where, how=FAILED, final=final)
            return refused
        try:
            with self._services.store.read() as reader:
                # Measuring may have taken long: what people recorded meanwhile counts.
                run = load_run(reader, entry.run.id)
        except AndonError as error:
            lost: Candidate = replace(measured, error=error.message, final=True)
            return lost
        now = self._services.clock.now()
        if entry.step not in run.active:
            gone: Candidate = replace(measured, waits=f"run {run.id} is no longer at {entry.step}", final=True)
            return gone
        all_verdicts = landing_verdicts(entry.workflow, run, entry.step, measured.what, verdicts, environment, now)
        refusal = landing_refusal(entry.workflow, run, entry.step, measured.what, all_verdicts)
        if refusal is None:
            return measured
        if refusal.kind == "pending_gates":
            waits: Candidate = replace(measured, waits=refusal.message, final=True)
            return waits
        # It may not land by what people and reviewers said: the verdicts stand in the run's own records.
        closed: Candidate = replace(measured, refusal=refusal.message, how=FAILED, verdicts=(), final=True)
        return closed


Measured = tuple[tuple[Verdict, ...], str]
"""Verdicts, and the digest of the environment."""


class Settings(Struct, frozen=True, kw_only=True):
    """How a queue works. window: at most so many submissions in a round. parallel: checks at a time."""

    mode: str = q.EACH
    window: int = q.WINDOW_DEFAULT
    retries: int = q.RETRIES_DEFAULT
    parallel: int = 1
    ageing_s: float = q.AGEING_S


def waivable(run: s.Run, red: Sequence[Verdict]) -> bool:
    """Whether waivers might cover all red verdicts; the core decides whether they do."""
    waived = {waiver.gate for waiver in run.waivers}
    return all(verdict.gate in waived for verdict in red)


def _may_differ(entry: Entry, red: Sequence[Verdict]) -> bool:
    """Whether a second measurement may be green: commands may be flaky, unless their gate's author refuses that."""
    for verdict in red:
        gate = entry.workflow.gates.get(verdict.gate)
        if not isinstance(gate, w.RunGate) or gate.flaky == w.FLAKY_REFUSE:
            return False
        if verdict.outcome not in (v.FAILED, v.UNMEASURED):
            return False
    return True


def _words(error: Exception) -> str:
    if isinstance(error, AndonError):
        return error.message
    if isinstance(error, OSError):
        return f"the machine could not do what was needed: {error}"
    return f"a bug in Andon: {type(error).__name__}: {error}"
