"""`andon mcp`: the agents' commands as tools of a Model Context Protocol server over standard input and output.

Rules.
* The tools are made of the command line's own table, so that both say the same; a call is one call of the coordinator.
* No state between calls: the agent, the run and the directory travel as arguments, and what is left out is taken from where
  the server was started, as on the command line.
* Whoever calls a tool is an agent. Acts of a person (approve, waive, …) are not among the tools, and a call is never made in
  a person's name (law 11). Of those that agents may do too (to answer what was put to them, to judge their own findings) the
  core refuses what is a person's.
* A server that knows whose session it serves (ANDON_AGENT, or the client's own session) acts for nobody else: with a name that
  every call may choose, one agent could review its own work.
* A refusal is an answer, not an error of the protocol: `exit` and `meaning` say how to read it, as exit codes do.
Must not know the store, git or gates. Source: Model Context Protocol, by the library `mcp` 2 (extra `andon[mcp]`).
"""

from __future__ import annotations

import os
import sys
from typing import Any

from andon import __version__
from andon.cli.parse import UNITS, convert
from andon.cli.table import AGENTS, AGENTS_TOO, COMMANDS, PERSONS_ACTS, Command
from andon.core.errors import EXIT_BUG, EXIT_DENIED, EXIT_UNAVAILABLE, EXIT_USAGE, AndonError, UsageError

ALSO = ("status", "show", "log", "ready", "task_list", "task_show", "task_add", "run_list", "run_show", "finding_list")
"""Tools besides the agents' own commands and AGENTS_TOO: reading, and adding a task."""
READING = frozenset(
    {
        "brief",
        "check",
        "status",
        "show",
        "log",
        "ready",
        "task_list",
        "task_show",
        "run_list",
        "run_show",
        "finding_list",
    }
)
LEFT_OUT = frozenset({"hook", "mcp", "work"})
WAIT_S_MAX = 600.0
MEANINGS = {
    0: "yes: proceed",
    1: "no: fix what is said, then try again",
    3: "not yet: wait or do something else",
    4: "lost: stop, the work is someone else's",
    5: "denied: stop",
    6: "unavailable: try again later",
    64: "the call was wrong",
    70: "a bug in Andon",
}
INSTRUCTIONS = (
    "Andon holds the work of this repository as steps with gates that it verifies itself. Call `next` to claim work, do what "
    "the brief says in its workdir, call `check` to learn whether it is achieved, and `advance` to proceed; give `workdir` "
    "(or `run`) with every call after `next`. Read `meaning` in each answer: 'lost' and 'denied' mean stop."
)
PLACES = {
    "agent": "your name, where the server was started without one; every session has its own",
    "run": "the claimed run, as `next` gave it, when `workdir` is not given",
    "workdir": "the directory to act in, as `next` gave it. Default: where this server was started",
}
_JSON_TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "list": {"type": "array", "items": {"type": "string"}},
    "flag": {"type": "boolean"},
    "off": {"type": "boolean"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "duration": {"type": ["number", "string"], "description": "seconds, or 30s, 5m"},
}


def commands() -> dict[str, Command]:
    """The commands that are tools, by the tool's name."""
    refused = (PERSONS_ACTS - AGENTS_TOO) | LEFT_OUT
    chosen = [x for x in COMMANDS if x[6] == AGENTS or x[0] in ALSO or x[0] in AGENTS_TOO]
    return {command[0]: command for command in chosen if command[0] not in refused}


def schema(command: Command) -> dict[str, Any]:
    """JSON Schema of a tool's arguments."""
    properties: dict[str, Any] = {}
    for name, kind, text in command[3]:
        form = _JSON_TYPES["list" if kind == "many" else "text"]
        properties[name] = {**form, "description": text}
    for _flags, name, kind, text in command[4]:
        form = _JSON_TYPES[kind]
        properties[name] = {**form, "description": f"{text} ({form['description']})" if "description" in form else text}
    taken = set(properties)
    for name, text in PLACES.items():
        if name not in taken:
            properties[name] = {"type": "string", "description": text}
    required = [name for name, kind, _text in command[3] if kind == "one"]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def call(name: str, given: dict[str, Any], session: str) -> dict[str, Any]:
    """Carry out one tool call; never raises. session: the caller's name where none is given."""
    try:
        return _call(name, given, session)
    except AndonError as error:
        return _refused(error.kind, error.message, error.next, error.exit) | {"notes": list(error.notes)}
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        return _refused("bug", text, "report it: this is an error in Andon", EXIT_BUG)


def _call(name: str, given: dict[str, Any], session: str) -> dict[str, Any]:
    from andon.app import open_coordinator
    from andon.engine.interface import CallContext

    command = commands().get(name)
    if command is None:
        raise UsageError(f"there is no tool {name}", next=f"one of {', '.join(commands())}")
    arguments, places = _arguments(command, given)
    workdir = os.path.abspath(places.get("workdir") or os.getcwd())
    if not os.path.isdir(workdir):
        raise UsageError(f"workdir {workdir} is no directory", next="give the workdir that `next` gave")
    context = CallContext(
        cwd=workdir,
        agent=_name(places.get("agent"), session),
        person=False,
        run=places.get("run") or os.environ.get("ANDON_RUN"),
    )
    reply = open_coordinator(context).call(name, arguments)
    return {**reply.body, "exit": reply.exit, "meaning": MEANINGS.get(reply.exit, ""), "notes": list(reply.notes)}


