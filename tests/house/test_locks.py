"""The locks: they hold what pyproject.toml asks for, each with hashes, and no address of a registry."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
ENTRY = re.compile(r"^(?P<pin>\S+==[^\s;]+)[^\\\n]*(?P<hashes>(?:\\\n +--hash=sha256:[0-9a-f]{64} ?)*)", re.MULTILINE)


def pins(path: Path) -> dict[str, str]:
    """name -> version."""
    entries = (Requirement(match["pin"]) for match in ENTRY.finditer(path.read_text(encoding="utf-8")))
    return {canonicalize_name(entry.name): str(entry.specifier).removeprefix("==") for entry in entries}


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("run.txt", PROJECT["project"]["dependencies"]),
        ("dev.txt", PROJECT["project"]["dependencies"] + PROJECT["dependency-groups"]["dev"]),
        ("build.txt", PROJECT["build-system"]["requires"]),
    ],
)
def test_a_lock_holds_what_the_project_asks_for(lock: str, wanted: list[str]) -> None:
    locked = pins(ROOT / "requirements" / lock)
    for line in wanted:
        requirement = Requirement(line)
        version = locked.get(canonicalize_name(requirement.name))
        assert version is not None, f"{lock} lacks {line}: make lock"
        assert requirement.specifier.contains(version), f"{lock} has {requirement.name} {version}: make lock"


def test_users_and_developers_get_the_same_versions() -> None:
    run, dev = pins(ROOT / "requirements" / "run.txt"), pins(ROOT / "requirements" / "dev.txt")
    assert run.items() <= dev.items()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_pin_has_hashes_and_no_line_has_an_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    entries = list(ENTRY.finditer(text))
    assert entries
    assert [entry["pin"] for entry in entries if "--hash" not in entry["hashes"]] == []
    assert len(entries) == sum("==" in line for line in text.splitlines() if not line.startswith((" ", "#")))
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--index-url|--extra-index-url|--find-links)\b", text, re.MULTILINE)


def test_every_dependency_has_an_upper_bound() -> None:
    for line in PROJECT["project"]["dependencies"]:
        operators = {specifier.operator for specifier in Requirement(line).specifier}
        assert operators == {">=", "<"}, line
