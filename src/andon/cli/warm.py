"""The warm path: every command of the table, without click. `--help`, completion and mistakes in names go to click."""

from __future__ import annotations

import gc
import os
import sys
from typing import Any, NoReturn

from andon.cli.lean import import_msgspec
from andon.cli.table import PEOPLES_SETTINGS, PERSONS_ACTS, WEIGHED_ACTS, find


def run(argv: list[str]) -> None:
    """Carry the command out and end the process; return when click must take over."""
    # What stands after `--` is somebody else's.
    ours = argv[: argv.index("--")] if "--" in argv else argv
    words = argv
    common: list[str] = []
    while words and words[0].startswith("-"):
        if words[0] != "--json":
            return
        common.append(words[0])
        words = words[1:]
    if not words or "--help" in ours or "-h" in ours:
        return
    found = find(words)
    if found is None:
        return
    # One short-lived process: collecting garbage while modules load only costs time. `lead --watch` turns it on again.
    gc.disable()
    import_msgspec()
    from andon.cli.parse import parse

    command, rest = found
    as_json = "--json" in ours
    from andon.core.errors import AndonError

    try:
        arguments = parse(command, [*common, *rest])
    except AndonError as error:
        from andon.cli.output import fail

        fail(error, as_json)
    execute(command[0], arguments)


def execute(verb: str, arguments: dict[str, Any]) -> None:
    """Call the coordinator, print, and end the process."""
    import_msgspec()
    from andon.cli.output import bug, fail, finish
    from andon.core.errors import AndonError, UsageError

    as_json = bool(arguments.pop("json", False))
    color = arguments.pop("color", None)
    try:
        from andon.cli.context import context, prepare

        prepare(verb, arguments)
        if verb in ("export", "task_export") and as_json and arguments.get("file") in (None, "-"):
            # Standard output can't hold both the lines and the one object.
            named = verb.replace("_", " ")
            raise UsageError(f"{named} --json needs a file", next=f"andon {named} FILE --json")
        if verb == "lead" and arguments.get("dry_run") and arguments.get("watch"):
            raise UsageError("a dry run is made once", next="andon lead --dry-run")
        if verb == "mcp":
            serve_mcp()
        caller = context(arguments, person_needed=verb in PERSONS_ACTS)
        if verb in WEIGHED_ACTS or (verb == "inbox" and arguments.get("ack")):
            from andon.cli.knowledge import as_who_it_is

            caller = as_who_it_is(caller)
        from andon.app import open_coordinator

        if verb == "work":
            from andon.cli.work import work

            finish(verb, work(caller, arguments), as_json, color)
        coordinator = open_coordinator(caller)
        writes_clients = arguments.get("clients") and (arguments.get("remove") or arguments.get("commit"))
        if verb in PEOPLES_SETTINGS or (verb == "init" and writes_clients):
            from andon.cli.person import refuse_agents

            refuse_agents(caller)
        if verb in PERSONS_ACTS:
            from andon.cli.person import confirm

            confirm(verb, arguments, coordinator, caller)
        if verb == "learn" and arguments.get("review") and not as_json and sys.stdin.isatty():
            from andon.cli.knowledge import ask_through

            ask_through(coordinator, arguments)
        if verb == "lead" and arguments.pop("watch", False):
            from andon.cli.watch import watch

            watch(coordinator, arguments, as_json)
        reply = coordinator.call(verb, arguments, progress(verb, as_json))
    except AndonError as error:
        fail(error, as_json)
    except KeyboardInterrupt:
        sys.stderr.write("\nandon: interrupted; nothing was lost\n")
        sys.exit(130)
    except BrokenPipeError:
        # At once: what is left in the buffers would only break again.
        os._exit(0)
    except Exception as error:
        bug(error, as_json)
    finish(verb, reply, as_json, color)


def serve_mcp() -> NoReturn:
    """Until the client closes the streams. Raises AndonError."""
    gc.enable()
    from andon.api.mcp import refuse_terminal, serve

    refuse_terminal()
    serve()
    sys.exit(0)


LONG = frozenset(
    {
        "check",
        "advance",
        "lead",
        "run_start",
        "doctor",
        "init",
        "next",
        "export",
        "import",
        "archive",
        "task_import",
        "wait",
    }
)


def progress(verb: str, as_json: bool) -> Any:
    """Lines of progress on standard error, for long work at a terminal."""
    if verb not in LONG or as_json or not sys.stderr.isatty():
        return None

    def say(line: str) -> None:
        from andon.cli.plain import clean

        sys.stderr.write(f"· {clean(line)}\n")
        sys.stderr.flush()

    return say
