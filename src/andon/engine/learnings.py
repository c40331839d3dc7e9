"""Learnings: recording what was found, looking at it, and a person's review of it.

Rules: provenance is taken from the claim at hand, never from what the caller says; a text that is known already is recorded
once; what a person accepted is changed by people only (`core/rules_learning`). The command line says who is a person. In
which store a learning is kept, `homes` says; everything here means both.
"""

from __future__ import annotations

from typing import Any

from andon.core import commands as c
from andon.core import learning as k
from andon.core import reach, relevance
from andon.core.errors import EXIT_DENIED, EXIT_USAGE, EXIT_YES, AndonError, Rejected, UsageError
from andon.core.rules_learning import refuse_parts
from andon.engine import homes
from andon.engine.config import whole_of
from andon.engine.interface import Reply
from andon.engine.messages import rfc3339
from andon.engine.services import Services
from andon.engine.space import known, repository_name, seen, usable
from andon.engine.transact import Unit, key_cause, load_run
from andon.ports import Reader

HALF_LIFE_SETTING = "knowledge.half_life_days"


# ---------------------------------------------------------------- recording


def learn(services: Services, arguments: dict[str, Any]) -> Reply:
    """Record a learning, or with `review` a person's queue."""
    if arguments.get("review"):
        return review(services, arguments)
    if arguments.get("accept") or arguments.get("retire"):
        raise UsageError("--accept and --retire belong to --review", next="andon learn --review --accept L1")
    text = arguments.get("text")
    if not text:
        raise UsageError(
            "learn needs a text", next="andon learn 'what you found'; andon learn --review; andon learn list"
        )
    made, known = record(services, arguments)
    body = {"ok": True, "learning": made.id, "known": known, **describe(made)}
    return Reply(exit=EXIT_YES, body=body)


def record(services: Services, arguments: dict[str, Any]) -> tuple[k.Learning, bool]:
    """(the learning, whether it was known already)."""
    where = provenance(services)
    scopes = tuple(arguments.get("scopes") or (k.REPO,))
    supersedes, contradicts = tuple(arguments.get("supersedes") or ()), tuple(arguments.get("contradicts") or ())
    text = str(arguments["text"])
    refused = refuse_parts(text, scopes, (*supersedes, *contradicts))
    if refused is not None:
        raise AndonError.of(refused)
    home = homes.for_scopes(services, scopes)
    cause = _cause(home, where["repository"], arguments.get("key"))
    if cause and (before := _recorded_before(services, home, arguments.get("key"))) is not None:
        return before, True
    far = homes.elsewhere(services, home, (*supersedes, *contradicts))
    homes.refuse_narrower(home, [far[name] for name in supersedes if name in far])
    beside = _count_of_run(services, home, where)
    caller = services.caller

    def work(unit: Unit) -> tuple[k.Learning, bool]:
        known = unit.writer.caused(cause) if cause else None
        if known is not None:
            return homes.load(unit.writer, known), True
        same = unit.writer.learnings(status=k.ACTIVE, same=k.normal(text))
        for other in same:
            here = not home.shared or other.repository == where["repository"] or not reach.is_of_one(scopes)
            if set(other.scopes) == set(scopes) and here:
                return _known_already(services, unit, other), True
        _refuse_more(unit.writer, where, beside)
        replaced = [far.get(name) or homes.active(homes.load(unit.writer, name)) for name in supersedes]
        against = [(far.get(name) or homes.active(homes.load(unit.writer, name))).id for name in contradicts]
        # What a person accepted is not put aside by an agent's word: until a person looks, the two contradict.
        disputed = [x.id for x in replaced if x.reviewed_by and not caller.person]
        name = unit.writer.next_id(home.kind)
        command = c.RecordLearning(
            at=services.clock.now(),
            actor=caller.agent,
            learning=name,
            text=text,
            scopes=scopes,
            person=caller.person,
            supersedes=tuple(home.link(x) for x in supersedes),
            contradicts=tuple(home.link(x) for x in dict.fromkeys((*against, *disputed))),
            **where,
        )
        made = _done(unit.on_learning(name, command, cause=cause))
        for other in replaced:
            if other.id not in disputed and other.id not in far:
                _retire(services, unit, other.id, f"superseded by {name}", superseded_by=name)
        return made, False

    (made, before_it), _effects = home.engine.transact(work)
    if home.shared and made.supersedes:
        homes.finish(services)
    return seen(services, made), before_it


