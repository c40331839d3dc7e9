"""`andon demo`: set the stage, let the workers play, see whether reality matched, and show it.

The exit code is 0 only if every task landed on a green head, every cheat was refused, and the swarm lost nothing.
Whatever ends the demo early, its processes are ended with it. Must not know: what the workers do.
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
from msgspec.structs import replace

from andon.core.errors import EXIT_NO, EXIT_YES, AndonError, UsageError
from andon.demo import craft, project, stage
from andon.demo.client import own_python_path
from andon.demo.ledger import Summary
from andon.demo.play import CHEATS, IMPLEMENTERS, LEASE_S, REVIEWERS, Play
from andon.demo.report import show
from andon.demo.screen import Screen
from andon.demo.swarm import act

TIME_LIMIT_S = 600.0
"""An act takes a minute on two idle cores; this is the patience with a busy machine."""
ACTS = ("all", "work", "swarm")


class Options(Struct, frozen=True, kw_only=True):
    """directory: where to build (None: a new temporary one). keep: leave it there. workers: honest implementers.

    act: all, or the one to play.
    """

    directory: Path | None = None
    keep: bool = True
    workers: int = 3
    act: str = "all"
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
    """Set-up, the acts, and their judgement."""
    begun = time.monotonic()
    screen.section("Set-up: a real project, as published")
    release = project.RELEASE
    source = project.fetch(options.cache or default_cache())
    screen.line(f"{release.file_name} from the package registry, SHA-256 {release.sha256[:16]}… ({release.license})")
    repository, backstage = directory / release.name, directory / "backstage"
    backstage.mkdir()
    since = stage.prepare(source, repository, LEASE_S)
    screen.line(f"repository {repository}, with the workflows feature (one task) and dialects (many workers on one)")
    summary = Summary(ok=True, directory=str(directory), repository=str(repository))
    if options.act in ("all", "work"):
        summary = play_work(options, summary, since, screen, begun)
    if options.act in ("all", "swarm"):
        found = act.perform(repository, backstage / "swarm", screen, options.time_limit_s)
        summary = replace(summary, swarm=found, differences=(*summary.differences, *found.differences))
    return replace(summary, ok=not summary.differences, duration_s=round(time.monotonic() - begun, 1))


def play_work(options: Options, summary: Summary, since: str, screen: Screen, begun: float) -> Summary:
    """The first act: single tasks, cheats among the workers."""
    repository = Path(summary.repository)
    tasks = stage.add_tasks(repository)
    setup_s = time.monotonic() - begun
    screen.section(
        f"The work: {len(tasks)} tasks, {len(CHEATS)} dishonest workers, {options.workers} honest ones, "
        f"{len(REVIEWERS)} reviewers, a lead"
    )
    current = Play(repository, Path(summary.directory) / "backstage", tasks, screen, options.workers)
    screen.begin(tasks.values())
    try:
        problems = current.run(options.time_limit_s)
    finally:
        screen.end()
    screen.section("The test: does reality match?")
    judged = judge(current, problems, since, summary)
    screen.line(f"the test-suite on the landed head: {judged.final_tests}; {len(judged.differences)} differences")
    return replace(judged, setup_s=round(setup_s, 1))


def judge(current: Play, problems: list[str], since: str, summary: Summary) -> Summary:
    """Compare what Andon's log, git and the real test-suite say with what should have happened in the first act."""
    ledger = current.ledger
    found = stage.landed(current.repository, since, current.tasks)
    final_tests, differences = stage.verify(current.repository, since, found)
    return replace(
        summary,
        isolation=ledger.isolation(),
        landed=tuple(found),
        refused=ledger.refused(),
        rework=tuple(f"{note['task']}: {note['agent']} {note['text']}" for note in ledger.of("sent_back")),
        conflicts=len(ledger.of("conflict")),
        taken_over=ledger.taken_over(CHEATS["victim"], "victim"),
        final_tests=final_tests,
        differences=(*problems, *differences, *ledger.differences()),
    )


def check_options(options: Options) -> None:
    """Refuse what can't work before anything is made."""
    if not 1 <= options.workers <= len(IMPLEMENTERS):
        raise UsageError(
            f"--workers {options.workers}: expected 1 to {len(IMPLEMENTERS)}", next="andon demo --workers 3"
        )
    if options.act not in ACTS:
        raise UsageError(f"--act {options.act}: expected one of {', '.join(ACTS)}", next="andon demo --act all")
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
