"""The starters: commented workflow files for `andon init`, with the repository's own commands filled in.

    starters(detect(read, list_files))   # {"feature": text, "bugfix": text, "factory": text}

Rules: each text passes lint, whatever was detected; a repository without a known test command gets an example of a
`tests` gate as a comment that says what to do. The texts are the `.md` files beside this module, with `{{…}}` where
detection has a say.
Must not know: how detection works, or where files are written.
"""

from __future__ import annotations

from andon.workflow.starters.yaml_text import comment, flow_list, option, scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from andon.workflow.detect import Detected, DetectedGate

NAMES = ("feature", "bugfix", "factory")
_REVIEWS = {"feature": ("review",), "bugfix": ("review",), "factory": ("review", "security", "qa", "approval")}
_RESERVED = ("scope", "honest", "review", "security", "qa", "approval", "reproduced")
"""Gate ids that the starters use themselves."""

_NO_TESTS = """\
  # TODO: no test command was recognised here, so nothing is tested yet. Take the comment signs away, put your command
  # in, and add `tests` to `done` above and to the `gates` of the working step below.
  # tests:
  #   run: "./run-tests --junit $ANDON_OUT/junit.xml"   # a shell command, run in a clean checkout without network
  #   report: {junit: junit.xml}                        # junit | tap | coverage | sarif | json, below $ANDON_OUT
  #   require: "tests > 0 && failed == 0 && skipped <= base.skipped && tests >= base.tests"
"""


def starters(detected: Detected) -> dict[str, str]:
    """Name -> text of each starter, for `.andon/workflows/NAME.md`."""
    return {name: _fill(name, detected) for name in NAMES}


def _fill(name: str, detected: Detected) -> str:
    gates = [gate for gate in detected.gates if gate.id not in _RESERVED]
    measured = [gate.id for gate in gates]
    tests = next((gate for gate in gates if gate.id == "tests"), None)
    places = {
        "environment": _environment(detected),
        "protect": _protect(detected),
        "done": f"done: {flow_list([*measured, 'honest', *_REVIEWS[name]])}",
        "gates": _gates(gates, detected.notes),
        "reproduced": _reproduced(tests),
        "step_gates": f"gates: {flow_list([*measured, 'scope', 'honest'])}",
        "reproduce_gates": f"gates: {flow_list([*(['reproduced'] if tests else []), 'scope', 'honest'])}",
    }
    text = _template(name)
    for place, content in places.items():
        # A place that stays empty takes its line with it.
        text = text.replace(f"{{{{{place}}}}}\n", f"{content}\n" if content else "")
    return text


def _template(name: str) -> str:
    from importlib.resources import files

    return files("andon.workflow.starters").joinpath(f"{name}.md").read_text(encoding="utf-8")


def _environment(detected: Detected) -> str:
    lines = [
        "# Where gates run: in a clean checkout of what was submitted, with no PATH and no variables of an agent's.",
        "environment:",
        "  isolation: sandbox   # the least that is accepted: process | sandbox | container | vm",
    ]
    if detected.setup:
        lines.append("  # Run once, with the network, and kept; again only when one of the `reuse` files changes.")
        lines += option("setup", detected.setup, 2)
        lines += option("reuse", detected.reuse, 2) if detected.reuse else []
        lines.append("  network: setup       # none | setup | all; gates themselves have no network unless `all`")
    else:
        lines.append("  network: none        # none | setup | all; `setup: [commands]` installs what gates need")
    if detected.path:
        lines.append("  # Searched before the system's own directories for programs.")
        lines += option("path", detected.path, 2)
    else:
        needed = f"; needed here: {', '.join(detected.tools)}" if detected.tools else ""
        lines.append(f'  # path: ["/opt/tools/bin"]   # directories before the system\'s default PATH{needed}')
    lines.append("  # env: {EXAMPLE: value}      # variables of gates and set-up")
    return "\n".join(lines)


def _protect(detected: Detected) -> str:
    globs = detected.protect or (".andon/**",)
    lines = [
        "# What no task may change: these files decide how the gates judge. A person can waive it for one change",
        "# (`andon waive protect`); take a file out if your tasks often have to change it.",
        *option("protect", globs, 0),
    ]
    return "\n".join(lines)


def _gates(gates: Sequence[DetectedGate], notes: Sequence[str]) -> str:
    blocks = [comment(note, 2) for note in notes]
    blocks = ["\n".join(blocks) + "\n"] if blocks else []
    if not any(gate.id == "tests" for gate in gates):
        blocks.append(_NO_TESTS)
    for gate in gates:
        lines = [comment(gate.why, 2)] if gate.why else []
        lines += [f"  {gate.id}:", *scalar("run", gate.run, 4)]
        if gate.report is not None:
            lines.append(f"    report: {{{gate.report.format}: {_plain(gate.report.path)}}}")
        if gate.require is not None:
            lines += scalar("require", gate.require, 4)
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _plain(path: str) -> str:
    return '"-"' if path == "-" else path


def _reproduced(tests: DetectedGate | None) -> str:
    """The gate that holds when there is a new failing test."""
    if tests is None:
        return ""
    lines = [
        "  # A test fails that did not before. (A condition that mentions `exit` judges it itself.)",
        "  reproduced:",
        *scalar("run", tests.run, 4),
    ]
    if tests.report is not None:
        lines.append(f"    report: {{{tests.report.format}: {_plain(tests.report.path)}}}")
    return "\n".join([*lines, *scalar("require", _one_more_fails(tests), 4)]) + "\n"


def _one_more_fails(tests: DetectedGate) -> str:
    if tests.report is None:
        return "exit != 0 && base.exit == 0"
    if tests.report.format != "json":
        return "exit != 0 && failed > base.failed"
    for figure in ("report.numFailedTests", "report.summary.failure_count"):
        if tests.require is not None and figure in tests.require:
            return f"exit != 0 && {figure} > base.{figure}"
    return "exit != 0 && base.exit == 0"
