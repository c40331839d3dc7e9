"""What one call of the command line costs, as a multiple of `python -I -c pass`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Row, interleaved, wall_s

HOT_LIMIT = 2.5
HOOK_LIMIT = 5.0
WARM_LIMIT = 6.0
COLD_LIMIT = 10.0
FIVE_GATES_MS = 150.0

WORKFLOW = """---
name: feature
roles: [implementer]
environment: {isolation: process}
gates:
  exists: {artifact: {path: a.txt}}
  size: {diff: {max_lines: 1000}}
  tests: {run: "test -f a.txt"}
  lint: {run: "true"}
  scope: {diff: {max_files: 20}}
---
# Feature

```mermaid
stateDiagram-v2
    [*] --> implement
    implement --> land
    land --> [*]
```

## implement
```yaml
role: implementer
gates: [exists, size, tests, lint, scope]
```
Do it.
"""


def andon_command() -> list[str]:
    """The installed console script beside the interpreter, as agents call it."""
    script = Path(sys.executable).parent / "andon"
    return [str(script)] if script.exists() else [sys.executable, "-m", "andon"]


def run(rounds: int = 15) -> list[Row]:
    directory = tempfile.mkdtemp(prefix="andon-bench-")
    try:
        return _run(Path(directory), rounds)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def environment_of(directory: Path) -> dict[str, str]:
    return {
        "HOME": str(directory),
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "b",
        "GIT_AUTHOR_EMAIL": "b@example.com",
        "GIT_COMMITTER_NAME": "b",
        "GIT_COMMITTER_EMAIL": "b@example.com",
        "ANDON_AGENT": "bench",
        "NO_COLOR": "1",
    }


def _run(directory: Path, rounds: int) -> list[Row]:
    repository = directory / "repo"
    repository.mkdir()
    environment = environment_of(directory)
    andon = andon_command()

    def sh(*command: str, cwd: Path = repository) -> str:
        return subprocess.run(command, cwd=cwd, env=environment, check=True, capture_output=True, text=True).stdout

    sh("git", "init", "-q", "-b", "main")
    sh("git", "config", "user.name", "b")
    sh("git", "config", "user.email", "b@example.com")
    (repository / "a.txt").write_text("a\n")
    (repository / ".andon/workflows").mkdir(parents=True)
    (repository / ".andon/workflows/feature.md").write_text(WORKFLOW)
    sh("git", "add", ".")
    sh("git", "commit", "-q", "-m", "start")
    sh(*andon, "init")

    def call(*args: str, cwd: str = str(repository), expect: tuple[int, ...] = (0,)) -> Callable[[], float]:
        return lambda: wall_s([*andon, *args], cwd=cwd, environment=environment, expect=expect)

    def floor() -> float:
        return wall_s([sys.executable, "-I", "-c", "pass"], cwd=str(repository), environment=environment)

    nothing = {"next, nothing ready": call("next", "--json", expect=(3,))}
    medians = interleaved({"floor": floor, **nothing}, rounds)
    rows = _rows(medians, dict.fromkeys(nothing, HOT_LIMIT))

    for number in range(rounds + 1):
        sh(*andon, "task", "add", f"Task {number}")
    import json

    claim = json.loads(sh(*andon, "next", "--json"))
    (Path(claim["workdir"]) / "a.txt").write_text("b\n")
    sh(*andon, "check", cwd=Path(claim["workdir"]))
    inside = claim["workdir"]
    subjects = {
        "status --json": (call("status", "--json"), HOT_LIMIT),
        "heartbeat": (call("heartbeat", "--json", cwd=inside), HOT_LIMIT),
        "inbox": (call("inbox", "--json"), HOT_LIMIT),
        "next, claiming": (call("next", "--json"), WARM_LIMIT),
        "check, all cached": (call("check", "--json", cwd=inside), WARM_LIMIT),
        "task list": (call("task", "list", "--json"), COLD_LIMIT),
        "task add": (call("task", "add", "more", "--json"), COLD_LIMIT),
        "show": (call("show", claim["run"], "--json"), COLD_LIMIT),
        "log": (call("log", claim["run"], "--json"), COLD_LIMIT),
        "status (text)": (call("status"), COLD_LIMIT),
        "workflow lint": (call("workflow", "lint"), COLD_LIMIT),
    }
    subjects |= _hooks(repository, inside, environment, andon)
    medians = interleaved({"floor": floor, **{name: subject for name, (subject, _) in subjects.items()}}, rounds)
    cached = medians["check, all cached"] * 1000
    five = Row(
        name="check of five cached gates, in all, over 150 ms",
        value=cached,
        floor=FIVE_GATES_MS,
        unit="ms",
        ratio=cached / FIVE_GATES_MS,
        limit=1.0,
    )
    return [*rows, *_rows(medians, {name: limit for name, (_, limit) in subjects.items()}), five]


def _hooks(
    repository: Path, inside: str, environment: dict[str, str], andon: list[str]
) -> dict[str, tuple[Callable[[], float], float]]:
    """Hook calls that decide without running a gate, with the payload of a client."""
    import json

    def call(event: str, cwd: str, **values: object) -> tuple[Callable[[], float], float]:
        payload = json.dumps({"session_id": "bench", "cwd": cwd, "hook_event_name": event, **values})
        command = ["sh", "-c", 'exec "$@" <"$PAYLOAD"', "sh", *andon, "hook", "claude", event]
        path = repository.parent / f"{len(os.listdir(repository.parent))}-{event}.json"
        path.write_text(payload)
        variables = environment | {"PAYLOAD": str(path)}
        return (lambda: wall_s(command, cwd=cwd, environment=variables)), HOOK_LIMIT

    text = "x = 1\n" * 2000
    return {
        "hook, before a write": call(
            "PreToolUse", inside, tool_name="Write", tool_input={"file_path": "a.txt", "content": text}
        ),
        "hook, before a command": call(
            "PreToolUse", inside, tool_name="Bash", tool_input={"command": "git status && make test 2>&1 | tail"}
        ),
        "hook, denied": call("PreToolUse", inside, tool_name="Bash", tool_input={"command": "git commit -am x"}),
        "hook, after a tool": call("PostToolUse", inside, tool_name="Read", tool_response={"content": text}),
        "hook, from the main checkout": call(
            "PreToolUse", str(repository), tool_name="Edit", tool_input={"file_path": f"{inside}/a.txt"}
        ),
        "hook, where Andon is not": call("Stop", str(repository.parent), stop_hook_active=False),
    }


def _rows(medians: dict[str, float], limits: dict[str, float]) -> list[Row]:
    floor = medians["floor"]
    return [
        Row(
            name=f"andon {name}",
            value=medians[name] * 1000,
            floor=floor * 1000,
            unit="ms",
            ratio=medians[name] / floor,
            limit=limit,
        )
        for name, limit in limits.items()
    ]
