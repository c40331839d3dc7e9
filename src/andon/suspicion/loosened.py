"""Rules about configuration: lint, types, coverage or the test runner demand less than on the base.

Which way a setting is looser follows from its name: see the tables. Settings of all changed files are taken together. Must not
know how files are read.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from andon.core.verdict import Finding
from andon.suspicion.records import Pair, cut, finding
from andon.suspicion.settings import Settings, is_settings, items, read

FAMILY = {
    "ruff": "lint-loosened", "flake8": "lint-loosened", "pylint": "lint-loosened", "pycodestyle": "lint-loosened",
    "bandit": "lint-loosened", "eslint": "lint-loosened", "biome": "lint-loosened", "mypy": "types-loosened",
    "pyright": "types-loosened", "basedpyright": "types-loosened", "tsconfig": "types-loosened",
    "coverage": "coverage-loosened",
    "pytest": "tests-loosened", "jest": "tests-loosened",
}  # fmt: skip
LONGER_IS_LOOSER = frozenset(
    {
        "ignore", "disable", "exclude", "per_file_ignores",
        "omit", "exclude_lines", "exclude_also", "partial_branches", "disable_error_code", "norecursedirs", "ignore_paths",
        "ignore_patterns", "skips", "exclude_dirs", "coveragepathignorepatterns", "testpathignorepatterns", "ignorepatterns",
        "disable_warnings", "ignored_modules", "ignored_classes", "strict_exclude",
    }
)  # fmt: skip
SHORTER_IS_LOOSER = frozenset(
    {
        "select",
        "enable",
        "enable_error_code",
        "testpaths",
        "source",
        "source_pkgs",
        "python_files",
        "packages",
    }
)
GONE_IS_LOOSER = frozenset({"select", "enable", "enable_error_code"})
"""Of the others the default is wider than any value."""
TRUE_IS_STRICT = re.compile(
    r"^(?:strict\w*|disallow_\w+|warn_\w+|check_untyped_defs|no_implicit_\w+|local_partial_types|extra_checks|branch|xfail_strict"
    r"|noimplicit\w+|nounused\w+|nouncheckedindexedaccess|nofallthroughcasesinswitch|noimplicitreturns|exactoptionalpropertytypes"
    r"|alwaysstrict|report\w+|checkjs)$"
)
TRUE_IS_LOOSE = frozenset(
    {"ignore_missing_imports", "ignore_errors", "skiplibcheck", "implicit_optional", "implicit_reexport", "allow_untyped_defs",
     "allow_untyped_globals", "allow_redefinition", "suppressimplicitanyindexerrors", "skip_covered", "passwithnotests"}
)  # fmt: skip
QUIET = frozenset({"skip_covered", "warn_unused_configs", "warn_return_any_unused"})
LOWER_IS_LOOSER = re.compile(r"^(?:fail_under|branches|functions|lines|statements|py_version_min)$")
HIGHER_IS_LOOSER = re.compile(r"^(?:max_\w+|line_length|precision_loss)$")
USUAL = re.compile(
    r"TYPE_CHECKING|abstract|__main__|NotImplemented|pragma: no cover|overload|assert_never|Protocol"
    r"|^\W*s?\W*\.\W*\.\W*\.\W*s?\W*$"
)
"""Lines that nearly every project leaves out of coverage, since nothing in them can run."""
OPTIONS_CHARACTERS_MAX = 10_000
OPTIONS_LOOSE = (
    "--ignore",
    "--deselect",
    "-k",
    "-m",
    "-p",
    "--no-cov",
    "--co",
    "--maxfail",
    "--ignore-glob",
    "--disable-warnings",
)
OPTIONS_STRICT = ("--strict", "-W", "--cov-fail-under", "--cov", "--runxfail", "--doctest-modules", "-Werror")
_ERROR_FILTER = re.compile(r"^error\b|^once\b")
_OFF = re.compile(
    r"""(?<![\w@/-])['"]?[\w@/-]+['"]?\s*:\s*(?:\[\s*)?(?:['"]off['"]|0\b)|\bEnabled:\s*false\b|^\s*-?\s*(?:disable|exclude|ignore)\b"""
)
_KEY = re.compile(r"^\s*[\"']?([\w-]+)")
LINT_FILES = re.compile(
    r"(?:^|/)(?:\.?eslint(?:rc|\.config)\.[cm]?[jt]s|\.eslintrc\.ya?ml|\.rubocop(?:_todo)?\.yml|\.golangci\.ya?ml|\.swiftlint\.yml|\.eslintignore"
    r"|clippy\.toml|\.clang-tidy|phpstan\.neon)$"
)

