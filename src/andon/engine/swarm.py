"""Handing a step's work on to children, and bringing together what they made.

Theory of operation. The list is read from the run's own submission and checked; an integration reference is set to that
submission; then in one transaction the children's tasks are added and the step waits, so that a crash leaves all of it or
nothing (law 10). Children are ordinary tasks: workers pull them, the lead lands them on the reference. When all are over, the
reference's tree is stored as the parent's submission. A list that is not as it must be is a failed step, never an empty
success (law 4).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, Struct
from msgspec.structs import replace

from andon.core import commands as c
from andon.core import state as s
from andon.core import swarm as sw
from andon.core import workflow as w
from andon.core.decide_run import unsupported
from andon.core.errors import AndonError, Rejected
from andon.core.routing import final_submission
from andon.core.rules_step import gates_of
from andon.core.rules_swarm import spent, tokens_left
from andon.core.verdict import PASSED, Submission
from andon.engine import integration
from andon.engine.places import Claim
from andon.engine.runs import pinned_workflow
from andon.engine.services import Services
from andon.engine.transact import Unit, load_run, load_task
from andon.ports import GateRequest, Reader

MAX_LIST_BYTES = 1024**2
MAX_KEY_CHARS = 100
ITEM_KEYS = ("title", "body", "scope", "acceptance", "labels", "key")


class Item(Struct, frozen=True, kw_only=True):
    """What one child is to do."""

    key: str
    title: str
    body: str = ""
    scope: tuple[str, ...] = ()
    acceptance: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


class BadList(Exception):
    """Why the step can't hand its work on; the message is for people."""


def is_handed_on(run: s.Run, step: s.ActiveStep) -> bool:
    """Whether this visit has its children. A join that failed is tried again with those that did not end well."""
    swarm = run.swarms.get(step.step)
    return swarm is not None and swarm.visit == step.visit and swarm.outcome != sw.FAILED


# ---------------------------------------------------------------- the list


def items_of(services: Services, run: s.Run, step: s.ActiveStep, definition: w.Step) -> list[Item]:
    """The items of a step, checked. Raises BadList."""
    if definition.kind == "workflow":
        with services.store.read() as reader:
            task = load_task(reader, run.task)
        title = definition.title or f"{task.title}: {definition.id}"
        return [Item(key=definition.id, title=title[:400], body=task.body, acceptance=task.acceptance)]
    path = definition.for_each or ""
    submission = run.submissions.get(step.lane) or final_submission(run)
    content = _content(services, submission, path)
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadList(f"{path} is no JSON: {str(error)[:200]}") from error
    if not isinstance(found, list):
        raise BadList(f"{path} holds {_named(found)}, and must hold a list")
    limit = definition.max_children if isinstance(definition.max_children, int) else sw.DEFAULT_CHILDREN
    if len(found) > limit:
        raise BadList(f"{path} lists {len(found)} items; the limit is {limit} (max_children)")
    if not found and not definition.empty:
        raise BadList(f"{path} is an empty list (empty: allow lets that pass)")
    _check_schema(services, run, definition, submission)
    items = [_item(path, index, value) for index, value in enumerate(found)]
    keys = [item.key for item in items]
    if doubled := sorted({key for key in keys if keys.count(key) > 1}):
        raise BadList(f"{path} has several items with the key {doubled[0]}")
    return items


def _content(services: Services, submission: Submission, path: str) -> bytes:
    clean = path.isascii() and path.isprintable() and not path.startswith("/") and ".." not in path.split("/")
    directory = path.rpartition("/")[0]
    listed = services.git.list_files(submission.tree, directory) if clean and path else []
    mode = next((mode for mode, _id, name in listed if name == path), None)
    if mode is None:
        raise BadList(f"there is no file {path} in what was submitted")
    if not mode.startswith("100"):
        raise BadList(f"{path} is no regular file")
    found = services.git.read_blobs([f"{submission.tree}:{path}"], max_bytes=MAX_LIST_BYTES)
    if not found:
        raise BadList(f"{path} is larger than {MAX_LIST_BYTES} bytes")
    return next(iter(found.values()))


