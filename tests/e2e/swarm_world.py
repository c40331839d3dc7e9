"""A repository whose workflows hand work on to children, and the common moves of those who work there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.e2e.world import TESTS, World

PARENT = """---
name: many
roles:
  planner: {{}}
  implementer: {{}}
  reviewer: {{distinct_from: [implementer]}}
environment: {{isolation: process}}
done: {done}
limits: {{visits: 4, wall_time: 4h{limits}}}
gates:
  tests: {tests}
  review: {{review: {{role: reviewer}}}}
---
# Many

```mermaid
stateDiagram-v2
    [*] --> plan
    plan --> spread
    spread --> mend
    mend --> {after}
    {more}
    land --> [*]
```

## plan
```yaml
role: planner
empty: allow
```
Write list.json.

## spread
```yaml
{spread}
```

## mend
```yaml
role: implementer
empty: allow
```
Mend what does not fit together.
{sections}
"""
REVIEW = """
## review
```yaml
role: reviewer
gates: [review]
```
Look at it.
"""
PIECE = """---
name: piece
roles: {{implementer: {{}}}}
environment: {{isolation: process}}
done: [tests]
limits: {{visits: 4}}
gates:
  tests: {tests}
---
# Piece

```mermaid
stateDiagram-v2
    [*] --> implement
    implement --> land
    land --> [*]
```

## implement
```yaml
role: implementer
gates: [tests]
attempts: 2
```
Do this piece.
"""
SPREAD = "kind: fanout\nfor_each: list.json\nworkflow: piece"


class Swarm(World):
    """A world with the workflows `many` (plan, spread, mend, land) and `piece`."""

    @classmethod
    def build(
        cls, directory: Path, spread: str = SPREAD, *, review: bool = False, limits: str = "", back: bool = False
    ) -> Swarm:
        world = super().make(directory, init=False, isolation="process")
        assert isinstance(world, Swarm)
        world.write(
            ".andon/workflows/many.md",
            PARENT.format(
                tests=TESTS,
                spread=spread,
                limits=limits,
                done="[tests, review]" if review else "[tests]",
                after="review" if review else "land",
                more="review --> land" if review else "spread --> plan: failed" if back else "",
                sections=REVIEW if review else "",
            ),
        )
        world.write(".andon/workflows/piece.md", PIECE.format(tests=TESTS))
        world.write(
            ".andon/schemas/list.json",
            json.dumps({"type": "array", "items": {"type": "object", "required": ["title"]}}),
        )
        world.git("add", ".")
        world.git("commit", "-q", "-m", "workflows of a swarm")
        made = world.andon("init")
        assert made.exit == 0, (made.out, made.err)
        return world

    def plan(self, items: Any, *more: str, agent: str = "paul") -> dict[str, Any]:
        """Add the task, write the list, advance: the children are there. The claim of the plan."""
        self.add_task("Many changes", "--workflow", "many", *more)
        claim = self.claim(agent, "--role", "planner")
        text = items if isinstance(items, str) else json.dumps(items)
        self.write("list.json", text, Path(claim["workdir"]))
        advanced = self.ok("advance", "-m", "listed", agent=agent, cwd=claim["workdir"])
        return {**claim, "next": advanced["next"]}

    def piece(self, agent: str, path: str = "", text: str = "", *more: str) -> dict[str, Any]:
        """Claim a child, make a file, advance."""
        claim = self.claim(agent, *more)
        self.write(path or f"{agent}.txt", text or f"by {agent}\n", Path(claim["workdir"]))
        self.ok("advance", "-m", f"{agent} did it", "--notes", f"notes of {agent}", agent=agent, cwd=claim["workdir"])
        return claim

    def children(self, run: str, step: str = "spread") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ok("show", run)["children"][step]["items"]
        return found

    def where(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ok("show", run)["next"]
        return found
