"""What a client leaves in a file when it ends, where its output does not tell what was used."""

from __future__ import annotations

import json
import os
from typing import Any

BYTES_MAX = 64 * 1024**2


def read_beside(path: str) -> dict[str, Any]:
    """The JSON object that the file holds; {} when there is none, or one beyond all measure."""
    try:
        if not path or os.path.getsize(path) > BYTES_MAX:
            return {}
        with open(path, encoding="utf-8", errors="replace") as file:
            value = json.load(file)
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
