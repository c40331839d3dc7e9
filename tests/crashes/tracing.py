"""What the kernel sees of a command's writes, by strace: the check that the fault layer is not blind.

Tracing needs ptrace. Where a machine forbids it, the test fails and says so.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

from tests.crashes.scene import Move, Scene

KINDS = {
    "write": "write", "writev": "write", "pwrite64": "pwrite", "fsync": "fsync", "fdatasync": "fsync",
    "rename": "rename", "renameat": "rename", "renameat2": "rename", "link": "link", "linkat": "link",
    "unlink": "unlink", "unlinkat": "unlink", "rmdir": "rmdir", "mkdir": "mkdir", "mkdirat": "mkdir",
    "ftruncate": "ftruncate", "symlink": "symlink", "symlinkat": "symlink", "copy_file_range": "write",
}  # fmt: skip
LINE = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)")


def traced(scene: Scene, move: Move) -> list[tuple[str, str]]:
    """(kind, path) of every successful call that changes something below the scene's world."""
    program = shutil.which("strace")
    assert program, "this test needs strace: apt-get install strace"
    scene.back_to(move)
    log = scene.copies / "strace"
    command = [program, "-f", "-qq", "-y", "-s", "4096", "-e", f"trace={','.join(KINDS)}", "-o", str(log)]
    done = subprocess.run(
        [*command, sys.executable, "-m", "andon", *move.argv, "--json"],
        cwd=scene.world.path,
        env=scene.world.environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "ptrace" not in done.stderr, f"this machine does not let strace trace: {done.stderr}"
    assert done.returncode in move.exits, (done.stdout, done.stderr)
    return list(_calls(log.read_text(errors="replace"), str(scene.place)))


def _calls(text: str, root: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        found = LINE.match(line)
        if found is None or found[3].startswith("-"):
            continue
        name, arguments = found[1], found[2]
        kind = KINDS[name]
        if name == "unlinkat" and "AT_REMOVEDIR" in arguments:
            kind = "rmdir"
        quoted = re.findall(r'"([^"]*)"', arguments)
        described = re.findall(r"<([^>]*)>", arguments)
        if kind in ("write", "pwrite", "fsync", "ftruncate"):
            path = described[0] if described else ""
        else:
            path = quoted[-1] if quoted else ""
            if not path.startswith("/") and described:
                path = f"{described[-1]}/{path}"
        if path.startswith(root + "/"):
            yield kind, path
