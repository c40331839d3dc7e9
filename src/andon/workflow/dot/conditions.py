"""Conditions on a pipeline's edges: parsed, evaluated for a case, and said again as a condition of a choice.

Theory of operation. A pipeline routes by an outcome status, a preferred label and facts in a context that agents write;
Andon routes by one word, the outcome. So every combination that a node's edges tell apart becomes a `Case` with a name
of its own (success is `passed`, fail is `failed`, a label or a fact gets its own word), and a condition is the set of
cases for which it is true. Must not know: the draft.
"""

from __future__ import annotations

import re

from msgspec import Struct

from andon.workflow.dot.names import normal_label, outcome

MAX_CHARACTERS = 2_000
MAX_DEPTH = 16

SUCCESS, FAIL = "success", "fail"
OTHER = "\0other"
_STATUS = {"succeeded": SUCCESS, "pass": SUCCESS, "passed": SUCCESS, "failed": FAIL, "failure": FAIL}

_TOKEN = re.compile(r'\s*(&&|\|\||!=|==|=|!|\(|\)|"(?:[^"\\]|\\.)*"|[^\s&|!=()"<>]+|.)', re.DOTALL)
_OPERATORS = frozenset({"contains", "matches", "startswith", "endswith", "in"})


class Clause(Struct, frozen=True, kw_only=True):
    """key = value. value: None for a key alone, which asks whether it holds anything."""

    key: str
    value: str | None


class Not(Struct, frozen=True, kw_only=True):
    inner: Expr


class All(Struct, frozen=True, kw_only=True):
    parts: tuple[Expr, ...]


class Some(Struct, frozen=True, kw_only=True):
    parts: tuple[Expr, ...]


Expr = Clause | Not | All | Some


class Case(Struct, frozen=True, kw_only=True):
    """One way in which a node can end. name: the outcome by which Andon knows it."""

    name: str
    status: str = SUCCESS
    label: str = ""
    fact: tuple[str, str] | None = None


PASSED = Case(name="passed")
FAILED = Case(name="failed", status=FAIL)


class Unreadable(Exception):
    """The condition is not in the language, or in a part of it that names something Andon has no figure for."""


# ---------------------------------------------------------------- reading


def parse(text: str) -> Expr:
    """Read a condition. Raises Unreadable with the reason."""
    if len(text) > MAX_CHARACTERS:
        raise Unreadable(f"it is longer than {MAX_CHARACTERS} characters")
    words = [match[1] for match in _TOKEN.finditer(text) if match[1].strip()]
    reader = _Reader(words)
    found = reader.some(0)
    if reader.words:
        raise Unreadable(f"`{reader.words[0]}` was not expected")
    return found


class _Reader:
    def __init__(self, words: list[str]) -> None:
        self.words = words

    def _take(self, *wanted: str) -> str:
        return self.words.pop(0) if self.words and self.words[0] in wanted else ""

    def some(self, depth: int) -> Expr:
        parts = [self.all(depth)]
        while self._take("||"):
            parts.append(self.all(depth))
        return parts[0] if len(parts) == 1 else Some(parts=tuple(parts))

    def all(self, depth: int) -> Expr:
        parts = [self.one(depth)]
        while self._take("&&"):
            # An empty clause says nothing, as in `a=b &&`.
            if self.words and self.words[0] not in ("&&", "||", ")"):
                parts.append(self.one(depth))
        return parts[0] if len(parts) == 1 else All(parts=tuple(parts))

    def one(self, depth: int) -> Expr:
        if depth > MAX_DEPTH:
            raise Unreadable(f"it is nested more than {MAX_DEPTH} deep")
        if self._take("!"):
            return Not(inner=self.one(depth + 1))
        if self._take("("):
            inner = self.some(depth + 1)
            if not self._take(")"):
                raise Unreadable("a `)` is missing")
            return inner
        if not self.words:
            raise Unreadable("a comparison is missing")
        key = self.words.pop(0)
        if not re.match(r"[A-Za-z_]", key):
            raise Unreadable(f"`{key}` was not expected")
        if self.words and (self.words[0] in _OPERATORS or self.words[0] in "<>"):
            raise Unreadable(f"`{self.words[0]}` compares text or numbers of a context that Andon does not have")
        operator = self._take("=", "==", "!=")
        if not operator:
            return Clause(key=key, value=None)
        value = self._value()
        clause = Clause(key=key, value=value)
        return Not(inner=clause) if operator == "!=" else clause

    def _value(self) -> str:
        if not self.words or self.words[0] in ("&&", "||", ")", "("):
            return ""
        value = self.words.pop(0)
        if value.startswith('"') and len(value) > 1:
            return value[1:-1].replace('\\"', '"')
        # A value without quotes may hold blanks: it goes on to the next operator.
        while self.words and self.words[0] not in ("&&", "||", ")", "(", "=", "==", "!=", "!"):
            value += " " + self.words.pop(0)
        return value


