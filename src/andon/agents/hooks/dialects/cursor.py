"""Cursor, the editor and its command line.

SAYS: from its documentation of hooks (`.cursor/hooks.json`, version 1), not met in the real program. Timeouts are seconds. A
hook fails open, on a time-out too, unless it says `failClosed`; exit code 2 denies. At a stop `followup_message` becomes the
next prompt, at most `loop_limit` times in a row. After a stop that the person asked for nothing may follow.
"""

from __future__ import annotations

from andon.agents.hooks.call import (
    AFTER_TOOL,
    BEFORE_TOOL,
    CONTINUE,
    DENY,
    OTHER,
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

NAME = "cursor"
EVENTS = {
    "sessionStart": SESSION_START,
    "preToolUse": BEFORE_TOOL,
    "postToolUse": AFTER_TOOL,
    "stop": STOP,
    "subagentStop": STOP,
    "sessionEnd": SESSION_END,
}
STOP_BLOCKS = 10
"""`loop_limit` as our set-up writes it."""

_SHELLS = frozenset({"Shell", "Bash", "run_terminal_cmd"})
_WRITING = frozenset({
    "Write", "Edit", "StrReplace", "MultiEdit", "Delete", "EditNotebook", "edit_file", "search_replace", "delete_file",
})  # fmt: skip
_READING = frozenset({"Read", "Grep", "Glob", "LS", "Task", "SemanticSearch", "WebSearch", "WebFetch", "TodoWrite"})
_PATHS = ("file_path", "path", "target_file", "target_notebook")


def read(event: str, payload: dict[str, object]) -> HookCall:
    moment = EVENTS.get(event, OTHER)
    if event == "stop" and text(payload, "status") not in ("", "completed"):
        moment = OTHER
    count = payload.get("loop_count")
    return HookCall(
        NAME,
        event,
        moment,
        session=text(payload, "conversation_id") or text(payload, "session_id"),
        cwd=text(payload, "cwd") or _root(payload),
        tool=_tool(payload) if event in ("preToolUse", "postToolUse") else None,
        subagent=event == "subagentStop",
        blocked_before=isinstance(count, int) and count > 0,
    )


def write(call: HookCall, decision: Decision) -> str:
    answer: dict[str, object] = {}
    if decision.answer == DENY and call.moment == BEFORE_TOOL:
        answer["permission"] = "deny"
        answer["agent_message"] = decision.reason
        answer["user_message"] = decision.notice or decision.reason
    elif decision.answer == CONTINUE and call.moment == STOP:
        answer["followup_message"] = decision.reason
    if decision.context and call.moment in (SESSION_START, AFTER_TOOL):
        answer["additional_context"] = decision.context
    return to_json(answer) if answer else ""


def _root(payload: dict[str, object]) -> str:
    roots = payload.get("workspace_roots")
    first = roots[0] if isinstance(roots, list) and roots else ""
    return first if isinstance(first, str) else ""


def _tool(payload: dict[str, object]) -> ToolUse | None:
    name = text(payload, "tool_name")
    values = fields(payload, "tool_input")
    if not name:
        return None
    if name in _SHELLS:
        return ToolUse(name, SHELL, command=text(values, "command"))
    if name in _WRITING:
        return ToolUse(name, WRITE, paths=tuple(path for key in _PATHS if (path := text(values, key))))
    return ToolUse(name, READ if name in _READING else UNKNOWN)
