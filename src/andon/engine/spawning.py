"""`spawn` and `wait`: an agent makes children of the step that it holds, and takes in what they made.

Theory of operation. At the first `spawn` the worktree is submitted and becomes the step's integration reference; at a later
one what the worktree has more is merged onto it. `common` is the last commit that both hold; from there every merge, up
and down, is a three-way merge. The lead lands children on the reference; `wait` brings it into the worktree (`taking_in`).
"""

from __future__ import annotations

from typing import Any

from andon.core import commands as c
from andon.core import state as s
from andon.core import swarm as sw
from andon.core.errors import EXIT_NO, EXIT_NOT_YET, EXIT_USAGE, EXIT_YES, AndonError, Rejected
from andon.core.judge import is_review_step
from andon.core.verdict import Submission
from andon.engine import claims, integration, judging, taking_in
from andon.engine.interface import Reply
from andon.engine.places import Claim
from andon.engine.runs import workflow_names
from andon.engine.services import Services
from andon.engine.swarm import BadList, Item, add_child, check_workflow, overdrawn, refuse_large_tree
from andon.engine.swarm_views import children_json
from andon.engine.transact import Unit, key_cause, load_run, load_task
from andon.engine.waiting import until
from andon.ports_queue import WORK

MAX_WAIT_S = 24 * 3600.0
DEFAULT_WAIT_S = 3600.0
GOOD_STATES = ("passed", "cancelled")
MAX_MOVES = 5
NOTHING = "0"
BUILT = ("process", "sandbox")
Arguments = dict[str, Any]


# ---------------------------------------------------------------- spawn


def spawn(services: Services, arguments: Arguments) -> Reply:
    """Make one child, and start a client on it when one is named."""
    claim = claims.find_claim(services)
    run, step = claims.held(services, claim)
    client, extra = _client(services, arguments)
    _refuse_step(services, run, step)
    if arguments.get("workflow"):
        _refuse_workflow(services, run, str(arguments["workflow"]))
    task = _known(services, run.id, arguments.get("key")) or _spawn(services, claim, arguments)
    body: dict[str, Any] = {"ok": True, "task": task.id, "title": task.title, "run": run.id, "step": step.step}
    body["budget"] = task.budget
    if client and services.beside is not None:
        body["process"] = services.beside.start(task.id, client, extra)
    return Reply(exit=EXIT_YES, body=body)


def _client(services: Services, arguments: Arguments) -> tuple[str, tuple[str, ...]]:
    isolation = arguments.get("isolation")
    if isolation and isolation not in BUILT:
        text = f"a child in a {isolation} of its own is not built; there are: {', '.join(BUILT)}"
        raise AndonError(text, kind="not_built", next="leave --isolation out", exit=EXIT_USAGE)
    client, extra = arguments.get("client") or "", tuple(arguments.get("extra") or ())
    if extra and not client:
        client = "command"
    if client and services.beside is not None:
        services.beside.check(client, extra)
    return client, extra


def _refuse_step(services: Services, run: s.Run, step: s.ActiveStep) -> None:
    workflow = judging.definitions_of(services, run)
    if is_review_step(workflow, workflow.steps[step.step]):
        text = f"step {step.step} is a review; nothing of it is handed on"
        raise AndonError(text, kind="review_step", next="andon advance [--outcome …] -m REASON")


def _refuse_workflow(services: Services, run: s.Run, name: str) -> None:
    """The parent would wait for a child that nobody can start."""
    try:
        check_workflow(services, run, name)
    except BadList as error:
        names = ", ".join(workflow_names(services, run.definitions)) or "none"
        text = f"{error}; a child follows a workflow of the commit that its parent began with"
        raise AndonError(
            text, kind="unknown_workflow", next=f"andon spawn --workflow NAME ({names})", exit=EXIT_USAGE
        ) from error


def _cause(run: str, key: str | None) -> str | None:
    return key_cause(f"spawn:{run}", key)


def _known(services: Services, run: str, key: str | None) -> s.Task | None:
    """The child that was made under this key before."""
    cause = _cause(run, key)
    if cause is None:
        return None
    with services.store.read() as reader:
        known = reader.caused(cause)
        return load_task(reader, known) if known is not None else None


