"""The limits of one job, set by the shell that starts it.

Rules.
* A small script in `/bin/sh` says "started" on standard output, sets the limits, and replaces itself by the job. The
  job's variables are set at that last moment, so that none of them (`LD_PRELOAD` …) reaches the programs that build
  the sandbox.
* Memory is RLIMIT_DATA, per process: private writable memory. RLIMIT_AS would count address space that is only
  reserved, and Go, Java, Node and sanitizers reserve far more than they ever use. The sum over processes is not
  bounded by it.
* Processes is RLIMIT_NPROC, where it counts only the job (see the runtimes); None leaves it out.
* A limit that the machine already holds lower stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from andon.core.workflow import ResourceLimits

STARTED = b"\x01andon:started\n"
"""The first bytes on standard output of a job that did start; `supervise` takes them off."""

FILE_BYTES_MAX = 1024**3
STREAMED_BYTES_MAX = 4 * 1024**3
"""A job that prints more than this is stopped, whatever is kept of it."""

# dash spells the limit on processes -p, other shells -u; sizes are in 512-byte blocks (-f) and KiB (-d).
_SCRIPT = (
    'printf "\\001andon:started\\n"; umask 022; ulimit -c 0; ulimit -f "$1" 2>/dev/null; ulimit -d "$2" 2>/dev/null; '
    'if [ "$3" != - ]; then ulimit -u "$3" 2>/dev/null || ulimit -p "$3" 2>/dev/null; fi; '
    'shift 3; exec /usr/bin/env -i "$@"'
)


# Standard input is a pipe that nobody writes to: its end means that Andon is gone, and then so is the job's group.
_LIFELINE = "exec 3<&0 </dev/null; { read _ <&3; kill -KILL 0; } >/dev/null 2>&1 & exec 3<&-; "


def limited(
    command: str, env: Mapping[str, str], limits: ResourceLimits, *, processes: int | None, lifeline: bool = False
) -> list[str]:
    """The arguments that run `command` by /bin/sh -c under `limits`, with exactly the variables `env`.

    lifeline: see `supervise`.
    """
    return [
        "/bin/sh",
        "-c",
        (_LIFELINE if lifeline else "") + _SCRIPT,
        "andon",
        str(FILE_BYTES_MAX // 512),
        str(max(1, limits.memory_bytes // 1024)),
        "-" if processes is None else str(processes),
        *(f"{name}={value}" for name, value in env.items()),
        "/bin/sh",
        "-c",
        command,
    ]
