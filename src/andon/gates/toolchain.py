"""The directories that `environment.path` and the machine add to PATH, and what of them a job must be able to see.

A directory of programs needs its installation around it (`/x/bin` needs `/x/lib`; a virtual environment needs the
Python that it was made from), so the installation's root is made visible, read-only. A home directory, or any
directory that holds the state directory, is never made visible whole: then only its program and library directories
are. Must not know gates.
"""

from __future__ import annotations

import os

from andon.gates.problems import Unmeasured
from andon.ports import Bind

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PROGRAMS = ("bin", "sbin", "shims")
_PARTS = ("bin", "sbin", "lib", "lib32", "lib64", "libexec", "include")
LINKS_FOLLOWED_MAX = 16


class Toolchain:
    """dirs: absolute directories, in PATH order. private: paths that must not become visible with an installation."""

    def __init__(self, dirs: tuple[str, ...], private: tuple[str, ...]) -> None:
        self._dirs = dirs
        self._private = tuple(os.path.realpath(path) for path in private)

    def check(self) -> None:
        """Raises Unmeasured for a directory that is not absolute or not there."""
        for path in self._dirs:
            if not os.path.isabs(path):
                raise Unmeasured(f"environment.path: {path!r} is not an absolute directory")
            if not os.path.isdir(path):
                raise Unmeasured(f"environment.path: the directory {path!r} does not exist on this machine")

    def path(self) -> str:
        """The value of PATH."""
        return ":".join((*self._dirs, DEFAULT_PATH))

    def binds(self) -> tuple[Bind, ...]:
        """What to make visible, at the same places."""
        found: dict[str, None] = {}
        for path in self._dirs:
            self._installation(os.path.normpath(path), found)
        roots = [path for path in found if not any(path.startswith(other + "/") for other in found)]
        return tuple(Bind(source=path, target=path) for path in roots)

    def _installation(self, path: str, found: dict[str, None]) -> None:
        if path in found or not os.path.isdir(path):
            return
        found[path] = None
        parent = os.path.dirname(path)
        if os.path.basename(path) in _PROGRAMS and parent != "/":
            if self._may_show(parent):
                found[parent] = None
            else:
                parts = [os.path.join(parent, name) for name in _PARTS]
                found.update(dict.fromkeys(part for part in parts if os.path.isdir(part)))
        for target in _homes(parent) + _linked(path):
            self._installation(target, found)

    def _may_show(self, path: str) -> bool:
        homes = (os.path.expanduser("~"), "/root")
        if path in ("/var", "/home", "/Users", "/tmp", *homes) or os.path.dirname(path) in ("/home", "/Users"):
            return False
        # Dot directories of a home (~/.local, ~/.cargo) hold data and credentials beside their programs.
        parent = os.path.dirname(path)
        in_home = parent in homes or os.path.dirname(parent) in ("/home", "/Users")
        if in_home and os.path.basename(path).startswith("."):
            return False
        real = os.path.realpath(path)
        return not any(secret == real or secret.startswith(real + "/") for secret in self._private)


def _homes(prefix: str) -> list[str]:
    """The directory of the Python that a virtual environment at `prefix` was made from."""
    try:
        with open(os.path.join(prefix, "pyvenv.cfg"), encoding="utf-8", errors="replace") as file:
            pairs = (line.partition("=") for line in file.read(65_536).splitlines())
            values = [value.strip() for name, _, value in pairs if name.strip() == "home"]
            return [value for value in values if os.path.isabs(value)]
    except OSError:
        return []


def _linked(path: str) -> list[str]:
    """Directories elsewhere that programs in `path` are links to."""
    found: dict[str, None] = {}
    try:
        names = sorted(os.listdir(path))
    except OSError:
        return []
    for name in names:
        entry = os.path.join(path, name)
        if os.path.islink(entry):
            target = os.path.dirname(os.path.realpath(entry))
            if target != os.path.realpath(path) and not target.startswith(("/usr/", "/bin", "/sbin", "/lib", "/opt/")):
                found[target] = None
        if len(found) >= LINKS_FOLLOWED_MAX:
            break
    return list(found)
