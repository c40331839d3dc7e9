"""The one table of commands and their options; the warm parser and click are both made from it.

Plain tuples, so that reading it costs nothing.
"""

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
AGENTS, PEOPLE, TASKS, FLOWS = "For agents", "For people", "Tasks and runs", "Workflows"

COMMANDS: tuple[Command, ...] = (
    (
        "next",
        "next",
        "Claim ready work and print its brief.",
        (),
        (
            ROLE,
            (("--task",), "task", "text", "only this task"),
            (("--wait",), "wait_s", "duration", "wait this long for work (30s, 5m)"),
        ),
        ("andon next --role implementer", "andon next --task T3 --json"),
        AGENTS,
    ),
    ("brief", "brief", "Print the brief of the claimed step again.", (), (), ("andon brief",), AGENTS),
    (
        "check",
        "check",
        "Has this step been achieved? Runs its gates on a snapshot; changes no state.",
        (),
        (FRESH,),
        ("andon check", "andon check --json"),
        AGENTS,
    ),
    (
        "advance",
        "advance",
        "Verify the step and proceed.",
        (),
        (
            (("--outcome",), "outcome", "text", "leave by another outcome than passed (see the brief)"),
            MESSAGE,
            (("--notes",), "notes", "text", "what the next one must know"),
            (("--finding",), "findings", "list", "a review finding: 'path:line: severity: text' (repeat)"),
            FRESH,
        ),
        ("andon advance -m 'done'", "andon advance --outcome rework -m 'why' --finding 'a.py:3: blocking: wrong'"),
        AGENTS,
    ),
    (
        "submit",
        "submit",
        "Store the working tree now, without asking to proceed.",
        (),
        (MESSAGE,),
        ("andon submit",),
        AGENTS,
    ),
    (
        "handoff",
        "handoff",
        "Pass the claimed step to another agent or role, with notes.",
        (),
        (
            (("--to",), "to", "text", "an agent's name or role:NAME; nobody named: anyone"),
            MESSAGE,
            (("--notes",), "notes", "text", "longer notes for the brief"),
        ),
        ("andon handoff --to role:implementer -m 'the parser is done, the tests are not'",),
        AGENTS,
    ),
    (
        "heartbeat",
        "heartbeat",
        "Renew the lease of the claimed step.",
        (),
        ((("--tokens",), "tokens", "int", "model tokens used since the last call"), KEY),
        ("andon heartbeat",),
        AGENTS,
    ),
    (
        "release",
        "release",
        "Give the claimed step up; unsubmitted work is kept.",
        (),
        (MESSAGE,),
        ("andon release -m 'not mine'",),
        AGENTS,
    ),
    (
        "say",
        "say",
        "Send a message to an agent, role:NAME, run:ID or human.",
        (("to", "one", "recipient"), ("body", "one", "text")),
        (KEY,),
        ("andon say bob 'the API changed'",),
        AGENTS,
    ),
    (
        "ask",
        "ask",
        "Ask a question (of a person unless --to says otherwise).",
        (("body", "one", "the question"),),
        (
            (("--to",), "to", "text", "recipient; default human"),
            (("--wait",), "wait_s", "duration", "wait this long for the answer"),
            (("--expires",), "expires_s", "duration", "the question is void after this time"),
            KEY,
        ),
        ("andon ask 'Which colour?' --wait 10m",),
        AGENTS,
    ),
    (
        "inbox",
        "inbox",
        "Unread messages.",
        (),
        ((("--ack",), "ack", "list", "acknowledge a message, or all (repeat)"),),
        ("andon inbox --ack all",),
        AGENTS,
    ),
    (
        "mcp",
        "mcp",
        "The same commands as tools for a client that speaks MCP (over standard input and output).",
        (),
        (),
        ("claude mcp add andon -- andon mcp",),
        AGENTS,
    ),
    (
        "hook",
        "hook",
        "Answer a hook of an agent's client: its JSON on standard input, the answer in its own words on standard output.",
        (
            ("client", "one", "claude, codex, gemini, …"),
            ("event", "one", "the client's own name of the event, such as Stop"),
        ),
        ((("--timeout",), "timeout", "float", "the seconds after which the client gives up on its hook; default 30"),),
        ("andon hook claude Stop --timeout 600",),
        AGENTS,
    ),
    (
        "init",
        "init",
        "Set Andon up in a git repository.",
        (("path", "optional", "directory; default here"),),
        (
            (("--target",), "target", "text", "the branch that work lands on; default the present one"),
            (("--workflow",), "workflow", "text", "the default workflow"),
            (("--starter",), "starters", "list", "write only this starter workflow (repeat)"),
            (("--client",), "clients", "list", "set this agents' client up (repeat, or separate by commas)"),
            (("--remove",), "remove", "flag", "with --client: take away again what was written for it"),
            (("--commit",), "commit", "flag", "commit the written files on the target branch"),
            (("--no-guard",), "guard", "off", "do not install the git hook that guards the target branch"),
            (("--force",), "force", "flag", "write starters although there are workflows already"),
        ),
        (
            "andon init",
            "andon init --commit --target main",
            "andon init --client claude,codex --commit",
            "andon init --client codex --remove",
        ),
        PEOPLE,
    ),
    ("status", "status", "Where a person is needed, what runs, what is ready.", (), (), ("andon status",), PEOPLE),
    ("show", "show", "A task, run or message.", (("id", "one", "T1, R1 or M1"),), (), ("andon show R1",), PEOPLE),
    (
        "log",
        "log",
        "Events in order.",
        (("id", "optional", "task, run or message; default all"),),
        (
            (("--after",), "after", "int", "only events after this number"),
            (("--limit",), "limit", "int", "at most so many"),
        ),
        ("andon log R1", "andon log --json --after 100"),
        PEOPLE,
    ),
    (
        "approve",
        "approve",
        "Approve a run's change (a person's act).",
        (("run", "one", "run or task"),),
        (STEP, MESSAGE),
        ("andon approve R1",),
        PEOPLE,
    ),
    (
        "reject",
        "reject",
        "Reject a run's change with a reason (a person's act).",
        (("run", "one", "run or task"),),
        (
            STEP,
            MESSAGE,
            (("--outcome",), "outcome", "text", "leave the step by this outcome; default rejected"),
        ),
        ("andon reject R1 -m 'not like this'",),
        PEOPLE,
    ),
    (
        "answer",
        "answer",
        "Answer a question.",
        (("message", "one", "M1"), ("body", "one", "text")),
        (),
        ("andon answer M1 'blue'",),
        PEOPLE,
    ),
    (
        "waive",
        "waive",
        "Let a gate be open for this very change (a person's act).",
        (("run", "one", "run or task"), ("gate", "one", "gate")),
        ((("--why",), "why", "text", "the reason (needed)"),),
        ("andon waive R1 lint --why 'a known false alarm'",),
        PEOPLE,
    ),
    (
        "signal",
        "signal",
        "Post evidence from outside, such as CI (a person's act).",
        (("run", "one", "run or task"), ("name", "one", "the signal's name")),
        (
            (("--outcome",), "outcome", "text", "passed or failed; default passed"),
            (("--tree",), "tree", "text", "the tree it is about; default what was submitted last"),
            (("--url",), "url", "text", "where to read more"),
            MESSAGE,
        ),
        ("andon signal R1 ci --outcome passed --url https://ci.example/1",),
        PEOPLE,
    ),
    (
        "lead",
        "lead",
        "Land what is ready: one commit for each task.",
        (),
        (
            (("--watch",), "watch", "flag", "go on until interrupted"),
            (("--limit",), "limit", "int", "at most so many landings"),
        ),
        ("andon lead", "andon lead --watch"),
        PEOPLE,
    ),
    (
        "work",
        "work",
        "Claim steps and launch an agent client for each, held by the gates.",
        (("extra", "many", "after --: arguments for the client; for `command`, the program"),),
        (
            (
                ("--agent",),
                "client",
                "text",
                "the client (acp:NAME: one that speaks ACP; command: any program)",
            ),
            (("--name",), "name", "text", "the agents' name; default a fresh one for each claim"),
            ROLE,
            (("--task",), "task", "text", "only this task"),
            (("--wait",), "wait_s", "duration", "wait this long for work (30s, 5m)"),
            (("--once",), "once", "flag", "one claim, then stop"),
            (("--limit",), "limit", "int", "at most so many claims"),
            (("--watch",), "watch", "flag", "go on until interrupted"),
            (("--turns",), "turns", "int", "prompts for one claim, the first included; default 5"),
            (("--turn-timeout",), "turn_timeout_s", "duration", "stop a turn after this time; default 1h"),
            (("--budget",), "budget", "int", "model tokens for all claims together"),
            (
                ("--wait-answer",),
                "wait_answer_s",
                "duration",
                "wait this long when the agent asked a person; default 0s",
            ),
        ),
        (
            "andon work --agent claude --role implementer",
            "andon work --agent codex --watch --turns 3",
            "andon work --agent command --once -- ./my-agent --prompt {prompt_file}",
        ),
        PEOPLE,
    ),
    (
        "doctor",
        "doctor",
        "Check that everything is as it should be.",
        (),
        (
            (("--mend",), "mend", "flag", "repair projections from the log, remove leftovers"),
            (("--salvage",), "salvage", "flag", "replace a damaged database by all that can be read of it"),
        ),
        ("andon doctor", "andon doctor --mend"),
        PEOPLE,
    ),
    (
        "export",
        "export",
        "Write everything that the workspace holds, as JSON lines.",
        (("file", "optional", "file; default or -: standard output"),),
        (),
        ("andon export backup.jsonl", "andon export | zstd > backup.jsonl.zst"),
        PEOPLE,
    ),
    (
        "import",
        "import",
        "Read an export into an empty workspace: all of it or nothing.",
        (("file", "optional", "file; default or -: standard input"),),
        (),
        ("andon import backup.jsonl", "zstd -dc backup.jsonl.zst | andon import"),
        PEOPLE,
    ),
    (
        "archive",
        "archive",
        "Move the events of runs that ended long ago into compressed files; nothing is lost.",
        (),
        (
            (("--older-than",), "older_than_s", "duration", "runs that ended at least so long ago; default 30d"),
            (("--dry-run",), "dry_run", "flag", "only say what would be moved"),
            (("--compact",), "compact", "flag", "then make the database file smaller (writers wait meanwhile)"),
        ),
        ("andon archive --dry-run", "andon archive --older-than 90d --compact"),
        PEOPLE,
    ),
    (
        "verify",
        "verify",
        "Check landed commits again, offline, from their trailers and signed evidence alone.",
        (("commits", "one", "a commit, or a range A..B"),),
        (
            (("--key",), "keys", "list", "trust this public key's file (repeat); default the workspace's own keys"),
            (("--allow-unmanaged",), "allow_unmanaged", "flag", "let commits pass that Andon did not land"),
        ),
        ("andon verify HEAD", "andon verify origin/main~20..origin/main --key andon.pem --json"),
        PEOPLE,
    ),
    ("key_list", "key list", "The keys that sign evidence, oldest first.", (), (), ("andon key list",), PEOPLE),
    (
        "key_show",
        "key show",
        "Print a public key for those who verify.",
        (("key", "optional", "its id or the beginning of it; default the present key"),),
        (),
        ("andon key show > andon.pem",),
        PEOPLE,
    ),
    (
        "key_rotate",
        "key rotate",
        "Retire the key that signs evidence and make another (a person's act).",
        (),
        (),
        ("andon key rotate",),
        PEOPLE,
    ),
    (
        "task_add",
        "task add",
        "Add a task.",
        (("title", "one", "one line"),),
        (
            *TASK_FIELDS,
            (("--draft",), "draft", "flag", "hold it back until `andon task release`"),
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
    (
        "workflow_lint",
        "workflow lint",
        "Check workflow files.",
        (("names", "many", "names or files; default all"),),
        (),
        ("andon workflow lint", "andon workflow lint feature"),
        FLOWS,
    ),
    (
        "workflow_graph",
        "workflow graph",
        "Print a workflow as Mermaid or SVG.",
        (("name", "optional", "workflow"),),
        (
            (("--format",), "format", "text", "mermaid (default) or svg"),
            (("--run",), "run", "text", "draw where this run is (svg)"),
        ),
        ("andon workflow graph feature --format svg > feature.svg",),
        FLOWS,
    ),
    (
        "workflow_import",
        "workflow import",
        "Make a workflow file of a DOT pipeline, and list what was not carried over.",
        (("file", "one", "a .dot file; - reads standard input"),),
        (
            (("-o", "--output"), "output", "text", "where to write; default .andon/workflows/NAME.md; - prints it"),
            (("--name",), "name", "text", "the workflow's name; default the file's"),
            (("--format",), "format", "text", "dot (the only one)"),
            (("--strict",), "strict", "flag", "write nothing unless everything but drawing is carried over as it is"),
            (("--force",), "force", "flag", "write over a file that is there"),
        ),
        ("andon workflow import release.dot", "andon workflow import release.dot --name release --strict --json"),
        FLOWS,
    ),
    (
        "workflow_compile",
        "workflow compile",
        "Print a workflow's canonical JSON and digest.",
        (("name", "one", "workflow"),),
        (),
        ("andon workflow compile feature",),
        FLOWS,
    ),
)

COMMON: tuple[Option, ...] = (
    (("--json",), "json", "flag", "print exactly one JSON object"),
    (("--agent",), "agent", "text", "the agent's name; default ANDON_AGENT, else the client's session, else you"),
    (("--run-id",), "run_id", "text", "the claimed run, when not in its workdir; default ANDON_RUN"),
    (("--color",), "color", "text", "auto, always or never"),
)

PERSONS_ACTS = frozenset({"approve", "reject", "waive", "signal", "run_retry", "run_cancel", "answer", "key_rotate"})

NOT_BUILT = frozenset(
    {
        "plan",
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
