"""What a Python project needs installed, and the commands that install it into `.venv`.

Rules. A project that is a package is installed in editable form, with its test extras; one that is not is never
installed, only what it requires. Projects with a lock file are installed by the tool that wrote it, which set-up puts
into a virtual environment of its own in the kept home directory. A tool that a gate needs and nothing requires is
installed by name.
"""

from __future__ import annotations

import re

from msgspec import Struct

from andon.workflow.detect.records import Repository, quoted, strings, table, unique

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

TEST_NAMES = ("test", "tests", "testing", "pytest", "dev", "develop", "development")
MAX_INCLUDES = 20
VENV = "python3 -m venv .venv"
PIP = ".venv/bin/python -m pip install -q"
_REQUIREMENTS = re.compile(
    r"^(requirements/)?((dev|test|tests|testing|ci)([-_.]?requirements)?|requirements[-_.](dev|test|tests|testing|ci))\.(txt|in)$"
)
_NAME = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


class Install(Struct, frozen=True, kw_only=True):
    """commands: for the environment's set-up. reuse: files that they depend on."""

    commands: tuple[str, ...]
    reuse: tuple[str, ...]
    notes: tuple[str, ...] = ()


class Project:
    """A Python project's metadata: what it requires, and under which names."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.data: dict[str, Any] = repository.toml("pyproject.toml") if repository.has("pyproject.toml") else {}
        self._sections: dict[str, dict[str, dict[str, str]]] = {}
        metadata = self.sections("setup.cfg").get("metadata", {})
        self.is_package = bool(table(self.data, "build-system")) or repository.has("setup.py") or "name" in metadata
        self.extras = self._extras()
        self.groups = self._groups()
        self.files = self._requirement_files()

    def sections(self, path: str) -> dict[str, dict[str, str]]:
        """The sections of an INI file."""
        if path not in self._sections:
            self._sections[path] = self.repository.ini(path) if self.repository.has(path) else {}
        return self._sections[path]

    def names(self, package: str) -> bool:
        """Whether the project requires a package anywhere: dependencies, extras, groups, requirement files, tools'
        own."""
        return package in _names(self._everything())

    def _everything(self) -> list[str]:
        found = strings(table(self.data, "project").get("dependencies"))
        for requirements in (*self.extras.values(), *self.groups.values()):
            found += requirements
        for path in self.files:
            found += self.required_by_file(path)
        found += self.tool_dependencies()
        found += self.tox_dependencies()
        return found

    def required_by_file(self, path: str, depth: int = 0) -> list[str]:
        """The requirements in a requirements file and those that it includes."""
        found: list[str] = []
        for line in self.repository.text(path).splitlines():
            included = re.match(r"\s*(?:-r|--requirement)[ =]?\s*(\S+)", line)
            if included and depth < MAX_INCLUDES:
                folder = path.rpartition("/")[0]
                target = f"{folder}/{included[1]}" if folder else included[1]
                found += self.required_by_file(target.removeprefix("./"), depth + 1)
            elif _NAME.match(line):
                found.append(line)
        return found

    def tool_dependencies(self) -> list[str]:
        """Development requirements in the tables of poetry, pdm, uv and hatch."""
        tool = table(self.data, "tool")
        found = [*table(tool, "poetry", "dependencies"), *table(tool, "poetry", "dev-dependencies")]
        for group in table(tool, "poetry", "group").values():
            found += table(group, "dependencies")
        for requirements in table(tool, "pdm", "dev-dependencies").values():
            found += strings(requirements)
        found += strings(table(tool, "uv").get("dev-dependencies"))
        found += self.hatch_dependencies()
        return found

    def hatch_dependencies(self) -> list[str]:
        """Requirements of hatch's environments for working and testing."""
        found: list[str] = []
        environments = table(self.data, "tool", "hatch", "envs")
        for name in ("default", "test", "tests", "hatch-test", "dev", "lint"):
            environment = table(environments, name)
            found += strings(environment.get("dependencies")) + strings(environment.get("extra-dependencies"))
        return found

    def tox_dependencies(self) -> list[str]:
        """Requirements of tox's test environment that are plain: neither options nor substitutions."""
        lines = self.sections("tox.ini").get("testenv", {}).get("deps", "").splitlines()
        return [
            line.strip() for line in lines if _NAME.match(line) and "{" not in line and ":" not in line.split(";")[0]
        ]

    def _extras(self) -> dict[str, list[str]]:
        found = {key: strings(value) for key, value in table(self.data, "project", "optional-dependencies").items()}
        for key, value in self.sections("setup.cfg").get("options.extras_require", {}).items():
            found.setdefault(key, value.split("\n"))
        for key, value in table(self.data, "tool", "poetry", "extras").items():
            found.setdefault(key, strings(value))
        if not found and self.repository.has("setup.py"):
            found = _setup_py_extras(self.repository.text("setup.py"))
        return found

    def _groups(self) -> dict[str, list[str]]:
        raw = table(self.data, "dependency-groups")
        return {name: _flat_group(raw, name, 0) for name in raw}

    def _requirement_files(self) -> list[str]:
        found = [path for path in self.repository.files if _REQUIREMENTS.match(path)]
        # Where a compiled file stands beside its source, the compiled one is meant to be installed.
        found = [path for path in found if not (path.endswith(".in") and path[:-3] + ".txt" in found)]
        plain = "requirements.txt"
        included = any(re.search(r"-r\s+(\.\./|\./)?requirements\.txt", self.repository.text(path)) for path in found)
        if self.repository.has(plain) and not included and (not self.is_package or not found):
            found.insert(0, plain)
        return found


