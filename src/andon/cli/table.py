"""The one table of commands and their options; the warm parser and click are both made from it."""

from __future__ import annotations

from andon.cli.commands import agents, flows, people, tasks
from andon.cli.commands.words import AGENTS, FLOWS, PEOPLE, TASKS, Command, Option, Positional

__all__ = ["AGENTS", "COMMANDS", "COMMON", "FLOWS", "NOT_BUILT", "PEOPLE", "PERSONS_ACTS", "TASKS"]
__all__ += ["Command", "Option", "Positional", "common_of", "find"]

COMMANDS: tuple[Command, ...] = (*agents.COMMANDS, *people.COMMANDS, *tasks.COMMANDS, *flows.COMMANDS)

COMMON: tuple[Option, ...] = (
    (("--json",), "json", "flag", "print exactly one JSON object"),
    (("--agent",), "agent", "text", "the agent's name; default ANDON_AGENT, else the client's session, else you"),
    (("--run-id",), "run_id", "text", "the claimed run, when not in its workdir; default ANDON_RUN"),
    (("--color",), "color", "text", "auto, always or never"),
)

PERSONS_ACTS = frozenset({"approve", "reject", "waive", "signal", "run_retry", "run_cancel", "answer", "key_rotate"})

NOT_BUILT = frozenset(
    {
        "serve",
        "ui",
        "repo",
        "campaign",
        "trigger",
        "policy",
        "token",
        "learn",
        "inject",
        "audit",
        "harness",
        "spawn",
        "wait",
    }
)
"""Commands that the design names and this version does not have."""


def common_of(command: Command) -> tuple[Option, ...]:
    """The common options of a command: those whose flags it does not use itself."""
    own = {flag for option in command[4] for flag in option[0]}
    return tuple(option for option in COMMON if own.isdisjoint(option[0]))


def find(words: list[str]) -> tuple[Command, list[str]] | None:
    """The command that the words begin with, and the rest."""
    for command in COMMANDS:
        path = command[1].split(" ")
        if words[: len(path)] == path:
            return command, words[len(path) :]
    return None
