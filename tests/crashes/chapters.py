"""The scripts: every command that writes, in worlds where it has something to do.

Each chapter is a script of its own, so that the tests of one do not wait for another.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.crashes.scene import Move

LOUD = "one\nTWO\nthree\nfour\nfive\n"
LATER = 3600

# How the workflow of a chapter differs from that of the end-to-end tests.
PLAIN = {"isolation": "process", "lease": "24h", "tests": '{run: "sh run-tests.sh", report: {junit: junit.xml}}'}
FORK = """
    implement --> both
    state both <<fork>>
    both --> left
    both --> right
    left --> joined
    right --> joined
    state joined <<join>>
    joined --> land
    land --> [*]
"""


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
    settle = [["lead", "--limit", "1"]] if False else []
    return Move(name, ["advance", *more], agent=agent, claim=claim, before=before, exits=exits, settle=settle)


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
        Move("heartbeat", ["heartbeat", "--tokens", "7"], agent="alice", claim="alice"),
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
        Move("lead, tidying up", ["lead"], ahead_s=2 * LATER, exits=(3,)),
    ]


def people() -> list[Move]:
    """People's acts, and what time does: a step that a person decides, waivers, signals, retries, expired leases."""
    return [
        Move("init", ["init"]),
        add("first", "Change the app"),
        take("alice", "implementer", "alice"),
        advance("alice", "alice", exits=(1,), app_txt=LOUD),
        Move("waive", ["waive", "R1", "lint", "--why", "a false alarm"], person=True),
        advance("alice", "alice"),
        take("carol", "reviewer", "carol"),
        advance("carol", "carol", "-m", "good"),
        Move("reject", ["reject", "R1", "-m", "not like this"], person=True),
        take("alice", "implementer", "alice again"),
        Move("waive again", ["waive", "R1", "lint", "--why", "still false"], person=True, before={}),
        Move(
            "an expired lease is taken over",
            ["next", "--role", "implementer"],
            agent="erin",
            keep="erin",
            ahead_s=25 * LATER,
        ),
        Move("release", ["release"], agent="erin", claim="erin", ahead_s=25 * LATER),
        take("frank", "implementer", "frank", ahead_s=25 * LATER),
        Move("the last release blocks", ["release"], agent="frank", claim="frank", ahead_s=25 * LATER),
        Move("run retry", ["run", "retry", "R1", "-m", "once more"], person=True, ahead_s=25 * LATER),
        take("gina", "implementer", "gina", ahead_s=25 * LATER),
        Move("signal", ["signal", "R1", "ci", "--outcome", "passed"], person=True, ahead_s=25 * LATER),
    ]


CHAPTERS: dict[str, tuple[dict[str, str], Callable[[], list[Move]]]] = {
    "tasks": (PLAIN, tasks),
    "work": (PLAIN, work),
}
