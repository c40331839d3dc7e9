"""The cold path: help, completion, `demo`, and everything that is typed wrongly, through click."""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import Any, NoReturn

import click

from andon import __version__
from andon.cli.complete import completer
from andon.cli.output import fail
from andon.cli.parse import convert, meant
from andon.cli.table import COMMANDS, COMMON, NOT_BUILT, Command, Option, common_of
from andon.cli.warm import execute
from andon.core.errors import AndonError, UsageError

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class Group(click.Group):
    """Lists commands by their group, in the table's order."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            section = getattr(command, "section", "More")
            sections.setdefault(section, []).append((name, command.get_short_help_str(80)))
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl(rows)


class CommandGroup(Group):
    """A command with commands of its own below it: `learn 'text'` and `learn list`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in self.commands:
            return super().parse_args(ctx, args)
        # What follows is the other command's: the words of this one are not looked for.
        own, self.params = self.params, [x for x in self.params if not isinstance(x, click.Argument)]
        try:
            return super().parse_args(ctx, args)
        finally:
            self.params = own

    def invoke(self, ctx: click.Context) -> Any:
        if ctx._protected_args or ctx.args:
            self.callback, own = None, self.callback
            try:
                return super().invoke(ctx)
            finally:
                self.callback = own
        return super().invoke(ctx)


def _parameter(verb: str, option: Option) -> click.Option:
    flags, name, kind, text = option
    if kind in ("flag", "off"):
        return click.Option([*flags, name], is_flag=True, default=None, flag_value=kind == "flag", help=text)
    complete_with: Any = completer(verb, name)
    if name in ("clients", "client"):
        text, complete_with = f"{text}: {', '.join(_clients(name))}", complete_client
    return click.Option([*flags, name], multiple=kind == "list", default=None, help=text, shell_complete=complete_with)


def _callback(command: Command) -> Any:
    kinds = {option[1]: option for option in (*COMMON, *command[4])}

    def call(**values: Any) -> None:
        arguments: dict[str, Any] = {}
        for name, value in values.items():
            if value is None or value == ():
                continue
            option = kinds.get(name)
            if option is not None and option[2] in ("int", "float", "duration"):
                value = convert(option[0][0], option[2], value)
            arguments[name] = list(value) if isinstance(value, tuple) else value
        execute(command[0], arguments)

    return call


def _argument(verb: str, name: str, kind: str) -> click.Argument:
    required, count = kind == "one", -1 if kind == "many" else 1
    return click.Argument([name], required=required, nargs=count, shell_complete=completer(verb, name))


def complete_client(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of clients for the shell; after a comma, the next one."""
    first, comma, last = incomplete.rpartition(",")
    return [f"{first}{comma}{name}" for name in _clients(param.name or "") if name.startswith(last)]


def _clients(option: str) -> list[str]:
    """The clients that an option may name: those that can be set up, or those that can be launched."""
    if option == "clients":
        from andon.agents.setup.registry import names

        return names()
    from andon.agents.launch.drivers import names as launched

    return [*launched(), "acp:", "command"]


def _command(command: Command) -> click.Command:
    verb, path, text, positionals, options, examples, section = command
    epilog = "\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)
    made = click.Command(
        path.split(" ")[-1],
        callback=_callback(command),
        params=[
            *(_argument(verb, name, kind) for name, kind, _ in positionals),
            *(_parameter(verb, option) for option in (*options, *common_of(command))),
        ],
        help=text,
        epilog=epilog,
        context_settings=CONTEXT,
    )
    made.section = section  # type: ignore[attr-defined]
    return made


def _with_commands(command: click.Command, below: MutableMapping[str, click.Command]) -> CommandGroup:
    """The same command with those that stand below its name."""
    made = CommandGroup(
        command.name,
        callback=command.callback,
        params=command.params,
        help=command.help,
        epilog=command.epilog,
        context_settings=CONTEXT,
        commands=dict(below),
        invoke_without_command=True,
    )
    made.section = command.section  # type: ignore[attr-defined]
    return made


GROUPS = {
    "task": "Tasks.",
    "run": "Runs.",
    "workflow": "Workflow files.",
    "key": "Keys of evidence.",
    "learn": "Learnings.",
    "config": "Settings of the workspace.",
    "repo": "The repositories of a workspace.",
    "finding": "Findings of reviews.",
}


def tree() -> Group:
    """The whole command tree, made from the table."""
    root = Group(
        "andon",
        help="Andon, the coordination layer for software factories: have I achieved this part, and may I proceed?",
        epilog="Start with `andon demo`, or in a repository of your own with `andon init`.",
        context_settings=CONTEXT,
    )
    for command in COMMANDS:
        words = command[1].split(" ")
        parent: click.Group = root
        if len(words) == 2:
            existing = root.commands.get(words[0])
            if existing is not None and not isinstance(existing, click.Group):
                existing = _with_commands(existing, {})
                root.add_command(existing)
            if not isinstance(existing, click.Group):
                existing = Group(words[0], help=GROUPS[words[0]], context_settings=CONTEXT)
                existing.section = command[6]  # type: ignore[attr-defined]
                root.add_command(existing)
            parent = existing
        made, below = _command(command), root.commands.get(words[0])
        if len(words) == 1 and isinstance(below, click.Group):
            made = _with_commands(made, below.commands)
        parent.add_command(made)
    root.add_command(_demo())
    root.add_command(_completion())
    root.params.append(
        click.Option(["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version, help="version")
    )
    return root


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"andon {__version__}")
        ctx.exit(0)


def _demo() -> click.Command:
    from andon.cli.demo import command

    return command()


def _completion() -> click.Command:
    def show(shell: str) -> None:
        from click.shell_completion import get_completion_class

        found = get_completion_class(shell)
        if found is None:
            fail(UsageError(f"no completion for {shell}", next="bash, zsh or fish"), False)
        click.echo(found(tree(), {}, "andon", "_ANDON_COMPLETE").source())

    return click.Command(
        "completion",
        callback=show,
        params=[click.Argument(["shell"], type=click.Choice(["bash", "zsh", "fish"]))],
        help="Print the shell's completion script.",
        epilog='\b\nExamples:\n  eval "$(andon completion bash)"',
        context_settings=CONTEXT,
    )


def run_click(argv: list[str]) -> NoReturn:
    """Let click answer; its errors become the contract's (64, never 2)."""
    ours = argv[: argv.index("--")] if "--" in argv else argv
    as_json = "--json" in ours
    words = [word for word in ours if not word.startswith("-")]
    if words and words[0] in NOT_BUILT:
        text = f"`andon {words[0]}` is not built in this version"
        fail(AndonError(text, kind="not_built", next="andon --help", exit=64), as_json)
    if not argv:
        argv = ["--help"]
    if as_json and argv[0] == "--json":
        argv = [*argv[1:], "--json"]
    root = tree()
    try:
        root.main(args=argv, prog_name="andon", standalone_mode=False)
    except click.exceptions.NoSuchOption as error:
        fail(UsageError(f"no option {error.option_name}", next=_help(error.ctx)), as_json)
    except click.UsageError as error:
        hint = ""
        known = list(root.commands)
        if words and words[0] not in known:
            hint = meant(words[0], known)
        fail(UsageError(error.format_message() + hint, next=_help(error.ctx)), as_json)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("\nandon: interrupted\n")
        sys.exit(130)
    except AndonError as error:
        fail(error, as_json)
    sys.exit(0)


def _help(ctx: click.Context | None) -> str:
    return f"{ctx.command_path} --help" if ctx else "andon --help"
