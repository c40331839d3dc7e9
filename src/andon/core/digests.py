"""SHA-256 without `hashlib`, whose import loads OpenSSL and costs a tenth of a cached check.

Python's own implementation is the same algorithm; its module has another name since 3.12, and a build may lack it.
"""

from __future__ import annotations

try:
    from _sha2 import sha256  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    try:
        from _sha256 import sha256  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        from hashlib import sha256

__all__ = ["sha256"]
