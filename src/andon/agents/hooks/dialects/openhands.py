"""OpenHands CLI. SAYS: 1.16.0 (its SDK 1.21.0), met in the real program; payloads in `tests/agents/hooks/payloads/openhands/`.

What surprised us there:
- A block of the stop is heeded without end (66 times in 40 s); the bound is Andon's alone.
- What a hook says when a session begins, or after a tool, is thrown away. Context reaches the agent with a prompt alone.
- Exit 2 blocks, without a reason unless JSON gives one; exit 1, a time-out (in seconds) and a word before the JSON let all
  pass. JSON is heeded at any exit code.
- A stop tells neither what the agent said nor that it was blocked before. No payload counts tokens.
- The agent's shell is a tmux server of OpenHands' own where there is tmux: no descendant of the client, and it outlives it.
  So a process among the ancestors tells nothing, and the shell has no variable of the session: whoever starts OpenHands
  names the agent (ANDON_AGENT, which the shell does get).
"""

from __future__ import annotations

from andon.agents.hooks.call import (
    AFTER_TOOL,
    BEFORE_TOOL,
    CONTINUE,
    DENY,
    OTHER,
    PROMPT,
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

NAME = "openhands"
EVENTS = {
    "UserPromptSubmit": PROMPT,
    "PreToolUse": BEFORE_TOOL,
    "PostToolUse": AFTER_TOOL,
    "Stop": STOP,
    "SessionEnd": SESSION_END,
}
STOP_BLOCKS = 0

_EDITORS = frozenset(("file_editor", "planning_file_editor", "str_replace_editor"))
_WRITES = frozenset(("write_file", "edit"))
_SHELLS = frozenset(("terminal", "execute_bash", "bash"))
_READS = frozenset(("task_tracker", "think", "finish", "grep", "glob", "read_file", "list_directory"))


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
    )


def write(call: HookCall, decision: Decision) -> str:
    """What OpenHands is to read. It has no line for the person."""
    if (decision.answer == DENY and call.moment == BEFORE_TOOL) or (
        decision.answer == CONTINUE and call.moment == STOP
    ):
        return json_text({"decision": "deny", "reason": decision.reason})
    if decision.context and call.moment == PROMPT:
        return json_text({"additionalContext": decision.context})
    return ""


def _tool_use(payload: dict[str, object]) -> ToolUse:
    name = text(payload, "tool_name")
    arguments = fields(payload, "tool_input")
    if name in _SHELLS:
        # Words for a program that runs already are no command.
        if arguments.get("is_input") is True:
            return ToolUse(name, UNKNOWN)
        return ToolUse(name, SHELL, command=text(arguments, "command"))
    if name in _EDITORS and text(arguments, "command") != "view":
        return ToolUse(name, WRITE, paths=_paths(text(arguments, "path")))
    if name in _WRITES:
        return ToolUse(name, WRITE, paths=_paths(text(arguments, "file_path")))
    if name == "apply_patch":
        from andon.agents.hooks.patches import paths_in

        return ToolUse(name, WRITE, paths=paths_in(text(arguments, "patch")))
    return ToolUse(name, READ if name in _READS or name in _EDITORS else UNKNOWN)


def _paths(path: str) -> tuple[str, ...]:
    return (path,) if path else ()
