"""What Codex CLI 0.169.0 really sends to hooks, and the answers that it heeds.

The payloads were recorded from the real program (with a scripted model): every event in order, a stop that was blocked
once, then the session resumed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from andon.agents.hooks import call as c
from andon.agents.hooks.dialects import codex

PAYLOADS = Path(__file__).parent / "payloads"
RECORDED = [json.loads(line) for line in (PAYLOADS / "codex-0.169.0.jsonl").read_text().splitlines()]
SESSION = "01a1fe62-14d6-7631-b61b-037d047b190a"
PATCH = "*** Begin Patch\n*** Add File: {}\n+x\n*** End Patch\n"


def recorded(event: str) -> list[c.HookCall]:
    return [codex.read(event, one["payload"]) for one in RECORDED if one["event"] == event]


def answer(event: str, decision: c.Decision) -> Any:
    text = codex.write(codex.read(event, {}), decision)
    return json.loads(text) if text else None


def test_every_recorded_payload_is_understood() -> None:
    calls = [codex.read(one["event"], one["payload"]) for one in RECORDED]
    assert {one.session for one in calls} == {SESSION}
    assert c.OTHER not in {one.moment for one in calls}
    assert all(one.cwd.startswith("/home/agent/repo") for one in calls)
    assert not any(one.subagent for one in calls)


def test_the_shell() -> None:
    tools = [
        (one.tool.kind, one.tool.command, one.cwd)
        for one in recorded("PreToolUse")
        if one.tool and one.tool.name == "Bash"
    ]
    assert (c.SHELL, "echo one", "/home/agent/repo") in tools
    # Before a tool the directory is that of the very command.
    assert (c.SHELL, "pwd", "/home/agent/repo/sub") in tools


def test_a_patch_names_all_of_its_files() -> None:
    patches = [one.tool for one in recorded("PreToolUse") if one.tool and one.tool.name == "apply_patch"]
    assert [(one.kind, one.paths) for one in patches] == [(c.WRITE, ("new/n.txt", "a.txt", "b.txt", "z.txt"))]


def test_a_patch_by_the_shell_is_a_write_too() -> None:
    (one,) = [one.tool for one in recorded("PreToolUse") if one.tool and one.tool.paths and one.tool.name == "Bash"]
    assert (one.kind, one.paths) == (c.WRITE, ("by-shell.txt",))


@pytest.mark.parametrize(
    ("before", "after", "kind", "paths"),
    [
        ("apply_patch <<'EOF'\n", "EOF\n", c.WRITE, ("a.py",)),
        ("cd 'sub' && apply_patch <<EOF\n", "EOF", c.WRITE, ("sub/a.py",)),
        # Something else is done besides, so the whole line is looked at as a command.
        ("apply_patch <<EOF\n", "EOF\ngit push\n", c.SHELL, ("a.py",)),
        ("rm x; apply_patch <<EOF\n", "EOF\n", c.SHELL, ("a.py",)),
        ("cat <<EOF\n", "EOF\n", c.SHELL, ()),
    ],
)
def test_patches_in_commands(before: str, after: str, kind: str, paths: tuple[str, ...]) -> None:
    command = before + PATCH.format("a.py") + after
    tool = codex.read("PreToolUse", {"tool_name": "Bash", "tool_input": {"command": command}}).tool
    assert tool is not None
    assert (tool.kind, tool.paths, tool.command) == (kind, paths, command)


def test_other_tools() -> None:
    kinds = {one.tool.name: one.tool.kind for one in recorded("PreToolUse") if one.tool}
    assert kinds["view_image"] == c.READ
    unknown = codex.read("PreToolUse", {"tool_name": "mcp__files__write", "tool_input": {"path": "x"}}).tool
    assert unknown is not None
    assert unknown.kind == c.UNKNOWN


def test_stops() -> None:
    stops = [(one.final_text, one.blocked_before) for one in recorded("Stop")]
    assert stops == [("All done.", False), ("Really done.", True), ("Once more.", False)]


def test_a_subagent_is_told_by_its_id() -> None:
    assert codex.read("PreToolUse", {"tool_name": "Bash", "agent_id": "a1", "agent_type": "worker"}).subagent


@pytest.mark.parametrize("event", [*codex.EVENTS, "Unheard"])
@pytest.mark.parametrize(
    "payload",
    [
        {},
        {
            "session_id": 1,
            "cwd": None,
            "tool_name": [],
            "tool_input": "x",
            "transcript_path": 7,
            "stop_hook_active": "yes",
        },
        {"tool_name": "Bash", "tool_input": {"command": 4}, "transcript_path": "/nowhere/at/all"},
        {"tool_name": "apply_patch", "tool_input": {"command": "*** Begin Patch\n*** Add File: \n"}},
    ],
)
def test_strange_payloads_are_read(event: str, payload: dict[str, object]) -> None:
    call = codex.read(event, payload)
    assert (call.session, call.cwd, call.tokens, call.blocked_before) == ("", "", None, False)
    assert call.tool is None or call.tool.paths == ()


class TestTokens:
    def test_the_last_count_of_a_real_transcript(self) -> None:
        assert codex.transcript_tokens(str(PAYLOADS / "codex-0.169.0-transcript.jsonl")) == 660

    def test_long_output_after_it_is_no_error(self, tmp_path: Path) -> None:
        path = tmp_path / "rollout.jsonl"
        path.write_text('{"total_token_usage":{"total_tokens":5}}\n' + "x" * 100_000)
        assert codex.transcript_tokens(str(path)) is None

    @pytest.mark.parametrize("text", ["", '{"total_token_usage":{', '{"total_token_usage":{"total_tokens":"many"}}'])
    def test_a_strange_transcript_counts_nothing(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "rollout.jsonl"
        path.write_text(text)
        assert codex.transcript_tokens(str(path)) is None

    def test_they_are_told_after_a_tool_and_at_a_stop(self) -> None:
        payload: dict[str, object] = {"transcript_path": str(PAYLOADS / "codex-0.169.0-transcript.jsonl")}
        assert [codex.read(event, payload).tokens for event in ("PreToolUse", "PostToolUse", "Stop")] == [
            None,
            660,
            660,
        ]


class TestAnswers:
    """Each of these was seen to work in the real program; a key more or a wrong event's name would void it."""

    def test_silence_means_go_on(self) -> None:
        assert [answer(event, c.Decision()) for event in codex.EVENTS] == [None] * len(codex.EVENTS)

    def test_deny(self) -> None:
        assert answer("PreToolUse", c.Decision(c.DENY, reason="outside the scope")) == {
            "hookSpecificOutput": {
                "hookEventName": "PreToolUse",
                "permissionDecision": "deny",
                "permissionDecisionReason": "outside the scope",
            }
        }

    def test_continue(self) -> None:
        assert answer("Stop", c.Decision(c.CONTINUE, reason="tests are red")) == {
            "decision": "block",
            "reason": "tests are red",
        }

    def test_without_a_reason_it_would_be_void(self) -> None:
        assert answer("Stop", c.Decision(c.CONTINUE))["reason"]
        assert answer("PreToolUse", c.Decision(c.DENY))["hookSpecificOutput"]["permissionDecisionReason"]

    def test_end(self) -> None:
        assert answer("Stop", c.Decision(c.END, notice="handed over")) == {
            "continue": False,
            "stopReason": "handed over",
            "systemMessage": "handed over",
        }

    @pytest.mark.parametrize("event", ["SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse"])
    def test_context(self, event: str) -> None:
        assert answer(event, c.Decision(context="the brief", notice="claimed")) == {
            "systemMessage": "claimed",
            "hookSpecificOutput": {"hookEventName": event, "additionalContext": "the brief"},
        }

    def test_an_end_of_the_session_hears_nothing(self) -> None:
        assert answer("SessionEnd", c.Decision(context="too late")) is None

    def test_the_answer_is_one_line_whatever_the_text(self) -> None:
        text = codex.write(
            codex.read("Stop", {}), c.Decision(c.CONTINUE, reason='two\nlines, "quotes" and \x1b[31mред')
        )
        assert text.count("\n") == 0
        assert json.loads(text)["reason"] == 'two\nlines, "quotes" and \x1b[31mред'
