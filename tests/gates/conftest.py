"""A real repository, real runtimes and a verifier for the tests of gates."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from andon.core.verdict import Submission, Verdict
from andon.core.workflow import Environment, Gate, Report, ResourceLimits, RunGate
from andon.gates.verifier import GateVerifier
from andon.git.repository import Repository
from andon.ports import GateRequest, Runtime
from andon.runtimes.process import ProcessRuntime
from andon.runtimes.sandbox import SandboxRuntime

Content = str | bytes | tuple[str, str] | None
"""Text, bytes, ("link", target), or None to remove a file."""


class MemoryCache:
    """Port `VerdictCache`."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, str, str], Verdict] = {}
        self.hits = 0

    def get(self, subject_key: str, gate_digest: str, environment_digest: str) -> Verdict | None:
        found = self.stored.get((subject_key, gate_digest, environment_digest))
        self.hits += found is not None
        return found

    def put(self, subject_key: str, gate_digest: str, environment_digest: str, verdict: Verdict) -> None:
        assert verdict.outcome in ("passed", "failed")
        self.stored[(subject_key, gate_digest, environment_digest)] = verdict


class FixedClock:
    def now(self) -> float:
        return 1_700_000_000.0


class World:
    """A repository with commits made from dictionaries, and verifiers over it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.worktree = root / "repo"
        self.worktree.mkdir()
        self.state_dir = str(root / "state")
        self.cache = MemoryCache()
        self.opened: list[GateVerifier] = []
        self.git("init", "-q", "-b", "main")
        self.base = self.commit({"README": "hello\n"})
        self.repository = Repository.find(str(self.worktree))

    def git(self, *args: str) -> str:
        env = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
               for what, value in (("NAME", "Test"), ("EMAIL", "test@example.org"))},
        }  # fmt: skip
        return subprocess.run(
            ["git", *args], cwd=self.worktree, env=env, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, files: Mapping[str, Content], *, executable: Sequence[str] = ()) -> str:
        """Commit these files. Returns the commit."""
        for name, content in files.items():
            path = self.worktree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_symlink() or content is None:
                path.unlink(missing_ok=True)
            if isinstance(content, tuple):
                path.unlink(missing_ok=True)
                path.symlink_to(content[1])
            elif isinstance(content, bytes):
                path.write_bytes(content)
            elif content is not None:
                path.write_text(content)
        for name in executable:
            (self.worktree / name).chmod(0o755)
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD")

    def submission(self, commit: str, base: str | None = None) -> Submission:
        base = base or self.base
        return Submission(
            commit=commit,
            tree=self.git("rev-parse", f"{commit}^{{tree}}"),
            base=base,
            base_tree=self.git("rev-parse", f"{base}^{{tree}}"),
            patch=f"patch:{commit}",
        )

    def verifier(self, *runtimes: Runtime, machine_path: Sequence[str] = (), in_memory: bool = True) -> GateVerifier:
        made = GateVerifier(
            git=self.repository,
            runtimes=runtimes,
            cache=self.cache,
            state_dir=self.state_dir,
            verifier="test-verifier",
            clock=FixedClock(),
            machine_path=machine_path,
            checkouts_in_memory=in_memory,
        )
        self.opened.append(made)
        return made

    def check(
        self,
        runtime: Runtime,
        gate: Gate,
        files: Mapping[str, Content] | None = None,
        *,
        environment: Environment | None = None,
        scope: Sequence[str] = (),
        base: str | None = None,
        definitions: str = "",
        fresh: bool = False,
        in_memory: bool = True,
    ) -> Verdict:
        """Commit the files and measure the gate on the result."""
        commit = self.commit(files) if files else self.git("rev-parse", "HEAD")
        request = GateRequest(
            gate=gate,
            submission=self.submission(commit, base),
            environment=environment or Environment(isolation=runtime.level),
            scope=tuple(scope),
            definitions=definitions,
            fresh=fresh,
        )
        return self.verifier(runtime, in_memory=in_memory).verify(request)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    for verifier in made.opened:
        verifier.close()
    shutil.rmtree(made.state_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def sandbox() -> SandboxRuntime:
    runtime = SandboxRuntime()
    assert runtime.probe() is None, runtime.probe()
    return runtime


@pytest.fixture(params=["sandbox", "process"])
def runtime(request: pytest.FixtureRequest, sandbox: SandboxRuntime) -> Runtime:
    """Each test of a run gate holds at both levels."""
    return sandbox if request.param == "sandbox" else ProcessRuntime()


@pytest.fixture
def run_gate() -> Callable[..., RunGate]:
    def make(
        run: str,
        *,
        report: tuple[str, str] | None = None,
        require: str | None = None,
        inputs: Sequence[str] = (),
        limits: ResourceLimits | None = None,
        id: str = "tests",
    ) -> RunGate:
        return RunGate(
            id=id,
            run=run,
            report=Report(format=report[0], path=report[1]) if report else None,
            require=require,
            inputs=tuple(inputs),
            limits=limits or ResourceLimits(timeout_s=30.0),
        )

    return make
