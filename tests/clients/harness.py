"""A repository under Andon and a real client in it, for scenarios: `Scene.make(directory, "codex")`.

    scene.hooks()                           andon init --client codex, committed
    task = scene.task()
    session = scene.session("diligent")     the client alone, as a person starts it
    session = scene.work("pleaser")         the same under `andon work --agent codex`
    scene.held(session)                     nothing landed, and nothing says so
    scene.steps(run), scene.status(), scene.landed()

Each session runs in a network namespace of its own with the scripted endpoint; the repository, the client's home and
Andon's state stay for the next one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clients.clients import CLIENTS, INSTALLED, ROOT, Client
from tests.clients.endpoint import Record, read_records
from tests.clients.namespace import TIMED_OUT
from tests.e2e.world import World

PROMPT = "You work under Andon in this repository. Take the work that is ready, do it, and finish its step."
"""What a person would type."""

WORKFLOW = """---
name: feature
roles:
  implementer: {{}}
environment:
  isolation: {isolation}
protect: [".andon/**", "protected.txt"]
done: [tests, scope]
limits: {{visits: 4, wall_time: 4h}}
gates:
  tests: {{run: "sh run-tests.sh", report: {{junit: junit.xml}}, require: "tests > 0 && failed == 0"}}
  scope: {{diff: {{within: task.scope}}}}
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
gates: [tests, scope]
attempts: {attempts}
lease: {lease}
```
Write the file that the task asks for.
"""

GREETING = "greeting.txt"
INHERITED = "inherited: hel"
"""What the persona `heir` hears of the work that `half` and `dies` left."""
TEST = f"""grep -q hello {GREETING} 2>/dev/null || [ ! -e {GREETING} ]\n"""


@dataclass
class Session:
    """What came of one session. exit: TIMED_OUT when it had to be ended from outside, which is a failure in itself."""

    exit: int
    out: str
    err: str
    records: list[Record]
    seconds: float

    @property
    def errors(self) -> list[str]:
        return [f"{record.method} {record.path}: {record.error}" for record in self.records if record.error]

    @property
    def moves(self) -> list[str]:
        return [record.move for record in self.records if record.move]

    @property
    def heard(self) -> str:
        """All that the client told the model: prompts, context from hooks, results of tools."""
        entries = self.records[-1].entries if self.records else []
        return "\n".join(entry["text"] for entry in entries)

    @property
    def said(self) -> int:
        """How often the agent said that it is done, or else spoke at the end of a turn."""
        # What a client asks beside the work (a title, say) is not the agent's to answer.
        return len([record for record in self.records if record.move.startswith("Say") and not record.beside])

    @property
    def ended(self) -> bool:
        return self.exit != TIMED_OUT

    @property
    def json(self) -> dict[str, Any]:
        """What `andon work --json` printed."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value

    def tell(self) -> str:
        """For an assertion that fails."""
        lines = [f"{record.at_s} {record.path} {record.move} {record.error}" for record in self.records]
        lines = [*lines[:20], "…", *lines[-20:]] if len(lines) > 40 else lines
        return "\n".join([f"exit {self.exit} after {self.seconds:.1f} s", *lines, self.out[-3000:], self.err[-3000:]])


@dataclass
class Scene:
    world: World
    client: Client
    directory: Path
    head: str = ""
    """the target branch's commit before any session"""
    sessions: int = 0

    @classmethod
    def hooked(cls, directory: Path, client: str | Client, **more: Any) -> Scene:
        """With the client set up, and a task."""
        scene = cls.make(directory, client, **more)
        scene.hooks()
        scene.task()
        return scene

    @classmethod
    def make(
        cls,
        directory: Path,
        client: str | Client,
        *,
        isolation: str = "sandbox",
        lease: str = "10m",
        attempts: int = 3,
    ) -> Scene:
        chosen = CLIENTS[client] if isinstance(client, str) else client
        assert not chosen.missing, chosen.missing
        world = World.make(directory, init=False)
        world.write(".andon/workflows/feature.md", WORKFLOW.format(isolation=isolation, lease=lease, attempts=attempts))
        world.write("tests/greeting.sh", TEST)
        scene = cls(world=world, client=chosen, directory=directory)
        (directory / "tmp").mkdir()
        world.environment |= scene.environment()
        chosen.configure(scene.home)
        # Some run commands in a login shell, where the system's profile sets PATH anew.
        (scene.home / ".profile").write_text(f"PATH='{world.environment['PATH']}'\n")
        scene.commit("two steps")
        made = world.andon("init")
        assert made.exit == 0, (made.out, made.err)
        scene.head = world.head()
        return scene

    @property
    def home(self) -> Path:
        return self.directory / "home"

    def environment(self) -> dict[str, str]:
        """All that a session sees: no variable of whoever runs the tests comes through."""
        places = (
            INSTALLED / "bin",
            Path(sys.executable).parent,
            Path("/usr/local/bin"),
            Path("/usr/bin"),
            Path("/bin"),
        )
        return {
            "HOME": str(self.home),
            # One client makes no helpers when its home lies in the directory for temporary files.
            "TMPDIR": str(self.directory / "tmp"),
            "PATH": os.pathsep.join(str(place) for place in places),
            "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
            "GIT_CONFIG_NOSYSTEM": "1",
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            "TERM": "xterm-256color",
            **self.client.environment,
        }

    # ------------------------------------------------------------ what people do

    def commit(self, message: str) -> None:
        self.world.git("add", "-A")
        self.world.git("commit", "-q", "-m", message)

    def hooks(self) -> None:
        """Install the client's hooks as a person does, and commit them."""
        self.world.ok("init", "--client", self.client.name)
        self.commit("hooks")
        self.head = self.world.head()

    def task(self, title: str = "Greet", *more: str) -> str:
        return self.world.add_task(title, "--scope", GREETING, "--accept", f"{GREETING} says hello", *more)

    def claimed(self, name: str = "one", *more: str) -> dict[str, Any]:
        """What `andon next` says of a claim under the name that the following sessions will have."""
        self.world.environment["ANDON_AGENT"] = f"{self.client.name}-{name}"
        return self.world.ok("next", *more)

    def worktree(self) -> Path:
        """The directory of such a claim."""
        return Path(self.claimed()["workdir"])

    def fired(self) -> set[str]:
        """The moments at which this client's hook was seen."""
        proofs = (self.world.path / ".git" / "andon" / "hooks").glob(f"{self.client.name}.*")
        return {proof.name.partition(".")[2] for proof in proofs}

    def held(self, session: Session) -> None:
        """The session ended, the run is where it was: nothing landed, and what Andon says of it is no success."""
        assert session.ended, session.tell()
        assert session.errors == [], session.tell()
        assert self.world.head() == self.head
        assert not self.lead()
        assert self.world.head() == self.head
        assert self.landed() == ""

    def status(self) -> dict[str, Any]:
        return self.world.ok("status")

    def lead(self) -> bool:
        """Carry out what needs no agent: landing. False: there was nothing to do."""
        done = self.world.andon("lead", "--json")
        assert done.exit in (0, 3), (done.out, done.err)
        return done.exit == 0

    def run(self, name: str = "R1") -> dict[str, Any]:
        return self.world.ok("show", name)

    def landed(self, name: str = GREETING) -> str:
        """The file on the target branch; "" when it is not there."""
        return self.world.git("show", f"main:{name}", check=False)

    def events(self, kind: str, run: str = "R1") -> list[dict[str, Any]]:
        """The data of the run's events of one type."""
        return [event["data"] for event in self.world.ok("log", run)["items"] if event["type"] == kind]

    def ends_of_attempts(self, run: str = "R1") -> list[str]:
        """How the attempts ended that did not finish the step: `expired`, `released`, …"""
        return [data["how"] for data in self.events("AttemptEnded", run)]

    # ------------------------------------------------------------ sessions

    def session(
        self, persona: str, prompt: str = PROMPT, *, limit_s: float = 120, cwd: Path | None = None, **options: Any
    ) -> Session:
        """The client by itself, as a person starts it."""
        return self.inside(self.client.command(prompt), persona, limit_s=limit_s, cwd=cwd, **options)

    def work(self, persona: str, *more: str, limit_s: float = 120, unbound: bool = False, **options: Any) -> Session:
        """A worker of Andon's that launches the client. unbound: without the client's own sandbox."""
        command = ["andon", "work", "--agent", self.client.name, "--json", *more]
        allowing = (*self.client.allowing, *(self.client.unbound if unbound else ()))
        command += ["--", *allowing] if allowing else []
        return self.inside(command, persona, limit_s=limit_s, **options)

    def inside(
        self, command: list[str], persona: str, /, *, limit_s: float = 120, cwd: Path | None = None, **options: Any
    ) -> Session:
        """Any command, in a namespace with the endpoint that plays the persona (options: see `personas`)."""
        self.sessions += 1
        record = self.directory / f"session-{self.sessions}.jsonl"
        wrapped = [
            sys.executable, "-m", "tests.clients.namespace", "--persona", persona, "--options", json.dumps(options),
            "--record", str(record), "--limit-s", str(limit_s), "--", *command,
        ]  # fmt: skip
        began = time.monotonic()
        done = subprocess.run(
            wrapped,
            cwd=cwd or self.world.path,
            env=self.world.environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s + 30,
        )
        seconds = time.monotonic() - began
        records = read_records(record) if record.exists() else []
        return Session(exit=done.returncode, out=done.stdout, err=done.stderr, records=records, seconds=seconds)
