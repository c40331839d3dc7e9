"""The words between a dialect and a script: what a client has said so far, what the model does next, what it counts.

Data alone. A dialect reads a client's request into a `Conversation`; a script answers with a `Move`; `tools` makes an
`Answer` of it in terms of the tools that the client offers; the dialect writes that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Kinds of entries, in the order in which they were said.
USER = "user"
ASSISTANT = "assistant"
CALL = "call"  # the model's use of a tool
RESULT = "result"  # what the tool gave


@dataclass(frozen=True)
class Entry:
    kind: str
    text: str


@dataclass(frozen=True)
class Tool:
    """A tool that the client offers. custom: it takes free text (Responses dialect) instead of JSON."""

    name: str
    schema: dict[str, Any]
    custom: bool = False
    namespace: str = ""


@dataclass(frozen=True)
class Conversation:
    """One request, whatever the dialect. answer_schema: the JSON schema that the client wants its answer in, if any."""

    dialect: str
    model: str
    system: str
    entries: tuple[Entry, ...]
    tools: tuple[Tool, ...]
    stream: bool = False
    answer_schema: dict[str, Any] | None = None

    @property
    def fresh(self) -> bool:
        """Whether the model has not said a word yet: a new session."""
        return all(entry.kind == USER for entry in self.entries)

    @property
    def last_result(self) -> str:
        """The output of the tool that was used last; "" when none was."""
        return next((entry.text for entry in reversed(self.entries) if entry.kind == RESULT), "")

    @property
    def last_user(self) -> str:
        return next((entry.text for entry in reversed(self.entries) if entry.kind == USER), "")

    def everything(self) -> str:
        return "\n".join([self.system, *(entry.text for entry in self.entries)])


# ------------------------------------------------------------------ what the model does next


@dataclass(frozen=True)
class Say:
    """Say something and end the turn."""

    text: str


@dataclass(frozen=True)
class Shell:
    command: str


@dataclass(frozen=True)
class Write:
    """Write a whole file, with the client's own tool for that, if it has one. through_shell: by a command in any case."""

    path: str
    text: str
    through_shell: bool = False


@dataclass(frozen=True)
class AskHuman:
    """Ask the people through Andon, from the step's directory."""

    text: str
    directory: str = "."


@dataclass(frozen=True)
class Use:
    """Use a tool of the client by its name."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Die:
    """The endpoint fails. how: `drop` closes the connection, `error` is a status 500, `power` ends all that runs around it."""

    how: str = "drop"


Move = Say | Shell | Write | AskHuman | Use | Die


# ------------------------------------------------------------------ what goes back over the wire


@dataclass(frozen=True)
class Call:
    """A use of a tool. text: the whole input of a custom tool, instead of arguments."""

    id: str
    tool: Tool
    arguments: dict[str, Any]
    text: str = ""


@dataclass(frozen=True)
class Usage:
    """Tokens of one request. input counts the cached ones too."""

    input: int = 100
    cached: int = 40
    output: int = 10


@dataclass(frozen=True)
class Answer:
    """Either text or a call, and the usage. id: unique for each request."""

    id: str
    text: str = ""
    call: Call | None = None
    usage: Usage = Usage()
