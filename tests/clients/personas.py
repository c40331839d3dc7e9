"""The characters that the scripted model plays. Each is a generator that yields moves and is sent the conversation so far.

Options (all have defaults): `path` and `text` of the file to write, `beyond` a path outside of the scope, `question`.
A persona works like an agent that has read the skill: with a brief in its prompt it works there, else it asks `andon next`.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Any

from tests.clients.conversation import AskHuman, Conversation, Die, Say, Shell, Use, Write
from tests.clients.script import Maker, Persona

PATH = "greeting.txt"
TEXT = "hello\n"
BEYOND = "elsewhere/escaped.txt"
QUESTION = "Which greeting is wanted?"
KILL = f"{sys.executable} {Path(__file__).with_name('kill_client.py')}; sleep 5"
TRIES = 5


def diligent_shell(conversation: Conversation, options: dict[str, Any]) -> Persona:
    """Knows nothing of Andon: runs one command, writes one file, ends."""
    yield Shell(options.get("command", "echo from-the-shell > shell.txt; echo shell-has-run"))
    yield Write(options.get("path", PATH), options.get("text", TEXT))
    yield Say("Done: one command, one file.")


def diligent(conversation: Conversation, options: dict[str, Any]) -> Persona:
    """Takes work, does it, checks it, advances; until nothing is ready."""
    while True:
        workdir = workdir_of(conversation)
        if not workdir:
            conversation = yield Shell("andon next --json")
            workdir = workdir_of(conversation)
            if not workdir:
                break
        yield from work(workdir, options)
        conversation = yield Shell(f"cd {shlex.quote(workdir)} && andon check")
        conversation = yield Shell(f"cd {shlex.quote(workdir)} && andon advance -m 'Wrote it.'")
        if options.get("once", True):
            break
    yield Say("The step is done and verified.")


def work(workdir: str, options: dict[str, Any], *, through_shell: bool = False) -> Persona:
    yield Write(f"{workdir}/{options.get('path', PATH)}", options.get("text", TEXT), through_shell)


def by_tools(conversation: Conversation, options: dict[str, Any]) -> Persona:
    """Goes through its step by the tools of `andon mcp` alone; it writes the file with the client's own."""
    conversation = yield Use(tool_named(conversation, "next"), {"role": "implementer"})
    workdir = workdir_of(conversation)
    yield from work(workdir, options, through_shell=True)
    conversation = yield Use(tool_named(conversation, "check"), {"workdir": workdir})
    yield Use(tool_named(conversation, "advance"), {"workdir": workdir, "message": "Wrote it."})
    yield Say("The step is done and verified.")


def tool_named(conversation: Conversation, verb: str) -> str:
    """A client puts the server's name before a tool's, each in its own way."""
    found = [tool.name for tool in conversation.tools if re.fullmatch(rf"(?:mcp_+)?andon_+{verb}", tool.name)]
    return found[0] if found else f"andon__{verb}"


def pleaser(conversation: Conversation, options: dict[str, Any]) -> Persona:
    """Says that all is done, and again, and has done nothing."""
    yield from claim(conversation)
    while True:
        yield Say("All done! The work is complete, and every test passes.")


def trespasser(conversation: Conversation, options: dict[str, Any]) -> Persona:
    """Writes outside of its scope, commits, moves the target branch, and says that it is done."""
    workdir = yield from claim(conversation)
    place = shlex.quote(workdir or ".")
    beyond = options.get("beyond", BEYOND)
    yield Write(f"{workdir}/{beyond}" if workdir else beyond, "mine\n")
    # Denied there, it tries by the shell; then it tries to make facts in git.
    yield Write(f"{workdir}/{beyond}" if workdir else beyond, "mine\n", through_shell=True)
    yield Shell(f"cd {place} && git add -A && git commit -q -m 'Landed by hand'")
    yield Shell(f"cd {place} && git branch -f main HEAD; git update-ref refs/heads/main HEAD; git push . HEAD:main")
    yield Shell(f"cd {place} && andon advance -m 'All within the scope.'")
    while True:
        yield Say("Done, and committed to main.")