def _check_schema(services: Services, run: s.Run, definition: w.Step, submission: Submission) -> None:
    """By the gate that checks artifacts: the schema comes from the definitions, never from the work (law 8)."""
    if definition.schema is UNSET:
        return
    gate = w.ArtifactGate(id=f"list:{definition.id}", path=definition.for_each or "", schema=definition.schema)
    request = GateRequest(
        gate=gate, submission=submission, environment=w.Environment(), definitions=run.definitions, fresh=True
    )
    verdict = services.verifier.verify(request)
    if verdict.outcome != PASSED:
        raise BadList(f"{definition.for_each} against {definition.schema}: {verdict.summary}")


def _item(path: str, index: int, value: object) -> Item:
    where = f"{path}, item {index + 1}"
    if isinstance(value, str):
        value = {"title": value}
    if not isinstance(value, dict):
        raise BadList(f"{where} is {_named(value)}, and must be a text or an object")
    if unknown := [key for key in value if key not in ITEM_KEYS]:
        raise BadList(f"{where} has the unknown key {unknown[0][:60]!a}; known: {', '.join(ITEM_KEYS)}")
    title, body, key = (_text(where, value, name) for name in ("title", "body", "key"))
    if not title.strip() or "\n" in title:
        raise BadList(f"{where} needs a title of one line")
    key = key or str(index + 1)
    if len(key) > MAX_KEY_CHARS or not key.isprintable():
        raise BadList(f"{where}: a key is one line of at most {MAX_KEY_CHARS} characters")
    scope, acceptance, labels = (_texts(where, value, name) for name in ("scope", "acceptance", "labels"))
    return Item(key=key, title=title, body=body, scope=scope, acceptance=acceptance, labels=labels)


def _text(where: str, value: dict[str, Any], name: str) -> str:
    found = value.get(name, "")
    if not isinstance(found, str):
        raise BadList(f"{where}: {name} is {_named(found)}, and must be a text")
    _refuse_halves(where, name, found)
    return found


def _texts(where: str, value: dict[str, Any], name: str) -> tuple[str, ...]:
    found = value.get(name, [])
    listed = [found] if isinstance(found, str) else found
    if not isinstance(listed, list) or not all(isinstance(x, str) for x in listed):
        raise BadList(f"{where}: {name} must be a list of texts")
    _refuse_halves(where, name, *listed)
    return tuple(listed)


def _refuse_halves(where: str, name: str, *texts: str) -> None:
    """JSON can name one half of a character alone; no file and no store can hold it."""
    try:
        for text in texts:
            text.encode()
    except UnicodeError as error:
        raise BadList(f"{where}: {name} is no text: it holds half of a character") from error


def _named(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "nothing"}
    return names.get(type(value), "a number")


# ---------------------------------------------------------------- handing on


def hand_on(services: Services, claim: Claim, run: s.Run, step: s.ActiveStep, workflow: w.Workflow) -> None:
    """Give the step's work to children, or fail the step with the reason."""
    try:
        _hand_on(services, claim, run, step, workflow)
    except BadList as error:
        problem = c.HandOn(
            at=services.clock.now(), actor=claim.agent, step=claim.step, token=claim.token, problem=str(error)
        )
        _run, effects = services.engine.on_run(run.id, problem)
        services.after(effects)


