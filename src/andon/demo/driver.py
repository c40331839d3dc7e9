"""`andon demo`: set the stage, let the workers play, see whether reality matched, and show it.

The exit code is 0 only if every task landed on a green head and every cheat was refused. Whatever ends the demo early,
its processes are ended with it. Must not know: what the workers do.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import msgspec
from msgspec import Struct

from andon.core.errors import EXIT_NO, EXIT_YES, AndonError, UsageError
from andon.demo import craft, project, stage
from andon.demo.client import own_python_path
from andon.demo.ledger import Summary
from andon.demo.play import CHEATS, IMPLEMENTERS, LEASE_S, REVIEWERS, Play
from andon.demo.report import show
from andon.demo.screen import Screen

TIME_LIMIT_S = 400.0
"""The demo takes a minute on two idle cores; this is the patience with a busy machine."""


class Options(Struct, frozen=True, kw_only=True):
    """directory: where to build (None: a new temporary one). keep: leave it there. workers: honest implementers."""

    directory: Path | None = None
    keep: bool = True
    workers: int = 3
    json: bool = False
    plain: bool = False
    cache: Path | None = None
    time_limit_s: float = TIME_LIMIT_S


def run_demo(options: Options) -> int:
    """The command. Returns the exit code; prints to standard output (with --json one object, the rest to stderr)."""
    own_python_path()
    screen = Screen(plain=options.plain or options.json, stream=sys.stderr if options.json else sys.stdout)
    check_options(options)
    directory = make_directory(options)
    try:
        with stoppable():
            summary = perform(options, directory, screen)
    except KeyboardInterrupt:
        screen.end()
        screen.line("Stopped; all worker processes are ended.")
        _clean_up(options, directory, screen)
        return EXIT_NO
    except BaseException:
        screen.end()
        _clean_up(options, directory, screen)
        raise
    if options.json:
        print(msgspec.json.encode(summary).decode(), flush=True)
    show(summary, screen, kept=options.keep)
    if not options.keep:
        shutil.rmtree(directory, ignore_errors=True)
    return EXIT_YES if summary.ok else EXIT_NO


def perform(options: Options, directory: Path, screen: Screen) -> Summary:
    """Set-up, play and judgement."""
    begun = time.monotonic()
    screen.section("Set-up: a real project, as published")
    release = project.RELEASE
    source = project.fetch(options.cache or default_cache())
    screen.line(f"{release.file_name} from the package registry, SHA-256 {release.sha256[:16]}… ({release.license})")
    repository, backstage = directory / release.name, directory / "backstage"
    backstage.mkdir()
    since = stage.prepare(source, repository, LEASE_S)
    tasks = stage.add_tasks(repository)
    screen.line(f"repository {repository}, {len(tasks)} tasks, workflow implement → review → land")
    setup_s = time.monotonic() - begun
    screen.section(
        f"The work: {len(CHEATS)} dishonest workers, {options.workers} honest ones, {len(REVIEWERS)} reviewers, a lead"
    )
    current = Play(repository, backstage, tasks, screen, options.workers)
    screen.begin(tasks.values())
    try:
        problems = current.run(options.time_limit_s)
    finally:
        screen.end()
    screen.section("The test: does reality match?")
    return judge(current, problems, since, directory, setup_s, begun)


def judge(current: Play, problems: list[str], since: str, directory: Path, setup_s: float, begun: float) -> Summary:
    """Compare what Andon's log, git and the real test-suite say with what should have happened."""
    ledger = current.ledger
    found = stage.landed(current.repository, since, current.tasks)
    final_tests, differences = stage.verify(current.repository, since, found)
    differences = [*problems, *differences, *ledger.differences()]
    return Summary(
        ok=not differences,
        directory=str(directory),
        repository=str(current.repository),
        duration_s=round(time.monotonic() - begun, 1),
        setup_s=round(setup_s, 1),
        isolation=ledger.isolation(),
        landed=tuple(found),
        refused=ledger.refused(),
        rework=tuple(f"{note['task']}: {note['agent']} {note['text']}" for note in ledger.of("sent_back")),
        conflicts=len(ledger.of("conflict")),
        taken_over=ledger.taken_over(CHEATS["victim"], "victim"),
        final_tests=final_tests,
        differences=tuple(differences),
    )


def check_options(options: Options) -> None:
    """Refuse what can't work before anything is made."""
    if not 1 <= options.workers <= len(IMPLEMENTERS):
        raise UsageError(
            f"--workers {options.workers}: expected 1 to {len(IMPLEMENTERS)}", next="andon demo --workers 3"
        )
    if missing := craft.missing_tools():
        names = " ".join(missing)
        raise AndonError(
            f"the demo needs {names} in {sys.prefix}",
            kind="demo_tools",
            next=f"{sys.executable} -m pip install {names}",
        )
    if shutil.which("git") is None:
        raise AndonError("git is not on the PATH", kind="demo_tools", next="install git")


def make_directory(options: Options) -> Path:
    """The empty directory to build in."""
    if options.directory is None:
        return Path(tempfile.mkdtemp(prefix="andon-demo-"))
    directory = options.directory.absolute()
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise UsageError(f"{directory} exists and is not empty", next="name another directory, or remove it")
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def default_cache() -> Path:
    """Where the release is kept: ANDON_DEMO_CACHE, else `.cache` of a source tree, else the user's cache directory."""
    if named := os.environ.get("ANDON_DEMO_CACHE"):
        return Path(named).absolute()
    root = Path(__file__).resolve().parents[3]
    if (root / "pyproject.toml").exists():
        return root / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "andon"


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM and SIGHUP end the demo as Ctrl-C does: by an exception that takes the workers along."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _clean_up(options: Options, directory: Path, screen: Screen) -> None:
    """After a demo that did not come to its end."""
    if options.directory is None or not options.keep:
        shutil.rmtree(directory, ignore_errors=True)
    else:
        screen.line(f"What there is of it is in {directory}")
