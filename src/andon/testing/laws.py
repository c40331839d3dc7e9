"""The laws as checkers over a simulated world: they see every event, every reply and every move of the target branch.

They share no code with the rules that they check. What they know comes from the events (a model of its own: who holds what,
what was submitted, who acted) and from the truth of the toy language: what a tree is really worth, and who wrote it.
Numbers are those of `docs/laws.md`; 0 stands for a crash of the product, 14 for liveness.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from andon.core import events as e
from andon.core import state as s
from andon.core import verdict as v
from andon.core import workflow as w
from andon.core.verdict import Verdict
from andon.engine.runs import workflow_path
from andon.testing import laws_lease
from andon.testing.content import environment_digest, outcome_of, writers
from andon.testing.laws_known import Held as Held
from andon.testing.laws_known import Known as Known
from andon.testing.laws_known import Violation as Violation
from andon.testing.laws_swarm import SwarmLaws
from andon.testing.laws_talk import TalkLaws
from andon.testing.workflows import decode

if TYPE_CHECKING:
    from andon.testing.process import Process, Result
    from andon.testing.world import World

LANDED = "landed"
MAX_EVENTS_OF_A_RUN = 3000
MAX_TOKENS_OF_A_COUNT = 10**9
_PERSONS_VERBS = ("approve", "waive", "run_retry", "run_cancel", "lead_freeze", "lead_unfreeze")
ACTS_OF_PEOPLE = (e.ApprovalRecorded, e.RejectionRecorded, e.GateWaived, e.RunUnblocked)


class Laws:
    """Watches one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.violations: list[Violation] = []
        self.runs: dict[str, Known] = {}
        self.landings: dict[str, str] = {}
        """run -> commit on the target branch"""
        self.rewritten: set[str] = set()
        """commits that an outsider took out of the target branch again"""
        self._defined: dict[str, w.Workflow] = {}
        self._began = world.scheduler.now
        self.swarm = SwarmLaws(self)
        self.talk = TalkLaws(self)
        self._reds: dict[tuple[str, str], int] = {}
        """(gate's digest, tree) -> how often it was not green when it was measured for a landing"""
        self._failed: set[tuple[str, str]] = set()
        self._handlers: dict[type[Any], Callable[[Known, Any, Process | None], None]] = {
            e.StepEntered: self._entered,
            e.StepClaimed: self._claimed,
            e.LeaseRenewed: self._renewed,
            e.TokensCounted: self._counted,
            e.AttemptEnded: self._attempt_ended,
            e.Submitted: self._submitted,
            e.Judged: self._judged,
            e.ReviewRecorded: self._reviewed,
            e.ApprovalRecorded: self._approved,
            e.RejectionRecorded: self._rejected,
            e.GateWaived: self._waived,
            e.StepFinished: self._finished,
            e.LanesJoined: self._joined,
            e.LandingPrepared: self._prepared,
            e.LandingAbandoned: self._abandoned,
            e.Landed: self._landed,
            e.Rebased: self._rebased,
            e.RunBlocked: self._blocked,
            e.RunUnblocked: self._unblocked,
            e.RunEnded: self._ended,
            **self.swarm.handlers,
            **self.talk.handlers,
        }

    def violated(self, law: int, text: str) -> None:
        self.violations.append(Violation(law=law, text=text, at=self.world.scheduler.now - self._began))

    def wrote(self, run: str, person: str) -> None:
        """A person's hand is in the run's work (told by the actor itself)."""
        if run in self.runs:
            self.runs[run].hands.add(person)

    def workflow_of(self, run: str) -> w.Workflow:
        return self.runs[run].workflow

    # ------------------------------------------------------------ what happens

    def appended(
        self, appended: Sequence[tuple[str, int, Sequence[e.Event], s.State]], process: Process | None
    ) -> None:
        """A transaction was committed."""
        started, ended, attached, detached = set(), set(), set(), set()
        for stream, _seq, events, _state in appended:
            for event in events:
                self.talk.on_task(stream, event, process)
                if isinstance(event, e.RunStarted):
                    started.add(event.run)
                    self._started(event)
                elif isinstance(event, e.MessageAnswered):
                    self.talk.on_answer(stream, event, process)
                elif isinstance(event, e.RunAttached):
                    attached.add(event.run)
                elif isinstance(event, e.RunDetached):
                    detached.add(event.run)
                    self._detached(event)
                elif stream in self.runs:
                    known = self.runs[stream]
                    known.count += 1
                    if isinstance(event, e.RunEnded):
                        ended.add(stream)
                    handler = self._handlers.get(type(event))
                    if handler is not None:
                        handler(known, event, process)
                    if known.ended and not isinstance(event, e.RunEnded):
                        self.violated(9, f"{stream} got {type(event).__name__} after its end")
        self.swarm.committed(ended)
        if started != attached or ended != detached:
            self.violated(10, f"a run and its task went apart: {started} {attached} {ended} {detached}")

    def replied(self, process: Process, result: Result) -> None:
        """A call came to its end. (What it changed was seen as events.)"""
        by_agent = process.verb in _PERSONS_VERBS and not process.caller.person
        if by_agent and result.exit == 0:
            self.violated(11, f"{process.caller.agent}, an agent, was allowed to {process.verb}")
        own = process.claim.run if process.claim is not None else ""
        if result.kind == "corrupt" and process.verb in ("next", "lead") and own not in self.world.corrupted:
            self.violated(12, f"{process.verb} stopped at a corrupt run: {result.message}")

    def measured(self, gate: w.RunGate, tree: str, verdict: Verdict, *, landing: bool) -> None:
        """The verifier has measured something, truly or not."""
        key = (w.gate_digest(gate), tree)
        if landing and verdict.outcome != v.PASSED:
            self._reds[key] = self._reds.get(key, 0) + 1
            if verdict.outcome == v.FAILED:
                self._failed.add(key)

    def pushed(self, commit: str) -> None:
        """An outsider moved the target branch."""

    def removed(self, path: str) -> None:
        """A worktree is about to be removed: what is in it must be kept somewhere."""
        worktree = self.world.repository.worktrees.get(path)
        # What Andon itself put there (a merge of a submission, say) can be made again; work is what was changed since.
        if worktree is None or worktree.files == worktree.made:
            return
        tree = self.world.repository.put_tree(worktree.files)
        commits = self.world.repository.commits
        kept = {commits[oid].tree for oid in self.world.repository.references.values()}
        if tree not in kept and tree not in {commits[x].tree for x in self.world.repository.line("main")}:
            self.violated(10, f"the work in {path} was removed and kept nowhere")

    def moved(self, branch: str, old: str | None, new: str) -> None:
        """Andon moved the target branch: by one commit, or by several of which each one follows the one before."""
        self.swarm.tips[branch] = new
        line, commits = [new], self.world.repository.commits
        if branch.startswith("refs/") and "Andon-Task: " not in commits[new].message:
            self.swarm.moved(branch, old, new)
            return
        while line[-1] in commits and commits[line[-1]].parents and commits[line[-1]].parents[0] != old:
            line.append(commits[line[-1]].parents[0])
        if commits[line[-1]].parents[:1] != (old,):
            self.violated(7, f"{branch} was moved from {old} to {new}, which does not follow it")
            line = [new]
        before = old
        for commit in reversed(line):
            self._stands(branch, before, commit)
            before = commit

    def _stands(self, branch: str, old: str | None, new: str) -> None:
        """One more commit is on the target branch."""
        repository = self.world.repository
        commit = repository.commits[new]
        trailers = dict(line.split(": ", 1) for line in commit.message.splitlines() if line.startswith("Andon-"))
        known = self.runs.get(trailers.get("Andon-Run", ""))
        if known is None or known.task != trailers.get("Andon-Task"):
            self.violated(7, f"commit {new} landed without a run")
            return
        if branch != known.target:
            self.violated(7, f"{known.id} landed on {branch}, and is for {known.target}")
        if known.id in self.landings:
            self.violated(10, f"{known.id} landed twice: {self.landings[known.id]} and {new}")
        self.landings[known.id] = new
        if self.world.evidence.get(new) != trailers.get("Andon-Evidence"):
            self.violated(2, f"{known.id} landed {new}, whose evidence is not kept")
        if known.prepared is None or known.prepared.commit != new or known.prepared.head != old:
            self.violated(5, f"{known.id} landed {new} without having prepared it")
        base = repository.commits[old].tree if old is not None else commit.tree
        self._must_hold(known, commit.tree, base, self.world.git.patch_digest(base, commit.tree), LANDED)
        self._nothing_undone(known, old or new, new)
        self.swarm.stands(known, old, new)

    def _nothing_undone(self, known: Known, old: str, new: str) -> None:
        """A landing may change only what its own task's writers changed: paths of others stay as they were."""
        files, before = self.world.repository.files(new), self.world.repository.files(old)
        lost = [path for path in before if path.startswith("outside") and files.get(path) != before[path]]
        lost += [path for path in before if path.startswith("T") and path not in files]
        if any("<<<<<<<" in text for text in files.values()):
            self.violated(5, f"{known.id} landed unresolved conflicts")
        if lost:
            self.violated(7, f"{known.id} took back what landed before: {', '.join(lost)}")

    # ------------------------------------------------------------ the truth about what is made

    def _must_hold(self, known: Known, tree: str, base: str, patch: str, how: str) -> None:
        """Law 5: every `done` gate holds on this very tree and change."""
        files = self.world.repository.files(tree)
        changed = [change.path for change in self.world.git.changes(base, tree)]
        authors = writers(self.world.repository.files(base), files, changed) | known.hands
        for name in known.workflow.done:
            gate = known.workflow.gates[name]
            if any(x.gate == name and x.patch == patch and self._covers(x, gate, tree) for x in known.waivers):
                continue
            if isinstance(gate, w.RunGate) and outcome_of(gate.run, files) != v.PASSED:
                self.violated(5, f"{known.id} {how} a tree on which {name} fails")
            if isinstance(gate, w.ReviewGate):
                self._must_be_reviewed(known, gate, patch, authors, how)
            if isinstance(gate, w.ApprovalGate):
                self._must_be_approved(known, name, patch, authors, how)
            if isinstance(gate, w.DiffGate) and gate.max_files is not None and len(changed) > gate.max_files:
                self.violated(5, f"{known.id} {how} more files than {name} allows")
        protected = [path for path in changed if path.startswith(".andon/")]
        if protected and not any(x.gate == v.PROTECT_GATE and x.patch == patch for x in known.waivers):
            self.violated(8, f"{known.id} {how} a change of its own definitions: {', '.join(protected)}")

    @staticmethod
    def _covers(waiver: e.GateWaived, gate: w.Gate, tree: str) -> bool:
        return waiver.tree == tree or not isinstance(gate, w.TREE_GATES)

    def _must_be_reviewed(self, known: Known, gate: w.ReviewGate, patch: str, authors: set[str], how: str) -> None:
        name = gate.id
        latest = {review.agent: review for review in known.reviews if review.patch == patch}
        good = [agent for agent, review in latest.items() if review.approves and agent not in authors]
        if not good:
            self.violated(2, f"{known.id} {how} a change that nobody but its authors approved ({name}, {patch[:14]})")
        if any(not review.approves and agent not in authors for agent, review in latest.items()):
            self.violated(5, f"{known.id} {how} over a review that objects")

        self.talk.must_be_mended(known, gate, how)

    def _must_be_approved(self, known: Known, name: str, patch: str, authors: set[str], how: str) -> None:
        # A word that came when the landing was decided can't call it back; then the run may not end by itself.
        words = known.approvals[: known.heard] if how == LANDED else known.approvals
        latest = {word.person: word for word in words if word.patch == patch}
        good = [x for x, word in latest.items() if isinstance(word, e.ApprovalRecorded) and x not in authors]
        if not good:
            self.violated(11, f"{known.id} {how} a change that no person but its authors approved ({name})")
        if any(isinstance(word, e.RejectionRecorded) and x not in authors for x, word in latest.items()):
            self.violated(11, f"{known.id} {how} a change that a person rejected ({name})")

    # ------------------------------------------------------------ runs

    def _started(self, event: e.RunStarted) -> None:
        text = self.world.repository.files(event.definitions).get(workflow_path(event.workflow_name), "")
        if event.workflow not in self._defined:
            workflow = decode(text)
            self._defined[event.workflow] = workflow
            if workflow.digest() != event.workflow:
                self.violated(8, f"{event.run} follows another workflow than {event.definitions} has")
        elif self._defined[event.workflow].canonical().decode() != text:
            self.violated(8, f"{event.run} follows another workflow than {event.definitions} has")
        if event.definitions not in self.world.repository.line("main") and event.definitions not in self.rewritten:
            self.violated(8, f"{event.run} took its definitions from outside the target branch")
        if event.run in self.runs:
            self.violated(10, f"{event.run} started twice")
        open_runs = [x.id for x in self.runs.values() if x.task == event.task and not x.ended]
        if open_runs:
            self.violated(10, f"{event.run} started while {open_runs} of {event.task} goes on")
        self.runs[event.run] = Known(
            id=event.run,
            task=event.task,
            target=event.target,
            workflow=self._defined[event.workflow],
            base=event.base,
            scope=event.scope,
            parent=event.parent,
        )
        self.swarm.started(event)

    def _ended(self, known: Known, event: e.RunEnded, process: Process | None) -> None:
        if known.ended:
            self.violated(9, f"{known.id} ended twice")
        known.ended = event.outcome
        on_branch = self.landings.get(known.id)
        if event.outcome == "landed" and (on_branch is None or on_branch != event.commit):
            self.violated(5, f"{known.id} ended as landed, but the branch has {on_branch or 'no commit of it'}")
        if event.outcome != "landed" and on_branch is not None:
            self.violated(10, f"{known.id} ended as {event.outcome}, but {on_branch} landed")
        if event.outcome == LANDED and on_branch is not None:
            commit = self.world.repository.commits[on_branch]
            base = self.world.repository.commits[commit.parents[0]].tree
            patch = self.world.git.patch_digest(base, commit.tree)
            self._must_hold(known, commit.tree, base, patch, "ended with")
        if event.outcome == "completed":
            made = known.submitted.get("")
            if made is not None:
                self._must_hold(known, made.tree, made.base_tree, made.patch, "completed")

    def _detached(self, event: e.RunDetached) -> None:
        known = self.runs.get(event.run)
        if known is not None and known.ended != event.outcome:
            self.violated(10, f"{event.run} is {known.ended}, but its task was told {event.outcome}")

    def _rebased(self, known: Known, event: e.Rebased, process: Process | None) -> None:
        known.base = event.base

    def _blocked(self, known: Known, event: e.RunBlocked, process: Process | None) -> None:
        known.held.pop(event.step, None)
        known.parked.pop(event.step, None)

    def _unblocked(self, known: Known, event: e.RunUnblocked, process: Process | None) -> None:
        known.attempts.clear()
        if process is not None and not process.caller.person:
            self.violated(11, f"{process.caller.agent}, an agent, put {known.id} back to work")

    # ------------------------------------------------------------ steps and leases

    def _entered(self, known: Known, event: e.StepEntered, process: Process | None) -> None:
        known.lane[event.step] = event.lane
        known.due[event.step] = event.due_at
        known.entered[event.step] = event.at
        known.attempts[event.step] = 0
        known.green.pop(event.step, None)
        known.held.pop(event.step, None)
        if known.count > MAX_EVENTS_OF_A_RUN:
            self.violated(13, f"{known.id} has {known.count} events")

    def _claimed(self, known: Known, event: e.StepClaimed, process: Process | None) -> None:
        held = known.held.get(event.step)
        if held is not None:
            self.violated(6, f"{event.agent} claimed {known.id} {event.step} while {held.agent} holds it")
        if event.token <= known.token:
            self.violated(6, f"{known.id} {event.step}: token {event.token} was given out before")
        known.token = max(known.token, event.token)
        laws_lease.must_not_overlap(self, known, event)
        ends_at = laws_lease.session_end(known, event)
        known.held[event.step] = Held(
            token=event.token, agent=event.agent, expires_at=event.expires_at, ends_at=ends_at
        )
        laws_lease.within_session(self, known, event.step, event.expires_at)
        role = known.workflow.roles.get(event.role)
        for other in role.distinct_from if role else ():
            if event.agent in known.roles.get(other, ()):
                self.violated(6, f"{event.agent} is both {other} and {event.role} of {known.id}")
        known.playing[event.step] = event.role

    def _holder(self, known: Known, event: Any, token: int | None, process: Process | None) -> None:
        """Law 6: only the holder writes, under its present token, before it expires."""
        held = known.held.get(event.step)
        what = f"{type(event).__name__} on {known.id} {event.step} by {event.actor}"
        if held is None or held.agent != event.actor or (token is not None and token != held.token):
            self.violated(6, f"{what} without holding it ({held})")
            return
        if event.at >= held.expires_at:
            self.violated(6, f"{what} after the lease expired")
        claim = process.claim if process is not None else None
        if claim is not None and (claim.run, claim.step) == (known.id, event.step) and claim.token != held.token:
            self.violated(6, f"{what} with the old token {claim.token}")

    @staticmethod
    def _acted(known: Known, event: Any) -> None:
        known.roles.setdefault(known.playing.get(event.step, ""), set()).add(event.actor)

    def _renewed(self, known: Known, event: e.LeaseRenewed, process: Process | None) -> None:
        held = known.held.get(event.step)
        if event.actor == "andon":
            # A clock went back: Andon may cut a lease of its present owner, and nothing else.
            if held is None or held.token != event.token or event.expires_at >= held.expires_at:
                self.violated(6, f"Andon changed a lease on {known.id} {event.step} other than to cut it")
        else:
            self._holder(known, event, event.token, process)
        self.swarm.renewed(known.id, event)
        if held is not None:
            held.expires_at = event.expires_at
            laws_lease.within_session(self, known, event.step, event.expires_at)
        self._counted(known, event, process)

    def _counted(self, known: Known, event: e.LeaseRenewed | e.TokensCounted, _process: Process | None) -> None:
        if not 0 <= event.tokens_used <= MAX_TOKENS_OF_A_COUNT:
            self.violated(13, f"{known.id} {event.step} was counted {event.tokens_used} tokens at once")

    def _attempt_ended(self, known: Known, event: e.AttemptEnded, process: Process | None) -> None:
        held = known.held.get(event.step)
        if held is None or held.token != event.token:
            self.violated(6, f"an attempt at {known.id} {event.step} ended that nobody has ({event.how})")
        elif event.how in ("released", "handed_off", "asked"):
            self._holder(known, event, event.token, process)
        elif event.how in ("expired", "session") and event.at < held.expires_at:
            self.violated(6, f"the lease of {held.agent} on {known.id} {event.step} was taken before its time")
        known.held.pop(event.step, None)
        self.talk.attempt_ended(known, event)
        if event.counts:
            known.attempts[event.step] = known.attempts.get(event.step, 0) + 1
            step = known.workflow.steps.get(event.step)
            if step is not None and known.attempts[event.step] > step.attempts:
                self.violated(13, f"{known.id} {event.step}: {known.attempts[event.step]} attempts")

    def _submitted(self, known: Known, event: e.Submitted, process: Process | None) -> None:
        self._holder(known, event, event.token, process)
        known.submitted[known.lane.get(event.step, "")] = event.submission
        self._acted(known, event)
        known.green.clear()

    def _joined(self, known: Known, event: e.LanesJoined, process: Process | None) -> None:
        made = event.submission
        if made is None:
            return
        lanes = [known.submitted[lane] for lane in event.lanes if lane in known.submitted]
        joined = self.world.repository.files(made.tree)
        touched: dict[str, list[str | None]] = {}
        for lane in lanes:
            files = self.world.repository.files(lane.tree)
            for change in self.world.git.changes(lane.base_tree, lane.tree):
                touched.setdefault(change.path, []).append(files.get(change.path))
        lost = [path for path, texts in touched.items() if len(set(texts)) == 1 and joined.get(path) != texts[0]]
        if lost:
            self.violated(10, f"{known.id} joined its branches without {', '.join(lost)}")
        known.submitted[event.lane] = made

    # ------------------------------------------------------------ verdicts

    def _judged(self, known: Known, event: e.Judged, process: Process | None) -> None:
        known.green.pop(event.step, None)
        red = [x.subject for x in event.verdicts if x.outcome == v.FAILED]
        known.closed = {x.removeprefix("git-tree:") for x in red if x.startswith("git-tree:")}
        held = known.held.get(event.step)
        if not event.green and held is not None and held.agent == event.actor:
            known.red[held.token] = known.red.get(held.token, 0) + 1
            if known.red[held.token] > known.workflow.limits.submissions:
                self.violated(13, f"{known.id} {event.step}: {known.red[held.token]} red submissions under one lease")
        if event.green:
            known.green[event.step] = event.verdicts
            closed = [x for x in event.verdicts if x.outcome not in (v.PASSED, v.WAIVED)]
            if closed:
                self.violated(3, f"{known.id} {event.step} is green with {closed[0].gate} {closed[0].outcome}")
        for verdict in event.verdicts:
            self._true(known, event, verdict)

    def _true(self, known: Known, event: e.Judged, verdict: Verdict) -> None:
        """Laws 1, 2 and 8: what a verdict says is so, of the pinned gate, on the tree that it names."""
        gate = known.workflow.gates.get(verdict.gate)
        if verdict.outcome == v.WAIVED:
            mine = [x for x in known.waivers if x.gate == verdict.gate and x.person == verdict.by]
            if not mine:
                self.violated(11, f"{known.id}: {verdict.gate} is waived, and nobody did")
            elif not any(x.patch == verdict.subject for x in mine):
                self.violated(2, f"{known.id}: the waiver of {verdict.gate} was given for another change")
            return
        if gate is None or verdict.outcome != v.PASSED:
            return
        if verdict.gate_digest != w.gate_digest(gate):
            self.violated(8, f"{known.id}: {verdict.gate} passed by another definition than the pinned one")
        if not isinstance(gate, w.RunGate):
            return
        tree = verdict.subject.removeprefix("git-tree:")
        landing = known.workflow.steps[event.step].kind == "land" if event.step in known.workflow.steps else False
        if landing and (verdict.gate_digest, tree) in self._failed and not verdict.flaky:
            self.violated(3, f"{known.id}: {verdict.gate} failed on {tree} before, and that is hidden")
        files = self.world.repository.files(tree)
        if outcome_of(gate.run, files) != v.PASSED:
            self.violated(1, f"{known.id} {event.step}: {verdict.gate} is called passed and fails")
        if verdict.environment_digest != environment_digest(known.workflow.environment, files):
            self.violated(2, f"{known.id} {event.step}: {verdict.gate} was measured in another environment")

    def _finished(self, known: Known, event: e.StepFinished, process: Process | None) -> None:
        step = known.workflow.steps.get(event.step)
        self.talk.left(known, event.step)
        if step is not None and step.kind == "agent":
            if event.step in known.held:
                self._holder(known, event, None, process)
            if event.outcome == w.PASSED:
                self._must_be_green(known, step)
                self.swarm.left(known, event.step)
        if step is not None and step.kind == "land" and event.outcome == w.FAILED:
            self._must_be_guilty(known, event)
        if step is not None and step.kind == "human" and event.outcome == w.PASSED:
            self._must_be_decided(known, event)
        known.held.pop(event.step, None)

    def _must_be_guilty(self, known: Known, event: e.StepFinished) -> None:
        """Law 7: work comes back from landing for what it is on the very head that it would land on, not for others."""
        made = known.submitted.get("")
        if made is None or not event.message.startswith("not green"):
            return
        git, repository = self.world.git, self.world.repository
        base = known.base
        merge = git.merge(base, made.commit)
        trees = {x: repository.files(x) for x in (merge.tree, *known.closed)}
        files, touched = trees[merge.tree], {change.path for change in git.changes(base, merge.tree)}
        if not merge.clean or any(path.startswith(".andon/") for path in touched):
            return
        gates = [known.workflow.gates[name] for name in (*known.workflow.done, *known.workflow.steps[event.step].gates)]
        for gate in gates:
            if isinstance(gate, w.DiffGate):
                return
            if isinstance(gate, w.RunGate):
                # A red one that is green in truth was measured twice before it counts, on what came before it in its round.
                digest = w.gate_digest(gate)
                often = [self._reds.get((digest, x), 0) for x in trees if outcome_of(gate.run, trees[x]) == v.PASSED]
                if outcome_of(gate.run, files) != v.PASSED or max(often) > 1:
                    return
        self.violated(7, f"{known.id} was sent back from {base} for what it has not done: {event.message}")

    def _must_be_green(self, known: Known, step: w.Step) -> None:
        """Laws 2 and 4: a step is left by `passed` with every gate green on what was submitted last."""
        verdicts = {verdict.gate: verdict for verdict in known.green.get(step.id, ())}
        made = known.submitted.get(known.lane.get(step.id, ""))
        for name in step.gates:
            verdict = verdicts.get(name)
            if verdict is None:
                self.violated(4, f"{known.id} left {step.id} without a verdict of {name}")
                continue
            elsewhere = made is not None and verdict.subject not in (made.tree_subject, made.patch)
            if elsewhere and verdict.outcome == v.PASSED:
                self.violated(2, f"{known.id} left {step.id} by a verdict of {name} on something else")

    def _must_be_decided(self, known: Known, event: e.StepFinished) -> None:
        due = known.due.get(event.step)
        made = known.submitted.get("")
        words = [
            x
            for x in known.approvals
            if isinstance(x, e.ApprovalRecorded)
            and x.step == event.step
            and x.at >= known.entered.get(event.step, 0.0)
            and (made is None or x.patch == made.patch)
        ]
        if not words:
            self.violated(11, f"{known.id} {event.step} passed without anybody's approval of this change")
        elif due is not None and words[-1].at >= due:
            self.violated(11, f"{known.id} {event.step} was approved after it expired")

    # ------------------------------------------------------------ people and reviewers

    def _reviewed(self, known: Known, event: e.ReviewRecorded, process: Process | None) -> None:
        self._holder(known, event, None, process)
        self._acted(known, event)
        known.reviews.append(event)

    def _person(self, known: Known, event: Any, process: Process | None) -> None:
        if process is not None and not process.caller.person:
            self.violated(11, f"{process.caller.agent}, an agent, did {type(event).__name__} on {known.id}")
        made = known.submitted.get("")
        if made is None or isinstance(event, e.RejectionRecorded):
            return
        if event.person in known.hands:
            self.violated(11, f"{event.person}, an author, did {type(event).__name__} on {known.id}")

    def _approved(self, known: Known, event: e.ApprovalRecorded, process: Process | None) -> None:
        self._person(known, event, process)
        known.approvals.append(event)

    def _rejected(self, known: Known, event: e.RejectionRecorded, process: Process | None) -> None:
        self._person(known, event, process)
        known.approvals.append(event)

    def _waived(self, known: Known, event: e.GateWaived, process: Process | None) -> None:
        self._person(known, event, process)
        if not event.why:
            self.violated(3, f"{known.id}: {event.gate} was waived without a reason")
        known.waivers.append(event)

    # ------------------------------------------------------------ landing

    def _prepared(self, known: Known, event: e.LandingPrepared, process: Process | None) -> None:
        self._holder(known, event, event.token, process)
        if known.prepared is not None:
            self.violated(10, f"{known.id} prepared a landing while another is prepared")
        known.prepared, known.heard = event, len(known.approvals)
        with self.world.store.read() as reader:
            if reader.setting(f"queue:frozen:{known.target}"):
                self.violated(11, f"{known.id} prepares to land on a branch that a person froze")
        verdicts = {verdict.gate: verdict for verdict in known.green.get(event.step, ())}
        for name in known.workflow.done:
            verdict = verdicts.get(name)
            gate = known.workflow.gates[name]
            waived = verdict is not None and verdict.outcome == v.WAIVED and isinstance(gate, w.TREE_GATES)
            if waived and not any(x.gate == name and x.tree == event.tree for x in known.waivers):
                self.violated(2, f"{known.id}: the waiver of {name} was given for another tree")
            if verdict is None or verdict.subject not in (f"git-tree:{event.tree}", event.patch):
                self.violated(7, f"{known.id} prepares to land a tree on which {name} was not judged")

    def _abandoned(self, known: Known, event: e.LandingAbandoned, process: Process | None) -> None:
        if known.prepared is not None and known.prepared.commit in self.world.repository.line(known.target):
            self.violated(10, f"{known.id} abandoned {known.prepared.commit}, which had landed")
        known.prepared = None

    def _landed(self, known: Known, event: e.Landed, process: Process | None) -> None:
        if self.landings.get(known.id) != event.commit:
            self.violated(5, f"{known.id} says that {event.commit} landed; the branch has no such commit of it")
        if known.landed:
            self.violated(10, f"{known.id} confirmed two landings")
        known.landed, known.prepared = event.commit, None
