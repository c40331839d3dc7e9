"""The names that a file's text defines: functions, types and constants, by one regular expression for each family of languages.

Rules: no file is read beyond MAX_CHARS, every part of an expression is bounded, so that a strange file costs little; what an
expression misses costs a name, never an error. Names that nearly every program has (`main`, `__init__`) say nothing and are
left out. Must not know: where texts come from, what is asked of the names.
"""

from __future__ import annotations

import re

VERSION = 1
"""Of all that makes what is kept of a file: this module, `words`, and `definitions.defined`. Raise it with each change of
these, and what was made in another way is made again; a test (`MAKING`) notices when it was forgotten.
"""
MAX_CHARS = 200_000
MAX_NAMES = 200
MAX_NAME_CHARS = 80
MIN_NAME_CHARS = 3

_INDENT = r"[ \t]{0,40}"


def _lines(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"^{pattern}" for pattern in patterns), re.MULTILINE)


_PYTHON = _lines(
    _INDENT + r"(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", r"([A-Z][A-Z0-9_]{2,60})[ \t]*(?::[^=\n]{1,80})?=[^=]"
)
_SCRIPT = _lines(
    _INDENT + r"(?:export[ \t]+)?(?:default[ \t]+)?(?:declare[ \t]+)?(?:abstract[ \t]+)?(?:async[ \t]+)?"
    r"(?:function[ \t]*\*?|class|interface|type|enum|namespace)[ \t]+([\w$]+)",
    r"(?:export[ \t]+)?(?:const|let|var)[ \t]+([\w$]+)[ \t]*[=:]",
    r"(?:module\.)?exports\.([\w$]+)[ \t]*=",
    r"[\w$.]{1,60}\.([\w$]+)[ \t]*=[ \t]*(?:async[ \t]+)?(?:function|\()",
    r"[ \t]{1,12}(?:public |private |protected |static |async |readonly |get |set ){0,4}"
    r"(?!if|for|while|switch|catch|function|return)"
    r"([\w$]+)[ \t]*\([^()\n]{0,200}\)(?:[ \t]*:[^{\n]{1,80})?[ \t]*\{",
)
_GO = _lines(r"func[ \t]+(?:\([^)\n]{0,80}\)[ \t]*)?(\w+)", r"type[ \t]+(\w+)", r"(?:var|const)[ \t]+(\w+)")
_RUST = _lines(
    _INDENT + r"(?:pub(?:\([^)\n]{0,40}\))?[ \t]+)?(?:(?:async|unsafe|const|default)[ \t]+){0,3}"
    r"(?:extern[ \t]+\"[^\"\n]{0,20}\"[ \t]+)?"
    r"(?:fn|struct|enum|trait|type|mod|static|const|union|macro_rules!)[ \t]+(\w+)"
)
_CLASSES = _lines(
    _INDENT
    + r"(?:[@\w]+[ \t]+){0,5}(?:class|interface|enum|record|struct|protocol|object|trait|fun|func|def|extension|typealias)"
    r"[ \t]+(\w+)",
    r"[ \t]{1,12}(?:(?:public|private|protected|internal|static|final|abstract|override|virtual|async|synchronized)[ \t]+){1,4}"
    r"[\w<>\[\],.?]{1,80}[ \t]+(\w+)[ \t]*\(",
)
_C = _lines(
    r"[ \t]{0,8}#[ \t]{0,8}define[ \t]+(\w+)",
    _INDENT + r"(?:typedef[ \t]+)?(?:struct|class|enum|union|namespace)[ \t]+(?:\w+[ \t]+)?(\w+)[ \t]*(?:[{:\n]|final)",
    r"(?:[A-Za-z_][\w *&:<>,~]{0,120}[ *&:])?([A-Za-z_]\w{0,80})[ ]?\((?![^)\n]{0,120}\)[ \t]*;)",
    r"[ \t]{1,8}(?:[\w:<>*&]{1,40}[ \t]+){1,4}[*&]?([A-Za-z_]\w*)[ ]?\([^;\n]{0,160}\)[ \t]*(?:const)?[ \t]*\{?$",
    r"\}[ \t]*(\w+)[ \t]*;",
)
_RUBY = _lines(
    _INDENT + r"(?:def[ \t]+(?:self\.)?|class[ \t]+|module[ \t]+)([\w:]+)", r"[ \t]{0,12}([A-Z][A-Z0-9_]{2,60})[ \t]*="
)
_PHP = _lines(
    _INDENT
    + r"(?:(?:public|private|protected|static|final|abstract)[ \t]+){0,3}(?:function|class|interface|trait)[ \t]+&?(\w+)"
)
_SHELL = _lines(_INDENT + r"(?:function[ \t]+)?([\w-]+)[ \t]*\(\)", _INDENT + r"function[ \t]+([\w-]+)")
_WORDED = _lines(
    _INDENT + r"(?:local[ \t]+)?(?:sub|function|defmodule|defmacro|defp|def|defun|proc|procedure)[ \t]+([\w.:-]+)",
    _INDENT
    + r"(?i:create[ \t]+(?:or[ \t]+replace[ \t]+)?(?:table|view|index|function|trigger)(?:[ \t]+if[ \t]+not[ \t]+exists)?)"
    r"[ \t]+[\"`]?([\w.]+)",
)
_FAMILIES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("py pyi pyx pxd", _PYTHON),
    ("js jsx ts tsx mjs cjs mts cts vue svelte", _SCRIPT),
    ("go", _GO),
    ("rs", _RUST),
    ("java kt kts cs scala swift groovy dart", _CLASSES),
    ("c h cc cpp cxx hh hpp hxx m mm", _C),
    ("rb", _RUBY),
    ("php", _PHP),
    ("sh bash", _SHELL),
    ("pl pm lua ex exs el lisp clj sql tcl", _WORDED),
)
_BY_SUFFIX = {suffix: pattern for suffixes, pattern in _FAMILIES for suffix in suffixes.split()}
_SILENT = frozenset(
    """main __init__ __repr__ __str__ __eq__ __hash__ __enter__ __exit__ __iter__ __len__ __call__ __all__ self this init test
    setup run get set new close open constructor toString if for while switch return sizeof defined""".split()  # noqa: SIM905
)


def suffix_of(path: str) -> str:
    """The ending of a file's name that tells its language; "" for none."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name[1:] else ""


def is_read(path: str) -> bool:
    """Whether the file's language is known."""
    return suffix_of(path) in _BY_SUFFIX


def names_in(path: str, text: str) -> tuple[str, ...]:
    """The names that a file defines, each once, in order; at most MAX_NAMES. path: by whose ending the language is known."""
    pattern = _BY_SUFFIX.get(suffix_of(path))
    if pattern is None:
        return ()
    found: dict[str, None] = {}
    for match in pattern.finditer(text[:MAX_CHARS]):
        name = match.group(match.lastindex or 0)
        if MIN_NAME_CHARS <= len(name) <= MAX_NAME_CHARS and name not in _SILENT:
            found[name] = None
            if len(found) == MAX_NAMES:
                break
    return tuple(found)
