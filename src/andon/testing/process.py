"""One call of the command line as a process of a simulated machine: production coordinator, faulty surroundings.

Every touch of the world (store, git, verifier, lease files, lock) is a *point*. At a point a process may be suspended
(another goes first, perhaps for longer than its lease: a zombie), killed (before a transaction is committed, between
the commit and its effects, or between two effects), or told that the disk is full. Inside a write transaction nobody
else runs, as in the real store. A killed process touches nothing any more, whatever its clean-up code tries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, cast

import greenlet
from msgspec import Struct

from andon.app.conditions import evaluate
from andon.core.digests import sha256
from andon.core.errors import AndonError, InvariantViolation
from andon.core.verdict import Artifact
from andon.engine.coordinator import LocalCoordinator
from andon.engine.places import Claim
from andon.engine.services import Caller, Services
from andon.engine.together import one_by_one
from andon.engine.transact import Engine
from andon.ports import Conflict, Git, Reader, Verifier, Writer
from andon.testing.evidence import SimulatedEvidence
from andon.testing.git import MemoryGit
from andon.testing.schedule import Killed
from andon.testing.verifier import SimulatedVerifier
from andon.testing.workflows import decode

if TYPE_CHECKING:
    from andon.core.verdict import Verdict
    from andon.testing.world import World

HOST = "host"
STATE_DIR = "/repository/.git/andon"
WORKTREES = "/repository.andon"
LOCK_WAIT_S = 1.0
KILLED = 137
"""exit code of a killed process, as a shell tells it"""


class Result(Struct, kw_only=True):
    """What the caller sees. exit: of the contract, or KILLED. kind: of the error."""

    exit: int
    body: dict[str, Any]
    kind: str = ""
    message: str = ""


class Process:
    """Runs one verb for one caller."""

    def __init__(
        self, world: World, *, caller: Caller, verb: str, arguments: dict[str, Any], done: Callable[[Result], None]
    ) -> None:
        self.world = world
        self.caller = caller
        self.verb = verb
        self.number = world.next_process_number()
        self.dead = False
        self.inside = 0
        """how many transactions of the store it is in"""
        self.claim: Claim | None = None
        """the last claim that it read or wrote"""
        self.skew_s = world.skew_s()
        self.stopped = False
        """whether a pause stopped all of it, so that it does not even renew its lease"""
        self._arguments = arguments
        self._done = done
        self._task: greenlet.greenlet | None = None

    # ------------------------------------------------------------ its life

    def start(self) -> None:
        self.world.running[self.number] = self
        self._task = self.world.scheduler.start(self._main)

    def _main(self) -> None:
        services = self.services()
        try:
            coordinator = LocalCoordinator(services, lambda _ref, _old, _new: nullcontext())
            reply = coordinator.call(self.verb, self._arguments)
            error = reply.body.get("error") or {}
            result = Result(
                exit=reply.exit, body=reply.body, kind=error.get("kind", ""), message=error.get("message", "")
            )
        except AndonError as error:
            result = Result(exit=error.exit, body={}, kind=error.kind, message=error.message)
        except (Killed, greenlet.GreenletExit):
            result = Result(exit=KILLED, body={}, kind="killed")
        except InvariantViolation as error:
            self.world.laws.violated(0, f"{self.verb} by {self.caller.agent} found a bug: {error}")
            result = Result(exit=70, body={}, kind="bug", message=str(error))
        except Exception as error:
            text = f"{self.verb} by {self.caller.agent} raised {type(error).__name__}: {error}"
            self.world.laws.violated(0, text)
            result = Result(exit=70, body={}, kind="bug", message=str(error))
        self.dead = True
        self.world.running.pop(self.number, None)
        self.world.finished(self, result)
        self._done(result)

    def kill(self) -> None:
        """From outside: it never gets to run again."""
        self.dead = True
        self.world.running.pop(self.number, None)
        if self._task is not None and not self._task.dead:
            self._task.throw(greenlet.GreenletExit)

    # ------------------------------------------------------------ points

    def point(self, *, changes: bool = False) -> None:
        """Where the world may strike. changes: what follows writes, so that the disk may be full."""
        if self.dead:
            raise Killed
        rates = self.world.rates
        if not rates.faulty:
            return
        chance = self.world.streams.faults.random()
        if chance < rates.kill:
            self.die()
        if self.inside:
            return
        if chance < rates.switch_below:
            self.pause()
        elif changes and chance < rates.error_below:
            raise AndonError("no space left on the device", kind="disk_full", next="make room, try again", exit=6)

    def die(self) -> None:
        self.dead = True
        self.world.count("kills")
        raise Killed

    def pause(self) -> None:
        """Others go first: for a moment, or (a zombie) for longer than any lease."""
        delay_s, self.stopped = self.world.pause()
        self.suspend(delay_s)
        self.stopped = False

    def suspend(self, delay_s: float) -> None:
        self.world.scheduler.suspend(delay_s)
        if self.dead:
            raise Killed

    # ------------------------------------------------------------ its surroundings

    def now(self) -> float:
        """The port `Clock`."""
        return self.world.scheduler.now + self.skew_s

    def services(self) -> Services:
        world = self.world
        git = cast(Git, ProcessGit(self, world.git))
        store = ProcessStore(self)
        return Services(
            store=store,
            engine=Engine(store, evaluate),
            git=git,
            clock=self,
            caller=self.caller,
            make_verifier=lambda _progress, _store: cast(Verifier, SimulatedVerifier(self, world.git, store)),
            load_workflow=lambda text, _name: decode(text),
            write_guarded=self._write_guarded,
            open_store=lambda: ProcessStore(self),
            make_evidence=lambda: SimulatedEvidence(self),
            places=ProcessPlaces(self),
            process=f"{HOST}:{self.number}",
            meanwhile=self._meanwhile,
            state_dir=STATE_DIR,
            worktrees_dir=WORKTREES,
            at_once=one_by_one,
        )

    def _write_guarded(self, branches: Any) -> None:
        self.point(changes=True)
        self.world.guarded = tuple(branches)

    @contextmanager
    def _meanwhile(self, interval_s: float, act: Callable[[], None]) -> Iterator[None]:
        """The port of `engine.meanwhile` in virtual time; a paused (stopped) process renews nothing."""
        going = [True]

        def again() -> None:
            if not going[0] or self.dead:
                return
            if not self.inside and not self.stopped:
                try:
                    self.world.aside(self, act)
                except (AndonError, Killed):
                    return
            self.world.scheduler.after(interval_s, again)

        self.world.scheduler.after(interval_s, again)
        try:
            yield
        finally:
            going[0] = False


class _Reading:
    """A read transaction of a process. (A class since it is entered very often.)"""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._inner = process.world.store.read()

    def __enter__(self) -> Reader:
        process = self._process
        if not process.inside:
            process.point()
        process.inside += 1
        return self._inner.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._process.inside -= 1
        self._inner.__exit__(*error)


class ProcessStore:
    """The port `Store` as one process sees it."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._store = process.world.store

    def read(self) -> AbstractContextManager[Reader]:
        return _Reading(self._process)

    @contextmanager
    def write(self) -> Iterator[Writer]:
        process = self._process
        process.point(changes=True)
        process.inside += 1
        try:
            with self._store.write() as writer:
                yield writer
                process.point()  # kill before append
                if process.world.strikes("conflict"):
                    raise Conflict("another writer was first")
        finally:
            process.inside -= 1
        process.world.committed(process)
        process.point()  # kill between append and effects

    def close(self) -> None:
        """Nothing to give up."""

    def get(self, subject_key: str, gate_digest: str, environment_digest: str) -> Verdict | None:
        return self._store.get(subject_key, gate_digest, environment_digest)

    def put(self, subject_key: str, gate_digest: str, environment_digest: str, verdict: Verdict) -> None:
        if not self._process.dead:
            self._store.put(subject_key, gate_digest, environment_digest, verdict)