def install(project: Project, wanted: Iterable[str]) -> Install:
    """How to install the project so that the wanted packages are there."""
    packages = list(unique(wanted))
    repository = project.repository
    tool = table(project.data, "tool")
    if repository.has("uv.lock"):
        return _locked(project, packages, "uv", f"sync --frozen{_uv_options(project, packages)}", "uv.lock")
    if repository.has("poetry.lock"):
        return _locked(project, packages, "poetry", "install --no-interaction --all-extras", "poetry.lock")
    if repository.has("pdm.lock"):
        return _locked(project, packages, "pdm", "install --frozen-lockfile -G :all", "pdm.lock")
    if repository.has("Pipfile.lock"):
        return _locked(project, packages, "pipenv", "install --dev --deploy", "Pipfile.lock")
    commands, reuse, covered = _by_pip(project, packages)
    if table(tool, "poetry") and not project.is_package:
        covered += [*table(tool, "poetry", "dependencies")]
    missing = [package for package in packages if package not in _names(covered)]
    if missing:
        commands.append(f"{PIP} {quoted(missing)}")
    notes = _version_notes(project)
    if re.search(r"\bext_modules\b|cythonize|setuptools_rust|Extension\(", repository.text("setup.py")):
        notes.append(
            "setup.py builds extension modules: add their sources to environment.reuse, or they are not built again."
        )
    return Install(commands=tuple(commands), reuse=unique(reuse), notes=tuple(notes))


