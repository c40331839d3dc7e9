"""What Gemini CLI and its descendant Qwen Code have in common: the names of tools, and the shape of answers.

Must not know: which of them is asking, nor what Andon decides.
"""

from __future__ import annotations

from andon.agents.hooks.call import READ, SHELL, UNKNOWN, WRITE, ToolUse
from andon.agents.hooks.quick_json import fields, text
from andon.agents.hooks.quick_json import write as json_text

SILENCE = "{}"
"""An answer that says nothing. Were standard output empty, these clients would take what is on standard error for the
answer, JSON and all: a warning of Python's would be shown to the person, or worse."""

_WRITES = frozenset(("write_file", "replace", "edit", "notebook_edit"))
_SHELLS = frozenset(("run_shell_command", "monitor"))
_READS = frozenset((
    "read_file", "read_many_files", "list_directory", "glob", "grep_search", "search_file_content", "web_fetch",
    "google_web_search", "web_search", "write_todos", "todo_write", "activate_skill", "skill", "ask_user",
    "ask_user_question", "get_internal_docs", "list_background_processes", "read_background_output", "update_topic",
    "enter_plan_mode", "exit_plan_mode", "complete_task", "tool_search", "task_stop", "send_message",
    "read_mcp_resource", "list_mcp_resources",
))  # fmt: skip


def tool_use(payload: dict[str, object]) -> ToolUse:
    """The tool of a payload. A command that is to run in another directory says so in front, as in a shell."""
    name = text(payload, "tool_name")
    arguments = fields(payload, "tool_input")
    if name in _WRITES:
        paths = tuple(path for key in ("file_path", "notebook_path") if (path := text(arguments, key)))
        return ToolUse(name, WRITE, paths=paths)
    if name in _SHELLS:
        command = text(arguments, "command")
        directory = text(arguments, "dir_path") or text(arguments, "directory")
        return ToolUse(name, SHELL, command=f"cd {quoted(directory)} && {command}" if directory else command)
    return ToolUse(name, READ if name in _READS else UNKNOWN)


def quoted(path: str) -> str:
    """As `shlex.quote` does, whose module imports `re`."""
    return "'" + path.replace("'", "'\"'\"'") + "'"


def answer(says: dict[str, object], notice: str) -> str:
    """One line of JSON. notice: a line for the person."""
    if notice:
        says["systemMessage"] = notice
    return json_text(says) if says else SILENCE


def with_context(event: str, context: str) -> dict[str, object]:
    """The field by which text reaches the agent; these clients write `<` and `>` in it as `&lt;` and `&gt;`."""
    if not context:
        return {}
    return {"hookSpecificOutput": {"hookEventName": event, "additionalContext": context}}
