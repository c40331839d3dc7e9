"""Who works in a simulated world: honest workers, pleasers, cheaters, people, leads, and outsiders who push past Andon.

Each is a generator that yields calls and gets their results, as an agent uses the command line. They know what a real
one knows: replies, and the files of their worktree. Must not know: the store, or what the laws' checkers think.
"""

from __future__ import annotations

from typing import Any

from andon.core import state as s
from andon.core import workflow as w
from andon.core.swarm import is_integration
from andon.core.verdict import PASSED
from andon.engine.places import Claim
from andon.testing.content import WORKFLOW_PATH, outcome_of
from andon.testing.parameters import SWARMS
from andon.testing.process import KILLED, Result
from andon.testing.workflows import LIST, weakened
from andon.testing.world import Actor, Call, Sleep, World

LOST = (3, 4, 5, 64)
"""exit codes after which a worker lets go of a step"""
TRIES = 6
GATHERING = 14
IDLE_LOOKS = 20
IDLE_S = 1200.0
MAX_PUSHES = 8
RUSH_S = 20_000.0
"""between two calls of a lead that comes seldom, at most"""
HOME = "/repository"


def _found(result: Result | None) -> Result:
    return result or Result(exit=KILLED, body={})


# ---------------------------------------------------------------- editing


def edit(world: World, workdir: str, agent: str, body: dict[str, Any], *, mend: bool, careful: bool) -> None:
    """Change files of a worktree as a coding agent would. mend: make it right this time."""
    worktree = world.repository.worktrees.get(workdir)
    if worktree is None:
        return
    random, given, files = world.streams.content, world.parameters, worktree.files
    wrong = not (mend or careful)
    for path, text in list(files.items()):
        if "<<<<<<<" in text and not (wrong and random.random() < 0.5):
            files[path] = f"merged by:{agent} n{random.randrange(10**6)}"
    if wrong and random.random() < given.overlap / 4:
        # What `git reset` without a merge looks like: a new HEAD over old files.
        worktree.head = world.git.branch_head("main") or worktree.head
    words = [str(body.get("task")), f"by:{agent}", f"n{random.randrange(10**6)}"]
    if wrong and random.random() < given.bugs:
        words.append(random.choice(("bug", "ugly")))
    if wrong and random.random() < given.overlap:
        defined = [word for word in files.get("library", "").split() if word.startswith("defines:")]
        words += [f"calls:{word[8:]}" for word in defined[:1]]
    files[f"{body.get('task')}-{body.get('step')}"] = " ".join(words)
    if body.get("step") == "plan" and world.parameters.workflow in SWARMS:
        files[LIST] = _list(world, wrong=wrong and random.random() < 0.15)
    if wrong and random.random() < given.overlap:
        files["shared"] = f"shared by:{agent} n{random.randrange(10**6)}"
    if wrong and random.random() < given.overlap / 2:
        files["library"] = f"defines:{random.choice(('first', 'second'))} by:{agent}"
    if mend:
        _mend(files, agent)


def _list(world: World, *, wrong: bool) -> str:
    """What a planner hands on; wrong: a list that can't be."""
    random = world.streams.content
    if wrong:
        return random.choice(("[]", "{}", "no list", '[{"name": "x"}]', '["twice", {"title": "x", "key": "1"}, 7]'))
    count = 1 if world.parameters.workflow == "endless" else random.choice((2, 2, 3))
    return "[" + ", ".join(f'"piece {number}"' for number in range(count)) + "]"


def _mend(files: dict[str, str], agent: str) -> None:
    """Take out what is wrong, and define what is called."""
    for path, text in list(files.items()):
        words = text.split()
        if not path.startswith(".andon/") and ("bug" in words or "ugly" in words):
            files[path] = " ".join([*(x for x in words if x not in ("bug", "ugly")), f"by:{agent}"])
    called = sorted({word[6:] for text in files.values() for word in text.split() if word.startswith("calls:")})
    defined = files.get("library", "").split()
    missing = [f"defines:{name}" for name in called if f"defines:{name}" not in defined]
    if missing:
        files["library"] = " ".join([*defined, *missing, f"by:{agent}"])


# ---------------------------------------------------------------- workers


