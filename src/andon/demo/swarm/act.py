"""The second act: who is on stage and what the driver does; then the judgement.

Theory of operation. A planner lists the pieces, `andon plan --apply` orders them, and only then six workers start, who take
the pieces from the hook. The act listens, kills whoever has the victim's piece, and ends when the parent's change landed.
Then git and Andon's log are asked what became of it. No process outlives the act. Must not know: how a piece is made.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from andon.demo import craft, edits, project, stage
from andon.demo.client import Andon
from andon.demo.crew import Note
from andon.demo.ledger import Landed
from andon.demo.listening import Listening
from andon.demo.screen import Screen
from andon.demo.swarm import facts, pieces
from andon.demo.swarm.facts import Child, SwarmSummary
from andon.demo.swarm.hands import INTENT, WORKERS
from andon.demo.worker import Orders

LEASE_S = stage.SWARM_LEASE_S
PLANNER = "pia"
AGENTS = ("ivo", "jane", "kim", "lars", "mona", "nils")


class Act(Listening):
    """The second act while it runs."""

    def __init__(self, repository: Path, backstage: Path, screen: Screen) -> None:
        super().__init__(repository, backstage, {}, screen)
        self.parent = ""
        self.killed = ""

    def orders(self, character: str, agent: str, task: str = "") -> Orders:
        return Orders(
            character=character,
            agent=agent,
            repository=str(self.repository),
            tasks=self.tasks,
            stop=str(self.backstage / "stop"),
            hold=str(self.backstage / "signals"),
            memory=str(self.backstage / "victim"),
            lease_s=LEASE_S,
            task=task,
        )

    # ------------------------------------------------------------ the play

    def run(self, time_limit_s: float) -> list[str]:
        """Until the parent's change landed or time is over. Returns what went wrong with the act itself."""
        begun = time.monotonic()
        deadline = begun + time_limit_s
        self.parent = stage.add_intent(self.repository)
        self.tasks = {self.parent: INTENT}
        self.screen.begin([INTENT, *(piece.key for piece in pieces.PIECES)])
        try:
            self.crew.start_worker(self.orders("planner", PLANNER, self.parent))
            done = self.listen_until(lambda: not self.crew.is_running(PLANNER), deadline)
            self.drain()
            if done and self.ledger.of("planned"):
                self._show_plan()
                self.crew.start_lead()
                for agent in AGENTS:
                    self.crew.start_worker(self.orders("piece-worker", agent))
                done = self.listen_until(lambda: self.statuses.get(self.parent) == "landed", deadline)
            died = [f"process {name} ended with exit code {code}" for name, code in self.crew.dead()]
        finally:
            self.end()
            self.screen.end()
        if not done:
            states = ", ".join(f"{self.tasks.get(name, name)} {status}" for name, status in self.statuses.items())
            died.append(f"the swarm ended unfinished after {time.monotonic() - begun:.0f} s: {states}")
        return died

    def _show_plan(self) -> None:
        """The children have names now; show what `andon plan` says of them before anybody starts."""
        keys = {piece.title: piece.key for piece in pieces.PIECES}
        for name, item in stage.states(self.repository).items():
            if (key := keys.get(str(item["title"]))) is not None:
                self.tasks[name] = key
        self.screen.line("")
        for line in stage.shown(self.repository, "plan", "--workers", str(WORKERS)).splitlines():
            self.screen.line(f"    {line}"[:120].rstrip())
        self.screen.line("")

    # ------------------------------------------------------------ what happens

    def landed(self, task: str, commit: str) -> str:
        where = "lands as" if task == self.parent else "goes onto the parent's branch as"
        return f"{where} {commit}"

    def on_note(self, note: Note) -> None:
        self.ledger.add(note)
        what, agent, task = str(note["what"]), str(note["agent"]), str(note["task"])
        self.screen.happening(agent, task, str(note["text"]), {"mended": "conflict"}.get(what, what))
        if what == "claimed":
            self.screen.state(task, str(note["step"]), agent)
        if what == "half_way":
            self.killed = agent
            self.crew.kill(agent)
            self.screen.happening("demo", task, f"kill -9 {agent}; its lease runs out within {LEASE_S} s", "killed")


# ---------------------------------------------------------------- the judgement


def perform(repository: Path, backstage: Path, screen: Screen, time_limit_s: float) -> SwarmSummary:
    """Play the act on what the branch holds now, and judge it."""
    begun = time.monotonic()
    backstage.mkdir()
    since = project.git(repository, "rev-parse", "main")
    screen.section(f"The swarm: one intent, a planner, {WORKERS} workers, a lead")
    screen.line(f"“{pieces.TITLE}”")
    act = Act(repository, backstage, screen)
    problems = act.run(time_limit_s)
    screen.section("The test of the swarm: is anything lost?")
    return judge(act, problems, since, begun)


