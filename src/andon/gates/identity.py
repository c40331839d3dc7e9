"""The environment's digest: everything besides tree and gate that a measurement depends on (law 2).

Level and family of the runtime, set-up, network, variables, PATH, what set-up reads of the tree (the files of
`reuse`, or the whole tree when it names none), and the facts of the machine. Cheap: it is computed on every check.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from andon.core.figures import BASE
from andon.core.globs import Globs
from andon.core.workflow import digest_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from andon.core.workflow import Environment
    from andon.ports import Git, Runtime

NO_RUNTIME = "none"
TREES_KEPT = 8


class Trees:
    """The entries of the trees last asked for; a tree never changes, and listing one starts a process."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._listed: dict[str, list[tuple[str, str, str]]] = {}

    def entries(self, tree: str) -> list[tuple[str, str, str]]:
        """(mode, object id, path) of every file, link and submodule."""
        found = self._listed.get(tree)
        if found is None:
            found = self._git.list_files(tree)
            if len(self._listed) >= TREES_KEPT:
                self._listed.clear()
            self._listed[tree] = found
        return found

    def paths(self, tree: str) -> set[str]:
        return {path for _, _, path in self.entries(tree)}

    def matching(self, tree: str, globs: Sequence[str]) -> list[tuple[str, str, str]]:
        """(path, mode, object id) of the entries that match, in path order."""
        chosen = Globs(globs)
        return sorted((path, mode, blob) for mode, blob, path in self.entries(tree) if chosen.matches(path))


def environment_digest(
    environment: Environment,
    tree: str,
    base_tree: str,
    *,
    runtime: Runtime | None,
    trees: Trees,
    machine_path: Sequence[str],
) -> str:
    """runtime: the one that would be used; None when no level is usable.

    Set-up runs whatever lies in its checkout. So an environment is shared by all trees that have the base's `reuse`
    files (and is made from the base); a tree with others has one of its own, which no other tree is judged in.
    """
    facts: dict[str, object] = {
        "level": runtime.level if runtime is not None else NO_RUNTIME,
        "family": getattr(runtime, "family", ""),
        "setup": environment.setup,
        "network": environment.network,
        "env": environment.env,
        "path": environment.path,
        "machine": [*machine_facts(), *machine_path],
    }
    if environment.setup:
        facts["reads"] = tree
        if environment.reuse:
            own = trees.matching(tree, environment.reuse)
            shared = tree == base_tree or own == trees.matching(base_tree, environment.reuse)
            facts["reads"] = own if shared else [own, tree]
    return digest_of(facts)


def asks_for_base(expression: str | None) -> bool:
    """Whether a condition may ask for figures of the base. Says yes rather than no; needs no CEL library."""
    return expression is not None and BASE in "".join(expression.split())


def machine_facts() -> list[str]:
    """System, processor, C library and release of the distribution."""
    system = os.uname()
    try:
        library = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        library = ""
    try:
        with open("/etc/os-release", encoding="utf-8", errors="replace") as file:
            release = [line.strip() for line in file if line.startswith(("ID=", "VERSION_ID="))]
    except OSError:
        release = []
    return [system.sysname, system.machine, library, *release]
