"""goose. SAYS: from its documentation (`hooks.md`) and its source at commit 0825b570, after 1.36; NOT met in the real program.

- Only a tool's beginning and the stop can be answered, by `{"decision": "block", "reason": …}`; no event takes context.
- Standard output is the decision: anything but that, nothing, or `{"decision": "allow"}` counts as no decision, and lets all
  pass. So does exit 1, and a time-out (30 s unless told). Exit 2 blocks.
- A block of the stop is heeded eight times in a row (GOOSE_STOP_HOOK_BLOCK_CAP), then overridden.
- A working directory is told with tools alone, tokens never.
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
    SHELL,
    STOP,
    UNKNOWN,
    WRITE,
    Decision,
    HookCall,
    ToolUse,
)
from andon.agents.hooks.quick_json import fields, text
from andon.agents.hooks.quick_json import write as json_text

NAME = "goose"
EVENTS = {
    "PreToolUse": BEFORE_TOOL,
    "PostToolUse": AFTER_TOOL,
    "PostToolUseFailure": AFTER_TOOL,
    "Stop": STOP,
    "SessionEnd": SESSION_END,
}
STOP_BLOCKS = 8

# By the last part of names like `developer__shell`.
_WRITES = frozenset(("write", "edit"))
_READS = frozenset(("tree", "read_image", "analyze", "list_windows", "screen_capture"))
_OURS = frozenset(("", "developer"))
"""Groups of goose's own; another's `shell` may be anything."""


def read(event: str, payload: dict[str, object]) -> HookCall:
    """The call that a payload makes; what is missing is empty."""
    moment = EVENTS.get(event, OTHER)
    return HookCall(
        NAME,
        event,
        moment,
        session=text(payload, "session_id"),
        cwd=text(payload, "working_dir"),
        tool=_tool_use(payload) if moment in (BEFORE_TOOL, AFTER_TOOL) else None,
        final_text=text(payload, "last_assistant_message"),
    )


def write(call: HookCall, decision: Decision) -> str:
    """What goose is to read; silence is a yes, and whatever else we might say is none."""
    if (decision.answer == DENY and call.moment == BEFORE_TOOL) or (
        decision.answer == CONTINUE and call.moment == STOP
    ):
        return json_text({"decision": "block", "reason": decision.reason})
    return ""


def _tool_use(payload: dict[str, object]) -> ToolUse:
    name = text(payload, "tool_name")
    group, _, leaf = name.rpartition("__")
    arguments = fields(payload, "tool_input")
    if group not in _OURS:
        return ToolUse(name, UNKNOWN)
    if leaf == "shell":
        return ToolUse(name, SHELL, command=text(arguments, "command"))
    # Earlier versions had one tool for all editing, whose `command` said what it does.
    if leaf in _WRITES or (leaf == "text_editor" and text(arguments, "command") != "view"):
        path = text(arguments, "path")
        return ToolUse(name, WRITE, paths=(path,) if path else ())
    return ToolUse(name, READ if leaf in _READS or leaf == "text_editor" else UNKNOWN)
