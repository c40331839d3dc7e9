"""What a `run` gate costs over the bare command: clean checkout and sandbox of a repository of 2,000 files."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time

from andon.app.settings import machine_path
from andon.app.wiring import SystemClock
from andon.core.verdict import Submission, Verdict
from andon.core.workflow import Environment, RunGate
from andon.gates.verifier import GateVerifier
from andon.git.repository import Repository
from andon.ports import GateRequest
from andon.runtimes.sandbox import SandboxRuntime
from benchmarks.measure import Row, interleaved

FILES = 2000
LIMIT_MS = 60.0


class NoCache:
    """Measures always."""

    def get(self, subject_key: str, gate_digest: str, environment_digest: str) -> Verdict | None:
        return None

    def put(self, subject_key: str, gate_digest: str, environment_digest: str, verdict: Verdict) -> None:
        pass


def run(rounds: int = 15) -> list[Row]:
    directory = tempfile.mkdtemp(prefix="andon-bench-")
    try:
        return _run(directory, rounds)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _run(directory: str, rounds: int) -> list[Row]:
    root = os.path.join(directory, "repo")
    for number in range(FILES):
        path = os.path.join(root, f"package{number // 100}", f"module{number}.py")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(f"value = {number}\n" * 40)
    identity = ["-c", "user.name=b", "-c", "user.email=b@example.com"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], [*identity, "commit", "-q", "-m", "start"]):
        subprocess.run(["git", *command], cwd=root, check=True)
    # As a clone is: packed. Two thousand loose objects would measure their opening, not the gate.
    subprocess.run(["git", "repack", "-adq"], cwd=root, check=True)
    git = Repository.find(root)
    head = git.branch_head("main")
    if head is None:
        raise RuntimeError("no commit")
    tree = git.tree_of(head)
    submission = Submission(commit=head, tree=tree, base=head, base_tree=tree, patch="patch:0")
    verifier = GateVerifier(
        git=git,
        runtimes=[SandboxRuntime()],
        cache=NoCache(),
        state_dir=os.path.join(directory, "state"),
        verifier="bench",
        clock=SystemClock(),
        machine_path=machine_path(),
    )
    gate = RunGate(id="true", run="true")
    request = GateRequest(gate=gate, submission=submission, environment=Environment(isolation="sandbox"))

    def gated() -> float:
        start = time.perf_counter()
        verdict = verifier.verify(request)
        if verdict.outcome != "passed" or verdict.isolation != "sandbox":
            raise RuntimeError(f"the gate ended {verdict.outcome} at {verdict.isolation}: {verdict.summary}")
        return time.perf_counter() - start

    def bare() -> float:
        start = time.perf_counter()
        subprocess.run(["/bin/sh", "-c", "true"], cwd=root, check=True)
        return time.perf_counter() - start

    gated()
    medians = interleaved({"gate": gated, "bare": bare}, rounds)
    over_ms = (medians["gate"] - medians["bare"]) * 1000
    return [
        Row(
            name=f"run gate over the bare command, {FILES} files",
            value=medians["gate"] * 1000,
            floor=medians["bare"] * 1000,
            unit="ms",
            ratio=over_ms / LIMIT_MS,
            limit=1.0,
        )
    ]