# ---------------------------------------------------------------- evaluating


def clauses(expr: Expr) -> list[Clause]:
    """All comparisons in it, in order."""
    found: list[Clause] = []
    todo = [expr]
    while todo:
        here = todo.pop()
        if isinstance(here, Clause):
            found.append(here)
        elif isinstance(here, Not):
            todo.append(here.inner)
        else:
            todo.extend(reversed(here.parts))
    return found


def status(value: str) -> str:
    """A status by its usual name."""
    return _STATUS.get(value.lower(), value.lower())


def is_status(clause: Clause) -> bool:
    return clause.key in ("outcome", "status", "context.outcome")


def is_label(clause: Clause) -> bool:
    return clause.key in ("preferred_label", "context.preferred_label", "human.gate.label", "context.human.gate.label")


def true(expr: Expr, case: Case) -> bool:
    """Whether the condition holds in a case."""
    if isinstance(expr, Not):
        return not true(expr.inner, case)
    if isinstance(expr, All):
        return all(true(part, case) for part in expr.parts)
    if isinstance(expr, Some):
        return any(true(part, case) for part in expr.parts)
    if is_status(expr):
        return case.status == status(expr.value) if expr.value is not None else True
    if is_label(expr):
        return case.label == normal_label(expr.value) if expr.value is not None else bool(case.label)
    return case.fact == (expr.key, expr.value if expr.value is not None else "true")


def cases(expr: Expr) -> list[Case]:
    """The cases that the condition tells apart, besides passed and failed."""
    found: list[Case] = []
    named = [status(x.value) for x in clauses(expr) if is_status(x) and x.value]
    for clause in clauses(expr):
        if is_status(clause):
            wanted = status(clause.value or "")
            if wanted not in ("", SUCCESS, FAIL):
                found.append(Case(name=outcome(wanted), status=wanted))
        elif is_label(clause):
            if clause.value:
                found.append(Case(name=outcome(clause.value), label=normal_label(clause.value)))
        else:
            found.append(_fact(expr, clause, named))
    return found


def _fact(expr: Expr, clause: Clause, named: list[str]) -> Case:
    """A fact of the context as a case of its own, with the status that makes the condition true, if one does."""
    fact = (clause.key, clause.value if clause.value is not None else "true")
    short = clause.key.removeprefix("context.")
    name = outcome(short if fact[1] == "true" else f"{short} {fact[1]}")
    for wanted in dict.fromkeys((*named, SUCCESS, FAIL)):
        if true(expr, Case(name=name, status=wanted, fact=fact)):
            return Case(name=name, status=wanted, fact=fact)
    return Case(name=name, status=named[0] if named else SUCCESS, fact=fact)


def facts(expr: Expr) -> list[str]:
    """Keys of the context that the condition asks for."""
    return [x.key for x in clauses(expr) if not is_status(x) and not is_label(x)]


def as_cel(names: list[str], other: bool, everything: list[str]) -> str:
    """A condition over `outcome` that is true for these cases. other: true for outcomes that nobody named, too."""
    if other:
        missing = [name for name in everything if name not in names]
        return " && ".join(f'outcome != "{name}"' for name in missing) or "true"
    return " || ".join(f'outcome == "{name}"' for name in names) or "false"
