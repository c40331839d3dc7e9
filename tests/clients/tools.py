"""Moves in terms of the tools that a client offers: clients name and shape their shell and their writing tools differently.

Knows tools by their names and schemas alone, never which client asks.
"""

from __future__ import annotations

import os
import shlex
from typing import Any

from tests.clients.conversation import Answer, AskHuman, Call, Conversation, Die, Move, Say, Shell, Tool, Use, Write

SHELLS = (
    "Bash", "bash", "shell", "shell_command", "exec_command", "local_shell", "run_shell_command", "run_terminal_cmd",
    "terminal", "execute_bash", "developer__shell",
)  # fmt: skip
"""Names of tools that run a command, the better one first."""

WRITERS = (
    "Write", "write_file", "write", "create", "create_file", "str_replace_editor", "file_editor", "text_editor",
    "apply_patch",
)  # fmt: skip

SUBMIT = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
"""Where the prompt asks for it, the end is no text but a command that prints this."""

COMMAND_KEYS = ("command", "cmd")
PATH_KEYS = ("file_path", "filePath", "path", "absolute_path")
TEXT_KEYS = ("content", "file_text", "contents", "text")


def find(conversation: Conversation, names: tuple[str, ...]) -> Tool | None:
    offered = {tool.name: tool for tool in conversation.tools}
    return next((offered[name] for name in names if name in offered), None)


def has_shell(conversation: Conversation) -> bool:
    return find(conversation, SHELLS) is not None


def answer(conversation: Conversation, move: Move, identity: str) -> Answer:
    """The answer that makes the client carry out the move."""
    if isinstance(move, Die):
        raise ValueError("a move that fails has no answer")
    if isinstance(move, Say):
        if SUBMIT in conversation.everything():
            move = Shell(f"printf '%s\\n' {SUBMIT} {shlex.quote(move.text)}")
        else:
            return Answer(id=identity, text=move.text)
    return Answer(id=identity, call=call(conversation, move, f"call_{identity}"))


def call(conversation: Conversation, move: Shell | Write | AskHuman | Use, identity: str) -> Call:
    if isinstance(move, AskHuman):
        return call(
            conversation, Shell(f"cd {shlex.quote(move.directory)} && andon ask {shlex.quote(move.text)}"), identity
        )
    if isinstance(move, Use):
        tool = find(conversation, (move.name,))
        if tool is None:
            raise LookupError(f"the client offers no tool {move.name}; it offers {names_of(conversation)}")
        return Call(identity, tool, move.arguments)
    if isinstance(move, Shell):
        return shell_call(conversation, move.command, identity)
    writer = None if move.through_shell else find(conversation, WRITERS)
    if writer is None:
        return shell_call(conversation, write_command(move), identity)
    return write_call(writer, move, identity)


def names_of(conversation: Conversation) -> str:
    return ", ".join(tool.name for tool in conversation.tools) or "none"


def shell_call(conversation: Conversation, command: str, identity: str) -> Call:
    tool = find(conversation, SHELLS)
    if tool is None:
        raise LookupError(
            f"the client offers no tool for commands that is known here; it offers {names_of(conversation)}"
        )
    properties = tool.schema.get("properties", {})
    key = next((key for key in COMMAND_KEYS if key in properties), "command")
    takes_list = properties.get(key, {}).get("type") == "array"
    value: Any = ["bash", "-lc", command] if takes_list else command
    return Call(identity, tool, filled(tool.schema, {key: value}))


def write_command(move: Write) -> str:
    directory = os.path.dirname(move.path)
    before = f"mkdir -p {shlex.quote(directory)} && " if directory else ""
    return f"{before}printf %s {shlex.quote(move.text)} > {shlex.quote(move.path)}"


def write_call(tool: Tool, move: Write, identity: str) -> Call:
    if tool.name == "apply_patch":
        lines = "".join(f"+{line}\n" for line in move.text.splitlines())
        patch = f"*** Begin Patch\n*** Add File: {move.path}\n{lines}*** End Patch\n"
        return Call(identity, tool, filled(tool.schema, {"input": patch}), text=patch)
    properties = tool.schema.get("properties", {})
    path_key = next((key for key in PATH_KEYS if key in properties), "path")
    text_key = next((key for key in TEXT_KEYS if key in properties), "content")
    given: dict[str, Any] = {path_key: move.path, text_key: move.text}
    if "command" in properties:
        given["command"] = "create"
    return Call(identity, tool, filled(tool.schema, given))


def filled(schema: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The given arguments, and something plausible for whatever else the schema requires."""
    properties = schema.get("properties", {})
    return given | {
        name: plausible(properties.get(name, {})) for name in schema.get("required", ()) if name not in given
    }


def plausible(schema: dict[str, Any]) -> Any:
    """A value that the schema admits."""
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return plausible(schema[key][0])
    kind = schema.get("type", "string")
    kind = str(kind[0] if isinstance(kind, list) else kind).lower()
    if kind == "object":
        return filled(schema, {})
    # The least number: one client asks on the side how sure the model is that it runs in circles, and believes it.
    least = schema.get("minimum", 0)
    return {"boolean": False, "integer": least, "number": least, "array": [], "null": None}.get(
        kind, "as the task asks"
    )
