"""The hot path: finished JSON, few imports, and a renewal that is the core's own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from andon.core import commands as c
from andon.core import events as e
from andon.core import state as s
from andon.core import workflow as w
from andon.core.decide_run import MIN_RENEWAL_S, decide_run
from andon.core.errors import AndonError
from andon.core.evolve import evolve, replay
from andon.core.swarm import Child
from andon.core.verdict import Verdict
from andon.engine import offers
from andon.ports import Store
from andon.store import hot, rebuild
from andon.store.memory import MemoryStore
from andon.store.sqlite import SqliteStore
from tests.store import samples


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "andon.db")


@pytest.fixture
def store(path: str) -> Iterator[SqliteStore]:
    made = SqliteStore(path)
    made.open()
    yield made
    assert rebuild.check(made) == []
    made.close()
    hot.close()


def status(path: str, now: float = 2000.0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(hot.status(path, now))
    return found


class TestStatus:
    def test_an_empty_workspace(self, store: Store, path: str) -> None:
        assert status(path) == {
            "ok": True,
            "needs_human": [],
            "running": [],
            "ready": [],
            "waiting": [],
            "landing": [],
            "undelivered": [],
            "frozen": [],
            "flaky": [],
            "children": [],
            "counts": {"tasks": {}, "runs": {}, "ready_tasks": 0, "active_steps": 0, "listed_at_most": 200},
        }

    def test_people_come_first(self, store: Store, path: str) -> None:
        samples.add_task(store, "T1", title='Say "hi" \\ to\nŻółć')
        samples.human_step(store, "R1", at=1795244400.9, due_at=1795248000.0)
        samples.message(store, "M1", kind="ask", to="human", sender="bob", body="Which?", run="R1", at=1795244401.0)
        samples.message(store, "M2", kind="ask", to="carol", sender="bob", body="not for people")
        samples.message(store, "M3", kind="ask", to="human", sender="bob", body="too late", expires_at=20.0)
        samples.message(store, "M4", kind="say", to="human", sender="bob", body="just so you know")
        first, second = status(path)["needs_human"]
        assert first == {
            "kind": "human",
            "run": "R1",
            "task": "T1",
            "title": 'Say "hi" \\ to\nŻółć',
            "step": "approve",
            "role": None,
            "agent": None,
            "message": None,
            "since": "2026-11-21T07:00:00Z",
            "expires": "2026-11-21T08:00:00Z",
            "reason": "a person must approve or reject it",
            "next": "andon approve R1",
        }
        assert (second["kind"], second["message"], second["reason"], second["agent"], second["task"]) == (
            "ask",
            "M1",
            "Which?",
            "bob",
            "T1",
        )
        assert second["next"].startswith("andon answer M1")

    def test_blocked_runs_and_steps(self, store: Store, path: str) -> None:
        samples.start_run(store, "R1")
        samples.start_run(store, "R2")
        with store.write() as writer:
            samples.put(writer, "R1", [e.RunBlocked(at=1100.0, actor="andon", step="implement", reason="too often")])
            samples.put(writer, "R2", [e.RunBlocked(at=1101.0, actor="andon", step="", reason="too long")])
        found = status(path)
        assert [(x["kind"], x["run"], x["step"], x["reason"], x["next"]) for x in found["needs_human"]] == [
            ("blocked", "R1", "implement", "too often", "andon run retry R1"),
            ("blocked", "R2", None, "too long", "andon run retry R2"),
        ]
        assert found["ready"] == []
        assert [(x["run"], x["reason"]) for x in found["waiting"]] == [("R2", "run R2 is blocked")]

    def test_what_runs_is_ready_waits_and_lands(self, store: Store, path: str) -> None:
        samples.add_task(store, "T1", priority=1)
        samples.add_task(store, "T2", depends_on=("T1", "T99"))
        samples.add_task(store, "T3", draft=True)
        definition = samples.start_run(store, "R4", at=1000.0)
        samples.start_run(store, "R5", at=1001.0, priority=0)
        samples.claim(store, definition, "R4", "bob", at=1002.0, workdir="/w/R4")
        with store.write() as writer:
            for run, state in (("R6", "ready"), ("R7", "leased")):
                events: list[e.Event] = [
                    e.RunStarted(
                        at=1000.0,
                        actor="l",
                        run=run,
                        task="T9",
                        workflow="w",
                        workflow_name="w",
                        definitions="c",
                        target="main",
                        base="c",
                        base_tree="t",
                    ),
                    e.StepEntered(
                        at=1000.0, actor="l", step="land", lane="", visit=1, kind="land", base="c", base_tree="t"
                    ),
                ]
                if state == "leased":
                    events.append(
                        e.StepClaimed(
                            at=1003.0,
                            actor="lead",
                            step="land",
                            agent="lead",
                            role="",
                            attempt=1,
                            token=1,
                            lease_s=10.0,
                            expires_at=1013.0,
                            workdir="",
                        )
                    )
                samples.put(writer, run, events)
            samples.put(
                writer,
                "R8",
                [
                    msgspec.structs.replace(events[0], run="R8"),
                    e.StepEntered(
                        at=1000.0, actor="l", step="build", lane="", visit=1, kind="command", base="c", base_tree="t"
                    ),
                ],
            )
        found = status(path, 1102.0)
        (running,) = found["running"]
        assert (running["run"], running["agent"], running["role"], running["overdue"]) == (
            "R4",
            "bob",
            "implementer",
            True,
        )
        assert running["expires"] == "1970-01-01T00:18:22Z"
        assert status(path, 1101.0)["running"][0]["overdue"] is False
        assert [(x["kind"], x["task"], x["run"]) for x in found["ready"]] == [
            ("agent", "T5", "R5"),
            ("task", "T1", None),
        ]
        assert [(x["kind"], x["task"], x["reason"]) for x in found["waiting"]] == [
            ("command", "T9", "Andon carries it out"),
            ("task", "T2", "waits for T1 (open), T99 (unknown)"),
        ]
        assert [(x["run"], x["state"], x["agent"]) for x in found["landing"]] == [
            ("R6", "ready", None),
            ("R7", "leased", "lead"),
        ]
        assert found["counts"]["tasks"] == {"draft": 1, "open": 2}
        assert found["counts"]["runs"] == {"open": 5}
        assert found["counts"]["ready_tasks"] == 1

    @pytest.mark.parametrize(("kind", "place"), [("approval", "needs_human"), ("signal", "waiting")])
    def test_a_step_parked_for_an_approval_needs_a_person(self, store: Store, path: str, kind: str, place: str) -> None:
        gate: w.Gate = w.ApprovalGate(id="go") if kind == "approval" else w.SignalGate(id="go", name="ci")
        definition = msgspec.structs.replace(samples.workflow(), gates={"go": gate})
        samples.start_run(store, "R1", definition=definition)
        token = samples.claim(store, definition, "R1", "bob", at=1001.0)
        pending = Verdict(gate="go", outcome="pending", summary="…", subject="patch:1", gate_digest="sha256:g")
        with store.write() as writer:
            samples.put(
                writer,
                "R1",
                [
                    e.Judged(
                        at=1002.0,
                        actor="bob",
                        step="implement",
                        verdicts=(pending,),
                        environment_digest="",
                        green=False,
                    ),
                    e.AttemptEnded(
                        at=1002.0, actor="bob", step="implement", token=token, how="waiting", reason="waits for go"
                    ),
                ],
            )
        (item,) = status(path)[place]
        assert (item["run"], item["step"], item["reason"]) == ("R1", "implement", "waits for go")
        other = "waiting" if place == "needs_human" else "needs_human"
        assert status(path)[other] == []

    @pytest.mark.parametrize("seed", range(6))
    def test_ready_work_is_listed_in_the_order_of_next(self, store: Store, path: str, seed: int) -> None:
        random = Random(seed)
        campaigns = ["", "campaign:a", "campaign:b"]
        definitions = {}
        for number in range(1, 60):
            labels = tuple(x for x in ("x", random.choice(campaigns), "campaign:late") if x and random.random() < 0.7)
            priority = random.randrange(5)
            task = f"T{number}"
            parents = list(definitions)
            above = f"R{random.choice(parents)}" if parents and random.random() < 0.3 else ""
            more = {"parent": above.replace("R", "T"), "parent_run": above, "parent_step": "implement"} if above else {}
            samples.add_task(store, task, at=random.uniform(0, 2000), priority=priority, labels=labels, **more)
            if random.random() < 0.5:
                with store.write() as writer:
                    samples.put(writer, task, [e.RunAttached(at=2000.0, actor="ann", run=f"R{number}")])
                at = random.uniform(0, 2000)
                definitions[number] = samples.start_run(store, f"R{number}", at=at, priority=priority, parent=above)
                if random.random() < 0.4:
                    samples.claim(store, definitions[number], f"R{number}", "bob", at=2000.0, workdir=f"/w/{number}")
        for value in ("", "10m", "0s", "100", "soon", "5 m", "9999999d"):
            with store.write() as writer:
                writer.put_setting("config:next.ageing", value)
            for now in (1500.0, 2000.5, 2090.0, 50_000.0):
                with store.read() as reader:
                    wanted = offers.queue(reader, offers.Wanted(), offers.Surroundings(reader, now), now)
                found = [(x["run"] or x["task"], x["step"] or "") for x in status(path, now)["ready"]]
                assert found == [x.key for x in wanted], (value, now)

    def test_the_work_for_ready_children_grows_with_their_number_alone(self, tmp_path: Path) -> None:
        few, many = (_steps_of_status(str(tmp_path / f"{count}.db"), parents=count) for count in (100, 400))
        assert many < 5 * few, (few, many)

    def test_a_step_is_nobodys_own_once_its_time_is_over(self, store: Store, path: str) -> None:
        definition = samples.start_run(store, "R1", at=1000.0)
        token = samples.claim(store, definition, "R1", "bob", at=1001.0)
        handed = c.HandOff(at=1002.0, actor="bob", step="implement", token=token, to="carol", notes="")
        until = samples.do(store, definition, "R1", handed).active["implement"].offered_until
        assert until is not None
        for now, kept, following in (
            (until - 1, "carol", "andon show R1"),
            (until, None, "andon next --task T1"),
        ):
            (item,) = status(path, now)["ready"]
            assert (item["offered_to"], item["next"]) == (kept, following)

    def test_a_question_to_a_person_by_name_is_a_cord(self, store: Store, path: str) -> None:
        samples.message(store, "M1", kind="ask", to="ann@host", sender="bob", body="Which?", person=True, at=10.0)
        samples.message(store, "M2", kind="ask", to="carol", sender="bob", body="not for people", at=10.0)
        samples.message(store, "M3", kind="ask", to="ann", sender="bob", body="late", person=True, expires_at=20.0)
        found = status(path, 9000.0)
        assert [(x["kind"], x["message"], x["next"]) for x in found["needs_human"]] == [
            ("ask", "M1", "andon answer M1 TEXT")
        ]
        assert [x["message"] for x in found["undelivered"]] == ["M2", "M3"]

    @pytest.mark.parametrize(("value", "told"), [("soon", False), ("1000", True), ("-1s", False), ("5x", False)])
    def test_a_setting_that_is_none_is_not_set(self, store: Store, path: str, value: str, told: bool) -> None:
        samples.message(store, "M1", to="carol", at=10.0)
        with store.write() as writer:
            writer.put_setting("config:messages.undelivered_after", value)
        assert bool(status(path, 2000.0)["undelivered"]) is told

    def test_one_damaged_run_does_not_hide_the_others(self, tmp_path: Path) -> None:
        made = SqliteStore(str(tmp_path / "damaged.db"))
        samples.start_run(made, "R1")
        samples.human_step(made, "R2")
        made.open().execute("UPDATE states SET state = 'garbage' WHERE stream = 'R1'")
        made.open().execute("UPDATE steps SET state = 'waiting' WHERE run = 'R1'")
        made.close()
        found = status(made.path)
        assert [x["run"] for x in found["needs_human"]] == ["R2"]
        assert [x["run"] for x in found["waiting"]] == ["R1"]
        hot.close()


class TestInbox:
    def test_only_what_is_unread(self, store: Store, path: str) -> None:
        definition = samples.start_run(store, "R1")
        samples.claim(store, definition, "R1", "bob", at=1001.0)
        samples.message(store, "M1", to="bob")
        samples.message(store, "M2", to="role:implementer")
        samples.message(store, "M3", to="run:R1", run="R1", sender="bob")
        samples.message(store, "M4", to="run:R1", run="R1")
        samples.message(store, "M5", to="role:reviewer")
        samples.message(store, "M6", to="human", kind="ask", sender="bob")
        samples.message(store, "M7", to="bob@example.com")
        samples.message(store, "M10", to="bob")
        with store.write() as writer:
            samples.put(writer, "M1", [e.MessageAcknowledged(at=11.0, actor="bob", by="bob")])
            samples.put(writer, "M2", [e.MessageAcknowledged(at=11.0, actor="carol", by="carol")])
            samples.put(writer, "M6", [e.MessageAnswered(at=11.0, actor="ann", by="ann", body="blue")])
        found = json.loads(hot.inbox(path, ["bob", "bob@example.com"], 2000.0))
        assert [x["id"] for x in found["items"]] == ["M2", "M4", "M7", "M10", "M6"]
        assert found["items"][-1] == {
            "id": "M6",
            "kind": "ask",
            "sender": "bob",
            "recipient": "human",
            "body": "hello",
            "run": "",
            "step": "",
            "answer": "blue",
            "answered_by": "ann",
            "in_reply_to": "",
            "thread": "M6",
            "redelivered": False,
            "sent_at": "1970-01-01T00:00:10Z",
        }
        assert (found["ok"], found["acknowledged"]) == (True, [])
        assert hot.unread(path, ["bob", "bob@example.com"]) == 5
        assert json.loads(hot.inbox(path, [], 0.0))["items"] == []


class TestNothingReady:
    def test_only_when_certain(self, store: Store, path: str) -> None:
        assert hot.nothing_ready(path, None, "bob", 1000.0)
        samples.add_task(store, "T2", depends_on=("T1",))
        assert hot.nothing_ready(path, None, "bob", 1000.0)
        definition = samples.start_run(store, "R1")
        assert not hot.nothing_ready(path, None, "bob", 1000.0)
        assert not hot.nothing_ready(path, "implementer", "bob", 1000.0)
        assert hot.nothing_ready(path, "reviewer", "bob", 1000.0)
        samples.claim(store, definition, "R1", "carol", at=1001.0)
        assert hot.nothing_ready(path, None, "bob", 1100.0)
        assert not hot.nothing_ready(path, None, "bob", 1101.0), "a lease is over"
        assert not hot.nothing_ready(path, None, "carol", 1002.0), "it holds a lease: the slow path finds it again"
        samples.human_step(store, "R2", due_at=1050.0)
        assert hot.nothing_ready(path, None, "bob", 1049.0)
        assert not hot.nothing_ready(path, None, "bob", 1050.0)
        samples.add_task(store, "T5")
        assert not hot.nothing_ready(path, "reviewer", "bob", 1000.0)

    def test_doubt_is_no(self, tmp_path: Path) -> None:
        assert not hot.nothing_ready(str(tmp_path / "none.db"), None, "bob", 0.0)
        (tmp_path / "text.db").write_text("no database at all, but a text of some length" * 50)
        assert not hot.nothing_ready(str(tmp_path / "text.db"), None, "bob", 0.0)
        other = SqliteStore(str(tmp_path / "newer.db"))
        other.open().execute("PRAGMA user_version = 999")
        other.close()
        assert not hot.nothing_ready(other.path, None, "bob", 0.0)
        assert not hot.nothing_ready(other.path, None, "caf\udce9", 0.0)
        hot.close()


class TestErrors:
    def test_a_missing_database(self, tmp_path: Path) -> None:
        with pytest.raises(AndonError) as caught:
            hot.status(str(tmp_path / "none.db"), 0.0)
        assert (caught.value.kind, caught.value.next) == ("not_initialised", "andon init")
        assert not (tmp_path / "none.db").exists()

    def test_a_newer_schema_and_no_database(self, tmp_path: Path) -> None:
        made = SqliteStore(str(tmp_path / "newer.db"))
        made.open().execute("PRAGMA user_version = 999")
        made.close()
        with pytest.raises(AndonError) as caught:
            hot.inbox(made.path, ["bob"], 0.0)
        assert (caught.value.kind, caught.value.exit) == ("newer_schema", 6)
        (tmp_path / "text.db").write_text("no database at all, but a text of some length" * 50)
        with pytest.raises(AndonError) as caught:
            hot.status(str(tmp_path / "text.db"), 0.0)
        assert (caught.value.kind, caught.value.exit) == ("corrupt", 6)
        hot.close()

    def test_an_empty_file_becomes_a_database(self, tmp_path: Path) -> None:
        (tmp_path / "empty.db").touch()
        assert status(str(tmp_path / "empty.db"))["ok"] is True
        hot.close()


# ---------------------------------------------------------------- heartbeat


def lease_file(directory: Path, store: SqliteStore, number: int, **more: str) -> str:
    values = {
        "run": "R1",
        "step": "implement",
        "token": str(number),
        "agent": "bob",
        "db": store.path,
        "common": "/c",
        "workdir": "/w",
        "url": "",
        **more,
    }
    path = directory / "andon-lease"
    path.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
    return str(path)


class TestHeartbeat:
    def test_it_renews_when_it_is_worth_an_event(self, store: SqliteStore, path: str, tmp_path: Path) -> None:
        definition = samples.start_run(store, "R1")
        file = lease_file(tmp_path, store, samples.claim(store, definition, "R1", "bob", at=1000.0))
        early = hot.heartbeat(path, file, 1009.0, 0)
        assert early is not None
        assert (early[0], json.loads(early[1])) == (
            0,
            {
                "ok": True,
                "run": "R1",
                "step": "implement",
                "lease": {"token": 1, "expires_at": "1970-01-01T00:18:20Z"},
                "tokens_used": 0,
            },
        )
        with store.read() as reader:
            assert len(reader.events("R1")) == 3, "nothing is written so soon"
        late = hot.heartbeat(None, file, 1010.0, 0)
        assert late is not None
        assert json.loads(late[1])["lease"]["expires_at"] == "1970-01-01T00:18:30Z"
        spent = hot.heartbeat(path, file, 1010.5, 250)
        assert spent is not None
        assert json.loads(spent[1])["tokens_used"] == 250
        with store.read() as reader:
            assert [x.event for x in reader.events("R1", after=3)] == [
                e.LeaseRenewed(at=1010.0, actor="bob", step="implement", token=1, expires_at=1110.0),
                e.LeaseRenewed(at=1010.5, actor="bob", step="implement", token=1, expires_at=1110.5, tokens_used=250),
            ]

    def test_whatever_is_unusual_is_left_to_the_slow_path(self, store: SqliteStore, path: str, tmp_path: Path) -> None:
        definition = samples.start_run(store, "R1", definition=samples.workflow(tokens=100))
        token = samples.claim(store, definition, "R1", "bob", at=1000.0)
        unusual = [
            ({}, 1100.0, 0),
            ({}, 1050.0, 101),
            ({}, 1050.0, -1),
            ({}, 1050.0, hot.TOKENS_MAX + 1),
            ({"token": "2"}, 1050.0, 0),
            ({"token": "one"}, 1050.0, 0),
            ({"agent": "carol"}, 1050.0, 0),
            ({"run": "R2"}, 1050.0, 0),
            ({"step": "review"}, 1050.0, 0),
            ({"step": 'a"b'}, 1050.0, 0),
            ({"url": "https://example.com"}, 1050.0, 0),
            ({"db": str(tmp_path / "other.db")}, 1050.0, 0),
            ({"db": ""}, 1050.0, 0),
        ]
        for more, now, tokens in unusual:
            assert hot.heartbeat(path, lease_file(tmp_path, store, token, **more), now, tokens) is None, more
        assert hot.heartbeat(path, str(tmp_path / "none"), 1050.0, 0) is None
        assert hot.heartbeat(str(tmp_path / "none.db"), lease_file(tmp_path, store, token), 1050.0, 0) is None
        file = lease_file(tmp_path, store, token)
        assert hot.heartbeat(path, file, float("nan"), 0) is None
        samples.do(store, definition, "R1", c.CancelRun(at=1051.0, actor="ann"))
        assert hot.heartbeat(path, file, 1052.0, 0) is None
        with store.read() as reader:
            assert not [x for x in reader.events("R1") if isinstance(x.event, e.LeaseRenewed)]

    def test_the_database_by_another_name(self, store: SqliteStore, path: str, tmp_path: Path) -> None:
        definition = samples.start_run(store, "R1")
        file = lease_file(tmp_path, store, samples.claim(store, definition, "R1", "bob", at=1000.0))
        (tmp_path / "link").symlink_to(tmp_path)
        assert hot.heartbeat(str(tmp_path / "link" / "andon.db"), file, 1050.0, 0) is not None

    def test_heartbeats_and_writers_take_turns(self, store: SqliteStore, path: str, tmp_path: Path) -> None:
        definition = samples.start_run(store, "R1")
        file = lease_file(tmp_path, store, samples.claim(store, definition, "R1", "bob", at=1000.0))
        program = (
            "import sys; sys.path.insert(0, sys.argv[1])\n"
            "from andon.store import hot\n"
            "for number in range(40):\n"
            "    assert hot.heartbeat(None, sys.argv[2], 1001.0 + number / 10, 1), number\n"
        )
        source = str(Path(hot.__file__).parents[2])
        command = [sys.executable, "-I", "-c", program, source, file]
        beating = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
        for number in range(40):
            renew = c.Renew(at=1002.0 + number / 10, actor="bob", step="implement", token=1, tokens_used=1)
            samples.do(store, definition, "R1", renew)
        assert [process.communicate()[1] for process in beating] == [b"", b"", b""]
        assert [process.returncode for process in beating] == [0, 0, 0]
        with store.read() as reader:
            loaded = reader.load("R1")
            assert loaded is not None
            assert isinstance(loaded.state, s.Run)
            assert loaded.state.tokens_used == 160
            assert loaded.seq == 163

    def test_a_blocked_run_and_a_missing_definition_are_unusual(self, store: SqliteStore, tmp_path: Path) -> None:
        definition = samples.start_run(store, "R1")
        file = lease_file(tmp_path, store, samples.claim(store, definition, "R1", "bob", at=1000.0))
        with store.write() as writer:
            samples.put(writer, "R1", [e.RunBlocked(at=1001.0, actor="andon", step="", reason="x")])
        assert hot.heartbeat(None, file, 1050.0, 0) is None
        with store.write() as writer:
            samples.put(writer, "R1", [e.RunUnblocked(at=1001.0, actor="ann", step="")])
        assert hot.heartbeat(None, file, 1050.0, 0) is not None
        store.open().execute("DELETE FROM definitions")
        assert hot.heartbeat(None, file, 1090.0, 0) is None

    def test_a_budget_and_children_are_for_the_core_to_count(self, store: SqliteStore, tmp_path: Path) -> None:
        definition = samples.start_run(store, "R1", budget=100)
        file = lease_file(tmp_path, store, samples.claim(store, definition, "R1", "bob", at=1000.0))
        assert hot.heartbeat(None, file, 1050.0, 7) is None
        definition = samples.start_run(store, "R2")
        token = samples.claim(store, definition, "R2", "bob", at=1000.0)
        file = lease_file(tmp_path, store, token, run="R2")
        assert hot.heartbeat(None, file, 1050.0, 7) is not None
        child = Child(index=0, key="1", task="T9", budget=5)
        place = {"ref": "refs/andon/swarm/R2/implement/1", "base": "c0", "base_tree": "t0", "common": "c0"}
        command = c.HandOn(at=1051.0, actor="bob", step="implement", token=token, children=(child,), **place)
        samples.do(store, definition, "R2", command)
        assert hot.heartbeat(None, file, 1090.0, 7) is None

    def test_the_least_renewal_is_the_cores(self) -> None:
        assert hot.MIN_RENEWAL_S == MIN_RENEWAL_S


BEATS = st.lists(
    st.tuples(
        st.floats(min_value=0.0, max_value=60.0, allow_nan=False),
        st.sampled_from([0, 0, 0, 1, 7, 123456, -1, c.TOKENS_MAX, c.TOKENS_MAX + 1]),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.floats(min_value=1.0, max_value=4e9, allow_nan=False),
    lease_s=st.sampled_from([0.5, 10.0, 100.0, 250.25, 1800.0]),
    limit=st.sampled_from([None, 1000, 200_000]),
    beats=BEATS,
)
def test_heartbeats_are_the_cores_renewals(
    tmp_path: Path, start: float, lease_s: float, limit: int | None, beats: list[tuple[float, int, bool]]
) -> None:
    """Event for event, state for state: whatever the hot path answers is what `Renew` decides and `evolve` makes."""
    hot.close()
    for old in tmp_path.iterdir():
        old.unlink()
    store = SqliteStore(str(tmp_path / "andon.db"))
    model = MemoryStore()
    definition = samples.workflow(tokens=limit)
    for each in (store, model):
        samples.start_run(each, "R1", at=start, definition=definition)
        claim = c.Claim(at=start, actor="bob", step="implement", workdir="/w", lease_s=lease_s)
        samples.do(each, definition, "R1", claim)
    file = lease_file(tmp_path, store, 1)
    now = start
    for step_s, tokens, closing in beats:
        now += step_s
        with model.read() as reader:
            loaded = reader.load("R1")
        assert loaded is not None
        assert isinstance(loaded.state, s.Run)
        renew = c.Renew(at=now, actor="bob", step="implement", token=1, tokens_used=tokens)
        decision = decide_run(definition, loaded.state, renew, lambda _condition, _facts: False)
        answer = hot.heartbeat(store.path, file, now, tokens)
        if answer is None:
            # Refused by the core, or blocked by it: the slow path has to tell.
            assert not isinstance(decision, list) or any(isinstance(x, e.RunBlocked) for x in decision)
            break
        assert isinstance(decision, list)
        after = loaded.state
        for event in decision:
            folded = evolve(after, event)
            assert isinstance(folded, s.Run)
            after = folded
        if decision:
            with model.write() as writer:
                writer.append("R1", loaded.seq, decision, after)
        body = json.loads(answer[1])
        assert body["tokens_used"] == after.tokens_used
        if closing:
            hot.close()
    assert rebuild.check(store) == []
    with store.read() as reader, model.read() as expected:
        assert [x.event for x in reader.events("R1")] == [x.event for x in expected.events("R1")]
        assert reader.load("R1") == expected.load("R1")
        assert reader.steps() == expected.steps()
        assert reader.runs() == expected.runs()
        assert replay(x.event for x in reader.events("R1", limit=10_000)) == expected.load("R1").state  # type: ignore[union-attr]
    raw = store.open().execute("SELECT CAST(state AS BLOB) FROM states WHERE stream = 'R1'").fetchone()[0]
    assert raw == msgspec.json.encode(msgspec.json.decode(raw, type=s.Run)), "byte for byte as the core writes it"
    for (data,) in store.open().execute("SELECT CAST(data AS BLOB) FROM events").fetchall():
        assert data == e.encode(e.decode(data))
    store.close()


FORBIDDEN = {
    "msgspec",
    "json",
    "re",
    "dataclasses",
    "typing",
    "pathlib",
    "asyncio",
    "subprocess",
    "threading",
    "datetime",
    "logging",
    "click",
    "andon.core",
    "andon.ports",
    "contextlib",
    "enum",
}


def test_the_hot_path_imports_next_to_nothing(store: SqliteStore, path: str) -> None:
    samples.start_run(store, "R1")
    program = (
        "import sys; before = set(sys.modules)\n"
        f"sys.path.insert(0, {str(Path(hot.__file__).parents[2])!r})\n"
        "from andon.store import hot\n"
        f"hot.status({path!r}, 1.0); hot.inbox({path!r}, ['bob'], 1.0); hot.nothing_ready({path!r}, None, 'bob', 1.0)\n"
        "print(' '.join(sorted(set(sys.modules) - before)))\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & FORBIDDEN, loaded & FORBIDDEN
    allowed = {
        "__future__",
        "_sqlite3",
        "fcntl",
        "andon",
        "andon.store",
        "andon.store.hot",
        "andon.store.locking",
        "andon.store.sql_text",
        # The C module _sqlite3 asks for these itself.
        "functools",
        "_functools",
        "types",
        "collections",
        "_collections",
        "keyword",
        "operator",
        "_operator",
        "reprlib",
        "itertools",
        "_collections_abc",
    }
    assert loaded <= allowed, loaded - allowed


def _steps_of_status(path: str, parents: int) -> int:
    """Thousands of SQLite's own steps that `status` takes where so many runs have a ready child each."""
    place = {"base": "c", "base_tree": "t"}
    made = SqliteStore(path)
    made.open()
    with made.write() as writer:
        for number in range(1, parents + 1):
            run, task, child = f"R{number}", f"T{number}", f"T{number + parents}"
            started = {"workflow": "w", "workflow_name": "w", "definitions": "c", "target": "main", **place}
            samples.put(writer, task, samples.added(task))
            samples.put(writer, task, [e.RunAttached(at=2.0, actor="ann", run=run)])
            begun = e.RunStarted(at=2.0, actor="ann", run=run, task=task, **started)
            entered = e.StepEntered(at=2.0, actor="ann", step="implement", lane="", visit=1, kind="agent", **place)
            samples.put(writer, run, [begun, entered])
            family = {"parent": task, "parent_run": run, "parent_step": "implement"}
            samples.put(writer, child, samples.added(child, **family))
    counted = []
    connection = made.open()
    connection.set_progress_handler(lambda: counted.append(1), 1000)
    parameters = {"now": 2000.0, "limit": hot.MAX_LISTED, "each": hot.EACH}
    (text,) = connection.execute(hot._sql("status"), parameters).fetchone()
    connection.set_progress_handler(None, 0)
    made.close()
    assert len(json.loads(text)["ready"]) == min(2 * parents, hot.MAX_LISTED)
    return len(counted)
