"""The merge queues of a workspace: one for each target branch; its settings, who is in line, freezing, looking at it.

What stands in the store of a queue is little: the submissions are the ready `land` steps; the window, a freeze and the
counts of flaky gates are settings. A freeze that can't be read counts as one (law 4). Must not know how things land.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from andon.core import merge_queue as q
from andon.core import state as s
from andon.core import workflow as w
from andon.core.errors import EXIT_DENIED, EXIT_NOT_YET, EXIT_USAGE, AndonError
from andon.core.projection import Row
from andon.core.trailers import TASK, trailers
from andon.core.verdict import Verdict
from andon.engine import config
from andon.engine.interface import Reply
from andon.engine.messages import rfc3339
from andon.engine.services import Services
from andon.engine.trial import Candidate, Entry, Settings, Trial, entry_of
from andon.ports import Reader, Writer

WAITING_MAX = 10_000
RUNS_MAX = 100_000
NAMED_MAX = 5
SINCE_MAX = 200
WINDOW = "queue:window:"
FROZEN = "queue:frozen:"
COUNTS = "queue:gates"
LAST = 4
"""The least urgent priority."""
UNREADABLE = "the record of the freeze can't be read"

Arguments = dict[str, Any]


class InLine(Struct, frozen=True, kw_only=True):
    """A submission that waits to land on a branch."""

    run: str
    step: str
    task: str
    target: str
    priority: int
    since: float
    row: Row


class Freeze(Struct, frozen=True, kw_only=True):
    """Who froze a branch, why and when."""

    by: str
    why: str
    at: float = 0.0


# ---------------------------------------------------------------- settings


def _cores_for_checks() -> int:
    return max(1, (os.cpu_count() or 2) // 2)


def settings_of(services: Services, target: str, window: int | None = None) -> Settings:
    """How this branch's queue works now. window: instead of the adaptive one."""
    with services.store.read() as reader:
        size = window if window is not None else min(_window(reader, target), _limit(reader))
        return Settings(
            mode=config.word_of(reader, "queue.mode"),
            window=max(1, min(size, q.WINDOW_MAX)),
            retries=config.whole_of(reader, "queue.flaky_retries") or 0,
            parallel=config.whole_of(reader, "queue.parallel") or _cores_for_checks(),
            ageing_s=config.seconds_of(reader, "queue.ageing"),
        )


def _window(reader: Reader, target: str) -> int:
    """The adaptive window; the first one's where it can't be read."""
    known = reader.setting(WINDOW + target) or ""
    return int(known) if known.isdecimal() and len(known) <= len(str(q.WINDOW_MAX)) else q.WINDOW_START


def _limit(reader: Reader) -> int:
    return config.whole_of(reader, "queue.window") or 1


def adapt(services: Services, target: str, settings: Settings, *, red: bool) -> None:
    """Remember the next round's window, where it is another one."""
    with services.store.read() as reader:
        window = q.adapted(settings.window, _limit(reader), red=red)
    if window != settings.window:
        services.engine.transact(lambda unit: unit.writer.put_setting(WINDOW + target, str(window)))


# ---------------------------------------------------------------- who is in line


def waiting_of(reader: Reader, rows: Sequence[Row], but: set[str], now: float) -> list[InLine]:
    """In order, over all branches that are not frozen."""
    found = [one for one in in_line(reader, rows, now) if one.run not in but]
    frozen = {target for target in {one.target for one in found} if freeze_of(reader, target) is not None}
    return [one for one in found if one.target not in frozen]


def in_line(reader: Reader, rows: Sequence[Row], now: float) -> list[InLine]:
    """Submissions in the order in which they land. One whose row is damaged keeps its turn, behind the others (law 12)."""
    if not rows:
        return []
    targets = {str(row["id"]): str(row["target"]) for row in reader.runs(status=(s.RUN_OPEN,), limit=RUNS_MAX)}
    by_run = {
        str(row["run"]): InLine(
            run=str(row["run"]),
            step=str(row["step"]),
            task=str(row["task"]),
            target=targets[str(row["run"])],
            priority=round(_number(row["priority"], LAST)),
            since=_number(row["entered_at"], now),
            row=row,
        )
        for row in rows
        if str(row["run"]) in targets
    }
    waiting = [q.Waiting(key=one.run, priority=one.priority, since=one.since) for one in by_run.values()]
    return [by_run[one.key] for one in q.ordered(waiting, now, config.seconds_of(reader, "queue.ageing"))]


def _number(value: object, otherwise: float) -> float:
    """A number of a row, another one where the record holds none."""
    try:
        found = float(str(value or 0))
    except ValueError:
        return otherwise
    return found if math.isfinite(found) else otherwise


# ---------------------------------------------------------------- freezing


def freeze_of(reader: Reader, target: str) -> Freeze | None:
    text = reader.setting(FROZEN + target)
    if not text:
        return None
    try:
        return msgspec.json.decode(text.encode(), type=Freeze)
    except msgspec.MsgspecError:
        return Freeze(by="unknown", why=UNREADABLE)


