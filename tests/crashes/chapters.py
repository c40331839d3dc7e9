"""The scripts: every command that writes, in worlds where it has something to do.

Each chapter is a script of its own, so that the tests of one do not wait for another.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.crashes.scene import Move
from tests.e2e.world import WORKFLOW

LOUD = "one\nTWO\nthree\nfour\nfive\n"
HOUR = 3600
TOMORROW = 25 * HOUR

# How the workflow of a chapter differs from that of the end-to-end tests.
PLAIN = {"isolation": "process", "lease": "24h", "tests": '{run: "sh run-tests.sh", report: {junit: junit.xml}}'}


def add(key: str, title: str, *more: str) -> Move:
    return Move(f"task add {key}", ["task", "add", title, "--key", key, *more])


def take(agent: str, role: str, keep: str, **more: object) -> Move:
    move = Move(f"next ({agent}, {role})", ["next", "--role", role], agent=agent, keep=keep)
    for name, value in more.items():
        setattr(move, name, value)
    return move


def advance(agent: str, claim: str, *more: str, exits: tuple[int, ...] = (0,), **files: str) -> Move:
    before = {name.replace("_", "."): text for name, text in files.items()}
    name = " ".join(["advance", f"({agent})", *more])
    return Move(name, ["advance", *more], agent=agent, claim=claim, before=before, exits=exits)


def tasks() -> list[Move]:
    """Tasks and messages: what writes to the store alone."""
    return [
        Move("init", ["init"]),
        add("first", "Change the app", "--scope", "app.txt", "--accept", "line two is loud"),
        add("second", "Another", "--draft", "--depends-on", "T1"),
        add("third", "A third"),
        Move("task edit", ["task", "edit", "T2", "--priority", "0", "--body", "more of it"]),
        Move("task release", ["task", "release", "T2"]),
        Move("task cancel", ["task", "cancel", "T3", "-m", "not needed"]),
        Move("say", ["say", "bob", "the API changed", "--key", "m1"], agent="alice"),
        Move("ask", ["ask", "Which colour?", "--key", "m2"], agent="alice"),
        Move("answer", ["answer", "M2", "blue"], person=True),
        Move("inbox --ack", ["inbox", "--ack", "all"], agent="bob"),
        Move("run start", ["run", "start", "T1"]),
        Move("run cancel", ["run", "cancel", "R1", "-m", "wrong approach"], person=True),
    ]


def work() -> list[Move]:
    """A worker's commands, from the claim to the landing."""
    return [
        Move("init", ["init"]),
        add("first", "Change the app"),
        take("alice", "implementer", "alice"),
        Move("heartbeat", ["heartbeat", "--tokens", "7", "--key", "h1"], agent="alice", claim="alice"),
        Move("submit", ["submit"], agent="alice", claim="alice", before={"app.txt": "half\n"}),
        Move(
            "handoff",
            ["handoff", "--to", "bob", "-m", "the rest is yours"],
            agent="alice",
            claim="alice",
            before={"app.txt": "more\n"},
        ),
        take("bob", "implementer", "bob"),
        Move("check", ["check"], agent="bob", claim="bob", before={"app.txt": LOUD}),
        advance("bob", "bob", "-m", "red", exits=(1,), **{"tests/second_sh": "exit 1\n"}),
        advance("bob", "bob", "-m", "green", **{"tests/second_sh": "exit 0\n"}),
        take("carol", "reviewer", "carol"),
        advance("carol", "carol", "--outcome", "rework", "-m", "too loud"),
        take("bob", "implementer", "bob again"),
        Move(
            "release", ["release", "-m", "not mine"], agent="bob", claim="bob again", before={"app.txt": "unfinished\n"}
        ),
        take("dave", "implementer", "dave"),
        advance("dave", "dave", "-m", "softer", app_txt="one\ntwo!\nthree\n"),
        take("carol", "reviewer", "carol again"),
        advance("carol", "carol again", "-m", "good"),
        Move("lead", ["lead"]),
        Move("lead, tidying up", ["lead"], ahead_s=2 * HOUR, exits=(3,)),
    ]


def people() -> list[Move]:
    """People's acts, and what time does: waivers, a human step, signals, retries, leases that are over."""
    return [
        Move("init", ["init"]),
        add("first", "Change the app"),
        take("alice", "implementer", "alice"),
        advance("alice", "alice", exits=(1,), app_txt=LOUD),
        Move("waive", ["waive", "R1", "lint", "--why", "a false alarm"], person=True),
        # Andon carries out the step `smoke` in the same call; after a crash the lead does.
        Move("advance and carry out", ["advance"], agent="alice", claim="alice", settle=[["lead"]]),
        take("carol", "reviewer", "carol"),
        advance("carol", "carol", "-m", "good"),
        Move("reject", ["reject", "R1", "-m", "not like this"], person=True),
        take("alice", "implementer", "alice again"),
        Move(
            "an expired lease is taken over",
            ["next", "--role", "implementer"],
            agent="erin",
            keep="erin",
            ahead_s=TOMORROW,
        ),
        Move("release", ["release"], agent="erin", claim="erin", ahead_s=TOMORROW),
        take("frank", "implementer", "frank", ahead_s=TOMORROW),
        Move("the last release blocks", ["release"], agent="frank", claim="frank", ahead_s=TOMORROW),
        Move("run retry", ["run", "retry", "R1", "-m", "once more"], person=True, ahead_s=TOMORROW),
        take("gina", "implementer", "gina", ahead_s=TOMORROW),
        Move(
            "submit", ["submit"], agent="gina", claim="gina", before={"app.txt": "one\ntwo?\nthree\n"}, ahead_s=TOMORROW
        ),
        Move("waive again", ["waive", "R1", "lint", "--why", "still false"], person=True, ahead_s=TOMORROW),
        Move(
            "advance again",
            ["advance"],
            agent="gina",
            claim="gina",
            settle=[["lead"]],
            ahead_s=TOMORROW,
        ),
        take("carol", "reviewer", "carol again", ahead_s=TOMORROW),
        Move("review", ["advance", "-m", "good"], agent="carol", claim="carol again", ahead_s=TOMORROW),
        Move("approve", ["approve", "R1"], person=True, ahead_s=TOMORROW),
        Move("signal", ["signal", "R1", "ci", "--outcome", "passed"], person=True, ahead_s=TOMORROW),
        Move("lead", ["lead"], ahead_s=TOMORROW),
    ]


