"""Text of agents that would fool whoever reads it in a terminal: escapes, reordering, invisible characters."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from andon.cli.plain import HIDDEN, clean, json_text
from tests.cheats.scene import Scene, plain
from tests.cheats.table import PREVENTED, attack

EVIL = "\x1b[2J\x1b[32mpassed\x1b[0m \x9b31m \x07\r\x08 \u202epassed\u202c \u200b\u2066x\u2069 \U000e0041 \x7f"
DANGEROUS = {*map(chr, range(32)), *map(chr, range(0x7F, 0xA0))} - {"\n", "\t"}
DANGEROUS |= {chr(code) for first, last in HIDDEN for code in range(first, last + 1) if not 0xD800 <= code <= 0xDFFF}


def is_safe(text: str) -> None:
    assert {hex(ord(char)) for char in set(text) & DANGEROUS} == set()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A repository in which an agent has put such text wherever it can."""
    scene = plain(tmp_path_factory.mktemp("text"))
    work = f"printf '%s' '{EVIL}'\n"
    attempt = scene.attempt({"work.sh": work, f"file {EVIL[:20]}.txt": "x\n"}, title=f"Title {EVIL}")
    where = {"agent": attempt.agent, "cwd": attempt.workdir}
    scene.world.andon("check", "--json", **where)
    scene.world.andon("say", f"message {EVIL}", **where)
    scene.world.andon("ask", f"question {EVIL}", **where)
    scene.world.andon("say", f"named {EVIL}", agent=f"agent{EVIL}", cwd=attempt.workdir)
    scene.world.andon(
        "task",
        "add",
        f"Other {EVIL}",
        "--body",
        f"body {EVIL}",
        "--accept",
        f"done when {EVIL}",
        "--label",
        EVIL,
        "--scope",
        EVIL + "**",
    )
    scene.world.andon("advance", "-m", f"note {EVIL}", "--json", **where)
    scene.told = attempt  # type: ignore[attr-defined]
    return scene


READING = [
    ["status"], ["inbox"], ["log"], ["task", "list"], ["run", "list"], ["ready"], ["show", "T1"], ["show", "T2"],
    ["brief"], ["check"], ["task", "show", "T2"],
]  # fmt: skip


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_what_is_printed_is_safe(told: Scene, command: list[str], form: str) -> None:
    assert attack("escapes", "sandbox") == PREVENTED
    attempt = told.told  # type: ignore[attr-defined]
    as_worker = {"agent": attempt.agent, "cwd": attempt.workdir} if command[0] in ("brief", "check") else {}
    result = told.world.andon(*command, *(["--json"] if form == "json" else []), **as_worker)
    assert result.out.strip(), (result.exit, result.err)
    is_safe(result.out)
    is_safe(result.err)
    if form == "json":
        assert json.loads(result.out)


def test_logs_are_safe_to_show(told: Scene) -> None:
    assert attack("escapes", "sandbox") == PREVENTED
    logs = list(Path(told.state_dir / "logs").iterdir())
    assert logs
    for log in logs:
        is_safe(log.read_text(encoding="utf-8"))


def test_json_text_changes_nothing_but_the_spelling() -> None:
    value = {"text": EVIL, "plain": "größe 東京 ✓"}
    encoded = json.dumps(value, ensure_ascii=False)
    assert json.loads(json_text(encoded)) == value
    is_safe(json_text(encoded))
    assert "größe 東京 ✓" in json_text(encoded)
    assert clean("größe 東京 ✓") == "größe 東京 ✓"
    is_safe(clean(EVIL))
