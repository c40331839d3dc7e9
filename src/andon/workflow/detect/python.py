"""Python: pytest, unittest, Django; ruff, flake8, mypy, black.

Tools run from the virtual environment `.venv` that set-up makes; what set-up has to install is worked out in
`python_setup`.
"""

from __future__ import annotations

import re

from andon.core.workflow import Report
from andon.workflow.detect.python_setup import Project, install
from andon.workflow.detect.records import (
    COUNTED,
    FINDINGS,
    NO_WORSE,
    SPOKE,
    DetectedGate,
    Part,
    Repository,
    counting_findings,
    table,
    unique,
)

MARKERS = (
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "requirements.txt",
    "tox.ini",
    "noxfile.py",
    "Pipfile",
    "manage.py",
)
TESTS_READ = 60
ACTIVE = 'PATH="$PWD/.venv/bin:$PATH" .venv/bin/python'
"""As in an activated environment: tests may call the programs that were installed into it."""
PYTEST = f"{ACTIVE} -m pytest -q --junitxml=$ANDON_OUT/junit.xml"
_TEST_FILE = re.compile(r"(^|/)(test_[^/]*|[^/]*_test|tests)\.py$")


def detect_python(repository: Repository) -> Part | None:
    """Gates and set-up of a Python project; None when this is not one."""
    tests = [path for path in repository.files if _TEST_FILE.search(path)]
    if not repository.has(*MARKERS) and not (tests and repository.at_root(".py")):
        return None
    project = Project(repository)
    notes: list[str] = []
    gates: list[DetectedGate] = []
    wanted: list[str] = []
    runner = _runner(repository, project, tests)
    if runner is not None:
        gate, package = runner
        gates.append(gate)
        wanted += [package] if package else []
    for gate, package in _checks(repository, project):
        gates.append(gate)
        wanted.append(package)
    done = install(project, wanted)
    notes += done.notes
    if gates and gates[0].id == "tests" and runner is not None and runner[1] == "unittest-xml-reporting":
        notes.append(
            "The tests are unittest's own; set-up adds unittest-xml-reporting, which runs them unchanged and leaves a "
            "report in which they can be counted."
        )
    if repository.has("tox.ini", "noxfile.py") and gates:
        notes.append(
            "tox and nox build environments over the network, which gates do not have: the tests are run directly."
        )
    return Part(
        language="python",
        gates=tuple(gates),
        setup=done.commands if gates else (),
        reuse=done.reuse,
        protect=_protect(repository, project, tests, pytest=runner is not None and "pytest" in runner[0].run),
        notes=tuple(notes),
        tools=("python3",),
    )


# ---------------------------------------------------------------- tests


def _runner(repository: Repository, project: Project, tests: list[str]) -> tuple[DetectedGate, str] | None:
    """The gate `tests` and the package that it needs."""
    source = _source_path(repository, project)
    if evidence := _uses_pytest(repository, project, tests):
        return _tests(source + PYTEST, f"pytest: {evidence}"), "pytest"
    if repository.has("manage.py"):
        run = f"{ACTIVE} manage.py test --noinput -v 2"
        return DetectedGate(id="tests", run=run, require=SPOKE, why="manage.py: Django's own test command"), "django"
    if not tests:
        return None
    if any(re.search(r"^\s*(import|from) unittest\b", repository.text(path), re.M) for path in tests[:TESTS_READ]):
        start = _unittest_start(repository, tests)
        run = f'{source}{ACTIVE} -m xmlrunner discover {start}--output-file "$ANDON_OUT/junit.xml"'
        return _tests(run, "unittest: the test files use it"), "unittest-xml-reporting"
    return _tests(source + PYTEST, "test files of plain functions, which pytest runs"), "pytest"


def _tests(run: str, why: str) -> DetectedGate:
    return DetectedGate(id="tests", run=run, report=Report(format="junit", path="junit.xml"), require=COUNTED, why=why)