class ProcessPlaces:
    """The port `Places` as one process sees it."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._world = process.world

    def read_lease(self, directory: str) -> Claim | None:
        self._process.point()
        self._process.claim = self._world.leases.get(directory)
        return self._process.claim

    def write_lease(self, claim: Claim, bounds: str = "") -> None:
        self._process.point(changes=True)
        self._world.leases[claim.workdir] = claim
        self._process.claim = claim

    def is_delivered(self, claim: Claim) -> bool:
        found = self._world.leases.get(claim.workdir)
        return found is not None and (found.run, found.step, found.token) == (claim.run, claim.step, claim.token)

    @contextmanager
    def claiming(self, *, alone: bool) -> Iterator[bool]:
        self._process.point()
        holders = self._world.claiming
        while any(not other.dead and (alone or exclusive) for other, exclusive in holders.items()):
            if alone:
                yield False
                return
            self._process.suspend(LOCK_WAIT_S)
        holders[self._process] = alone
        try:
            yield True
        finally:
            holders.pop(self._process, None)

    def is_directory(self, path: str) -> bool:
        return path in self._world.repository.worktrees

    def make_parent(self, path: str) -> None:
        self._process.point(changes=True)

    def artifacts(self, workdir: str, patterns: Sequence[str], limit: int) -> list[Artifact]:
        files = self._world.repository.worktrees[workdir].files
        missing = [name for name in patterns if name not in files]
        if missing:
            raise AndonError(f"no file is called {missing[0]}", kind="bad_artifact", next="give a file", exit=64)
        made = [(name, files[name].encode()) for name in patterns[:limit]]
        return [
            Artifact(name=name, digest=f"sha256:{sha256(text).hexdigest()}", bytes=len(text)) for name, text in made
        ]

    @contextmanager
    def only_lead(self) -> Iterator[None]:
        self._process.point()
        holder = self._world.lead
        if holder is not None and not holder.dead:
            raise AndonError("another lead is at work", kind="lead_busy", next="let it work", exit=3)
        self._world.lead = self._process
        try:
            yield
        finally:
            if self._world.lead is self._process:
                self._world.lead = None


class ProcessGit:
    """The port `Git` as one process sees it: `MemoryGit` with a point before each act, and after each that writes."""

    def __init__(self, process: Process, git: MemoryGit) -> None:
        self.process = process
        self.git = git
        self.common_dir = git.common_dir
        self.main_worktree = git.main_worktree

    def move_branch(self, branch: str, *, new: str, expected: str, reason: str) -> bool:
        self.process.point(changes=True)
        self.process.world.race(self.process)
        old = self.git.branch_head(branch)
        moved = self.git.move_branch(branch, new=new, expected=expected, reason=reason)
        if moved:
            self.process.world.laws.moved(branch, old, new)
        self.process.point()
        return moved

    def remove_worktree(self, path: str) -> None:
        self.process.point(changes=True)
        self.process.world.laws.removed(path)
        self.git.remove_worktree(path)


_READS = ("branch_head", "worktree_head", "worktree_dirty", "merge", "worktrees")
_PURE = (
    "current_branch", "refs", "is_ancestor", "merge_base", "tree_of", "read_file", "mode_of", "list_files", "author_of",
    "identity", "changes", "patch_digest", "diff_text", "refresh_checkouts", "tree_with", "write_tree",
    "commit_contents", "commits_of", "commits_since", "lineage", "read_blobs", "at_hand",
)  # fmt: skip
_WRITES = ("set_ref", "delete_ref", "commit_tree", "snapshot", "add_worktree", "update_worktree", "add_files")


def _forward(name: str, *, before: bool, changes: bool) -> Callable[..., Any]:
    def call(self: ProcessGit, *positional: Any, **named: Any) -> Any:
        if before or self.process.dead:
            self.process.point(changes=changes)
        found = getattr(self.git, name)(*positional, **named)
        if changes:
            self.process.point()
        return found

    return call


for _name in _READS:
    setattr(ProcessGit, _name, _forward(_name, before=True, changes=False))
for _name in _PURE:
    setattr(ProcessGit, _name, _forward(_name, before=False, changes=False))
for _name in _WRITES:
    setattr(ProcessGit, _name, _forward(_name, before=True, changes=True))
