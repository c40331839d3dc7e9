"""All attempts of the suite, and what becomes of each at each isolation level. The table of docs/security.md is made
from this; `PYTHONPATH=src:. python -m tests.cheats.table` renews it.

prevented: the attempt has no effect. detected: it ends red. open: it succeeds; the text says what else stands against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PREVENTED, DETECTED, OPEN = "prevented", "detected", "not prevented"
STATES = (PREVENTED, DETECTED, OPEN)
DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"
BEGIN, END = "<!-- cheats: begin -->\n", "<!-- cheats: end -->\n"

Held = tuple[str, str]
"""(state, by what)"""


@dataclass(frozen=True, kw_only=True)
class Attack:
    """what: the agent's attempt, in a few words. process: None means as in the sandbox."""

    what: str
    sandbox: Held
    process: Held | None = None

    def at(self, level: str) -> Held:
        return self.process if level == "process" and self.process else self.sandbox


FRESH = "the report directory is fresh and outside the tree"
PROTECT = "the gate `protect`: files that the gate's command reads are part of the gate"
EXACT = "gates run on the tree's objects, exported without settings of the repository"
SCRUBBED = "a gate inherits no variable and no PATH"
KILLED = "every process of the gate is dead before its report is read"
BEST_EFFORT = "processes are found by session, mark and descent; one that sheds all three at once gets away"

ATTACKS: dict[str, Attack] = {}


def attack(name: str, level: str) -> str:
    """What the table says of an attempt: its state. Tests ask by this, so that none can be missing from the table."""
    return ATTACKS[name].at(level)[0]


def render() -> str:
    """The table as Markdown."""
    lines = ["| an agent's attempt | `sandbox` | `process` |", "| --- | --- | --- |"]
    for attack in ATTACKS.values():
        cells = [f"**{state}**: {by}" for state, by in (attack.at("sandbox"), attack.at("process"))]
        lines.append(f"| {attack.what} | {cells[0]} | {'the same' if cells[0] == cells[1] else cells[1]} |")
    return "\n".join(lines) + "\n"


def renewed(text: str) -> str:
    """The document with the present table."""
    head, rest = text.split(BEGIN)
    return head + BEGIN + "\n" + render() + "\n" + END + rest.split(END)[1]


