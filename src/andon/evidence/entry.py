"""Where evidence stands on a reference, and its reading.

    refs/andon/evidence/<first 16 hex of the workspace's line of keys>
        ring.json                            the key ring, in its envelope
        landed/<aa>/<rest>/verdicts.jsonl    one envelope a line; aa and rest: the digest of this very file
        landed/<aa>/<rest>/summary.json      the envelope of the commit's verification summary
        workflows/<sha256>.json              the workflow's canonical JSON, by its digest
        covered/<aa>/<rest>                  of a commit without evidence of its own: the digest of the entry that names it

Each workspace writes a reference of its own, so that fetching and pushing them is always a fast-forward.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from andon.core.digests import sha256
from andon.core.trailers import EVIDENCE, RUN, TASK

REFS = "refs/andon/evidence"
RING = "ring.json"
COVERED = "covered"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def ref_of(line: str) -> str:
    """The reference of a line of keys."""
    return f"{REFS}/{line.removeprefix('sha256:')[:16]}"


def directory(digest: str) -> str:
    hexadecimal = digest.removeprefix("sha256:")
    return f"landed/{hexadecimal[:2]}/{hexadecimal[2:]}"


def verdicts_path(digest: str) -> str:
    return f"{directory(digest)}/verdicts.jsonl"


def summary_path(digest: str) -> str:
    return f"{directory(digest)}/summary.json"


def workflow_path(digest: str) -> str:
    return f"workflows/{digest.removeprefix('sha256:')}.json"


def covered_path(commit: str) -> str:
    return f"{COVERED}/{commit[:2]}/{commit[2:]}"


def digest_of(data: bytes) -> str:
    """ "sha256:<hex>" of bytes."""
    return f"sha256:{sha256(data).hexdigest()}"


def join(envelopes: Sequence[bytes]) -> bytes:
    return b"".join(envelope + b"\n" for envelope in envelopes)


NAMES = (TASK, RUN, EVIDENCE)
"""The trailers of a landed commit."""


def speaks_of_andon(content: bytes) -> bool:
    """Whether any line of a commit's message looks like a trailer of Andon's, wherever it stands."""
    message = content.partition(b"\n\n")[2].decode("utf-8", "surrogateescape").casefold()
    starts = tuple(f"{name.casefold()}:" for name in NAMES)
    return any("".join(line.split()).startswith(starts) for line in message.splitlines())
