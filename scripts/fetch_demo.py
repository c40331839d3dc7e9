"""Fetch the demo's project (a pinned release, checked by SHA-256) into `.cache/`; nothing is fetched twice."""

from __future__ import annotations

import sys
from pathlib import Path

from andon.core.errors import AndonError
from andon.demo.project import fetch

try:
    fetch(Path(__file__).parents[1] / ".cache")
except AndonError as error:
    print(f"the demo's project could not be fetched: {error}; `make demo` will try again", file=sys.stderr)
