"""The commands for tasks and runs."""

from __future__ import annotations

from andon.cli.commands.words import KEY, MESSAGE, ROLE, STEP, TASK_FIELDS, TASKS, Command

COMMANDS: tuple[Command, ...] = (
    (
        "task_add",
        "task add",
        "Add a task.",
        (("title", "one", "one line"),),
        (
            *TASK_FIELDS,
            (("--draft",), "draft", "flag", "hold it back until `andon task release`"),
            (("--budget",), "budget", "int", "model tokens for its runs and all their children"),
            KEY,
        ),
        ("andon task add 'Fix the parser' --scope 'src/**' --accept 'empty input gives an error'",),
        TASKS,
    ),
    (
        "task_list",
        "task list",
        "All tasks.",
        (),
        (
            (("--status",), "status", "list", "only these: draft open running landed completed cancelled"),
            (("--label",), "label", "text", "only with this label"),
        ),
        ("andon task list --status open",),
        TASKS,
    ),
    ("task_show", "task show", "One task.", (("task", "one", "T1"),), (), ("andon task show T1",), TASKS),
    (
        "task_edit",
        "task edit",
        "Change a task.",
        (("task", "one", "T1"),),
        (
            (("--title",), "title", "text", "new title"),
            *TASK_FIELDS,
        ),
        ("andon task edit T1 --priority 0",),
        TASKS,
    ),
    (
        "task_release",
        "task release",
        "Let a draft become ready.",
        (("task", "one", "T1"),),
        (),
        ("andon task release T1",),
        TASKS,
    ),
    (
        "task_cancel",
        "task cancel",
        "Cancel a task.",
        (("task", "one", "T1"),),
        (MESSAGE,),
        ("andon task cancel T1 -m 'not needed'",),
        TASKS,
    ),
    ("ready", "ready", "What `next` would offer.", (), (ROLE,), ("andon ready",), TASKS),
    (
        "run_start",
        "run start",
        "Start a run of a ready task.",
        (("task", "one", "T1"),),
        (),
        ("andon run start T1",),
        TASKS,
    ),
    (
        "run_list",
        "run list",
        "All runs.",
        (),
        ((("--status",), "status", "list", "only these: open blocked ended"),),
        ("andon run list --status blocked",),
        TASKS,
    ),
    ("run_show", "run show", "One run.", (("run", "one", "run or task"),), (), ("andon run show R1",), TASKS),
    (
        "run_cancel",
        "run cancel",
        "End a run; its task is open again (a person's act).",
        (("run", "one", "run or task"),),
        (MESSAGE,),
        ("andon run cancel R1 -m 'wrong approach'",),
        TASKS,
    ),
    (
        "run_retry",
        "run retry",
        "Put a blocked run back to work (a person's act).",
        (("run", "one", "run or task"),),
        (STEP, MESSAGE),
        ("andon run retry R1",),
        TASKS,
    ),
)
