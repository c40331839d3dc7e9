"""Andon's environment for mini-swe-agent, with a stand-in for that program: tests/clients/ has the real one."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from andon.agents import mini_swe_agent

SOURCE = Path(mini_swe_agent.__file__).with_name("andon_environment.py")
MARKER = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"


class Submitted(Exception):
    def __init__(self, *messages: dict[str, Any]) -> None:
        self.messages = messages
        super().__init__()


class LocalEnvironmentConfig:
    timeout: int = 30

    def __init__(self, cwd: str = "") -> None:
        self.cwd = cwd


class LocalEnvironment:
    """As far as ours goes: runs a command in a shell, and raises for the marker."""

    def __init__(self, *, config_class: type = LocalEnvironmentConfig, **kwargs: Any) -> None:
        self.config = config_class(**kwargs)

    def execute(self, action: dict[str, Any], cwd: str = "") -> dict[str, Any]:
        done = subprocess.run(action["command"], shell=True, cwd=cwd or self.config.cwd, capture_output=True, text=True)
        first, _, rest = done.stdout.partition("\n")
        if first == MARKER:
            raise Submitted({"role": "exit", "content": rest})
        return {"output": done.stdout, "returncode": done.returncode, "exception_info": ""}


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    names = ("minisweagent", "minisweagent.environments", "minisweagent.environments.local", "minisweagent.exceptions")
    stand_ins = {name: types.ModuleType(name) for name in names}
    stand_ins["minisweagent.environments.local"].LocalEnvironment = LocalEnvironment  # type: ignore[attr-defined]
    stand_ins["minisweagent.environments.local"].LocalEnvironmentConfig = LocalEnvironmentConfig  # type: ignore[attr-defined]
    stand_ins["minisweagent.exceptions"].Submitted = Submitted  # type: ignore[attr-defined]
    for name, stand_in in stand_ins.items():
        monkeypatch.setitem(sys.modules, name, stand_in)
    monkeypatch.setenv("ANDON_AGENT", "")
    monkeypatch.setenv("ANDON_LAUNCHED", "")
    monkeypatch.setenv("PYTHONPATH", f"/mine{os.pathsep}{SOURCE.parent}")
    spec = importlib.util.spec_from_file_location("andon_environment", SOURCE)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


class Andon:
    """A stand-in for `andon hook` on the PATH: answers as it was told, and keeps what it was asked."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        program = directory / "andon"
        program.write_text(
            f"#!/bin/sh\ncat > {directory}/asked.$3\n[ -x {directory}/does.$3 ] && exec {directory}/does.$3\nexit 0\n"
        )
        program.chmod(0o755)

    def does(self, event: str, script: str) -> None:
        path = self.directory / f"does.{event}"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def answers(self, event: str, **answer: str) -> None:
        (self.directory / f"answer.{event}").write_text(json.dumps(answer))
        self.does(event, f"cat {self.directory}/answer.{event}")

    def asked(self, event: str) -> Any:
        path = self.directory / f"asked.{event}"
        return json.loads(path.read_text()) if path.exists() else None


@pytest.fixture
def andon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Andon:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return Andon(tmp_path / "bin")


@pytest.fixture
def environment(module: Any, andon: Andon, tmp_path: Path) -> Any:
    return module.AndonEnvironment(cwd=str(tmp_path))


def test_it_imports_nothing_of_andon_and_runs_on_python_3_10() -> None:
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 10))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [name for name in imported if name.partition(".")[0] == "andon"]


def test_a_command_is_asked_for_run_and_reported(environment: Any, andon: Andon, tmp_path: Path) -> None:
    andon.answers("session_start", context="Andon coordinates the work.")
    andon.answers("after_tool", context="2 unread messages")
    output = environment.execute({"command": "echo hi"})
    assert output == {
        "output": "Andon coordinates the work.\n\nhi\n\n\n2 unread messages", "returncode": 0, "exception_info": "",
    }  # fmt: skip
    session = andon.asked("before_tool")["session_id"]
    assert andon.asked("before_tool") == {"session_id": session, "cwd": str(tmp_path), "command": "echo hi"}
    assert os.environ["ANDON_AGENT"] == f"mini-swe-agent-{session}"
    # Said once, and beaten seldom.
    assert environment.execute({"command": "echo again"})["output"] == "again\n"


def test_a_denied_command_is_not_run(environment: Any, andon: Andon, tmp_path: Path) -> None:
    andon.answers("before_tool", decision="deny", reason="outside of the scope")
    output = environment.execute({"command": "touch written"})
    assert (output["output"], output["returncode"]) == ("Not run. outside of the scope", 1)
    assert not (tmp_path / "written").exists()


def test_a_submission_passes_only_when_andon_lets_it(environment: Any, andon: Andon) -> None:
    submission = {"command": f"echo {MARKER}; echo All done"}
    andon.answers("stop", decision="continue", reason="tests: failed")
    assert environment.execute(submission) == {"output": "tests: failed", "returncode": 1, "exception_info": ""}
    assert (andon.asked("stop")["final_text"], andon.asked("stop")["blocked_before"]) == ("All done\n", False)
    andon.answers("stop", decision="end", notice="A person was called.")
    with pytest.raises(Submitted):
        environment.execute(submission)
    assert andon.asked("stop")["blocked_before"] is True


@pytest.mark.parametrize("script", ["exit 1", "exit 2", "echo garbage", "echo '[]'", "echo 3; exit 0", "kill -9 $$"])
def test_a_hook_that_fails_lets_the_agent_go_on(script: str, environment: Any, andon: Andon) -> None:
    for event in ("session_start", "before_tool", "after_tool", "stop"):
        andon.does(event, script)
    assert environment.execute({"command": "echo hi"})["output"] == "hi\n"
    with pytest.raises(Submitted):
        environment.execute({"command": f"echo {MARKER}"})


def test_a_hook_that_hangs_is_left_behind(
    module: Any, environment: Any, andon: Andon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUICK_S", 0.2)
    andon.does("before_tool", "exec sleep 60")
    assert environment.execute({"command": "echo hi"})["output"] == "hi\n"


def test_without_andon_the_person_is_told(environment: Any, andon: Andon, capsys: pytest.CaptureFixture[str]) -> None:
    (andon.directory / "andon").unlink()
    assert environment.execute({"command": "echo hi"})["output"] == "hi\n"
    with pytest.raises(Submitted):
        environment.execute({"command": f"echo {MARKER}"})
    assert "Andon was not asked" in capsys.readouterr().err


def test_under_andon_work_the_prompt_is_the_brief(
    module: Any, andon: Andon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDON_LAUNCHED", "1")
    monkeypatch.setenv("ANDON_AGENT", "mini-1")
    andon.answers("session_start", context="the brief")
    assert module.AndonEnvironment(cwd=str(tmp_path)).execute({"command": "echo hi"})["output"] == "hi\n"
    assert os.environ["ANDON_AGENT"] == "mini-1"


def test_it_gives_commands_time_and_leaves_no_trace(module: Any, environment: Any) -> None:
    assert environment.config.timeout == 600
    assert os.environ["PYTHONPATH"] == "/mine"
