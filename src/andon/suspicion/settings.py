"""Settings of linters, type checkers, coverage and test runners, read from any of their files into one flat form.

`pyproject.toml`, `setup.cfg`, `mypy.ini` and their like give the same names, so that a setting which moves between files is no
change. Names are lower case with underscores: `ruff.ignore`, `mypy.overrides[pkg.*].ignore_errors`. Must not know what is
looser than what.
"""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

from andon.suspicion.records import Side

Settings = dict[str, Any]
"""Name -> text, number, boolean or list of texts."""

DEPTH_MAX = 12
SETTINGS_MAX = 5000
_TOOLS = ("ruff", "mypy", "coverage", "pytest", "pylint", "pyright", "flake8", "bandit", "basedpyright", "pycodestyle")
_TOML = {
    "ruff.toml": "ruff",
    ".ruff.toml": "ruff",
    "pytest.toml": "pytest",
    ".pytest.toml": "pytest",
    ".coveragerc.toml": "coverage",
}
_INI = {
    "setup.cfg": "", "tox.ini": "", ".flake8": "flake8", "mypy.ini": "mypy", ".mypy.ini": "mypy", "pytest.ini": "pytest",
    ".pytest.ini": "pytest", ".coveragerc": "coverage", ".pylintrc": "pylint", "pylintrc": "pylint",
}  # fmt: skip
_JSON = {
    "pyrightconfig.json": "pyright",
    ".eslintrc": "eslint",
    ".eslintrc.json": "eslint",
    "jest.config.json": "jest",
    "biome.json": "biome",
}
_PACKAGE = {"jest": "jest", "eslintConfig": "eslint", "nyc": "coverage", "c8": "coverage"}
_TSCONFIG = re.compile(r"^tsconfig[\w.-]*\.json$")
_SEPARATORS = re.compile(r"[,\n]+")
_JSON_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)', re.DOTALL)


def is_settings(path: str) -> bool:
    """Whether a file is read by `read`."""
    name = path.rsplit("/", 1)[-1]
    return (
        name in ("pyproject.toml", "package.json")
        or name in _TOML
        or name in _INI
        or name in _JSON
        or bool(_TSCONFIG.match(name))
    )


def read(side: Side) -> Settings:
    """The settings of a file; sets `side.problem` when it can't be read."""
    if not side.exists or side.problem:
        return {}
    name = side.path.rsplit("/", 1)[-1]
    try:
        found = _read(name, side.text)
    except (ValueError, configparser.Error, RecursionError, MemoryError):
        # tomllib's and json's errors are ValueErrors.
        side.problem = "does not parse"
        return {}
    _fold_extensions(found)
    return found


def _fold_extensions(found: Settings) -> None:
    """`extend_select` beside `select` is one list to whoever compares what is demanded."""
    for name in [name for name in found if name.rpartition(".")[2].startswith("extend_")]:
        head, _dot, key = name.rpartition(".")
        plain = f"{head}.{key.removeprefix('extend_')}"
        found[plain] = [*items(found.get(plain)), *items(found.pop(name))]


def _read(name: str, text: str) -> Settings:
    found: Settings = {}
    if name == "pyproject.toml":
        tools = tomllib.loads(text).get("tool", {})
        for tool in _TOOLS:
            table = tools.get(tool) if isinstance(tools, dict) else None
            if tool == "pytest" and isinstance(table, dict):
                inner = table.pop("ini_options", {})
                table = {**table, **(inner if isinstance(inner, dict) else {})}
            _flatten(tool, table, found)
    elif name in _TOML:
        _flatten(_TOML[name], tomllib.loads(text), found)
    elif name in _INI:
        _ini(_INI[name], text, found)
    else:
        value = json.loads(_JSON_COMMENT.sub(lambda match: match[1] or " ", text) if name != "package.json" else text)
        if name == "package.json":
            for key, tool in _PACKAGE.items():
                _flatten(tool, value.get(key) if isinstance(value, dict) else None, found)
        else:
            _flatten(_JSON.get(name, "tsconfig"), value, found)
    return found


def _ini(default: str, text: str, found: Settings) -> None:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True, inline_comment_prefixes=None)
    parser.read_string(text)
    for section in parser.sections():
        tool, rest = _section(section, default)
        if tool not in _TOOLS:
            continue
        for key, value in parser.items(section):
            _put(found, f"{tool}.{rest}{key}", _plain(value or ""))


def _section(section: str, default: str) -> tuple[str, str]:
    """(tool, prefix of its settings) of an ini section."""
    if section.startswith("mypy-"):
        return "mypy", f"overrides[{section[5:]}]."
    if section.startswith("coverage:"):
        return "coverage", f"{section[9:]}."
    if section in ("tool:pytest", "pytest"):
        return "pytest", ""
    if section in _TOOLS:
        return section, ""
    if default == "coverage":
        return "coverage", f"{section}."
    return (default, "") if default in ("pylint", "flake8") else ("", "")


def _plain(value: str) -> Any:
    lowered = value.strip().lower()
    if lowered in ("true", "yes", "on"):
        return True
    if lowered in ("false", "no", "off"):
        return False
    try:
        return float(lowered)
    except ValueError:
        return value.strip()


def _flatten(prefix: str, value: Any, found: Settings, depth: int = 0) -> None:
    if depth > DEPTH_MAX or value is None:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            _flatten(f"{prefix}.{key}", inner, found, depth + 1)
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for item in value:
            modules = item.get("module", item.get("files", ""))
            for module in modules if isinstance(modules, list) else [modules]:
                _flatten(f"{prefix}[{module}]", {k: v for k, v in item.items() if k != "module"}, found, depth + 1)
    else:
        _put(found, prefix, value)


def _put(found: Settings, name: str, value: Any) -> None:
    if len(found) < SETTINGS_MAX:
        found[name.lower().replace("-", "_").replace("ruff.lint.", "ruff.")] = value


def items(value: Any) -> tuple[str, ...]:
    """A setting as a list of texts, however it was spelled."""
    return tuple(_items(value))


def _items(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        yield from (str(item).strip() for item in value)
    elif isinstance(value, str):
        for line in _SEPARATORS.split(value):
            text = line.partition(" #")[0].strip()
            if text and not text.startswith("#"):
                yield text
    elif value is not None and not isinstance(value, bool):
        yield f"{value:g}" if isinstance(value, float) else str(value)
