"""The lines of exports and archives: one JSON object each, with an event's bytes exactly as they are stored.

Format 1. `kind` tells the lines apart. An event's `data` is its JSON, byte for byte; what is no JSON on one line stands as
`base64`. type, at and actor follow from the content and are only written where they differ from it (a damaged log).
Lines never change their meaning: what is new gets a new kind, or a new format number.
"""

from __future__ import annotations

import base64

import msgspec
from msgspec import Struct

from andon.core import events as e
from andon.core.errors import UsageError
from andon.store.codec import UNREADABLE
from andon.store.sqlite_reader import FullEvent

FORMAT = 1
MAX_LINE_BYTES = 64 * 1024**2
"""No event or definition comes near; a longer line is none of ours."""

NOTHING = msgspec.Raw()
Scalar = str | int | float | None


class Header(Struct, frozen=True, kw_only=True, tag="andon-export", tag_field="kind"):
    """The first line. counts: how many lines of each kind follow."""

    format: int
    counts: dict[str, int]


class RowLine(Struct, frozen=True, kw_only=True, tag="row", tag_field="kind"):
    """A row of a table that is no projection. Bytes are {"utf8": text} or {"base64": text}."""

    table: str
    row: dict[str, Scalar | dict[str, str]]


class ArchiveLine(Struct, frozen=True, kw_only=True, tag="archive", tag_field="kind"):
    """An archive file; the next `events` lines are what it holds."""

    digest: str
    runs: int
    events: int
    archived_at: float


class EventLine(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="event", tag_field="kind"):
    position: int
    stream: str
    seq: int
    cause: str | None = None
    data: msgspec.Raw = NOTHING
    base64: str | None = None
    type: str | None = None
    at: float | None = None
    actor: str | None = None


class EndLine(Struct, frozen=True, kw_only=True, tag="end", tag_field="kind"):
    """The last line: that all is there. sha256: of all bytes before this line."""

    lines: int
    sha256: str


Line = Header | RowLine | ArchiveLine | EventLine | EndLine

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Line)


def encode(line: Line) -> bytes:
    return _encoder.encode(line) + b"\n"


def encode_events(rows: list[FullEvent]) -> tuple[bytes, list[str]]:
    """The lines of stored events, and what can't be read among them."""
    problems: list[str] = []
    return _encoder.encode_lines([_event_line(row, problems) for row in rows]), problems


def _event_line(row: FullEvent, problems: list[str]) -> EventLine:
    position, stream, seq, cause, data, kind, at, actor = row
    try:
        event = e.decode(data)
    except UNREADABLE as error:
        problems.append(f"event {seq} of {stream} (position {position}) can't be read: {error}")
    else:
        if (type(event).__name__, event.at, event.actor) == (kind, at, actor) and b"\n" not in data:
            return EventLine(position=position, stream=stream, seq=seq, cause=cause, data=msgspec.Raw(data))
    inline = _is_json_line(data)
    return EventLine(
        position=position,
        stream=stream,
        seq=seq,
        cause=cause,
        data=msgspec.Raw(data) if inline else NOTHING,
        base64=None if inline else base64.b64encode(data).decode(),
        type=kind,
        at=at,
        actor=actor,
    )


def _is_json_line(data: bytes) -> bool:
    """Whether these very bytes may stand inside a line, and come out of it as they were."""
    if b"\n" in data or b"\r" in data or data != data.strip():
        return False
    try:
        data.decode()
        msgspec.json.decode(data)
    except UNREADABLE:
        return False
    return True


def decode(text: bytes, number: int) -> Line:
    """The line behind its bytes. Raises UsageError with the line's number."""
    try:
        line: Line = _decoder.decode(text)
    except UNREADABLE as error:
        raise unreadable(number, str(error)) from error
    return line


def full_event(line: EventLine, number: int) -> FullEvent:
    """The event's columns. Raises UsageError when they can't be known."""
    if bytes(line.data):
        data = bytes(line.data)
    else:
        try:
            data = base64.b64decode(line.base64 or "", validate=True)
        except ValueError as error:
            raise unreadable(number, str(error)) from error
    if line.type is not None and line.at is not None and line.actor is not None:
        return (line.position, line.stream, line.seq, line.cause, data, line.type, line.at, line.actor)
    try:
        event = e.decode(data)
    except UNREADABLE as error:
        raise unreadable(number, str(error)) from error
    return (line.position, line.stream, line.seq, line.cause, data, type(event).__name__, event.at, event.actor)


def unreadable(number: int, why: str) -> UsageError:
    text = f"line {number} can't be read: {why}"
    return UsageError(text, kind="bad_export", next="use an export of this Andon's format that is whole")
