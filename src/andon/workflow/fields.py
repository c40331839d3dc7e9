"""Reading typed options from a YAML tree: words, numbers, durations, sizes, lists, each with its place.

Rules: nothing is converted in silence (a number is not a word, `yes` is not a boolean); an unknown key is an error with
a suggestion; a bad value is reported and replaced by the default, so that all problems of a file come at once.
Must not know: which options exist.
"""

from __future__ import annotations

import math
import re

from msgspec import UNSET, UnsetType

from andon.workflow.problems import At, Collector, did_you_mean, listed, shown
from andon.workflow.yaml_tree import Mapping, Node, Scalar, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Sequence as Many

RULE = "bad-value"
MAX_SECONDS = 366 * 86_400.0
MAX_BYTES = 1 << 50

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)[ ]?(ms|s|m|h|d|w)$")
_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)[ ]?(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$")
_SIZE_UNITS = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}$")


def seconds(value: object) -> float | None:
    """A duration ("90s", "40m", "4h", "2d", or a plain number of seconds) in seconds, None when it is not one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if 0 < value <= MAX_SECONDS else None
    match = _DURATION.match(value) if isinstance(value, str) and len(value) < 32 else None
    found = float(match[1]) * _DURATION_UNITS[match[2]] if match else 0.0
    return round(found, 3) if 0 < found <= MAX_SECONDS else None


def size(value: object) -> int | None:
    """A size ("4GiB", "512MB", or a plain number of bytes) in bytes, None when it is not one."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if 0 <= value <= MAX_BYTES else None
    match = _SIZE.match(value) if isinstance(value, str) and len(value) < 32 else None
    found = float(match[1]) * _SIZE_UNITS[match[2]] if match else -1.0
    return int(found) if 0 <= found <= MAX_BYTES else None


