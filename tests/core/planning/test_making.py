"""What is kept of a file's names is made again whenever it would be made in another way."""

from __future__ import annotations

import ast
import hashlib
import inspect

import pytest

from andon.core.planning import definitions, names, words
from andon.engine import defining

MAKING = {1: "8856005f7c6f6ecc"}
"""version -> digest of the code that makes what is kept. Where this differs: raise `names.VERSION`, and add a line here."""


def digest(texts: list[str]) -> str:
    """Of programs, whatever their comments, their docstrings and the way they are set."""
    found = hashlib.sha256()
    for text in texts:
        module = ast.parse(text)
        for node in ast.walk(module):
            for body in [node.body] if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) else []:
                body[:] = [x for x in body if not _is_text(x) and not _is_version(x)] or [ast.Pass()]
        found.update(ast.unparse(module).encode() + b"\0")
    return found.hexdigest()[:16]


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _is_version(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(isinstance(x, ast.Name) and x.id == "VERSION" for x in node.targets)


def making() -> list[str]:
    parts = map(inspect.getsource, (names, words, definitions.Defined, definitions.defined))
    return [*parts, f"MAX_FILE_BYTES = {defining.MAX_FILE_BYTES}"]


def test_a_change_of_what_makes_it_raises_the_version() -> None:
    assert max(MAKING) == names.VERSION
    assert MAKING[names.VERSION] == digest(making())


@pytest.mark.parametrize(
    ("old", "new", "differs"),
    [
        ('"ings", ', "", True),
        ("def _form", "def _shape", True),
        ("signed reviewed", "reviewed", True),
        ("MAX_WORDS = 60", "MAX_WORDS = 61", True),
        ('"""So many words\' forms', '"""As many words\' forms', False),
        ("import re\n", "import re  # of the standard library\n\nVERSION = 7\n", False),
        ("import re\n", "import re\n\n\n", False),
    ],
)
def test_what_counts_is_the_code(old: str, new: str, differs: bool) -> None:
    text = inspect.getsource(words)
    assert old in text
    assert (digest([text]) != digest([text.replace(old, new)])) is differs
