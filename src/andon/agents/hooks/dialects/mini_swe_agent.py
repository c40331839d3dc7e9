"""mini-swe-agent, by an environment class of ours: `agents/mini_swe_agent/andon_environment.py` says and hears these words.

SAYS: 2.4.6, met in the real program; it has no hooks, so events and payloads are our own. What surprised us there:
- A run ends in several ways, and all of them exit with 0: the marker as the first line of a command's output (the one way
  that passes the environment), three answers in a row without a command (`RepeatedFormatError`), and the limits of steps,
  costs and time (`LimitsExceeded`).
- A command has 30 s, then its process group is killed; our environment gives it longer.
- The task is all that the agent ever gets: there are no sessions, and nothing can be resumed.
- The environment never sees what the model used; tokens are counted from the trajectory after the run.
"""

from __future__ import annotations

from andon.agents.hooks.call import (
    AFTER_TOOL,
    BEFORE_TOOL,
    CONTINUE,
    DENY,
    END,
    OTHER,
    SESSION_START,
    SHELL,
    STOP,
    Decision,
    HookCall,
    ToolUse,
)
from andon.agents.hooks.quick_json import text
from andon.agents.hooks.quick_json import write as json_text

NAME = "mini-swe-agent"
EVENTS = {"session_start": SESSION_START, "before_tool": BEFORE_TOOL, "after_tool": AFTER_TOOL, "stop": STOP}
STOP_BLOCKS = 0


def read(event: str, payload: dict[str, object]) -> HookCall:
    """The call that a payload makes; what is missing is empty."""
    moment = EVENTS.get(event, OTHER)
    command = text(payload, "command")
    return HookCall(
        NAME,
        event,
        moment,
        session=text(payload, "session_id"),
        cwd=text(payload, "cwd"),
        tool=ToolUse("bash", SHELL, command=command) if moment in (BEFORE_TOOL, AFTER_TOOL) else None,
        final_text=text(payload, "final_text"),
        blocked_before=payload.get("blocked_before") is True,
    )


def write(call: HookCall, decision: Decision) -> str:
    """What our environment reads: decision (deny, continue, end), reason, context, notice; nothing where there is nothing."""
    says: dict[str, object] = {}
    if decision.answer == DENY and call.moment == BEFORE_TOOL:
        says = {"decision": "deny", "reason": decision.reason}
    elif decision.answer == CONTINUE and call.moment == STOP:
        says = {"decision": "continue", "reason": decision.reason}
    elif decision.answer == END and call.moment == STOP:
        says = {"decision": "end", "reason": decision.reason}
    if decision.context:
        says["context"] = decision.context
    if decision.notice:
        says["notice"] = decision.notice
    return json_text(says) if says else ""
