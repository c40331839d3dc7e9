"""What Gemini CLI and its descendant Qwen Code have in common when they are launched without a person."""

from __future__ import annotations


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
