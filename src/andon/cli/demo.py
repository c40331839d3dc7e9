"""`andon demo` on the command line."""

from __future__ import annotations

import click


def command() -> click.Command:
    """The click command; the demo itself is imported when it runs."""

    def run(**options: object) -> None:
        from andon.demo import main

        raise SystemExit(main(**options))  # type: ignore[arg-type]

    return click.Command(
        "demo",
        callback=run,
        params=[
            click.Option(["--dir", "directory"], default=None, help="where to make the repository; default a new one"),
            click.Option(["--keep/--remove"], default=True, help="keep the repository afterwards (the default)"),
            click.Option(["--workers"], type=int, default=4, help="honest implementers side by side, 1 to 8"),
            click.Option(
                ["--act"],
                default="all",
                help="work: single tasks, cheats among the workers; swarm: many workers on one; all: both (the default)",
            ),
            click.Option(["--json", "as_json"], is_flag=True, help="print one JSON object at the end"),
            click.Option(["--plain"], is_flag=True, help="plain lines instead of a live view"),
        ],
        help="See it work: a real project, real tasks, scripted workers, some of whom cheat.",
        epilog="\b\nExamples:\n  andon demo\n  andon demo --dir /tmp/demo --workers 6\n  andon demo --act swarm",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