def _uses_pytest(repository: Repository, project: Project, tests: list[str]) -> str:
    """Where pytest is seen, or ""."""
    if table(project.data, "tool", "pytest"):
        return "[tool.pytest] in pyproject.toml"
    if found := repository.first("pytest.ini", ".pytest.ini"):
        return found
    for path, section in (("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        if section in project.sections(path):
            return f"[{section}] in {path}"
    if conftest := next((path for path in repository.files if path.split("/")[-1] == "conftest.py"), None):
        return conftest
    if project.names("pytest"):
        return "among the dependencies"
    if re.search(r"\b(py\.test|pytest)\b", repository.text("noxfile.py") + repository.text("tox.ini")):
        return "in tox.ini or noxfile.py"
    for path in tests[:TESTS_READ]:
        if re.search(r"^\s*(import|from) pytest\b", repository.text(path), re.M):
            return f"imported by {path}"
    return ""


def _source_path(repository: Repository, project: Project) -> str:
    """A project that is not installed has to be found by its tests."""
    plain = not project.is_package and repository.below("src") and not repository.has("src/__init__.py")
    return "PYTHONPATH=src " if plain else ""


def _unittest_start(repository: Repository, tests: list[str]) -> str:
    """unittest finds `test*.py` from the top by itself, through packages only."""
    tops = unique(path.split("/")[0] for path in tests if "/" in path)
    at_top = any("/" not in path for path in tests)
    if len(tops) == 1 and not at_top and not repository.has(f"{tops[0]}/__init__.py"):
        return f"-s {tops[0]} "
    return ""


# ---------------------------------------------------------------- lint, types, format


def _checks(repository: Repository, project: Project) -> list[tuple[DetectedGate, str]]:
    """Checkers and the packages that they need. Each must find no more than it does on the target branch."""
    tool = table(project.data, "tool")
    found: list[tuple[DetectedGate, str]] = []
    flake8 = repository.has(".flake8") or any("flake8" in project.sections(path) for path in ("setup.cfg", "tox.ini"))
    if "ruff" in tool or repository.has("ruff.toml", ".ruff.toml") or project.names("ruff"):
        found.append((_ruff("ruff is configured or required"), "ruff"))
        if "format" in table(tool, "ruff"):
            found.append(
                (_checker("format", ".venv/bin/ruff format --check .", _FORMATTED, "[tool.ruff.format]"), "ruff")
            )
    elif flake8 or project.names("flake8"):
        run = ".venv/bin/python -m flake8 --count --exclude=.venv,.git,build,dist"
        found.append((_checker("lint", run, _FLAKE8, "flake8 is configured or required"), "flake8"))
    if "black" in tool and not any(gate.id == "format" for gate, _ in found):
        run = ".venv/bin/python -m black --check ."
        found.append((_checker("format", run, _FORMATTED, "[tool.black]"), "black"))
    if "mypy" in tool or repository.has("mypy.ini", ".mypy.ini") or "mypy" in project.sections("setup.cfg"):
        run = f".venv/bin/python -m mypy{_mypy_target(repository, project)}"
        found.append((_checker("types", run, _MYPY, "mypy is configured"), "mypy"))
    return found


# How each checker ends: awk rules, see `counting_findings`.
_FLAKE8 = "/^[0-9]+$/ { seen = 1; n = $1 }"
_MYPY = "/^Success: / { seen = 1 } /^Found [0-9]+ errors? in / { seen = 1; n = $2 }"
_FORMATTED = "/ would be reformatted/ { seen = 1; n = $1 } / left unchanged| already formatted/ { seen = 1 }"


def _checker(name: str, command: str, rules: str, why: str) -> DetectedGate:
    run = counting_findings(command, rules)
    return DetectedGate(id=name, run=run, report=FINDINGS, require=NO_WORSE, why=f"{why}: no more than on the branch")


def _ruff(why: str) -> DetectedGate:
    run = '.venv/bin/ruff check --output-format sarif --output-file "$ANDON_OUT/ruff.sarif" .'
    report = Report(format="sarif", path="ruff.sarif")
    require = "exit <= 1 && findings <= base.findings"
    return DetectedGate(id="lint", run=run, report=report, require=require, why=f"{why}: no more than on the branch")


def _mypy_target(repository: Repository, project: Project) -> str:
    """What mypy is told to check, when its configuration does not say."""
    configured = table(project.data, "tool", "mypy")
    for path in ("mypy.ini", ".mypy.ini", "setup.cfg"):
        configured = {**project.sections(path).get("mypy", {}), **configured}
    if {"files", "packages", "modules"} & set(configured):
        return ""
    if repository.below("src"):
        return " src"
    packages = [path.split("/")[0] for path in repository.files if re.fullmatch(r"[^/]+/__init__\.py", path)]
    named = [name for name in unique(packages) if name not in ("tests", "test", "docs", "examples")]
    return " " + " ".join(named) if named else " ."


def _protect(repository: Repository, project: Project, tests: list[str], *, pytest: bool) -> tuple[str, ...]:
    """Files that decide which tests run and how; also those that would, were they added."""
    found: list[str] = []
    if pytest:
        found += ["**/conftest.py", "pytest.ini", ".pytest.ini"]
        found += [path for path in ("tox.ini", "setup.cfg") if repository.has(path)]
    tool = table(project.data, "tool")
    if {"pytest", "ruff", "mypy", "black", "coverage"} & set(tool):
        found.append("pyproject.toml")
    found += repository.present(
        ("ruff.toml", ".ruff.toml", ".flake8", "mypy.ini", ".mypy.ini", ".coveragerc", "manage.py")
    )
    return unique(found)
