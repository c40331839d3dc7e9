"""The numbers behind a forecast: for each step how long, how often red, which outcomes, how many tokens, and their sources.

Rules: what a person gives goes before what was measured, and that before what is assumed. A measurement needs at least
`MIN_SAMPLES`. Every number that plays a part is listed with its source, so that nobody takes an assumption for a fact.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from andon.core import workflow as w
from andon.core.forecast.given import Given, ways
from andon.core.forecast.measured import MIN_SAMPLES, Measured, StepLog
from andon.core.forecast.spread import NONE, Spread, count_text, duration_text, lognormal, samples
from andon.core.judge import is_review_step, review_gates
from andon.core.merge_queue import EACH, RETRIES_DEFAULT, WINDOW_DEFAULT
from andon.core.rules_landing import landing_gates
from andon.core.rules_step import gates_of

GIVEN, MEASURED, ASSUMED, DEFINED = "given", "measured", "assumed", "the workflow"

WORK = lognormal(600.0, 1800.0)
REVIEW = lognormal(300.0, 900.0)
VERIFY = lognormal(60.0, 180.0)
ANSWER = lognormal(7200.0, 28_800.0)
SIGNAL = lognormal(600.0, 1800.0)
WORK_TOKENS, REVIEW_TOKENS = lognormal(200_000.0, 600_000.0), lognormal(60_000.0, 180_000.0)
RED, LAND_RED, LOST = 0.3, 0.05, 0.02
SENT_BACK, OTHER_OUTCOME = 0.2, 0.1
WIDTH = Spread("constant", (3.0,))
FIX_SHARE = 0.25
"""A red submission costs this share of the step's duration, unless it is given or measured with the duration."""


class Source(Struct, frozen=True, kw_only=True):
    """One number that plays a part. samples: how many it was measured with; of an assumption, how many were there."""

    step: str
    what: str
    source: str
    value: str
    samples: int = 0


class StepModel(Struct, frozen=True, kw_only=True):
    """A step as the simulator plays it.

    outcomes: (name, probability) other than `passed`. red: the chance that a submission is red; fix: what it costs.
    lost: the chance that an attempt ends without an outcome. reviewers: how many must pass it. authors: whether its worker
    becomes an author. answer: waiting for people's words on gates after the work. gates: commands run by a verification.
    window: landings that the lead takes a round, at most where it is adaptive; parallel: of these, verified side by side.
    mode: how the lead asks (each | batch). retries: how often a red one is measured again; flaky: the chance that one is red
    that nobody is at fault for. lost, of a landing: that the lead is killed in a round.
    needed: how many of a fan-out's children must end (0: all). needs: review gates that must be open for it to pass.
    approves: review gates that its passing opens.
    """

    id: str
    kind: str
    role: str
    duration: Spread
    fix: Spread = NONE
    tokens: Spread = NONE
    answer: Spread = NONE
    width: Spread = NONE
    outcomes: tuple[tuple[str, float], ...] = ()
    red: float = 0.0
    lost: float = 0.0
    lease_s: float = 0.0
    attempts: int = 1
    reviewing: bool = False
    reviewers: int = 1
    authors: bool = False
    gates: int = 0
    window: int = 1
    adaptive: bool = False
    parallel: int = 1
    mode: str = EACH
    retries: int = 0
    flaky: float = 0.0
    needed: int = 0
    needs: frozenset[str] = frozenset()
    approves: frozenset[str] = frozenset()
    max_parallel: int = 0
    expires_s: float | None = None
    on_expiry: str = w.EXPIRED


class Model(Struct, frozen=True, kw_only=True):
    """choices: choice -> (target, probability) where probabilities were given; others are decided by their conditions."""

    workflow: w.Workflow
    steps: dict[str, StepModel]
    choices: dict[str, tuple[tuple[str, float], ...]]
    arrivals: Spread
    price: float | None
    sources: tuple[Source, ...]


