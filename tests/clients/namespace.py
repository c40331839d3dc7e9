"""Run a command where nothing but the loopback interface exists, with the scripted endpoint beside it.

    python -m tests.clients.namespace --persona diligent --record FILE --limit-s 60 -- codex exec …

The process moves into a network namespace of its own, proves that it leads nowhere, serves the endpoint at a fixed port,
runs the command with no standard input and ends with its exit code; whatever the command left running is ended too.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.clients.endpoint import PORT, Endpoint
from tests.clients.personas import PERSONAS
from tests.clients.script import Script

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
PR_SET_CHILD_SUBREAPER = 36
TIMED_OUT = 124
CUT_OFF = 125
OUTSIDE = "192.0.2.1"
"""An address of documentation that belongs to nobody: a way there would be a way out."""


def enter(argv: list[str]) -> None:
    """Into a namespace with nothing but loopback: by ourselves when root, else by bubblewrap, which needs no rights."""
    if os.environ.pop("ANDON_TEST_INSIDE", ""):
        return
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET) == 0:
            loopback_up()
            return
        raise OSError(ctypes.get_errno(), "no network namespace could be made")
    wrapper = shutil.which("bwrap") or "bwrap"
    command = [
        wrapper,
        "--dev-bind",
        "/",
        "/",
        "--unshare-net",
        "--die-with-parent",
        sys.executable,
        "-m",
        __spec__.name,
        *argv,
    ]
    os.execve(wrapper, command, os.environ | {"ANDON_TEST_INSIDE": "1"})


def loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(control, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | IFF_UP))


def prove() -> None:
    """There is one interface, and no way to anywhere else."""
    names = [name for _, name in socket.if_nameindex()]
    if names != ["lo"]:
        raise RuntimeError(f"interfaces other than loopback: {names}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as attempt:
        try:
            attempt.connect((OUTSIDE, 9))
        except OSError:
            return
    raise RuntimeError(f"there is a route to {OUTSIDE}")


def run(command: list[str], limit_s: float, power_cut: threading.Event) -> int:
    """The command in a session of its own. Its exit code, as a shell gives it; TIMED_OUT or CUT_OFF when it was ended."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + limit_s
    try:
        while (code := child.poll()) is None:
            if power_cut.wait(0.02):
                return CUT_OFF
            if time.monotonic() > deadline:
                print(f"namespace: ended after {limit_s:g} s: {' '.join(command)[:200]}", file=sys.stderr)
                return TIMED_OUT
    finally:
        end_all()
    return code if code >= 0 else 128 - code


def end_all() -> None:
    """Every descendant: as their reaper we inherit those whose parents have gone."""
    deadline = time.monotonic() + 10
    while (children := children_of(os.getpid())) and time.monotonic() < deadline:
        for child in children:
            try:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            except (ProcessLookupError, ChildProcessError):
                continue


def children_of(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found += [int(child) for child in (task / "children").read_text().split()]
        except FileNotFoundError:
            continue
    return found


def main(argv: list[str]) -> int:
    enter(argv)
    parser = argparse.ArgumentParser(prog="python -m tests.clients.namespace")
    parser.add_argument("--persona", choices=sorted(PERSONAS), required=True)
    parser.add_argument("--options", type=json.loads, default={})
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--limit-s", type=float, default=60)
    parser.add_argument("command", nargs="+")
    chosen = parser.parse_args(argv)
    prove()
    script = Script(PERSONAS[chosen.persona], chosen.options)
    with Endpoint(script, port=PORT, record_to=chosen.record) as endpoint:
        return run(chosen.command, chosen.limit_s, endpoint.power_cut)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
