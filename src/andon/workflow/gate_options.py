"""Gates as authors write them, read into gate records.

A gate is a map with exactly one key that names its kind: `run` (a command, with options beside it) or `diff`,
`artifact`, `review`, `approval`, `signal`, `policy` (their options below it). Must not know: how a gate is carried out.
"""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from andon.core import workflow as w
from andon.workflow.fields import Fields
from andon.workflow.problems import START, At, Collector, did_you_mean, listed, shown
from andon.workflow.yaml_tree import Mapping, Node, Scalar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = ("run", "diff", "artifact", "review", "approval", "signal", "policy")
LIMIT_KEYS = ("timeout", "memory", "processes", "output")
RUN_KEYS = ("run", "report", "require", "inputs", "flaky", *LIMIT_KEYS)
RESERVED_IDS = ("work", "protect")
"""Ids of the built-in gates."""

Places = dict[str, At]


def read_gates(node: Node | None, problems: Collector, places: Places) -> dict[str, w.Gate]:
    """The `gates` map of the front matter."""
    fields = Fields(node, "gates", problems, START)
    gates: dict[str, w.Gate] = {}
    for entry in fields.map.entries:
        gate = read_gate(entry.key, entry.at, entry.value, problems, places)
        if gate is not None:
            gates[gate.id] = gate
    return gates


def read_gate(name: str, at: At, node: Node, problems: Collector, places: Places) -> w.Gate | None:
    """One gate's definition. Records its places as `gate:ID` and `gate:ID.KEY`."""
    from andon.workflow.fields import NAME

    if not NAME.match(name):
        problems.add("bad-value", at, f"`{shown(name)}` is no gate id", "letters, digits, _ and -")
        return None
    if name in RESERVED_IDS:
        problems.add("reserved-word", at, f"`{name}` is the id of a gate that Andon has of itself", "choose another id")
        return None
    places[f"gate:{name}"] = at
    fields = Fields(node, f"gate `{name}`", problems, at)
    kinds = [key for key in fields.given if key in KINDS]
    if len(kinds) != 1:
        if isinstance(node, Mapping):
            text = f"gate `{name}` must have exactly one of {', '.join(KINDS)}; it has {listed(kinds)}"
            problems.add("bad-gate", at, text)
        return None
    kind = kinds[0]
    for key in fields.given:
        places[f"gate:{name}.{key}"] = fields.value_at(key)
    if kind == "run":
        return _run(name, fields, places)
    fields.allow((kind,))
    if kind == "policy":
        word = fields.word("policy")
        return w.PolicyGate(id=name, policy=word) if word else None
    readers: dict[str, Callable[[str, Fields], w.Gate | None]] = {
        "diff": _diff,
        "artifact": _artifact,
        "review": _review,
        "approval": _approval,
        "signal": _signal,
    }
    inner = _inner(fields, kind, name)
    for key in inner.given:
        places[f"gate:{name}.{key}"] = inner.value_at(key)
    return readers[kind](name, inner)


_SHORT = {"artifact": "path", "review": "role", "signal": "name"}


def _inner(fields: Fields, kind: str, name: str) -> Fields:
    """The options below the kind's key; for some kinds one word stands for the main option."""
    node = fields.node(kind)
    if isinstance(node, Scalar) and isinstance(node.value, str) and kind in _SHORT:
        from andon.workflow.yaml_tree import Entry

        node = Mapping(entries=(Entry(key=_SHORT[kind], at=node.at, value=node),), at=node.at)
    return Fields(node, f"gate `{name}`", fields.problems, fields.key_at(kind))


def resource_limits(fields: Fields) -> w.ResourceLimits:
    """timeout, memory, processes and output of a command."""
    default = w.ResourceLimits()
    return w.ResourceLimits(
        timeout_s=fields.duration("timeout", default.timeout_s),
        memory_bytes=fields.bytes("memory", default.memory_bytes, least=1024**2),
        processes=fields.whole("processes", default.processes, 1, 100_000),
        output_bytes=fields.bytes("output", default.output_bytes, least=1024),
    )


def _run(name: str, fields: Fields, places: Places) -> w.Gate | None:
    fields.allow(RUN_KEYS)
    command = fields.word("run")
    if command is None:
        if fields.node("run") is None:
            fields.problems.add("bad-gate", fields.key_at("run"), f"gate `{name}` has an empty command")
        return None
    require = fields.node("require")
    if isinstance(require, Scalar) and isinstance(require.value, bool):
        # `require: true` is a condition too, and a bad one; the type is what lint speaks of.
        fields.wrong("require", "a condition in quotes")
    if isinstance(require, Scalar):
        places[f"gate:{name}.require"] = require.inner
    return w.RunGate(
        id=name,
        run=command,
        report=_report(name, fields),
        require=None if isinstance(require, Scalar) and isinstance(require.value, bool) else fields.word("require"),
        inputs=fields.words("inputs"),
        limits=resource_limits(fields),
        flaky=_flaky(name, fields),
    )