def worker(world: World, name: str, *, careful: bool = False, role: str | None = None) -> Actor:
    """An honest worker. careful: makes no mistakes. role: does nothing else."""
    while True:
        result = _found((yield Call(verb="next", arguments={"role": role}, agent=name, cwd=HOME)))
        if result.exit == 0:
            yield from _work(world, name, result.body, careful=careful)
        elif careful:
            yield from _until_something_happens(world)
        else:
            yield from _for_a_while(world, "agent")


def _until_something_happens(world: World, *, ready: str = "agent") -> Actor:
    """A patient actor asks again when the log has grown (and there is work), or after a while, since time acts too."""
    for _ in range(IDLE_LOOKS):
        seen = world.log_length
        yield Sleep(IDLE_S, watchful=True)
        if world.log_length == seen or world.has_work(ready):
            return


def _for_a_while(world: World, whose: str) -> Actor:
    """As people poll: until there seems to be work, or now and then without."""
    random = world.streams.content
    for _ in range(IDLE_LOOKS):
        yield Sleep(30 + random.random() * world.parameters.lease_s)
        if random.random() < 0.1 or world.has_work(whose):
            return


def _work(world: World, name: str, body: dict[str, Any], *, careful: bool) -> Actor:
    random = world.streams.content
    cwd, mend = str(body["workdir"]), False
    if body["step"] == "gather":
        yield from _gather(world, name, body, careful=careful)
        return
    for _ in range(TRIES):
        if not careful:
            if random.random() < 0.06:
                return  # It dies and never comes back to this claim.
            yield Sleep(random.random() * world.parameters.lease_s * 0.6)
        if body["role"] == "reviewer":
            call = _review(world, name, cwd, careful=careful)
        else:
            edit(world, cwd, name, body, mend=mend, careful=careful)
            if not careful and random.random() < 0.3:
                verb = random.choice(("check", "submit", "heartbeat"))
                used = {"tokens": random.randrange(400)} if world.parameters.workflow == "counted" else {}
                answer = _found((yield Call(verb=verb, arguments=used, agent=name, cwd=cwd)))
                if answer.exit in LOST:
                    return
            call = Call(verb="advance", arguments={"message": "done"}, agent=name, cwd=cwd)
        answer = _found((yield call))
        if answer.exit == 0 or answer.exit in LOST:
            return
        mend = mend or answer.exit == 1
        if not careful and random.random() < 0.15:
            yield _leave(world, name, cwd)
            return


def _leave(world: World, name: str, cwd: str) -> Call:
    """Give a claim up in one of the ways there are; now and then gated, or until a person answers."""
    random = world.streams.content
    act = random.randrange(6)
    if act < 2:
        expires_s = random.choice((None, world.parameters.lease_s))
        asked = {"body": "may I?", "park": True, "expires_s": expires_s, "on_expiry": random.choice(("ready", "cord"))}
        return Call(verb="ask", arguments=asked, agent=name, cwd=cwd)
    arguments: dict[str, Any] = {"message": "somebody else, please"}
    if act == 2:
        return Call(verb="handoff", arguments={**arguments, "gates": ["tests"]}, agent=name, cwd=cwd)
    if act == 3:
        # A name that never comes.
        arguments["to"] = "nobody"
    return Call(verb=random.choice(("release", "handoff")), arguments=arguments, agent=name, cwd=cwd)


def _gather(world: World, name: str, body: dict[str, Any], *, careful: bool) -> Actor:
    """Hand parts of the work on, do some of it, take in what came of it; in the end without those that are late."""
    random, cwd, mend = world.streams.content, str(body["workdir"]), False
    for number in range(random.choice((0, 1, 2, 3))):
        arguments = {"title": f"part {number}", "workflow": "piece", "key": f"part-{number}"}
        yield Call(verb="spawn", arguments=arguments, agent=name, cwd=cwd)
    edit(world, cwd, name, body, mend=False, careful=careful)
    for count in range(GATHERING):
        yield Sleep(world.parameters.lease_s / 10 * (0.5 + random.random()))
        answer = _found((yield Call(verb="advance", arguments={"message": "gathered"}, agent=name, cwd=cwd)))
        if answer.kind in ("children_open", "children_unmerged"):
            late = count > GATHERING // 2
            how: dict[str, Any] = {"timeout_s": 0, "cancel": late, "any": random.random() < 0.5}
            how["no_merge"] = random.random() < 0.3
            yield Call(verb="wait", arguments=how, agent=name, cwd=cwd)
        elif answer.exit == 0 or answer.exit in LOST:
            return
        else:
            mend = answer.exit == 1
            edit(world, cwd, name, body, mend=mend, careful=careful)