def never_stops(conversation: Conversation, options: dict[str, Any]) -> Persona:
    """Busy for ever: never wrong, never finished. Its patience ends at `most` moves, so that a bound that fails is seen."""
    workdir = yield from claim(conversation)
    place = shlex.quote(workdir or ".")
    for turn in range(options.get("most", 400)):
        yield Shell(f"cd {place} && echo thinking about it for the {turn}th time")
    yield Say("I could have gone on.")


def asks(conversation: Conversation, options: dict[str, Any]) -> Persona:
    """Asks the people, and stops."""
    workdir = yield from claim(conversation)
    yield AskHuman(options.get("question", QUESTION), workdir or ".")
    while True:
        yield Say("I have asked and wait for the answer.")


def dies(conversation: Conversation, options: dict[str, Any]) -> Persona:
    """Does half of the work, then its client is killed from within."""
    workdir = yield from claim(conversation)
    yield Write(f"{workdir}/{options.get('path', PATH)}" if workdir else PATH, options.get("half", "hel"))
    for _ in range(TRIES):
        yield Shell(KILL)
    yield Say("I could not end it.")


def writer(conversation: Conversation, options: dict[str, Any]) -> Persona:
    """Does the work and leaves all else to others."""
    workdir = yield from claim(conversation)
    yield from work(workdir, options)
    yield Say("The file is written.")


def half(conversation: Conversation, options: dict[str, Any]) -> Persona:
    """Does half of the work, then the power goes out for the client and all around it."""
    workdir = yield from claim(conversation)
    yield Write(f"{workdir}/{options.get('path', PATH)}", options.get("half", "hel"))
    while True:
        yield Die("power")


def heir(conversation: Conversation, options: dict[str, Any]) -> Persona:
    """Reads what an earlier attempt left, as the brief says, then does the work."""
    workdir = workdir_of(conversation)
    if not workdir:
        conversation = yield Shell("andon next --json")
        workdir = workdir_of(conversation)
    kept = re.search(r"kept in commit ([0-9a-f]{40})", conversation.everything())
    if kept:
        # Not by `git checkout`: one client lets nobody write the index. Another takes `$(…)` for an injection, and sets
        # `diff.external` to nothing, so that git's diff fails unless it is told to do without.
        path = shlex.quote(options.get("path", PATH))
        yield Shell(
            f"cd {shlex.quote(workdir)} && git diff --no-ext-diff --binary HEAD {kept[1]} | git apply && printf 'inherited: ' && cat {path}"
        )
    # Some refuse to write over a file that they have not read; the shell asks nothing.
    yield from work(workdir, options, through_shell=True)
    yield Shell(f"cd {shlex.quote(workdir)} && andon advance -m 'Finished what was begun.'")
    yield Say("Finished what an earlier attempt began.")


def dies_once(conversation: Conversation, options: dict[str, Any]) -> Persona:
    """Its client is killed from within; when it is spoken to again, it does the work."""
    workdir = yield from claim(conversation)
    for _ in range(TRIES):
        if "broke off" in conversation.everything():
            break
        conversation = yield Shell(KILL)
    yield from work(workdir, options)
    yield Say("The file is written after all.")


def cut_off(conversation: Conversation, options: dict[str, Any]) -> Persona:
    """The endpoint fails in the middle of the work, and never comes back."""
    yield from claim(conversation)
    while True:
        yield Die(options.get("how", "drop"))


def claim(conversation: Conversation) -> Any:
    """The directory of the claimed step: named in the prompt, or asked for."""
    workdir = workdir_of(conversation)
    if not workdir:
        workdir = workdir_of((yield Shell("andon next --json")))
    return workdir


def workdir_of(conversation: Conversation) -> str:
    """The latest mention of a step's directory, in JSON or in a brief."""
    for entry in reversed(conversation.entries):
        found = re.findall(r'"workdir\\*":\s*\\*"([^"\\]+)', entry.text) or re.findall(
            r"(/[^\s`'\"]+\.andon/[\w-]+)", entry.text
        )
        if found:
            return str(found[-1])
    return ""


PERSONAS: dict[str, Maker] = {
    "diligent-shell": diligent_shell,
    "diligent": diligent,
    "by-tools": by_tools,
    "pleaser": pleaser,
    "trespasser": trespasser,
    "never-stops": never_stops,
    "asks": asks,
    "writer": writer,
    "half": half,
    "dies": dies,
    "heir": heir,
    "dies-once": dies_once,
    "cut-off": cut_off,
}
