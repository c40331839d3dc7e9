"""What the tables of commands are made of: plain tuples, so that reading them costs nothing."""

from __future__ import annotations

# An option: (flags, name of the argument, kind, help). kind: text | list | flag | int | float | duration | off
Option = tuple[tuple[str, ...], str, str, str]
# A positional: (name, kind, help). kind: one | optional | many
Positional = tuple[str, str, str]
# A command: (verb, path, help, positionals, options, examples, group)
Command = tuple[str, str, str, tuple[Positional, ...], tuple[Option, ...], tuple[str, ...], str]

MESSAGE: Option = (("-m", "--message"), "message", "text", "what you did, or why")
FRESH: Option = (("--fresh",), "fresh", "flag", "measure again even where a verdict is cached")
ROLE: Option = (("--role",), "role", "text", "only work for this role")
LABELS: Option = (("--label",), "labels", "list", "only tasks with this label (repeat: with all of them)")
STEP: Option = (("--step",), "step", "text", "the step, where several wait")
TASK_FIELDS: tuple[Option, ...] = (
    (("--body",), "body", "text", "description; - reads standard input, @FILE a file"),
    (("--accept",), "acceptance", "list", "an acceptance criterion (repeat)"),
    (("--scope",), "scope", "list", "path globs that the task may change (repeat, or separate by commas)"),
    (("--depends-on", "--after"), "depends_on", "list", "tasks that must land first (repeat, or separate by commas)"),
    (("--priority",), "priority", "int", "0 (most urgent) to 4; default 2"),
    (("--label",), "labels", "list", "a label (repeat)"),
    (("--workflow",), "workflow", "text", "the workflow to follow"),
)
KEY: Option = (("--key",), "key", "text", "a name of yours: sent again with the same one, nothing is added twice")
MODEL: Option = (
    ("--model",),
    "model",
    "text",
    "the model that works; default ANDON_MODEL. Reviews may need another one",
)
REPLY: Option = (("--reply",), "reply", "text", "the message that this answers; both stand in one thread")
SCOPES: Option = (("--scope",), "scopes", "list", "where it holds: path:GLOB, repo, label:NAME or workspace (repeat)")
AGENTS, PEOPLE, TASKS, FLOWS = "For agents", "For people", "Tasks and runs", "Workflows"
