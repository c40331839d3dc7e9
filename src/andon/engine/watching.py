"""`lead --watch` between its rounds: asleep until something happens, not looking all the time.

Theory of operation. The watcher listens for the bell from before its first round on, so that whatever is committed during
a round is heard after it. A round that decided something is followed by another at once. After one that did not, it sleeps
until the bell rings, until time alone changes something, or for FALLBACK_S, when what no bell tells of (a branch that was
moved, a freeze that was lifted, a machine that works again) is seen; and it never begins two such rounds within
LEAST_BETWEEN_S, for a round may ring the bell itself. Must not know: landing.
"""

from __future__ import annotations

import time
from contextlib import ExitStack

from andon.core.errors import AndonError
from andon.engine import waiting
from andon.engine.services import Services
from andon.ports_queue import WORK, Ear

LEAST_BETWEEN_S = 1.0


class Watch:
    """idle: whether the round that was made last decided nothing."""

    def __init__(self, services: Services) -> None:
        self.idle = False
        self._services = services
        self._open = ExitStack()
        self._ear: Ear | None = None
        self._ended = 0.0

    def rest(self) -> None:
        """Until another round is worth its while; the first one is at once."""
        if self._ear is None:
            self._ear = self._open.enter_context(self._services.engine.bell.listen(WORK))
        elif self.idle:
            self._ear.wait(self._longest_s())
            left_s = self._ended + LEAST_BETWEEN_S - time.monotonic()
            if left_s > 0:
                time.sleep(left_s)
        # A round that raises decided nothing.
        self.idle = True

    def ended(self, *, decided: bool) -> None:
        self.idle = not decided

    def _longest_s(self) -> float:
        self._ended = time.monotonic()
        try:
            return min(waiting.FALLBACK_S, waiting.time_alone_s(self._services))
        except AndonError:
            return LEAST_BETWEEN_S

    def close(self) -> None:
        self._open.close()
