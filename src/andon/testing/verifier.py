"""A verifier for simulations: it measures the toy language of `content`, takes virtual time, and sometimes gives no answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from andon.core import verdict as v
from andon.core import workflow as w
from andon.core.globs import Globs
from andon.core.verdict import Submission, Verdict
from andon.gates.diff_gate import judge as judge_diff
from andon.ports import GateRequest, VerdictCache
from andon.testing.content import environment_digest, outcome_of
from andon.testing.git import MemoryGit

if TYPE_CHECKING:
    from andon.testing.process import Process

VERIFIER = "simulation"


class SimulatedVerifier:
    """The port `Verifier`; verdicts are cached under the same keys as in production."""

    def __init__(self, process: Process, git: MemoryGit, cache: VerdictCache) -> None:
        self._process = process
        self._git = git
        self._cache = cache

    def environment_digest(self, environment: w.Environment, tree: str, base_tree: str) -> str:
        return environment_digest(environment, self._git.repository.files(tree))

    def verify(self, request: GateRequest) -> Verdict:
        gate, what = request.gate, request.submission
        if isinstance(gate, w.RunGate):
            fresh = request.fresh or request.after is not None
            return self._run(gate, what, request.environment, fresh=fresh, landing=request.landing, after=request.after)
        if isinstance(gate, w.DiffGate):
            changes = self._git.changes(what.base, what.tree)
            holds, summary, _paths = judge_diff(gate, changes, scope=request.scope, commits=1)
            return self._of_change(gate.id, w.gate_digest(gate), what, holds, summary)
        return self._of_change(gate.id, w.gate_digest(gate), what, False, "this gate is not simulated")

    def protect(self, submission: Submission, globs: Sequence[str], *, suspicion: bool = False) -> Verdict:
        # Patterns with a section (`file#section`) are about files that this toy language does not have.
        patterns = [pattern for pattern in globs if "#" not in pattern]
        changed = Globs(patterns).select(change.path for change in self._git.changes(submission.base, submission.tree))
        digest = w.digest_of({"protect": tuple(globs)})
        return self._of_change(v.PROTECT_GATE, digest, submission, not changed, ", ".join(changed) or "untouched")

    def run_command(
        self,
        name: str,
        command: str,
        limits: w.ResourceLimits,
        submission: Submission,
        environment: w.Environment,
    ) -> Verdict:
        gate = w.RunGate(id=name, run=command, limits=limits)
        return self._run(gate, submission, environment)

    def _run(
        self,
        gate: w.RunGate,
        what: Submission,
        environment: w.Environment,
        *,
        fresh: bool = False,
        landing: bool = False,
        after: Verdict | None = None,
    ) -> Verdict:
        digest, command = w.gate_digest(gate), gate.run
        surroundings = self.environment_digest(environment, what.tree, what.base_tree)
        subject = f"landing {what.tree_subject}" if landing else what.tree_subject
        known = None if fresh else self._cache.get(subject, digest, surroundings)
        if known is not None:
            return replace(known, cached=True)
        world = self._process.world
        self._process.point()
        if world.rates.faulty:
            self._process.suspend(world.gate_takes_s())
        found = world.measured(outcome_of(command, self._git.repository.files(what.tree)))
        verdict = Verdict(
            gate=gate.id,
            outcome=found,
            summary=f"{command}: {found}",
            subject=what.tree_subject,
            gate_digest=digest,
            environment_digest=surroundings,
            verifier=VERIFIER,
            at=self._process.now(),
        )
        if after is not None:
            verdict = v.measured_again(after, verdict)
        world.laws.measured(gate, what.tree, verdict, landing=landing)
        if found in (v.PASSED, v.FAILED):
            self._cache.put(subject, digest, surroundings, verdict)
        return verdict

    def _of_change(self, name: str, digest: str, what: Submission, holds: bool, summary: str) -> Verdict:
        return Verdict(
            gate=name,
            outcome=v.PASSED if holds else v.FAILED,
            summary=summary,
            subject=what.patch,
            gate_digest=digest,
            verifier=VERIFIER,
            at=self._process.now(),
        )
