"""The contract of a store, for each implementation alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core.errors import InvariantViolation, UsageError
from andon.core.evolve import replay
from andon.core.learning import Learning
from andon.core.projection import rows
from andon.ports import Conflict, Store
from andon.store import rebuild
from andon.store.memory import MemoryStore
from andon.store.sqlite import SqliteStore
from tests.store import samples


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = MemoryStore() if request.param == "memory" else SqliteStore(str(tmp_path / "state" / "andon.db"))
    yield made
    assert rebuild.check(made) == []
    made.close()


class TestTransactions:
    def test_an_empty_store_answers(self, store: Store) -> None:
        with store.read() as reader:
            assert reader.load("T1") is None
            assert reader.events() == []
            assert reader.tasks() == []
            assert reader.setting("target") is None
            assert reader.definition("sha256:x") is None
            assert reader.step_at("/nowhere") is None

    def test_what_is_appended_is_read_back(self, store: Store) -> None:
        events = [
            *samples.added("T1", depends_on=("T2",)),
            e.TaskEdited(at=2.0, actor="bob", title="Żółć \x00 'q' \"d\""),
        ]
        state = replay(events)
        assert state is not None
        with store.write() as writer:
            writer.append("T1", 0, events, state, cause="because")
            inside = writer.load("T1")
        with store.read() as reader:
            loaded = reader.load("T1")
            assert loaded == inside
            assert loaded is not None
            assert (loaded.seq, loaded.state) == (2, state)
            stored = reader.events("T1")
            assert [x.event for x in stored] == events
            assert [(x.position, x.seq, x.stream, x.cause) for x in stored] == [
                (1, 1, "T1", "because"),
                (2, 2, "T1", None),
            ]
            (row,) = reader.tasks()
            assert row == {**rows(state)["tasks"][0], "open_dependencies": 1}

    def test_an_exception_undoes_everything(self, store: Store) -> None:
        samples.add_task(store, "T1")
        with pytest.raises(RuntimeError, match="stop"), store.write() as writer:
            samples.put(writer, "T1", [e.TaskCancelled(at=2.0, actor="ann")])
            samples.put(writer, "T2", samples.added("T2"), cause="x")
            writer.put_setting("a", "b")
            writer.put_definition("sha256:1", b"1")
            assert writer.next_id("run") == "R1"
            store.put("s", "g", "e", samples.verdict())
            raise RuntimeError("stop")
        with store.read() as reader:
            assert [row["status"] for row in reader.tasks()] == ["open"]
            assert len(reader.events()) == 1
            assert reader.setting("a") is None
            assert reader.definition("sha256:1") is None
        assert store.get("s", "g", "e") is None
        with store.write() as writer:
            assert writer.next_id("run") == "R1"
            samples.put(writer, "T2", samples.added("T2"), cause="x")

    def test_a_stale_writer_gets_a_conflict_and_changes_nothing(self, store: Store) -> None:
        samples.add_task(store, "T1")
        state = replay(samples.added("T1"))
        assert state is not None
        with store.write() as writer:
            for expected in (0, 2, 7):
                with pytest.raises(Conflict):
                    writer.append("T1", expected, samples.added("T1"), state)
            with pytest.raises(Conflict):
                writer.append("T9", 3, samples.added("T9"), replay(samples.added("T9")) or state)
            # The transaction goes on as if nothing had been asked.
            samples.put(writer, "T2", samples.added("T2"))
        with store.read() as reader:
            assert samples.ids(reader.tasks()) == ["T1", "T2"]
            assert [x.position for x in reader.events()] == [1, 2]
            assert reader.load("T9") is None

    def test_a_cause_has_one_effect(self, store: Store) -> None:
        with store.write() as writer:
            samples.put(writer, "T1", samples.added("T1"), cause="effect-1")
        with store.write() as writer:
            with pytest.raises(Conflict):
                samples.put(writer, "T2", samples.added("T2"), cause="effect-1")
            with pytest.raises(Conflict):
                samples.put(writer, "T1", [e.TaskCancelled(at=2.0, actor="a")], cause="effect-1")
            assert writer.load("T2") is None
            assert [row["status"] for row in writer.tasks()] == ["open"]
            samples.put(writer, "T2", samples.added("T2"), cause="effect-2")

    def test_misuse_is_a_bug(self, store: Store) -> None:
        state = replay(samples.added("T1"))
        assert state is not None
        with store.write() as writer:
            with pytest.raises(InvariantViolation):
                writer.append("T1", 0, [], state)
            with pytest.raises(InvariantViolation):
                writer.append("T2", 0, samples.added("T1"), state)
            with pytest.raises(InvariantViolation):
                writer.next_id("cabbage")
            with pytest.raises(InvariantViolation), store.write():
                pass
        with store.read() as reader, pytest.raises(InvariantViolation), store.write():
            pass
        with pytest.raises(InvariantViolation):
            reader.load("T1")
        with pytest.raises(InvariantViolation):
            writer.put_setting("a", "b")

    def test_reading_joins_the_transaction_it_stands_in(self, store: Store) -> None:
        with store.write() as writer:
            samples.put(writer, "T1", samples.added("T1"))
            with store.read() as reader:
                assert samples.ids(reader.tasks()) == ["T1"]
        with store.read() as outer:
            with store.read() as inner:
                assert samples.ids(inner.tasks()) == ["T1"]
            assert samples.ids(outer.tasks()) == ["T1"]

    def test_text_that_is_no_unicode_is_refused(self, store: Store) -> None:
        events = samples.added("T1", title="caf\udce9")
        with store.write() as writer:
            with pytest.raises(UsageError):
                writer.append("T1", 0, events, replay(events) or s.Task(id="T1", title=""))
            assert writer.load("T1") is None
            assert writer.step_at("/caf\udce9") is None


class TestTasks:
    def test_the_order_of_ids_is_natural(self, store: Store) -> None:
        for number in (10, 2, 1, 33):
            samples.add_task(store, f"T{number}")
        with store.read() as reader:
            assert samples.ids(reader.tasks()) == ["T1", "T2", "T10", "T33"]
            assert samples.ids(reader.ready_tasks()) == ["T1", "T2", "T10", "T33"]
            assert samples.ids(reader.tasks(limit=2)) == ["T1", "T2"]

    def test_urgent_tasks_come_first(self, store: Store) -> None:
        samples.add_task(store, "T1", priority=3)
        samples.add_task(store, "T2", priority=0)
        samples.add_task(store, "T3", draft=True)
        samples.add_task(store, "T4", priority=0)
        with store.read() as reader:
            assert samples.ids(reader.ready_tasks()) == ["T2", "T4", "T1"]
            assert samples.ids(reader.ready_tasks(limit=1)) == ["T2"]
            assert samples.ids(reader.tasks(status=("draft",))) == ["T3"]
            assert samples.ids(reader.tasks(status=("draft", "open"), limit=3)) == ["T1", "T2", "T3"]

    @pytest.mark.parametrize(("outcome", "ready"), [("landed", True), ("completed", True), ("cancelled", False)])
    def test_dependencies_hold_a_task_back(self, store: Store, outcome: str, ready: bool) -> None:
        samples.add_task(store, "T1", depends_on=("T9", "T2"))
        samples.add_task(store, "T2")
        with store.read() as reader:
            assert samples.ids(reader.ready_tasks()) == ["T2"]
            assert [row["open_dependencies"] for row in reader.tasks()] == [2, 0]
            assert reader.dependencies("T1") == ["T9", "T2"]
        samples.finish_task(store, "T2", outcome)
        with store.read() as reader:
            assert "T1" not in samples.ids(reader.ready_tasks())
        with store.write() as writer:
            samples.put(writer, "T1", [e.TaskEdited(at=5.0, actor="a", depends_on=("T2",))])
        with store.read() as reader:
            assert ("T1" in samples.ids(reader.ready_tasks())) is ready
            assert reader.dependencies("T1") == ["T2"]
            assert reader.tasks()[0]["open_dependencies"] == (0 if ready else 1)

    def test_an_unknown_dependency_is_open_until_it_lands(self, store: Store) -> None:
        samples.add_task(store, "T1", depends_on=("T2", "T2"))
        with store.read() as reader:
            assert reader.dependencies("T1") == ["T2"]
            assert reader.tasks()[0]["open_dependencies"] == 1
        samples.add_task(store, "T2")
        samples.finish_task(store, "T2")
        with store.read() as reader:
            assert samples.ids(reader.ready_tasks()) == ["T1"]

    def test_ids_are_given_out_once(self, store: Store) -> None:
        with store.write() as writer:
            assert [writer.next_id("task"), writer.next_id("task"), writer.next_id("run")] == ["T1", "T2", "R1"]
            assert writer.next_id("message") == "M1"
        samples.add_task(store, "T4")
        with store.write() as writer:
            assert [writer.next_id("task"), writer.next_id("task")] == ["T3", "T5"]


class TestSteps:
    def test_the_ready_queue(self, store: Store) -> None:
        samples.start_run(store, "R1", at=1000.0, priority=2)
        samples.start_run(store, "R10", at=999.0, priority=2)
        definition = samples.start_run(store, "R2", at=1001.0, priority=0)
        samples.start_run(store, "R3", at=1000.0, priority=2)
        with store.read() as reader:
            queue = reader.ready_steps(kinds=("agent",))
            assert [row["run"] for row in queue] == ["R2", "R10", "R1", "R3"]
            assert reader.ready_steps(kinds=("agent",), role="reviewer") == []
            assert len(reader.ready_steps(kinds=("land", "agent"), role="implementer", limit=2)) == 2
            assert reader.ready_steps(kinds=()) == []
        token = samples.claim(store, definition, "R2", "bob", at=1002.0, workdir="/w/R2")
        with store.read() as reader:
            assert [row["run"] for row in reader.ready_steps(kinds=("agent",))] == ["R10", "R1", "R3"]
            (leased,) = reader.steps(state="leased")
            assert (leased["run"], leased["agent"], leased["token"], leased["expires_at"]) == (
                "R2",
                "bob",
                token,
                1102.0,
            )
            assert reader.step_at("/w/R2") == leased
            assert reader.step_at("/w") is None
            assert reader.expired_leases(1101.9) == []
            assert reader.expired_leases(1102.0) == [leased]
            assert reader.steps("R2") == [leased]
            assert reader.steps("R2", state="ready") == []
            assert [row["run"] for row in reader.steps()] == ["R1", "R2", "R3", "R10"]

    def test_due_steps(self, store: Store) -> None:
        samples.human_step(store, "R1", due_at=1500.0)
        samples.human_step(store, "R2", due_at=None)
        samples.human_step(store, "R3", due_at=1400.0)
        with store.read() as reader:
            assert [row["run"] for row in reader.due_steps(1500.0)] == ["R3", "R1"]
            assert [row["run"] for row in reader.due_steps(1499.0)] == ["R3"]
            assert [row["run"] for row in reader.due_steps(9999.0, limit=1)] == ["R3"]

    def test_an_ended_run_has_no_steps(self, store: Store) -> None:
        definition = samples.start_run(store, "R1")
        samples.start_run(store, "R2")
        samples.do(store, definition, "R1", c.CancelRun(at=1001.0, actor="ann", reason="enough"))
        with store.read() as reader:
            assert [row["run"] for row in reader.steps()] == ["R2"]
            assert samples.ids(reader.runs(status=("ended",))) == ["R1"]
            assert samples.ids(reader.runs(status=("ended", "open"))) == ["R1", "R2"]
            assert samples.ids(reader.runs()) == ["R1", "R2"]


class TestMessages:
    def test_mailboxes(self, store: Store) -> None:
        samples.message(store, "M1", to="bob")
        samples.message(store, "M2", to="role:reviewer", run="R1")
        samples.message(store, "M10", kind="ask", to="human", run="R1")
        samples.message(store, "M3", kind="ask", to="bob")
        with store.write() as writer:
            samples.put(writer, "M1", [e.MessageAcknowledged(at=11.0, actor="bob", by="bob")])
            samples.put(writer, "M3", [e.MessageAnswered(at=11.0, actor="bob", by="bob", body="yes")])
        with store.read() as reader:
            assert samples.ids(reader.messages()) == ["M1", "M2", "M3", "M10"]
            assert samples.ids(reader.messages(recipients=("bob", "role:reviewer"))) == ["M1", "M2", "M3"]
            mine = reader.messages(recipients=("bob", "role:reviewer"), unacknowledged_by="bob")
            assert samples.ids(mine) == ["M2", "M3"]
            assert samples.ids(reader.messages(recipients=("bob",), unacknowledged_by="carol")) == ["M1", "M3"]
            assert samples.ids(reader.messages(run="R1")) == ["M2", "M10"]
            assert samples.ids(reader.messages(run="R1", unanswered=True, sender="ann")) == ["M2", "M10"]
            assert samples.ids(reader.messages(recipients=("human",), run="R1")) == ["M10"]
            assert samples.ids(reader.messages(sender="ann", answered=True)) == ["M3"]
            assert samples.ids(reader.messages(sender="bob", answered=True)) == []
            assert samples.ids(reader.messages(limit=1)) == ["M1"]


class TestLearnings:
    def test_they_are_found_by_their_words(self, store: Store) -> None:
        samples.learning(store, "L1", "The parser reads bytes, never text; parsers are slow")
        samples.learning(
            store, "L2", "Landing needs the lead's lock and a parser nobody mentions elsewhere in this long text"
        )
        samples.learning(store, "L3", "parser", retired=True)
        samples.learning(store, "L10", "Nothing about that", run="R1")
        with store.read() as reader:
            found = reader.search_learnings(("parser", "byte"))
            assert sorted(found, key=lambda name: -found[name]) == ["L1", "L2"]
            assert all(score > 0 for score in found.values())
            assert reader.search_learnings(("parser", "byte"), limit=1).keys() == {"L1"}
            assert reader.search_learnings(()) == {}
            assert reader.search_learnings(('"', "or", "not*", "absent")) == {}
            assert [x.id for x in reader.learnings()] == ["L1", "L2", "L3", "L10"]
            assert [x.id for x in reader.learnings(status="active", run="R1")] == ["L10"]
            assert [x.id for x in reader.learnings(status="active", same="nothing about that")] == ["L10"]
            assert reader.count_learnings() == 4
            assert reader.count_learnings(status="active", run="R1") == 1

    def test_an_edited_one_is_found_by_its_new_words(self, store: Store) -> None:
        samples.learning(store, "L1", "The parser reads bytes")
        with store.write() as writer:
            samples.put(writer, "L1", [e.LearningEdited(at=11.0, actor="ann", text="The lexer does")])
        with store.read() as reader:
            assert reader.search_learnings(("parser",)) == {}
            assert reader.search_learnings(("lexer",)).keys() == {"L1"}

    def test_first_advances_are_counted(self, store: Store) -> None:
        definition = samples.workflow()
        for number, withheld, colours in (
            (1, False, [False, True]),
            (2, False, [True]),
            (3, True, [False]),
            (4, False, []),
        ):
            run = f"R{number}"
            samples.start_run(store, run)
            token = samples.claim(store, definition, run, "bob", at=1000.0)
            events: list[e.Event] = [
                e.LearningsGiven(
                    at=1.0, actor="bob", step="implement", token=token, learnings=("L1", "L2"), withheld=withheld
                )
            ]
            events += [
                e.Judged(at=2.0, actor="bob", step="implement", verdicts=(), environment_digest="", green=green)
                for green in colours
            ]
            with store.write() as writer:
                samples.put(writer, run, events)
        with store.read() as reader:
            rows = reader.learning_uses("sample", "implement")
            assert [row["learning"] for row in rows] == ["L1", "L2"]
            assert {key: rows[0][key] for key in rows[0] if key != "learning"} == {
                "given": 2,
                "passed": 1,
                "given_advances": 3,
                "held": 1,
                "held_passed": 0,
                "held_advances": 1,
            }
            assert reader.learning_uses("sample", "review") == []

    def test_imported_tasks_by_source(self, store: Store) -> None:
        for name, source in (("T1", "beads:a-1"), ("T2", "backlog:1"), ("T3", ""), ("T4", "beads:a-2")):
            with store.write() as writer:
                samples.put(writer, name, [e.TaskAdded(at=1.0, actor="ann", task=name, title="t", source=source)])
        with store.read() as reader:
            assert reader.task_sources("beads") == {"beads:a-1": "T1", "beads:a-2": "T4"}
            assert reader.task_sources("bead") == {}


class TestTheRest:
    def test_settings_and_definitions(self, store: Store) -> None:
        with store.write() as writer:
            writer.put_setting("target", "main")
            writer.put_setting("target", "trunk")
            writer.put_definition("sha256:1", b"\x00\xff{")
            writer.put_definition("sha256:1", b"\x00\xff{")
        with store.read() as reader:
            assert reader.setting("target") == "trunk"
            assert reader.definition("sha256:1") == b"\x00\xff{"

    def test_events_are_paged(self, store: Store) -> None:
        for number in range(1, 8):
            samples.add_task(store, f"T{number}")
            with store.write() as writer:
                samples.put(writer, "T1", [e.TaskEdited(at=2.0, actor="a", title=f"t{number}")])
        with store.read() as reader:
            everything = reader.events()
            assert [x.position for x in everything] == list(range(1, 15))
            assert [x.position for x in reader.events(after=3, limit=2)] == [4, 5]
            assert [x.seq for x in reader.events("T1")] == list(range(1, 9))
            assert [x.seq for x in reader.events("T1", after=6)] == [7, 8]
            assert reader.events("T9") == []

    @pytest.mark.parametrize("outcome", ["passed", "failed"])
    def test_measured_verdicts_are_remembered(self, store: Store, outcome: str) -> None:
        verdict = samples.verdict(outcome)
        assert store.get("s", "g", "e") is None
        store.put("s", "g", "e", samples.verdict("failed"))
        store.put("s", "g", "e", verdict)
        assert store.get("s", "g", "e") == verdict
        assert store.get("other", "g", "e") is None
        assert store.get("s", "other", "e") is None
        assert store.get("s", "g", "other") is None
        with store.read():
            assert store.get("s", "g", "e") == verdict

    @pytest.mark.parametrize("outcome", ["unmeasured", "waived", "pending", "green"])
    def test_nothing_else_is_a_measurement(self, store: Store, outcome: str) -> None:
        with pytest.raises(InvariantViolation):
            store.put("s", "g", "e", samples.verdict(outcome))
        assert store.get("s", "g", "e") is None


TASKS = ["T1", "T2", "T10", "T3"]
MORE_MOVES = ["give", "judge", "learn", "retire"]
MOVES = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(TASKS), st.lists(st.sampled_from(TASKS), max_size=3), st.integers(0, 4)),
    st.tuples(st.just("depends"), st.sampled_from(TASKS), st.lists(st.sampled_from(TASKS), max_size=3), st.just(0)),
    st.tuples(st.sampled_from(["land", "cancel", "draft"]), st.sampled_from(TASKS), st.just([]), st.integers(0, 1)),
    st.tuples(
        st.sampled_from(
            ["run", "claim", "renew", "release", "tick", "end", "block", "ask", "ack", "answer", *MORE_MOVES]
        ),
        st.sampled_from(["1", "2", "10"]),
        st.just([]),
        st.integers(0, 200),
    ),
)


def task_events(writer: s.State | None, move: str, name: str, depends_on: list[str], number: int) -> list[e.Event]:
    state = writer
    if move == "add":
        more = {"depends_on": tuple(depends_on), "priority": number}
        return samples.added(name, **more) if state is None else []
    if not isinstance(state, s.Task):
        return []
    if move == "depends":
        return [e.TaskEdited(at=2.0, actor="a", depends_on=tuple(depends_on))]
    if move == "draft":
        return [e.TaskEdited(at=2.0, actor="a", draft=bool(number))]
    if move == "cancel":
        return [e.TaskCancelled(at=2.0, actor="a")]
    outcome = "landed" if number else "cancelled"
    return [
        e.RunAttached(at=2.0, actor="a", run="R1"),
        e.RunDetached(at=3.0, actor="a", run="R1", outcome=outcome),
    ]


def run_events(state: s.State | None, move: str, name: str, number: int) -> list[e.Event]:
    if move == "run":
        return (
            [
                e.RunStarted(
                    at=1000.0,
                    actor="l",
                    run=f"R{name}",
                    task="T1",
                    workflow="w",
                    workflow_name="w",
                    definitions="c",
                    target="main",
                    base="c",
                    base_tree="t",
                    priority=number % 3,
                ),
                e.StepEntered(
                    at=1000.0 + number,
                    actor="l",
                    step="one",
                    lane="",
                    visit=1,
                    kind="agent",
                    base="c",
                    base_tree="t",
                    role="implementer" if number % 2 else "",
                ),
                e.StepEntered(
                    at=1000.0,
                    actor="l",
                    step="two",
                    lane="x",
                    visit=1,
                    kind="human",
                    base="c",
                    base_tree="t",
                    due_at=1400.0 + number,
                ),
            ]
            if state is None
            else []
        )
    if not isinstance(state, s.Run) or state.status == "ended":
        return []
    step = state.active["one"]
    held = step.lease is not None
    if move == "claim" and step.state == "ready":
        return [
            e.StepClaimed(
                at=1001.0,
                actor="bob",
                step="one",
                agent="bob",
                role="",
                attempt=step.attempt + 1,
                token=state.token + 1,
                lease_s=100.0,
                expires_at=1000.0 + number,
                workdir=f"/w/{number}",
            )
        ]
    if move == "give" and held:
        names = ("L1", "L2") if number % 2 else ("L10",)
        return [
            e.LearningsGiven(
                at=1002.0, actor="bob", step="one", token=state.token, learnings=names, withheld=number % 3 == 0
            )
        ]
    if move == "judge" and held:
        return [
            e.Judged(at=1002.0, actor="bob", step="one", verdicts=(), environment_digest="", green=bool(number % 2))
        ]
    if move == "renew" and held:
        return [
            e.LeaseRenewed(
                at=1002.0, actor="bob", step="one", token=state.token, expires_at=1050.0 + number, tokens_used=number
            )
        ]
    if move == "release" and held:
        return [e.AttemptEnded(at=1003.0, actor="bob", step="one", token=state.token, how="released")]
    if move == "block":
        return [e.RunBlocked(at=1004.0, actor="andon", step="one" if number % 2 else "", reason="no")]
    if move == "tick" and step.state == "blocked":
        return [e.RunUnblocked(at=1005.0, actor="ann", step="")]
    if move == "end":
        return [e.RunEnded(at=1006.0, actor="ann", outcome="cancelled")]
    return []


def message_events(state: s.State | None, move: str, name: str, number: int) -> list[e.Event]:
    if move == "ask":
        to, run = ("bob", "R1") if number % 2 else ("human", "")
        ask = e.MessageSent(
            at=10.0, actor="ann", message=f"M{name}", kind="ask", recipient=to, body=str(number), run=run
        )
        return [ask] if state is None else []
    if state is None:
        return []
    if move == "ack":
        return [e.MessageAcknowledged(at=11.0, actor="bob", by="bob" if number % 2 else "ann")]
    return [e.MessageAnswered(at=12.0, actor="bob", by="bob", body="yes")]


def learning_events(state: s.State | None, move: str, name: str, number: int) -> list[e.Event]:
    if state is None and move == "learn":
        text = f"The parser of number {number}" if number % 2 else "nothing of that"
        return [e.LearningRecorded(at=10.0, actor="ann", learning=f"L{name}", text=text, scopes=("repo",))]
    if isinstance(state, Learning) and state.status == "active":
        if move == "learn":
            return [e.LearningEdited(at=11.0, actor="ann", text=f"number {number}")]
        return [e.LearningRetired(at=12.0, actor="ann")]
    return []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(MOVES, st.booleans(), st.integers(-1, 4)), max_size=40))
def test_both_stores_are_the_same(tmp_path_factory: pytest.TempPathFactory, moves: list[object]) -> None:
    """Any sequence of appends, conflicts and failures gives the same answers from both, and law 9 holds."""
    path = tmp_path_factory.mktemp("pair") / "andon.db"
    pair: list[Store] = [MemoryStore(), SqliteStore(str(path))]
    for (move, name, more, number), fail, cause in moves:  # type: ignore[misc]
        results = [_one_move(store, move, name, more, number, fail, cause) for store in pair]
        assert results[0] == results[1]
    views = []
    for store in pair:
        with store.read() as reader:
            views.append(samples.everything(reader))
        assert rebuild.check(store) == []
    assert views[0] == views[1]
    rebuild.rebuild(pair[1])
    assert rebuild.check(pair[1]) == []
    with pair[1].read() as reader:
        assert samples.everything(reader) == views[0]
    pair[1].close()


def _one_move(store: Store, move: str, name: str, more: list[str], number: int, fail: bool, cause: int) -> str:
    try:
        with store.write() as writer:
            stream = name
            if not name.startswith("T"):
                stream = {"ask": "M", "ack": "M", "answer": "M", "learn": "L", "retire": "L"}.get(move, "R") + name
            loaded = writer.load(stream)
            state = loaded.state if loaded else None
            if stream.startswith("T"):
                events = task_events(state, move, name, more, number)
            elif stream.startswith("R"):
                events = run_events(state, move, name, number)
            elif stream.startswith("L"):
                events = learning_events(state, move, name, number)
            else:
                events = message_events(state, move, name, number)
            if not events:
                return "nothing"
            samples.put(writer, stream, events, cause=f"c{cause}" if cause >= 0 else None)
            if fail and number % 2:
                raise RuntimeError("undo")
    except Conflict:
        return "conflict"
    except RuntimeError:
        return "undone"
    return "done"


class TestRegistry:
    def test_repositories_by_name(self, store: Store) -> None:
        with store.write() as writer:
            for name in ("web", "api"):
                added = e.RepositoryAdded(at=1.0, actor="ann", repository=name, path=f"/{name}/.git")
                samples.put(writer, f"repo:{name}", [added])
            samples.put(writer, "repo:web", [e.RepositoryRemoved(at=2.0, actor="ann")])
        samples.learning(store, "W1", "The parser reads bytes")
        with store.read() as reader:
            found = [(x.name, x.status, x.path) for x in reader.repositories()]
            assert found == [("api", "registered", "/api/.git"), ("web", "removed", "/web/.git")]
            assert [x.name for x in reader.repositories(limit=1)] == ["api"]
            assert reader.search_learnings(("parser",)).keys() == {"W1"}
        with store.write() as writer:
            assert (writer.next_id("shared"), writer.next_id("learning")) == ("W2", "L1")
        assert rebuild.check(store) == []


class TestMail:
    def test_what_waits_who_sent_and_who_was_seen(self, store: Store) -> None:
        definition = samples.start_run(store, "R1")
        samples.claim(store, definition, "R1", "bob", at=1001.0)
        samples.message(store, "M1", to="carol")
        samples.message(store, "M2", to="carol")
        samples.message(store, "M3", to="carol", kind="ask")
        with store.write() as writer:
            samples.put(writer, "M2", [e.MessageAcknowledged(at=11.0, actor="carol", by="carol")])
            samples.put(writer, "M3", [e.MessageAnswered(at=11.0, actor="carol", by="carol", body="x")])
        with store.read() as reader:
            assert (reader.messages_waiting("carol"), reader.messages_waiting("dora")) == (1, 0)
            sent_at = float(reader.messages()[0]["sent_at"] or 0.0)
            assert reader.messages_sent_since("ann", sent_at - 1) == 3
            assert reader.messages_sent_since("ann", sent_at) == 0
            assert [reader.agent_seen(x) for x in ("bob", "ann", "carol")] == [True, True, False]

    def test_a_thread_in_order(self, store: Store) -> None:
        with store.write() as writer:
            for name in ("M1", "M2", "M10"):
                sent = e.MessageSent(
                    at=1.0, actor="ann", message=name, kind="say", recipient="bob", body="x", thread="M1"
                )
                samples.put(writer, name, [sent])
        samples.message(store, "M3", to="bob")
        with store.read() as reader:
            assert [x["id"] for x in reader.messages(thread="M1")] == ["M1", "M2", "M10"]
            assert reader.messages(thread="") == []
