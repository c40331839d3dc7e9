"""The one table of commands and their options; the warm parser and click are both made from it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from andon.cli.commands.words import AGENTS, FLOWS, PEOPLE, TASKS, Command, Option, Positional

__all__ = ["AGENTS", "AGENTS_TOO", "COMMANDS", "COMMON", "FLOWS", "NOT_BUILT", "PEOPLE", "PERSONS_ACTS", "TASKS"]
__all__ += ["Command", "Option", "Positional", "common_of", "find"]

PARTS = ("agents", "knowledge", "people", "tasks", "flows")
"""The modules of the table, in its order. All commands that begin with the same word stand in one of them."""

COMMANDS: tuple[Command, ...]
"""All of them; read from their modules when somebody asks for it, since most processes look for one command."""


def __getattr__(name: str) -> Any:
    if name != "COMMANDS":
        raise AttributeError(name)
    return tuple(command for part in _parts() for command in part)


def _parts() -> Iterator[tuple[Command, ...]]:
    for name in PARTS:
        yield import_module(f"andon.cli.commands.{name}").COMMANDS


COMMON: tuple[Option, ...] = (
    (("--json",), "json", "flag", "print exactly one JSON object"),
    (("--agent",), "agent", "text", "the agent's name; default ANDON_AGENT, else the client's session, else you"),
    (("--run-id",), "run_id", "text", "the claimed run, when not in its workdir; default ANDON_RUN"),
    (("--color",), "color", "text", "auto, always or never"),
)

PERSONS_ACTS = frozenset({"approve", "reject", "waive", "signal", "run_retry", "run_cancel", "answer", "key_rotate"})
PERSONS_ACTS |= {"config_set", "config_unset", "lead_freeze", "lead_unfreeze", "finding_resolve", "finding_reopen"}

AGENTS_TOO = frozenset({"answer", "finding_resolve", "finding_reopen"})
"""Of these, what agents may do as well: answer what was put to them, judge their own findings. The core knows which."""

WEIGHED_ACTS = frozenset({"learn", "learn_edit", "learn_confirm", "learn_retire", "task_edit", "task_import"}) | {
    "answer"
}
"""Commands in which a person's word counts more than an agent's: who calls is looked at as closely as for a person's acts."""

PEOPLES_SETTINGS = frozenset({"repo_add", "repo_remove"})
"""Commands that an agent's environment is refused, and that ask nobody: people's scripts use them."""

NOT_BUILT = frozenset(
    {
        "serve",
        "ui",
        "campaign",
        "trigger",
        "policy",
        "token",
        "audit",
        "harness",
    }
)
"""Commands that the design names and this version does not have."""


def common_of(command: Command) -> tuple[Option, ...]:
    """The common options of a command: those whose flags it does not use itself."""
    own = {flag for option in command[4] for flag in option[0]}
    return tuple(option for option in COMMON if own.isdisjoint(option[0]))


def find(words: list[str]) -> tuple[Command, list[str]] | None:
    """The command that the words begin with, and the rest. Of two of them, the one of more words."""
    found: tuple[Command, list[str]] | None = None
    for part in _parts():
        for command in part:
            path = command[1].split(" ")
            if words[: len(path)] == path and (found is None or len(path) > 1):
                found = command, words[len(path) :]
        if found is not None:
            return found
    return None
