"""GitHub Copilot CLI.

SAYS: version 1.0.102, met in the real program (payloads recorded from it) and its hooks reference. Hooks lie in
`.github/hooks/*.json`; timeouts are seconds. They are skipped without a word in a folder that is not trusted (`--trust-folder`
without a terminal). Before a tool a hook that exits with anything but 0 denies the tool; a time-out, no JSON, or a stray
line before it lets the tool pass. A stop is blocked eight times in a row, a ninth block is not heeded. Nothing can be
shown to the person. What a failed tool did is not reported after it.
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
    SESSION_START,
    SHELL,
    STOP,
    UNKNOWN,
    WRITE,
    Decision,
    HookCall,
    ToolUse,
)
from andon.agents.hooks.quick_json import text
from andon.agents.hooks.quick_json import write as to_json

NAME = "copilot"
EVENTS = {
    "sessionStart": SESSION_START,
    "userPromptSubmitted": PROMPT,
    "preToolUse": BEFORE_TOOL,
    "postToolUse": AFTER_TOOL,
    "agentStop": STOP,
    "subagentStop": STOP,
    "sessionEnd": SESSION_END,
}
STOP_BLOCKS = 8

_SHELLS = frozenset({"bash", "write_bash"})
_WRITING = frozenset({"create", "edit", "str_replace", "insert"})
_READING = frozenset({
    "view", "grep", "glob", "read_bash", "stop_bash", "list_bash", "skill", "sql", "session_store_sql", "task", "read_agent",
    "list_agents", "report_intent", "update_todo", "web_fetch", "ask_user", "fetch_copilot_cli_documentation",
})  # fmt: skip


def read(event: str, payload: dict[str, object]) -> HookCall:
    return HookCall(
        NAME,
        event,
        EVENTS.get(event, OTHER),
        session=text(payload, "sessionId"),
        cwd=text(payload, "cwd"),
        tool=_tool(payload) if event in ("preToolUse", "postToolUse") else None,
        subagent=event == "subagentStop" or bool(text(payload, "parentAgentId")),
        blocked_before=payload.get("stop_hook_active") is True,
    )


def write(call: HookCall, decision: Decision) -> str:
    answer: dict[str, object] = {}
    if decision.answer == DENY and call.moment == BEFORE_TOOL:
        answer["permissionDecision"] = "deny"
        answer["permissionDecisionReason"] = decision.reason
    elif decision.answer == CONTINUE and call.moment == STOP:
        answer["decision"] = "block"
        answer["reason"] = decision.reason
    if decision.context and call.moment in (SESSION_START, PROMPT, BEFORE_TOOL, AFTER_TOOL):
        answer["additionalContext"] = decision.context
    return to_json(answer) if answer else ""


def _tool(payload: dict[str, object]) -> ToolUse | None:
    name = text(payload, "toolName")
    given = payload.get("toolArgs")
    if not name:
        return None
    if isinstance(given, str) and name != "apply_patch":
        given = _decoded(given)
    values = given if isinstance(given, dict) else {}
    if name in _SHELLS:
        return ToolUse(name, SHELL, command=text(values, "command") or text(values, "input"))
    if name in _WRITING:
        path = text(values, "path")
        return ToolUse(name, WRITE, paths=(path,) if path else ())
    if name == "apply_patch":
        from andon.agents.hooks.patches import paths_in

        patch = given if isinstance(given, str) else text(values, "input") or text(values, "patch")
        return ToolUse(name, WRITE, paths=paths_in(patch))
    return ToolUse(name, READ if name in _READING else UNKNOWN)


def _decoded(text: str) -> object:
    """Older versions hand the arguments over as JSON in a string."""
    import json

    try:
        return json.loads(text)
    except ValueError:
        return {}
