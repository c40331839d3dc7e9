"""Starting runs: which workflow a task follows, pinned from the target branch (law 8)."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from msgspec import Struct

from andon import __version__
from andon.core import commands as c
from andon.core import state as s
from andon.core.digests import sha256
from andon.core.errors import EXIT_USAGE, AndonError, Rejected
from andon.core.projection import Row
from andon.core.swarm import open_children
from andon.core.workflow import Workflow
from andon.engine.services import Services
from andon.engine.transact import Unit, load_run, load_task
from andon.ports import Reader

WORKFLOW_DIRECTORY = ".andon/workflows"
DEFAULT_WORKFLOW = "feature"


class Startable(Struct, frozen=True, kw_only=True):
    """What a run of a task would start from, or why none can start."""

    workflow: Workflow | None = None
    definitions: str = ""
    base: str = ""
    base_tree: str = ""
    target: str = ""
    error: AndonError | None = None


def workflow_path(name: str) -> str:
    return f"{WORKFLOW_DIRECTORY}/{name}.md"


def startable(services: Services, task: str) -> dict[str, Startable]:
    """What a run of this task would start from; nothing when it is not ready."""
    with services.store.read() as reader:
        rows = reader.queued_tasks(task=task)
    keys = {str(row["id"]): start_key(row) for row in rows}
    found = targets(services, keys.values())
    return {name: found[key] for name, key in keys.items()}


StartKey = tuple[str, str]
"""(the workflow's name or "", the task where what it starts from is its own: a child's)."""


def start_key(row: Row) -> StartKey:
    """By what it is looked up what a ready task's run starts from."""
    return (str(row["workflow"] or ""), str(row["id"]) if row["parent_run"] else "")


def targets(services: Services, keys: Iterable[StartKey]) -> dict[StartKey, Startable]:
    """What runs would start from: at the target branch's head, for a child at what its siblings have integrated."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    with services.store.read() as reader:
        default = reader.setting("workflow") or ""
    target = services.target
    head = services.git.branch_head(target)
    if head is None:
        text = f"the target branch {target} has no commit"
        raise AndonError(text, kind="no_target", next=f"make a first commit on {target}", exit=EXIT_USAGE)
    found: dict[StartKey, Startable] = {}
    by_name: dict[str, Startable] = {}
    for given, child in wanted:
        name = given or default
        if child:
            found[given, child] = child_startable(services, child, name)
            continue
        if name not in by_name:
            by_name[name] = _remembered(services, name, target, head) or _resolve(services, name, target, head)
        found[given, child] = by_name[name]
    return found


def _remembered(services: Services, wanted: str, target: str, head: str) -> Startable | None:
    """What was resolved for this very head before; a claim then asks git nothing."""
    with services.store.read() as reader:
        known = (reader.setting(f"startable:{wanted}") or "").split(" ")
        if known[:3] != [__version__, target, head] or len(known) != 5:
            return None
        try:
            workflow = services.engine.definitions.get(reader, known[4])
        except AndonError:
            # It is resolved anew, which mends what is damaged (law 12).
            return None
    return Startable(workflow=workflow, definitions=head, base=head, base_tree=known[3], target=target)


def _resolve(services: Services, wanted: str, target: str, head: str) -> Startable:
    """Read and compile the workflow at the head. wanted "": the only one that is there, else the default."""
    try:
        workflow = pinned_workflow(services, wanted or _only_workflow(services, head), target, head)
    except AndonError as error:
        return Startable(error=error)
    base_tree = services.git.tree_of(head)
    known = " ".join((__version__, target, head, base_tree, workflow.digest()))
    services.engine.transact(lambda unit: unit.writer.put_setting(f"startable:{wanted}", known))
    return Startable(workflow=workflow, definitions=head, base=head, base_tree=base_tree, target=target)


def child_startable(services: Services, task: str, wanted: str) -> Startable:
    """What a child's run starts from: what its siblings have integrated, by the definitions of the parent (law 8)."""
    try:
        with services.store.read() as reader:
            state = load_task(reader, task)
            parent = load_run(reader, state.parent_run)
        swarm = parent.swarms.get(state.parent_step)
        still = [child.task for child in open_children(swarm)]
        if parent.status == s.RUN_ENDED or swarm is None or task not in still:
            text = f"task {task} was a part of run {parent.id}, which does not wait for it any more"
            return Startable(error=AndonError(text, kind="parent_over", next=f"andon show {parent.id}"))
        from andon.engine import integration

        head = integration.head_of(services, swarm.ref)
        name = wanted or _only_workflow(services, parent.definitions)
        workflow = pinned_workflow(services, name, parent.target, parent.definitions)
    except AndonError as error:
        return Startable(error=error)
    base_tree = services.git.tree_of(head)
    return Startable(
        workflow=workflow, definitions=parent.definitions, base=head, base_tree=base_tree, target=swarm.ref
    )