Key = tuple[str, str]
"""(directory, name of the setting): a setting that moves to another file of its directory is the same one."""
Found = tuple[str, str]
"""(rule, message)."""


def judge(pairs: Sequence[Pair]) -> Iterator[Finding]:
    """Findings about all changed files of configuration."""
    before: dict[Key, Any] = {}
    after: dict[Key, Any] = {}
    place: dict[Key, Pair] = {}
    for pair in pairs:
        if is_settings(pair.path):
            old, new = _keyed(pair, read(pair.before)), _keyed(pair, read(pair.after))
            before |= old
            after |= new
            place |= dict.fromkeys([*old, *new], pair)
        elif LINT_FILES.search(pair.path):
            yield from _by_pattern(pair)
    broken = [pair for pair in pairs if is_settings(pair.path) and pair.after.problem]
    lines = {id(pair): _lines(pair) for pair in {id(pair): pair for pair in place.values()}.values()}
    for key in sorted({*before, *after}):
        pair = place[key]
        if pair in broken:
            continue
        for rule, text in _compare(key[1], before.get(key), after.get(key)):
            yield finding(rule, pair.path, lines[id(pair)].get(key[1].rpartition(".")[2], 0), text)


def _beyond(one: Any, other: Any) -> list[str]:
    """What the first list holds and the second does not."""
    known = set(items(other))
    return [item for item in items(one) if item not in known]


def _keyed(pair: Pair, settings: Settings) -> dict[Key, Any]:
    directory = pair.path.rpartition("/")[0]
    return {(directory, name): value for name, value in settings.items()}


def _compare(short: str, old: Any, new: Any) -> Iterator[Found]:
    if old == new:
        return
    tool = short.partition(".")[0]
    rule = FAMILY.get(tool)
    if rule is None or short.startswith("coverage.paths."):
        return
    key = short.rpartition(".")[2]
    if ".per_file_ignores." in short or ".extend_per_file_ignores." in short:
        key = "per_file_ignores"
    if "coveragethreshold" in short or key == "fail_under":
        rule = "coverage-loosened"
    if key in ("addopts", "filterwarnings"):
        yield from _options(short, key, old, new)
    elif tool == "eslint" and ".rules." in short:
        yield from _level(short, old, new)
    elif key in LONGER_IS_LOOSER:
        more = _beyond(new, old)
        if tool == "coverage":
            more = [item for item in more if not USUAL.search(item)]
        if more:
            yield rule, f"`{short}` now holds {_listed(more)}"
    elif key in SHORTER_IS_LOOSER and old is not None and (new is not None or key in GONE_IS_LOOSER):
        less = _beyond(old, new)
        if less and "ALL" not in items(new):
            yield rule, f"`{short}` no longer holds {_listed(less)}"
    elif TRUE_IS_STRICT.match(key) and key not in QUIET:
        yield from _switch(rule, short, old, new, strict=True)
    elif key in TRUE_IS_LOOSE and key not in QUIET:
        if key != "ignore_missing_imports" or "overrides[" not in short:
            yield from _switch(rule, short, old, new, strict=False)
    elif LOWER_IS_LOOSER.match(key) and _is_number(old) and (new is None or (_is_number(new) and new < old)):
        yield rule, f"`{short}` went from {old:g} to {'nothing' if new is None else f'{new:g}'}"
    elif HIGHER_IS_LOOSER.match(key) and _is_number(old) and _is_number(new) and new > old:
        yield rule, f"`{short}` went from {old:g} to {new:g}"
    elif key == "follow_imports" and new in ("skip", "silent"):
        yield rule, f"`{short}` is now {new}"