def refuse_frozen(writer: Writer, target: str) -> None:
    """Nothing is prepared on a frozen branch, whenever it was frozen."""
    frozen = freeze_of(writer, target)
    if frozen is not None:
        text = f"{target} was frozen by {frozen.by}: {frozen.why}"
        raise AndonError(text, kind="frozen", next=f"andon lead unfreeze {target}", exit=EXIT_NOT_YET)


def unreadable_freezes(services: Services) -> list[str]:
    """Branches on which nothing lands because nobody can tell whether they are frozen: the target, and those of open runs."""
    with services.store.read() as reader:
        own = reader.setting("target")
        runs = reader.runs(status=(s.RUN_OPEN,), limit=RUNS_MAX)
        targets = dict.fromkeys([*([own] if own else []), *(str(row["target"]) for row in runs)])
        frozen = {target: freeze_of(reader, target) for target in targets}
    return [target for target, one in frozen.items() if one is not None and one.why == UNREADABLE]


def _branch(services: Services, arguments: Arguments) -> str:
    target = arguments.get("branch") or services.target
    if services.git.branch_head(target) is None:
        text = f"there is no branch {target}"
        raise AndonError(text, kind="no_target", next="git branch; andon status", exit=EXIT_USAGE)
    return str(target)


def _person(services: Services, what: str) -> str:
    if not services.caller.person:
        text = f"only a person may {what} a branch"
        raise AndonError(text, kind="not_a_person", next="let a person run this in a terminal", exit=EXIT_DENIED)
    return services.caller.agent


def freeze(services: Services, arguments: Arguments) -> Reply:
    """Let nothing land on a branch until it is unfrozen (a person's act). Submissions wait."""
    by, why = _person(services, "freeze"), (arguments.get("message") or "").strip()
    if not why:
        raise AndonError("a freeze needs a reason", kind="usage", next="-m 'why nothing may land'", exit=EXIT_USAGE)
    target = _branch(services, arguments)
    made = Freeze(by=by, why=why, at=services.clock.now())
    services.engine.transact(lambda unit: unit.writer.put_setting(FROZEN + target, msgspec.json.encode(made).decode()))
    return Reply(exit=0, body={"ok": True, "branch": target, "frozen": _freeze_json(made)})


def unfreeze(services: Services, arguments: Arguments) -> Reply:
    """Let the branch's queue go on (a person's act)."""
    _person(services, "unfreeze")
    target = arguments.get("branch") or services.target
    with services.store.read() as reader:
        frozen = freeze_of(reader, target)
    if frozen is None:
        text = f"{target} is not frozen"
        raise AndonError(text, kind="not_frozen", next="andon status", exit=EXIT_USAGE)
    services.engine.transact(lambda unit: unit.writer.put_setting(FROZEN + target, ""))
    return Reply(exit=0, body={"ok": True, "branch": target, "frozen": None, "was": _freeze_json(frozen)})


def _freeze_json(frozen: Freeze) -> dict[str, Any]:
    return {"by": frozen.by, "why": frozen.why, "at": rfc3339(frozen.at) if frozen.at else None}


# ---------------------------------------------------------------- looking


def queues(services: Services) -> list[dict[str, Any]]:
    """Every branch's queue: its window, whether it is frozen, who is in line and since when."""
    now = services.clock.now()
    with services.store.read() as reader:
        rows = reader.ready_steps(kinds=("land",), limit=WAITING_MAX)
        rows += [row for row in reader.steps(state=s.LEASED) if row["kind"] == "land"]
        line = in_line(reader, rows, now)
        targets = list(
            dict.fromkeys([*([x] if (x := reader.setting("target")) else []), *(one.target for one in line)])
        )
        found = []
        for target in targets:
            frozen = freeze_of(reader, target)
            here = [one for one in line if one.target == target]
            found.append(
                {
                    "branch": target,
                    "frozen": _freeze_json(frozen) if frozen is not None else None,
                    "window": _window(reader, target),
                    "waiting": [
                        {
                            "position": place,
                            "task": one.task,
                            "run": one.run,
                            "priority": one.priority,
                            "since": rfc3339(one.since),
                            "landing": one.row["state"] == s.LEASED,
                        }
                        for place, one in enumerate(here, 1)
                    ],
                }
            )
    return found


