"""The warm parser: options from the table, without click. Anything unusual is a `UsageError` in plain words."""

from __future__ import annotations

from typing import Any

from andon.cli.table import COMMON, Command, Option
from andon.core.errors import UsageError

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
MOST = 1e12


def parse(command: Command, words: list[str]) -> dict[str, Any]:
    """Arguments by name. Raises UsageError."""
    options = {flag: option for option in (*COMMON, *command[4]) for flag in option[0]}
    found: dict[str, Any] = {}
    loose: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            loose += rest
            break
        if not word.startswith("-") or word == "-":
            loose.append(word)
            continue
        flag, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        option = options.get(flag)
        if option is None:
            raise UsageError(f"{command[1]} has no option {flag}{_meant(flag, list(options))}", next=_help(command))
        if option[2] in ("flag", "off"):
            found[option[1]] = option[2] == "flag"
            continue
        if not equals:
            if not rest:
                raise UsageError(f"option {flag} needs a value", next=_help(command))
            value = rest.pop(0)
        _store(found, option, value)
    _positionals(command, loose, found)
    return found


def _store(found: dict[str, Any], option: Option, value: str) -> None:
    name, kind = option[1], option[2]
    if kind == "list":
        commas = name in ("scope", "depends_on", "status", "clients")
        found.setdefault(name, []).extend(x.strip() for x in value.split(",") if x.strip()) if commas else (
            found.setdefault(name, []).append(value)
        )
    else:
        found[name] = convert(option[0][0], kind, value)


def convert(flag: str, kind: str, value: str) -> Any:
    """A value of an option's kind. Raises UsageError."""
    try:
        if kind == "int":
            return int(value)
        if kind == "float":
            return _finite(float(value))
        if kind == "duration":
            return _not_before(duration_s(value))
    except ValueError:
        example = {"int": "3", "float": "0.5", "duration": "30s, 5m or 2h"}[kind]
        raise UsageError(f"{flag} {value!r} is not valid", next=f"for example {example}") from None
    return value


def duration_s(text: str) -> float:
    """Seconds of "30", "30s", "5m", "2h", "1d". Raises ValueError."""
    unit = UNITS.get(text[-1:])
    return _finite(float(text[:-1]) * unit if unit else float(text))


def _finite(value: float) -> float:
    """Raises ValueError for what is no number, or has no end (law 13)."""
    if not -MOST <= value <= MOST:
        raise ValueError(f"{value} is out of bounds")
    return value


def _not_before(seconds: float) -> float:
    """Raises ValueError for less than no time."""
    if seconds < 0:
        raise ValueError(f"{seconds} is less than no time")
    return seconds


def _positionals(command: Command, loose: list[str], found: dict[str, Any]) -> None:
    rest = list(loose)
    for name, kind, _help_text in command[3]:
        if kind == "many":
            found[name] = rest
            rest = []
        elif rest:
            found[name] = rest.pop(0)
        elif kind == "one":
            raise UsageError(f"{command[1]} needs {name.upper()}", next=_help(command))
    if rest:
        raise UsageError(f"{command[1]} does not take {rest[0]!r}", next=_help(command))


def _help(command: Command) -> str:
    return f"andon {command[1]} --help"


def _meant(word: str, known: list[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def meant(word: str, known: list[str]) -> str:
    """A suggestion for a mistyped word, or ""."""
    return _meant(word, known)
