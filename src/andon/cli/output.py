"""Printing replies and errors, and ending the process with the contract's exit code."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

from andon.cli.plain import clean, json_text
from andon.core.errors import EXIT_BUG, EXIT_UNAVAILABLE, AndonError
from andon.engine.interface import Reply


def encode(body: dict[str, Any]) -> str:
    import msgspec

    try:
        data = msgspec.json.encode(body)
    except UnicodeEncodeError:
        data = msgspec.json.encode(_printable(body))
    return json_text(data.decode())


def _printable(value: Any) -> Any:
    """Names with bytes that are no UTF-8 are shown with escapes; JSON can't hold them otherwise."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _printable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(item) for item in value]
    return value


def _cleaned(value: Any) -> Any:
    """All text of a reply made safe before anything is laid out, so that no renderer can forget to."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(key) if isinstance(key, str) else key: _cleaned(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value


def emit(verb: str, reply: Reply, as_json: bool, color: str | None) -> None:
    """Print a reply."""
    for note in reply.notes:
        sys.stderr.write(clean(note) + "\n")
    if as_json:
        sys.stdout.write(encode(reply.body) + "\n")
        return
    from andon.cli.render import render

    text = render(verb, _cleaned(reply.body), color)
    if text:
        sys.stdout.write(text.rstrip("\n") + "\n")
    error = reply.body.get("error")
    if error:
        _print_error(error)


def finish(verb: str, reply: Reply, as_json: bool, color: str | None) -> NoReturn:
    try:
        emit(verb, reply, as_json, color)
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        os._exit(0)
    except OSError as error:
        unwritable(error)
    os._exit(reply.exit)


def unwritable(error: OSError) -> NoReturn:
    """The answer reached nobody (a full disk behind standard output): what was done is done, and can be asked for again."""
    try:
        sys.stderr.write(f"andon: the answer could not be written: {error.strerror}\nnext: andon status\n")
        sys.stderr.flush()
    except OSError:
        pass
    os._exit(EXIT_UNAVAILABLE)


def _print_error(error: dict[str, Any]) -> None:
    sys.stderr.write(f"andon: {clean(error['message'])}\n")
    if error.get("next"):
        sys.stderr.write(f"next: {clean(error['next'])}\n")


def fail(error: AndonError, as_json: bool) -> NoReturn:
    """Report an operational error or a refusal."""
    described = {"kind": error.kind, "message": error.message, "next": error.next}
    try:
        for note in error.notes:
            sys.stderr.write(clean(note) + "\n")
        if as_json:
            sys.stdout.write(encode({"ok": False, "error": described}) + "\n")
        else:
            _print_error(described)
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        pass
    os._exit(error.exit)


def bug(error: Exception, as_json: bool) -> NoReturn:
    """Report a bug in Andon (exit 70)."""
    if os.environ.get("ANDON_DEBUG"):
        import traceback

        traceback.print_exc()
    message = f"this is a bug in Andon: {type(error).__name__}: {error}"
    following = "run it again with ANDON_DEBUG=1 and report the traceback"
    fail(AndonError(message, kind="bug", next=following, exit=EXIT_BUG), as_json)
