"""A step's options, read by its kind.

Rules: `run:` makes a step a command; a step called `land` or `publish` is of that kind; every other kind is named. An
option of another kind is an error that says whose option it is. Must not know: edges.
"""

from __future__ import annotations

from typing import TypeVar

from msgspec import UNSET, UnsetType

from andon.core import workflow as w
from andon.core.swarm import MAX_CHILDREN
from andon.workflow.fields import NAME, Fields
from andon.workflow.gate_options import LIMIT_KEYS, Places, read_gate, resource_limits
from andon.workflow.problems import Collector, did_you_mean, listed, shown
from andon.workflow.source import Section
from andon.workflow.yaml_tree import Mapping, Scalar, Sequence

T = TypeVar("T")

COMMON = ("kind", "gates", "metadata")
KEYS: dict[str, tuple[str, ...]] = {
    "agent": ("role", "attempts", "lease", "session", "tokens", "empty", "outcomes", "handoff_gates"),
    "command": ("run", "attempts", "lease", *LIMIT_KEYS),
    "human": ("role", "by", "count", "expires", "on_expiry", "outcomes"),
    "fanout": (
        "for_each",
        "schema",
        "workflow",
        "join",
        "max_parallel",
        "max_children",
        "tokens",
        "land",
        "empty",
        "role",
        "outcomes",
    ),
    "wait": ("for", "signal", "on_expiry"),
    "workflow": ("workflow", "tokens", "land", "outcomes"),
    "publish": ("attempts", "lease"),
    "land": ("attempts", "lease"),
}
"""Options by kind, besides `kind`, `gates` and `metadata`."""

_NAMED = ("land", "publish")


def read_step(
    name: str,
    title: str,
    phase: tuple[str, ...],
    section: Section | None,
    gates: dict[str, w.Gate],
    problems: Collector,
    places: Places,
) -> w.Step:
    """A step from its section (None: all defaults). Adds gates that are defined inline to `gates`."""
    at = section.options_at if section else places.get(f"step:{name}", (1, 1))
    fields = Fields(section.options if section else None, f"step `{name}`", problems, at)
    kind = _kind(name, fields)
    _check_keys(name, kind, fields)
    for key in fields.given:
        places[f"step:{name}.{key}"] = fields.value_at(key)
    default = w.Step(id=name)
    return w.Step(
        id=name,
        kind=kind,
        title=title,
        phase=phase,
        role=fields.name("role"),
        gates=_gates(name, fields, gates, places),
        attempts=fields.whole("attempts", default.attempts, 1, 100),
        lease_s=fields.duration("lease", default.lease_s),
        empty=fields.choice("empty", ("allow", "refuse"), "refuse") == "allow",
        outcomes=_outcomes(name, fields, places),
        brief=section.brief if section else "",
        run=_run(name, kind, fields),
        limits=resource_limits(fields),
        by=fields.words("by"),
        count=fields.whole("count", default.count, 1, 50),
        expires_s=fields.maybe_duration("expires"),
        on_expiry=_on_expiry(name, fields),
        for_s=fields.maybe_duration("for"),
        signal=fields.word("signal"),
        for_each=fields.word("for_each"),
        workflow=fields.word("workflow"),
        join=_join(name, fields),
        max_parallel=fields.maybe_whole("max_parallel", 1, 10_000),
        schema=_given(fields.word("schema")),
        max_children=_given(fields.maybe_whole("max_children", 1, MAX_CHILDREN)),
        tokens=_given(fields.maybe_whole("tokens", 1)),
        land=_given(fields.choice("land", ("one", "each"), "one") if fields.has("land") else None),
        metadata=fields.metadata(),
        handoff_gates=_handoff_gates(name, fields, places) or UNSET,
        session_s=_given(fields.maybe_duration("session")),
    )


def _given(value: T | None) -> T | UnsetType:
    """An option that is not there leaves no trace, so that older files keep their digests."""
    return UNSET if value is None else value


