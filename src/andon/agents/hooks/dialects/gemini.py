"""Gemini CLI. SAYS: 0.61.0, met in the real program and in its bundled `docs/hooks/`; payloads in
`tests/agents/hooks/payloads/gemini/`.

What surprised us there:
- `AfterAgent` is the stop, and fires without a terminal too. A block is heeded without end. When the model repeats
  itself, the client's detection of loops stops asking the model after some twenty blocks, but the hook is still asked,
  as fast as it answers (583 times in 100 s). So the bound is Andon's alone.
- After a block `BeforeAgent` fires with our own reason as its prompt, so it tells nothing of a person; we leave it alone.
- `stop_hook_active` is false again as soon as the agent used a tool between two blocks: no counter can rest on it.
- `prompt_response` holds all texts since the person's prompt, not the last one.
- Exit 1 and a time-out fail open, as does a single word before the JSON (it is then shown to the person, JSON and all).
  Exit 2 denies. JSON is heeded at any exit code. With an empty standard output, standard error is read as the answer.
- A timeout is in milliseconds, and kills only the shell that runs the hook.
- No payload counts tokens. The environment of a hook has GEMINI_SESSION_ID; the one of the agent's shell has not.
- In ACP mode only `AfterAgent` and `SessionEnd` fire: nothing before a tool, nothing at the start.
- For each command of the agent's shell the client sets `core.hooksPath` to nothing, so that no git hook runs there: the
  guard of the target branch is off, and `BeforeTool` is all that refuses (`launch/drivers/gemini_family.py` has a remedy).
"""

from __future__ import annotations

from andon.agents.hooks.call import (
    AFTER_TOOL,
    BEFORE_TOOL,
    CONTINUE,
    DENY,
    END,
    OTHER,
    SESSION_END,
    SESSION_START,
    STOP,
    Decision,
    HookCall,
)
from andon.agents.hooks.dialects.gemini_family import answer, tool_use, with_context
from andon.agents.hooks.quick_json import text

NAME = "gemini"
EVENTS = {
    "SessionStart": SESSION_START,
    "BeforeTool": BEFORE_TOOL,
    "AfterTool": AFTER_TOOL,
    "AfterAgent": STOP,
    "SessionEnd": SESSION_END,
}
STOP_BLOCKS = 0


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
        final_text=text(payload, "prompt_response"),
        blocked_before=payload.get("stop_hook_active") is True,
    )


def write(call: HookCall, decision: Decision) -> str:
    """What Gemini CLI is to read. `continue: false` at the stop prevails over other hooks that block."""
    if decision.answer == DENY and call.moment == BEFORE_TOOL:
        return answer({"decision": "deny", "reason": decision.reason}, decision.notice)
    if decision.answer == CONTINUE and call.moment == STOP:
        return answer({"decision": "deny", "reason": decision.reason}, decision.notice)
    if decision.answer == END and call.moment == STOP:
        return answer({"continue": False, "stopReason": decision.notice or decision.reason}, decision.notice)
    takes_context = call.moment in (SESSION_START, AFTER_TOOL)
    return answer(with_context(call.event, decision.context) if takes_context else {}, decision.notice)