def _review(world: World, name: str, cwd: str, *, careful: bool) -> Call:
    worktree = world.repository.worktrees.get(cwd)
    files = worktree.files if worktree is not None else {}
    good = outcome_of("tests", files) == outcome_of("lint", files) == PASSED
    if not good or (not careful and world.streams.content.random() < 0.25):
        arguments = {"outcome": "rework", "message": "mend this", "findings": ["shared:1: blocking: wrong"]}
        return Call(verb="advance", arguments=arguments, agent=name, cwd=cwd)
    arguments = {"message": "looks right"}
    if not careful and world.streams.content.random() < 0.5:
        # Whoever raised it: a careless reviewer takes it for mended.
        arguments["resolve"] = ["F1"]
    return Call(verb="advance", arguments=arguments, agent=name, cwd=cwd)


def pleaser(world: World, name: str) -> Actor:
    """Says that it is done: without work, or with work that it breaks after it was checked."""
    random = world.streams.content
    while True:
        result = _found((yield Call(verb="next", agent=name, cwd=HOME)))
        if result.exit != 0:
            yield from _for_a_while(world, "agent")
            continue
        cwd = str(result.body["workdir"])
        if random.random() < 0.5:
            edit(world, cwd, name, result.body, mend=True, careful=True)
            yield Call(verb=random.choice(("check", "submit")), agent=name, cwd=cwd)
            _break(world, cwd, name)
        for _ in range(random.randrange(1, 4)):
            answer = _found((yield Call(verb="advance", arguments={"message": "all green!"}, agent=name, cwd=cwd)))
            if answer.exit != 1:
                break


def _break(world: World, cwd: str, name: str) -> None:
    worktree = world.repository.worktrees.get(cwd)
    if worktree is not None:
        worktree.files["shared"] = f"bug by:{name}"


def cheater(world: World, name: str) -> Actor:
    """Tries what it may not do: others' claims, people's acts, its own gates, reviewing itself."""
    random = world.streams.content
    while True:
        yield Sleep(random.random() * world.parameters.lease_s / 2)
        act = random.randrange(8)
        for question in [step.question for run in world.runs() for step in run.active.values() if step.question][:1]:
            yield Call(verb="answer", arguments={"message": question, "body": "yes, do"}, agent=name)
        if act == 7:
            yield from _move_reference(world, name)
        elif act <= 1:
            yield from _intrude(world, name, forge=act == 1)
        elif act == 2:
            yield from _act_as_person(world, name)
        else:
            result = _found((yield Call(verb="next", agent=name, cwd=HOME)))
            if result.exit == 0:
                yield from _cheat_at_work(world, name, result.body, act)


def _intrude(world: World, name: str, *, forge: bool) -> Actor:
    """Write into another's claim: under its own name, under the other's after the claim is over, or with a forged file."""
    random = world.streams.content
    claims = list(world.leases.values())
    if not claims:
        return
    claim = random.choice(claims)
    agent = name
    if forge:
        world.leases[f"/forged/{name}"] = Claim(
            run=claim.run, step=claim.step, token=claim.token + random.randrange(2), agent=name, workdir=claim.workdir
        )
    elif any(other.run == claim.run and other.token > claim.token for other in claims):
        agent = claim.agent
    verb = random.choice(("advance", "submit", "heartbeat", "release"))
    yield Call(verb=verb, arguments={"message": "mine"}, agent=agent, cwd=f"/forged/{name}" if forge else claim.workdir)


def _move_reference(world: World, name: str) -> Actor:
    """Put work of nobody where children's work is put together; what stands there still is put back by a person."""
    references = world.repository.references
    found = sorted(ref for ref in references if is_integration(ref) and ref not in world.moved)
    if not found:
        return
    ref = world.streams.content.choice(found)
    good, repository = references[ref], world.repository
    tree = repository.put_tree({**repository.files(good), "outsider": name})
    references[ref] = evil = repository.put_commit(tree, (good,), "mine", world.git.identity(), 0.0)
    world.moved[ref] = (evil, good)
    world.count("moved references")
    yield Sleep(world.parameters.lease_s * world.streams.content.random())
    world.put_back(ref)


