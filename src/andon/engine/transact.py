"""One command, one transaction: load, decide, evolve, append; and the reactions that belong to it.

Rules: everything inside `Unit` happens in one write transaction of the store; a `Rejected` leaves nothing behind unless
the core said so with events; commands for the run's task that an event asks for are in the same transaction (law 10).
Effects outside are returned to the caller, who does them after the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core.decide_run import decide_run
from andon.core.errors import EXIT_LOST, EXIT_USAGE, AndonError, InvariantViolation, Rejected
from andon.core.evolve import evolve
from andon.core.learning import Learning
from andon.core.react import CancelChildren, Effect, RunCommand, TaskCommand, react
from andon.core.registry import Repository
from andon.core.routing import Evaluate
from andon.core.workflow import Workflow
from andon.engine.bell import NoBell
from andon.ports import Conflict, Reader, Store, Writer
from andon.ports_queue import MESSAGES, WORK, Bell

MAX_CONFLICT_RETRIES = 5
QUIET = (e.LeaseRenewed, e.TokensCounted)
"""Events after which nobody who waits finds more than before."""

T = TypeVar("T")


class Definitions:
    """Pinned workflows by digest; each is decoded once in a process."""

    def __init__(self) -> None:
        self._known: dict[str, Workflow] = {}

    def get(self, reader: Reader, digest: str) -> Workflow:
        """The workflow with this digest. Raises AndonError kind "corrupt" when it is missing or was changed."""
        if digest in self._known:
            return self._known[digest]
        content = reader.definition(digest)
        if content is None:
            raise AndonError(f"definition {digest} is not in the store", kind="corrupt", next="andon doctor", exit=6)
        try:
            workflow = msgspec.json.decode(content, type=Workflow)
        except msgspec.MsgspecError as error:
            message = f"definition {digest} can't be read: {error}"
            raise AndonError(message, kind="corrupt", next="andon doctor", exit=6) from error
        if workflow.digest() != digest:
            raise AndonError(f"definition {digest} was altered", kind="corrupt", next="andon doctor", exit=6)
        self._known[digest] = workflow
        return workflow

    def put(self, writer: Writer, workflow: Workflow) -> str:
        """Pin a workflow; the digest is its identity (law 8)."""
        digest = workflow.digest()
        writer.put_definition(digest, workflow.canonical())
        self._known[digest] = workflow
        return digest


class Unit:
    """Work inside one write transaction."""

    def __init__(self, writer: Writer, definitions: Definitions, evaluate: Evaluate) -> None:
        self.writer = writer
        self.definitions = definitions
        self.evaluate = evaluate
        self.effects: list[Effect] = []
        self.rings: set[str] = set()
        """whom the events wake up, after the commit"""

    # ------------------------------------------------------------ reading

    def run(self, run_id: str) -> s.Run:
        return load_run(self.writer, run_id)

    def workflow(self, run: s.Run) -> Workflow:
        return self.definitions.get(self.writer, run.workflow)

    # ------------------------------------------------------------ commands

    def on_run(self, run_id: str, command: c.Command, *, cause: str | None = None) -> s.Run | Rejected:
        """Carry out a command on a run. A refusal is returned, not raised."""
        loaded = self.writer.load(run_id)
        if loaded is None and not isinstance(command, c.StartRun):
            raise unknown("run", run_id)
        state = loaded.state if loaded else None
        if state is not None and not isinstance(state, s.Run):
            raise unknown("run", run_id)
        digest = command.workflow if isinstance(command, c.StartRun) else state.workflow if state else ""
        workflow = self.definitions.get(self.writer, digest)
        decision = decide_run(workflow, state, command, self.evaluate)
        if isinstance(decision, Rejected):
            return decision
        after = self._append(run_id, state, loaded.seq if loaded else 0, decision, cause)
        if not isinstance(after, s.Run):
            raise InvariantViolation(f"stream {run_id} is not a run")
        return after

    def on_task(self, task_id: str, command: c.Command, *, cause: str | None = None) -> s.Task | Rejected:
        loaded = self.writer.load(task_id)
        if loaded is None and not isinstance(command, c.AddTask):
            raise unknown("task", task_id)
        state = loaded.state if loaded else None
        if state is not None and not isinstance(state, s.Task):
            raise unknown("task", task_id)
        from andon.core.decide import decide_task

        decision = decide_task(state, command)
        if isinstance(decision, Rejected):
            return decision
        after = self._append(task_id, state, loaded.seq if loaded else 0, decision, cause)
        if not isinstance(after, s.Task):
            raise InvariantViolation(f"stream {task_id} is not a task")
        return after

    def on_message(self, message_id: str, command: c.Command, *, cause: str | None = None) -> s.Message | Rejected:
        loaded = self.writer.load(message_id)
        if loaded is None and not isinstance(command, c.SendMessage):
            raise unknown("message", message_id)
        state = loaded.state if loaded else None
        if state is not None and not isinstance(state, s.Message):
            raise unknown("message", message_id)
        from andon.core.rules_message import decide_message

        decision = decide_message(state, command)
        if isinstance(decision, Rejected):
            return decision
        after = self._append(message_id, state, loaded.seq if loaded else 0, decision, cause)
        if not isinstance(after, s.Message):
            raise InvariantViolation(f"stream {message_id} is not a message")
        return after

    def on_learning(self, name: str, command: c.Command, *, cause: str | None = None) -> Learning | Rejected:
        from andon.core.rules_learning import decide_learning

        loaded = self.writer.load(name)
        if loaded is None and not isinstance(command, c.RecordLearning):
            raise unknown("learning", name)
        state = loaded.state if loaded else None
        if state is not None and not isinstance(state, Learning):
            raise unknown("learning", name)
        decision = decide_learning(state, command)
        if isinstance(decision, Rejected):
            return decision
        after = self._append(name, state, loaded.seq if loaded else 0, decision, cause)
        if not isinstance(after, Learning):
            raise InvariantViolation(f"stream {name} is not a learning")
        return after

    def on_repository(self, name: str, command: c.Command) -> Repository | Rejected:
        """Of a workspace's registry."""
        from andon.core.registry import decide_repository, stream_of

        loaded = self.writer.load(stream_of(name))
        if loaded is None and not isinstance(command, c.AddRepository):
            raise unknown("repository", name)
        state = loaded.state if loaded else None
        if state is not None and not isinstance(state, Repository):
            raise unknown("repository", name)
        decision = decide_repository(state, command)
        if isinstance(decision, Rejected):
            return decision
        after = self._append(stream_of(name), state, loaded.seq if loaded else 0, decision, None)
        if not isinstance(after, Repository):
            raise InvariantViolation(f"stream {stream_of(name)} is not a repository")
        return after

    def _append(
        self, stream: str, state: s.State | None, seq: int, events: list[e.Event], cause: str | None
    ) -> s.State | None:
        reactions: list[Effect] = []
        for event in events:
            state = evolve(state, event)
            reactions.extend(react(state, event))
        if events and state is not None:
            self.writer.append(stream, seq, events, state, cause=cause)
            if not all(isinstance(event, QUIET) for event in events):
                self.rings.add(MESSAGES if isinstance(state, s.Message) else WORK)
        for effect in reactions:
            if isinstance(effect, TaskCommand):
                self._react_on_task(effect)
            elif isinstance(effect, RunCommand):
                self._tell_parent(effect)
            elif isinstance(effect, CancelChildren):
                self._cancel_children(effect)
            else:
                self.effects.append(effect)
        if any(isinstance(effect, CancelChildren) for effect in reactions):
            # What became of the children was told to this very stream meanwhile.
            loaded = self.writer.load(stream)
            return loaded.state if loaded is not None else state
        return state

    def _react_on_task(self, effect: TaskCommand) -> None:
        refusal = self.on_task(effect.task, effect.command)
        if isinstance(refusal, Rejected):
            # The whole transaction is undone: a run without its task, or the reverse, must not exist.
            raise AndonError.of(refusal)

    def _tell_parent(self, effect: RunCommand) -> None:
        """A parent that has ended needs no word; one that can't be read holds its children up, and nothing is lost."""
        refusal = self.on_run(effect.run, effect.command)
        if isinstance(refusal, Rejected) and refusal.kind != "run_ended":
            raise AndonError.of(refusal)

    def _cancel_children(self, effect: CancelChildren) -> None:
        for task in effect.tasks:
            self.cancel_tree(task, effect.reason, actor=effect.actor, at=effect.at, must=effect.must)

    def cancel_tree(self, name: str, reason: str, *, actor: str, at: float, must: bool = True) -> None:
        """Cancel a task, its run and all below them. must False: one that is landing at this moment is left alone."""
        try:
            task = load_task(self.writer, name)
            if task.status in s.CLOSED:
                return
            if task.status == s.RUNNING:
                ended = self.on_run(task.run, c.CancelRun(at=at, actor=actor, reason=reason))
                if isinstance(ended, Rejected):
                    if must or ended.kind != "landing":
                        raise AndonError.of(ended)
                    return
        except AndonError as error:
            if error.kind != "corrupt":
                raise
            # What can't be read can't go on either; its record says so when it is mended (law 12).
            return
        done = self.on_task(name, c.CancelTask(at=at, actor=actor, reason=reason))
        if isinstance(done, Rejected):
            raise AndonError.of(done)