def _by_pip(project: Project, packages: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Commands, the files that they depend on, and the requirements that they cover."""
    repository = project.repository
    commands = [VENV]
    reuse = repository.present(("pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in"))
    covered = strings(table(project.data, "project").get("dependencies"))
    extras = _chosen(project.extras, packages)
    for name in extras:
        covered += project.extras[name]
    if project.is_package:
        target = quoted([f".[{','.join(extras)}]"] if extras else ["."])
        commands.append(f"{_version(project)}{PIP} -e {target}")
    elif covered:
        commands.append(f"{PIP} {quoted(covered)}")
    groups = _chosen(project.groups, packages)
    if groups:
        # Older versions of pip do not know dependency groups.
        commands.append(f"{PIP} --upgrade 'pip>=25.1'")
        commands.append(f"{PIP} {' '.join(f'--group {quoted([name])}' for name in groups)}")
        for name in groups:
            covered += project.groups[name]
    if project.files:
        commands.append(f"{PIP} {' '.join(f'-r {quoted([path])}' for path in project.files)}")
        reuse += project.files
        for path in project.files:
            covered += project.required_by_file(path)
    others = [line for line in (*_plain_tool_dependencies(project), *project.tox_dependencies()) if line not in covered]
    others = [line for line in others if _name(line) not in _names(covered)]
    if others:
        commands.append(f"{PIP} {quoted(unique(others))}")
        reuse += repository.present(("tox.ini",)) if project.tox_dependencies() else []
        covered += others
    return commands, reuse, covered


def _plain_tool_dependencies(project: Project) -> list[str]:
    """Development requirements outside of the standard tables that pip can be given as they are."""
    tool = table(project.data, "tool")
    found = strings(table(tool, "uv").get("dev-dependencies")) + project.hatch_dependencies()
    for requirements in table(tool, "pdm", "dev-dependencies").values():
        found += [line for line in strings(requirements) if not line.startswith("-")]
    for group in (table(tool, "poetry", "dev-dependencies"), *table(tool, "poetry", "group").values()):
        found += [
            name for name in table(group, "dependencies") or group if name not in ("python", "optional", "dependencies")
        ]
    return [line for line in found if "{" not in line]


def _locked(project: Project, packages: list[str], manager: str, arguments: str, lock: str) -> Install:
    """Install by the tool that wrote the lock file; it is kept apart from what it installs."""
    prefix = {"poetry": "POETRY_VIRTUALENVS_IN_PROJECT=true ", "pipenv": "PIPENV_VENV_IN_PROJECT=1 "}.get(manager, "")
    commands = [
        'python3 -m venv "$HOME/tools"',
        f'"$HOME/tools/bin/python" -m pip install -q {manager}',
        VENV,
        f'{_version(project)}{prefix}"$HOME/tools/bin/{manager}" {arguments}',
    ]
    missing = [package for package in packages if not project.names(package)]
    if missing:
        if manager == "uv":
            commands.append(f'"$HOME/tools/bin/uv" pip install {quoted(missing)}')
        else:
            commands.append(f"{PIP} {quoted(missing)}")
    reuse = project.repository.present(("pyproject.toml", "setup.py", "setup.cfg", "Pipfile", lock))
    return Install(commands=tuple(commands), reuse=unique(reuse), notes=tuple(_version_notes(project)))


_VERSION_FROM_GIT = {
    "setuptools-scm": "SETUPTOOLS_SCM_PRETEND_VERSION",
    "hatch-vcs": "SETUPTOOLS_SCM_PRETEND_VERSION",
    "pbr": "PBR_VERSION",
    "poetry-dynamic-versioning": "POETRY_DYNAMIC_VERSIONING_BYPASS",
    "uv-dynamic-versioning": "UV_DYNAMIC_VERSIONING_BYPASS",
}
"""Build requirements that ask git for the version -> the variable that gives it instead."""


def _version(project: Project) -> str:
    """Gates and set-up run in a checkout without history: a version that comes from there has to be given."""
    build = table(project.data, "build-system")
    required = _names(strings(build.get("requires")))
    variable = next((variable for name, variable in _VERSION_FROM_GIT.items() if name in required), "")
    if not variable and re.search(r"use_scm_version|setuptools_scm", project.repository.text("setup.py")):
        variable = "SETUPTOOLS_SCM_PRETEND_VERSION"
    if not variable and re.search(r"\bpbr\s*=", project.repository.text("setup.py")):
        variable = "PBR_VERSION"
    if not variable and table(project.data, "tool", "pdm", "version").get("source") == "scm":
        variable = "PDM_BUILD_SCM_VERSION"
    return f"{variable}=0.0.0 " if variable else ""


def _version_notes(project: Project) -> list[str]:
    if not _version(project):
        return []
    return ["The project's version comes from git's history, which checkouts do not have: set-up calls it 0.0.0."]


def _uv_options(project: Project, packages: list[str]) -> str:
    """Extras and groups that uv does not install by itself (its group `dev` it does)."""
    extras = "".join(f" --extra {name}" for name in _chosen(project.extras, packages))
    groups = "".join(f" --group {name}" for name in _chosen(project.groups, packages) if name != "dev")
    return extras + groups


def _chosen(named: dict[str, list[str]], packages: list[str]) -> list[str]:
    """The sets of requirements for testing, and those that hold a wanted package that is in none of these."""
    chosen = [name for name in named if name.lower() in TEST_NAMES]
    for package in packages:
        if any(package in _names(named[name]) for name in chosen):
            continue
        other = next((name for name in named if package in _names(named[name])), None)
        if other is not None:
            chosen.append(other)
    return chosen


def _flat_group(raw: dict[str, Any], name: str, depth: int) -> list[str]:
    found: list[str] = []
    members = raw.get(name)
    for member in members if isinstance(members, list) else []:
        if isinstance(member, str):
            found.append(member)
        elif isinstance(member, dict) and isinstance(member.get("include-group"), str) and depth < MAX_INCLUDES:
            found += _flat_group(raw, member["include-group"], depth + 1)
    return found


def _setup_py_extras(text: str) -> dict[str, list[str]]:
    """Extras that setup.py gives as literal lists; it is parsed, never run."""
    import ast

    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    found: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "extras_require" and isinstance(node.value, ast.Dict):
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    items = value.elts if isinstance(value, ast.List | ast.Tuple) else []
                    found[key.value] = [
                        x.value for x in items if isinstance(x, ast.Constant) and isinstance(x.value, str)
                    ]
    return found


def _names(requirements: Iterable[str]) -> set[str]:
    return {_name(line) for line in requirements}


def _name(requirement: str) -> str:
    """A requirement's package name in its normal form."""
    match = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", match[1]).lower() if match else ""
