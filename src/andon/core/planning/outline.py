"""What a file's text tells of it: the names that it defines, and the words that it says of itself at its head.

Names are functions, types and constants, read by one regular expression for each family of languages; of documents, the words
of headings take the place of the head. Rules: no line is looked at beyond LINE_CHARS and no file beyond MAX_CHARS, so that a
strange file costs little; what an expression misses costs a name, never an error. Names that nearly every program has (`main`,
`__init__`) say nothing and are left out. Must not know: where texts come from, what is asked of the names.
"""

from __future__ import annotations

import re

from msgspec import Struct

from andon.core.planning.words import words_of

VERSION = 1
"""Of the expressions below: what was read by others is read again."""
MAX_CHARS = 200_000
MAX_NAMES = 200
MAX_NAME_CHARS = 80
MIN_NAME_CHARS = 3
HEAD_CHARS = 1_500
"""So much of a file is looked at for what it says of itself, from the first comment's or string's beginning."""
MAX_HEAD_WORDS = 40

_LOWER = r"[ \t]{0,40}"


class Outline(Struct, frozen=True, array_like=True):
    """names: what the file defines. said: the words of its head, in the form of `words_of`."""

    names: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


EMPTY = Outline()


def _lines(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"^{pattern}" for pattern in patterns), re.MULTILINE)