class Engine:
    """Opens units of work on a store."""

    def __init__(self, store: Store, evaluate: Evaluate, bell: Bell | None = None) -> None:
        self.store = store
        self.evaluate = evaluate
        self.bell: Bell = bell or NoBell()
        self.definitions = Definitions()

    @contextmanager
    def unit(self) -> Iterator[Unit]:
        """One write transaction; an exception undoes all of it."""
        with self.store.write() as writer:
            yield Unit(writer, self.definitions, self.evaluate)

    def transact(self, work: Callable[[Unit], T]) -> tuple[T, list[Effect]]:
        """Do work in one write transaction, anew from the start where another writer was first: (result, effects)."""
        for _ in range(MAX_CONFLICT_RETRIES):
            try:
                with self.unit() as unit:
                    done = work(unit)
                if unit.rings:
                    self.bell.ring(unit.rings)
                return done, unit.effects
            except Conflict:
                continue
        raise AndonError("others write all the time", kind="conflict", next="try again", exit=EXIT_LOST)

    def on_run(self, run_id: str, command: c.Command, *, cause: str | None = None) -> tuple[s.Run, list[Effect]]:
        """One command on a run in a transaction of its own. Raises AndonError when a rule refuses."""
        after, effects = self.transact(lambda unit: unit.on_run(run_id, command, cause=cause))
        if isinstance(after, Rejected):
            raise AndonError.of(after)
        return after, effects


