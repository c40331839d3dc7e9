"""Doing something small again and again while a long piece of work goes on: renewing a lease while gates run."""

from __future__ import annotations

import _thread
from collections.abc import Callable

from andon.core.errors import AndonError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self


class Meanwhile:
    """Calls `act` every `interval_s` seconds until the end of the `with` block, or until it raises AndonError.

    A bare thread and a lock: importing `threading` would be the dearest part of a cached check.
    """

    def __init__(self, interval_s: float, act: Callable[[], None]) -> None:
        self._interval_s = interval_s
        self._act = act
        self._stopped = _thread.allocate_lock()
        self._ended = _thread.allocate_lock()

    def _work(self) -> None:
        try:
            while not self._stopped.acquire(timeout=self._interval_s):
                self._act()
        except AndonError:
            # The lease is lost or the store is gone; whoever holds the claim finds out by its next write.
            return
        finally:
            self._ended.release()

    def __enter__(self) -> Self:
        self._stopped.acquire()
        self._ended.acquire()
        _thread.start_new_thread(self._work, ())
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.release()
        self._ended.acquire()