SIGN = """
## smoke
```yaml
kind: command
run: "true"
```
It must be there.

## sign
```yaml
kind: human
expires: 48h
```
A person decides.
"""
SIGNED = (
    WORKFLOW.format(
        isolation="process",
        lease="24h",
        tests=PLAIN["tests"],
        done="[tests, review, lint, ci]",
        gates='  lint: {run: "false"}\n  ci: {signal: ci}',
        implement_gates="[tests, lint]",
        edges="    review --> sign\n    sign --> implement : rejected\n    sign --> implement : expired\n    sign --> land",
    )
    .replace("    implement --> review\n", "    implement --> smoke\n    smoke --> review\n")
    .replace("    review --> land\n", "")
    .replace("wall_time: 4h", "wall_time: 48h")
    + SIGN
).replace("lease: 10m", "lease: 24h")


def together() -> list[Move]:
    """Branches that join, a landing that conflicts with another, a branch that somebody else moved."""
    return [
        Move("init", ["init"]),
        add("first", "Change the app"),
        Move("run start", ["run", "start", "T1"]),
        take("ann", "left", "ann"),
        take("ben", "right", "ben"),
        advance("ann", "ann", app_txt=LOUD),
        # Andon joins in the same call; after a crash the lead does.
        Move(
            "the last branch joins",
            ["advance"],
            agent="ben",
            claim="ben",
            before={"other.txt": "new\n"},
            settle=[["lead"]],
        ),
        add("second", "Change it otherwise"),
        take("cid", "left", "cid"),
        take("dan", "right", "dan"),
        advance("cid", "cid", app_txt="one\n2\nthree\nfour\nfive\n"),
        Move(
            "the other's branches join",
            ["advance"],
            agent="dan",
            claim="dan",
            before={"third.txt": "third\n"},
            settle=[["lead", "--limit", "1"]],
        ),
        # Asked again for one landing, the lead lands the next one: only all of them together are the same.
        Move("lead --limit 1", ["lead", "--limit", "1"], settle=[["lead"]]),
        Move("the other conflicts", ["lead"], exits=(1,)),
    ]


PARTS = """
## left
```yaml
role: left
gates: [tests]
lease: 24h
```
The one part.

## right
```yaml
role: right
gates: [tests]
lease: 24h
```
The other part.
"""
FORKED = """---
name: feature
roles: {left: {}, right: {}}
environment: {isolation: process}
done: [tests]
limits: {visits: 4, wall_time: 48h}
gates:
  tests: {run: "sh run-tests.sh", report: {junit: junit.xml}}
---
# Feature

```mermaid
stateDiagram-v2
    state both <<fork>>
    state joined <<join>>
    [*] --> both
    both --> left
    both --> right
    left --> joined
    right --> joined
    joined --> land
    land --> left : conflict
    land --> [*]
```
"""


def beginning() -> list[Move]:
    """A repository without a workflow: starters are written and committed."""
    return [Move("init --commit", ["init", "--commit"]), Move("init again", ["init"])]


def workspace() -> list[Move]:
    """A repository in a workspace: the registry, the pointer to it, and learnings in two stores."""
    wide = ["learn", "all builds need sh", "--scope", "workspace", "--supersedes", "L1", "--key", "k2"]
    return [
        Move("init", ["init"]),
        Move("init --workspace", ["init", "--workspace", "../factory"]),
        Move("repo add", ["repo", "add", "--workspace", "../factory", "--name", "api"]),
        Move("learn here", ["learn", "the build needs sh", "--key", "k1"], agent="alice"),
        Move("learn everywhere", wide, agent="bob"),
        Move("learn --review", ["learn", "--review", "--accept", "W1"]),
        Move("learn edit", ["learn", "edit", "W1", "--text", "all builds need bash"]),
        Move("learn retire", ["learn", "retire", "W1", "-m", "no more"], exits=(0,)),
        Move("repo remove", ["repo", "remove", "api", "--workspace", "../factory"], exits=(0,)),
    ]


CHAPTERS: dict[str, tuple[dict[str, str], Callable[[], list[Move]]]] = {
    "tasks": (PLAIN, tasks),
    "work": (PLAIN, work),
    "people": ({"text": SIGNED}, people),
    "together": ({"text": FORKED + PARTS}, together),
    "beginning": (PLAIN | {"bare": "yes"}, beginning),
    "workspace": (PLAIN, workspace),
}
