"""Codex CLI's dialect. Met in the real program: codex-cli 0.169.0 (`codex exec`), with a scripted model.

Facts that surprise:
* Hooks that nobody has trusted are skipped without a word; see `setup.clients.codex`.
* A hook is run outside of Codex's sandbox by `SHELL -c` with Codex's own PATH; the commands of the agent by a login shell,
  whose profile may have set another PATH. What is cut from more than about 10,000 characters of reason or context is its
  middle.
* Exit 1, exit 2 without a word on standard error, text before the JSON, a key that Codex does not know, a missing or
  wrong `hookEventName`, a block or denial without a reason, time running out (seconds): all let the tool or the stop pass,
  and nobody is told. Exit 2 with a word on standard error denies or blocks.
* A stop is blocked as often as the hook likes, without end; `stop_hook_active` is true from the second one on.
* `cwd` before a tool is the directory of that very tool use (`workdir`), not the session's.
* The shell tool is called Bash, and patches come as `apply_patch` with the whole patch as `command`. A patch by the shell
  (`apply_patch <<EOF`) is told as Bash before, and not at all afterwards.
* Tokens are not in the payload; the session's transcript counts them, for the whole session.
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
from andon.agents.hooks.patches import only_patches, patch_paths
from andon.agents.hooks.quick_json import fields, text
from andon.agents.hooks.quick_json import write as to_json

NAME = "codex"
EVENTS = {
    "SessionStart": SESSION_START,
    "UserPromptSubmit": PROMPT,
    "PreToolUse": BEFORE_TOOL,
    "PostToolUse": AFTER_TOOL,
    "Stop": STOP,
    "SessionEnd": SESSION_END,
    "PermissionRequest": OTHER,
    "SubagentStart": OTHER,
    "SubagentStop": OTHER,
    "PreCompact": OTHER,
    "PostCompact": OTHER,
    "Interrupt": OTHER,
}
STOP_BLOCKS = 0

_READERS = frozenset({"view_image", "get_goal", "web_search", "tool_search"})
_TAIL_BYTES = 65_536
_WITHOUT_REASON = "Andon refuses this; see `andon check`"


def read(event: str, payload: dict[str, object]) -> HookCall:
    """What Codex tells."""
    moment = EVENTS.get(event, OTHER)
    counted = moment in (AFTER_TOOL, STOP, SESSION_END)
    return HookCall(
        NAME,
        event,
        moment,
        session=text(payload, "session_id"),
        cwd=text(payload, "cwd"),
        tool=_tool(payload) if moment in (BEFORE_TOOL, AFTER_TOOL) else None,
        tokens=transcript_tokens(text(payload, "transcript_path")) if counted else None,
        final_text=text(payload, "last_assistant_message"),
        subagent=bool(text(payload, "agent_id")),
        blocked_before=payload.get("stop_hook_active") is True,
    )


def _tool(payload: dict[str, object]) -> ToolUse:
    name = text(payload, "tool_name")
    command = text(fields(payload, "tool_input"), "command")
    if name == "apply_patch":
        return ToolUse(name, WRITE, patch_paths(command))
    if name == "Bash":
        # Codex takes a patch out of the shell's hands; a line that does more besides is looked at as a command, too.
        return ToolUse(name, WRITE if only_patches(command) else SHELL, patch_paths(command), command)
    return ToolUse(name, READ if name in _READERS else UNKNOWN)


def transcript_tokens(path: str) -> int | None:
    """The session's tokens so far, from the last count in its transcript; None when there is none near its end.

    The transcript's form is no promise of Codex's, so a strange one is no error.
    """
    if not path:
        return None
    try:
        with open(path, "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            tail = file.read(_TAIL_BYTES)
    except (OSError, ValueError):
        return None
    start = tail.rfind(b'"total_token_usage":{')
    end = tail.find(b"}", start)
    if start < 0 or end < 0:
        return None
    _, mark, number = tail[start:end].partition(b'"total_tokens":')
    digits = number.partition(b",")[0].strip()
    return int(digits) if mark and digits.isdigit() and len(digits) < 16 else None


def write(call: HookCall, decision: Decision) -> str:
    """What Codex heeds, with no key that it does not know: an unknown one makes the whole answer void."""
    answer: dict[str, object] = {}
    if decision.notice:
        answer["systemMessage"] = decision.notice
    if call.moment == STOP:
        if decision.answer == CONTINUE:
            answer["decision"] = "block"
            answer["reason"] = decision.reason or _WITHOUT_REASON
        elif decision.answer == END:
            answer["continue"] = False
            answer["stopReason"] = decision.notice or decision.reason or "Andon lets the session end"
    elif call.moment == BEFORE_TOOL and decision.answer == DENY:
        answer["hookSpecificOutput"] = {
            "hookEventName": call.event,
            "permissionDecision": "deny",
            "permissionDecisionReason": decision.reason or _WITHOUT_REASON,
        }
    elif decision.context and call.moment in (SESSION_START, PROMPT, BEFORE_TOOL, AFTER_TOOL):
        answer["hookSpecificOutput"] = {"hookEventName": call.event, "additionalContext": decision.context}
    if not answer:
        return ""
    return to_json(answer)
