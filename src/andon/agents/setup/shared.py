"""What every client gets, whichever it is: the skill, and the section of AGENTS.md that points to it."""

from __future__ import annotations

from andon.agents.setup.records import Edit, Section, WholeFile

SKILL_PATH = ".agents/skills/andon/SKILL.md"

SKILL = """\
---
name: andon
description: How to work on a task under Andon. Use it in a worktree that `andon next` made, and when asked to take a task.
---
<!-- Written by `andon init --client`; a change here is lost at the next one. -->
# Working under Andon

Andon hands out steps of tasks and judges the work itself: what you say about it counts for nothing, its gates decide.

1. `andon next` claims a step and prints its brief and the directory to work in (`--task T1` and `--role NAME` narrow it
   down). Work only there, and only within the task's scope.
2. `andon brief` prints the brief again.
3. `andon check` runs the step's gates on the files as they are. Read what it prints, mend, check again.
4. `andon advance -m 'what you did'` verifies the step and proceeds. As a reviewer leave by the outcomes that the brief
   names: `andon advance --outcome rework -m 'why' --finding 'a.py:3: blocking: wrong'`.
5. Then `andon next` again, or stop.

Exit codes: 0 go on; 1 red or refused: mend what is printed; 3 not yet: wait or do something else; 4 the step is no longer
yours: stop; 5 not allowed: stop; 6 not reachable: later; 64 mistyped; 70 a bug in Andon. `--json` prints one JSON object.

- A person must decide something: `andon ask 'the question'` (`--wait 10m` waits for the answer; `andon inbox` shows it
  later), then stop. Never answer for them.
- Long work: `andon heartbeat` before the lease ends. Hooks do it for you in clients that have them.
- Somebody else should go on: `andon handoff -m 'what is done, what is not'`; not for you: `andon release -m 'why'`.
- Do not commit, merge, rebase, push or switch branches: Andon takes the files as they are, and the lead commits.
- Do not edit protected files: `.andon/`, what the gates run, and the clients' own settings. A gate refuses it.
"""

SECTION = """\
## Andon

Tasks of this repository are handed out and judged by Andon. In a worktree that `andon next` made: read `andon brief`, work
within the task's scope, run `andon check`, finish with `andon advance -m '…'`. Do not commit, merge or push; the lead lands
the work. A question for a person: `andon ask '…'`. More: `.agents/skills/andon/SKILL.md`.
"""

POINTER = """\
Tasks here are worked on under Andon: read the section Andon of AGENTS.md, and `.agents/skills/andon/SKILL.md`.
"""

SHARED: tuple[Edit, ...] = (
    WholeFile(path=SKILL_PATH, text=SKILL),
    Section(path="AGENTS.md", text=SECTION),
)
