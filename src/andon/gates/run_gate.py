"""Running a gate's command on an exact tree, and judging what it left.

Outcomes (laws 3 and 4). Not measured, whatever else happened: the command could not be started or found (126, 127),
ran out of time, was killed or crashed; a report is missing, empty, unreadable or older than the run; it holds zero
tests, or all were skipped; a condition is wrong, can't be answered or is no boolean; the base can't be measured
though it is asked for. Otherwise, without `require`: passed when the exit code is 0 and the report names nothing
red. With `require`: passed when the condition is true and the exit code is 0; a condition that mentions `exit`
judges the exit code itself.

Must not know caches, runtimes by name, or how environments are built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from andon.core.errors import AndonError, InvariantViolation
from andon.core.figures import BASE, require_variables
from andon.core.verdict import FAILED, PASSED, UNMEASURED, Finding
from andon.core.workflow import Environment, RunGate
from andon.gates.logs import last_line, one_line, sanitize, useful
from andon.gates.problems import Unmeasured
from andon.gates.report_file import read_report
from andon.gates.reports import Measured, Unreadable, parse
from andon.ports import Job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from andon.gates.conditions import Condition
    from andon.gates.environment import Environments, Room
    from andon.gates.places import Places
    from andon.ports import JobResult, Runtime

NOT_EXECUTABLE = 126
NOT_FOUND = 127
NETWORK_ALL = "all"


class Measurement(Struct, frozen=True, kw_only=True):
    """What one run of a gate's command left. values: by the names of conditions. text: the sanitized output."""

    exit_code: int
    figures: dict[str, float]
    values: dict[str, Any]
    report: Measured | None
    text: str
    log: str
    duration_s: float


class Judged(Struct, frozen=True, kw_only=True):
    """A gate's outcome before it is bound to anything."""

    outcome: str
    summary: str
    detail: str = ""
    log: str = ""
    figures: dict[str, float] = field(default_factory=dict)
    base_figures: dict[str, float] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    duration_s: float = 0.0


class What(Struct, frozen=True, kw_only=True):
    """What to measure: a gate's command on a tree.

    digest: of the environment. setup_tree: what its set-up runs in. base: commit for $ANDON_BASE.
    """

    gate: RunGate
    environment: Environment
    digest: str
    tree: str
    setup_tree: str
    base: str


class _Attempt(Struct, frozen=True, kw_only=True):
    """One try. short: the checkout was in memory, and there was too little of it to believe in a red result."""

    measurement: Measurement | None = None
    problem: Unmeasured | AndonError | OSError | None = None
    short: bool = False

    @property
    def green(self) -> bool:
        done = self.measurement
        return done is not None and done.exit_code == 0 and not (done.report is not None and done.report.bad)


class Runner:
    """Runs gates' commands by one runtime."""

    def __init__(self, *, runtime: Runtime, environments: Environments, places: Places) -> None:
        self._runtime = runtime
        self._environments = environments
        self._places = places

    def measure(self, what: What) -> Measurement:
        """Run the command in a clean checkout and read its report.

        Raises Unmeasured, AndonError, OSError. What was not green while memory ran short is measured again on disk: it
        may have been red for want of memory only.
        """
        attempt = self._attempt(what, on_disk=False)
        if attempt.short and not attempt.green:
            attempt = self._attempt(what, on_disk=True)
        if attempt.problem is not None:
            raise attempt.problem
        if attempt.measurement is None:
            raise InvariantViolation(f"measuring gate {what.gate.id!r} gave neither a measurement nor a problem")
        return attempt.measurement

    def _attempt(self, what: What, *, on_disk: bool) -> _Attempt:
        short = False
        try:
            with self._environments.room(
                what.environment,
                digest=what.digest,
                tree=what.tree,
                setup_tree=what.setup_tree,
                base=what.base,
                only=what.gate.inputs,
                runtime=self._runtime,
                on_disk=on_disk,
            ) as room:
                try:
                    return _Attempt(measurement=self._run(what, room), short=self._places.memory_is_short(room.work))
                finally:
                    short = self._places.memory_is_short(room.work)
        except Unmeasured as problem:
            return _Attempt(problem=problem, short=short)
        except (AndonError, OSError) as problem:
            # Memory may have run out while the checkout was made, and is free again by now.
            return _Attempt(problem=problem, short=not on_disk)

    def _run(self, what: What, room: Room) -> Measurement:
        gate = what.gate
        result = self._runtime.run(
            Job(
                command=gate.run,
                workdir=room.work,
                out=room.out,
                env=self._environments.variables(what.environment, gate=gate.id, base=what.base),
                limits=gate.limits,
                network=what.environment.network == NETWORK_ALL,
                binds=room.binds,
                home=room.home,
            )
        )
        text = sanitize(result.output)
        log = self._places.write_log(f"{gate.id}-{what.tree[:12]}", result.output)
        code = _exit_code(result, text, log)
        report = _report(gate, result, room.out, room.began_ns, text, log)
        command: dict[str, Any] = {
            "exit": code,
            "output_lines": text.count("\n") + (not text.endswith("\n") and text != ""),
            "output_bytes": len(result.output) + result.truncated,
            "duration_s": result.duration_s,
        }
        figures = {name: float(value) for name, value in command.items()}
        return Measurement(
            exit_code=code,
            figures={**figures, **(report.figures if report else {})},
            values={**command, **(report.values if report else {})},
            report=report,
            text=text,
            log=log,
            duration_s=result.duration_s,
        )


