"""Aggregates for tests of the stores: real events, folded by the core; and a log of random ones."""

from __future__ import annotations

from typing import Any

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core import workflow as w
from andon.core.decide_run import decide_run
from andon.core.errors import Rejected
from andon.core.evolve import evolve, replay
from andon.core.verdict import Verdict
from andon.ports import Reader, Store, Writer


def workflow(**limits: Any) -> w.Workflow:
    """implement (agent) -> approve (human) -> land."""
    return w.Workflow(
        name="sample",
        start="implement",
        steps={
            "implement": w.Step(id="implement", role="implementer", attempts=1000, lease_s=100.0),
            "approve": w.Step(id="approve", kind="human", expires_s=500.0),
            "land": w.Step(id="land", kind="land"),
        },
        edges=(
            w.Edge(source="implement", target="approve"),
            w.Edge(source="approve", target="land"),
            w.Edge(source="land", target=w.END),
        ),
        limits=w.Limits(**limits),
    )


def verdict(outcome: str = "passed") -> Verdict:
    return Verdict(gate="tests", outcome=outcome, summary="ok", subject="git-tree:1", gate_digest="sha256:g", at=1.25)


def added(task: str, *, at: float = 1.5, **more: Any) -> list[e.Event]:
    return [e.TaskAdded(at=at, actor="ann", task=task, title=more.pop("title", f"Task {task}"), **more)]


def put(writer: Writer, stream: str, events: list[e.Event], *, cause: str | None = None) -> s.State:
    """Append to a stream whatever it holds, folding with the core."""
    loaded = writer.load(stream)
    state = loaded.state if loaded else None
    for event in events:
        state = evolve(state, event)
    assert state is not None
    writer.append(stream, loaded.seq if loaded else 0, events, state, cause=cause)
    return state


def add_task(store: Store, task: str, **more: Any) -> None:
    with store.write() as writer:
        put(writer, task, added(task, **more))


def finish_task(store: Store, task: str, outcome: str = "landed") -> None:
    with store.write() as writer:
        put(
            writer,
            task,
            [
                e.RunAttached(at=2.0, actor="ann", run=f"R{task[1:]}"),
                e.RunDetached(at=3.0, actor="ann", run=f"R{task[1:]}", outcome=outcome, commit="abc"),
            ],
        )


def do(store: Store, definition: w.Workflow, run: str, command: c.Command) -> s.Run:
    """A command on a run through the real core, in a transaction of its own."""
    with store.write() as writer:
        loaded = writer.load(run)
        state = loaded.state if loaded else None
        assert state is None or isinstance(state, s.Run)
        decision = decide_run(definition, state, command, lambda _condition, _facts: False)
        assert not isinstance(decision, Rejected), decision
        if not decision:
            assert state is not None
            return state
        if isinstance(command, c.StartRun):
            writer.put_definition(definition.digest(), definition.canonical())
        after = put(writer, run, decision)
        assert isinstance(after, s.Run)
        return after


def start_run(store: Store, run: str, *, at: float = 1000.0, task: str = "", **more: Any) -> w.Workflow:
    definition = more.pop("definition", None) or workflow()
    do(
        store,
        definition,
        run,
        c.StartRun(
            at=at,
            actor="lead",
            run=run,
            task=task or f"T{run[1:]}",
            workflow=definition.digest(),
            workflow_name="sample",
            definitions="c0",
            target="main",
            base="c0",
            base_tree="t0",
            **more,
        ),
    )
    return definition


def claim(store: Store, definition: w.Workflow, run: str, agent: str, *, at: float, workdir: str = "/w") -> int:
    after = do(store, definition, run, c.Claim(at=at, actor=agent, step="implement", workdir=workdir))
    lease = after.active["implement"].lease
    assert lease is not None
    return lease.token