MAX_KEY_CHARS = 200


def key_cause(kind: str, key: str | None) -> str | None:
    """The cause that a caller's key stands for: the same key has its effect once, however often it is sent."""
    if not key:
        return None
    if len(key) > MAX_KEY_CHARS:
        text = f"a key has at most {MAX_KEY_CHARS} characters"
        raise AndonError(text, kind="usage", next="use a shorter one", exit=EXIT_USAGE)
    return f"key:{kind}:{key}"


def load_run(reader: Reader, run_id: str) -> s.Run:
    """The run's state. Raises AndonError kind "unknown_run"."""
    loaded = reader.load(run_id)
    if loaded is None or not isinstance(loaded.state, s.Run):
        raise unknown("run", run_id)
    return loaded.state


def load_task(reader: Reader, task_id: str) -> s.Task:
    loaded = reader.load(task_id)
    if loaded is None or not isinstance(loaded.state, s.Task):
        raise unknown("task", task_id)
    return loaded.state


def unknown(kind: str, name: str) -> AndonError:
    """A clear refusal of an id that nobody gave out."""
    lists = {
        "run": "andon run list",
        "task": "andon task list",
        "message": "andon inbox",
        "learning": "andon learn list",
        "repository": "andon repo list",
    }
    return AndonError(f"there is no {kind} {name}", kind=f"unknown_{kind}", next=lists[kind], exit=EXIT_USAGE)