ATTACKS.update(
    {
        # ------------------------------------------------------------ what lies in the tree
        "report in the tree": Attack(what="a forged report committed to the tree", sandbox=(PREVENTED, FRESH)),
        "report by the tested code": Attack(
            what="tested code writes the report to `$ANDON_OUT` itself and leaves with `os._exit(0)`, or rewrites it at exit",
            sandbox=(DETECTED, "`protect`: only a gate's command may speak of `$ANDON_OUT`"),
        ),
        "report by disguised code": Attack(
            what="the same, with the variable's name put together so that it can't be found",
            sandbox=(
                OPEN,
                "tests and what they test share a process; a review of the change, protected acceptance tests "
                "and a second gate that does not run the tested code stand against it",
            ),
        ),
        "os._exit": Attack(
            what="`os._exit(0)` in a test or in tested code", sandbox=(DETECTED, "no report is `unmeasured`")
        ),
        "runner's settings": Attack(
            what="`conftest.py`, `pytest.ini`, `tox.ini`, `setup.cfg`, `pyproject.toml` that load a plugin or drop tests",
            sandbox=(DETECTED, PROTECT),
        ),
        "start-up files": Attack(
            what="`sitecustomize.py`, `usercustomize.py`, `.pth`, `site-packages`, `*.dist-info` with entry points",
            sandbox=(DETECTED, PROTECT),
        ),
        "shadowed module": Attack(
            what="a module named as the runner or as one of Python's own, where it is found first",
            sandbox=(DETECTED, PROTECT),
        ),
        "scripts of the command": Attack(
            what="the script, `Makefile` or `package.json` script that the gate's command runs",
            sandbox=(DETECTED, PROTECT),
        ),
        "protected tests": Attack(
            what="editing, deleting or skipping protected tests", sandbox=(DETECTED, "`protect`, `base.*` figures")
        ),
        "own tests": Attack(
            what="tests of its own that prove nothing, in the place of unprotected ones that do",
            sandbox=(
                OPEN,
                "whoever writes a test can empty it; review, `base.*` figures and protected tests stand against it",
            ),
        ),
        # ------------------------------------------------------------ while the gate runs
        "report that is no file": Attack(
            what="a link, a hard link, a pipe, a device, a directory or a huge file in the report's place",
            sandbox=(
                DETECTED,
                "a report is a regular file with one name, of bounded size, opened without following links",
            ),
        ),
        "another name": Attack(
            what="writing to the report directory by another name (`/proc/1/root`, …)",
            sandbox=(DETECTED, "the directory is this gate's alone; a green report does not outweigh the exit code"),
        ),
        "late process": Attack(
            what="a process that outlives the gate and rewrites results",
            sandbox=(PREVENTED, f"a PID namespace; {KILLED}"),
            process=(PREVENTED, f"process group, session, mark and descent; {KILLED}"),
        ),
        "hidden process": Attack(
            what="the same, leaving session, variables and parent at once",
            sandbox=(PREVENTED, "a PID namespace"),
            process=(OPEN, BEST_EFFORT),
        ),
        "killing": Attack(
            what="killing the runner or every process in sight",
            sandbox=(DETECTED, "a gate that was killed is `unmeasured`"),
            process=(DETECTED, "the same for its own gate; whatever else the user runs can be killed"),
        ),
        "network": Attack(
            what="asking a server for the results",
            sandbox=(PREVENTED, "a network namespace without a network, unless the workflow says `network: all`"),
            process=(OPEN, "the job has the machine's network"),
        ),
        "state": Attack(
            what="writing to `.git/andon`, the repository, the home or another gate's directories",
            sandbox=(PREVENTED, "mounts: nothing of these is visible"),
            process=(OPEN, "the job runs as the same user"),
        ),
        "secrets": Attack(
            what="reading secrets from variables and `/proc`",
            sandbox=(PREVENTED, f"{SCRUBBED}; a PID namespace"),
            process=(OPEN, "its own variables are clean, but those of the caller can be read in `/proc`"),
        ),
        "variables": Attack(
            what="`PATH`, `ENV`, `BASH_ENV`, `HOME`, `PYTHON*`, `PYTEST_*`, `GIT_*` set by the agent that asks for the gate",
            sandbox=(PREVENTED, SCRUBBED),
        ),
        "fork bomb": Attack(
            what="a fork bomb",
            sandbox=(DETECTED, "a limit on processes, of a user of the job's own; then the deadline"),
            process=(
                DETECTED,
                "the number is looked at five times a second; in between it is bounded only by the user's limit",
            ),
        ),
        "huge output": Attack(
            what="output without end",
            sandbox=(PREVENTED, "head and tail are kept, the rest is counted; 4 GiB end the gate"),
        ),
        "terminal": Attack(
            what="writing to the terminal, or typing into it (TIOCSTI)",
            sandbox=(PREVENTED, "a session of its own without a terminal"),
        ),
        "pipeline": Attack(
            what="a failure hidden by a pipeline in the gate's command",
            sandbox=(DETECTED, "lint's `hidden-exit`; the report counts whatever the exit code says"),
        ),
        # ------------------------------------------------------------ git
        "git settings": Attack(
            what="`core.fsmonitor`, `core.hooksPath`, aliases, external programs in the repository's configuration",
            sandbox=(PREVENTED, "overridden in every call of git"),
        ),
        "git filters": Attack(what="filters and attributes that change files at checkout", sandbox=(PREVENTED, EXACT)),
        "hidden files": Attack(
            what="files that only the agent's directory has (`.gitignore`, `info/exclude`)",
            sandbox=(PREVENTED, "gates run on the snapshot, never in the working tree"),
        ),
        "index flags": Attack(
            what="`assume-unchanged` and `skip-worktree` over an edit of a protected file",
            sandbox=(DETECTED, "the snapshot's own index loses such flags; `protect`"),
        ),
        "replaced objects": Attack(
            what="`git replace`, grafts", sandbox=(PREVENTED, "switched off in every call of git")
        ),
        "older base": Attack(
            what="moving HEAD to an older commit, to be compared with less",
            sandbox=(DETECTED, "`protect` compares with that commit; the landing compares with the branch's head"),
        ),
        "out of the tree": Attack(
            what="symbolic links out of the tree, repositories inside it", sandbox=(DETECTED, "the tree is refused")
        ),
        "hard link": Attack(what="a hard link out of the tree", sandbox=(PREVENTED, "a snapshot copies contents")),
        "obstacles": Attack(
            what="pipes and devices in the tree, `index.lock` left behind",
            sandbox=(PREVENTED, "special files are no content; the snapshot has an index of its own"),
        ),
        "git names": Attack(
            what="`.GIT/config` and the like", sandbox=(DETECTED, "git refuses them, so the tree is refused")
        ),
        "another's lease": Attack(
            what="acting in another's worktree or with its lease file",
            sandbox=(
                DETECTED,
                "lease and agent must agree; an agent that also takes the other's *name* can act for it. A person's claim takes in the "
                "agent that this person started in its worktree, never for a review; both are authors",
            ),
        ),
        # ------------------------------------------------------------ what lands
        "time bomb": Attack(
            what="a bomb that passes at gate time and fails later",
            sandbox=(
                DETECTED,
                "the lead measures the merged tree itself; what goes off after that turns the next base red",
            ),
        ),
        "lying process": Attack(
            what="an `andon` of the agent's own (`PYTHONPATH`, `git` on `PATH`) that reports and caches green verdicts",
            sandbox=(DETECTED, "the lead believes no verdict that was not measured for a landing"),
        ),
        "forged submission": Attack(
            what="moving `refs/andon/` to another commit",
            sandbox=(
                PREVENTED,
                "the lead lands the commit of the event, and builds on no reference of a swarm that events do not explain",
            ),
        ),
        "poisoned set-up": Attack(
            what="a set-up that is shaped by the agent's other files, for others to use",
            sandbox=(
                PREVENTED,
                "a shared environment is made from the base; one with changed `reuse` files is that tree's alone",
            ),
        ),
        "changed environment": Attack(
            what="a gate that changes what set-up made",
            sandbox=(PREVENTED, "set-up's products are mounted read-only"),
            process=(OPEN, "the job runs as the same user, in the environment's own directory"),
        ),
        "escapes": Attack(
            what="escape sequences, reordering and invisible characters in logs, titles, names, messages",
            sandbox=(PREVENTED, "taken out of logs; made visible in all that the commands print"),
        ),
    }
)


if __name__ == "__main__":
    DOCUMENT.write_text(renewed(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
