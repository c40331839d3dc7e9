"""The real input of the demo: one published release of a real Python project, as a git repository.

Rules: the release is pinned by name, version and SHA-256; pip fetches it from the package registry during set-up and
keeps it in a cache directory; nothing is fetched when the cached file is there. The repository's first commit is the
release as it was published, without the files that the packaging tool generated.
Must not know: tasks, workers, Andon.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from andon.core.errors import EXIT_UNAVAILABLE, AndonError


class Release(Struct, frozen=True, kw_only=True):
    """A published source distribution. sha256: of the file. date: of the release, ISO 8601 (for the first commit)."""

    name: str
    version: str
    sha256: str
    date: str
    license: str

    @property
    def file_name(self) -> str:
        """The name of the source distribution's file."""
        return f"{self.name}-{self.version}.tar.gz"

    @property
    def folder(self) -> str:
        """The folder that the archive unpacks to."""
        return f"{self.name}-{self.version}"


RELEASE = Release(
    name="sqlparse",
    version="0.4.1",
    sha256="0f91fd2e829c44362cbcfab3e9ae12e22badaa8a29ad5ff599f9ec109f0454e8",
    date="2020-10-08T06:00:00+00:00",
    license="BSD-3-Clause",
)
"""Chosen since its 413 tests run in a second without any dependency, three bugs of this very release (one of them a
published denial of service) were fixed in the next one, and pyupgrade and ruff find real things in it."""

FETCH_TIMEOUT_S = 300
GENERATED = ("PKG-INFO", "*.egg-info")
IGNORED = "__pycache__/\n*.py[co]\n*.egg-info/\n.pytest_cache/\n.ruff_cache/\n"


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def fetch(cache: Path, release: Release = RELEASE) -> Path:
    """The release's source distribution in `cache`; fetched by pip when it is not there yet.

    Raises AndonError "demo_input" when pip can't fetch it or its SHA-256 is not the pinned one.
    """
    target = cache / release.file_name
    if not target.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _download(cache, release)
    found = digest(target)
    if found != release.sha256:
        raise AndonError(
            f"{target} has SHA-256 {found}, expected {release.sha256}",
            kind="demo_input",
            next=f"delete {target} and run the command again",
        )
    return target


def _download(cache: Path, release: Release) -> None:
    """Let pip fetch the one pinned file, checked by its hash, into `cache`."""
    with tempfile.TemporaryDirectory() as scratch:
        pins = Path(scratch) / "pins.txt"
        pins.write_text(f"{release.name}=={release.version} --hash=sha256:{release.sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--no-binary", release.name, "--require-hashes", "-r", str(pins), "-d", str(cache)]
        try:
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S)
            said = (done.stderr or done.stdout).strip()[-600:]
        except subprocess.TimeoutExpired:
            said = f"no answer within {FETCH_TIMEOUT_S} s"
    if not (cache / release.file_name).exists():
        raise AndonError(
            f"pip could not fetch {release.name} {release.version}: {said}",
            kind="demo_input",
            next=f"make the package registry reachable, or put {release.file_name} into {cache}",
            exit=EXIT_UNAVAILABLE,
        )


def unpack(source: Path, destination: Path, release: Release = RELEASE) -> None:
    """Write the release's files, without the generated ones, into the new directory `destination`."""
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(source) as archive:
            extract(archive, Path(scratch))
        shutil.copytree(Path(scratch) / release.folder, destination, ignore=shutil.ignore_patterns(*GENERATED))


def extract(archive: tarfile.TarFile, destination: Path) -> None:
    """Unpack an archive; nothing is written outside `destination`."""
    if hasattr(tarfile, "data_filter"):
        archive.extractall(destination, filter="data")
    else:  # The first patch releases of 3.11 have no filters; what the demo unpacks is pinned by its hash anyway.
        archive.extractall(destination)


@contextmanager
def files_of(root: Path, commit: str) -> Iterator[Path]:
    """The files of a commit in a directory of their own, for as long as the block lasts."""
    command = ["git", "-C", str(root), "archive", "--format=tar", commit]
    archive = subprocess.run(command, check=True, capture_output=True, env=git_environment()).stdout
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            extract(files, Path(scratch))
        yield Path(scratch)


def git_environment(name: str = "Andon demo") -> dict[str, str]:
    """The caller's environment with a git identity and without anyone's git configuration."""
    slug = "-".join(name.lower().split())
    own = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    own |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
    for who in ("AUTHOR", "COMMITTER"):
        own[f"GIT_{who}_NAME"], own[f"GIT_{who}_EMAIL"] = name, f"{slug}@demo.invalid"
    return own


def git(directory: Path, *arguments: str, environment: dict[str, str] | None = None) -> str:
    """Run git in `directory` and return what it printed; AndonError "git" when it fails."""
    command = ["git", "-C", str(directory), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, env=environment or git_environment())
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise AndonError(f"{' '.join(command)} failed: {said}", kind="git", next="read git's message")
    return done.stdout.decode(errors="replace").rstrip("\n")


def show(worktree: Path, commit: str) -> None:
    """Make a worktree's files and index those of a commit, and nothing else."""
    git(worktree, "read-tree", "--reset", "-u", commit)
    git(worktree, "clean", "-fdq")


def make_repository(source: Path, directory: Path, release: Release = RELEASE) -> str:
    """A git repository in the new directory `directory` whose branch `main` holds the release. Returns the commit."""
    unpack(source, directory, release)
    (directory / ".gitignore").write_text(IGNORED)
    environment = git_environment() | {"GIT_AUTHOR_DATE": release.date, "GIT_COMMITTER_DATE": release.date}
    git(directory, "init", "--quiet", "--initial-branch=main", environment=environment)
    git(directory, "config", "user.name", "Andon demo")
    git(directory, "config", "user.email", "andon-demo@demo.invalid")
    git(directory, "config", "commit.gpgsign", "false")
    git(directory, "add", "--all", environment=environment)
    title = f"{release.name} {release.version}, as published"
    git(directory, "commit", "--quiet", "-m", title, environment=environment)
    return git(directory, "rev-parse", "HEAD")