def nothing_ready(queue: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What to say where nothing was decided: that nobody waits, or that those who do wait on frozen branches."""
    held = [one for one in queue if one["frozen"] is not None and one["waiting"]]
    if not held:
        return {"kind": "nothing_ready", "message": "nothing is ready to land", "next": "andon status"}
    texts = [
        f"{len(one['waiting'])} wait for {one['branch']}, which was frozen by {one['frozen']['by']}: {one['frozen']['why']}"
        for one in held
    ]
    following = f"andon lead unfreeze {held[0]['branch']}"
    return {"kind": "frozen", "message": "; ".join(texts[:NAMED_MAX]), "next": following}


def dry_run(services: Services, arguments: Arguments) -> Reply:
    """What would land and in which order; with `verify`, what the gates say. Changes nothing."""
    verify = bool(arguments.get("verify"))
    now = services.clock.now()
    with services.store.read() as reader:
        line = in_line(reader, reader.ready_steps(kinds=("land",), limit=WAITING_MAX), now)
    items: list[dict[str, Any]] = []
    for target in dict.fromkeys(one.target for one in line):
        here = [one for one in line if one.target == target][: q.WINDOW_MAX]
        items += _tried(services, target, here, arguments, verify=verify)
    body: dict[str, Any] = {"ok": True, "dry_run": True, "items": items, "queue": queues(services)}
    if not items:
        body["ok"] = False
        body["error"] = nothing_ready([])
    return Reply(exit=0 if items else EXIT_NOT_YET, body=body)


def _tried(
    services: Services, target: str, line: Sequence[InLine], arguments: Arguments, *, verify: bool
) -> list[dict[str, Any]]:
    head = services.git.branch_head(target)
    if head is None:
        raise AndonError(f"branch {target} is gone", kind="no_target", next="restore the branch")
    entries: list[Entry] = []
    unreadable: list[dict[str, Any]] = []
    for one in line:
        try:
            entries.append(entry_of(services, one.run, one.step))
        except AndonError as error:
            unreadable.append({"task": one.task, "run": one.run, "how": "error", "reason": error.message})
    with services.store.read() as reader:
        frozen = freeze_of(reader, target) is not None
    found: list[dict[str, Any]] = []
    sequence: q.Items = ()
    trial = Trial(services, target, head, entries)
    for entry in entries:
        candidate = trial.merged((*sequence, entry.run.id))
        if verify and candidate.outcome == q.GREEN:
            candidate = _measured(services, target, head, [trial.entries[x] for x in sequence], entry, arguments)
        how = {q.GREEN: "would land" if verify else "merges", q.HELD: "waits", q.RED: candidate.how}[candidate.outcome]
        if candidate.outcome == q.GREEN:
            sequence += (entry.run.id,)
        found.append(
            {
                "position": len(found) + 1,
                "branch": target,
                "task": entry.run.task,
                "run": entry.run.id,
                "how": how,
                "frozen": frozen,
                "reason": candidate.reason(target, head) or candidate.waits or candidate.error or None,
            }
        )
    return found + unreadable


def _measured(
    services: Services, target: str, head: str, before: Sequence[Entry], entry: Entry, arguments: Arguments
) -> Candidate:
    """One submission on top of those that would land before it, with all that its gates say."""
    trial = Trial(services, target, head, [*before, entry])
    items = tuple(one.run.id for one in (*before, entry))
    return trial.alone(items, settings_of(services, target, arguments.get("window")))


def landed_since(services: Services, candidate: Candidate, head: str) -> str:
    """The tasks that landed since a refused submission was made: one of them it does not go together with."""
    git = services.git
    try:
        base = git.merge_base(candidate.what.commit, head)
        # By first parents, where the base is among them: children's own commits came with their parents'.
        line = [head, *git.lineage(head, limit=SINCE_MAX)]
        commits = line[: line.index(base)][::-1] if base in line else []
        if base and not commits:
            commits = git.commits_of(f"{base}..{head}", limit=SINCE_MAX)
        contents = git.commit_contents(commits)
    except AndonError:
        return ""
    tasks = [task for commit in reversed(commits) for task in trailers(contents[commit]).get(TASK, [])]
    more = f" and {len(tasks) - NAMED_MAX} more" if len(tasks) > NAMED_MAX else ""
    return ", ".join(tasks[:NAMED_MAX]) + more


# ---------------------------------------------------------------- flaky gates


def counted(counts: dict[str, list[int]], workflow: w.Workflow, verdicts: Sequence[Verdict]) -> dict[str, list[int]]:
    """gate -> [landings that it was measured for, of these flaky ones], with these verdicts."""
    found = {gate: list(numbers) for gate, numbers in counts.items()}
    for verdict in verdicts:
        if isinstance(workflow.gates.get(verdict.gate), w.RunGate):
            one = found.setdefault(verdict.gate, [0, 0])
            one[0] += 1
            one[1] += bool(verdict.flaky)
    return found


def flaky_counts(reader: Reader) -> dict[str, list[int]]:
    """gate -> [landings, of these flaky]. What can't be read is counted anew."""
    try:
        return msgspec.json.decode((reader.setting(COUNTS) or "{}").encode(), type=dict[str, list[int]])
    except msgspec.MsgspecError:
        return {}


def count_gates(writer: Writer, landings: Sequence[tuple[w.Workflow, Sequence[Verdict]]]) -> None:
    """Count what was measured for landings, in the transaction that prepares them."""
    counts = flaky_counts(writer)
    for workflow, verdicts in landings:
        counts = counted(counts, workflow, verdicts)
    writer.put_setting(COUNTS, msgspec.json.encode(counts).decode())


def flaky_words(reader: Reader) -> str:
    """`tests 3 of 50, lint 1 of 50`, "" when no gate was flaky."""
    counts = flaky_counts(reader)
    return ", ".join(f"{gate} {flaky} of {all_}" for gate, (all_, flaky) in sorted(counts.items()) if flaky)