def _name(given: str | None, session: str) -> str:
    """Who calls: whom the server serves; where that is unknown, whom the call names. Raises AndonError."""
    from andon.cli.identity import session_name

    known = session_name()
    if known is None:
        return given or session
    if given and given != known:
        raise AndonError(
            f"this server serves {known}, not {given}",
            kind="other_agent",
            next="leave agent out; another session starts a server of its own",
            exit=EXIT_DENIED,
        )
    return known


def _arguments(command: Command, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """(the command's arguments, the caller's places), each of the right kind. Raises UsageError."""
    kinds = {name: "list" if kind == "many" else "text" for name, kind, _text in command[3]}
    kinds |= {name: kind for _flags, name, kind, _text in command[4]}
    arguments: dict[str, Any] = {}
    places: dict[str, str] = {}
    for name, value in given.items():
        kind = kinds.get(name)
        if value is None:
            continue
        if kind is None and name in PLACES and isinstance(value, str):
            places[name] = value
        elif kind is None:
            known = ", ".join([*kinds, *PLACES])
            raise UsageError(f"{command[0]} has no argument {name!r} of that kind", next=f"it has {known}")
        else:
            arguments[name] = _value(command[0], name, kind, value)
    missing = [name for name, kind, _text in command[3] if kind == "one" and name not in arguments]
    if missing:
        raise UsageError(f"{command[0]} needs {', '.join(missing)}", next="call it again with that")
    return arguments, places


def _value(tool: str, name: str, kind: str, value: Any) -> Any:
    if kind in ("flag", "off"):
        if isinstance(value, bool):
            return value
    elif kind == "list":
        many = value if isinstance(value, list) else [value]
        if all(isinstance(one, str) for one in many):
            return list(many)
    elif kind == "text":
        if isinstance(value, str):
            return value
    elif isinstance(value, int | float | str) and not isinstance(value, bool):
        # A lone number of seconds is what models write; the command line wants a unit.
        text = f"{value}s" if kind == "duration" and str(value)[-1:] not in UNITS else str(value)
        found = convert(name, kind, text)
        return min(found, WAIT_S_MAX) if name == "wait_s" else found
    raise UsageError(f"{tool}: {name} must be of kind {kind}, not {value!r}", next="see the tool's schema")


def _refused(kind: str, message: str, following: str, code: int) -> dict[str, Any]:
    error = {"kind": kind, "message": message, "next": following}
    return {"ok": False, "error": error, "exit": code, "meaning": MEANINGS.get(code, "")}


def serve() -> None:
    """Answer on standard input and output until the client closes them. Raises AndonError when `mcp` is missing."""
    try:
        import anyio
        import mcp_types as types
        from mcp.server.lowlevel import Server
        from mcp.server.stdio import stdio_server
    except ImportError as error:
        raise AndonError(
            f"the MCP server needs the Python package mcp 2, which is not installed ({error.name})",
            kind="not_installed",
            next="pip install 'andon[mcp]'",
            exit=EXIT_UNAVAILABLE,
        ) from None
    from andon.cli.output import encode

    session = _session()

    async def list_tools(_context: Any, _parameters: Any) -> Any:
        tools = [
            types.Tool(
                name=name,
                description=command[2],
                input_schema=schema(command),
                annotations=types.ToolAnnotations(read_only_hint=name in READING, open_world_hint=False),
            )
            for name, command in commands().items()
        ]
        return types.ListToolsResult(tools=tools)

    async def call_tool(_context: Any, parameters: Any) -> Any:
        given = dict(parameters.arguments or {})
        # A check takes as long as its gates: other calls, and the client's ping, are answered meanwhile.
        body = await anyio.to_thread.run_sync(call, parameters.name, given, session, abandon_on_cancel=True)
        wrong = body["exit"] in (EXIT_USAGE, EXIT_BUG)
        text = types.TextContent(type="text", text=encode(body))
        return types.CallToolResult(content=[text], structured_content=body, is_error=wrong)

    server: Any = Server(
        "andon", version=__version__, instructions=INSTRUCTIONS, on_list_tools=list_tools, on_call_tool=call_tool
    )

    async def run() -> None:
        async with stdio_server() as (read_stream, write_stream):
            await server.run(read_stream, write_stream, server.create_initialization_options())

    anyio.run(run)


def _session() -> str:
    """The name of an agent that gives none: that of the client's session, else of this very process; never a person's."""
    from andon.cli.identity import session_name

    return session_name() or f"mcp-{os.uname().nodename}-{os.getpid()}"


def refuse_terminal() -> None:
    """A person who types `andon mcp` gets a word instead of silence. Raises UsageError."""
    if sys.stdin.isatty():
        raise UsageError("`andon mcp` is started by an agent's client", next="see docs/how-to/mcp.md")