class Fields:
    """The options of one mapping. Every reader returns the default when the key is absent, null or wrong."""

    def __init__(self, node: Node | None, what: str, problems: Collector, at: At) -> None:
        self.what = what
        self.problems = problems
        self.at = node.at if node is not None else at
        self.map = node if isinstance(node, Mapping) else Mapping(entries=(), at=self.at)
        if node is not None and not isinstance(node, Mapping) and not _empty(node):
            problems.add(RULE, node.at, f"{what} must be options of the form `key: value`, found {_kind(node)}")

    def allow(self, keys: Iterable[str]) -> None:
        """Report every key that is not among these."""
        known = list(keys)
        for entry in self.map.entries:
            if entry.key not in known:
                advice = did_you_mean(entry.key, known) or f"known: {listed(known, 30)}"
                self.problems.add("unknown-key", entry.at, f"{self.what} has no option `{shown(entry.key)}`", advice)

    def has(self, key: str) -> bool:
        return self.map.get(key) is not None

    @property
    def given(self) -> tuple[str, ...]:
        """The keys that the author gave, in file order."""
        return tuple(entry.key for entry in self.map.entries)

    def node(self, key: str) -> Node | None:
        """The value of a key; None when it is absent or null."""
        entry = self.map.get(key)
        return None if entry is None or _empty(entry.value) else entry.value

    def key_at(self, key: str) -> At:
        entry = self.map.get(key)
        return entry.at if entry else self.at

    def value_at(self, key: str) -> At:
        entry = self.map.get(key)
        return entry.value.at if entry else self.at

    def wrong(self, key: str, wanted: str) -> None:
        node = self.node(key)
        if node is not None:
            text = f"`{key}` of {self.what} must be {wanted}, found {_kind(node)}"
            self.problems.add(RULE, node.at, text)

    # ------------------------------------------------------------ single values

    def word(self, key: str, default: str | None = None) -> str | None:
        """Text; a number or boolean must be quoted to be text."""
        node = self.node(key)
        if node is None:
            return default
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value.strip():
            return node.value
        self.wrong(key, "text" if not isinstance(node, Scalar) else "text (put it in quotes)")
        return default

    def name(self, key: str, default: str | None = None) -> str | None:
        """An id: a letter or _, then letters, digits, _ and -."""
        word = self.word(key)
        if word is None:
            return default
        if NAME.match(word):
            return word
        self.wrong(key, "an id (letters, digits, _ and -)")
        return default

    def choice(self, key: str, choices: Many[str], default: str, rule: str = RULE) -> str:
        word = self.word(key, default)
        if word is None or word in choices:
            return word or default
        text = f"`{key}` of {self.what} is `{shown(word)}`, which is none of: {', '.join(choices)}"
        self.problems.add(rule, self.value_at(key), text, did_you_mean(word, choices))
        return default

    def flag(self, key: str) -> bool:
        """true or false; absent is false."""
        node = self.node(key)
        if node is None:
            return False
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        self.wrong(key, "true or false")
        return False

    def whole(self, key: str, default: int, least: int = 0, most: int = 10**9) -> int:
        found = self.maybe_whole(key, least, most)
        return default if found is None else found

    def maybe_whole(self, key: str, least: int = 0, most: int = 10**9) -> int | None:
        node = self.node(key)
        if node is None:
            return None
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.wrong(key, f"a whole number from {least} to {most}")
        return None

    def duration(self, key: str, default: float) -> float:
        found = self.maybe_duration(key)
        return default if found is None else found

    def maybe_duration(self, key: str) -> float | None:
        node = self.node(key)
        if node is None:
            return None
        found = seconds(node.value) if isinstance(node, Scalar) else None
        if found is None or not math.isfinite(found):
            self.wrong(key, "a duration such as 90s, 40m, 4h or 2d")
            return None
        return found

    def bytes(self, key: str, default: int, least: int = 1) -> int:
        node = self.node(key)
        if node is None:
            return default
        found = size(node.value) if isinstance(node, Scalar) else None
        if found is None or found < least:
            self.wrong(key, "a size such as 512MB or 4GiB")
            return default
        return found

    # ------------------------------------------------------------ lists and maps

    def words(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list of texts; one text stands for a list of one. Doubles are left out."""
        return tuple(dict.fromkeys(word for word, _ in self.placed_words(key))) if self.has(key) else default

    def placed_words(self, key: str) -> list[tuple[str, At]]:
        """The texts of a list with their places."""
        node = self.node(key)
        if node is None:
            return []
        items = node.items if isinstance(node, Sequence) else (node,)
        found: list[tuple[str, At]] = []
        for item in items:
            if isinstance(item, Scalar) and isinstance(item.value, str) and item.value.strip():
                found.append((item.value, item.at))
            else:
                text = f"`{key}` of {self.what} must be a list of texts, found {_kind(item)} in it"
                self.problems.add(RULE, item.at, text)
        return found

    def names(self, key: str) -> list[tuple[str, At]]:
        """The ids of a list with their places; a double is an error."""
        found: dict[str, At] = {}
        for word, at in self.placed_words(key):
            if not NAME.match(word):
                text = f"`{shown(word)}` in `{key}` of {self.what} is no id"
                self.problems.add(RULE, at, text, "letters, digits, _ and -")
            elif word in found:
                self.problems.add(RULE, at, f"`{word}` stands twice in `{key}` of {self.what}", "keep one")
            else:
                found[word] = at
        return list(found.items())

    def metadata(self) -> dict[str, object] | UnsetType:
        """What other tools keep under `metadata`, as it is."""
        node = self.node("metadata")
        if isinstance(node, Mapping):
            return {entry.key: _plain(entry.value) for entry in node.entries}
        self.wrong("metadata", "a map")
        return UNSET

    def sub(self, key: str, what: str) -> Fields:
        """The options of a nested mapping."""
        return Fields(self.node(key), what, self.problems, self.key_at(key))


def _plain(node: Node) -> object:
    """A tree as plain values. Its depth is bounded by the reader of YAML."""
    if isinstance(node, Mapping):
        return {entry.key: _plain(entry.value) for entry in node.entries}
    if isinstance(node, Sequence):
        return [_plain(item) for item in node.items]
    # Canonical JSON has no infinity.
    return node.text if isinstance(node.value, float) and not math.isfinite(node.value) else node.value


def _empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _kind(node: Node) -> str:
    if isinstance(node, Mapping):
        return "a map"
    if isinstance(node, Sequence):
        return "a list"
    if node.value is None:
        return "nothing"
    if isinstance(node.value, bool):
        return f"the boolean `{node.text}`"
    if isinstance(node.value, int | float):
        return f"the number `{shown(node.text)}`"
    return f"`{shown(node.text)}`"
