"""`andon workflow import` from outside: exit codes, JSON, what is written and what is never written over."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.world import World

WHOLE = """digraph Whole {
    start [shape=Mdiamond]; exit [shape=Msquare]
    build [prompt="Build it."]
    test [shape=parallelogram, tool_command="true", goal_gate=true]
    start -> build -> test -> exit
}
"""
LOSSY = WHOLE.replace('prompt="Build it."', 'prompt="Build it.", allow_partial=true, color=red')


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.make(tmp_path)
    (made.path / "whole.dot").write_text(WHOLE, encoding="utf-8")
    (made.path / "lossy.dot").write_text(LOSSY, encoding="utf-8")
    return made


def test_a_whole_pipeline_is_written_and_lints(world: World) -> None:
    result = world.andon("workflow", "import", "whole.dot", "--strict", "--json")
    assert result.exit == 0
    assert result.json["ok"] is True
    assert result.json["workflow"] == ".andon/workflows/whole.md"
    assert result.json["not_carried"] == []
    assert result.json["carried"] == 8
    assert world.andon("workflow", "lint", "whole").exit == 0
    assert world.ok("workflow", "compile", "whole")["workflow"]["done"] == ["test"]


def test_what_is_lost_is_listed_and_the_exit_code_says_so(world: World) -> None:
    result = world.andon("workflow", "import", "lossy.dot", "--json")
    assert result.exit == 1
    (lost, drawing) = result.json["not_carried"]
    assert (lost["line"], lost["column"], lost["level"]) == (3, 32, "lost")
    assert lost["construct"] == "node build: allow_partial"
    assert drawing["level"] == "drawing"
    assert (world.path / ".andon/workflows/lossy.md").exists()
    text = world.andon("workflow", "import", "lossy.dot", "-o", "other.md")
    assert text.exit == 1
    assert "lossy.dot:3:32: lost node build: allow_partial" in text.out
    assert (world.path / "other.md").exists()


def test_strict_writes_nothing(world: World) -> None:
    result = world.andon("workflow", "import", "lossy.dot", "--strict", "--json")
    assert (result.exit, result.json["ok"], result.json["workflow"]) == (1, False, None)
    assert not (world.path / ".andon/workflows/lossy.md").exists()


def test_nothing_is_written_over_without_force(world: World) -> None:
    target = world.path / ".andon/workflows/whole.md"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("mine", encoding="utf-8")
    result = world.andon("workflow", "import", "whole.dot", "--json")
    assert (result.exit, result.kind) == (64, "exists")
    assert target.read_text(encoding="utf-8") == "mine"
    assert world.andon("workflow", "import", "whole.dot", "--force").exit == 0
    assert "Build it." in target.read_text(encoding="utf-8")
    assert world.andon("workflow", "import", "whole.dot", "--name", "another").exit == 0
    assert (world.path / ".andon/workflows/another.md").exists()


def test_it_can_be_printed(world: World) -> None:
    printed = world.andon("workflow", "import", "whole.dot", "-o", "-")
    assert printed.out.startswith("---\nname: whole\n")
    assert not (world.path / ".andon/workflows/whole.md").exists()
    piped = world.andon("workflow", "import", "-", "-o", "-", "--name", "piped", input=WHOLE)
    assert piped.out.startswith("---\nname: piped\n")


def test_what_is_no_pipeline_says_where(world: World) -> None:
    (world.path / "broken.dot").write_text("digraph {\n  a -- b\n}\n", encoding="utf-8")
    (world.path / "latin.dot").write_bytes(b'digraph {\n a [label="\xfc"]\n}\n')
    (world.path / "endless.dot").write_text(WHOLE.replace("test -> exit", "test -> build"), encoding="utf-8")
    result = world.andon("workflow", "import", "broken.dot", "--json")
    assert (result.exit, result.kind) == (64, "bad_pipeline")
    assert "broken.dot:2:5: bad-dot" in result.json["error"]["message"]
    assert "latin.dot:2:12:" in world.andon("workflow", "import", "latin.dot").err
    for args in (["nothing.dot"], ["whole.dot", "--format", "bpmn"], ["whole.dot", "--name", "a b"], ["."]):
        assert world.andon("workflow", "import", *args).exit == 64, args
    endless = world.andon("workflow", "import", "endless.dot", "--json")
    assert (endless.exit, endless.json["workflow"]) == (1, None)
    assert not (world.path / ".andon/workflows/endless.md").exists()


def test_an_imported_pipeline_runs_to_its_landing(world: World) -> None:
    assert world.andon("workflow", "import", "whole.dot", "--strict").exit == 0
    world.git("add", ".andon/workflows/whole.md")
    world.git("commit", "-qm", "the workflow", "--no-verify")
    task = world.ok("task", "add", "Build it", "--workflow", "whole")["task"]
    claim = world.ok("next", "--agent", "ann")
    assert "Build it." in claim["brief"]
    (Path(claim["workdir"]) / "built.txt").write_text("built\n", encoding="utf-8")
    assert world.andon("advance", "-m", "built", "--json", "--agent", "ann", cwd=Path(claim["workdir"])).exit == 0
    landed = world.andon("lead", "--json")
    assert landed.exit == 0, landed.out
    assert world.ok("task", "show", task)["status"] == "landed"
