"""The commands for learnings. `learn list` and its like stand before `learn`, whose text may be any words."""

from __future__ import annotations

from andon.cli.commands.words import AGENTS, KEY, MESSAGE, PEOPLE, SCOPES, Command

COMMANDS: tuple[Command, ...] = (
    (
        "learn_list",
        "learn list",
        "Learnings, with how first advances went with and without them.",
        (),
        (
            (("--status",), "status", "text", "active (default), retired or all"),
            (("--scope",), "scope", "text", "only with this very scope"),
            (("--repository",), "repository", "text", "only those found in this repository"),
        ),
        ("andon learn list", "andon learn list --status all --json"),
        PEOPLE,
    ),
    ("learn_show", "learn show", "One learning.", (("learning", "one", "L1"),), (), ("andon learn show L1",), PEOPLE),
    (
        "learn_edit",
        "learn edit",
        "Change a learning; an agent's change is unreviewed again.",
        (("learning", "one", "L1"),),
        (
            (("--text",), "text", "text", "the new text"),
            SCOPES,
            (("--contradicts",), "contradicts", "list", "the learnings that say otherwise; none clears them (repeat)"),
        ),
        ("andon learn edit L1 --text 'it reads lines' --scope 'path:src/**'",),
        PEOPLE,
    ),
    (
        "learn_retire",
        "learn retire",
        "Tell learnings no more.",
        (("learnings", "many", "L1 …"),),
        (MESSAGE,),
        ("andon learn retire L1 -m 'the parser is gone'",),
        PEOPLE,
    ),
    (
        "learn_confirm",
        "learn confirm",
        "Say that learnings hold; from a person that accepts them.",
        (("learnings", "many", "L1 …"),),
        (),
        ("andon learn confirm L1",),
        AGENTS,
    ),
    (
        "learn",
        "learn",
        "Record what was found out, for those who come later; or review what was recorded.",
        (("text", "optional", "what was found"),),
        (
            SCOPES,
            (("--supersedes",), "supersedes", "list", "a learning that this takes the place of (repeat)"),
            (("--contradicts",), "contradicts", "list", "a learning that this says otherwise than (repeat)"),
            KEY,
            (("--review",), "review", "flag", "a person's queue: unreviewed, contradicted, stale, not useful"),
            (("--accept",), "accept", "list", "with --review: accept this learning (repeat)"),
            (("--retire",), "retire", "list", "with --review: retire this learning (repeat)"),
        ),
        (
            "andon learn 'the parser reads bytes, never text' --scope 'path:src/parser/**'",
            "andon learn 'flaky under load' --scope label:network --contradicts L4",
            "andon learn --review",
            "andon learn --review --accept L1 --retire L2 --json",
        ),
        AGENTS,
    ),
    (
        "inject",
        "inject",
        "Print the learnings that matter most for a task, paths or words.",
        (("words", "optional", "words to look for"),),
        (
            (("--task",), "task", "text", "for this task; default the claimed one"),
            (("--path",), "paths", "list", "for this file or glob (repeat)"),
            (("--label",), "labels", "list", "for tasks with this label (repeat)"),
            (("--budget",), "budget", "int", "at most so many tokens; default 2000"),
        ),
        ("andon inject --task T3", "andon inject 'parser bytes' --path 'src/**' --budget 500 --json"),
        AGENTS,
    ),
)
