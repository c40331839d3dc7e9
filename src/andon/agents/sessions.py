"""Which processes are agents' clients: how a client's shell commands and its hooks come to agree on the agent's name.

A hook knows the client's session from its payload; a command in the client's shell often knows nothing of it. So each hook
call registers the client's process (number and start time, which together never come again) in `<common>/andon/sessions/`,
and a command looks for a registered process among its ancestors. The first session of a process names it for good: a client
that begins another session in the same process stays one agent, which errs on the side of `distinct_from`. A worker registers
what it launches, under the name of the claim; nothing below that is registered again.

On the hot path: `os` alone, and nothing but one failed system call where the directory is not there. Where there is no
/proc, nobody is registered. Must not know: the store, what an agent may do.
"""

from __future__ import annotations

import os

MAX_ANCESTORS = 64
MAX_ENTRIES = 400
_WRAPPERS = frozenset({
    "sh", "bash", "dash", "zsh", "fish", "ksh", "ash", "busybox", "env", "timeout", "nice", "nohup", "setsid", "stdbuf", "sudo",
    "uv", "uvx", "pipx", "script", "xargs", "time", "ionice", "bwrap", "tini", "dumb-init",
})  # fmt: skip
"""What may stand between a client and its hook."""
_HOSTS = (
    "systemd", "init", "login", "su", "sshd", "tmux", "screen", "xterm", "konsole", "kitty", "alacritty", "wezterm", "foot",
    "urxvt", "gnome-terminal", "terminator", "tilix", "cron", "containerd", "docker", "runc", "conmon", "dbus",
)  # fmt: skip
"""Never an agent's client: a person's own terminals would descend from it."""
LAUNCHED = "launched "
"""Stands before the client's name where a worker launched it."""


class _Process:
    __slots__ = ("leader", "name", "number", "parent", "start", "terminal")

    def __init__(self, number: int, stat: str) -> None:
        head, _, tail = stat.rpartition(")")
        fields = tail.split()
        self.number = number
        self.name = head.partition("(")[2]
        self.parent = int(fields[1])
        self.leader = int(fields[3]) == number
        self.terminal = fields[4] != "0"
        self.start = fields[19]

    @property
    def key(self) -> str:
        return f"{self.number}-{self.start}"


def _process(number: int) -> _Process | None:
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file:
            return _Process(number, file.read())
    except (OSError, ValueError, IndexError):
        return None


def directory_of(common: str) -> str:
    return os.path.join(common, "andon", "sessions")


def registered(common: str) -> tuple[str, str] | None:
    """(name, client) of the nearest ancestor that is registered, or None."""
    directory = directory_of(common)
    try:
        known = frozenset(os.listdir(directory))
    except OSError:
        return None
    number = os.getppid() if known else 0
    for _ in range(MAX_ANCESTORS):
        if number <= 1:
            return None
        process = _process(number)
        if process is None:
            return None
        if process.key in known:
            found = _entry(os.path.join(directory, process.key))
            if found is not None:
                return found
        number = process.parent
    return None


def register(common: str, client: str, session: str, at: str) -> tuple[str, str] | None:
    """Register the client that called this hook, unless it is known: (name, client), or None when it can't be told."""
    above = registered(common)
    process = client_process()
    if process is None or not session or (above is not None and above[1].startswith(LAUNCHED)):
        # What a worker launched is the agent of its claim, whatever sessions it begins.
        return above
    return _write(common, process, client, session, agent_name(client, session), at)


def register_launched(common: str, client: str, number: int, name: str) -> None:
    """Register the process that all of a launched client's processes descend from as the agent of its claim."""
    process = _process(number)
    if process is not None:
        _write(common, process, f"{LAUNCHED}{client}", "", name, "")


def _write(common: str, process: _Process, client: str, session: str, name: str, at: str) -> tuple[str, str] | None:
    directory = directory_of(common)
    path = os.path.join(directory, process.key)
    found = _entry(path)
    if found is not None:
        return found
    text = f"client={client}\nsession={session}\nname={name}\nat={at}\n"
    os.makedirs(directory, exist_ok=True)
    _sweep(directory)
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    try:
        # The first of two hooks at once is the one that counts.
        os.link(temporary, path)
    except OSError:
        pass
    finally:
        os.unlink(temporary)
    return _entry(path)


def agent_name(client: str, session: str) -> str:
    """The agent's name, as `cli/identity.py` makes it of a session's variable."""
    plain = "".join(char if char.isalnum() or char in "-_.:" else "-" for char in session[:40])
    return f"{'claude-code' if client == 'claude' else client}-{plain}"


def client_process() -> _Process | None:
    """The nearest ancestor that is no shell or other wrapper; None when a person seems to have called."""
    number = os.getppid()
    for _ in range(MAX_ANCESTORS):
        process = _process(number) if number > 1 else None
        if process is None:
            return None
        if process.name not in _WRAPPERS:
            return None if process.name.startswith(_HOSTS) else process
        if process.leader and process.terminal:
            # A person's shell at a terminal: the hook was tried by hand.
            return None
        number = process.parent
    return None


def _entry(path: str) -> tuple[str, str] | None:
    try:
        with open(path, encoding="utf-8") as file:
            values = dict(line.partition("=")[::2] for line in file.read(4096).splitlines())
    except (OSError, ValueError):
        return None
    name = values.get("name", "")
    return (name, values.get("client", "")) if name else None


def _sweep(directory: str) -> None:
    """Forget processes that are gone, and what a killed hook left."""
    for name in os.listdir(directory)[: 2 * MAX_ENTRIES]:
        number, _, start = name.partition("-")
        process = _process(int(number)) if number.isdecimal() else None
        if process is None or process.start != start.partition(".")[0] or "." in start:
            path = os.path.join(directory, name)
            try:
                if "." not in start or os.stat(path).st_mtime < os.stat(directory).st_mtime - 60:
                    os.unlink(path)
            except OSError:
                continue
