"""A scene: one repository, a script of commands through the command line, and the world as it was before each.

The world lies at one path all the time (git's worktrees know absolute paths), so going back means copying it back.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crashes.layer import Boundary, Layer, Outcome, Running
from tests.e2e.world import World

LATER_S = 400
"""Long enough for a lease of Andon's own (120 s) to be over, and far too short for a worker's."""


@dataclass
class Move:
    """One command of a script.

    agent: None for a person. claim: the name of the claim in whose worktree it is given. keep: the name under which the
    claim that it makes is known from then on. before: what happens to files first. exits: with which it may end
    undisturbed. again: how one goes on after a crash; the same command, unless said otherwise. settle: commands that
    also follow, in both worlds, before they are compared: what whoever comes by later would do.
    """

    name: str
    argv: list[str]
    agent: str | None = None
    claim: str | None = None
    keep: str | None = None
    person: bool = False
    before: dict[str, str] = field(default_factory=dict)
    before_git: list[list[str]] = field(default_factory=list)
    exits: tuple[int, ...] = (0,)
    settle: list[list[str]] = field(default_factory=list)
    ahead_s: int = 0
    again_ahead_s: int = 0
    kept: Path | None = None
    expected: Any = None
    boundaries: list[Boundary] = field(default_factory=list)


class Scene:
    """A world with a script, played undisturbed once; then any move of it can be played again, with a fault."""

    def __init__(self, directory: Path, library: Path, **options: str) -> None:
        place = directory / "world"
        place.mkdir(parents=True)
        bare = options.pop("bare", "")
        whole = options.pop("text", "")
        self.world = World.make(place, init=False, **options)
        # A sweep takes a while; no worker's lease may end meanwhile by itself.
        path = self.world.path / ".andon" / "workflows" / "feature.md"
        path.write_text(path.read_text().replace("lease: 10m", "lease: 24h"))
        self.world.git("commit", "-qam", "long leases")
        if whole:
            self.world.write(".andon/workflows/feature.md", whole)
            self.world.git("commit", "-qam", "another workflow")
        if bare:
            self.world.git("rm", "-rq", ".andon")
            self.world.git("commit", "-qm", "no workflow yet")
        self.place = place
        self.copies = directory / "copies"
        self.copies.mkdir()
        self.layer = Layer(library, directory, [place])
        self.claims: dict[str, str] = {}
        self.moves: list[Move] = []

    # ------------------------------------------------------------ playing

    def play(self, moves: list[Move]) -> None:
        """The undisturbed run: keeps the world before each move and the state after it."""
        for move in moves:
            self._prepare(move)
            move.kept = self.copies / f"{len(self.moves)}"
            self._copy(self.place, move.kept)
            done = self.run(move, action="record")
            assert done.exit in move.exits, f"{move.name}: {done}"
            move.boundaries = done.boundaries
            if move.keep:
                self.claims[move.keep] = str(json.loads(done.out)["workdir"])
            after = self.copies / "after"
            if move.settle:
                self._copy(self.place, after)
            self.settle(move)
            move.expected = self.state()
            if move.settle:
                self._restore(after)
            self.moves.append(move)

    def _prepare(self, move: Move) -> None:
        root = self._cwd(move)
        for name, text in move.before.items():
            self.world.write(name, text, root)
        for command in move.before_git:
            self.world.git(*command, cwd=root)

    def _cwd(self, move: Move) -> Path:
        return Path(self.claims[move.claim]) if move.claim else self.world.path

    def start(self, move: Move, *, action: str = "", at: int = 0, ahead_s: int = 0, only: str = "") -> Running:
        environment = self.world.environment | ({"ANDON_AGENT": move.agent} if move.agent else {})
        # A test under Andon's own gates must not look like an agent at work.
        argv = [*move.argv, "--json"]
        return self.layer.start(
            argv,
            cwd=self._cwd(move),
            env=environment,
            action=action,
            at=at,
            ahead_s=ahead_s or move.ahead_s,
            answer="yes\n" if move.person else None,
            only=only,
        )

    def run(self, move: Move, *, action: str = "", at: int = 0, ahead_s: int = 0) -> Outcome:
        return self.start(move, action=action, at=at, ahead_s=ahead_s).finish()

    def command(self, *argv: str, agent: str | None = None, ahead_s: int = 0, cwd: Path | None = None) -> Outcome:
        """Any other command, undisturbed."""
        environment = self.world.environment | ({"ANDON_AGENT": agent} if agent else {})
        running = self.layer.start([*argv, "--json"], cwd=cwd or self.world.path, env=environment, ahead_s=ahead_s)
        return running.finish()

    def settle(self, move: Move) -> None:
        for argv in move.settle:
            done = self.command(*argv, ahead_s=move.ahead_s + LATER_S)
            assert done.exit in (0, 1, 3), f"{move.name}, settling by {argv}: {done}"

    def back_to(self, move: Move) -> None:
        """The world as it was before the move."""
        assert move.kept is not None
        self._restore(move.kept)

    def _copy(self, source: Path, target: Path) -> None:
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(target)], check=True)

    def _restore(self, source: Path) -> None:
        # The directory itself stays: a process may stand in it.
        for entry in list(self.place.iterdir()):
            shutil.rmtree(entry)
        subprocess.run(["cp", "-a", "--reflink=auto", f"{source}/.", str(self.place)], check=True)

    # ------------------------------------------------------------ looking

    def state(self) -> dict[str, Any]:
        from tests.crashes.state import state_of

        return state_of(self.world)

    def leftovers(self, *, temporary: bool = False) -> list[str]:
        from tests.crashes.state import leftovers, temporary_files

        return leftovers(self.world) + (temporary_files(self.world) if temporary else [])

    def doctor(self, ahead_s: int = 0) -> list[str]:
        """What `andon doctor` finds."""
        done = self.command("doctor", ahead_s=ahead_s)
        checks = json.loads(done.out)["checks"]
        assert checks, done
        # What the machine can isolate has nothing to do with crashes, and depends on who else is busy on it.
        return [
            f"{x['check']}: {x['message']}" for x in checks if not x["ok"] and not x["check"].startswith("isolation")
        ]

    @property
    def state_dir(self) -> Path:
        return Path(os.path.join(self.world.path, ".git", "andon"))
