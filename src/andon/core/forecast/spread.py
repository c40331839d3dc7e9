"""Spreads: how a duration or a number of tokens varies. Drawn by inversion from uniform numbers that the caller gives.

Rules: nothing is negative; a lognormal is named by its median and its 90th percentile, as people estimate it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from msgspec import Struct

from andon.core.errors import UsageError

Uniform = Callable[[], float]
"""The next random number from [0, 1)."""

Z_90 = 1.2815515655446004
"""The 90th percentile of the standard normal distribution."""
DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
COUNT_UNITS = {"k": 1e3, "M": 1e6}
MAX_VALUE = 1e12
MAX_SAMPLES = 10_000
EXAMPLES = "5m, 10m..30m (median..90th percentile), exponential 5m, or samples 4m 5m 9m"


class Spread(Struct, frozen=True):
    """kind: constant | exponential | lognormal | samples. values: by kind (value; mean; median and p90; all)."""

    kind: str
    values: tuple[float, ...]

    def draw(self, uniform: Uniform) -> float:
        """One value."""
        values = self.values
        if self.kind == "constant":
            return values[0]
        if self.kind == "exponential":
            return -values[0] * math.log(1.0 - uniform())
        if self.kind == "samples":
            return values[int(uniform() * len(values))]
        normal = math.sqrt(-2.0 * math.log(1.0 - uniform())) * math.cos(2.0 * math.pi * uniform())
        return values[0] * math.exp(math.log(values[1] / values[0]) / Z_90 * normal)

    @property
    def mean(self) -> float:
        if self.kind == "samples":
            return math.fsum(self.values) / len(self.values)
        if self.kind == "lognormal":
            return self.values[0] * math.exp((math.log(self.values[1] / self.values[0]) / Z_90) ** 2 / 2.0)
        return self.values[0]

    def text(self, show: Callable[[float], str]) -> str:
        """In the notation that `spread_of` reads."""
        if self.kind == "constant":
            return show(self.values[0])
        if self.kind == "exponential":
            return f"exponential {show(self.values[0])}"
        if self.kind == "lognormal":
            return f"{show(self.values[0])}..{show(self.values[1])}"
        return f"{len(self.values)} samples, mean {show(self.mean)}"


NONE = Spread("constant", (0.0,))


def lognormal(median: float, p90: float) -> Spread:
    return Spread("lognormal", (median, p90))


def samples(values: Sequence[float]) -> Spread:
    """As measured; of very many, the last ones."""
    return Spread("samples", tuple(values[-MAX_SAMPLES:]))


def duration_text(seconds: float) -> str:
    """A duration for people, with the largest unit that leaves at least one."""
    for unit, size in (("d", 86_400.0), ("h", 3600.0), ("m", 60.0)):
        if seconds >= 2 * size or seconds == size:
            return f"{seconds / size:.3g}{unit}"
    return f"{seconds:.3g}s"


def count_text(value: float) -> str:
    """A number of tokens for people."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:.4g}"


def spread_of(key: str, text: str, units: dict[str, float]) -> Spread:
    """Read a spread. Raises UsageError that names the key and what is expected."""
    words = text.split()
    if len(words) == 1 and ".." in text:
        words = ["lognormal", *text.split("..")]
    if len(words) == 1:
        words = ["constant", *words]
    kind, numbers = (words[0], words[1:]) if words else ("", [])
    wanted = {"constant": 1, "exponential": 1, "lognormal": 2}.get(kind, len(numbers) if kind == "samples" else -1)
    values = tuple(x for x in (number_of(word, units) for word in numbers) if x is not None)
    if len(values) != wanted or len(numbers) != wanted or not values:
        raise UsageError(f"{key} = {text!r} is no spread", kind="bad_input", next=f"for example {EXAMPLES}")
    if kind == "lognormal" and not 0 < values[0] <= values[1]:
        why = "the median must be positive and the 90th percentile no less"
        raise UsageError(f"{key} = {text!r}: {why}", kind="bad_input", next=f"for example {EXAMPLES}")
    return Spread(kind, values[-MAX_SAMPLES:])


def number_of(word: str, units: dict[str, float]) -> float | None:
    """A plain number with one of these units, or None."""
    unit = next((name for name in sorted(units, key=len, reverse=True) if word.endswith(name)), "")
    try:
        value = float(word.removesuffix(unit)) * units.get(unit, 1.0)
    except ValueError:
        return None
    return value if math.isfinite(value) and 0 <= value <= MAX_VALUE else None
