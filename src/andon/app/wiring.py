"""Wiring for one process: a repository's store, git, verifier, workflow tools, and the local coordinator over them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from andon import __version__
from andon.app import settings
from andon.app.conditions import evaluate
from andon.core.errors import EXIT_UNAVAILABLE, EXIT_USAGE, AndonError
from andon.core.workflow import Workflow
from andon.engine.coordinator import LocalCoordinator
from andon.engine.interface import CallContext, Coordinator, Reply
from andon.engine.meanwhile import Meanwhile
from andon.engine.places import DiskPlaces
from andon.engine.services import Caller, Services
from andon.engine.transact import Engine
from andon.git.repository import Repository
from andon.ports import Evidence, Progress, Runtime, Store, Verifier
from andon.ports_swarm import Beside
from andon.store.bell import PipeBell
from andon.store.sqlite import SqliteStore

NO_REPOSITORY_VERBS = frozenset({"workflow_lint", "workflow_graph", "workflow_compile", "workflow_import"})


class SystemClock:
    def now(self) -> float:
        return time.time()


def open_coordinator(context: CallContext) -> Coordinator:
    """The coordinator for this caller. Raises AndonError when the directory is no repository."""
    if os.environ.get("ANDON_URL"):
        raise AndonError(
            "ANDON_URL is set, but this version has no server mode",
            kind="not_built",
            next="unset ANDON_URL to work on the local repository",
            exit=EXIT_USAGE,
        )
    return App(context)


class App:
    """Answers all verbs: those of the engine, and the few that need adapters directly (init, workflow, doctor)."""

    def __init__(self, context: CallContext) -> None:
        self.context = context
        self._services: Services | None = None
        self._git: Repository | None = None

    # ------------------------------------------------------------ parts

    @property
    def git(self) -> Repository:
        if self._git is None:
            self._git = Repository.find(self.context.cwd)
        return self._git

    @property
    def state_dir(self) -> str:
        return os.path.join(self.git.common_dir, "andon")

    @property
    def database(self) -> str:
        return os.path.join(self.state_dir, "andon.db")

    def open_store(self) -> Store:
        return SqliteStore(self.database)

    def services(self, *, must_exist: bool = True) -> Services:
        if self._services is not None:
            return self._services
        # Where a lock file is, there was a database: the store tells what became of it.
        if must_exist and not os.path.exists(self.database) and not os.path.exists(self.database + ".lock"):
            raise AndonError(
                f"Andon is not set up in {self.git.main_worktree or self.git.common_dir}",
                kind="not_initialised",
                next="andon init",
                exit=EXIT_USAGE,
            )
        store = self.open_store()
        context = self.context
        self._services = Services(
            store=store,
            engine=Engine(store, evaluate, PipeBell(os.path.join(self.state_dir, "waiters"))),
            git=self.git,
            clock=SystemClock(),
            caller=Caller(
                agent=context.agent or "unknown",
                cwd=context.cwd,
                person=context.person,
                aliases=self._aliases(),
                run=context.run,
                client=context.client,
                model=context.model,
            ),
            make_verifier=self.make_verifier,
            load_workflow=load_workflow,
            write_guarded=self._write_guarded,
            open_store=self.open_store,
            places=DiskPlaces(state_dir=self.state_dir, common_dir=self.git.common_dir),
            process=f"{os.uname().nodename}:{os.getpid()}",
            meanwhile=Meanwhile,
            make_evidence=self.make_evidence,
            state_dir=self.state_dir,
            worktrees_dir=settings.worktrees_dir(self.git.common_dir, self.git.main_worktree),
            make_beside=self._beside,
            names_person=self._names_person,
        )
        return self._services

    def _beside(self) -> Beside:
        from andon.app.beside import Workers

        return Workers(self.state_dir, self.git.main_worktree or self.git.common_dir)

    def _aliases(self) -> tuple[str, ...]:
        """All names of the person: those of the context and git's identity, so that an author can't approve as another."""
        names = list(self.context.aliases)
        if self.context.person:
            try:
                identity = self.git.identity()
                names += [identity.name, identity.email]
            except AndonError:
                pass
        return tuple(dict.fromkeys(name for name in names if name))

    def _names_person(self, name: str) -> bool:
        from andon.app.accounts import is_login

        if is_login(name):
            return True
        try:
            identity = self.git.identity()
        except AndonError:
            return False
        return name in (identity.name, identity.email)

    def _write_guarded(self, branches: Sequence[str]) -> None:
        from andon.git.guard import write_guarded

        write_guarded(self.git.common_dir, branches)

    def make_verifier(self, progress: Progress | None, store: Store) -> Verifier:
        from andon.gates.verifier import GateVerifier

        services = self.services()
        return GateVerifier(
            git=self.git,
            runtimes=self.runtimes(),
            cache=store,
            state_dir=self.state_dir,
            verifier=f"andon/{__version__}@{os.uname().nodename}",
            clock=services.clock,
            machine_path=settings.machine_path(),
            progress=progress,
        )

    def make_evidence(self) -> Evidence:
        from andon.evidence.keeper import EvidenceKeeper

        return EvidenceKeeper(self.git, self.state_dir, __version__)

    def runtimes(self) -> list[Runtime]:
        """The isolation levels of this machine, best first."""
        from andon.runtimes.process import ProcessRuntime
        from andon.runtimes.sandbox import SandboxRuntime

        return [SandboxRuntime(remember=os.path.join(self.state_dir, "sandbox-probe")), ProcessRuntime()]

    def allow_landing(self, ref: str, old: str, new: str) -> AbstractContextManager[None]:
        from andon.git.guard import allow_landing

        return allow_landing(self.git.common_dir, ref, old, new)

    # ------------------------------------------------------------ verbs

    def call(self, verb: str, arguments: dict[str, Any], progress: Callable[[str], None] | None = None) -> Reply:
        own = getattr(self, f"_{verb}", None) if verb in OWN_VERBS else None
        try:
            if own is not None:
                reply: Reply = own(arguments, progress)
                return reply
            return LocalCoordinator(self.services(), self.allow_landing).call(verb, arguments, progress)
        except BrokenPipeError:
            # Whoever read the output has enough of it (`… | head`); that is no trouble of the machine.
            raise
        except OSError as error:
            raise unavailable(error) from error

    def _init(self, arguments: dict[str, Any], progress: Callable[[str], None] | None) -> Reply:
        from andon.app.starters import make_starters
        from andon.engine.setup import init
        from andon.git.guard import install_guard

        if arguments.get("path"):
            self.context = _at(self.context, os.path.abspath(arguments["path"]))
        if arguments.get("clients") or arguments.get("remove"):
            return self._init_clients(arguments, progress)
        services = self.services(must_exist=False)
        services.progress = progress
        body, notes = init(
            services,
            arguments,
            make_starters=make_starters,
            install_guard=lambda: install_guard(self.git),
            current_branch=self.git.current_branch,
        )
        return Reply(exit=0, body=body, notes=notes)

    def _init_clients(self, arguments: dict[str, Any], progress: Callable[[str], None] | None) -> Reply:
        """Only the clients where Andon is set up already; elsewhere all that init does, then the clients."""
        from andon.app import clients
        from andon.engine.setup import commit_files, require_checkout

        setups, remove = clients.named(arguments), bool(arguments.get("remove"))
        body: dict[str, Any] = {"ok": True, "repository": self.git.main_worktree or self.git.common_dir, "written": []}
        notes: tuple[str, ...] = ()
        if not remove and not os.path.exists(self.database):
            reply = self._init({**arguments, "path": None, "clients": None}, progress)
            body, notes = reply.body, reply.notes
        services = self.services()
        body["target"] = services.target
        if arguments.get("commit"):
            require_checkout(services, services.target, self.git.current_branch())

        def commit(files: dict[str, bytes | None], message: str) -> str:
            nonlocal notes
            made, remarks = commit_files(services, files, message, self.allow_landing)
            notes += tuple(remarks)
            return made

        done = clients.carry_out(
            self.git.main_worktree,
            self.state_dir,
            setups,
            remove=remove,
            commit=commit if arguments.get("commit") else None,
            read_head=self._head_file,
            on_target=self.git.current_branch() == services.target,
        )
        if body.get("written") and not body.get("commit"):
            done["next"] = f"{body['next']}; {done['next']}"
        done["commit"] = done["commit"] or body.get("commit")
        return Reply(exit=0, body=body | done, notes=notes)

    def _head_file(self, path: str) -> bytes | None:
        """A file as the target branch has it."""
        head = self.git.branch_head(self.services().target)
        return None if head is None else self.git.read_file(head, path)

    def _status(self, arguments: dict[str, Any], progress: Callable[[str], None] | None) -> Reply:
        import json

        from andon.engine.sweep import sweep
        from andon.store import hot

        services = self.services()
        services.progress = progress
        sweep(services)
        text = hot.status(os.path.join(self.state_dir, "andon.db"), services.clock.now())
        if not text:
            raise AndonError("the database is not as expected", kind="corrupt", next="andon doctor", exit=6)
        return Reply(exit=0, body=json.loads(text))

    def _doctor(self, arguments: dict[str, Any], progress: Callable[[str], None] | None) -> Reply:
        from andon.app import upkeep
        from andon.git import scratch
        from andon.git.guard import guard_problem

        services = self.services()
        services.progress = progress
        if arguments.get("mend"):
            scratch.sweep(self.git.common_dir)
        return upkeep.doctor(
            services,
            self.database,
            mend=bool(arguments.get("mend")),
            save=bool(arguments.get("salvage")),
            probes=lambda: {runtime.level: runtime.probe() for runtime in self.runtimes()},
            guard_state=lambda: guard_problem(self.git),
            clients=self._client_checks,
        )

    def _client_checks(self) -> list[dict[str, Any]]:
        """What doctor says of agents' clients; nothing where not even the target branch can be told, which it says itself."""
        from andon.app.clients_doctor import client_checks

        try:
            on_target = self.git.current_branch() == self.services().target
        except AndonError:
            return []
        return list(client_checks(self.git.main_worktree, self.state_dir, self._head_file, on_target=on_target))

    def _export(self, arguments: dict[str, Any], progress: Callable[[str], None] | None) -> Reply:
        from andon.app import upkeep

        return upkeep.export(self.services().store, arguments.get("file") or "-", progress)

    def _import(self, arguments: dict[str, Any], progress: Callable[[str], None] | None) -> Reply:
        from andon.app import upkeep

        reply = upkeep.import_(self.services(must_exist=False).store, arguments.get("file") or "-", progress)
        self.services().update_guard()
        return reply

    def _task_import(self, arguments: dict[str, Any], progress: Callable[[str], None] | None) -> Reply:
        from andon.app import exchange

        services = self.services()
        services.progress = progress
        return exchange.import_tasks(services, self.context.cwd, self._root(), arguments)

    def _task_export(self, arguments: dict[str, Any], progress: Callable[[str], None] | None) -> Reply:
        from andon.app import exchange

        return exchange.export_tasks(self.services(), arguments)

    def _archive(self, arguments: dict[str, Any], progress: Callable[[str], None] | None) -> Reply:
        from andon.app import upkeep

        services = self.services()
        return upkeep.archive(services.store, services.clock.now(), arguments, progress)

    def _root(self) -> str | None:
        """The working tree that workflow files are read from: the caller's own."""
        try:
            return self.git.worktree_root(self.context.cwd)
        except AndonError:
            return self.context.cwd

    def _verify(self, arguments: dict[str, Any], progress: Callable[[str], None] | None) -> Reply:
        from andon.app.verify import verify

        return verify(self.git, self.state_dir, arguments)

    def _plan(self, arguments: dict[str, Any], progress: Callable[[str], None] | None) -> Reply:
        from andon.app.planning import plan

        services = self.services()
        services.progress = progress
        return plan(services, self.git, self.context.cwd, arguments)

    def _workflow_lint(self, arguments: dict[str, Any], progress: Callable[[str], None] | None) -> Reply:
        from andon.app.tools import Tools
        from andon.engine import workflows

        exit_code, body = workflows.lint(Tools(), self._root(), list(arguments.get("names") or []))
        return Reply(exit=exit_code, body=body)

    def _workflow_graph(self, arguments: dict[str, Any], progress: Callable[[str], None] | None) -> Reply:
        from andon.app.tools import Tools
        from andon.engine import workflows

        run = arguments.get("run")
        body = workflows.graph(
            Tools(),
            self.services() if run else None,
            self._root(),
            name=arguments.get("name"),
            form=arguments.get("format") or "mermaid",
            run=run,
        )
        return Reply(exit=0, body=body)

    def _workflow_compile(self, arguments: dict[str, Any], progress: Callable[[str], None] | None) -> Reply:
        from andon.app.tools import Tools
        from andon.engine import workflows

        return Reply(exit=0, body=workflows.compile_one(Tools(), self._root(), arguments["name"]))

    def _workflow_simulate(self, arguments: dict[str, Any], progress: Callable[[str], None] | None) -> Reply:
        from andon.app.tools import Tools
        from andon.engine.forecasting import simulate

        def read_log(after: int, limit: int) -> Any:
            with self.services().store.read() as reader:
                return reader.log(after=after, limit=limit)

        log = read_log if arguments.get("measured") else None
        return Reply(exit=0, body=simulate(Tools(), self._root(), self.context.cwd, evaluate, log, arguments))

    def _workflow_import(self, arguments: dict[str, Any], progress: Callable[[str], None] | None) -> Reply:
        from andon.app.tools import Tools
        from andon.engine.imports import import_file

        exit_code, body = import_file(
            Tools(),
            self.context.cwd,
            self._root() or self.context.cwd,
            file=arguments["file"],
            output=arguments.get("output"),
            name=arguments.get("name"),
            form=arguments.get("format") or "dot",
            strict=bool(arguments.get("strict")),
            force=bool(arguments.get("force")),
        )
        return Reply(exit=exit_code, body=body)


