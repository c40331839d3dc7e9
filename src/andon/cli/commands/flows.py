"""The commands for workflow files."""

from __future__ import annotations

from andon.cli.commands.words import FLOWS, Command

COMMANDS: tuple[Command, ...] = (
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
        "workflow_simulate",
        "workflow simulate",
        "Predict throughput, waiting, rework, cost and the bottleneck of a workflow.",
        (("name", "one", "workflow"),),
        (
            (("--tasks",), "tasks", "int", "how many tasks (default 100)"),
            (("--workers",), "workers", "text", "how many agents: 8, or by role implementer=4,reviewer=2 (default 6)"),
            (("--assume",), "assume", "list", "KEY=VALUE, or a file of such lines; repeatable"),
            (("--measured",), "measured", "flag", "take what this workspace's log measured, where it is enough"),
            (("--what-if",), "what_if", "text", "compare: workers=4,8,16, or KEY=VALUE,VALUE of what --assume takes"),
            (("--runs",), "runs", "int", "replications (default 20)"),
            (("--seed",), "seed", "int", "the same seed, the same forecast (default 1)"),
        ),
        (
            "andon workflow simulate feature --tasks 200 --workers 8 --measured",
            "andon workflow simulate feature --workers 8 --assume implement.duration=10m..30m --what-if workers=4,8,16",
        ),
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
