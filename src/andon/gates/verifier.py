"""The verifier: a gate's verdict on an exact submission (port `Verifier`).

Rules.
* Only what was measured is cached (passed, failed), under what it depends on: the tree (or the entries that `inputs`
  name; with `base.*` also the base's), the gate's digest, the environment's digest. Anything else is measured anew.
* What is measured for a landing is kept apart and believed by landings alone: other verdicts come from the processes of
  workers, and from an earlier hour.
* The strongest usable isolation level is taken; if it is weaker than the workflow asks for, nothing runs.
* Whatever a gate, a command, a report, a repository or a full disk does becomes an outcome, mostly `unmeasured` with
  the reason; only bugs raise.
* The path to a cached verdict imports little: what measures is imported when something is measured.

Must not know which runtimes exist, the engine, or the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from andon.core.errors import AndonError, InvariantViolation
from andon.core.verdict import FAILED, PASSED, PROTECT_GATE, UNMEASURED, Submission, Verdict, measured_again
from andon.core.workflow import (
    ISOLATION_LEVELS,
    SUSPICION_VERSION,
    ArtifactGate,
    DiffGate,
    ResourceLimits,
    RunGate,
    digest_of,
    gate_digest,
)
from andon.gates.identity import Trees, environment_digest
from andon.ports import GateRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from andon.core.verdict import Finding
    from andon.core.workflow import Environment, Gate
    from andon.gates.environment import Environments
    from andon.gates.places import Places
    from andon.gates.run_gate import Judged, Runner, What
    from andon.ports import Clock, Git, Progress, Runtime, VerdictCache

    Answer = tuple[str, str, tuple[Finding, ...]]
    """Outcome, summary and findings of a gate that runs nothing."""

WAY_FORWARD = (
    "; they decide how gates judge: put them back, or a person waives this (andon waive RUN protect) "
    'or frees them for good (protect: ["!PATH"] in the workflow)'
)
ENVIRONMENTS_KEPT = 10
LOGS_KEPT = 1000
FINDINGS_CACHED_MAX = 200


class GateVerifier:
    """Port `Verifier`.

    runtimes: best first. state_dir: absolute directory for environments, checkouts and logs. verifier: the name that
    verdicts carry. machine_path: directories that this machine puts on PATH, after the workflow's own.
    checkouts_in_memory: allow it where there is room (see places.py). progress: told what takes long (set-up).
    """

    def __init__(
        self,
        *,
        git: Git,
        runtimes: Sequence[Runtime],
        cache: VerdictCache,
        state_dir: str,
        verifier: str,
        clock: Clock,
        machine_path: Sequence[str] = (),
        checkouts_in_memory: bool = True,
        progress: Progress | None = None,
    ) -> None:
        self._git = git
        self._runtimes = tuple(runtimes)
        self._cache = cache
        self._state_dir = state_dir
        self._verifier = verifier
        self._clock = clock
        self._machine_path = tuple(machine_path)
        self._checkouts_in_memory = checkouts_in_memory
        self._progress = progress
        self._trees = Trees(git)
        self._made: tuple[Places, Environments] | None = None
        self._suspected: tuple[tuple[str, str, bool], tuple[Finding, ...]] | None = None

    # ------------------------------------------------------------ the port

    def environment_digest(self, environment: Environment, tree: str, base_tree: str) -> str:
        """What a verdict in this environment is bound to, besides tree and gate."""
        runtime, _ = self._runtime(environment)
        return environment_digest(
            environment, tree, base_tree, runtime=runtime, trees=self._trees, machine_path=self._machine_path
        )

    def verify(self, request: GateRequest) -> Verdict:
        """Measure a run, diff or artifact gate."""
        gate = request.gate
        if isinstance(gate, RunGate):
            return self._verify_run(gate, request)
        if isinstance(gate, DiffGate):
            return self._verify_diff(gate, request)
        if isinstance(gate, ArtifactGate):
            return self._verify_artifact(gate, request)
        raise InvariantViolation(f"gate {gate.id!r} of kind {type(gate).__name__} is not measured by the verifier")

    def protect(self, submission: Submission, globs: Sequence[str], *, suspicion: bool = False) -> Verdict:
        """No protected path differs from the base. Findings never decide here: they are for whoever reads on."""
        from andon.gates.diff_gate import named
        from andon.gates.protection import Protection

        def judge() -> Answer:
            found: tuple[Finding, ...] = ()
            if suspicion:
                from andon.suspicion.refusal import told

                found = told(self._suspicions(submission, believe=True), ())
            changes = self._git.changes(submission.base, submission.tree)
            protection = Protection(globs, self._git, base=submission.base_tree, tree=submission.tree)
            if changed := protection.offending(changes):
                return FAILED, f"protected paths were changed: {named(changed)}{WAY_FORWARD}", found
            if reaching := protection.reaching_for_reports(changes):
                text = f"only a gate's command may speak of $ANDON_OUT, now these do, too: {named(reaching)}"
                return FAILED, text, found
            return PASSED, "no protected path was changed", found

        digest = digest_of({"protect": tuple(globs)})
        return self._of_change(PROTECT_GATE, digest, submission, judge)

    def run_command(
        self, name: str, command: str, limits: ResourceLimits, submission: Submission, environment: Environment
    ) -> Verdict:
        """A command step: passed when the command exits with 0 on the submission's tree."""
        gate = RunGate(id=name, run=command, limits=limits)
        return self._verify_run(gate, GateRequest(gate=gate, submission=submission, environment=environment))

    # ------------------------------------------------------------ housekeeping

    def prune(self, *, environments: int = ENVIRONMENTS_KEPT, logs: int = LOGS_KEPT) -> None:
        """Remove old environments and logs. (Checkouts of dead processes go when the next one is made.)"""
        places, kept = self._workshop()
        kept.prune(environments)
        places.prune_logs(logs)

    def close(self) -> None:
        """Wait for directories that are being removed."""
        if self._made is not None:
            self._made[0].settle()

    # ------------------------------------------------------------ run gates

    def _verify_run(self, gate: RunGate, request: GateRequest) -> Verdict:
        submission, environment = request.submission, request.environment
        runtime, missing = self._runtime(environment)
        verdict = self._verdict(gate, submission.tree_subject)
        try:
            digest = self.environment_digest(environment, submission.tree, submission.base_tree)
            verdict = msgspec.structs.replace(verdict, environment_digest=digest)
            if runtime is None:
                return msgspec.structs.replace(verdict, summary=missing)
            verdict = msgspec.structs.replace(verdict, isolation=runtime.level)
            key = self._subject_key(gate, request)
            fresh = request.fresh or request.after is not None
            if not fresh and (known := self._cache.get(key, verdict.gate_digest, digest)) is not None:
                return msgspec.structs.replace(known, subject=verdict.subject, gate=gate.id, cached=True)
            verdict = self._with(verdict, self._measure(gate, request, runtime))
            if request.after is not None:
                verdict = measured_again(request.after, verdict)
        except (AndonError, OSError) as error:
            return msgspec.structs.replace(verdict, summary=_plainly(error))
        if verdict.outcome in (PASSED, FAILED):
            self._cache.put(key, verdict.gate_digest, digest, verdict)
        return verdict

    def _measure(self, gate: RunGate, request: GateRequest, runtime: Runtime) -> Judged:
        from andon.gates.conditions import Condition, ConditionError
        from andon.gates.problems import Unmeasured
        from andon.gates.run_gate import Judged, Runner, What, judge

        report_format = gate.report.format if gate.report is not None else None
        try:
            condition = Condition(gate.require, report_format) if gate.require is not None else None
        except ConditionError as error:
            return Judged(outcome=UNMEASURED, summary=f"the condition is wrong: {error}")
        submission, environment = request.submission, request.environment
        places, environments = self._workshop()
        runner = Runner(runtime=runtime, environments=environments, places=places)
        digest = self.environment_digest(environment, submission.tree, submission.base_tree)
        shared = digest == self.environment_digest(environment, submission.base_tree, submission.base_tree)
        what = What(
            gate=gate,
            environment=environment,
            digest=digest,
            tree=submission.tree,
            setup_tree=submission.base_tree if shared else submission.tree,
            base=submission.base,
        )
        try:
            own = runner.measure(what)
            nothing = own.report is not None and own.report.nothing
            base = None
            if condition is not None and condition.uses_changed and not nothing:
                from andon.gates.changed_files import with_changed_lines

                root = runtime.inside("")
                own = with_changed_lines(
                    own, self._git, submission, paths=self._trees.paths(submission.tree), root=root
                )
            if condition is not None and condition.uses_base and not nothing:
                base = self._base_figures(what, request, runner, runtime.level)
            return judge(own, condition, base)
        except Unmeasured as problem:
            return Judged(outcome=UNMEASURED, summary=problem.summary, detail=problem.detail, log=problem.log)

    def _base_figures(self, own: What, request: GateRequest, runner: Runner, level: str) -> dict[str, float]:
        """The figures of the same command on the base tree, cached as the verdict of the gate without its condition."""
        from andon.gates.problems import Unmeasured
        from andon.gates.run_gate import judge

        submission = request.submission
        gate, tree = msgspec.structs.replace(own.gate, require=None), submission.base_tree
        digest = self.environment_digest(own.environment, tree, tree)
        key = _kept_under(self._tree_key(gate, tree), request)
        known = self._cache.get(key, gate_digest(gate), digest)
        if known is not None:
            return known.figures
        try:
            measured = runner.measure(
                msgspec.structs.replace(own, gate=gate, tree=tree, setup_tree=tree, digest=digest)
            )
        except Unmeasured as problem:
            raise Unmeasured(
                f"the base ({submission.base[:12]}) could not be measured: {problem.summary}",
                detail=problem.detail,
                log=problem.log,
            ) from problem
        judged = judge(measured, None, None)
        if judged.outcome in (PASSED, FAILED):
            empty = self._verdict(gate, f"git-tree:{tree}")
            empty = msgspec.structs.replace(empty, environment_digest=digest, isolation=level)
            self._cache.put(key, gate_digest(gate), digest, self._with(empty, judged))
        # A base without tests has zero of everything, which is a fact, not a failure to measure.
        return measured.figures

    def _subject_key(self, gate: RunGate, request: GateRequest) -> str:
        """What the verdict depends on of the submission."""
        from andon.gates.identity import asks_for_base, asks_for_change

        submission, base_tree = request.submission, request.submission.base_tree
        own = self._tree_key(gate, submission.tree)
        if asks_for_change(gate.require):
            # Which lines are new depends on the base, whatever `inputs` leave out.
            own = digest_of([own, f"git-tree:{submission.tree}", f"git-tree:{base_tree}"])
        if not asks_for_base(gate.require):
            return _kept_under(own, request)
        base = [self._tree_key(gate, base_tree), self.environment_digest(request.environment, base_tree, base_tree)]
        return _kept_under(digest_of([own, *base]), request)

    def _tree_key(self, gate: RunGate, tree: str) -> str:
        if gate.inputs:
            return digest_of(self._trees.matching(tree, gate.inputs))
        return f"git-tree:{tree}"

    def _runtime(self, environment: Environment) -> tuple[Runtime | None, str]:
        """The strongest usable runtime that is strong enough, else None and why."""
        needed = environment.isolation
        built = {runtime.level for runtime in self._runtimes}
        reasons: list[str] = []
        for runtime in self._runtimes:
            reason = runtime.probe()
            if reason is not None:
                reasons.append(reason)
                continue
            if ISOLATION_LEVELS.index(runtime.level) >= ISOLATION_LEVELS.index(needed):
                return runtime, ""
            if needed not in built and not any(_stronger(level, needed) for level in built):
                reasons.append(f"{needed!r} is not built yet")
            why = "; ".join(reasons)
            return None, f"isolation {needed!r} is needed, only {runtime.level!r} is available here: {why}"
        return None, f"isolation {needed!r} is needed, none is available here: {'; '.join(reasons)}"

    # ------------------------------------------------------------ gates that run nothing

    def _verify_diff(self, gate: DiffGate, request: GateRequest) -> Verdict:
        from andon.gates import diff_gate
        from andon.suspicion.refusal import told

        submission = request.submission

        def judge() -> Answer:
            changes = self._git.changes(submission.base, submission.tree)
            findings = self._suspicions(submission, believe=not (request.fresh or request.landing))
            # A submission is one commit on its base; commits of children that come along had gates of their own.
            answer, summary = diff_gate.outcome(gate, changes, findings, scope=request.scope, commits=1)
            return answer, summary, told(findings, gate.refuse)

        # The scope is pinned with the run, and verdicts on a change are never cached across runs.
        return self._of_change(gate.id, gate_digest(gate), submission, judge)

    def _suspicions(self, submission: Submission, *, believe: bool) -> tuple[Finding, ...]:
        """The findings about a change: several gates of one check, and every later check, ask for the same.

        They are a function of both trees and of this version's rules, so they are kept like a verdict. believe: take
        what another process found; a landing and a fresh check do not.
        """
        key = (submission.base_tree, submission.tree, believe)
        if self._suspected is None or self._suspected[0] != key:
            subject, rules = (
                digest_of([submission.base_tree, submission.tree]),
                digest_of({"suspicion": SUSPICION_VERSION}),
            )
            known = self._cache.get(subject, rules, rules) if believe else None
            if known is not None:
                self._suspected = (key, known.findings)
                return known.findings
            from andon.gates.changed_files import suspicions

            found = suspicions(self._git, submission.base, submission.tree)
            self._suspected = (key, found)
            if len(found) <= FINDINGS_CACHED_MAX:
                kept = Verdict(
                    gate="suspicion", outcome=PASSED, summary="", subject=subject, gate_digest=rules, findings=found
                )
                self._cache.put(subject, rules, rules, kept)
        return self._suspected[1]

    def _verify_artifact(self, gate: ArtifactGate, request: GateRequest) -> Verdict:
        from andon.gates.artifact_gate import CannotTell, judge

        def outcome() -> Answer:
            try:
                holds, summary = judge(gate, self._git, tree=request.submission.tree, definitions=request.definitions)
            except CannotTell as reason:
                return UNMEASURED, str(reason), ()
            return (PASSED if holds else FAILED), summary, ()

        return self._answered(self._verdict(gate, request.submission.tree_subject), outcome)

    def _of_change(self, gate: str, digest: str, submission: Submission, outcome: Callable[[], Answer]) -> Verdict:
        verdict = Verdict(
            gate=gate,
            outcome=UNMEASURED,
            summary="",
            subject=submission.patch,
            gate_digest=digest,
            verifier=self._verifier,
            at=self._clock.now(),
        )
        return self._answered(verdict, outcome)

    def _answered(self, verdict: Verdict, outcome: Callable[[], Answer]) -> Verdict:
        try:
            answer, summary, findings = outcome()
        except (AndonError, OSError) as error:
            return msgspec.structs.replace(verdict, outcome=UNMEASURED, summary=_plainly(error))
        return msgspec.structs.replace(verdict, outcome=answer, summary=summary, findings=findings)

    # ------------------------------------------------------------ shared

    def _verdict(self, gate: Gate, subject: str) -> Verdict:
        return Verdict(
            gate=gate.id,
            outcome=UNMEASURED,
            summary="not measured",
            subject=subject,
            gate_digest=gate_digest(gate),
            verifier=self._verifier,
            at=self._clock.now(),
        )

    def _with(self, verdict: Verdict, judged: Judged) -> Verdict:
        return msgspec.structs.replace(
            verdict,
            outcome=judged.outcome,
            summary=judged.summary,
            detail=judged.detail,
            log=judged.log,
            figures=judged.figures,
            base_figures=judged.base_figures,
            findings=judged.findings,
            duration_s=judged.duration_s,
        )

    def _workshop(self) -> tuple[Places, Environments]:
        if self._made is None:
            from andon.gates.environment import Environments
            from andon.gates.places import MEMORY, Places

            places = Places(self._state_dir, memory=MEMORY if self._checkouts_in_memory else None)
            made = Environments(
                git=self._git,
                trees=self._trees,
                places=places,
                machine_path=self._machine_path,
                progress=self._progress,
            )
            self._made = (places, made)
        return self._made


def _kept_under(key: str, request: GateRequest) -> str:
    return digest_of(["landing", key]) if request.landing else key


def _stronger(level: str, needed: str) -> bool:
    return ISOLATION_LEVELS.index(level) >= ISOLATION_LEVELS.index(needed)


def _plainly(error: AndonError | OSError) -> str:
    from andon.gates.logs import one_line

    text = error.message if isinstance(error, AndonError) else str(error)
    return one_line(f"could not be measured: {text}")
