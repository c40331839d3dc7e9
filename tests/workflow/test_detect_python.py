"""Detection of Python projects: test runners, checks, and how they are installed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from andon.workflow.detect.records import COUNTED, FINDINGS, NO_WORSE
from tests.workflow.detect_samples import PYTEST_PACKAGE, REPOSITORIES, Files, found

ACTIVE = 'PATH="$PWD/.venv/bin:$PATH" .venv/bin/python'
PYTEST = f"{ACTIVE} -m pytest -q --junitxml=$ANDON_OUT/junit.xml"
PIP = ".venv/bin/python -m pip install -q"


def test_a_pytest_package() -> None:
    detected = found(REPOSITORIES["pytest package"])
    gates = {gate.id: gate for gate in detected.gates}
    assert list(gates) == ["tests", "lint", "types"]
    assert (gates["tests"].run, gates["tests"].require) == (PYTEST, COUNTED)
    assert gates["lint"].run.startswith(".venv/bin/ruff check --output-format sarif ")
    assert gates["lint"].require == "exit <= 1 && findings <= base.findings"
    assert gates["types"].run.startswith('.venv/bin/python -m mypy src > "$ANDON_OUT/log"')
    assert (gates["types"].report, gates["types"].require) == (FINDINGS, NO_WORSE)
    assert detected.setup == ("python3 -m venv .venv", f"{PIP} -e '.[test]'", f"{PIP} ruff mypy")
    assert detected.reuse == ("pyproject.toml",)
    assert set(detected.protect) == {".andon/**", "**/conftest.py", "pytest.ini", ".pytest.ini", "pyproject.toml"}


@pytest.mark.parametrize(
    "files",
    [
        {"pytest.ini": "[pytest]\n", "setup.py": ""},
        {"tox.ini": "[pytest]\n", "setup.py": ""},
        {"setup.cfg": "[tool:pytest]\n"},
        {"setup.py": "", "tests/conftest.py": ""},
        {"requirements-dev.txt": "pytest==8\n", "setup.py": ""},
        {"requirements/tests.txt": "-r base.txt\n", "requirements/base.txt": "pytest\n", "setup.py": ""},
        {"pyproject.toml": '[project]\nname = "x"\n[project.optional-dependencies]\nci = ["pytest>8"]\n'},
        {"pyproject.toml": '[dependency-groups]\na = [{include-group = "b"}]\nb = ["pytest"]\n'},
        {"pyproject.toml": '[tool.poetry.dev-dependencies]\npytest = "^7"\n'},
        {"pyproject.toml": '[tool.hatch.envs.default]\ndependencies = ["pytest"]\n'},
        {"setup.py": "setup(extras_require={'test': ['pytest']})\n"},
        {"tox.ini": "[testenv]\ndeps = pytest\n", "setup.py": ""},
        {"noxfile.py": "session.install('pytest')\n", "setup.py": ""},
        {"setup.py": "", "tests/test_x.py": "import pytest\n"},
        {"setup.py": "", "tests/test_x.py": "def test_x(): pass\n"},
    ],
)
def test_pytest_is_recognised_and_installed(files: Files) -> None:
    detected = found({"tests/test_y.py": "", **files})
    gate = detected.gate("tests")
    assert gate is not None
    assert gate.run.removeprefix("PYTHONPATH=src ") == PYTEST
    known = "\n".join(detected.setup) + "".join(files.values())
    assert "pytest" in known
    assert detected.setup[0] == "python3 -m venv .venv"


def test_pytest_is_installed_by_name_when_nothing_requires_it() -> None:
    assert found({"setup.py": "", "tests/conftest.py": ""}).setup == (
        "python3 -m venv .venv",
        f"{PIP} -e .",
        f"{PIP} pytest",
    )


def test_what_is_not_a_package_is_not_installed() -> None:
    detected = found({"requirements.txt": "flask\n", "tests/test_x.py": "import pytest\n", "src/app.py": ""})
    assert detected.setup == ("python3 -m venv .venv", f"{PIP} -r requirements.txt", f"{PIP} pytest")
    gate = detected.gate("tests")
    assert gate is not None
    assert gate.run == f"PYTHONPATH=src {PYTEST}"
    listed = found({"pyproject.toml": '[project]\nname="x"\ndependencies=["a>=1", "pytest"]\n', "tests/test_x.py": ""})
    assert listed.setup == ("python3 -m venv .venv", f"{PIP} 'a>=1' pytest")


def test_unittest_is_run_as_it_is_and_counted() -> None:
    detected = found(REPOSITORIES["unittest"])
    gate = detected.gate("tests")
    assert gate is not None
    assert gate.run == f'{ACTIVE} -m xmlrunner discover -s tests --output-file "$ANDON_OUT/junit.xml"'
    assert gate.require == COUNTED
    assert detected.setup[-1] == f"{PIP} unittest-xml-reporting"
    assert any("unittest-xml-reporting" in note for note in detected.notes)
    assert not any("conftest" in glob for glob in detected.protect)


def test_unittest_in_a_package_is_discovered_from_the_top() -> None:
    gate = found({"tests/__init__.py": "", "tests/test_x.py": "import unittest\n"}).gate("tests")
    assert gate is None, "nothing but tests is no Python project"
    gate = found({"x.py": "", "tests/__init__.py": "", "tests/test_x.py": "import unittest\n"}).gate("tests")
    assert gate is not None
    assert "-s tests" not in gate.run


def test_django_without_pytest() -> None:
    gate = found(REPOSITORIES["django"]).gate("tests")
    assert gate is not None
    assert gate.run.startswith(f"{ACTIVE} manage.py test")
    with_pytest = found({**REPOSITORIES["django"], "pytest.ini": "[pytest]\n"}).gate("tests")
    assert with_pytest is not None
    assert "pytest" in with_pytest.run


def test_lock_files_are_installed_by_their_own_tool() -> None:
    uv = found(REPOSITORIES["uv"])
    assert uv.setup[-1] == '"$HOME/tools/bin/uv" sync --frozen --group lint'
    assert uv.reuse == ("pyproject.toml", "uv.lock")
    poetry = found(REPOSITORIES["poetry"])
    assert poetry.setup[-1] == (
        'POETRY_VIRTUALENVS_IN_PROJECT=true "$HOME/tools/bin/poetry" install --no-interaction --all-extras'
    )
    pdm = found({"pyproject.toml": "[tool.mypy]\n", "pdm.lock": "", "tests/test_x.py": "import pytest\n"})
    assert pdm.setup[-1] == f"{PIP} pytest mypy"
    pipenv = found({"Pipfile": "", "Pipfile.lock": "{}", "tests/test_x.py": "import pytest\n"})
    assert any("pipenv" in command for command in pipenv.setup)


def test_dependency_groups_and_extras_that_hold_a_needed_tool() -> None:
    pyproject = (
        '[build-system]\nrequires = ["setuptools"]\n[project.optional-dependencies]\nstyle = ["ruff"]\n'
        'plot = ["numpy"]\n'
        '[dependency-groups]\ntest = ["pytest"]\n[tool.ruff]\n'
    )
    detected = found({"pyproject.toml": pyproject, "tests/test_x.py": ""})
    assert f"{PIP} -e '.[style]'" in detected.setup
    assert f"{PIP} --group test" in detected.setup
    assert not any("numpy" in command or "plot" in command for command in detected.setup)


def test_requirement_files() -> None:
    files = {"setup.py": "", "requirements.txt": "a\n", "requirements-dev.txt": "-r requirements.txt\npytest\nflake8\n"}
    detected = found({**files, "tests/test_x.py": "", ".flake8": ""})
    assert detected.setup == ("python3 -m venv .venv", f"{PIP} -e .", f"{PIP} -r requirements-dev.txt")
    assert "requirements-dev.txt" in detected.reuse
    compiled = found({"setup.py": "", "requirements/test.in": "pytest\n", "requirements/test.txt": "pytest==8\n"})
    assert f"{PIP} -r requirements/test.txt" in compiled.setup or compiled.setup == ()


def test_tox_dependencies_are_installed_without_options_and_substitutions() -> None:
    tox = "[testenv]\ndeps =\n    pytest\n    pytest-cov>=2\n    -rrequirements.txt\n    lxml: lxml\n    {env:X:}\n"
    detected = found({"setup.py": "", "tox.ini": tox, "tests/test_x.py": ""})
    assert f"{PIP} pytest 'pytest-cov>=2'" in detected.setup
    assert "tox.ini" in detected.protect
    assert "tox.ini" in detected.reuse


@pytest.mark.parametrize(
    ("files", "prefix"),
    [
        (
            {"pyproject.toml": '[build-system]\nrequires = ["setuptools", "setuptools_scm[toml]>=8"]\n'},
            "SETUPTOOLS_SCM_",
        ),
        ({"pyproject.toml": '[build-system]\nrequires = ["hatchling", "hatch-vcs"]\n'}, "SETUPTOOLS_SCM_"),
        ({"setup.py": "setup(use_scm_version=True)\n"}, "SETUPTOOLS_SCM_"),
        ({"setup.py": "setup(setup_requires=['pbr'], pbr=True)\n"}, "PBR_VERSION"),
    ],
)
def test_a_version_from_git_is_given_since_checkouts_have_no_history(files: Files, prefix: str) -> None:
    detected = found({**files, "tests/test_x.py": "import pytest\n"})
    assert detected.setup[1].startswith(prefix)
    assert any("0.0.0" in note for note in detected.notes)


def test_lint_and_format() -> None:
    flake8 = found({"setup.py": "", "setup.cfg": "[flake8]\nmax-line-length = 100\n", "tests/test_x.py": ""})
    gates = {gate.id: gate for gate in flake8.gates}
    assert gates["lint"].run.startswith(".venv/bin/python -m flake8 --count")
    black = found({"pyproject.toml": "[tool.black]\n"})
    assert [gate.run.split(" > ")[0] for gate in black.gates] == [".venv/bin/python -m black --check ."]
    both = found({"pyproject.toml": "[tool.black]\n[tool.ruff.format]\n"})
    assert [gate.id for gate in both.gates] == ["lint", "format"]
    assert both.gates[1].run.startswith(".venv/bin/ruff format --check . ")


@pytest.mark.parametrize(
    ("gate", "output", "counted"),
    [
        ("lint", "./a.py:1:1: E501 line too long\n./b.py:2:1: E501 line too long\n2\n", 2),
        ("lint", "0\n", 0),
        ("lint", "Traceback (most recent call last):\nImportError: 3\n", None),
        ("types", "a.py:1: error: x\na.py:2: note: y\nFound 1 error in 1 file (checked 3 source files)\n", 1),
        ("types", "Success: no issues found in 3 source files\n", 0),
        ("types", "/bin/python: No module named mypy\n", None),
        (
            "format",
            "would reformat a.py\n\nOh no!\n30 files would be reformatted, 31 files would be left unchanged.\n",
            30,
        ),
        ("format", "would reformat a.py\n1 file would be reformatted.\n", 1),
        ("format", "All done!\n61 files would be left unchanged.\n", 0),
        ("format", "error: cannot format a.py\n", None),
    ],
)
def test_findings_are_counted_only_when_the_checker_came_to_its_end(
    gate: str, output: str, counted: int | None, tmp_path: Path
) -> None:
    files = {"pyproject.toml": "[tool.black]\n[tool.mypy]\n", ".flake8": "", "a.py": ""}
    made = found(files).gate(gate)
    assert made is not None
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text(f"#!/bin/sh\ncat <<'END'\n{output}END\nexit 1\n")
    python.chmod(0o755)
    env = {"PATH": "/usr/bin:/bin", "ANDON_OUT": str(tmp_path)}
    done = subprocess.run(["/bin/sh", "-c", made.run], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert output in done.stdout
    report = (tmp_path / "findings.json").read_text()
    assert report == ("" if counted is None else json.dumps({"findings": counted}))


def test_mypy_is_told_what_to_check_only_when_its_configuration_does_not_say() -> None:
    said = found({"pyproject.toml": '[tool.mypy]\nfiles = ["a"]\n'}).gate("types")
    assert said is not None
    assert said.run.startswith(".venv/bin/python -m mypy > ")
    packages = found({"mypy.ini": "[mypy]\n", "setup.py": "", "a/__init__.py": "", "tests/__init__.py": ""}).gate(
        "types"
    )
    assert packages is not None
    assert packages.run.startswith(".venv/bin/python -m mypy a > ")


def test_configuration_that_only_holds_dependencies_is_not_protected() -> None:
    detected = found({"pyproject.toml": '[project]\nname = "x"\n', "tests/test_x.py": "import pytest\n"})
    assert "pyproject.toml" not in detected.protect
    assert "**/conftest.py" in detected.protect


def test_extension_modules_are_a_note() -> None:
    detected = found({"setup.py": "setup(ext_modules=[Extension('x', ['x.c'])])\n", "tests/test_x.py": ""})
    assert any("environment.reuse" in note for note in detected.notes)


def test_no_set_up_without_gates() -> None:
    assert found({"pyproject.toml": PYTEST_PACKAGE.split("[tool.pytest")[0].replace("pytest", "x")}).setup == ()
