"""One seed from beginning to end: a phase in which everything may go wrong, then one in which all must come right.

In the safety phase faults strike at their rates and the laws must hold at every moment. Then faults stop, suspended processes
wake up, careful workers, a person and a lead come in, and within bounds every task must be closed, nothing be held, and the
projections be what the log says.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from andon.core import state as s
from andon.core.swarm import GOOD
from andon.store import rebuild
from andon.testing import actors
from andon.testing.content import AREAS
from andon.testing.laws import Violation
from andon.testing.parameters import Parameters
from andon.testing.world import Actor, Call, Rates, World

MAX_SAFETY_STEPS = 3000
MAX_CONVERGENCE_STEPS = 4000
RUSH_TASKS = 3
TIDY_AFTER_S = 2 * 3600.0


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of a seed. counts: landings, kills and so on. trace: hash of all that happened. lines: when verbose."""

    seed: int
    parameters: Parameters
    violations: tuple[Violation, ...]
    counts: dict[str, int]
    trace: str
    lines: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.violations


def simulate(seed: int, parameters: Parameters | None = None, *, verbose: bool = False) -> Outcome:
    """Run one seed. parameters: instead of those that the seed draws. verbose: keep a readable trace."""
    world = World(seed, parameters, verbose=verbose)
    try:
        _safety(world)
        if not world.laws.violations:
            _convergence(world)
    finally:
        for process in list(world.running.values()):
            process.kill()
    counts = {**world.counts, "calls": world.calls, "landed": len(world.laws.landings)}
    return Outcome(
        seed=seed,
        parameters=world.parameters,
        violations=tuple(world.laws.violations),
        counts=counts,
        trace=world.trace_hash(),
        lines=tuple(world.lines or ()),
    )


def _safety(world: World) -> None:
    given = world.parameters
    world.drive(_plan(world))
    for number in range(given.workers):
        world.drive(actors.worker(world, f"worker-{number}"), first_after_s=10 + number)
    for number in range(given.pleasers):
        world.drive(actors.pleaser(world, f"pleaser-{number}"), first_after_s=10)
    for number in range(given.cheaters):
        world.drive(actors.cheater(world, f"cheater-{number}"), first_after_s=10)
    for number in range(given.leads):
        world.drive(actors.lead(world, f"lead-{number}", every_s=given.lease_s / 2), first_after_s=10)
    if given.people_act:
        world.drive(actors.person(world, "paula"), first_after_s=10)
    if given.outsiders:
        world.drive(actors.outsider(world), first_after_s=10)
    spoil_at = given.calls * 2 // 3 if given.corrupt else 0

    def enough() -> bool:
        if spoil_at and world.calls >= spoil_at and not world.corrupted:
            _spoil(world)
        return world.calls >= given.calls or bool(world.laws.violations)

    world.scheduler.run(enough, limit=MAX_SAFETY_STEPS)


def _plan(world: World) -> Actor:
    """Adds the tasks; some depend on earlier ones."""
    random = world.streams.content
    for number in range(world.parameters.tasks + (RUSH_TASKS if world.parameters.rush else 0)):
        after = [f"T{number}"] if number and random.random() < 0.25 else []
        arguments: dict[str, object] = {"title": f"task {number + 1}", "depends_on": after}
        arguments["priority"] = random.randrange(4)
        if world.parameters.workflow == "counted":
            # Now and then there is not enough to reserve for all children.
            arguments["budget"] = random.choice((8_000, 16_000, 16_000))
        if world.parameters.scoped and random.random() < world.parameters.scoped:
            arguments["scope"] = random.choice(sorted(AREAS))
        yield Call(verb="task_add", arguments=arguments, agent="planner")


def _spoil(world: World) -> None:
    """A record becomes unreadable; the others must not suffer (law 12)."""
    runs = [run for run in world.runs() if run.status != s.RUN_ENDED]
    if runs:
        run = world.streams.faults.choice(runs)
        world.corrupted.add(run.id)
        world.store.spoil(run.id, b'{"id": "' + run.id.encode() + b'", "broken')


