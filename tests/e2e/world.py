"""A real repository and the real command line, as agents and people use them."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import andon

WORKFLOW = """---
name: feature
roles:
  implementer: {{}}
  reviewer: {{distinct_from: [implementer]}}
environment:
  isolation: {isolation}
protect: [".andon/**", "protected.txt"]
done: {done}
limits: {{visits: 4, wall_time: 4h}}
gates:
  tests: {tests}
  scope: {{diff: {{within: task.scope, max_lines: 400}}}}
  review: {{review: {{role: reviewer}}}}
{gates}
---
# Feature

```mermaid
stateDiagram-v2
    [*] --> implement
    implement --> review
    review --> implement : rework
    review --> land
    land --> [*]
{edges}
```

## implement
```yaml
role: implementer
gates: {implement_gates}
attempts: 3
lease: {lease}
```
Make the change that the task asks for.

## review
```yaml
role: reviewer
gates: [review]
lease: 10m
```
Look at the change.
"""

TESTS = '{run: "sh run-tests.sh", report: {junit: junit.xml}, require: "tests > 0 && failed == 0 && skipped <= base.skipped && tests >= base.tests"}'

RUN_TESTS = """#!/bin/sh
# A tiny test runner: one junit case for each tests/*.sh.
out="$ANDON_OUT/junit.xml"
echo '<testsuite name="all">' > "$out"
bad=0
for file in tests/*.sh; do
    [ -e "$file" ] || continue
    if grep -q SKIP "$file"; then
        echo "<testcase name=\\"$file\\"><skipped/></testcase>" >> "$out"
    elif sh "$file"; then
        echo "<testcase name=\\"$file\\"/>" >> "$out"
    else
        echo "FAILED $file"
        echo "<testcase name=\\"$file\\"><failure message=\\"$file failed\\"/></testcase>" >> "$out"
        bad=1
    fi
done
echo '</testsuite>' >> "$out"
exit $bad
"""


@dataclass
class Result:
    exit: int
    out: str
    err: str
    args: tuple[str, ...]

    @property
    def json(self) -> dict[str, Any]:
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value

    @property
    def kind(self) -> str:
        return str(self.json["error"]["kind"])


@dataclass
class World:
    """A repository with Andon set up, and ways to act in it."""

    path: Path
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, directory: Path, *, init: bool = True, **options: str) -> World:
        path = directory / "repo"
        path.mkdir()
        home = directory / "home"
        home.mkdir()
        environment = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "NO_COLOR": "1",
            "PYTHONPATH": str(Path(andon.__file__).resolve().parents[1]),
        }
        world = cls(path=path, environment=environment)
        world.git("init", "-q", "-b", "main")
        world.git("config", "user.name", "Pat Person")
        world.git("config", "user.email", "pat@example.com")
        world.write("run-tests.sh", RUN_TESTS)
        world.write("tests/first.sh", "exit 0\n")
        world.write("protected.txt", "keep me\n")
        world.write("app.txt", "one\ntwo\nthree\nfour\nfive\n")
        world.write_workflow(**options)
        world.git("add", ".")
        world.git("commit", "-q", "-m", "start")
        if init:
            made = world.andon("init")
            assert made.exit == 0, (made.out, made.err)
        return world

    def write_workflow(self, name: str = "feature", **options: str) -> None:
        values = {
            "isolation": "sandbox",
            "done": "[tests, review]",
            "tests": TESTS,
            "gates": "",
            "edges": "",
            "implement_gates": "[tests, scope]",
            "lease": "10m",
            **options,
        }
        self.write(f".andon/workflows/{name}.md", WORKFLOW.format(**values))

    def write(self, name: str, text: str, root: Path | None = None) -> None:
        path = (root or self.path) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def git(self, *args: str, cwd: Path | None = None, check: bool = True, **extra: str) -> str:
        done = subprocess.run(
            ["git", *args], cwd=cwd or self.path, env=self.environment | extra, capture_output=True, text=True
        )
        if check:
            assert done.returncode == 0, (args, done.stdout, done.stderr)
        return done.stdout.strip()

    def andon(
        self,
        *args: str,
        agent: str | None = None,
        cwd: Path | str | None = None,
        input: str | None = None,
        **extra: str,
    ) -> Result:
        """Run the command as a person without a terminal, or as an agent."""
        environment = self.environment | extra
        if agent:
            environment["ANDON_AGENT"] = agent
        done = subprocess.run(
            [sys.executable, "-m", "andon", *args],
            cwd=cwd or self.path,
            env=environment,
            capture_output=True,
            text=True,
            input=input if input is not None else "",
            timeout=110,
            errors="replace",
        )
        return Result(exit=done.returncode, out=done.stdout, err=done.stderr, args=args)

    def ok(self, *args: str, agent: str | None = None, cwd: Path | str | None = None, **extra: str) -> dict[str, Any]:
        result = self.andon(*args, "--json", agent=agent, cwd=cwd, **extra)
        assert result.exit == 0, (result.args, result.exit, result.out, result.err)
        return result.json

    def person(self, *args: str, answer: str = "yes\n", **extra: str) -> Result:
        """Run the command as a person at a terminal who types an answer."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.path)
            os.execve(
                sys.executable, [sys.executable, "-m", "andon", *args], self.environment | extra | {"TERM": "xterm"}
            )
        seen = b""
        deadline = time.monotonic() + 60
        answered = False
        while time.monotonic() < deadline:
            readable, _, _ = select.select([terminal], [], [], 0.2)
            if readable:
                try:
                    data = os.read(terminal, 65536)
                except OSError:
                    break
                if not data:
                    break
                seen += data
            if not answered and b"yes" in seen.lower():
                os.write(terminal, answer.encode())
                answered = True
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
        return Result(exit=os.waitstatus_to_exitcode(status), out=seen.decode(errors="replace"), err="", args=args)

    # ------------------------------------------------------------ common moves

    def add_task(self, title: str = "Change the app", *more: str) -> str:
        return str(self.ok("task", "add", title, *more)["task"])

    def claim(self, agent: str, *more: str, **extra: str) -> dict[str, Any]:
        return self.ok("next", *more, agent=agent, **extra)

    def implement(self, agent: str = "alice", text: str = "one\nTWO\nthree\nfour\nfive\n") -> dict[str, Any]:
        """Claim, change app.txt, advance: green."""
        claim = self.claim(agent, "--role", "implementer")
        self.write("app.txt", text, Path(claim["workdir"]))
        self.ok("advance", "-m", "done", agent=agent, cwd=claim["workdir"])
        return claim

    def review(self, agent: str = "bob") -> dict[str, Any]:
        claim = self.claim(agent, "--role", "reviewer")
        self.ok("advance", "-m", "good", agent=agent, cwd=claim["workdir"])
        return claim

    def head(self) -> str:
        return self.git("rev-parse", "main")

    def events(self, name: str) -> list[str]:
        return [item["type"] for item in self.ok("log", name)["items"]]


def outcomes(body: dict[str, Any]) -> dict[str, str]:
    return {verdict["gate"]: verdict["outcome"] for verdict in body["verdicts"]}
