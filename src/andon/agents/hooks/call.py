"""The words that all dialects share: what a client reports (`HookCall`), and what Andon answers (`Decision`).

Plain slotted classes, since the hot path pays for every import. Must not know any client.
"""

from __future__ import annotations

# The moments of a session that matter here. A dialect maps its client's own event names to them.
SESSION_START = "session_start"
PROMPT = "prompt"  # a person or program gave a prompt
BEFORE_TOOL = "before_tool"
AFTER_TOOL = "after_tool"
STOP = "stop"  # the agent wants to end its turn
SESSION_END = "session_end"
OTHER = "other"  # known to the client, of no interest: answered with nothing
MOMENTS = (SESSION_START, PROMPT, BEFORE_TOOL, AFTER_TOOL, STOP, SESSION_END, OTHER)

# What a tool does, as far as a decision needs to know.
WRITE = "write"  # changes the files that `paths` names
SHELL = "shell"  # runs `command`
READ = "read"  # only reads, or does nothing to files
UNKNOWN = "unknown"  # a tool that we do not know (an MCP tool, say)


class ToolUse:
    """One use of a tool. kind: as above. paths: as the client gave them, absolute or relative to cwd."""

    __slots__ = ("command", "kind", "name", "paths")

    def __init__(self, name: str, kind: str, paths: tuple[str, ...] = (), command: str = "") -> None:
        self.name = name
        self.kind = kind
        self.paths = paths
        self.command = command


class HookCall:
    """One call of a hook.

    moment: of MOMENTS. session: the client's id of it ("" when it gives none). cwd: the session's directory, absolute
    ("" when not given). tokens: of the whole session so far, None when the client does not say. subagent: a nested
    agent of the client's own. final_text: what the agent said last. blocked_before: the client says that a stop hook
    already kept the agent working (some give up on a second block).
    """

    __slots__ = (
        "blocked_before", "client", "cwd", "event", "final_text", "moment", "session", "subagent", "tokens", "tool",
    )  # fmt: skip

    def __init__(
        self,
        client: str,
        event: str,
        moment: str,
        *,
        session: str = "",
        cwd: str = "",
        tool: ToolUse | None = None,
        tokens: int | None = None,
        final_text: str = "",
        subagent: bool = False,
        blocked_before: bool = False,
    ) -> None:
        self.client = client
        self.event = event
        self.moment = moment
        self.session = session
        self.cwd = cwd
        self.tool = tool
        self.tokens = tokens
        self.final_text = final_text
        self.subagent = subagent
        self.blocked_before = blocked_before


# Answers.
PROCEED = "proceed"  # nothing to object to; `context`, if any, is for the agent to read
DENY = "deny"  # before a tool: not this one, for this reason
CONTINUE = "continue"  # at a stop: the agent must go on working, for this reason
END = "end"  # at a stop: end, whatever else; `notice` tells the person why


class Decision:
    """answer: as above. reason: for the agent. context: further text for the agent. notice: one line for the person."""

    __slots__ = ("answer", "context", "notice", "reason")

    def __init__(self, answer: str = PROCEED, *, reason: str = "", context: str = "", notice: str = "") -> None:
        self.answer = answer
        self.reason = reason
        self.context = context
        self.notice = notice