class _Builder:
    """Chooses each number and notes where it came from."""

    def __init__(self, workflow: w.Workflow, told: Given, measured: Measured | None) -> None:
        self.workflow = workflow
        self.told = told
        self.measured = measured
        self.sources: list[Source] = []

    def spread(self, step: str, what: str, seen: Sequence[float], assumed: Spread) -> tuple[Spread, str]:
        show = count_text if what in ("tokens", "width") else duration_text
        found, source = assumed, ASSUMED
        if (named := self.told.spreads.get(f"{step}.{what}")) is not None:
            found, source = named, GIVEN
        elif len(seen) >= MIN_SAMPLES:
            found, source = samples(seen), MEASURED
        self.note(step, what, source, found.text(show), len(seen))
        return found, source

    def chance(self, step: str, what: str, hits: int, seen: int, assumed: float) -> float:
        found, source = assumed, ASSUMED
        if (named := self.told.chances.get(f"{step}.{what}")) is not None:
            found, source = named, GIVEN
        elif seen >= MIN_SAMPLES:
            found, source = min(hits / seen, 0.99), MEASURED
        self.note(step, what, source, f"{found:.3g}", seen)
        return found

    def note(self, step: str, what: str, source: str, value: str, seen: int) -> None:
        self.sources.append(Source(step=step, what=what, source=source, value=value, samples=seen))

    def log(self, step: str) -> StepLog:
        return self.measured.steps.get(step, StepLog()) if self.measured is not None else StepLog()

    # ------------------------------------------------------------ steps

    def step(self, step: w.Step) -> StepModel:
        if step.kind in ("agent", "fanout", "workflow"):
            return self._agent(step)
        if step.kind in ("human", "wait"):
            return self._waiting(step)
        return self._own(step)

    def _agent(self, step: w.Step) -> StepModel:
        log, reviewing = self.log(step.id), is_review_step(self.workflow, step)
        duration, source = self.spread(step.id, "duration", log.durations, REVIEW if reviewing else WORK)
        tokens, _ = self.spread(
            step.id, "tokens", [x for x in log.tokens if x > 0], REVIEW_TOKENS if reviewing else WORK_TOKENS
        )
        ids = gates_of(self.workflow, step)
        red, fix, commands = 0.0, NONE, self._commands(ids)
        if not reviewing:
            red = self.chance(step.id, "red", log.red, log.judged, RED if ids else 0.0)
            share = Spread("constant", (duration.mean * FIX_SHARE,)) if source != MEASURED else NONE
            fix, _ = self.spread(step.id, "fix", (), share) if red else (NONE, "")
        answer = NONE
        if self._awaits_people(step.gates):
            answer, _ = self.spread(step.id, "answer", (), ANSWER)
        width, needed = NONE, 0
        if step.kind in ("fanout", "workflow"):
            width, _ = self.spread(step.id, "width", (), WIDTH if step.kind == "fanout" else Spread("constant", (1.0,)))
            needed = 1 if step.join == "any" else int(step.join) if step.join.isdigit() else 0
        return StepModel(
            id=step.id,
            kind=step.kind,
            role=step.role or "",
            duration=duration,
            fix=fix,
            tokens=tokens,
            answer=answer,
            width=width,
            outcomes=self._outcomes(step, log, reviewing),
            red=red,
            lost=self.chance(step.id, "lost", log.lost, log.attempts, LOST),
            lease_s=step.lease_s,
            attempts=step.attempts,
            reviewing=reviewing,
            reviewers=max((gate.count for gate in review_gates(self.workflow, step)), default=1),
            authors=not reviewing and not step.empty,
            gates=0 if reviewing else commands,
            needed=needed,
            needs=frozenset() if reviewing else self._reviews(ids),
            approves=frozenset(gate.id for gate in review_gates(self.workflow, step)),
            max_parallel=step.max_parallel or 0,
        )

    def _waiting(self, step: w.Step) -> StepModel:
        log, due_s = self.log(step.id), step.expires_s if step.kind == "human" else step.for_s
        if step.kind == "wait" and step.signal is None:
            duration = Spread("constant", (due_s or 0.0,))
            self.note(step.id, "duration", DEFINED, duration.text(duration_text), 0)
            return StepModel(id=step.id, kind=step.kind, role="", duration=duration)
        duration, _ = self.spread(step.id, "duration", log.durations, ANSWER if step.kind == "human" else SIGNAL)
        return StepModel(
            id=step.id,
            kind=step.kind,
            role="",
            duration=duration,
            outcomes=self._outcomes(step, log, False),
            expires_s=due_s,
            # Expiry is not approval (law 11), here as in the rules.
            on_expiry=step.on_expiry if step.on_expiry != w.PASSED else w.EXPIRED,
        )

    def _own(self, step: w.Step) -> StepModel:
        """A step that Andon carries out: command, publish, land."""
        log, landing = self.log(step.id), step.kind == "land"
        duration, source = self.spread(step.id, "duration", log.durations, VERIFY)
        finished = sum(log.outcomes.values())
        red = self.chance(
            step.id, "red", finished - log.outcomes[w.PASSED], finished, LAND_RED if landing else OTHER_OUTCOME
        )
        ids = landing_gates(self.workflow, step) if landing else gates_of(self.workflow, step)
        # What was measured of landings is time for each, whatever window they had: it would be saved twice.
        adaptive = landing and source != MEASURED and f"{step.id}.window" not in self.told.wholes
        window = self.told.wholes.get(f"{step.id}.window", WINDOW_DEFAULT if adaptive else 1)
        parallel = self.told.wholes.get(f"{step.id}.parallel", 1)
        # Second tries are in measured times, too.
        retries = self.told.wholes.get(f"{step.id}.retries", RETRIES_DEFAULT if landing and source != MEASURED else 0)
        mode = self.told.modes.get(f"{step.id}.mode", EACH)
        answer, flaky, lost = NONE, 0.0, 0.0
        if landing:
            flaky = self.chance(step.id, "flaky", 0, 0, 0.0)
            lost = self.chance(step.id, "lost", 0, 0, 0.0)
            if self._awaits_people(ids) and not any(x.kind == "human" for x in self.workflow.steps.values()):
                answer, _ = self.spread(step.id, "answer", (), ANSWER)
            for what, value in (
                ("window", f"up to {window}" if adaptive else str(window)),
                ("parallel", str(parallel)),
                ("retries", str(retries)),
                ("mode", mode),
            ):
                named = f"{step.id}.{what}" in self.told.wholes or f"{step.id}.{what}" in self.told.modes
                self.note(step.id, what, GIVEN if named else ASSUMED, value, 0)
        return StepModel(
            id=step.id,
            kind=step.kind,
            role="",
            duration=duration,
            red=red,
            gates=self._commands(ids) + (step.kind == "command"),
            window=window,
            adaptive=adaptive,
            parallel=parallel,
            mode=mode,
            retries=retries,
            flaky=flaky,
            lost=lost,
            needs=self._reviews(ids),
            answer=answer,
        )

    def _reviews(self, ids: Sequence[str]) -> frozenset[str]:
        return frozenset(x for x in ids if isinstance(self.workflow.gates.get(x), w.ReviewGate))

    def _awaits_people(self, ids: Sequence[str]) -> bool:
        return any(isinstance(self.workflow.gates.get(x), w.ApprovalGate | w.SignalGate) for x in ids)

    def _commands(self, ids: Sequence[str]) -> int:
        return sum(isinstance(self.workflow.gates.get(x), w.RunGate) for x in ids)

    def _outcomes(self, step: w.Step, log: StepLog, reviewing: bool) -> tuple[tuple[str, float], ...]:
        """The chance of each outcome that the worker or person chooses. `expired` is a matter of time; `failed` of an agent
        step comes of used-up attempts unless it is given or was measured."""
        names = [name for name in ways(self.workflow, step.id) if name not in (w.PASSED, w.EXPIRED)]
        finished = sum(log.outcomes.values())
        found: list[tuple[str, float]] = []
        left = 1.0
        for name in names:
            assumed = SENT_BACK if reviewing else OTHER_OUTCOME
            if name == w.FAILED and step.kind != "wait":
                assumed = 0.0
            hits = 0 if name == w.FAILED and step.kind == "agent" and log.lost else log.outcomes[name]
            chance = min(self.chance(step.id, name, hits, finished, assumed), left)
            left -= chance
            found.append((name, chance))
        if (passed := self.told.chances.get(f"{step.id}.{w.PASSED}")) is not None:
            found = _filled(found, passed, self.told, step.id)
            self.note(step.id, w.PASSED, GIVEN, f"{passed:.3g}", 0)
        return tuple((name, chance) for name, chance in found if chance > 0)


