"""What is set up for Gemini CLI and Qwen Code: events that the dialects know, time limits in milliseconds."""

from __future__ import annotations

from typing import Any

import pytest

from andon.agents.hooks.call import STOP
from andon.agents.hooks.dialects import load
from andon.agents.setup.clients import gemini, qwen
from andon.agents.setup.records import JsonItems, JsonValue


def hooks(module: Any) -> dict[str, dict[str, Any]]:
    edits = [edit for edit in module.CLIENT.edits if isinstance(edit, JsonItems)]
    assert {(edit.path, edit.at[0], len(edit.items)) for edit in edits} == {(module.SETTINGS, "hooks", 1)}
    return {edit.at[1]: edit.items[0] for edit in edits}


@pytest.mark.parametrize("module", [gemini, qwen])
def test_each_event_is_known_to_the_dialect(module: Any) -> None:
    events = load(module.CLIENT.name).EVENTS
    for event, group in hooks(module).items():
        assert event in events
        (hook,) = group["hooks"]
        limit_s = module.EVENTS[event][1]
        assert hook["timeout"] == limit_s * 1000
        assert f"andon hook {module.CLIENT.name} {event} --timeout {limit_s}" in hook["command"]


@pytest.mark.parametrize("module", [gemini, qwen])
def test_a_stop_without_andon_says_so(module: Any) -> None:
    events = load(module.CLIENT.name).EVENTS
    told = [event for event, group in hooks(module).items() if "systemMessage" in group["hooks"][0]["command"]]
    assert [events[event] for event in told] == [STOP]


def test_qwen_finds_no_reason_to_rewrite_its_settings() -> None:
    """Where `$version` is missing, the client adds it: in a claim's worktree, a change to a protected file."""
    assert JsonValue(path=".qwen/settings.json", at=("$version",), value=4) in qwen.CLIENT.edits
