"""DOT's words: names, numbers, quoted and HTML strings, punctuation, each with its place. Comments are left out.

Rules: Graphviz's lexical grammar, and what agent pipelines add to it: names with dots (`human.default_choice`) and
durations (`900s`) stand without quotes, and `\n`, `\t`, `\\` in a quoted string are escapes. One pass, linear in the text.
Must not know: the grammar.
"""

from __future__ import annotations

import re

from msgspec import Struct

from andon.workflow.dot.graph import DotError
from andon.workflow.problems import At, shown

MAX_CHARACTERS = 400_000
MAX_HTML_DEPTH = 64
MAX_INDENT = 200

NAME, QUOTED, HTML, MARK, END = "name", "quoted", "html", "mark", "end"

_SPACE = re.compile(r"[ \t\r\n\f\v\u00a0]+")
# A number may carry a unit, and a name may hold dots: both are written so in pipelines without quotes.
_WORD = re.compile(r"-?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[A-Za-z]*|[A-Za-z_\u0080-\uffff\U00010000-\U0010ffff]"
                   r"[A-Za-z0-9_\u0080-\uffff\U00010000-\U0010ffff]*(?:\.[A-Za-z0-9_]+)*")  # fmt: skip
_PLAIN = re.compile(r'[^"\\]+')
_MARKS = "{}[]=;,:+"
_ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}
_LINE = re.compile(r"\r\n|\r|\n")


class Token(Struct, frozen=True, kw_only=True):
    """kind: name | quoted | html | mark | end. text: without quotes, escapes resolved."""

    kind: str
    text: str
    at: At


class _Lexer:
    def __init__(self, text: str) -> None:
        self.text = text
        self.offset = 0
        self.starts = [0, *(match.end() for match in _LINE.finditer(text))]
        self.line = 0

    def at(self, offset: int) -> At:
        """A place. Offsets only grow, so finding lines costs one pass over the text altogether."""
        while self.line + 1 < len(self.starts) and self.starts[self.line + 1] <= offset:
            self.line += 1
        return self.line + 1, offset - self.starts[self.line] + 1

    def tokens(self) -> list[Token]:
        found: list[Token] = []
        while True:
            token = self._next()
            found.append(token)
            if token.kind == END:
                return found

    def _next(self) -> Token:
        self._skip()
        start = self.offset
        at = self.at(start)
        if start >= len(self.text):
            return Token(kind=END, text="", at=at)
        character = self.text[start]
        if character == '"':
            return Token(kind=QUOTED, text=self._quoted(at), at=at)
        if character == "<":
            return Token(kind=HTML, text=self._html(at), at=at)
        if self.text.startswith(("->", "--"), start):
            self.offset += 2
            return Token(kind=MARK, text=self.text[start : start + 2], at=at)
        if word := _WORD.match(self.text, start):
            self.offset = word.end()
            return Token(kind=NAME, text=word[0], at=at)
        if character in _MARKS:
            self.offset += 1
            return Token(kind=MARK, text=character, at=at)
        raise DotError(
            at, f"unexpected `{shown(character) or repr(character)}`", "put text with special characters in quotes"
        )

    def _skip(self) -> None:
        while self.offset < len(self.text):
            if space := _SPACE.match(self.text, self.offset):
                self.offset = space.end()
            elif self.text.startswith("//", self.offset) or self._preprocessor():
                ending = _LINE.search(self.text, self.offset)
                self.offset = ending.end() if ending else len(self.text)
            elif self.text.startswith("/*", self.offset):
                at = self.at(self.offset)
                ending_at = self.text.find("*/", self.offset + 2)
                if ending_at < 0:
                    raise DotError(at, "this comment has no end", "end it with */")
                self.offset = ending_at + 2
            else:
                return

    def _preprocessor(self) -> bool:
        """Whether a line begins here with `#`: Graphviz takes it for a preprocessor's, and people for a comment."""
        if not self.text.startswith("#", self.offset):
            return False
        line, column = self.at(self.offset)
        return not self.text[self.starts[line - 1] : self.offset].strip() and column <= MAX_INDENT

    def _quoted(self, at: At) -> str:
        parts: list[str] = []
        offset = self.offset + 1
        while offset < len(self.text):
            if plain := _PLAIN.match(self.text, offset):
                parts.append(plain[0])
                offset = plain.end()
            elif self.text[offset] == '"':
                self.offset = offset + 1
                return "".join(parts).replace("\r\n", "\n").replace("\r", "\n")
            else:
                following = self.text[offset + 1 : offset + 2]
                if following in ("\n", "\r") and following:
                    # A backslash at the end of a line joins it with the next one.
                    offset += 3 if self.text.startswith("\r\n", offset + 1) else 2
                    continue
                parts.append(_ESCAPES.get(following, "\\" + following))
                offset += 2
        raise DotError(at, "this string has no end", 'end it with "')

    def _html(self, at: At) -> str:
        depth = 0
        for match in re.compile("[<>]").finditer(self.text, self.offset):
            depth += 1 if match[0] == "<" else -1
            if depth > MAX_HTML_DEPTH:
                raise DotError(at, f"an HTML string is nested more than {MAX_HTML_DEPTH} deep")
            if depth == 0:
                found = self.text[self.offset + 1 : match.start()]
                self.offset = match.end()
                return found
        raise DotError(at, "this HTML string has no end", "end it with >")


def tokens(text: str) -> list[Token]:
    """All words; the last one is of kind `end`. Raises DotError."""
    if len(text) > MAX_CHARACTERS:
        raise DotError((1, 1), f"a pipeline has at most {MAX_CHARACTERS} characters", rule="file-too-large")
    return _Lexer(text).tokens()
