"""Claude Code.

SAYS: version 2.1.197, the program itself (its schemas of what hooks get and may answer) and the reference of hooks in its
documentation. Timeouts in its settings are seconds. A hook fails open: on an exit code other than 0 and 2, on a time-out, and
on output that is no JSON object. A ninth block of a stop in a row is overridden and the turn counts as completed
(CLAUDE_CODE_STOP_HOOK_BLOCK_CAP). CLAUDE_CODE_SESSION_ID is set in the commands of its shell.
"""

from __future__ import annotations

from andon.agents.hooks.call import (
    AFTER_TOOL,
    BEFORE_TOOL,
    CONTINUE,
    DENY,
    END,
    OTHER,
    PROMPT,
    READ,
    SESSION_END,
    SESSION_START,
    SHELL,
    STOP,
    UNKNOWN,
    WRITE,
    Decision,
    HookCall,
    ToolUse,
)
from andon.agents.hooks.quick_json import fields, text
from andon.agents.hooks.quick_json import write as to_json

NAME = "claude"
EVENTS = {
    "SessionStart": SESSION_START,
    "UserPromptSubmit": PROMPT,
    "PreToolUse": BEFORE_TOOL,
    "PostToolUse": AFTER_TOOL,
    "Stop": STOP,
    "SubagentStop": STOP,
    "SessionEnd": SESSION_END,
}
STOP_BLOCKS = 8

_PATHS = {"Edit": "file_path", "Write": "file_path", "MultiEdit": "file_path", "NotebookEdit": "notebook_path"}
_READING = frozenset({
    "Read", "Glob", "Grep", "LS", "WebFetch", "WebSearch", "TodoWrite", "TodoRead", "Task", "Agent", "BashOutput", "TaskOutput",
    "KillShell", "TaskStop", "ExitPlanMode", "EnterPlanMode", "AskUserQuestion", "Skill", "NotebookRead", "ToolSearch",
})  # fmt: skip
_WITH_CONTEXT = frozenset({"SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse"})


def read(event: str, payload: dict[str, object]) -> HookCall:
    return HookCall(
        NAME,
        event,
        EVENTS.get(event, OTHER),
        session=text(payload, "session_id"),
        cwd=text(payload, "cwd"),
        tool=_tool(payload) if event in ("PreToolUse", "PostToolUse") else None,
        final_text=text(payload, "last_assistant_message"),
        # Tools of a subagent are held like any other; only its stop is its own affair.
        subagent=event == "SubagentStop" or (event == "Stop" and bool(text(payload, "agent_id"))),
        blocked_before=payload.get("stop_hook_active") is True,
    )


def write(call: HookCall, decision: Decision) -> str:
    answer: dict[str, object] = {}
    own: dict[str, object] = {}
    if decision.answer == DENY and call.moment == BEFORE_TOOL:
        own["permissionDecision"] = "deny"
        own["permissionDecisionReason"] = decision.reason
    elif decision.answer == CONTINUE and call.moment == STOP:
        answer["decision"] = "block"
        answer["reason"] = decision.reason
    elif decision.answer == END and call.moment == STOP:
        # Ends the turn even where another hook would block it.
        answer["continue"] = False
        answer["stopReason"] = decision.notice or decision.reason
    if decision.context and call.event in _WITH_CONTEXT:
        own["additionalContext"] = decision.context
    if decision.notice:
        answer["systemMessage"] = decision.notice
    if own:
        answer["hookSpecificOutput"] = {"hookEventName": call.event, **own}
    return to_json(answer) if answer else ""


def _tool(payload: dict[str, object]) -> ToolUse | None:
    name = text(payload, "tool_name")
    given = fields(payload, "tool_input")
    if not name:
        return None
    if name == "Bash":
        return ToolUse(name, SHELL, command=text(given, "command"))
    if name in _PATHS:
        path = text(given, _PATHS[name])
        return ToolUse(name, WRITE, paths=(path,) if path else ())
    return ToolUse(name, READ if name in _READING else UNKNOWN)
