"""The front matter's options, read into records: name, roles, environment, protection, `done`, limits and gates.

Rules: `protect` always holds `.andon/**`; a limit that the author takes away (`visits: none`) becomes `NO_LIMIT`, which
lint then judges. Must not know: the diagram.
"""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from andon.core import workflow as w
from andon.workflow.fields import NAME, Fields
from andon.workflow.gate_options import Places, read_gates
from andon.workflow.problems import Collector, shown
from andon.workflow.yaml_tree import Node, Scalar

KEYS = ("name", "description", "roles", "environment", "protect", "done", "limits", "gates", "metadata")
NETWORKS = ("none", "setup", "all")
ALWAYS_PROTECTED = ".andon/**"
NO_LIMIT = 1_000_000
"""Visits when the author took the limit away; a workflow with loops does not pass lint then."""
MAX_VISITS = 1000


class Front(Struct, frozen=True, kw_only=True):
    """All that the front matter says."""

    name: str
    description: str
    roles: dict[str, w.Role]
    environment: w.Environment
    protect: tuple[str, ...]
    done: tuple[str, ...]
    limits: w.Limits
    gates: dict[str, w.Gate]
    metadata: w.Metadata | UnsetType


def read_front(node: Node | None, name: str, problems: Collector, places: Places) -> Front:
    """Read the front matter. name: the file's own, used when the author gives none."""
    fields = Fields(node, "the front matter", problems, (1, 1))
    fields.allow(KEYS)
    for key in fields.given:
        places[f"front.{key}"] = fields.key_at(key)
    own = fields.name("name", name) or name
    if own != name:
        text = f"the workflow calls itself `{own}`, its file `{shown(name)}`"
        problems.warn("name-mismatch", fields.value_at("name"), text, "give both the same name")
    done = fields.names("done")
    places.update({f"done:{gate}": at for gate, at in done})
    return Front(
        name=own,
        description=fields.word("description", "") or "",
        roles=_roles(fields, places),
        environment=_environment(fields.sub("environment", "environment")),
        protect=_protect(fields),
        done=tuple(gate for gate, _ in done),
        limits=_limits(fields.sub("limits", "limits"), places),
        gates=read_gates(fields.node("gates"), problems, places),
        metadata=fields.metadata(),
    )


def _protect(fields: Fields) -> tuple[str, ...]:
    globs = fields.words("protect")
    for glob, at in fields.placed_words("protect"):
        if glob.startswith("!"):
            text = f"`{shown(glob)}` takes files out of protection that decide how gates judge"
            fields.problems.warn("unprotected", at, text, "any task may then change them")
    return globs if ALWAYS_PROTECTED in globs else (ALWAYS_PROTECTED, *globs)


def _roles(fields: Fields, places: Places) -> dict[str, w.Role]:
    node = fields.node("roles")
    if node is None:
        return {}
    if not hasattr(node, "entries"):
        for name, at in fields.names("roles"):
            places[f"role:{name}"] = at
        return {name: w.Role() for name, _ in fields.names("roles")}
    roles: dict[str, w.Role] = {}
    for entry in fields.sub("roles", "roles").map.entries:
        if not NAME.match(entry.key):
            fields.problems.add(
                "bad-value", entry.at, f"`{shown(entry.key)}` is no role id", "letters, digits, _ and -"
            )
            continue
        inner = Fields(entry.value, f"role `{entry.key}`", fields.problems, entry.at)
        inner.allow(("description", "distinct_from", "resolve"))
        distinct = inner.names("distinct_from")
        places[f"role:{entry.key}"] = entry.at
        places.update({f"role:{entry.key}.distinct_from.{other}": at for other, at in distinct})
        roles[entry.key] = w.Role(
            description=inner.word("description", "") or "",
            distinct_from=tuple(other for other, _ in distinct),
            resolve="role" if inner.choice("resolve", ("raiser", "role"), "raiser") == "role" else UNSET,
        )
    return roles


def _environment(fields: Fields) -> w.Environment:
    fields.allow(("isolation", "setup", "setup_timeout", "reuse", "network", "env", "path"))
    default = w.Environment()
    return w.Environment(
        isolation=fields.choice("isolation", w.ISOLATION_LEVELS, default.isolation, "isolation-unknown"),
        setup=tuple(word for word, _ in fields.placed_words("setup")),
        setup_timeout_s=fields.duration("setup_timeout", default.setup_timeout_s),
        reuse=fields.words("reuse"),
        network=fields.choice("network", NETWORKS, default.network),
        env=_variables(fields.sub("env", "env")),
        path=_directories(fields),
    )


def _variables(fields: Fields) -> dict[str, str]:
    """Values are taken as they are written: `1.10` stays "1.10"."""
    found: dict[str, str] = {}
    for entry in fields.map.entries:
        legal = entry.key.isascii() and entry.key.replace("_", "a").isalnum() and not entry.key[0].isdigit()
        if not legal:
            fields.problems.add("bad-value", entry.at, f"`{shown(entry.key)}` is no name of a variable")
        elif entry.key.startswith("ANDON_"):
            fields.problems.add("bad-value", entry.at, f"`{shown(entry.key)}` is set by Andon itself")
        elif isinstance(entry.value, Scalar):
            found[entry.key] = entry.value.text if entry.value.value is not None else ""
        else:
            fields.problems.add("bad-value", entry.value.at, f"the value of `{shown(entry.key)}` must be text")
    return found


def _directories(fields: Fields) -> tuple[str, ...]:
    for path, at in fields.placed_words("path"):
        if not path.startswith("/") or ":" in path:
            text = f"`{shown(path)}` in `path` is no absolute directory"
            fields.problems.add("bad-value", at, text, "give one directory per entry, from /")
    return tuple(path for path in fields.words("path") if path.startswith("/") and ":" not in path)


def _limits(fields: Fields, places: Places) -> w.Limits:
    fields.allow(("visits", "wall_time", "tokens", "submissions"))
    for key in fields.given:
        places[f"limits.{key}"] = fields.value_at(key)
    default = w.Limits()
    return w.Limits(
        visits=NO_LIMIT if _taken_away(fields, "visits") else fields.whole("visits", default.visits, 1, MAX_VISITS),
        wall_time_s=fields.duration("wall_time", default.wall_time_s),
        tokens=None if _taken_away(fields, "tokens") else fields.maybe_whole("tokens", 1, 10**15),
        submissions=fields.whole("submissions", default.submissions, 1, 10_000),
    )


def _taken_away(fields: Fields, key: str) -> bool:
    """Whether a limit is given as none: `none`, null or 0."""
    entry = fields.map.get(key)
    if entry is None or not isinstance(entry.value, Scalar):
        return False
    value = entry.value.value
    return value is None or value == "none" or (value == 0 and not isinstance(value, bool))