def _act_as_person(world: World, name: str) -> Actor:
    random = world.streams.content
    runs = world.runs()
    if runs:
        found = [(run.id, x.id) for run in runs if run.status != s.RUN_ENDED for x in run.findings if x.holds]
        run, finding = random.choice(found) if found else (random.choice(runs).id, "F1")
        verbs = ("approve", "reject", "waive", "run_retry", "run_cancel", "lead_freeze")
        verb = "finding_resolve" if found and random.random() < 0.7 else random.choice(verbs)
        arguments = {"run": run, "gate": "tests", "why": "trust me", "message": "ok", "finding": finding}
        yield Call(verb=verb, arguments=arguments, agent=name)


def _cheat_at_work(world: World, name: str, body: dict[str, Any], act: int) -> Actor:
    cwd = str(body["workdir"])
    worktree = world.repository.worktrees.get(cwd)
    if worktree is None:
        return
    if act <= 4:
        edit(world, cwd, name, body, mend=False, careful=True)
        worktree.files["shared"] = f"bug by:{name}"
    if act == 4:
        worktree.files[WORKFLOW_PATH] = weakened(world.workflow).canonical().decode()
    if act == 5:
        worktree.head = world.git.branch_head("main") or worktree.head
        edit(world, cwd, name, body, mend=True, careful=True)
    if act == 6:
        edit(world, cwd, name, body, mend=True, careful=True)
        # More tokens than anybody uses; and, once a renewal is due, some given back to the budget.
        yield Call(verb="heartbeat", arguments={"tokens": 10**30}, agent=name, cwd=cwd)
        yield Sleep(world.parameters.lease_s * 0.2)
        yield Call(verb="heartbeat", arguments={"tokens": -500}, agent=name, cwd=cwd)
        # Whoever reviews it shall ask for less.
        asked = {"task": body["task"], "acceptance": ["anything goes"]}
        yield Call(verb="task_edit", arguments=asked, agent=name, cwd=HOME)
    answer = _found((yield Call(verb="advance", arguments={"message": "trust me"}, agent=name, cwd=cwd)))
    if answer.exit == 0:
        again = _found((yield Call(verb="next", arguments={"role": "reviewer"}, agent=name, cwd=HOME)))
        if again.exit == 0:
            yield Call(verb="advance", arguments={"message": "well done"}, agent=name, cwd=str(again.body["workdir"]))


# ---------------------------------------------------------------- leads, people, outsiders


def lead(world: World, name: str, *, every_s: float, patient: bool = False) -> Actor:
    """patient: comes again only when something happened, or after a while."""
    while True:
        yield Sleep(every_s * (0.5 + world.streams.schedule.random()))
        if world.parameters.rush and not patient:
            yield Sleep(RUSH_S * world.streams.schedule.random())
            yield Call(verb="lead", agent=name, cwd=HOME)
        elif patient:
            yield Call(verb="lead", agent=name, cwd=HOME)
            yield from _until_something_happens(world, ready="system")
        else:
            yield from _for_a_while(world, "system")
            yield Call(verb="lead", agent=name, cwd=HOME)


def person(world: World, name: str) -> Actor:
    """Approves, rejects, waives, puts back to work; sometimes writes in an agent's worktree."""
    random, rate = world.streams.content, world.parameters.people_act
    while True:
        yield Sleep(120 + random.random() * 2 * world.parameters.lease_s)
        runs = [run for run in world.runs() if run.status != s.RUN_ENDED]
        if not runs or random.random() > rate:
            continue
        if world.parameters.freezes and random.random() < world.parameters.freezes:
            verb = random.choice(("lead_freeze", "lead_unfreeze"))
            yield Call(verb=verb, arguments={"message": "a release"}, agent=name, person=True)
            continue
        run = random.choice(runs)
        arguments: dict[str, Any] = {"run": run.id, "message": "seen", "why": "known", "gate": "tests"}
        act = random.random()
        if act < 0.25:
            yield from _meddle(world, name, run)
        elif act < 0.32:
            yield Call(verb="waive", arguments=arguments, agent=name, person=True)
        elif act < 0.36:
            yield Call(verb="run_cancel", arguments=arguments, agent=name, person=True)
        elif run.status == s.RUN_BLOCKED:
            yield Call(verb="run_retry", arguments=arguments, agent=name, person=True)
        elif act < 0.6 and (calls := _words(world, run, name)):
            yield random.choice(calls)
        else:
            yield Call(verb="reject" if act > 0.9 else "approve", arguments=arguments, agent=name, person=True)


