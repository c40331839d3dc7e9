"""What Gemini CLI and its descendant Qwen Code have in common when they are launched without a person."""

from __future__ import annotations

import os
import subprocess

from andon.agents.launch.records import Launch


def literally(prompt: str) -> str:
    r"""The prompt so that an `@` in it stays a mere character.

    Both clients take every `@word` of a prompt for a file: they put a space before it, look for files of a similar name,
    write that name in its place and add the file's text. A decorator or an address in a brief would not come through.
    `\@` is left as it is, and a model reads it.
    """
    return prompt.replace("@", "\\@")


def approval(extra: tuple[str, ...]) -> list[str]:
    """Whoever launches names another mode after `--`; without one, nobody is there to be asked."""
    told = any(word in ("-y", "--yolo") or word.startswith("--approval-mode") for word in extra)
    return [] if told else ["--approval-mode", "yolo"]


def command_line(program: str, launch: Launch) -> list[str]:
    """The prompt comes on standard input."""
    words = [program, "--output-format", "stream-json", *approval(launch.extra)]
    words += ["--resume", launch.session] if launch.session else []
    return [*words, *launch.extra]


def git_hooks(workdir: str) -> dict[str, str]:
    """The variable that keeps git's hooks, and with them the guard of the target branch, at work in Gemini CLI's shell.

    For each command it sets `core.hooksPath` to nothing by GIT_CONFIG_COUNT and its like. What git was told on a command
    line prevails over that, and reaches git's children by this variable.
    """
    command = ("git", "rev-parse", "--path-format=absolute", "--git-path", "hooks")
    try:
        said = subprocess.run(command, cwd=workdir, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    directory = said.stdout.removesuffix("\n")
    if said.returncode != 0 or not os.path.isabs(directory) or "'" in directory or "\n" in directory:
        return {}
    before = os.environ.get("GIT_CONFIG_PARAMETERS", "")
    return {"GIT_CONFIG_PARAMETERS": f"{before} 'core.hooksPath'='{directory}'".strip()}
