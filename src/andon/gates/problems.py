"""Why a gate could not be measured: raised inside this package, always turned into an `unmeasured` verdict."""

from __future__ import annotations


class Unmeasured(Exception):
    """summary: one plain line. detail: useful lines. log: path of the whole log. isolation: level reached, if any."""

    def __init__(self, summary: str, *, detail: str = "", log: str = "") -> None:
        super().__init__(summary)
        self.summary = summary
        self.detail = detail
        self.log = log
