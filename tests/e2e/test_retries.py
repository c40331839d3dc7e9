"""A caller that got no answer asks again: nothing is lost and nothing is doubled."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from andon.app.wiring import unavailable
from tests.e2e.world import World


def test_the_same_key_adds_once(world: World) -> None:
    first = world.ok("task", "add", "Change", "--key", "issue 7")
    assert world.ok("task", "add", "Change", "--key", "issue 7")["task"] == first["task"]
    assert world.ok("task", "add", "Change")["task"] != first["task"]
    sent = world.ok("say", "bob", "hello", "--key", "m", agent="alice")
    assert world.ok("say", "bob", "hello", "--key", "m", agent="alice")["message"] == sent["message"]
    asked = world.ok("ask", "Why?", "--key", "q", agent="alice")
    assert world.ok("ask", "Why?", "--key", "q", agent="alice")["message"] == asked["message"]
    assert len(world.ok("task", "list")["items"]) == 2
    refused = world.andon("task", "add", "Change", "--key", "k" * 201, "--json")
    assert (refused.exit, refused.kind) == (64, "usage")


def test_the_same_key_counts_tokens_once(world: World) -> None:
    world.add_task()
    workdir = world.claim("alice")["workdir"]
    for _ in range(2):
        beat = world.ok("heartbeat", "--tokens", "5", "--key", "turn 1", agent="alice", cwd=workdir)
    assert beat["tokens_used"] == 5
    assert world.ok("heartbeat", "--tokens", "5", "--key", "turn 2", agent="alice", cwd=workdir)["tokens_used"] == 10


def test_tokens_told_after_the_step_was_left_are_counted_once(world: World) -> None:
    world.add_task()
    workdir = world.implement()["workdir"]
    for _ in range(2):
        late = world.andon("heartbeat", "--tokens", "7", "--key", "last", "--json", agent="alice", cwd=workdir)
        assert late.exit == 4, late.out
        assert "7 tokens were counted" in late.json["error"]["message"]
    assert world.ok("run", "show", "R1")["tokens_used"] == 7
    other = world.andon("heartbeat", "--tokens", "7", "--json", agent="mallory", cwd=workdir)
    assert other.exit == 4
    assert world.ok("run", "show", "R1")["tokens_used"] == 7


def test_tokens_below_nothing_or_beyond_belief_are_refused(world: World) -> None:
    world.add_task()
    workdir = world.claim("alice", "--role", "implementer")["workdir"]
    world.write("app.txt", "two\n", Path(workdir))
    assert world.ok("heartbeat", "--tokens", "900", agent="alice", cwd=workdir)["tokens_used"] == 900
    for tokens in ("-500", str(10**9 + 1), str(10**30)):
        refused = world.andon("heartbeat", "--tokens", tokens, "--json", agent="alice", cwd=workdir)
        assert (refused.exit, refused.json["error"]["kind"]) == (64, "bad_input"), refused.out
        assert "give the tokens" in refused.json["error"]["next"]
    assert world.ok("heartbeat", "--tokens", str(10**9), agent="alice", cwd=workdir)["tokens_used"] == 10**9 + 900
    world.ok("advance", "-m", "done", agent="alice", cwd=workdir)
    late = world.andon("heartbeat", "--tokens", "-500", "--json", agent="alice", cwd=workdir)
    assert (late.exit, late.kind) == (64, "bad_input"), late.out
    assert world.ok("run", "show", "R1")["tokens_used"] == 10**9 + 900


def test_an_interrupted_claim_is_finished_by_the_same_agent_alone(world: World) -> None:
    world.add_task()
    claim = world.claim("alice")
    workdir = Path(claim["workdir"])
    # As `next` leaves it when it is killed while git writes files.
    admin = Path((workdir / ".git").read_text().removeprefix("gitdir: ").strip())
    (admin / "andon-lease").unlink()
    (admin / "index").unlink()
    (admin / "index.lock").write_text("")
    (workdir / "app.txt").unlink()
    assert world.andon("next", "--json", agent="bob").exit == 3
    again = world.claim("alice")
    assert (again["run"], again["workdir"], again["lease"]["token"]) == (claim["run"], str(workdir), 1)
    assert (workdir / "app.txt").read_text().startswith("one")
    assert world.git("status", "--porcelain", cwd=workdir) == ""
    # A worker that damages its worktree has still been handed it: its work is not thrown away.
    (workdir / "app.txt").write_text("mine\n")
    (workdir / ".git").unlink()
    assert world.andon("next", "--json", agent="alice").exit == 3
    assert (workdir / "app.txt").read_text() == "mine\n"


def test_half_a_worktree_is_not_taken_for_unsubmitted_work(tmp_path: Path) -> None:
    world = World.make(tmp_path, lease="1s")
    world.add_task()
    workdir = Path(world.claim("alice")["workdir"])
    admin = Path((workdir / ".git").read_text().removeprefix("gitdir: ").strip())
    (admin / "andon-lease").unlink()
    (workdir / "app.txt").unlink()
    import time

    time.sleep(1.1)
    taken = world.claim("bob")
    assert taken["attempt"] == 2
    assert world.git("for-each-ref", "refs/andon/salvage") == ""
    assert not workdir.exists()


def test_init_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    world = World.make(tmp_path, init=False)
    world.git("rm", "-rq", ".andon")
    world.git("commit", "-qm", "no workflows")
    made = world.ok("init")
    names = set(made["written"])
    assert names
    # As it is when the first file was written and nothing more.
    one = sorted(names)[0]
    for name in names - {one}:
        (world.path / name).unlink()
    shutil.copy(world.path / one, tmp_path / "kept")
    database = world.path / ".git" / "andon" / "andon.db"
    import sqlite3

    connection = sqlite3.connect(database)
    connection.execute("UPDATE settings SET value = 'yes' WHERE key = 'initialising'")
    connection.commit()
    connection.close()
    again = world.ok("init", "--commit")
    assert set(again["written"]) == names
    assert world.git("show", f"main:{one}") + "\n" == (tmp_path / "kept").read_text()
    assert world.git("status", "--porcelain") == ""
    assert world.ok("init", "--commit")["commit"] is None


def test_a_full_disk_is_no_bug() -> None:
    error = unavailable(OSError(28, os.strerror(28), "/somewhere"))
    assert (error.exit, error.kind) == (6, "machine")
    assert "/somewhere: No space left" in error.message


def test_the_next_lead_frees_what_a_dead_one_locked_although_it_lands_nothing(world: World) -> None:
    world.add_task()
    world.implement()
    world.review()
    common = world.path / ".git"
    landed = world.git("commit-tree", "-p", "main", "-m", "never", "main^{tree}")
    # A lead that prepared a landing and whose git was killed with the branch's lock in hand.
    from andon.app.wiring import App
    from andon.core import commands as c
    from andon.engine.interface import CallContext
    from andon.engine.landing import settle_prepared
    from andon.engine.system import claim_system_step
    from andon.engine.transact import load_run

    app = App(CallContext(cwd=str(world.path), agent="pat", person=True))
    services = app.services()
    with services.store.read() as reader:
        run = load_run(reader, "R1")
    claim = claim_system_step(services, "R1", run.active["land"])
    assert claim is not None
    with services.engine.unit() as unit:
        state = unit.run("R1")
    submission = state.submissions[""]
    command = c.PrepareLanding(
        at=services.clock.now(), actor=claim.agent, step="land", token=claim.token, head=world.head(), commit=landed,
        tree=submission.tree, patch=submission.patch, verdicts=tuple(state.verdicts.values()),
        environment_digest=next(iter(state.environments.values())),
    )  # fmt: skip
    services.engine.on_run("R1", command)
    (common / "andon" / "moving").write_text(f"{landed} refs/heads/main\n")
    (common / "refs" / "heads" / "main.lock").write_text(f"{landed}\n")
    (common / "HEAD.lock").write_text("")
    os.utime(common / "HEAD.lock", (1, 1))
    (world.path / "app.txt").write_text("a person's edit\n")
    settled = settle_prepared(services)
    services.store.close()
    assert [x.how for x in settled] == ["waiting"]
    assert list(common.glob("*.lock")) + list((common / "refs" / "heads").glob("*.lock")) == []
    assert (world.path / "app.txt").read_text() == "a person's edit\n"


def test_what_can_not_be_stored_is_not_thrown_away(world: World) -> None:
    world.add_task()
    workdir = Path(world.claim("alice")["workdir"])
    world.ok("release", "-m", "later", agent="alice", cwd=workdir)
    (workdir / "precious.txt").write_text("hours of work\n")
    (workdir / "out").symlink_to("/etc/passwd")
    assert world.person("run", "cancel", "R1").exit == 0
    result = world.andon("doctor", "--mend", "--json")
    assert result.exit == 1
    assert str(workdir) in next(x["message"] for x in result.json["checks"] if x["check"] == "worktrees")
    assert (workdir / "precious.txt").read_text() == "hours of work\n"
    (workdir / "out").unlink()
    assert world.andon("doctor", "--mend").exit == 0
    assert not workdir.exists()
    salvaged = world.git("for-each-ref", "--format=%(objectname)", "refs/andon/salvage").split()
    assert world.git("show", f"{salvaged[-1]}:precious.txt") == "hours of work"
