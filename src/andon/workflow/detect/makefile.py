"""Makefiles (and justfiles): the targets test, check, lint and build, where nothing more precise was found."""

from __future__ import annotations

import re

from andon.workflow.detect.records import EXIT_ONLY, DetectedGate, Part, Repository

MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
JUSTFILES = ("justfile", "Justfile", ".justfile")
_RULE = re.compile(r"^([A-Za-z0-9_.-][A-Za-z0-9_. -]*?)\s*::?(?!=)", re.M)
_RECIPE = re.compile(r"^@?([A-Za-z0-9_-]+)(?:[ \t][^:\n]*)?:(?!=)", re.M)


def detect_make(repository: Repository, covered: frozenset[str]) -> Part | None:
    """Gates for targets that are not covered by a detector of the language."""
    for names, tool, pattern in ((MAKEFILES, "make", _RULE), (JUSTFILES, "just", _RECIPE)):
        path = repository.first(*names)
        if path is None:
            continue
        targets = {name for match in pattern.finditer(repository.text(path)) for name in match[1].split()}
        gates: list[DetectedGate] = []
        notes: list[str] = []
        for gate, candidates in (
            ("tests", ("test", "tests", "check")),
            ("lint", ("lint",)),
            ("build", ("build", "all")),
        ):
            target = next((name for name in candidates if name in targets), None)
            if target is None or gate in covered:
                continue
            if gate == "build" and ("tests" in covered or any(one.id == "tests" for one in gates)):
                continue
            gates.append(
                DetectedGate(id=gate, run=f"{tool} {target}", require=EXIT_ONLY, why=f"{path}: target `{target}`")
            )
        if "tests" in covered and {"test", "check"} & targets:
            notes.append(
                f"{path} has a target for tests, too; the language's own runner is used: its tests can be counted."
            )
        if any(gate.id == "tests" for gate in gates):
            notes.append(
                f"{gates[0].run} is judged by its exit code alone: let it write a JUnit or TAP report to $ANDON_OUT, "
                "and add `report:`."
            )
        # A Makefile that defines gates must not be weakened by the work that they judge.
        return Part(
            language=tool,
            gates=tuple(gates),
            protect=(path,) if gates else (),
            notes=tuple(notes),
            tools=(tool,) if gates else (),
        )
    return None
