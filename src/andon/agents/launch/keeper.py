"""Keeping a claim's lease while its client works, and stopping the client when the claim is over.

A thread that renews at an interval. When the answer is that the claim is lost, or when nobody answers until the lease has
run out, the client is cancelled: nothing that it does counts any more. When the agent itself left the step, it gets a
short time to end its turn. Must not know the coordinator: renewing comes in as a function.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from andon.agents.launch.process import Cancel
from andon.core.errors import EXIT_DENIED, EXIT_LOST, EXIT_USAGE, AndonError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

INTERVAL_MAX_S = 15.0
INTERVAL_MIN_S = 0.5
PARTS = 4
"""Renewals in the length of a lease."""
AFTERWARDS_S = 30.0
"""How long an agent that has left its step may go on talking."""
_OVER = frozenset({EXIT_LOST, EXIT_DENIED, EXIT_USAGE})


class Keeper:
    """While the `with` block runs, the lease is renewed; `lost` says why it no longer is.

    renew: renews and returns the seconds that the lease lasts from now; raises AndonError. left_by_agent: whether the
    claim ended by the agent's own act. cancel: ends the client's turn.
    """

    def __init__(
        self,
        *,
        lease_s: float,
        renew: Callable[[], float],
        left_by_agent: Callable[[], bool],
        cancel: Cancel,
        afterwards_s: float = AFTERWARDS_S,
    ) -> None:
        self._lease_s = lease_s
        self._renew = renew
        self._left_by_agent = left_by_agent
        self._cancel = cancel
        self._afterwards_s = afterwards_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.lost = ""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        ends_at = time.monotonic() + self._lease_s
        while not self._stop.wait(min(INTERVAL_MAX_S, max(INTERVAL_MIN_S, self._lease_s / PARTS))):
            try:
                ends_at = time.monotonic() + self._renew()
            except AndonError as error:
                if error.exit in _OVER:
                    self._over(error.message)
                    return
                if time.monotonic() >= ends_at:
                    self._over(f"the lease could not be renewed in time: {error.message}")
                    return

    def _over(self, reason: str) -> None:
        try:
            own = self._left_by_agent()
        except AndonError:
            own = False
        self.lost = reason
        if not own or not self._stop.wait(self._afterwards_s):
            self._cancel.cancel(f"the claim is over: {reason}")