def _convergence(world: World) -> None:
    """Faults off: everything must come to an end."""
    world.rates = Rates()
    world.calm()
    world.put_back()
    if not world.rows():
        world.drive(_plan(world))
    world.drive(actors.worker(world, "careful-a", careful=True))
    if not (world.parameters.rush and world.parameters.session):
        # Where sessions end, one alone must be enough, for its own children too.
        world.drive(actors.worker(world, "careful-b", careful=True))
    world.drive(actors.worker(world, "critic", careful=True, role="reviewer"))
    world.drive(actors.lead(world, "last-lead", every_s=60, patient=True))
    world.drive(actors.finishing_person(world, "pat"), first_after_s=30)
    looked_at = -1

    def settled() -> bool:
        nonlocal looked_at
        if world.laws.violations:
            return True
        if world.busy() or looked_at == world.log_length:
            return False
        looked_at = world.log_length
        return bool(world.rows()) and not _open_tasks(world)

    done = world.scheduler.run(settled, limit=MAX_CONVERGENCE_STEPS)
    if not done:
        _say_what_is_open(world)
    if not world.laws.violations:
        # What an effect left undone when its process was killed, the next lead makes good.
        world.call(Call(verb="lead", agent="last-lead"), lambda _result: None)
        world.scheduler.run(lambda: not world.busy(), limit=MAX_SAFETY_STEPS)
        _aftermath(world)


def _open_tasks(world: World) -> list[dict[str, object]]:
    """Tasks that are not closed, but for those of corrupt runs and those that wait for them."""
    rows = world.rows()
    # What is landed already holds up nobody, whatever became of its run's record.
    good = {str(row["id"]) for row in rows if row["status"] in GOOD}
    gone = _out_of_reach(world, rows) - good | {str(row["id"]) for row in rows if row["status"] == s.CANCELLED}
    found = []
    with world.store.read() as reader:
        for row in rows:
            # A task may depend on earlier ones only, so one pass finds what waits for something that never comes.
            if gone & set(reader.dependencies(str(row["id"]))):
                gone.add(str(row["id"]))
            if row["status"] not in s.CLOSED and row["id"] not in gone:
                found.append(row)
    return found


def _out_of_reach(world: World, rows: list[dict[str, object]]) -> set[str]:
    """Tasks of corrupt runs, the children that wait for such a run, and the parents that wait for such a child."""
    lost = {str(row["id"]) for row in rows if row["run"] in world.corrupted}
    tasks = {str(row["id"]): row for row in rows}
    owners = {str(row["run"]): str(row["id"]) for row in rows if row["run"]}
    for _ in range(len(rows) if lost else 0):
        lost |= {name for name, row in tasks.items() if owners.get(str(row["parent_run"])) in lost}
        lost |= {owners[str(tasks[name]["parent_run"])] for name in lost if tasks[name]["parent_run"] in owners}
    return lost


def _say_what_is_open(world: World) -> None:
    for row in _open_tasks(world):
        states = [
            f"{run.id} {run.status} {[(x.step, x.state, x.reason[:80]) for x in run.active.values()]} {run.reason}"
            for run in world.runs()
            if run.id == row["run"]
        ]
        world.laws.violated(14, f"task {row['id']} is {row['status']} and never ends: {'; '.join(states)}")
    for process in world.running.values():
        world.laws.violated(14, f"{process.verb} by {process.caller.agent} never ends")


def _aftermath(world: World) -> None:
    """What must be true when all is quiet."""
    laws = world.laws
    out_of_reach = _out_of_reach(world, world.rows())
    laws.swarm.all_is_told(out_of_reach)
    if not world.corrupted:
        for line in rebuild.check(world.store):
            laws.violated(9, f"replay differs: {line}")
    for run in world.runs():
        if run.status != s.RUN_ENDED and run.task not in out_of_reach:
            laws.violated(14, f"{run.id} is {run.status} though its task is closed")
    for row in world.rows():
        commit, run_id = row["commit_id"], str(row["run"])
        if row["status"] == s.LANDED and laws.landings.get(run_id) != commit:
            laws.violated(10, f"task {row['id']} landed as {commit}; the branch has {laws.landings.get(run_id)}")
    landed = [x.id for x in laws.runs.values() if x.ended == "landed"]
    missing = [run for run in laws.landings if run not in landed and laws.runs[run].task not in out_of_reach]
    if missing:
        laws.violated(10, f"{', '.join(missing)} stand on the branch and are not known to have landed")
    if not world.corrupted and world.guarded:
        laws.violated(7, f"the branch {world.guarded} is still guarded though no run is open")


def without(parameters: Parameters, **changes: object) -> Parameters:
    """The same parameters with some others."""
    changed: Parameters = replace(parameters, **changes)
    return changed