def _cause(home: homes.Home, repository: str, key: str | None) -> str | None:
    """The cause that a caller's key stands for. Callers of other repositories may have keys of the same name."""
    plain = key_cause("learning", key)
    return f"key:learning@{repository}:{key}" if plain and home.shared else plain


def _recorded_before(services: Services, home: homes.Home, key: str | None) -> k.Learning | None:
    """What the same key has recorded in the other store: scopes may be said otherwise the second time."""
    if home.space is None:
        return None
    try:
        other = homes.Home(services.engine if home.shared else home.space.engine, home.space, shared=not home.shared)
        with other.engine.store.read() as reader:
            known = reader.caused(_cause(other, home.space.name, key) or "")
            return seen(services, homes.load(reader, known)) if known is not None else None
    except AndonError:
        # The store that is written to is the one that must answer.
        return None


def _count_of_run(services: Services, home: homes.Home, where: dict[str, str]) -> int:
    """How many learnings of the run the other store has, as far as it can be told."""
    if home.space is None or not where["run"]:
        return 0
    if home.shared:
        with services.store.read() as reader:
            return reader.count_learnings(run=where["run"])
    space = usable(services)
    if space is None:
        return 0
    with space.store.read() as reader:
        return _of_run(reader, where)


def _of_run(reader: Reader, where: dict[str, str]) -> int:
    """Another repository's run may have the same id."""
    return sum(1 for x in reader.learnings(run=where["run"]) if x.repository == where["repository"])


def provenance(services: Services) -> dict[str, str]:
    """Task, run, step and commit of the claim at hand; outside of one the target branch's commit."""
    found = {"repository": repository_name(services), "task": "", "run": "", "step": "", "commit": ""}
    claim = services.places.read_lease(services.caller.cwd)
    if claim is not None and services.caller.agent in (claim.agent, claim.hand):
        with services.store.read() as reader:
            run = load_run(reader, claim.run)
        found |= {"task": run.task, "run": run.id, "step": claim.step, "commit": run.base}
    else:
        found["commit"] = services.git.branch_head(services.target) or ""
    return found


def _known_already(services: Services, unit: Unit, other: k.Learning) -> k.Learning:
    """Another who finds the same confirms it."""
    if other.agent == services.caller.agent:
        return other
    command = c.ConfirmLearning(at=services.clock.now(), actor=services.caller.agent, person=services.caller.person)
    return _done(unit.on_learning(other.id, command))


def _refuse_more(reader: Reader, where: dict[str, str], beside: int) -> None:
    """beside: how many the run has recorded in the other store."""
    if reader.count_learnings(status=k.ACTIVE) >= k.MAX_ACTIVE:
        text = f"there are {k.MAX_ACTIVE} active learnings, the limit"
        raise AndonError(text, kind="limit", next="a person: andon learn --review retires old ones")
    run = where["run"]
    if run and beside + _of_run(reader, where) >= k.MAX_OF_RUN:
        text = f"run {run} has recorded {k.MAX_OF_RUN} learnings, the limit"
        raise AndonError(text, kind="limit", next="keep to what others will need; andon learn edit changes one")


def _done(result: k.Learning | Rejected) -> k.Learning:
    if isinstance(result, Rejected):
        raise AndonError.of(result)
    return result


def _retire(services: Services, unit: Unit, name: str, reason: str, superseded_by: str = "") -> k.Learning:
    command = c.RetireLearning(
        at=services.clock.now(),
        actor=services.caller.agent,
        reason=reason,
        superseded_by=superseded_by,
        person=services.caller.person,
    )
    return _done(unit.on_learning(name, command))


# ---------------------------------------------------------------- changing


