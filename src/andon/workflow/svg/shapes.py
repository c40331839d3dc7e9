"""A rectangle, and how two of them lie to each other. Pixels, origin at the upper left, y grows downwards."""

from __future__ import annotations

from msgspec import Struct


class Box(Struct, frozen=True, kw_only=True):
    """x, y: of the upper left corner."""

    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: Box) -> bool:
        """Whether the two share an area (touching is not overlapping)."""
        apart_x = self.x + self.width <= other.x or other.x + other.width <= self.x
        return not (apart_x or self.y + self.height <= other.y or other.y + other.height <= self.y)

    def holds(self, other: Box) -> bool:
        """Whether the other box lies inside of this one."""
        inside_x = self.x <= other.x and other.x + other.width <= self.x + self.width
        return inside_x and self.y <= other.y and other.y + other.height <= self.y + self.height
