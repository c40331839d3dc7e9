"""The bell that waiters listen for, where there is none: in simulations, whose actors sleep in virtual time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Set
from contextlib import contextmanager


class NoEar:
    """Hears nothing, and sleeps in steps so short that its owner looks often enough by itself."""

    STEP_S = 0.2

    def wait(self, timeout_s: float) -> bool:
        time.sleep(max(0.0, min(timeout_s, self.STEP_S)))
        return False


class NoBell:
    """Rings nowhere."""

    def ring(self, kinds: Set[str]) -> None:
        return

    @contextmanager
    def listen(self, kind: str) -> Iterator[NoEar]:
        yield NoEar()