def learn_edit(services: Services, arguments: dict[str, Any]) -> Reply:
    """Change the text, the scopes or what it contradicts ("none" clears that)."""
    name = arguments["learning"]
    listed = arguments.get("contradicts")
    if all(arguments.get(key) is None for key in ("text", "scopes", "contradicts")):
        raise UsageError("nothing is to be changed", next="--text, --scope or --contradicts")
    home = homes.home_of(services, name)
    far = homes.elsewhere(services, home, [other for other in listed or () if other != "none"])
    scopes = tuple(arguments["scopes"]) if arguments.get("scopes") is not None else None
    homes.refuse_move(services, homes.find(services, name), scopes or ())

    def work(unit: Unit) -> k.Learning:
        contradicts = None
        if listed is not None:
            named = [other for other in listed if other != "none"]
            here = {other: homes.active(homes.load(unit.writer, other)).id for other in named if other not in far}
            contradicts = tuple(home.link(here.get(other, other)) for other in named)
        command = c.EditLearning(
            at=services.clock.now(),
            actor=services.caller.agent,
            text=arguments.get("text"),
            scopes=scopes,
            contradicts=contradicts,
            person=services.caller.person,
        )
        return _done(unit.on_learning(name, command))

    done, _effects = home.engine.transact(work)
    done = seen(services, done)
    return Reply(exit=EXIT_YES, body={"ok": True, "learning": done.id, **describe(done)})


def learn_confirm(services: Services, arguments: dict[str, Any]) -> Reply:
    """Say that learnings hold; a person's word accepts them."""
    names = list(dict.fromkeys(arguments.get("learnings") or []))
    if not names:
        raise UsageError("learn confirm needs a learning", next="andon learn confirm L1")
    done = _confirm_all(services, names)
    return Reply(exit=EXIT_YES, body={"ok": True, "items": [describe(seen(services, done[name])) for name in names]})


def _confirm_all(services: Services, names: list[str]) -> dict[str, k.Learning]:
    done = homes.in_groups(services, names, lambda unit, name: _confirm(services, unit, name))
    if any(reach.is_shared(name) and made.supersedes for name, made in done.items()):
        homes.finish(services)
    return done


def _confirm(services: Services, unit: Unit, name: str) -> k.Learning:
    command = c.ConfirmLearning(at=services.clock.now(), actor=services.caller.agent, person=services.caller.person)
    made = _done(unit.on_learning(name, command))
    for other in made.supersedes if services.caller.person else ():
        # An agent had put it in the place of an accepted one; now a person has agreed. The other store's: `homes.finish`.
        if "@" not in other and homes.load(unit.writer, other).status == k.ACTIVE:
            _retire(services, unit, other, f"superseded by {name}", superseded_by=name)
    return made


def learn_retire(services: Services, arguments: dict[str, Any]) -> Reply:
    names = list(dict.fromkeys(arguments.get("learnings") or []))
    if not names:
        raise UsageError("learn retire needs a learning", next="andon learn retire L1 -m 'why'")
    done = _retire_all(services, names, arguments.get("message") or "")
    return Reply(exit=EXIT_YES, body={"ok": True, "items": [describe(seen(services, done[name])) for name in names]})


def _retire_all(services: Services, names: list[str], reason: str) -> dict[str, k.Learning]:
    return homes.in_groups(services, names, lambda unit, name: _retire(services, unit, name, reason))


# ---------------------------------------------------------------- looking


def uses_by_learning(
    services: Services, reader: Reader, workflow: str | None = None, step: str | None = None
) -> dict[str, relevance.Uses]:
    """How first advances went here, by learning: of all steps, or of one of a workflow."""
    space = usable(services)
    found: dict[str, relevance.Uses] = {}
    for row in reader.learning_uses(workflow, step):
        counts = {name: int(value or 0) for name, value in row.items() if name != "learning"}
        name = str(row["learning"])
        found[reach.plain(name, space.places) if space is not None else name] = relevance.Uses(**counts)
    return found


def describe(learning: k.Learning) -> dict[str, Any]:
    """The JSON form of a learning."""
    return {
        "id": learning.id,
        "text": learning.text,
        "scopes": list(learning.scopes),
        "repository": learning.repository or None,
        "store": "workspace" if reach.is_shared(learning.id) else "repository",
        "status": learning.status,
        "agent": learning.agent,
        "person": learning.person,
        "edited_by": learning.edited_by or None,
        "reviewed_by": learning.reviewed_by or None,
        "task": learning.task or None,
        "run": learning.run or None,
        "step": learning.step or None,
        "commit": learning.commit or None,
        "supersedes": list(learning.supersedes),
        "superseded_by": learning.superseded_by or None,
        "contradicts": list(learning.contradicts),
        "confirmed_by": list(learning.confirmed_by),
        "recorded_at": rfc3339(learning.recorded_at),
        "confirmed_at": rfc3339(learning.confirmed_at),
        "reason": learning.reason or None,
    }