def _kind(name: str, fields: Fields) -> str:
    inferred = "command" if fields.has("run") else name if name in _NAMED else "agent"
    if fields.node("kind") is None:
        return inferred
    return fields.choice("kind", w.STEP_KINDS, inferred)


def _check_keys(name: str, kind: str, fields: Fields) -> None:
    allowed = (*COMMON, *KEYS[kind])
    for entry in fields.map.entries:
        if entry.key in allowed:
            continue
        owners = [other for other, keys in KEYS.items() if entry.key in keys]
        if owners:
            text = f"`{entry.key}` is an option of {' and '.join(owners)} steps; `{name}` is of kind {kind}"
            fields.problems.add("unknown-key", entry.at, text, f"add kind: {owners[0]}" if kind == "agent" else "")
        else:
            every = {key for keys in KEYS.values() for key in keys}
            advice = did_you_mean(entry.key, allowed) or did_you_mean(entry.key, sorted(every))
            advice = advice or f"known: {listed(allowed, 30)}"
            fields.problems.add("unknown-key", entry.at, f"step `{name}` has no option `{shown(entry.key)}`", advice)


def _gates(name: str, fields: Fields, gates: dict[str, w.Gate], places: Places) -> tuple[str, ...]:
    """Ids of the step's gates; a one-key map in the list defines a gate in place."""
    node = fields.node("gates")
    if node is None:
        return ()
    found: list[str] = []
    for item in node.items if isinstance(node, Sequence) else (node,):
        gate_id = ""
        if isinstance(item, Scalar) and isinstance(item.value, str) and NAME.match(item.value):
            gate_id = item.value
        elif isinstance(item, Mapping) and len(item.entries) == 1:
            entry = item.entries[0]
            if entry.key in gates:
                text = f"gate `{shown(entry.key)}` is defined already"
                fields.problems.add("duplicate-gate", entry.at, text, "refer to it by its id, or choose another id")
                continue
            gate = read_gate(entry.key, entry.at, entry.value, fields.problems, places)
            if gate is not None:
                gates[gate.id] = gate
                gate_id = gate.id
        else:
            text = f"`gates` of step `{name}` must be a list of gate ids or definitions"
            fields.problems.add("bad-value", item.at, text, "such as gates: [tests, {size: {diff: {max_lines: 400}}}]")
        if gate_id in found:
            fields.problems.add("bad-value", item.at, f"gate `{gate_id}` stands twice in step `{name}`", "keep one")
        elif gate_id:
            places[f"step:{name}.gates.{gate_id}"] = item.at
            found.append(gate_id)
    return tuple(found)


def _handoff_gates(name: str, fields: Fields, places: Places) -> tuple[str, ...]:
    found = fields.names("handoff_gates")
    places.update({f"step:{name}.handoff_gates.{gate}": at for gate, at in found})
    return tuple(gate for gate, _ in found)


def _outcomes(name: str, fields: Fields, places: Places) -> tuple[str, ...]:
    outcomes = fields.names("outcomes")
    places.update({f"step:{name}.outcomes.{outcome}": at for outcome, at in outcomes})
    return tuple(outcome for outcome, _ in outcomes)


def _run(name: str, kind: str, fields: Fields) -> str | None:
    command = fields.word("run")
    if kind == "command" and command is None and fields.node("run") is None:
        fields.problems.add("bad-value", fields.at, f"command step `{name}` has no command", 'add run: "…"')
    return command


def _on_expiry(name: str, fields: Fields) -> str:
    outcome = fields.name("on_expiry", w.EXPIRED) or w.EXPIRED
    if outcome == w.PASSED:
        text = f"step `{name}` would pass when nobody decides: expiry is not approval"
        fields.problems.add("expiry-passes", fields.value_at("on_expiry"), text, "name an outcome that is not `passed`")
        return w.EXPIRED
    return outcome


def _join(name: str, fields: Fields) -> str:
    node = fields.node("join")
    if node is None:
        return "all"
    value = node.value if isinstance(node, Scalar) else None
    if value in ("all", "any") or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return str(value)
    fields.wrong("join", "all, any or a whole number above 0")
    return "all"