def _exit_code(result: JobResult, text: str, log: str) -> int:
    """The exit code, when there is one that says something about the tree. Raises Unmeasured."""
    detail = useful(text)
    if result.status != "exited" or result.exit_code is None:
        words = {"not_started": "the command could not be started", "timed_out": "timed out", "killed": "killed"}
        what = words.get(result.status, result.status)
        raise Unmeasured(f"{what}: {one_line(result.reason)}", detail=detail, log=log)
    if result.exit_code in (NOT_EXECUTABLE, NOT_FOUND):
        what = "not found" if result.exit_code == NOT_FOUND else "not executable"
        told = last_line(text)
        raise Unmeasured(
            f"a command was {what} (exit code {result.exit_code})" + (f": {told}" if told else ""),
            detail=detail,
            log=log,
        )
    return result.exit_code


def _report(gate: RunGate, result: JobResult, out: str, began_ns: int, text: str, log: str) -> Measured | None:
    if gate.report is None:
        return None
    try:
        content = read_report(gate.report, out=out, result=result, began_ns=began_ns)
        return parse(gate.report.format, content)
    except Unreadable as error:
        code = f" (exit code {result.exit_code})" if result.exit_code else ""
        raise Unmeasured(f"{one_line(str(error))}{code}", detail=useful(text), log=log) from error


def judge(own: Measurement, condition: Condition | None, base_figures: Mapping[str, float] | None) -> Judged:
    """The outcome. base_figures: of the same command on the base, given when the condition asks for them."""
    outcome, summary = _outcome(own, condition, base_figures)
    return Judged(
        outcome=outcome,
        summary=summary,
        detail="" if outcome == PASSED else useful(own.text),
        log=own.log,
        figures=own.figures,
        base_figures=dict(base_figures or {}),
        findings=own.report.findings if own.report else (),
        duration_s=own.duration_s,
    )


def _outcome(
    own: Measurement, condition: Condition | None, base_figures: Mapping[str, float] | None
) -> tuple[str, str]:
    from andon.gates.conditions import ConditionError

    report = own.report
    if report is not None and report.nothing:
        return UNMEASURED, report.nothing
    told = report.summary if report is not None else ""
    code = f"exit code {own.exit_code}"
    if condition is None:
        if report is not None and report.bad:
            return FAILED, one_line(report.bad)
        if own.exit_code != 0:
            last = told or last_line(own.text)
            return FAILED, f"{code}: {last}" if last else code
        return PASSED, told or "exit code 0"
    values = {**own.values, **base_values(base_figures or {}, condition.report_format)}
    shown = condition.shown(values)
    try:
        holds = condition.holds(values)
    except ConditionError as error:
        return UNMEASURED, f"the condition can't be answered: {one_line(str(error))}"
    if not holds:
        reason = report.bad if report is not None and report.bad else f"not so: {condition.expression}"
        return FAILED, one_line(f"{reason} ({shown})" if shown else reason)
    if own.exit_code != 0 and not condition.uses_exit:
        return FAILED, one_line(f"{code}, though the condition holds" + (f" ({told})" if told else ""))
    compared = _compared(own, base_figures)
    return PASSED, one_line(" ".join(part for part in (told or shown or code, compared) if part))


def _compared(own: Measurement, base_figures: Mapping[str, float] | None) -> str:
    if not base_figures:
        return ""
    if "tests" in base_figures:
        return f"(base: {base_figures.get('passed', 0):g} passed, {base_figures.get('skipped', 0):g} skipped)"
    if "line_rate" in base_figures:
        return f"(base: {base_figures['line_rate']:.1%})"
    if "findings" in base_figures:
        return f"(base: {base_figures['findings']:g} findings)"
    return "(compared with the base)"


def base_values(figures: Mapping[str, float], report_format: str | None) -> dict[str, Any]:
    """Figures of the base under the names and types of conditions."""
    from andon.gates.reports.json import rebuild

    values: dict[str, Any] = {}
    for name, spelling in require_variables(report_format).items():
        if not name.startswith(BASE):
            continue
        plain = name.removeprefix(BASE)
        if spelling == "dyn":
            values[name] = rebuild(dict(figures))
        elif plain in figures:
            values[name] = int(figures[plain]) if spelling == "int" else figures[plain]
    return values
