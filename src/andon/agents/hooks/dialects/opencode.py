"""opencode's dialect. opencode has no hooks of its own, but plugins: ours (`setup/clients/opencode.js`) asks `andon hook
opencode EVENT`, so both sides of this dialect are Andon's. Met in the real program: opencode 1.18.33, with a scripted model.

Asked: `sessionID`, `directory`, `tool`, `args`, `tokens` (of the whole session), `text` (the last words), `subagent`.
Answered, always, so that the plugin can tell an answer from an accident: `answer` (of `call`), `reason`, `context`, `notice`.

Facts that surprise:
* A plugin denies a tool by throwing; an error of the plugin is a denial, too. So the plugin throws on our word alone.
* No hook is called before a turn ends. The event `session.idle` comes after it; the plugin then prompts anew. `opencode run`
  would be gone by then, but it waits for the plugin's `dispose`, so that all of this happens there, though nothing of it is
  printed. (A message that is put into the session while a text is completed would go on the turn itself, but whether the
  text ends the turn can't be known then.)
* After an error or an interruption `session.idle` comes as well, and twice: neither may be answered by a prompt.
* An agent of `task` has a session of its own, with its own `session.idle`; `session.created` names its parent.
"""

from __future__ import annotations

from andon.agents.hooks.call import (
    AFTER_TOOL,
    BEFORE_TOOL,
    OTHER,
    PROCEED,
    READ,
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

NAME = "opencode"
EVENTS = {
    "SessionStart": SESSION_START,
    "ToolBefore": BEFORE_TOOL,
    "ToolAfter": AFTER_TOOL,
    "SessionIdle": STOP,
}
STOP_BLOCKS = 0

_WRITERS = frozenset({"edit", "write", "multiedit"})
_READERS = frozenset(
    {"read", "glob", "grep", "list", "skill", "task", "todoread", "todowrite", "webfetch", "websearch", "question"}
)


def read(event: str, payload: dict[str, object]) -> HookCall:
    """What our plugin tells."""
    moment = EVENTS.get(event, OTHER)
    tokens = payload.get("tokens")
    directory = text(payload, "directory")
    args = fields(payload, "args")
    return HookCall(
        NAME,
        event,
        moment,
        session=text(payload, "sessionID"),
        # A command may run elsewhere than the session.
        cwd=_absolute(directory, text(args, "workdir")),
        tool=_tool(text(payload, "tool"), args) if moment in (BEFORE_TOOL, AFTER_TOOL) else None,
        tokens=tokens if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0 else None,
        final_text=text(payload, "text"),
        subagent=payload.get("subagent") is True,
    )


def _absolute(directory: str, place: str) -> str:
    if not place or place.startswith("/"):
        return place or directory
    return f"{directory}/{place}" if directory else ""


def _tool(name: str, args: dict[str, object]) -> ToolUse:
    if name == "bash":
        return ToolUse(name, SHELL, (), text(args, "command"))
    if name in _WRITERS:
        path = text(args, "filePath")
        return ToolUse(name, WRITE, (path,) if path else ())
    if name in ("apply_patch", "patch"):
        from andon.agents.hooks.patches import paths_in

        return ToolUse(name, WRITE, paths_in(text(args, "patchText")))
    return ToolUse(name, READ if name in _READERS else UNKNOWN)


def write(call: HookCall, decision: Decision) -> str:
    """What our plugin reads; never nothing."""
    return to_json(
        {
            "answer": decision.answer,
            "reason": "" if decision.answer == PROCEED else decision.reason,
            "context": decision.context,
            "notice": decision.notice,
        }
    )
