"""Settings of the workspace that people change: `andon config list|get|set|unset`.

One table names every key, its kind, its default and its bounds; whoever needs a value calls `value_of`, so that a
default stands in one place. A value is text in the store's settings under "config:KEY"; "" is unset. Who set it last,
and when, stands beside it under "config-set:KEY". Settings are about how work is given out and landed, never about what a
gate asks for, and they are therefore no events. `queue.flaky_retries` says how often a red gate is measured again before work
goes back; each measurement is judged as ever, and one that passes then is recorded as flaky. Must not know: what the keys are
used for.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from andon.core.errors import EXIT_USAGE, EXIT_YES, AndonError
from andon.core.merge_queue import AGEING_S, EACH, MODES, RETRIES_DEFAULT, RETRIES_MAX, WINDOW_DEFAULT, WINDOW_MAX
from andon.engine.interface import Reply
from andon.engine.services import Services
from andon.ports import Reader

Value = int | float | str | None
MAX_NAME_CHARS = 100


class Key(Struct, frozen=True, kw_only=True):
    """A setting. kind: whole | duration | choice. low, high: bounds of a number. each: the key ends with a name.

    A whole number may be "none" where the default is None: there is no such limit then.
    """

    name: str
    kind: str
    default: Value
    help: str
    low: int = 0
    high: int = 1_000_000
    choices: tuple[str, ...] = ()
    each: bool = False


TABLE: tuple[Key, ...] = (
    Key(
        name="next.overlap",
        kind="choice",
        default="refuse",
        choices=("refuse", "warn"),
        help="what `next` does with work whose scope overlaps with scopes under lease",
    ),
    Key(
        name="next.ageing",
        kind="duration",
        default=4 * 3600.0,
        high=365 * 86_400,
        help="ready work gains one level of priority for each such time that it waits; 0s: never",
    ),
    Key(
        name="next.per_agent",
        kind="whole",
        default=None,
        low=1,
        high=10_000,
        help="the most steps that one agent may hold at a time; none: any number",
    ),
    Key(
        name="next.per_role",
        kind="whole",
        default=None,
        low=1,
        high=10_000,
        each=True,
        help="the most steps of this role under lease at a time; none: any number",
    ),
    Key(
        name="knowledge.holdout",
        kind="whole",
        default=10,
        high=100,
        help="the percentage of steps that are told no learnings, to compare with; 0: none",
    ),
    Key(
        name="knowledge.half_life_days",
        kind="whole",
        default=90,
        high=100_000,
        help="a learning counts half after so many days since somebody last said that it holds; 0: it does not age",
    ),
    Key(
        name="knowledge.brief_tokens",
        kind="whole",
        default=900,
        high=1_500,
        help="the most that learnings may take of a brief, in tokens; 0: none are told",
    ),
    Key(
        name="queue.window",
        kind="whole",
        default=WINDOW_DEFAULT,
        low=1,
        high=WINDOW_MAX,
        help="the most submissions that the lead tries in a round; fewer while rounds turn out red",
    ),
    Key(
        name="queue.parallel",
        kind="whole",
        default=None,
        low=1,
        high=64,
        help="trees that the lead measures at a time; none: half of the machine's cores",
    ),
    Key(
        name="queue.mode",
        kind="choice",
        default=EACH,
        choices=MODES,
        help="each: every tree in order; batch: the last one first, and bisection when it is red",
    ),
    Key(
        name="queue.flaky_retries",
        kind="whole",
        default=RETRIES_DEFAULT,
        high=RETRIES_MAX,
        help="how often a red run gate is measured again before work goes back from landing",
    ),
    Key(
        name="queue.ageing",
        kind="duration",
        default=AGEING_S,
        high=365 * 86_400,
        help="a submission gains one level of priority for each such time that it waits to land; 0s: never",
    ),
    Key(
        name="messages.undelivered_after",
        kind="duration",
        default=3600.0,
        high=365 * 86_400,
        help="how long a message may wait for its first acknowledgement before people are told",
    ),
)

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


# ---------------------------------------------------------------- reading


def value_of(reader: Reader, name: str) -> Value:
    """A setting's value, or its default. Raises AndonError kind "bad_input" when there is no such key."""
    key = _key(name)
    text = reader.setting(f"config:{name}")
    # What was written by a later version with other bounds must not stop anybody: the default then holds.
    try:
        return _parsed(key, name, text) if text else key.default
    except AndonError:
        return key.default


def whole_of(reader: Reader, name: str) -> int | None:
    value = value_of(reader, name)
    return int(value) if isinstance(value, int | float) else None


def named_wholes_of(reader: Reader, name: str) -> dict[str, int]:
    """The numbers that were set of a key that ends with a name, by that name."""
    found = {x: whole_of(reader, f"{name}.{x}") for x in _names_of(reader, name)}
    return {x: value for x, value in found.items() if value is not None}


def _names_of(reader: Reader, name: str) -> list[str]:
    """The names under which such a key was set; what is no name (a damaged record) is passed over."""
    return [x for x in (reader.setting(f"config-names:{name}") or "").split() if _is_name(x)]


def seconds_of(reader: Reader, name: str) -> float:
    value = value_of(reader, name)
    return float(value) if isinstance(value, int | float) else 0.0


def word_of(reader: Reader, name: str) -> str:
    return str(value_of(reader, name))