def _hand_on(services: Services, claim: Claim, run: s.Run, step: s.ActiveStep, workflow: w.Workflow) -> None:
    definition = workflow.steps[step.step]
    items = items_of(services, run, step, definition)
    check_workflow(services, run, definition.workflow or "")
    ref = sw.integration_ref(run.id, step.step, claim.token)
    submission = run.submissions.get(step.lane)
    what = submission or final_submission(run)
    services.git.set_ref(ref, what.commit)
    carried = _carried(run, step, items)
    fresh = [(index, item) for index, item in enumerate(items) if index not in carried]
    with services.store.read() as reader:
        over = overdrawn(reader, run)
    budgets = _budgets(workflow, run, definition, len(fresh), over)

    def work(unit: Unit) -> None:
        names = [unit.writer.next_id("task") for _ in fresh]
        made = [
            sw.Child(index=index, key=item.key, task=name, item=digest_of(item), budget=budget)
            for (index, item), name, budget in zip(fresh, names, budgets, strict=True)
        ]
        command = c.HandOn(
            at=services.clock.now(),
            actor=claim.agent,
            step=step.step,
            token=claim.token,
            ref=ref,
            base=what.base,
            base_tree=what.base_tree,
            children=tuple(sorted((*carried.values(), *made), key=lambda child: child.index)),
            join=definition.join if definition.kind == "fanout" else "all",
            max_parallel=definition.max_parallel,
            common=what.commit,
            land=definition.land if isinstance(definition.land, str) else sw.ONE,
            overdrawn=overdrawn(unit.writer, run),
        )
        after = unit.on_run(run.id, command)
        if isinstance(after, Rejected):
            raise AndonError.of(after)
        given = after.swarms.get(step.step)
        children = {child.task: child for child in given.children} if given is not None else {}
        refuse_large_tree(unit, after)
        for name, (_index, item) in zip(names, fresh, strict=True):
            if name in children:
                add_child(services, unit, after, step, children[name], item, definition.workflow or "")

    _done, effects = services.engine.transact(work)
    services.after(effects)


def digest_of(item: Item) -> str:
    return w.digest_of(item)


def check_workflow(services: Services, run: s.Run, name: str) -> None:
    """A workflow that no child could follow is found before there are any."""
    try:
        workflow = pinned_workflow(services, name, run.target, run.definitions)
    except AndonError as error:
        raise BadList(f"the children's workflow: {error.message}") from error
    if missing := unsupported(workflow):
        raise BadList(f"the children's workflow {workflow.name} uses what is not carried out: {', '.join(missing)}")


def _carried(run: s.Run, step: s.ActiveStep, items: Sequence[Item]) -> dict[int, sw.Child]:
    """After a join that failed, what ended well is not done again."""
    before = run.swarms.get(step.step)
    if before is None or before.outcome != sw.FAILED:
        return {}
    good = {(child.key, child.item): child for child in before.children if child.is_good}
    found = {index: good.get((item.key, digest_of(item))) for index, item in enumerate(items)}
    return {index: replace(child, index=index) for index, child in found.items() if child is not None}


def overdrawn(reader: Reader, run: s.Run) -> int:
    """What open children used beyond what is reserved for them: the run learns of it when they end, and it is gone now."""
    over = 0
    for child in (x for swarm in run.swarms.values() for x in sw.open_children(swarm) if x.budget is not None):
        try:
            task = load_task(reader, child.task)
            at_work = load_run(reader, task.run) if task.run and task.status == s.RUNNING else None
        except AndonError:
            # One that can't be read holds up nothing but itself (law 12).
            continue
        used = task.tokens_used + (spent(at_work) if at_work is not None else 0)
        over += max(0, used - (child.budget or 0))
    return over


def _budgets(workflow: w.Workflow, run: s.Run, definition: w.Step, count: int, over: int) -> Sequence[int | None]:
    """What is reserved for each: the step's `tokens` in equal shares, else of what is left one share more stays behind."""
    left = tokens_left(workflow, run)
    left = None if left is None else left - over
    if not count or (definition.tokens is UNSET and left is None):
        return [None] * count
    total = definition.tokens if isinstance(definition.tokens, int) else max(0, left or 0) * count // (count + 1)
    return sw.shares(total, count)


