"""Qwen Code. SAYS: 0.24.4 and 0.15.10, both met in the real program; payloads in `tests/agents/hooks/payloads/qwen/`.

Gemini CLI's descendant, with Claude Code's names of events. What surprised us there:
- `continue: false` at the stop does not end the turn: it is heeded as a block, with `stopReason` as its reason. An end
  is an answer that says nothing but its notice.
- 0.24.4 overrides a stop hook that blocks for the 8th time in a row and reports success; 0.15.10 does so at the 100th.
- `stop_hook_active` is true at the first stop already in 0.15.10; in 0.24.4 it tells the truth.
- `UserPromptSubmit` fires for each request to the model: with an empty prompt after tools, with our own reason after a
  block. It is left alone.
- 0.15.10 does not fire `SessionStart` without a terminal, and drops what it answers; 0.24.4 puts it into the system
  prompt.
- `SessionEnd` does not fire without a terminal. `SessionStart`, tools and `Stop` fire in ACP mode too.
- Its shell has QWEN_CODE_SESSION_ID in 0.24.4, and no session's name in 0.15.10.
- Exit 1, a time-out and a word before the JSON fail open; exit 2 denies; JSON is heeded at any exit code, and on
  standard error when standard output is empty. A timeout is in milliseconds.
- Without `"$version": 4` the client rewrites `.qwen/settings.json`, in every worktree in which it is started.
- No payload counts a session's tokens (`input_tokens` of 0.24.4 is the size of the last request).
"""

from __future__ import annotations

from andon.agents.hooks.call import (
    AFTER_TOOL,
    BEFORE_TOOL,
    CONTINUE,
    DENY,
    OTHER,
    SESSION_END,
    SESSION_START,
    STOP,
    Decision,
    HookCall,
)
from andon.agents.hooks.dialects.gemini_family import answer, tool_use, with_context
from andon.agents.hooks.quick_json import text

NAME = "qwen"
EVENTS = {
    "SessionStart": SESSION_START,
    "PreToolUse": BEFORE_TOOL,
    "PostToolUse": AFTER_TOOL,
    "PostToolUseFailure": AFTER_TOOL,
    "Stop": STOP,
    "SessionEnd": SESSION_END,
}
STOP_BLOCKS = 7


def read(event: str, payload: dict[str, object]) -> HookCall:
    """The call that a payload makes; what is missing is empty."""
    moment = EVENTS.get(event, OTHER)
    return HookCall(
        NAME,
        event,
        moment,
        session=text(payload, "session_id"),
        cwd=text(payload, "cwd"),
        tool=tool_use(payload) if moment in (BEFORE_TOOL, AFTER_TOOL) else None,
        final_text=text(payload, "last_assistant_message"),
        subagent=bool(text(payload, "agent_id")),
        blocked_before=payload.get("stop_hook_active") is True,
    )


def write(call: HookCall, decision: Decision) -> str:
    """What Qwen Code is to read. END is silence but for the notice, since any other word would keep it working."""
    if decision.answer == DENY and call.moment == BEFORE_TOOL:
        return answer({"decision": "deny", "reason": decision.reason}, decision.notice)
    if decision.answer == CONTINUE and call.moment == STOP:
        return answer({"decision": "block", "reason": decision.reason}, decision.notice)
    takes_context = call.moment in (SESSION_START, AFTER_TOOL)
    return answer(with_context(call.event, decision.context) if takes_context else {}, decision.notice)
