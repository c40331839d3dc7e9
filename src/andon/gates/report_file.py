"""Take a report out of the directory that the job wrote to, believing nothing about it.

Every component is opened without following links; the end must be a regular file, of bounded size, with one
name only, written during the run. Must not know formats.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from andon.gates.reports import REPORT_BYTES_MAX, Unreadable

if TYPE_CHECKING:
    from andon.core.workflow import Report
    from andon.ports import JobResult

STDOUT = "-"


def read_report(report: Report, *, out: str, result: JobResult, began_ns: int) -> bytes:
    """The report's bytes. began_ns: a file time taken before the run. Raises Unreadable with the reason."""
    if report.path == STDOUT:
        if result.truncated:
            raise Unreadable("the report on standard output is longer than the output limit")
        return result.stdout
    parts = [part for part in report.path.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or report.path.startswith("/"):
        raise Unreadable(f"the report's path {report.path!r} does not lie in $ANDON_OUT")
    opened: list[int] = []
    try:
        opened.append(os.open(out, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW))
        for part in parts[:-1]:
            opened.append(os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=opened[-1]))
        # Without blocking: a named pipe in its place must not hang the verifier.
        opened.append(os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=opened[-1]))
        return _content(opened[-1], report.path, began_ns)
    except FileNotFoundError as error:
        raise Unreadable(f"no report: $ANDON_OUT/{report.path} does not exist") from error
    except OSError as error:
        raise Unreadable(f"$ANDON_OUT/{report.path} is not a plain file in $ANDON_OUT ({error.strerror})") from error
    finally:
        for fd in opened:
            os.close(fd)


def _content(fd: int, path: str, began_ns: int) -> bytes:
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        raise Unreadable(f"$ANDON_OUT/{path} is not a regular file")
    if found.st_nlink != 1:
        raise Unreadable(
            f"$ANDON_OUT/{path} has {found.st_nlink} names: a report is a file of its own, not a hard link"
        )
    if found.st_mtime_ns < began_ns:
        raise Unreadable(f"$ANDON_OUT/{path} is older than the run: a stale report")
    if found.st_size > REPORT_BYTES_MAX:
        raise Unreadable(f"$ANDON_OUT/{path} has {found.st_size} bytes, at most {REPORT_BYTES_MAX} are read")
    chunks: list[bytes] = []
    while chunk := os.read(fd, 1 << 20):
        chunks.append(chunk)
    return b"".join(chunks)
