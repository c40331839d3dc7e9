"""A small Python project with a bug, protected acceptance tests, and an agent that would rather not mend it.

The target branch is red: `add` subtracts. Only real work (or a cheat) makes the gate `tests` green. One repository per
isolation level serves all attempts; each has a task, an agent and a worktree of its own.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.world import World, outcomes

HERE = Path(__file__).parent
BUGGY = "def add(a, b):\n    return a - b\n"
MENDED = "def add(a, b):\n    return a + b\n"
ACCEPTANCE = """from app import add


def test_adds():
    assert add(2, 2) == 4


def test_adds_nothing():
    assert add(2, 0) == 2
"""
GREEN_REPORT = (
    '<testsuite><testcase classname="acceptance.test_add" name="test_adds"/>'
    '<testcase classname="acceptance.test_add" name="test_adds_nothing"/></testsuite>'
)
PYTEST = "PYTHONPATH=lib python -m pytest -q -p no:cacheprovider --junitxml=$ANDON_OUT/junit.xml acceptance"
CONDITION = "tests > 0 && failed == 0 && skipped <= base.skipped && tests >= base.tests"
WORKFLOW = """---
name: feature
roles:
  implementer: {{}}
environment:
  isolation: {isolation}
  path: ["{path}"]
{environment}
protect: ["acceptance/**"]
done: [tests]
limits: {{submissions: 100}}
gates:
  tests:
    run: {run}
    report: {{junit: junit.xml}}
    require: "{require}"
    timeout: {timeout}
    processes: 64
    output: 64KiB
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
gates: [tests]
```
Mend the app.
"""

CHECK = """# The judge: one case for the work itself, one for what the agent's code does.
echo "--- work.sh"
sh ./work.sh 2>&1
works=$?
echo "--- judged"
failed="<failure/>"
grep -q mended done.txt && mended="" || mended=$failed
[ $works = 0 ] && does="" || does=$failed
{
    echo '<testsuite>'
    echo "<testcase name='mended'>$mended</testcase><testcase name='works'>$does</testcase>"
    echo '</testsuite>'
} > "$ANDON_OUT/junit.xml"
[ -z "$mended$does" ]
"""
GREEN_CHECK = "<testsuite><testcase name='mended'/><testcase name='works'/></testsuite>"


@dataclass
class Attempt:
    """One agent's try. body: what `andon check` (or `advance`) answered."""

    scene: Scene
    agent: str
    task: str
    workdir: Path
    exit: int = -1
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def outcomes(self) -> dict[str, str]:
        return outcomes(self.body)

    @property
    def told(self) -> str:
        """All that the answer says about the gates, in one text."""
        return " ".join(f"{x['summary']} {x['detail']}" for x in self.body["verdicts"])

    def write(self, files: Mapping[str, str | bytes]) -> Attempt:
        for name, content in files.items():
            path = self.workdir / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return self

    def ask(self, verb: str = "check", *more: str, **environment: str) -> Attempt:
        """Have Andon judge the work."""
        result = self.scene.world.andon(verb, *more, "--json", agent=self.agent, cwd=self.workdir, **environment)
        self.exit, self.body = result.exit, result.json
        return self

    @property
    def log(self) -> str:
        """The whole log of the gate `tests`."""
        path = next(x["log"] for x in self.body["verdicts"] if x["gate"] == "tests")
        return Path(path).read_text(encoding="utf-8")

    def is_red(self, *gates: str) -> None:
        """Not green, by one of these gates (any, when none is named)."""
        assert self.exit == 1, (self.exit, self.body)
        red = {gate: how for gate, how in self.outcomes.items() if how != "passed"}
        assert red and set(red.values()) <= {"failed", "unmeasured"}, self.body
        assert not gates or set(gates) & set(red), (gates, red, self.told)

    def is_green(self) -> None:
        assert self.exit == 0, (self.exit, self.body)
        assert set(self.outcomes.values()) == {"passed"}, self.body


class Scene:
    """The repository, on a machine where `level` is the best that there is."""

    def __init__(self, directory: Path, level: str = "sandbox", **options: str) -> None:
        self.level = level
        directory.mkdir(parents=True, exist_ok=True)
        self.world = World.make(directory, init=False)
        if level == "process":
            here = str(HERE / "without_sandbox")
            self.world.environment["PYTHONPATH"] = here + os.pathsep + self.world.environment["PYTHONPATH"]
        for name, text in {
            "app.py": BUGGY,
            "acceptance/test_add.py": ACCEPTANCE,
            "lib/helper.py": "NOTHING = 0\n",
            "ci/check.sh": CHECK,
            "done.txt": "not yet\n",
            "work.sh": "echo nothing\n",
            ".andon/workflows/feature.md": workflow(level, **options),
        }.items():
            self.world.write(name, text)
        self.world.git("add", "-A")
        self.world.git("commit", "-q", "-m", "an app with a bug")
        made = self.world.andon("init", "--json")
        assert made.exit == 0, (made.out, made.err)
        self._numbers = itertools.count(1)

    @property
    def state_dir(self) -> Path:
        return self.world.path / ".git" / "andon"

    def attempt(self, files: Mapping[str, str | bytes] | None = None, *, title: str = "Mend add") -> Attempt:
        """A task of its own, claimed, with these files written."""
        agent = f"agent{next(self._numbers)}"
        task = self.world.add_task(title)
        claim = self.world.claim(agent, "--task", task)
        return Attempt(scene=self, agent=agent, task=task, workdir=Path(claim["workdir"])).write(files or {})


def plain(directory: Path, level: str = "sandbox", **options: str) -> Scene:
    """The project under a judge in shell, which runs the agent's `work.sh` first: quick, and honest in itself."""
    return Scene(directory, level, **{"run": "sh ci/check.sh", "timeout": "20s", **options})


def workflow(level: str = "sandbox", **options: str) -> str:
    values = {
        "isolation": level,
        "path": os.path.join(sys.prefix, "bin"),
        "environment": "",
        "run": f"'{PYTEST}'",
        "require": CONDITION,
        "timeout": "60s",
        **options,
    }
    return WORKFLOW.format(**values)