def judge(act: Act, problems: list[str], since: str, begun: float) -> SwarmSummary:
    """Compare what Andon's log, git and the real test-suite say with what should have happened."""
    andon = Andon(None, act.repository)
    run = str(andon.call("show", act.parent).data.get("run") or "")
    spread = andon.call("show", run).data.get("children", {}).get("spread", {})
    children = [_child(act, andon, item, str(spread["target"]), since) for item in spread.get("items", [])]
    plan: dict[str, Any] = next((note["figures"] for note in act.ledger.of("planned")), {})
    found = stage.landed(act.repository, since, act.tasks)
    final_tests, wrong = _verify(act, since, found, str(spread.get("target", "")))
    wanted = [piece.key for piece in pieces.PIECES]
    wrong = [*problems, *wrong, *facts.differences(children, wanted, plan, act.killed)]
    wrong += [f"{note['agent']}: {note['text']}" for note in act.ledger.of("unexpected")]
    by_key = {child.key: child for child in children}
    uses, victim = by_key.get(pieces.USES), by_key.get(pieces.VICTIM)
    return SwarmSummary(
        ok=not wrong,
        task=act.parent,
        run=run,
        duration_s=round(time.monotonic() - begun, 1),
        commit=found[0].commit if found else "",
        evidence=found[0].evidence if found else "",
        tested=bool(found) and all(one.tested for one in found),
        shared=pieces.SHARED if facts.shared_file(plan) else "",
        strategy=str(facts.shared_file(plan).get("strategy", "")),
        waves=int(plan.get("waves") or 0),
        one_at_a_time=int(plan.get("one_at_a_time") or 0),
        children=tuple(children),
        pair_reason=uses.sent_back[0] if uses and uses.sent_back else "",
        pair_mended_by=uses.workers[-1] if uses and uses.sent_back else "",
        killed=act.killed,
        taken_over=next((x for x in victim.workers if x != act.killed), "") if victim else "",
        final_tests=final_tests,
        differences=tuple(dict.fromkeys(wrong)),
    )


def _child(act: Act, andon: Andon, item: dict[str, Any], target: str, since: str) -> Child:
    """One entry of the join, with what the log of its run and git say."""
    task = andon.call("show", str(item["task"])).data
    events = andon.call("log", str(item["run"])).data.get("items", []) if item["run"] else []
    return Child(
        key=str(item["key"]),
        task=str(item["task"]),
        run=str(item["run"] or ""),
        outcome=str(item["outcome"]),
        commit=str(item["commit"]),
        message=str(item["message"]),
        wave=task.get("wave"),
        depends_on=tuple(act.tasks.get(name, name) for name in task.get("depends_on", [])),
        workers=facts.claims(events),
        sent_back=facts.refusals(events),
        green_alone=facts.green_alone(events),
        integrated=bool(item["commit"]) and str(item["commit"]) in _commits(act.repository, f"{since}..{target}"),
    )


def _commits(repository: Path, commits: str) -> list[str]:
    return project.git(repository, "rev-list", commits).splitlines()


def _verify(act: Act, since: str, found: list[Landed], target: str) -> tuple[str, list[str]]:
    """Run the real test-suite on the landed head: (pytest's last line, what differs from what should be)."""
    repository, problems = act.repository, []
    if [one.task for one in found] != [act.parent]:
        problems.append(f"the intent has {len(found)} commits on main, expected 1 of {act.parent}")
    problems += [f"commit {one.commit[:10]} has no Andon-Evidence trailer" for one in found if not one.evidence]
    problems += [f"commit {one.commit[:10]} landed a tree that no gate tested" for one in found if not one.tested]
    if found and target:
        between = set(project.git(repository, "diff", "--name-only", target, "main").splitlines())
        if lost := between - {pieces.LIST, edits.CHANGE_LOG}:
            problems.append(f"main differs from what was integrated: {', '.join(sorted(lost)[:5])}")
    with project.files_of(repository, since) as before, project.files_of(repository, "main") as after:
        ran = craft.run_tests(after)
        now = craft.test_ids(after)
        # One piece gives a function another name, and its tests with it.
        gone = {x.replace(pieces.OLD_NAME, pieces.NEW_NAME) for x in craft.test_ids(before)} - now
        files = {test.partition("::")[0] for test in now}
        missing = [
            x.key
            for x in pieces.PIECES
            if x.proof not in files or not all((after / y).exists() for y in pieces.changes(x))
        ]
    if ran.exit_code != 0:
        problems.append(f"the test-suite is red on the landed head: {craft.last_line(ran.tail)}")
    if gone:
        problems.append(f"{len(gone)} tests are gone: {', '.join(sorted(gone)[:3])}")
    problems += [f"piece {key} is not on the landed head" for key in missing]
    if project.git(repository, "status", "--porcelain"):
        problems.append("the checkout of main is dirty")
    return craft.last_line(ran.tail), problems
