"""What the engine's parts share: the adapters, the clock, the caller.

Made by the composition root (`andon.app`); everything expensive is made on first use, since most commands need little.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from andon.core import state as s
from andon.core.errors import EXIT_USAGE, AndonError
from andon.core.machines import PERSON
from andon.core.react import CarryOut, Effect, EndProcess, UpdateGuard
from andon.core.swarm import is_integration
from andon.core.workflow import Workflow
from andon.engine.places import Places
from andon.engine.together import in_threads
from andon.engine.transact import Engine
from andon.ports import Clock, Evidence, Git, Person, Progress, Store, Verifier
from andon.ports_swarm import Beside

if TYPE_CHECKING:
    from andon.engine.space import Space
    from andon.engine.watching import Watch


MAX_NAME_CHARS = 200


class Caller(Struct, frozen=True, kw_only=True):
    """Who calls. agent: the name for leases. person: whether a person is at work rather than an agent.

    aliases: other names of the person (login, e-mail). cwd: where from. run: ANDON_RUN. client, model: what the agent is
    made of, as far as it is known.
    """

    agent: str
    cwd: str
    person: bool = False
    aliases: tuple[str, ...] = ()
    run: str | None = None
    client: str = ""
    model: str = ""

    def __post_init__(self) -> None:
        if not self.agent.isprintable() or not 0 < len(self.agent) <= MAX_NAME_CHARS:
            # Names stand in commits' messages, in lists and in files of one line.
            text = f"a name has 1 to {MAX_NAME_CHARS} printable characters, and no line ends: {self.agent[:60]!r}"
            raise AndonError(text, kind="bad_input", next="--agent NAME, or ANDON_AGENT=NAME", exit=EXIT_USAGE)

    @property
    def machine(self) -> tuple[str, str]:
        """(client, model) for claims; "" is what is not known."""
        return (PERSON, PERSON) if self.person else (self.client, self.model)


T = TypeVar("T")
AtOnce = Callable[["Services", Sequence[Callable[["Services"], Any]], int], list[Any]]
"""How several pieces of work are done at a time: see `together`."""


class Services:
    """The engine's surroundings for one process. process: "host:number", its name among those that carry out steps."""

    def __init__(
        self,
        *,
        store: Store,
        engine: Engine,
        git: Git,
        clock: Clock,
        caller: Caller,
        make_verifier: Callable[[Progress | None, Store], Verifier],
        load_workflow: Callable[[str, str], Workflow],
        write_guarded: Callable[[Sequence[str]], None],
        open_store: Callable[[], Store],
        places: Places,
        process: str,
        meanwhile: Callable[[float, Callable[[], None]], AbstractContextManager[object]],
        make_evidence: Callable[[], Evidence],
        state_dir: str,
        worktrees_dir: str,
        at_once: AtOnce = in_threads,
        make_beside: Callable[[], Beside] | None = None,
        names_person: Callable[[str], bool] = lambda name: False,
        make_space: Callable[[], Space | None] | None = None,
    ) -> None:
        """names_person: whether a mailbox's name is that of a person of this machine."""
        self.store = store
        self.engine = engine
        self.git = git
        self.clock = clock
        self.caller = caller
        self.places = places
        self.process = process
        self.meanwhile = meanwhile
        self.state_dir = state_dir
        self.worktrees_dir = worktrees_dir
        self._write_guarded = write_guarded
        self._open_store = open_store
        self.load_workflow = load_workflow
        self.progress: Progress | None = None
        self._at_once = at_once
        self._make_verifier = make_verifier
        self._verifier: Verifier | None = None
        self._make_evidence = make_evidence
        self._evidence: Evidence | None = None
        self.to_carry_out: list[CarryOut] = []
        self._make_beside = make_beside
        self.names_person = names_person
        self.watch: Watch | None = None
        """of `lead --watch`, from round to round"""
        self._beside: Beside | None = None
        self._make_space = make_space
        self._space: Space | None = None
        self.space_trouble = ""
        """why the workspace is left out, once that was said"""
        self.remarks: list[str] = []
        """lines for standard error that belong to no reply"""

    def fork(self) -> Services:
        """The same services over a store connection of its own, for another thread."""
        store = self._open_store()
        other = Services.__new__(Services)
        other.__dict__.update(self.__dict__)
        other.store = store
        other.engine = Engine(store, self.engine.evaluate, self.engine.bell)
        # A verifier remembers verdicts through its own connection.
        other._verifier = None
        other._space = None
        return other

    @property
    def space(self) -> Space | None:
        """The workspace that the repository says it belongs to, whether it can be reached or not; None: it is in none."""
        if self._space is None and self._make_space is not None:
            self._space = self._make_space()
            if self._space is None:
                self._make_space = None
        return self._space

    @property
    def beside(self) -> Beside | None:
        """Starts processes that work on children; None where there is no machine for them."""
        if self._beside is None and self._make_beside is not None:
            self._beside = self._make_beside()
        return self._beside

    def together(self, jobs: Sequence[Callable[[Services], T]], parallel: int) -> list[T | Exception]:
        """Do several pieces of work at a time, each with services of its own; what one raises is its result."""
        return self._at_once(self, jobs, parallel)

    def worktree_path(self, run: str, step: str, token: int) -> str:
        """Where the worktree of an attempt stands; the token makes it an attempt's own."""
        return f"{self.worktrees_dir}/{run}-{step}-{token}"

    def after(self, effects: Sequence[Effect]) -> None:
        """Do what events asked for outside the store. Steps to carry out are ready in the store; they are found there."""
        if any(isinstance(effect, UpdateGuard) for effect in effects):
            self.update_guard()
        for effect in effects:
            if isinstance(effect, EndProcess) and self.beside is not None:
                self.beside.end(effect.task)
            if isinstance(effect, CarryOut):
                self.to_carry_out.append(effect)

    def update_guard(self) -> None:
        """Tell the git hook which branches belong to open runs."""
        with self.store.read() as reader:
            rows = reader.runs(status=(s.RUN_OPEN, s.RUN_BLOCKED))
        self._write_guarded(sorted({str(row["target"]) for row in rows if not is_integration(str(row["target"]))}))

    @property
    def verifier(self) -> Verifier:
        if self._verifier is None:
            self._verifier = self._make_verifier(self.progress, self.store)
        return self._verifier

    @property
    def evidence(self) -> Evidence:
        if self._evidence is None:
            self._evidence = self._make_evidence()
        return self._evidence

    def say(self, line: str) -> None:
        """Progress on long work."""
        if self.progress is not None:
            self.progress(line)

    @property
    def target(self) -> str:
        """The target branch of this repository."""
        with self.store.read() as reader:
            branch = reader.setting("target")
        if not branch:
            raise AndonError("no target branch is set", kind="not_initialised", next="andon init", exit=64)
        return branch

    def author(self) -> Person:
        """The identity that a worker's commits carry: the agent's name, at a reserved domain."""
        name = self.caller.agent
        if self.caller.person:
            return self.git.identity()
        local = "".join(char if char.isalnum() or char in "._-" else "-" for char in name).strip(".-") or "agent"
        return Person(name=name.replace("<", "").replace(">", "").replace("\n", " "), email=f"{local}@agents.invalid")

    def author_of(self, commit: str) -> Person:
        """Who wrote a submission; its commit carries the name."""
        return self.git.author_of(commit)
