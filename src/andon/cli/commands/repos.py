"""The commands for the repositories of a workspace."""

from __future__ import annotations

from andon.cli.commands.words import PEOPLE, Command, Option

WORKSPACE: Option = (("--workspace",), "workspace", "text", "the workspace's directory; default the repository's own")
STORE: Option = (("--workspace",), "workspace", "text", "of this directory's workspace, not of the repository")

COMMANDS: tuple[Command, ...] = (
    (
        "repo_add",
        "repo add",
        "Let repositories of this machine belong to a workspace: they share what was learned.",
        (("paths", "many", "directories; default here"),),
        (WORKSPACE, (("--name",), "name", "text", "what it is called there; default the directory's name")),
        ("andon repo add --workspace ~/factory", "andon repo add ../api ../web --workspace ~/factory"),
        PEOPLE,
    ),
    (
        "repo_list",
        "repo list",
        "The repositories of a workspace, and which of them are missing.",
        (),
        (WORKSPACE,),
        ("andon repo list", "andon repo list --workspace ~/factory --json"),
        PEOPLE,
    ),
    (
        "repo_remove",
        "repo remove",
        "Let repositories be alone again; what was learned stays in the workspace.",
        (("names", "many", "names or directories; default here"),),
        (WORKSPACE,),
        ("andon repo remove", "andon repo remove api --workspace ~/factory"),
        PEOPLE,
    ),
)
