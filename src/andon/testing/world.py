"""A simulated world: one repository, one store, many callers, and what survives when one of them is killed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from msgspec import Struct

from andon.core import events as e
from andon.core import state as s
from andon.core import verdict as v
from andon.core import workflow as w
from andon.engine.places import Claim
from andon.engine.runs import workflow_path
from andon.engine.services import Caller
from andon.store.memory import MemoryStore, MemoryWriter
from andon.testing.content import ENVIRONMENT_PATH, WORKFLOW_PATH
from andon.testing.git import MemoryGit, MemoryRepository
from andon.testing.laws import Laws
from andon.testing.parameters import Parameters
from andon.testing.process import KILLED, Process, Result
from andon.testing.randomness import Streams
from andon.testing.schedule import Scheduler
from andon.testing.workflows import children_of, make

UNAVAILABLE = 6
WAKE_UP_S = 20.0


class Rates(Struct, frozen=True, kw_only=True):
    """The chances of faults, in the form in which a point compares them with one random number."""

    faulty: bool = False
    kill: float = 0.0
    switch_below: float = 0.0
    error_below: float = 0.0
    zombie: float = 0.0
    unmeasured: float = 0.0
    drop: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.0
    lose_reply: float = 0.0
    skew_s: float = 0.0
    race: float = 0.0
    flaky: float = 0.0

    @classmethod
    def of(cls, given: Parameters) -> Rates:
        return cls(
            faulty=True,
            kill=given.kill,
            switch_below=given.kill + given.switch,
            error_below=given.kill + given.switch + given.error,
            zombie=given.zombie,
            unmeasured=given.unmeasured,
            drop=given.drop,
            duplicate=given.duplicate,
            delay=given.delay,
            lose_reply=given.lose_reply,
            skew_s=given.skew_s,
            race=given.race,
            flaky=given.flaky,
        )


class Call(Struct, frozen=True, kw_only=True):
    """What an actor asks for. agent: under which name; a person has other names too."""

    verb: str
    arguments: dict[str, Any] = {}
    agent: str = "agent"
    cwd: str = "/"
    person: bool = False


class Sleep(Struct, frozen=True):
    """watchful: wakes up early when the log grows."""

    seconds: float
    watchful: bool = False


Actor = Generator[Call | Sleep, Result | None, None]
"""An agent or a person: yields what it does next and gets the result of its calls."""


class _ObservedWriter(MemoryWriter):
    """Keeps what was appended, for the laws."""

    appended: list[tuple[str, int, Sequence[e.Event], s.State]]

    def append(
        self, stream: str, expected_seq: int, events: Sequence[e.Event], state: s.State, *, cause: str | None = None
    ) -> None:
        super().append(stream, expected_seq, events, state, cause=cause)
        self.appended.append((stream, expected_seq, events, state))


class World:
    """Everything that one seed brings about."""

    def __init__(self, seed: int, parameters: Parameters | None = None, *, verbose: bool = False) -> None:
        self.streams = Streams(seed)
        self.parameters = parameters or Parameters.swarm(self.streams.setup)
        self.rates = Rates.of(self.parameters)
        self.scheduler = Scheduler(self.streams.schedule)
        shape, lease_s, own = self.parameters.workflow, self.parameters.lease_s, self.parameters.own_commits
        self.workflow: w.Workflow = make(shape, lease_s, self.parameters.session * lease_s, own)
        files = {
            WORKFLOW_PATH: self.workflow.canonical().decode(),
            ENVIRONMENT_PATH: "one",
            "library": "defines:first",
            "shared": "shared",
        }
        for name, workflow in children_of(shape, lease_s, own).items():
            files[workflow_path(name)] = workflow.canonical().decode()
        self.repository = MemoryRepository(files, at=self.scheduler.now)
        self.git = MemoryGit(self.repository)
        self.appended: list[tuple[str, int, Sequence[e.Event], s.State]] = []
        self.store = MemoryStore(make_writer=self._make_writer)
        self.moved: dict[str, tuple[str, str]] = {}
        """integration references that a cheater moved -> (where to, where from)"""
        self.leases: dict[str, Claim] = {}
        self.lead: Process | None = None
        self.claiming: dict[Process, bool] = {}
        """who makes a claim at this moment, and whether it wants to be alone"""
        self.evidence: dict[str, str] = {}
        """landed commit -> digest of its verdicts, as on the evidence reference"""
        self.covered: set[str] = set()
        """commits without evidence of their own that a landing's names"""
        self.guarded: tuple[str, ...] = ()
        self.running: dict[int, Process] = {}
        self.calls = 0
        self.counts: dict[str, int] = {}
        self.corrupted: set[str] = set()
        self.laws = Laws(self)
        self.lines: list[str] | None = [] if verbose else None
        self._hash = sha256()
        self._processes = 0
        self._watchful: list[Callable[[], None]] = []
        self._generation = 0
        """actors of an earlier generation do nothing any more"""
        with self.store.write() as writer:
            writer.put_setting("target", "main")
            writer.put_setting("workflow", "feature")
            writer.put_setting("config:queue.mode", self.parameters.mode)
            writer.put_setting("config:queue.window", str(self.parameters.window))
            writer.put_setting("config:queue.parallel", "2")

    def _make_writer(self, tables: Any) -> MemoryWriter:
        writer = _ObservedWriter(tables)
        self.appended = writer.appended = []
        return writer

    # ------------------------------------------------------------ chances

    def strikes(self, kind: str) -> bool:
        """Whether a rare fault of the store happens now."""
        rate = self.rates.error_below - self.rates.switch_below
        return rate > 0 and self.streams.faults.random() < rate

    def race(self, process: Process) -> None:
        """Perhaps somebody pushes in the very moment of a landing, or its lead stands still."""
        if not self.rates.race or self.streams.faults.random() >= self.rates.race:
            return
        self.count("races")
        if self.streams.faults.random() < 0.5:
            self.push({f"outside-race{self.counts['races']}": "news"}, "a race")
        else:
            process.pause()

    def pause(self) -> tuple[float, bool]:
        """(how long a process stands still, whether it can't even renew its lease meanwhile)."""
        random = self.streams.schedule
        self.count("switches")
        if random.random() < self.rates.zombie:
            self.count("zombies")
            return self.parameters.lease_s * (0.5 + 2 * random.random()), True
        return random.random() * 30, False

    def gate_takes_s(self) -> float:
        random = self.streams.schedule
        return random.random() * (2 * self.parameters.lease_s if random.random() < 0.1 else 60)

    def measured(self, truth: str) -> str:
        if self.rates.unmeasured and self.streams.faults.random() < self.rates.unmeasured:
            self.count("unmeasured")
            return v.UNMEASURED
        if truth == v.PASSED and self.rates.flaky and self.streams.faults.random() < self.rates.flaky:
            self.count("flakes")
            return v.FAILED
        return truth

    def skew_s(self) -> float:
        limit = self.rates.skew_s
        return (2 * self.streams.faults.random() - 1) * limit if limit else 0.0

    def count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1

    # ------------------------------------------------------------ calls

    def next_process_number(self) -> int:
        self._processes += 1
        return self._processes

    def call(self, call: Call, done: Callable[[Result], None]) -> None:
        """Send a call through the network to a process of its own; `done` gets what the caller sees."""
        self.calls += 1
        random, rates = self.streams.network, self.rates
        caller = Caller(
            agent=call.agent,
            cwd=call.cwd,
            person=call.person,
            aliases=(f"{call.agent}@people",) if call.person else (),
        )

        def start(reply: Callable[[Result], None]) -> None:
            Process(self, caller=caller, verb=call.verb, arguments=call.arguments, done=reply).start()

        def nothing(_result: Result) -> None:
            return

        lost = Result(exit=UNAVAILABLE, body={}, kind="unavailable", message="no answer")
        if not rates.faulty:
            start(done)
            return
        if rates.drop and random.random() < rates.drop:
            self.count("drops")
            self.scheduler.after(30, lambda: done(lost))
            return
        if rates.duplicate and random.random() < rates.duplicate:
            self.count("duplicates")
            self.scheduler.after(random.random() * self.parameters.lease_s, lambda: start(nothing))
        if rates.lose_reply and random.random() < rates.lose_reply:
            self.count("lost replies")
            self.scheduler.after(30, lambda: done(lost))
            done = nothing
        if rates.delay and random.random() < rates.delay:
            self.count("delays")
            self.scheduler.after(random.random() * self.parameters.lease_s, lambda: start(done))
            return
        start(done)

    def aside(self, process: Process, act: Callable[[], None]) -> None:
        """A thread of a process: runs as a task of its own."""

        def body() -> None:
            with _quiet():
                act()

        self.scheduler.start(body)

    def finished(self, process: Process, result: Result) -> None:
        """A call is over; it becomes part of the trace."""
        line = f"{self.scheduler.now:.3f} {process.caller.agent} {process.verb} {result.exit} {result.kind}"
        self._hash.update(line.encode())
        if self.lines is not None:
            self.lines.append(f"{line} {result.message or ''}".rstrip())
        self.laws.replied(process, result)

    def committed(self, process: Process | None) -> None:
        """A transaction is durable."""
        appended, self.appended = self.appended, []
        if appended:
            watchful, self._watchful = self._watchful, []
            for wake_up in watchful:
                self.scheduler.after(WAKE_UP_S, wake_up)
            if self.lines is not None:
                for stream, seq, events, _state in appended:
                    self.lines += [f"    {stream}.{seq + n + 1} {event}" for n, event in enumerate(events)]
            self.laws.appended(appended, process)

    def trace_hash(self) -> str:
        """The digest of all that happened: every call's end, and the log."""
        digest = self._hash.copy()
        for line in self.store.log_texts():
            digest.update(line)
        return digest.hexdigest()

    # ------------------------------------------------------------ actors

    def drive(self, actor: Actor, *, first_after_s: float = 0.0) -> None:
        """Let an actor live until its generator ends."""

        generation = self._generation

        def go_on(result: Result | None) -> None:
            if generation != self._generation:
                return
            try:
                wish = actor.send(result)
            except StopIteration:
                return
            if isinstance(wish, Sleep):
                self._sleep(wish, lambda: go_on(None))
            else:
                self.call(wish, lambda result: self.scheduler.after(0.0, lambda: go_on(result)))

        self.scheduler.after(first_after_s, lambda: go_on(None))

    def _sleep(self, wish: Sleep, go_on: Callable[[], None]) -> None:
        if not wish.watchful:
            self.scheduler.after(wish.seconds, go_on)
            return
        asleep = [True]

        def wake_up() -> None:
            if asleep[0]:
                asleep[0] = False
                go_on()

        self._watchful.append(wake_up)
        self.scheduler.after(wish.seconds, wake_up)

    @property
    def log_length(self) -> int:
        return self.store.log_length()

    def has_work(self, whose: str) -> bool:
        """Whether an agent, the lead ("system") or a person might find something to do."""
        with self.store.read() as reader:
            if whose == "agent":
                return bool(reader.ready_steps(kinds=("agent",), limit=1) or reader.ready_tasks(limit=1))
            kinds = (
                ("land", "command", "join", "wait", "fanout", "workflow") if whose == "system" else ("human", "land")
            )
            states = (s.BLOCKED,) if whose == "system" else (s.BLOCKED, s.WAITING)
            return any(row["kind"] in kinds or row["state"] in states for row in reader.steps())

    def busy(self) -> bool:
        """Whether a call is under way."""
        return bool(self.running)

    def put_back(self, *references: str) -> None:
        """What a person does about moved references; none named: about all of them."""
        for ref in references or tuple(self.moved):
            evil, good = self.moved.pop(ref, ("", ""))
            if evil and self.repository.references.get(ref) == evil:
                self.repository.references[ref] = good

    def calm(self) -> None:
        """The present actors are gone; suspended processes wake up now and finish what they were at."""
        waiting = self.scheduler.drain()
        for act in waiting:
            self.scheduler.after(0.0, act)
        self._generation += 1

    def push(self, files: dict[str, str], message: str) -> None:
        """Somebody pushes to the target branch past Andon."""
        head = self.git.branch_head("main") or ""
        tree = self.repository.put_tree({**self.repository.files(head), **files})
        commit = self.repository.put_commit(tree, (head,), message, self.git.identity(), self.scheduler.now)
        self.repository.references["refs/heads/main"] = commit
        self.laws.pushed(commit)

    def amend(self) -> None:
        """An outsider words the last commit anew, where it is an outsider's own: the branch is rewritten, its content stays."""
        head = self.git.branch_head("main") or ""
        commit = self.repository.commits[head]
        if not commit.message.startswith("outside") or len(commit.parents) != 1:
            return
        changed = self.git.changes(self.git.tree_of(commit.parents[0]), commit.tree)
        if all(change.path != WORKFLOW_PATH for change in changed):
            self.count("rewrites")
            text = f"{commit.message}, in other words"
            new = self.repository.put_commit(commit.tree, commit.parents, text, commit.author, self.scheduler.now)
            self.repository.references["refs/heads/main"] = new
            self.laws.rewritten.add(head)

    def rows(self, status: Sequence[str] = ()) -> list[dict[str, Any]]:
        with self.store.read() as reader:
            return list(reader.tasks(status=status))

    def runs(self) -> list[s.Run]:
        """The readable runs, in order."""
        with self.store.read() as reader:
            names = [str(row["id"]) for row in reader.runs()]
            loaded = [reader.load(name) for name in names if name not in self.corrupted]
        return [item.state for item in loaded if item is not None and isinstance(item.state, s.Run)]


@contextmanager
def _quiet() -> Any:
    """A thread of a killed process, or one whose lease is lost, just ends."""
    from andon.core.errors import AndonError
    from andon.testing.schedule import Killed

    try:
        yield
    except (AndonError, Killed):
        return


__all__ = ["KILLED", "Actor", "Call", "Rates", "Sleep", "World"]