def describe_uses(uses: relevance.Uses) -> dict[str, Any]:
    """Counts and rates of first advances with the learning, and without it (the control)."""
    return {
        "given": uses.given,
        "passed": uses.passed,
        "pass_rate": _rate(uses.passed, uses.given),
        "advances_to_green": _rate(uses.given_advances, uses.given),
        "control": {
            "given": uses.held,
            "passed": uses.held_passed,
            "pass_rate": _rate(uses.held_passed, uses.held),
            "advances_to_green": _rate(uses.held_advances, uses.held),
        },
        "lift": round(uses.lift, 3),
    }


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None


def learn_list(services: Services, arguments: dict[str, Any]) -> Reply:
    status = arguments.get("status") or k.ACTIVE
    if status not in (k.ACTIVE, k.RETIRED, "all"):
        raise UsageError(f"{status} is no status of a learning", next="--status active, retired or all")
    with services.store.read() as reader:
        found = known(services, reader, None if status == "all" else status)
        uses = uses_by_learning(services, reader)
        opponents = k.opponents(known(services, reader, k.ACTIVE))
    items = []
    for learning in found:
        if arguments.get("scope") and arguments["scope"] not in learning.scopes:
            continue
        if arguments.get("repository") and arguments["repository"] != learning.repository:
            continue
        counts = describe_uses(uses.get(learning.id, relevance.Uses()))
        items.append(describe(learning) | {"uses": counts, "against": list(opponents.get(learning.id, ()))})
    return Reply(exit=EXIT_YES, body={"ok": True, "items": items})


def learn_show(services: Services, arguments: dict[str, Any]) -> Reply:
    learning = homes.find(services, arguments["learning"])
    with services.store.read() as reader:
        uses = uses_by_learning(services, reader).get(learning.id, relevance.Uses())
        against = k.opponents(known(services, reader, k.ACTIVE)).get(learning.id, ())
    body = {"ok": True, **describe(learning), "uses": describe_uses(uses), "against": list(against)}
    return Reply(exit=EXIT_YES, body=body)


# ---------------------------------------------------------------- review


def review(services: Services, arguments: dict[str, Any]) -> Reply:
    """What a person should look at, after accepting and retiring what the arguments name."""
    accept, retire = (list(dict.fromkeys(arguments.get(name) or [])) for name in ("accept", "retire"))
    if (accept or retire) and not services.caller.person:
        text = f"{services.caller.agent} is an agent; only a person accepts learnings"
        raise AndonError(text, kind="not_a_person", next="let a person run this in a terminal", exit=EXIT_DENIED)
    if both := set(accept) & set(retire):
        text = f"{', '.join(sorted(both))} can't be both accepted and retired"
        raise AndonError(text, kind="usage", next="name it once", exit=EXIT_USAGE)

    def act(unit: Unit, name: str) -> None:
        if name in accept:
            _confirm(services, unit, name)
        else:
            _retire(services, unit, name, arguments.get("message") or "retired in review")

    if accept or retire:
        homes.in_groups(services, [*accept, *retire], act)
        homes.finish(services)
    body = {"ok": True, "accepted": accept, "retired": retire, "items": queue(services)}
    return Reply(exit=EXIT_YES, body=body)


def queue(services: Services) -> list[dict[str, Any]]:
    """The learnings with a reason to look at them: contradicted, unreviewed, stale, not useful."""
    with services.store.read() as reader:
        active = known(services, reader, k.ACTIVE)
        uses = uses_by_learning(services, reader)
        half_life = whole_of(reader, HALF_LIFE_SETTING) or 0
    now = services.clock.now()
    against = k.opponents(active)
    items = []
    for learning in active:
        counts = uses.get(learning.id, relevance.Uses())
        age_days = (now - learning.confirmed_at) / relevance.DAY_S
        reasons = {
            "contradicted": learning.id in against,
            "unreviewed": not learning.reviewed_by,
            "stale": half_life > 0 and age_days >= half_life,
            "not_useful": counts.useless,
        }
        if any(reasons.values()):
            found = [name for name, holds in reasons.items() if holds]
            extra = {"reasons": found, "against": list(against.get(learning.id, ())), "uses": describe_uses(counts)}
            items.append(describe(learning) | extra)
    order = ("contradicted", "not_useful", "stale", "unreviewed")
    items.sort(key=lambda item: min(order.index(reason) for reason in item["reasons"]))
    return items