def _filled(found: list[tuple[str, float]], passed: float, told: Given, step: str) -> list[tuple[str, float]]:
    """The other outcomes when `passed` was given: those that were not given share what is left over."""
    fixed = sum(chance for name, chance in found if f"{step}.{name}" in told.chances)
    loose = [name for name, _ in found if f"{step}.{name}" not in told.chances]
    rest = max(1.0 - passed - fixed, 0.0)
    return [(name, rest / len(loose) if name in loose else chance) for name, chance in found]


def build(workflow: w.Workflow, told: Given, measured: Measured | None = None) -> Model:
    """All numbers of a forecast."""
    builder = _Builder(workflow, told, measured)
    steps = {step.id: builder.step(step) for step in workflow.steps.values()}
    choices = {}
    for node, kind in workflow.pseudo.items():
        if kind != "choice":
            continue
        targets = ways(workflow, node)
        named = {target: told.chances[f"{node}.{target}"] for target in targets if f"{node}.{target}" in told.chances}
        if not named:
            builder.note(node, "choice", DEFINED, "by its conditions where they can be told, else evenly", 0)
            continue
        loose = [target for target in targets if target not in named]
        rest = 1.0 - sum(named.values())
        choices[node] = tuple((x, named.get(x, rest / len(loose) if loose else 0.0)) for x in targets)
        builder.note(node, "choice", GIVEN, ", ".join(f"{x} {chance:.3g}" for x, chance in choices[node]), 0)
    return Model(
        workflow=workflow,
        steps=steps,
        choices=choices,
        arrivals=told.spreads.get("arrivals", NONE),
        price=told.price,
        sources=tuple(builder.sources),
    )