def _flaky(name: str, fields: Fields) -> str | UnsetType:
    """`refuse`: no second measurement when the gate is red at landing. `retry` says what is so without it."""
    word = fields.word("flaky")
    if word in (None, "retry"):
        return UNSET
    if word != w.FLAKY_REFUSE:
        text = f"`flaky` of gate `{name}` is `{shown(str(word))}`"
        fields.problems.add("bad-value", fields.value_at("flaky"), text, "retry (the default) or refuse")
        return UNSET
    return w.FLAKY_REFUSE


def _report(name: str, fields: Fields) -> w.Report | None:
    node = fields.node("report")
    if node is None:
        return None
    if not isinstance(node, Mapping) or len(node.entries) != 1 or node.entries[0].key not in w.REPORT_FORMATS:
        text = f"`report` of gate `{name}` must name one format and its file"
        advice = f"such as report: {{junit: junit.xml}}; formats: {', '.join(w.REPORT_FORMATS)}"
        fields.problems.add("bad-gate", node.at, text, advice)
        return None
    inner = Fields(node, f"report of gate `{name}`", fields.problems, node.at)
    entry = node.entries[0]
    path = inner.word(entry.key)
    if path is None:
        if inner.node(entry.key) is None:
            fields.problems.add("bad-gate", entry.at, f"the report of gate `{name}` names no file")
        return None
    prefix = "$ANDON_OUT/"
    path = path.removeprefix(prefix)
    if path != "-" and not inside_tree(path):
        text = f"the report's file `{shown(path)}` must lie below $ANDON_OUT"
        fields.problems.add("bad-gate", entry.value.at, text, "give a relative path without ..")
        return None
    return w.Report(format=entry.key, path=path)


def inside_tree(path: str) -> bool:
    """Whether a relative path stays below where it starts."""
    return not path.startswith("/") and ".." not in path.split("/") and path not in ("", ".")


def _diff(name: str, fields: Fields) -> w.Gate:
    fields.allow(("within", "forbid", "max_lines", "max_files", "commits", "refuse"))
    gate = w.DiffGate(
        id=name,
        within=fields.words("within"),
        forbid=fields.words("forbid"),
        max_lines=fields.maybe_whole("max_lines"),
        max_files=fields.maybe_whole("max_files"),
        commits=fields.maybe_whole("commits", 1),
        refuse=_refused(name, fields),
    )
    if not fields.given:
        fields.problems.add(
            "bad-gate",
            fields.at,
            f"gate `{name}` bounds nothing",
            "give within, forbid, max_lines, max_files, commits or refuse",
        )
    return gate


def _refused(name: str, fields: Fields) -> tuple[str, ...]:
    """Rules of suspicion, in the order of their table; `all` stands for every rule of this version."""
    from andon.suspicion.table import ALL, RULES

    chosen: set[str] = set()
    for word, at in fields.placed_words("refuse"):
        if word == ALL:
            chosen |= set(RULES)
        elif word in RULES:
            chosen.add(word)
        else:
            text = f"`{shown(word)}` in `refuse` of gate `{name}` is no rule of suspicion"
            advice = did_you_mean(word, (ALL, *RULES)) or "see docs/reference/suspicion.md, or `all`"
            fields.problems.add("bad-value", at, text, advice)
    return tuple(rule for rule in RULES if rule in chosen)


def _artifact(name: str, fields: Fields) -> w.Gate | None:
    fields.allow(("path", "schema", "min_size"))
    path = _needed(name, fields, "path")
    schema = fields.word("schema")
    for key, value in (("path", path), ("schema", schema)):
        if value is not None and not inside_tree(value):
            text = f"`{key}` of gate `{name}` must be a path in the repository, found `{shown(value)}`"
            fields.problems.add("bad-gate", fields.value_at(key), text, "give a relative path without ..")
            return None
    if path is None:
        return None
    return w.ArtifactGate(id=name, path=path, schema=schema, min_bytes=fields.bytes("min_size", 1, least=0))


def _review(name: str, fields: Fields) -> w.Gate | None:
    fields.allow(("role", "count", "distinct_model", "distinct_client"))
    role = _needed(name, fields, "role")
    if role is None:
        return None
    return w.ReviewGate(
        id=name,
        role=role,
        count=fields.whole("count", 1, 1, 50),
        # Only what is asked for stands in the record, so that a gate without it keeps its digest.
        distinct_model=fields.flag("distinct_model") or UNSET,
        distinct_client=fields.flag("distinct_client") or UNSET,
    )


def _approval(name: str, fields: Fields) -> w.Gate:
    fields.allow(("by", "count", "expires"))
    return w.ApprovalGate(
        id=name,
        by=fields.words("by"),
        count=fields.whole("count", 1, 1, 50),
        expires_s=fields.maybe_duration("expires"),
    )


def _signal(name: str, fields: Fields) -> w.Gate | None:
    fields.allow(("name", "by", "expires"))
    signal = _needed(name, fields, "name")
    if signal is None:
        return None
    return w.SignalGate(id=name, name=signal, by=fields.words("by"), expires_s=fields.maybe_duration("expires"))


def _needed(name: str, fields: Fields, key: str) -> str | None:
    word = fields.word(key)
    if word is None and fields.node(key) is None:
        fields.problems.add("bad-gate", fields.at, f"gate `{name}` needs `{key}`")
    return word