def unavailable(error: OSError) -> AndonError:
    """What the machine refused, in plain words: a full or failing disk is no bug of ours. Nothing of ours was changed,
    since all that counts is one transaction."""
    where = f"{error.filename}: " if error.filename else ""
    text = f"the machine could not do what was needed: {where}{error.strerror or error}"
    following = "make room or mend what is named, then try again; nothing was lost"
    return AndonError(text, kind="machine", next=following, exit=EXIT_UNAVAILABLE)


OWN_VERBS = frozenset(
    {
        "init",
        "status",
        "doctor",
        "export",
        "import",
        "archive",
        "task_import",
        "task_export",
        "plan",
        "verify",
        "workflow_lint",
        "workflow_graph",
        "workflow_compile",
        "workflow_import",
        "workflow_simulate",
    }
)


def _at(context: CallContext, directory: str) -> CallContext:
    from msgspec.structs import replace

    changed: CallContext = replace(context, cwd=directory)
    return changed


def load_workflow(text: str, name: str) -> Workflow:
    """Compile a workflow file's text. Raises UsageError with positions when it can't be read.

    What lint would call an error does not stop a run: the core holds the gates whatever the diagram says.
    """
    from andon import workflow

    return workflow.parse(text, name).workflow or workflow.load(text, name)
