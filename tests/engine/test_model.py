"""The coordinator against a dictionary: random commands of workers, a lead and time, over real SQLite and real git.

The model knows nothing of events, stores or workflows; it says who holds what until when, and what has landed. Time is
virtual. `--hypothesis-profile=soak` looks for much longer.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from andon.app.wiring import App
from andon.core.errors import AndonError
from andon.engine.interface import CallContext
from andon.store import rebuild
from tests.e2e.world import World

AGENTS = ("ann", "ben", "cid")
LEASE_S = 600.0
ATTEMPTS = 3
agents = st.sampled_from(AGENTS)


class VirtualClock:
    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        return self.time


class CoordinatorMachine(RuleBasedStateMachine):
    """model: task -> {state, run, agent, until, token, workdir, used, text}. state: open | held | review | ready |
    reviewing | land | landed | blocked | cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="andon-model-"))
        self.clock = VirtualClock()
        self.model: dict[str, dict[str, Any]] = {}
        self.landed: list[str] = []
        self.old: list[tuple[str, str]] = []
        self.texts = 0

    @initialize()
    def begin(self) -> None:
        self.world = World.make(
            self.directory, isolation="process", tests="{diff: {max_files: 5}}", implement_gates="[tests]"
        )
        self.start = self.world.head()
        self.add()
        self.add()

    def teardown(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)

    # ------------------------------------------------------------ calling

    def call(self, agent: str, verb: str, arguments: dict[str, Any] | None = None, cwd: str = "") -> dict[str, Any]:
        person = agent == "pat"
        app = App(CallContext(cwd=cwd or str(self.world.path), agent=agent, person=person))
        services = app.services()
        services.clock = self.clock
        try:
            reply = app.call(verb, arguments or {})
            return {"exit": reply.exit} | reply.body
        except AndonError as error:
            return {"exit": error.exit, "kind": error.kind, "message": error.message}
        finally:
            services.store.close()

    def in_state(self, *states: str) -> list[str]:
        return [name for name, task in self.model.items() if task["state"] in states]

    def let_time_act(self) -> None:
        """What `next` and `lead` do first: leases that are over are over."""
        for task in self.model.values():
            if task["state"] in ("held", "reviewing") and self.clock.time >= task["until"]:
                self.lose(task)

    def lose(self, task: dict[str, Any]) -> None:
        self.old.append((task["agent"], task["workdir"]))
        task["used"] += 1
        task["state"] = {"held": "open", "reviewing": "review"}[task["state"]]
        if task["used"] >= ATTEMPTS:
            task["state"] = "blocked"

    # ------------------------------------------------------------ rules

    @precondition(lambda self: len(self.in_state("open")) < 2)
    @rule()
    def add(self) -> None:
        done = self.call("pat", "task_add", {"title": "something", "key": f"key {len(self.model)}"})
        again = self.call("pat", "task_add", {"title": "something", "key": f"key {len(self.model)}"})
        assert done["exit"] == 0
        assert again["task"] == done["task"] not in self.model
        self.model[done["task"]] = {"state": "open", "used": 0, "by": "", "run": "", "text": ""}

    @precondition(lambda self: self.in_state("open"))
    @rule(agent=agents)
    def implement(self, agent: str) -> None:
        self.claim(agent, "implementer")

    @precondition(lambda self: self.in_state("review", "reviewing"))
    @rule(agent=agents)
    def review(self, agent: str) -> None:
        self.claim(agent, "reviewer")

    def claim(self, agent: str, role: str) -> None:
        self.let_time_act()
        found = self.call(agent, "next", {"role": role})
        before, after = ("open", "held") if role == "implementer" else ("review", "reviewing")
        able = [name for name in self.in_state(before) if after == "held" or self.model[name]["by"] != agent]
        if found["exit"] == 3:
            assert able == []
            return
        assert found["exit"] == 0, found
        assert found["task"] in able, (found["task"], able)
        task = self.model[found["task"]]
        assert task["run"] in ("", found["run"]), "a task has one run at a time"
        task |= {
            "state": after,
            "agent": agent,
            "run": found["run"],
            "token": found["lease"]["token"],
            "until": self.clock.time + LEASE_S,
            "workdir": found["workdir"],
        }

    @precondition(lambda self: self.in_state("held", "reviewing"))
    @rule(data=st.data())
    def pass_on(self, data: st.DataObject) -> None:
        self.advance(data, "passed")

    @precondition(lambda self: self.in_state("reviewing"))
    @rule(data=st.data(), outcome=st.sampled_from(["passed", "rework"]))
    def judge(self, data: st.DataObject, outcome: str) -> None:
        self.advance(data, outcome)

    def advance(self, data: st.DataObject, outcome: str) -> None:
        task = self.model[data.draw(st.sampled_from(self.in_state("held", "reviewing")))]
        late = self.clock.time >= task["until"]
        arguments: dict[str, Any] = {"message": "so"}
        if task["state"] == "held":
            self.texts += 1
            text = f"text {self.texts}\n"
            Path(task["workdir"], f"file-{task['run']}.txt").write_text(text)
        elif outcome == "rework":
            arguments["outcome"] = "rework"
        done = self.call(task["agent"], "advance", arguments, task["workdir"])
        if late:
            assert done["exit"] == 4, done
            return
        assert done["exit"] == 0, done
        self.old.append((task["agent"], task["workdir"]))
        if task["state"] == "held":
            task |= {"state": "review", "by": task["agent"], "text": text, "used": 0}
        elif outcome == "rework":
            task |= {"state": "open", "used": 0, "reworks": task.get("reworks", 0) + 1}
            if task["reworks"] >= 4:
                task["state"] = "blocked"
        else:
            task |= {"state": "land"}

    @precondition(lambda self: self.in_state("held", "reviewing"))
    @rule(data=st.data(), verb=st.sampled_from(["heartbeat", "release", "submit"]))
    def keep_or_give_up(self, data: st.DataObject, verb: str) -> None:
        task = self.model[data.draw(st.sampled_from(self.in_state("held", "reviewing")))]
        if verb == "submit" and task["state"] == "reviewing":
            verb = "heartbeat"
        done = self.call(task["agent"], verb, {}, task["workdir"])
        if self.clock.time >= task["until"]:
            assert done["exit"] == 4, done
            return
        assert done["exit"] == 0, done
        if verb == "release":
            self.lose(task)
        elif self.clock.time + LEASE_S - task["until"] >= 30.0:
            task["until"] = self.clock.time + LEASE_S

    @precondition(lambda self: self.old)
    @rule(data=st.data(), verb=st.sampled_from(["advance", "submit", "release", "handoff"]))
    def a_ghost_writes(self, data: st.DataObject, verb: str) -> None:
        agent, workdir = data.draw(st.sampled_from(self.old))
        if not Path(workdir).is_dir():
            return
        done = self.call(agent, verb, {"message": "boo"}, workdir)
        assert done["exit"] == 4, done

    @rule(minutes=st.sampled_from([1, 5, 11]))
    def time_passes(self, minutes: int) -> None:
        self.clock.time += minutes * 60

    @precondition(lambda self: self.in_state("land") or len(self.model) > 3)
    @rule()
    def lead(self) -> None:
        self.let_time_act()
        ready = self.in_state("land")
        done = self.call("pat", "lead")
        assert done["exit"] == (0 if ready else 3), done
        assert sorted(item["task"] for item in done.get("landed", [])) == sorted(ready)
        for name in ready:
            self.model[name]["state"] = "landed"
            self.landed.append(name)

    @precondition(lambda self: self.in_state("open") and len(self.model) > 4)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.in_state("open")))
        done = self.call("pat", "task_cancel", {"task": name})
        if self.model[name]["run"]:
            assert (done["exit"], done["kind"]) == (1, "task_running")
        else:
            assert done["exit"] == 0
            self.model[name]["state"] = "cancelled"

    # ------------------------------------------------------------ what always holds

    @invariant()
    def tasks_are_where_the_model_says(self) -> None:
        if not hasattr(self, "world"):
            return
        words = {"open": "ready", "landed": "landed", "cancelled": "cancelled"}
        listed = {item["task"]: item["status"] for item in self.call("pat", "task_list")["items"]}
        assert listed == {
            name: "running" if task["run"] and task["state"] not in ("landed", "cancelled") else words[task["state"]]
            for name, task in self.model.items()
        }

    @invariant()
    def what_landed_is_on_the_branch_once(self) -> None:
        if not hasattr(self, "world"):
            return
        log = self.world.git(
            "log", "--reverse", "--format=%(trailers:key=Andon-Task,valueonly,separator=)", f"{self.start}..main"
        )
        assert sorted(filter(None, log.splitlines())) == sorted(self.landed)
        for name in self.landed:
            task = self.model[name]
            assert self.world.git("show", f"main:file-{task['run']}.txt") + "\n" == task["text"]

    @invariant()
    def the_log_is_the_state(self) -> None:
        if not hasattr(self, "world"):
            return
        app = App(CallContext(cwd=str(self.world.path), agent="pat", person=True))
        services = app.services()
        try:
            assert rebuild.check(services.store) == []
            with services.store.read() as reader:
                tokens = [(row["run"], row["token"]) for row in reader.steps(state="leased")]
            assert len(tokens) == len(set(tokens))
        finally:
            services.store.close()


TestTheCoordinator = CoordinatorMachine.TestCase
if settings.default is not None and settings.default.max_examples <= 100:
    # In CI: the same few histories each time. The profile `soak` looks for others.
    TestTheCoordinator.settings = settings(max_examples=10, stateful_step_count=40, deadline=None, derandomize=True)