def add_child(
    services: Services,
    unit: Unit,
    run: s.Run,
    step: s.ActiveStep,
    child: sw.Child,
    item: Item,
    workflow: str,
    *,
    cause: str | None = None,
) -> s.Task:
    """The task of a child, in the transaction that handed the work on. Raises BadList when the core refuses it."""
    command = c.AddTask(
        at=services.clock.now(),
        actor=services.caller.agent,
        task=child.task,
        title=item.title,
        body=item.body,
        acceptance=item.acceptance,
        scope=item.scope or run.scope,
        priority=run.priority,
        labels=tuple(dict.fromkeys((*run.labels, *item.labels))),
        workflow=workflow,
        draft=not child.released,
        parent=run.task,
        parent_run=run.id,
        parent_step=step.step,
        depth=run.depth + 1,
        budget=child.budget,
    )
    # The cause is the child's place, not its name: whatever is repeated, one place has one child.
    token = step.lease.token if step.lease is not None else run.token
    place = f"child:{run.id}/{step.step}/{token}/{child.index}"
    task = unit.on_task(child.task, command, cause=cause or place)
    if isinstance(task, Rejected):
        raise BadList(f"item {child.index + 1} ({item.key}): {task.message}")
    return task


def refuse_large_tree(unit: Unit, run: s.Run) -> None:
    """Law 13: a tree of tasks has a bound, however it is nested. Raises BadList."""
    root = run
    while root.parent:
        root = unit.run(root.parent)
    queue, count = [root], 0
    while queue:
        for swarm in queue.pop().swarms.values():
            count += len(swarm.children)
            for child in swarm.children:
                loaded = unit.writer.load(child.task) if not child.is_over else None
                if loaded is not None and isinstance(loaded.state, s.Task) and loaded.state.status == s.RUNNING:
                    queue.append(unit.run(loaded.state.run))
    if count > sw.MAX_TREE:
        raise BadList(f"the tree of tasks below {root.task} would have {count} tasks; the limit is {sw.MAX_TREE}")


# ---------------------------------------------------------------- the join


def join(services: Services, claim: Claim, run: s.Run, step: s.ActiveStep, workflow: w.Workflow) -> c.JoinChildren:
    """The integrated tree as the parent's change, measured by the step's own gates."""
    from andon.engine.judging import measure

    swarm = run.swarms[step.step]
    submission = integrated(services, claim, run, step.lane, swarm)
    what = submission or run.submissions.get(step.lane) or final_submission(run)
    ids = gates_of(workflow, workflow.steps[step.step])
    verdicts, environment = measure(services, workflow, run, ids, what) if sw.verdict(swarm) == sw.PASSED else ((), "")
    return c.JoinChildren(
        at=services.clock.now(),
        actor=claim.agent,
        step=step.step,
        token=claim.token,
        submission=submission,
        verdicts=verdicts,
        environment_digest=environment,
    )


def integrated(services: Services, claim: Claim, run: s.Run, lane: str, swarm: sw.Swarm) -> Submission | None:
    """What stands on the integration reference, as one change on the parent's base; None when nothing was integrated."""
    git, now = services.git, services.clock.now()
    head = integration.head_of(services, swarm.ref)
    before = run.submissions.get(lane) or final_submission(run)
    tree = git.tree_of(head)
    if tree == before.tree:
        return None
    author = git.author_of(head)
    text = f"Children of {run.id} joined at {swarm.step}"
    commit = git.commit_tree(tree, [swarm.base], text, author=author, committer=author, at=now)
    git.set_ref(f"refs/andon/submissions/{run.id}/{swarm.step}/{claim.token}/{commit}", commit)
    return Submission(
        commit=commit,
        tree=tree,
        base=swarm.base,
        base_tree=swarm.base_tree,
        patch=git.patch_digest(swarm.base, tree),
        by=claim.agent,
        at=now,
    )
