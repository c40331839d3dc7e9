"""What all tests share: an environment without the developer's home, git and Andon settings, and tools that must be there."""

from __future__ import annotations

import os
import shutil
import signal

import pytest
from hypothesis import settings

settings.register_profile("andon", deadline=None)
# `make soak`: pytest --hypothesis-profile=soak
settings.register_profile("soak", deadline=None, max_examples=500, stateful_step_count=100, print_blob=True)
settings.load_profile("andon")

NEEDED = {
    "git": "apt-get install git",
    "bwrap": "apt-get install bubblewrap",
    "cc": "apt-get install gcc libc6-dev",
    "strace": "apt-get install strace",
}


def pytest_sessionstart(session: pytest.Session) -> None:
    # A run in the background inherits an ignored Ctrl-C, and so would every process that the tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    missing = [f"{tool}: {line}" for tool, line in NEEDED.items() if shutil.which(tool) is None]
    if missing:
        pytest.exit("the tests need tools that are missing here: " + "; ".join(missing), returncode=1)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in list(os.environ):
        if name.startswith(("ANDON_", "GIT_", "XDG_")):
            monkeypatch.delenv(name)
    for name, value in {
        "HOME": str(tmp_path_factory.mktemp("home")),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Test",
        "GIT_AUTHOR_EMAIL": "test@example.com",
        "GIT_COMMITTER_NAME": "Test",
        "GIT_COMMITTER_EMAIL": "test@example.com",
        "NO_COLOR": "1",
    }.items():
        monkeypatch.setenv(name, value)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many seeds it took until the simulator noticed each safeguard that was switched off."""
    reports = [x for x in terminalreporter.stats.get("passed", []) if x.when == "call"]
    found = sorted(str(value) for x in reports for name, value in x.user_properties if name == "ablation")
    if found:
        terminalreporter.write_line(f"seeds until a missing safeguard was noticed: {', '.join(found)}")
