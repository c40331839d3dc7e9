"""Gemini CLI 0.61.0, Qwen Code 0.24.4 and 0.15.10: payloads that the real programs sent, and the answers that they heed.

`payloads/CLIENT/VERSION/` holds what stood on a hook's standard input, with paths made plain; what the programs did with
answers was tried by hand and is told at the top of the dialects.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from andon.agents.hooks import call as c
from andon.agents.hooks.call import Decision, HookCall
from andon.agents.hooks.dialects import gemini, load, qwen

PAYLOADS = Path(__file__).parent / "payloads"
GEMINI, QWEN, OLDER_QWEN = "gemini/0.61.0", "qwen/0.24.4", "qwen/0.15.10"
ALL = sorted(path for path in PAYLOADS.glob("*/*/*.json") if path.parts[-3] in ("gemini", "qwen"))


def called(name: str) -> HookCall:
    path = PAYLOADS / f"{name}.json"
    payload = json.loads(path.read_text())
    return load(path.parts[-3]).read(payload["hook_event_name"], payload)


def answered(dialect: Any, name: str, decision: Decision) -> Any:
    return json.loads(dialect.write(called(name), decision))


@pytest.mark.parametrize("path", ALL, ids=lambda path: "/".join(path.parts[-3:]))
def test_every_payload_tells_its_session_and_directory(path: Path) -> None:
    call = called(str(path.relative_to(PAYLOADS)).removesuffix(".json"))
    assert len(call.session) == 36 and call.cwd == "/repo"
    assert call.tokens is None


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        (f"{GEMINI}/SessionStart", c.SESSION_START),
        (f"{GEMINI}/BeforeAgent", c.OTHER),
        (f"{GEMINI}/BeforeAgent-blocked", c.OTHER),
        (f"{GEMINI}/BeforeTool-write", c.BEFORE_TOOL),
        (f"{GEMINI}/AfterTool-shell", c.AFTER_TOOL),
        (f"{GEMINI}/AfterAgent", c.STOP),
        (f"{GEMINI}/SessionEnd", c.SESSION_END),
        (f"{QWEN}/SessionStart", c.SESSION_START),
        (f"{QWEN}/UserPromptSubmit", c.OTHER),
        (f"{QWEN}/PreToolUse-write", c.BEFORE_TOOL),
        (f"{QWEN}/PostToolUse-shell", c.AFTER_TOOL),
        (f"{QWEN}/Stop", c.STOP),
        (f"{OLDER_QWEN}/Stop", c.STOP),
    ],
)
def test_moments(name: str, moment: str) -> None:
    assert called(name).moment == moment


@pytest.mark.parametrize("name", [f"{GEMINI}/BeforeTool", f"{QWEN}/PreToolUse", f"{OLDER_QWEN}/PreToolUse"])
def test_tools(name: str) -> None:
    write, shell = called(f"{name}-write").tool, called(f"{name}-shell").tool
    assert write is not None and (write.name, write.kind) == ("write_file", c.WRITE)
    assert [Path(path).name for path in write.paths] == ["a.txt"]
    assert shell is not None and (shell.kind, shell.paths) == (c.SHELL, ())
    assert shell.command.startswith("env | grep")


@pytest.mark.parametrize(
    ("name", "given", "kind", "paths", "command"),
    [
        ("replace", {"file_path": "a.py", "old_string": "a"}, c.WRITE, ("a.py",), ""),
        ("edit", {"file_path": "/r/a.py"}, c.WRITE, ("/r/a.py",), ""),
        ("notebook_edit", {"notebook_path": "n.ipynb"}, c.WRITE, ("n.ipynb",), ""),
        ("run_shell_command", {"command": "git push", "dir_path": "it's"}, c.SHELL, (), "cd 'it'\"'\"'s' && git push"),
        ("run_shell_command", {"command": "ls", "directory": "/r"}, c.SHELL, (), "cd '/r' && ls"),
        ("read_file", {"file_path": "a.py"}, c.READ, (), ""),
        ("mcp_files_write", {"file_path": "a.py"}, c.UNKNOWN, (), ""),
    ],
)
def test_other_tools(name: str, given: dict[str, object], kind: str, paths: tuple[str, ...], command: str) -> None:
    for dialect, event in ((gemini, "BeforeTool"), (qwen, "PreToolUse")):
        tool = dialect.read(event, {"tool_name": name, "tool_input": given}).tool
        assert tool is not None
        assert (tool.kind, tool.paths, tool.command) == (kind, paths, command)


def test_a_stop_tells_the_last_words_and_what_the_client_knows_of_blocks() -> None:
    first, again = called(f"{GEMINI}/AfterAgent"), called(f"{GEMINI}/AfterAgent-blocked")
    assert (first.final_text, first.blocked_before, again.blocked_before) == ("I write\ndone", False, True)
    # The client forgets its block as soon as a tool was used.
    assert called(f"{GEMINI}/AfterAgent-blocked-tool-between").blocked_before is False
    assert called(f"{QWEN}/Stop").blocked_before is False
    assert called(f"{QWEN}/Stop-blocked").blocked_before is True
    assert called(f"{OLDER_QWEN}/Stop").blocked_before is True
    assert called(f"{QWEN}/Stop").final_text == "done"


@pytest.mark.parametrize(
    ("dialect", "name"), [(gemini, f"{GEMINI}/BeforeTool-write"), (qwen, f"{QWEN}/PreToolUse-write")]
)
def test_a_denied_tool(dialect: Any, name: str) -> None:
    decision = Decision(c.DENY, reason='out of "scope"')
    assert answered(dialect, name, decision) == {"decision": "deny", "reason": 'out of "scope"'}


def test_a_blocked_stop() -> None:
    decision = Decision(c.CONTINUE, reason="tests are red", notice="kept at work")
    told = {"reason": "tests are red", "systemMessage": "kept at work"}
    assert answered(gemini, f"{GEMINI}/AfterAgent", decision) == {"decision": "deny", **told}
    assert answered(qwen, f"{QWEN}/Stop", decision) == {"decision": "block", **told}


def test_an_end_is_told_to_gemini_and_is_silence_to_qwen() -> None:
    """Qwen Code takes `continue: false` for a block: it was kept working by it until its own bound."""
    decision = Decision(c.END, reason="r", notice="a person was asked")
    told = {"continue": False, "stopReason": "a person was asked", "systemMessage": "a person was asked"}
    assert answered(gemini, f"{GEMINI}/AfterAgent", decision) == told
    assert answered(qwen, f"{QWEN}/Stop", decision) == {"systemMessage": "a person was asked"}


def test_context_reaches_the_agent_at_the_start_and_after_a_tool() -> None:
    decision = Decision(context="the brief")
    for dialect, name in ((gemini, f"{GEMINI}/SessionStart"), (qwen, f"{QWEN}/SessionStart"),
                          (gemini, f"{GEMINI}/AfterTool-shell"), (qwen, f"{QWEN}/PostToolUse-shell")):  # fmt: skip
        event = name.rpartition("/")[2].partition("-")[0]
        told = {"hookEventName": event, "additionalContext": "the brief"}
        assert answered(dialect, name, decision) == {"hookSpecificOutput": told}


def test_an_answer_that_says_nothing_is_no_empty_output() -> None:
    """With empty standard output both clients take standard error for the answer."""
    assert gemini.write(called(f"{GEMINI}/AfterAgent"), Decision()) == "{}"
    assert qwen.write(called(f"{QWEN}/Stop"), Decision(c.END)) == "{}"