def _spawn(services: Services, claim: Claim, arguments: Arguments) -> s.Task:
    submission = judging.submit(services, claim)
    # Others act meanwhile: the step may be over, or somebody else's.
    run, step = claims.held(services, claim)
    ref, common = _bring_up(services, claim, run, step, submission)
    item = Item(
        key="",
        title=str(arguments.get("title") or ""),
        body=str(arguments.get("body") or ""),
        scope=tuple(arguments.get("scope") or ()),
        acceptance=tuple(arguments.get("acceptance") or ()),
        labels=tuple(arguments.get("labels") or ()),
    )
    cause = _cause(run.id, arguments.get("key"))

    def work(unit: Unit) -> s.Task:
        before = unit.run(run.id)
        present = taking_in.present(before, step)
        index = len(present.children) if present is not None else 0
        child = sw.Child(
            index=index,
            key=str(arguments.get("key") or index + 1),
            task=unit.writer.next_id("task"),
            budget=arguments.get("budget"),
        )
        command = c.HandOn(
            at=services.clock.now(),
            actor=claim.agent,
            step=claim.step,
            token=claim.token,
            ref=ref,
            base=submission.base,
            base_tree=submission.base_tree,
            children=(child,),
            common=common,
            overdrawn=overdrawn(unit.writer, before),
        )
        after = unit.on_run(run.id, command)
        if isinstance(after, Rejected):
            raise AndonError.of(after)
        try:
            refuse_large_tree(unit, after)
            workflow = str(arguments.get("workflow") or "")
            return add_child(services, unit, after, step, child, item, workflow, cause=cause)
        except BadList as error:
            raise AndonError(str(error), kind="bad_input", next="andon spawn --help", exit=EXIT_USAGE) from error

    task, effects = services.engine.transact(work)
    services.after(effects)
    return task


def _bring_up(
    services: Services, claim: Claim, run: s.Run, step: s.ActiveStep, submission: Submission
) -> tuple[str, str]:
    """What the worktree holds now, on the integration reference: (the reference, the commit that both hold)."""
    present = taking_in.present(run, step)
    if present is None:
        ref = sw.integration_ref(run.id, step.step, claim.token)
        expected = services.git.branch_head(ref) or NOTHING * len(submission.commit)
        moved = services.git.move_branch(
            ref, new=submission.commit, expected=expected, reason=f"andon: children of {run.id}"
        )
        if not moved:
            raise AndonError(f"{ref} was moved by others", kind="conflict", next="try again", exit=EXIT_NOT_YET)
        return ref, submission.commit
    ref, own = present.ref, present.common
    if submission.tree != services.git.tree_of(own):
        own = taking_in.own_commit(services, present, submission.tree)
        taking_in.merged(services, integration.head_of(services, ref), own)
        # Told before it is put up, so that events explain whatever stands on the reference.
        told = c.MergeChildren(
            at=services.clock.now(),
            actor=claim.agent,
            step=claim.step,
            token=claim.token,
            commit=own,
            tasks=(),
            conflicts=present.conflicts,
        )
        services.engine.on_run(run.id, told)
    for _ in range(MAX_MOVES):
        head = integration.head_of(services, ref)
        if taking_in.put_up(services, ref, head, own, f"Work of {run.id}, step {step.step}, for its children"):
            return ref, own
    raise AndonError(f"{ref} is moved by others all the time", kind="conflict", next="try again", exit=EXIT_NOT_YET)


# ---------------------------------------------------------------- wait


def wait(services: Services, arguments: Arguments) -> Reply:
    """Wait for children; exit 0: all (one, with `any`) ended well, 1: some did not, 3: not over in time."""
    if arguments.get("any") and arguments.get("all"):
        text = "--any waits for one that ended well, --all until all are over"
        raise AndonError(text, kind="usage", next="choose one of them", exit=EXIT_USAGE)
    claim = claims.find_claim(services)
    run, step = claims.held(services, claim)
    wanted = _wanted(run, step, arguments)
    dropped: set[str] = set()
    if arguments.get("cancel"):
        dropped = {child.task for child in _look(services, claim, wanted, any_=False)[1] if not child.is_over}
        _cancel(services, claim, wanted)
    timeout_s = arguments.get("timeout_s")
    left_s = min(float(DEFAULT_WAIT_S if timeout_s is None else timeout_s), MAX_WAIT_S)
    lease_s = step.lease.lease_s if step.lease is not None else 600.0
    any_ = bool(arguments.get("any"))

    def look() -> bool | None:
        return True if _look(services, claim, wanted, any_=any_)[0] != "open" else None

    services.say(f"waits for {', '.join(wanted[:10])}{' and more' if len(wanted) > 10 else ''}, {left_s:.0f} s at most")
    with claims.keep_alive(services, claim, lease_s):
        until(services, look, left_s, about=WORK)
    state, children = _look(services, claim, wanted, any_=any_)
    if state == "failed" and all(child.is_good or child.task in dropped for child in children):
        # They did not end well, and that is what was asked for.
        state = "cancelled"
    return _answer(services, claim, state, children, arguments)