_PYTHON = _lines(_LOWER + r"(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", r"([A-Z][A-Z0-9_]{2,60})[ \t]*(?::[^=\n]{1,80})?=[^=]")
_SCRIPT = _lines(
    _LOWER + r"(?:export[ \t]+)?(?:default[ \t]+)?(?:declare[ \t]+)?(?:abstract[ \t]+)?(?:async[ \t]+)?"
    r"(?:function[ \t]*\*?|class|interface|type|enum|namespace)[ \t]+([\w$]+)",
    r"(?:export[ \t]+)?(?:const|let|var)[ \t]+([\w$]+)[ \t]*[=:]",
    r"(?:module\.)?exports\.([\w$]+)[ \t]*=",
    r"[\w$.]{1,60}\.([\w$]+)[ \t]*=[ \t]*(?:async[ \t]+)?(?:function|\()",
    r"[ \t]{1,12}(?:public |private |protected |static |async |readonly |get |set ){0,4}(?!if|for|while|switch|catch|function|return)"
    r"([\w$]+)[ \t]*\([^()\n]{0,200}\)(?:[ \t]*:[^{\n]{1,80})?[ \t]*\{",
)
_GO = _lines(r"func[ \t]+(?:\([^)\n]{0,80}\)[ \t]*)?(\w+)", r"type[ \t]+(\w+)", r"(?:var|const)[ \t]+(\w+)")
_RUST = _lines(
    _LOWER + r"(?:pub(?:\([^)\n]{0,40}\))?[ \t]+)?(?:(?:async|unsafe|const|default)[ \t]+){0,3}(?:extern[ \t]+\"[^\"\n]{0,20}\"[ \t]+)?"
    r"(?:fn|struct|enum|trait|type|mod|static|const|union|macro_rules!)[ \t]+(\w+)"
)
_CLASSES = _lines(
    _LOWER + r"(?:[@\w]+[ \t]+){0,5}(?:class|interface|enum|record|struct|protocol|object|trait|fun|func|def|extension|typealias)"
    r"[ \t]+(\w+)",
    r"[ \t]{1,12}(?:(?:public|private|protected|internal|static|final|abstract|override|virtual|async|synchronized)[ \t]+){1,4}"
    r"[\w<>\[\],.?]{1,80}[ \t]+(\w+)[ \t]*\(",
)
_C = _lines(
    r"[ \t]{0,8}#[ \t]{0,8}define[ \t]+(\w+)",
    _LOWER + r"(?:typedef[ \t]+)?(?:struct|class|enum|union|namespace)[ \t]+(?:\w+[ \t]+)?(\w+)[ \t]*(?:[{:\n]|final)",
    r"(?:[A-Za-z_][\w *&:<>,~]{0,120}[ *&:])?([A-Za-z_]\w*)[ ]?\((?![^)\n]{0,120}\)[ \t]*;)",
    r"[ \t]{1,8}(?:[\w:<>*&]{1,40}[ \t]+){1,4}[*&]?([A-Za-z_]\w*)[ ]?\([^;\n]{0,160}\)[ \t]*(?:const)?[ \t]*\{?$",
    r"\}[ \t]*(\w+)[ \t]*;",
)
_RUBY = _lines(_LOWER + r"(?:def[ \t]+(?:self\.)?|class[ \t]+|module[ \t]+)([\w:]+)", r"[ \t]{0,12}([A-Z][A-Z0-9_]{2,60})[ \t]*=")
_PHP = _lines(_LOWER + r"(?:(?:public|private|protected|static|final|abstract)[ \t]+){0,3}(?:function|class|interface|trait)[ \t]+&?(\w+)")
_SHELL = _lines(_LOWER + r"(?:function[ \t]+)?([\w-]+)[ \t]*\(\)", _LOWER + r"function[ \t]+([\w-]+)")
_WORDED = _lines(
    _LOWER + r"(?:local[ \t]+)?(?:sub|function|defmodule|defmacro|defp|def|defun|proc|procedure)[ \t]+([\w.:-]+)",
    _LOWER + r"(?i:create[ \t]+(?:or[ \t]+replace[ \t]+)?(?:table|view|index|function|trigger)(?:[ \t]+if[ \t]+not[ \t]+exists)?)"
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
DOCUMENTS = frozenset(("md", "rst", "txt", "adoc", "markdown"))
_HEADING = re.compile(r"^(?:#{1,4}[ \t]+(.{1,120})|(.{3,120})\n[=~^\"-]{3,120})$", re.MULTILINE)
_HEAD = re.compile(r'"""|\'\'\'|/\*\*?|//[/!]?|#(?![!a-z]|[ \t]+(?:include|define|if|pragma))|--|;;')
_LICENCE = re.compile(r"(?i)copyright|licen[cs]e|permission|warranty|all rights reserved")
_SILENT = frozenset(
    "main __init__ __repr__ __str__ __eq__ __hash__ __enter__ __exit__ __iter__ __len__ __call__ __all__ self this init test setup "
    "run get set new close open constructor toString if for while switch return sizeof defined".split()  # noqa: SIM905
)


def suffix_of(path: str) -> str:
    """The ending of a file's name that tells its language; "" for none."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name[1:] else ""


def is_read(path: str) -> bool:
    """Whether a file of this name has an outline at all."""
    suffix = suffix_of(path)
    return suffix in _BY_SUFFIX or suffix in DOCUMENTS


def outline_of(path: str, text: str) -> Outline:
    """The outline of a file. path: by whose ending the language is known."""
    suffix = suffix_of(path)
    text = text[:MAX_CHARS]
    if suffix in DOCUMENTS:
        headings = " ".join(one or other for one, other in _HEADING.findall(text))
        return Outline(said=tuple(words_of(headings)[:MAX_HEAD_WORDS]))
    pattern = _BY_SUFFIX.get(suffix)
    if pattern is None:
        return EMPTY
    names: dict[str, None] = {}
    for match in pattern.finditer(text):
        name = match.group(match.lastindex or 0)
        if MIN_NAME_CHARS <= len(name) <= MAX_NAME_CHARS and name not in _SILENT:
            names[name] = None
            if len(names) == MAX_NAMES:
                break
    return Outline(names=tuple(names), said=_said(text))


def _said(text: str) -> tuple[str, ...]:
    """The words of the first comment or string of a file that is no licence, where there is one near its beginning."""
    for block in text[:HEAD_CHARS].split("\n\n"):
        if _HEAD.match(block.lstrip()) and not _LICENCE.search(block):
            return tuple(words_of(block)[:MAX_HEAD_WORDS])
    return ()
