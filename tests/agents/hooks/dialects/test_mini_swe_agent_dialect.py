"""The words between `andon hook mini-swe-agent` and our environment class; both ends are ours."""

from __future__ import annotations

import json
from typing import Any

from andon.agents.hooks import call as c
from andon.agents.hooks.dialects import mini_swe_agent


def answer(event: str, decision: c.Decision) -> Any:
    text = mini_swe_agent.write(mini_swe_agent.read(event, {}), decision)
    return json.loads(text) if text else {}


def test_what_the_environment_says() -> None:
    before = mini_swe_agent.read("before_tool", {"session_id": "s", "cwd": "/repo", "command": "git push"})
    assert (before.moment, before.session, before.cwd) == (c.BEFORE_TOOL, "s", "/repo")
    assert before.tool is not None
    assert (before.tool.kind, before.tool.command) == (c.SHELL, "git push")
    stop = mini_swe_agent.read("stop", {"final_text": "Done.", "blocked_before": True})
    assert (stop.moment, stop.final_text, stop.blocked_before, stop.tool) == (c.STOP, "Done.", True, None)


def test_what_the_environment_hears() -> None:
    assert answer("before_tool", c.Decision(c.DENY, reason="why")) == {"decision": "deny", "reason": "why"}
    assert answer("stop", c.Decision(c.CONTINUE, reason="why")) == {"decision": "continue", "reason": "why"}
    assert answer("stop", c.Decision(c.END, notice="called"))["decision"] == "end"
    assert answer("session_start", c.Decision(context="the brief")) == {"context": "the brief"}
    assert answer("stop", c.Decision(notice="for the person")) == {"notice": "for the person"}
    assert [answer(event, c.Decision()) for event in mini_swe_agent.EVENTS] == [{}] * len(mini_swe_agent.EVENTS)
