"""The base of all events; see `events`."""

from msgspec import Struct


class Event(Struct, frozen=True, kw_only=True, tag=True, tag_field="type"):
    """Base of all events. The tag `type` is the class name."""

    at: float
    actor: str