def _only_workflow(services: Services, head: str) -> str:
    names = workflow_names(services, head)
    return names[0] if len(names) == 1 else DEFAULT_WORKFLOW


def workflow_names(services: Services, treeish: str) -> list[str]:
    """The names of the workflow files of a commit."""
    files = services.git.list_files(treeish, WORKFLOW_DIRECTORY)
    names = [path.removeprefix(WORKFLOW_DIRECTORY + "/") for _mode, _oid, path in files]
    return sorted(name.removesuffix(".md") for name in names if name.endswith(".md") and "/" not in name)


def pinned_workflow(services: Services, name: str, target: str, head: str) -> Workflow:
    """The workflow as it stands on the target branch; compiled once for each content."""
    content = services.git.read_file(head, workflow_path(name))
    if content is None:
        names = ", ".join(workflow_names(services, head)) or "none"
        raise AndonError(
            f"workflow {name} is not on branch {target} (there: {names})",
            kind="unknown_workflow",
            next=f"commit {workflow_path(name)} on {target}, or use `andon task edit --workflow`",
            exit=EXIT_USAGE,
        )
    key = f"compiled:{__version__}:{name}:{sha256(content).hexdigest()}"
    with services.store.read() as reader:
        known = reader.setting(key)
        if known and reader.definition(known) is not None:
            with suppress(AndonError):
                return services.engine.definitions.get(reader, known)
    workflow = services.load_workflow(content.decode("utf-8", errors="replace"), name)

    def remember(unit: Unit) -> None:
        unit.writer.put_setting(key, services.engine.definitions.put(unit.writer, workflow))

    services.engine.transact(remember)
    return workflow


def start(services: Services, unit: Unit, task: str, target: Startable) -> s.Run | Rejected:
    """Start a run of a task inside a transaction."""
    if target.workflow is None:
        raise AndonError(f"task {task} has no workflow", kind="unknown_workflow", exit=EXIT_USAGE)
    state = _task(unit.writer, task)
    left = None if state.budget is None else state.budget - state.tokens_used
    if left is not None and left < 1:
        text = f"the budget of task {task} ({state.budget} tokens) is used up"
        return Rejected(kind="no_budget", message=text, next=f"andon show {task}")
    run_id = unit.writer.next_id("run")
    command = c.StartRun(
        at=services.clock.now(),
        actor=services.caller.agent,
        run=run_id,
        task=task,
        workflow=services.engine.definitions.put(unit.writer, target.workflow),
        workflow_name=target.workflow.name,
        definitions=target.definitions,
        target=target.target,
        base=target.base,
        base_tree=target.base_tree,
        scope=state.scope,
        priority=state.priority,
        labels=state.labels,
        parent=state.parent_run,
        depth=state.depth,
        budget=left,
    )
    return unit.on_run(run_id, command)


def _task(reader: Reader, task: str) -> s.Task:
    loaded = reader.load(task)
    if loaded is None or not isinstance(loaded.state, s.Task):
        raise AndonError(f"there is no task {task}", kind="unknown_task", next="andon task list", exit=EXIT_USAGE)
    return loaded.state


def start_task(services: Services, task: str) -> s.Run:
    """Start a run of a task now. Raises AndonError when it is not ready."""
    targets = startable(services, task)

    def work(unit: Unit) -> s.Run | Rejected:
        state = _task(unit.writer, task)
        target = targets.get(task)
        if target is None:
            raise AndonError(_not_ready(unit.writer, state), kind="not_ready", next=f"andon show {task}", exit=3)
        if target.error is not None:
            raise target.error
        return start(services, unit, task, target)

    run, effects = services.engine.transact(work)
    if isinstance(run, Rejected):
        raise AndonError.of(run)
    services.after(effects)
    return run


def _not_ready(reader: Reader, task: s.Task) -> str:
    if task.status != s.OPEN:
        return f"task {task.id} is {task.status}" + (f" in {task.run}" if task.status == s.RUNNING else "")
    missing = []
    for name in reader.dependencies(task.id):
        loaded = reader.load(name)
        status = loaded.state.status if loaded and isinstance(loaded.state, s.Task) else "unknown"
        if status not in (s.LANDED, s.COMPLETED):
            missing.append(f"{name} ({status})")
    return f"task {task.id} waits for {', '.join(missing)}"
