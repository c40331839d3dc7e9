"""The composition root: finds the repository and wires adapters into the engine.

Everything expensive is imported and made on first use, since most commands need little of it.
"""

from __future__ import annotations

from andon.app.wiring import open_coordinator

__all__ = ["open_coordinator"]
