"""Between records and what the stores keep: JSON text, id numbers, checks of what comes back. No I/O."""

from __future__ import annotations

import msgspec

from andon.core import events as e
from andon.core import state as s
from andon.core.errors import AndonError, InvariantViolation
from andon.core.projection import decode_state, encode_state
from andon.core.verdict import FAILED, PASSED, Verdict
from andon.ports import Loaded, StoredEvent, Unreadable
from andon.store import errors

ID_PREFIXES = {"task": "T", "run": "R", "message": "M", "learning": "L", "shared": "W"}
UNREADABLE = (msgspec.MsgspecError, UnicodeError, KeyError)
MAX_ID_DIGITS = 18


def number_of(stream: str) -> int:
    """The number in an id ("T12" is 12), for the natural order; 0 when there is none."""
    digits = stream[1:]
    return int(digits) if digits.isdecimal() and digits.isascii() and len(digits) <= MAX_ID_DIGITS else 0


def event_text(stream: str, event: e.Event) -> str:
    """The event as JSON. Raises UsageError when it holds text that is no Unicode."""
    try:
        return e.encode(event).decode()
    except UnicodeError as error:
        raise errors.not_text(stream) from error


def state_text(stream: str, state: s.State) -> str:
    try:
        return encode_state(state).decode()
    except UnicodeError as error:
        raise errors.not_text(stream) from error


def read_state(stream: str, seq: int, kind: str, data: bytes) -> Loaded:
    """The stored state. Raises AndonError kind "corrupt", naming the stream."""
    try:
        state = decode_state(kind, data)
    except UNREADABLE as error:
        raise errors.corrupt(f"the stored state of {stream} can't be read: {error}") from error
    if state.id != stream:
        raise errors.corrupt(f"the stored state of {stream} is that of {state.id}")
    return Loaded(state=state, seq=seq)


def read_event(position: int, stream: str, seq: int, cause: str | None, data: bytes) -> StoredEvent:
    """A stored event. Raises AndonError kind "corrupt", naming stream and seq."""
    try:
        event = e.decode(data)
    except UNREADABLE as error:
        text = f"event {seq} of {stream} (position {position}) can't be read: {error}"
        raise errors.corrupt(text) from error
    return StoredEvent(position=position, stream=stream, seq=seq, event=event, cause=cause)


def read_or_report(position: int, stream: str, seq: int, cause: str | None, data: bytes) -> StoredEvent | Unreadable:
    """A stored event, or what is wrong with it."""
    try:
        return read_event(position, stream, seq, cause, data)
    except AndonError as error:
        return Unreadable(position=position, stream=stream, seq=seq, problem=error.message)


def check_append(stream: str, events: object, state: s.State) -> None:
    """What no caller may ask for."""
    if not events:
        raise InvariantViolation(f"an append of no events to {stream}")
    if state.id != stream:
        raise InvariantViolation(f"the state of {state.id} appended to {stream}")


def check_measured(verdict: Verdict) -> None:
    """Only what was measured may be used again (law 3)."""
    if verdict.outcome not in (PASSED, FAILED):
        raise InvariantViolation(f"gate {verdict.gate} is {verdict.outcome}: only passed and failed are measurements")


def prefix_of(kind: str) -> str:
    prefix = ID_PREFIXES.get(kind)
    if prefix is None:
        raise InvariantViolation(f"there are no ids of kind {kind}")
    return prefix


def verdict_text(verdict: Verdict) -> str:
    return msgspec.json.encode(verdict).decode()


def read_verdict(data: bytes) -> Verdict | None:
    """A remembered verdict; None when it can't be read, so that the gate is measured again."""
    try:
        return msgspec.json.decode(data, type=Verdict)
    except UNREADABLE:
        return None


def list_text(values: object) -> str:
    return msgspec.json.encode(values).decode()
