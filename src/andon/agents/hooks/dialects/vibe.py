"""mistral-vibe. SAYS: 3.0.2, met in the real program and in its bundled skill `vibe`.

Payloads that were met are in `tests/agents/hooks/payloads/vibe/`.

What surprised us there:
- There are three events alone: before a tool, after a tool, and the end of a turn. Nothing fires when a session begins or a
  prompt is given, so the brief reaches the agent by its prompt, or by the skill that tells it to ask.
- A block of the stop is heeded three times in a turn; the fourth answer is accepted, and `vibe -p` reports success (exit 0).
- The answer that was blocked is taken out of what the model sees: it finds our reason, and not what it had said.
- Whatever else a hook does fails open: exit 1, exit 2, a word before the JSON, a time-out (in seconds; the group is killed).
- Tools go by names like `file_system.bash`, not by those of the documentation (`bash`), and `edit` is
  `file_system.search_replace`. Tools that the agent calls from within `run_typescript` pass the hooks, one by one.
- Folders that are not trusted have no hooks, silently; a worktree beside a trusted repository is not trusted.
- No payload counts tokens; the shell that the agent uses knows nothing of the session's id.
"""

from __future__ import annotations

from andon.agents.hooks.call import (
    AFTER_TOOL,
    BEFORE_TOOL,
    CONTINUE,
    DENY,
    OTHER,
    READ,
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

NAME = "vibe"
EVENTS = {"pre_tool": BEFORE_TOOL, "post_tool": AFTER_TOOL, "post_agent": STOP}
STOP_BLOCKS = 3

# By the last part of a tool's name: version 2 had no groups.
_WRITES = frozenset(("write_file", "search_replace", "edit"))
_SHELLS = frozenset(("bash", "start", "process_start"))
_READS = frozenset(("read", "read_file", "grep", "skill", "todo", "wait", "sleep", "output", "list", "list_configs"))
_OURS = frozenset(("", "file_system", "process", "vibe", "skill", "self", "agents", "ui"))
"""Groups of vibe's own; a tool `start` of somebody's MCP server is nobody's shell."""


def read(event: str, payload: dict[str, object]) -> HookCall:
    """The call that a payload makes; what is missing is empty."""
    moment = EVENTS.get(event, OTHER)
    return HookCall(
        NAME,
        event,
        moment,
        session=text(payload, "session_id"),
        cwd=text(payload, "cwd"),
        tool=_tool_use(payload) if moment in (BEFORE_TOOL, AFTER_TOOL) else None,
        subagent=bool(payload.get("parent_session_id")),
    )


def write(call: HookCall, decision: Decision) -> str:
    """What vibe is to read. Before a tool it takes no context, at the stop nothing but a reason or a line for the person."""
    says: dict[str, object] = {}
    if (decision.answer == DENY and call.moment == BEFORE_TOOL) or (
        decision.answer == CONTINUE and call.moment == STOP
    ):
        # A reason that is empty would be taken for vibe's own.
        says = {"decision": "deny", "reason": decision.reason or "Andon: not like this"}
    elif decision.context and call.moment == AFTER_TOOL:
        says = {"hook_specific_output": {"additional_context": decision.context}}
    if decision.notice:
        says["system_message"] = decision.notice
    return json_text(says) if says else ""


def _tool_use(payload: dict[str, object]) -> ToolUse:
    name = text(payload, "tool_name")
    group, _, leaf = name.rpartition(".")
    arguments = fields(payload, "tool_input")
    if group not in _OURS:
        return ToolUse(name, UNKNOWN)
    if leaf in _WRITES:
        path = text(arguments, "file_path") or text(arguments, "path")
        return ToolUse(name, WRITE, paths=(path,) if path else ())
    if leaf in _SHELLS:
        return ToolUse(name, SHELL, command=text(arguments, "command"))
    return ToolUse(name, READ if leaf in _READS else UNKNOWN)