def human_step(store: Store, run: str, *, at: float = 1000.0, due_at: float | None = 1500.0) -> None:
    """A run that stands at its human step."""
    with store.write() as writer:
        put(
            writer,
            run,
            [
                e.RunStarted(
                    at=at,
                    actor="lead",
                    run=run,
                    task=f"T{run[1:]}",
                    workflow="sha256:none",
                    workflow_name="sample",
                    definitions="c0",
                    target="main",
                    base="c0",
                    base_tree="t0",
                ),
                e.StepEntered(
                    at=at,
                    actor="lead",
                    step="approve",
                    lane="",
                    visit=1,
                    kind="human",
                    base="c0",
                    base_tree="t0",
                    due_at=due_at,
                ),
            ],
        )


def message(store: Store, name: str, *, kind: str = "say", sender: str = "ann", to: str = "bob", **more: Any) -> None:
    sent = e.MessageSent(
        at=more.pop("at", 10.0),
        actor=sender,
        message=name,
        kind=kind,
        recipient=to,
        body=more.pop("body", "hello"),
        **more,
    )
    with store.write() as writer:
        put(writer, name, [sent])


def learning(
    store: Store, name: str, text: str = "The parser reads bytes", *, retired: bool = False, **more: Any
) -> None:
    events: list[e.Event] = [
        e.LearningRecorded(at=more.pop("at", 10.0), actor="ann", learning=name, text=text, scopes=("repo",), **more)
    ]
    if retired:
        events.append(e.LearningRetired(at=11.0, actor="ann"))
    with store.write() as writer:
        put(writer, name, events)


def ids(rows: list[dict[str, Any]]) -> list[Any]:
    return [row["id"] for row in rows]


def everything(reader: Reader) -> dict[str, Any]:
    """All that the queries give: for comparing two stores."""
    tasks = reader.tasks()
    return {
        "events": reader.events(limit=100_000),
        "tasks": tasks,
        "open": reader.tasks(status=("open",)),
        "closed": reader.tasks(status=("landed", "completed", "cancelled"), limit=3),
        "dependencies": {row["id"]: reader.dependencies(str(row["id"])) for row in tasks},
        "ready_tasks": reader.ready_tasks(),
        "runs": reader.runs(),
        "open_runs": reader.runs(status=("open", "blocked")),
        "steps": reader.steps(),
        "leased": reader.steps(state="leased"),
        "waiting": reader.steps(state="waiting"),
        "ready": reader.ready_steps(kinds=("agent", "land", "command")),
        "ready_role": reader.ready_steps(kinds=("agent",), role="implementer"),
        "queued_steps": reader.queued_steps(),
        "queued_role": reader.queued_steps(role="implementer", each=1),
        "queued_labels": reader.queued_steps(labels=("x",)) + reader.queued_tasks(labels=("x", "y")),
        "queued_tasks": reader.queued_tasks(each=2),
        "queued_task": reader.queued_tasks(task="T1"),
        "leases": [reader.leases(at) for at in (0.0, 1050.0, 1100.0)],
        "landing": reader.landing_tasks(),
        "moments": [reader.next_moment(at) for at in (0.0, 1000.0, 1100.0, 1500.0, 1e12)],
        "expired": reader.expired_leases(1100.0),
        "due": reader.due_steps(1500.0),
        "messages": reader.messages(),
        "to_bob": reader.messages(recipients=("bob", "human"), unacknowledged_by="bob"),
        "unanswered": reader.messages(unanswered=True),
        "answers": reader.messages(sender="ann", answered=True),
        "of_run": reader.messages(run="R1"),
        "learnings": reader.learnings(),
        "repositories": reader.repositories(),
        "active": (reader.learnings(status="active", limit=2), reader.count_learnings(status="active")),
        "found": set(reader.search_learnings(("parser", "number"))),
        "uses": reader.learning_uses(),
        "uses_one": reader.learning_uses(step="one"),
        "sources": reader.task_sources("beads"),
    }


__all__ = ["replay"]