def _words(world: World, run: s.Run, name: str) -> list[Call]:
    """What a person may say to let a run go on: answers to its questions, and that findings are mended."""
    asked = [step.question for step in run.active.values() if step.question]
    open_ones = [found.id for found in run.findings if found.holds]
    answers = [Call(verb="answer", arguments={"message": x, "body": "yes"}, agent=name, person=True) for x in asked]
    return answers + [
        Call(
            verb="finding_resolve", arguments={"run": run.id, "finding": x, "message": "I see"}, agent=name, person=True
        )
        for x in open_ones
    ]


def _meddle(world: World, name: str, run: s.Run) -> Actor:
    """A person changes something in an agent's worktree, and then approves the run."""
    held = [step for step in run.active.values() if step.lease is not None and step.kind == "agent"]
    # Nobody knows of a worktree that was never handed over.
    if held and held[0].lease is not None and held[0].lease.workdir in world.leases:
        workdir = held[0].lease.workdir
        # Who types in a worktree without a word to Andon is beyond its reach; the truth counts those who submit.
        edit(world, workdir, "somebody", {"task": run.task, "step": "extra"}, mend=True, careful=True)
        if _found((yield Call(verb="submit", agent=name, cwd=workdir, person=True))).exit == 0:
            world.laws.wrote(run.id, name)
    yield Call(verb="approve", arguments={"run": run.id, "message": "mine is good"}, agent=name, person=True)


def outsider(world: World) -> Actor:
    """Pushes to the target branch: something harmless, something in the way, or weaker gates."""
    random = world.streams.content
    for count in range(1, MAX_PUSHES):
        yield Sleep(random.random() * 2 * world.parameters.lease_s / (10 * world.parameters.outsiders))
        if world.streams.rewrites.random() < world.parameters.rewrites:
            world.amend()
        files: dict[str, str] = {f"outside{count}": "news"}
        kind = random.randrange(4)
        if kind == 1:
            files = {"shared": f"pushed {count}"}
        elif kind == 2:
            files = {WORKFLOW_PATH: weakened(world.workflow).canonical().decode()}
        elif kind == 3:
            files = {"environment": f"version {count}"}
        world.push(files, f"outside {count}")


def finishing_person(world: World, name: str) -> Actor:
    """Does all that a person is needed for until everything is closed: approves, retries, and at last gives up on a run."""
    retried: dict[str, int] = {}
    yield Call(verb="lead_unfreeze", agent=name, person=True)
    while True:
        for run in world.runs():
            if run.status == s.RUN_ENDED:
                continue
            arguments = {"run": run.id, "message": "go on"}
            blocked = any(step.state == s.BLOCKED for step in run.active.values()) or run.status == s.RUN_BLOCKED
            if blocked and retried.get(run.id, 0) < 3:
                retried[run.id] = retried.get(run.id, 0) + 1
                yield Call(verb="run_retry", arguments=arguments, agent=name, person=True)
            elif blocked:
                world.count("given up")
                yield Call(verb="run_cancel", arguments=arguments, agent=name, person=True)
                yield Call(verb="task_cancel", arguments={"task": run.task, "message": "no"}, agent=name, person=True)
            elif calls := _words(world, run, name):
                yield calls[0]
            elif any(step.kind == "human" for step in run.active.values()) or _wants_consent(world, run):
                yield Call(verb="approve", arguments=arguments, agent=name, person=True)
        yield Sleep(120)
        yield from _until_something_happens(world, ready="person")


def _wants_consent(world: World, run: s.Run) -> bool:
    gates = world.laws.workflow_of(run.id).gates.values()
    landing = any(step.kind == "land" for step in run.active.values())
    given = [word.patch for word in run.approvals if word.approves]
    made = run.submissions.get("")
    wanted = landing and any(isinstance(gate, w.ApprovalGate) for gate in gates)
    expired = any("expired" in step.reason for step in run.active.values())
    return wanted and made is not None and (made.patch not in given or expired)