def _wanted(run: s.Run, step: s.ActiveStep, arguments: Arguments) -> list[str]:
    swarm = taking_in.present(run, step)
    if swarm is None:
        text = f"step {step.step} of run {run.id} has no children"
        raise AndonError(text, kind="no_children", next="andon spawn 'title'", exit=EXIT_USAGE)
    known = [child.task for child in swarm.children]
    asked = list(arguments.get("tasks") or ())
    if unknown := [task for task in asked if task not in known]:
        text = f"{', '.join(unknown)}: no child of step {step.step} of run {run.id}; there are {', '.join(known)}"
        raise AndonError(text, kind="unknown_child", next="andon wait", exit=EXIT_USAGE)
    return asked or known


def _cancel(services: Services, claim: Claim, wanted: list[str]) -> None:
    command = c.DropChildren(
        at=services.clock.now(), actor=claim.agent, step=claim.step, token=claim.token, tasks=tuple(wanted)
    )
    _run, effects = services.engine.on_run(claim.run, command)
    services.after(effects)


def _look(services: Services, claim: Claim, wanted: list[str], *, any_: bool) -> tuple[str, list[sw.Child]]:
    """How far the children are: passed | failed | open. One that needs a person is not waited for."""
    run, step = claims.held(services, claim)
    swarm = taking_in.present(run, step)
    children = [child for child in (swarm.children if swarm is not None else ()) if child.task in wanted]
    if any_ and any(child.is_good for child in children):
        return "passed", children
    if all(child.is_good for child in children) and children:
        return "passed", children
    still = [child for child in children if not child.is_over]
    stuck = [child for child in still if _is_stuck(services, child.task)]
    return ("failed" if len(stuck) == len(still) else "open"), children


def _is_stuck(services: Services, name: str) -> bool:
    """Whether a child waits for a person."""
    with services.store.read() as reader:
        task = load_task(reader, name)
        return bool(task.run) and task.status == s.RUNNING and load_run(reader, task.run).status == s.RUN_BLOCKED


def _answer(services: Services, claim: Claim, state: str, children: list[sw.Child], arguments: Arguments) -> Reply:
    merged: dict[str, Any] | None = None
    if state != "open":
        merged = taking_in.take_in(services, claim, leave_out=bool(arguments.get("no_merge")))
    with services.store.read() as reader:
        run = load_run(reader, claim.run)
    names = {child.task for child in children}
    shown = children_json(services, run).get(claim.step, {})
    items = [item for item in shown.get("items", []) if item["task"] in names]
    body: dict[str, Any] = {
        "ok": state in GOOD_STATES,
        "run": run.id,
        "step": claim.step,
        "state": state,
        "items": items,
    }
    if merged is not None:
        body["merged"] = merged
    exit_code = {"failed": EXIT_NO, "open": EXIT_NOT_YET}.get(state, EXIT_YES)
    if state == "open":
        still = [child.task for child in children if not child.is_over]
        text = f"{len(still)} children are not over: {', '.join(still[:10])}"
        body["error"] = {"kind": "children_open", "message": text, "next": "andon wait; the lead lands: andon lead"}
    elif state == "failed":
        bad = [f"{item['task']} {item['status']}: {item['reason']}".rstrip(": ") for item in items if _is_bad(item)]
        text = f"{len(bad)} children did not end well: {'; '.join(bad[:10])}"
        body["error"] = {"kind": "children_failed", "message": text, "next": "andon spawn again, or go on without"}
    if merged is not None and merged["conflicts"]:
        exit_code, body["ok"] = EXIT_NO, False
        text = f"what children landed is in the worktree, with conflicts in {', '.join(merged['conflicts'][:10])}"
        body["error"] = {"kind": "merge_conflicts", "message": text, "next": "resolve them (look for <<<<<<<)"}
    return Reply(exit=exit_code, body=body)


def _is_bad(item: dict[str, Any]) -> bool:
    return item["outcome"] not in sw.GOOD
