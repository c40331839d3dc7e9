"""What a sandboxed job sees of the machine: bubblewrap's arguments for the file system, and nothing else.

Rules. Programs and libraries of the system, read-only; a small /etc; fresh /proc, /dev, /tmp and home; the checkout at
/andon-work and the report directory at /out, writable. Nothing of /home, /root, /var, /run or /sys of the machine. Every
parent of a mount point is made explicitly, since bubblewrap would make it unreadable for the job's user.
Must not know users and capabilities (`sandbox.py`) or how the job is supervised.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from andon.ports import Bind, Job

WORK = "/andon-work"
OUT = "/out"
HOME = "/home/andon"

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/gnu/store")
"""Bound read-only where they exist; a symbolic link (merged /usr) stays one."""

_ETC = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "crypto-policies", "debian_version", "fonts",
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias", "localtime", "magic", "magic.mime", "maven",
    "mime.types", "os-release", "pki", "postgresql-common", "protocols", "services", "ssl/certs", "ssl/openssl.cnf",
)  # fmt: skip
_ETC_PREFIXES = ("java", "python3")
_ETC_NETWORK = ("gai.conf", "host.conf", "npmrc", "pip.conf")

HOME_ENTRIES_MAX = 64
"""A kept home with more entries than this is bound whole, and is then read-only at its top, too."""


def visible(path: str) -> bool:
    """Whether the job sees this host path anyway, at the same place."""
    return any(path == root or path.startswith(root + "/") for root in SYSTEM)


def system_arguments() -> list[str]:
    """The system's programs, and the fresh directories. The same for every job of a process."""
    arguments: list[str] = []
    for path in SYSTEM:
        if os.path.islink(path):
            arguments += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            arguments += [*_parents(path, set()), "--ro-bind", path, path]
    arguments += ["--perms", "0755", "--dir", "/etc"]
    for name in [*_ETC, *_prefixed()]:
        arguments += _etc(name)
    arguments += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/dev/shm"]
    for path in ("/var", "/run"):
        arguments += ["--perms", "0755", "--dir", path]
    arguments += ["--symlink", "/tmp", "/var/tmp"]
    return arguments


def network_arguments() -> list[str]:
    """What is needed to resolve and trust names, for jobs with a network only."""
    arguments: list[str] = []
    for name in _ETC_NETWORK:
        arguments += _etc(name)
    for name in ("resolv.conf", "hosts", "nsswitch.conf"):
        # These are often links into /run, which the job does not see.
        real = os.path.realpath(f"/etc/{name}")
        if os.path.isfile(real):
            arguments += ["--ro-bind", real, f"/etc/{name}"]
    return arguments


def job_arguments(job: Job) -> list[str]:
    """The job's own places: temporary directory, home, checkout, report directory, binds."""
    made = {"/", "/etc", "/var", "/run", "/home", "/tmp", HOME}
    arguments = ["--perms", "1777", "--size", str(job.limits.memory_bytes), "--tmpfs", "/tmp"]
    arguments += ["--perms", "0755", "--dir", "/home", *home_arguments(job.home, writable=job.home_writable)]
    arguments += ["--bind", job.workdir, WORK, "--bind", job.out, OUT]
    for bind in sorted(job.binds, key=lambda one: one.target):
        arguments += _bind(bind, made)
    return [*arguments, "--remount-ro", "/", "--chdir", WORK]


def home_arguments(home: str | None, *, writable: bool) -> list[str]:
    """A fresh home in which each entry of a kept one appears read-only, so that tools may still add their own.

    `.cache` is opened one level deeper: tools put caches of their own next to those that set-up left.
    """
    fresh = ["--perms", "1777", "--tmpfs", HOME]
    if home is None:
        return fresh
    if writable:
        return ["--bind", home, HOME]
    entries = os.listdir(home)
    cache = os.path.join(home, ".cache")
    deeper = os.listdir(cache) if ".cache" in entries and not os.path.islink(cache) and os.path.isdir(cache) else None
    if len(entries) + len(deeper or ()) > HOME_ENTRIES_MAX:
        return ["--ro-bind", home, HOME]
    arguments = fresh
    for name in entries:
        if name == ".cache" and deeper is not None:
            arguments += ["--perms", "1777", "--dir", f"{HOME}/.cache"]
            for inner in deeper:
                arguments += _entry(os.path.join(cache, inner), f"{HOME}/.cache/{inner}")
        else:
            arguments += _entry(os.path.join(home, name), f"{HOME}/{name}")
    return arguments


def _entry(source: str, target: str) -> list[str]:
    if os.path.islink(source):
        return ["--symlink", os.readlink(source), target]
    return ["--ro-bind", source, target]


def _bind(bind: Bind, made: set[str]) -> list[str]:
    if not bind.writable and bind.source == bind.target and visible(bind.source):
        return []
    return [*_parents(bind.target, made), "--bind" if bind.writable else "--ro-bind", bind.source, bind.target]


def _parents(path: str, made: set[str]) -> list[str]:
    arguments: list[str] = []
    inside = any(path.startswith(root + "/") for root in (*SYSTEM, WORK, OUT, "/dev", "/proc"))
    parent = ""
    for part in [] if inside else path.split("/")[1:-1]:
        parent += "/" + part
        if parent not in made:
            made.add(parent)
            arguments += ["--perms", "0755", "--dir", parent]
    return arguments


def _prefixed() -> list[str]:
    return sorted(name for name in os.listdir("/etc") if name.startswith(_ETC_PREFIXES))


def _etc(name: str) -> list[str]:
    path = f"/etc/{name}"
    if not os.path.exists(path):
        return []
    parent = os.path.dirname(path)
    make = [] if parent == "/etc" else ["--perms", "0755", "--dir", parent]
    return [*make, "--ro-bind", os.path.realpath(path), path]