def _switch(rule: str, name: str, old: Any, new: Any, *, strict: bool) -> Iterator[Found]:
    """A boolean (or pyright's levels) that went the loose way. Absent is the default, which is loose for strict ones."""
    was = _on(old) if strict else not _on(old)
    now = _on(new) if strict else not _on(new)
    per_module = "overrides[" in name
    if strict and per_module and old is None and new is not None and not now:
        yield rule, f"`{name}` is now {_shown(new)}"
    elif was and not now:
        yield rule, f"`{name}` was {_shown(old)}, is now {_shown(new)}"


def _on(value: Any) -> bool:
    return value not in (None, False, "none", "off", "information", "", 0)


def _shown(value: Any) -> str:
    return "not given" if value is None else cut(str(value).lower() if isinstance(value, bool) else str(value), 40)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _level(name: str, old: Any, new: Any) -> Iterator[Found]:
    """An ESLint rule's severity."""
    levels = {"off": 0, "warn": 1, "error": 2, 0: 0, 1: 1, 2: 2}
    was, now = (
        levels.get(value[0] if isinstance(value, list) and value else _hashable(value), -1) for value in (old, new)
    )
    if (now == 0 and was != 0) or (0 <= now < was):
        yield "lint-loosened", f"`{name}` was {_shown(old)}, is now {_shown(new)}"


def _hashable(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else None


def _options(name: str, key: str, old: Any, new: Any) -> Iterator[Found]:
    if key == "filterwarnings":
        was = items(old)
        lost = [item for item in _beyond(old, new) if _ERROR_FILTER.match(item)]
        quiet = [item for item in _beyond(new, old) if item.startswith(("ignore", "default", "once"))]
        if lost:
            yield "tests-loosened", f"`{name}` no longer holds {_listed(lost)}"
        elif quiet and any(item.startswith("error") for item in was):
            yield "tests-loosened", f"`{name}` now holds {_listed(quiet)}"
        return
    had, has = _words(old), _words(new)
    known, kept = set(had), set(has)
    added = [word for word in has if word not in known and word.startswith(OPTIONS_LOOSE)]
    lost = [word for word in had if word not in kept and word.startswith(OPTIONS_STRICT)]
    if added:
        yield "tests-loosened", f"`{name}` now holds {_listed(added)}"
    if lost:
        yield "tests-loosened", f"`{name}` no longer holds {_listed(lost)}"


def _words(value: Any) -> list[str]:
    text = " ".join(str(item) for item in value) if isinstance(value, list) else str(value or "")
    text = text[:OPTIONS_CHARACTERS_MAX]
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    # An option with its value after a blank is one word.
    joined: list[str] = []
    for word in words:
        if joined and not word.startswith("-") and joined[-1].startswith("-") and "=" not in joined[-1]:
            joined[-1] += f" {word}"
        else:
            joined.append(word)
    return joined


def _listed(words: Sequence[str]) -> str:
    shown = ", ".join(f"`{cut(word, 40)}`" for word in words[:3])
    return shown + (f" and {len(words) - 3} more" if len(words) > 3 else "")


def _by_pattern(pair: Pair) -> Iterator[Finding]:
    if pair.after.problem or pair.before.problem or not pair.before.exists:
        return
    old = {line.strip() for line in pair.before.lines}
    for number, line in enumerate(pair.after.lines, 1):
        if line.strip() not in old and _OFF.search(line):
            yield finding("lint-loosened", pair.path, number, f"now holds `{cut(line.strip())}` (by pattern)")


def _lines(pair: Pair) -> dict[str, int]:
    """Last part of a setting's name -> the first line that begins with it."""
    found: dict[str, int] = {}
    for number, line in enumerate(pair.after.lines, 1):
        if match := _KEY.match(line):
            found.setdefault(match[1].lower().replace("-", "_"), number)
    return found