def checked(name: str, text: str | None) -> str:
    """The value as it will be kept; None: only the name is looked at. Raises AndonError kind "bad_input"."""
    key = _key(name)
    return "" if text is None else _shown(key, _parsed(key, name, text))


def _key(name: str) -> Key:
    for key in TABLE:
        if key.name == name and not key.each:
            return key
        if key.each and name.startswith(key.name + ".") and _is_name(name[len(key.name) + 1 :]):
            return key
    names = ", ".join(f"{key.name}.NAME" if key.each else key.name for key in TABLE)
    raise _bad(f"there is no setting {name[:MAX_NAME_CHARS]!r}; there are: {names}", "andon config list")


def _is_name(text: str) -> bool:
    plain = text.replace("-", "").replace("_", "")
    return 0 < len(text) <= MAX_NAME_CHARS and plain.isascii() and plain.isalnum()


def _parsed(key: Key, name: str, text: str) -> Value:
    text = text.strip()
    if key.kind == "choice":
        if text not in key.choices:
            raise _bad(f"{name} is one of {', '.join(key.choices)}, not {text[:50]!r}", _example(key, name))
        return text
    if key.kind == "whole" and key.default is None and text == "none":
        return None
    number, wanted = (
        (_seconds(text), "a duration such as 30m") if key.kind == "duration" else (_whole(text), "a number")
    )
    if number is None or not key.low <= number <= key.high:
        raise _bad(f"{name} is {wanted} ({_allowed(key)}), not {text[:50]!r}", _example(key, name))
    return number


def _allowed(key: Key) -> str:
    if key.kind == "choice":
        return " or ".join(key.choices)
    if key.kind == "duration":
        return f"from {_shown(key, float(key.low))} to {_shown(key, float(key.high))}"
    return f"from {key.low} to {key.high}" + (", or none" if key.default is None else "")


def _example(key: Key, name: str) -> str:
    """A command that the table allows: the one that sets the default."""
    return f"andon config set {name} {_shown(key, key.default)}"


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _seconds(text: str) -> float | None:
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS_S else (text, "s")
    whole = _whole(number)
    return None if whole is None else whole * _UNITS_S[unit]


def _shown(key: Key, value: Value) -> str:
    if value is None:
        return "none"
    if key.kind != "duration" or not isinstance(value, int | float):
        return str(value)
    for unit in ("d", "h", "m"):
        if value and value % _UNITS_S[unit] == 0:
            return f"{value / _UNITS_S[unit]:.0f}{unit}"
    return f"{value:.0f}s"


def _bad(text: str, following: str) -> AndonError:
    return AndonError(text, kind="bad_input", next=following, exit=EXIT_USAGE)


# ---------------------------------------------------------------- verbs


def config_list(services: Services, arguments: dict[str, Any]) -> Reply:
    """Every key with its value; of keys that end with a name, those that were set."""
    with services.store.read() as reader:
        items = [_item(reader, key.name, key) for key in TABLE if not key.each]
        for key in (key for key in TABLE if key.each):
            names = _names_of(reader, key.name)
            items += [_item(reader, f"{key.name}.{name}", key) for name in names] or [_item(reader, "", key)]
    return Reply(exit=EXIT_YES, body={"ok": True, "items": items})


def config_get(services: Services, arguments: dict[str, Any]) -> Reply:
    name = str(arguments["key"])
    with services.store.read() as reader:
        item = _item(reader, name, _key(name))
    return Reply(exit=EXIT_YES, body={"ok": True, **item})


def config_set(services: Services, arguments: dict[str, Any]) -> Reply:
    """A person's act. Raises AndonError kind "bad_input" for what the table does not allow."""
    name = str(arguments["key"])
    return _put(services, _key(name), name, checked(name, str(arguments["value"])))


def config_unset(services: Services, arguments: dict[str, Any]) -> Reply:
    """A person's act: the default holds again."""
    name = str(arguments["key"])
    return _put(services, _key(name), name, "")


def _put(services: Services, key: Key, name: str, text: str) -> Reply:
    caller = services.caller

    def work(unit: Any) -> dict[str, Any]:
        writer = unit.writer
        writer.put_setting(f"config:{name}", text)
        writer.put_setting(f"config-set:{name}", f"{services.clock.now():.0f} {caller.agent}")
        if key.each:
            known = (writer.setting(f"config-names:{key.name}") or "").split()
            names = {*known, name[len(key.name) + 1 :]} if text else {*known} - {name[len(key.name) + 1 :]}
            writer.put_setting(f"config-names:{key.name}", " ".join(sorted(names)))
        return _item(writer, name, key)

    item, _effects = services.engine.transact(work)
    return Reply(exit=EXIT_YES, body={"ok": True, **item})


def _item(reader: Reader, name: str, key: Key) -> dict[str, Any]:
    """name "": a key that ends with a name, none of which was set."""
    from andon.engine.messages import rfc3339

    text = reader.setting(f"config:{name}") if name else None
    at, _, by = (reader.setting(f"config-set:{name}") or "").partition(" ") if name else ("", "", "")
    return {
        "key": name or f"{key.name}.NAME",
        "value": _shown(key, value_of(reader, name)) if name else _shown(key, key.default),
        "default": _shown(key, key.default),
        "allowed": _allowed(key),
        "set": bool(text),
        "set_by": by or None,
        "set_at": rfc3339(float(at)) if at else None,
        "help": key.help,
    }
