"""Mailboxes: which ones a caller reads, and whether a recipient is somebody whom a message can reach.

Rules: a run, a task or a role that does not exist (or is over) is refused at sending; an agent's name that nobody was ever
seen under is warned about, since it may come yet. Must not know: how messages are shown.
"""

from __future__ import annotations

from andon.core import state as s
from andon.core.errors import EXIT_USAGE, AndonError
from andon.core.later import later
from andon.core.rules_message import HUMAN as HUMAN
from andon.engine.services import Services
from andon.engine.transact import load_run, load_task
from andon.ports import Reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from andon.engine import runs
else:
    runs = later("andon.engine.runs")

PREFIXES = ("role", "run", "task")
ADVICE = "an agent's name, role:NAME, run:ID, task:ID or human"


def of_caller(services: Services, reader: Reader) -> list[str]:
    """The mailboxes that the caller reads: its own name, its present roles, runs and tasks, and people's for a person."""
    caller = services.caller
    names = [caller.agent, *caller.aliases]
    if caller.person:
        names.append(HUMAN)
    for row in reader.steps(state=s.LEASED):
        if row["agent"] == caller.agent:
            names += [f"run:{row['run']}", f"task:{row['task']}"]
            names += [f"role:{row['role']}"] if row["role"] else []
    return list(dict.fromkeys(names))


def check(to: str) -> str:
    """A recipient's form. Raises AndonError."""
    prefix, colon, name = to.partition(":")
    empty = not to or (colon and prefix in PREFIXES and not name)
    if empty or len(to) > 200 or to != to.strip() or name != name.strip() or not to.isprintable():
        raise AndonError(f"{to!r} is no recipient", kind="usage", next=ADVICE, exit=EXIT_USAGE)
    meant = prefix.strip().lower()
    if to != HUMAN and (meant == HUMAN or (colon and meant in PREFIXES and meant != prefix)):
        # Taken for an agent's name it would wait for ever in a mailbox that nobody reads.
        right = HUMAN if meant == HUMAN else f"{meant}:{name}"
        raise AndonError(
            f"{to!r} is no recipient; there is {right}", kind="usage", next=f"name {right}", exit=EXIT_USAGE
        )
    return to


def is_person(services: Services, reader: Reader, to: str) -> bool:
    """Whether the mailbox is that of a person by name: LOGIN@HOST, or a login or git identity that no agent goes by."""
    if to == HUMAN or to.partition(":")[0] in PREFIXES:
        return False
    return services.names_person(to) and ("@" in to or not reader.agent_seen(to))


def reachable(services: Services, to: str) -> str:
    """A warning for a name that nobody has, "" otherwise. Raises AndonError for a run, task or role that nobody can be."""
    prefix, _, name = to.partition(":")
    with services.store.read() as reader:
        if prefix == "run" and name:
            run = load_run(reader, name)
            if run.status == s.RUN_ENDED:
                raise _nobody(f"run {name} has ended ({run.outcome}); nobody will read that", f"andon show {name}")
            return ""
        if prefix == "task" and name:
            task = load_task(reader, name)
            if task.status in s.CLOSED:
                raise _nobody(f"task {name} is {task.status}; nobody will read that", f"andon show {name}")
            return ""
        if prefix == "role" and name:
            if any(row["role"] == name for row in reader.steps()):
                return ""
            known = _roles_at_work(services, reader)
            if name in known:
                return ""
        elif (
            to == HUMAN
            or to == services.caller.agent
            or to in services.caller.aliases
            or reader.agent_seen(to)
            or services.names_person(to)
        ):
            return ""
        else:
            return f"nobody called {to} was ever seen here; the message waits in that mailbox"
    known |= _roles_of_target(services)
    if name not in known:
        listed = ", ".join(sorted(known)) or "none"
        text = f"no workflow has a role {name} (there are: {listed})"
        raise AndonError(text, kind="unknown_role", next="name one of these", exit=EXIT_USAGE)
    return ""


def _nobody(text: str, following: str) -> AndonError:
    return AndonError(text, kind="undeliverable", next=following)


def _roles_at_work(services: Services, reader: Reader) -> set[str]:
    """Roles of the runs that are under way, by their pinned workflows."""
    found: set[str] = set()
    for digest in {run.workflow for run in _open_runs(reader)}:
        try:
            workflow = services.engine.definitions.get(reader, digest)
        except AndonError:
            continue
        found |= set(workflow.roles) | {step.role for step in workflow.steps.values() if step.role}
    return found


def _open_runs(reader: Reader) -> list[s.Run]:
    found = []
    for row in reader.runs(status=(s.RUN_OPEN, s.RUN_BLOCKED)):
        try:
            found.append(load_run(reader, str(row["id"])))
        except AndonError:
            # A damaged run stops nobody else (law 12).
            continue
    return found


def _roles_of_target(services: Services) -> set[str]:
    """Roles of all workflows on the target branch; one that can't be read has none."""
    found: set[str] = set()
    try:
        target = services.target
        head = services.git.branch_head(target)
        names = runs.workflow_names(services, head) if head is not None else []
    except AndonError:
        return found
    for name in names:
        try:
            workflow = runs.pinned_workflow(services, name, target, head or "")
        except AndonError:
            continue
        found |= set(workflow.roles) | {step.role for step in workflow.steps.values() if step.role}
    return found
