"""Path globs: scopes, protected paths, gate inputs. One meaning everywhere.

Rules. A path is relative to the repository's root, with '/' between its segments; every pattern starts at the root.
* `*` any characters but '/', `?` one of them, `[a-z]` and `[!a-z]` classes, `\\x` the character x itself.
* `**` as a whole segment: any number of directories, none included. `dir/**` is everything below `dir`.
* A pattern whose last segment holds no wildcard is also a directory: `src` is the file `src` and everything below it.
  `src/` is only what is below. `src/*` is only what lies directly in `src`.
* `!pattern` excludes what earlier patterns took; the last pattern that matches decides. A list that begins with an
  exclusion begins with everything.
* Case matters. An empty list matches nothing; whether an empty scope means "no bound" is for the caller to say.

Matching never backtracks over more than (segments of the pattern) × (segments of the path), so that no pattern
can be made to hang a gate. Must not know: git, workflows, the file system. Imports nothing (it is on the hot path).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ANY_DIRECTORIES = "**"

_CLASS = 0
_ONE = 1
_STAR = 2

# A token of a segment: a literal character (str), or (kind, ranges, negated).
_Special = tuple[int, tuple[tuple[str, str], ...], bool]
_Token = str | _Special
# A segment: literal text, ANY_DIRECTORIES as an object of its own (None), or tokens with wildcards.
_Segment = str | None | tuple[_Token, ...]


class Pattern:
    """One compiled pattern. below: it also (or, with only_below, solely) means everything under what it names."""

    __slots__ = ("below", "exclude", "never", "only_below", "segments")

    def __init__(self, text: str) -> None:
        self.exclude = text.startswith("!")
        body = text[1:] if self.exclude else text
        while body.startswith("./"):
            body = body[2:]
        self.only_below = body.endswith("/") or body in (".", "")
        # An empty pattern names nothing; "." and "/" name the root, so everything.
        self.never = body == ""
        parts = [part for part in body.split("/") if part] if body != "." else []
        self.segments: tuple[_Segment, ...] = tuple(_segment(part) for part in parts)
        last = self.segments[-1] if self.segments else ""
        self.below = self.only_below or isinstance(last, str)

    def matches(self, parts: Sequence[str]) -> bool:
        if self.never:
            return False
        # `reach` holds the numbers of path segments that the pattern's segments so far can have used up.
        reach = {0}
        total = len(parts)
        for segment in self.segments:
            if segment is None:
                reach = set(range(min(reach), total + 1))
            else:
                reach = {at + 1 for at in reach if at < total and _segment_matches(segment, parts[at])}
            if not reach:
                return False
        if self.segments and self.segments[-1] is None:
            # "dir/**" is what lies below "dir", not "dir" itself; the run above let ** be empty.
            return total > 0 and (len(self.segments) == 1 or self._ends_below(parts))
        if self.only_below:
            return any(at < total for at in reach)
        return total in reach or (self.below and any(at < total for at in reach))

    def _ends_below(self, parts: Sequence[str]) -> bool:
        reach = {0}
        total = len(parts)
        for segment in self.segments[:-1]:
            if segment is None:
                reach = set(range(min(reach), total + 1))
            else:
                reach = {at + 1 for at in reach if at < total and _segment_matches(segment, parts[at])}
            if not reach:
                return False
        return min(reach) < total


class Globs:
    """A compiled list of patterns."""

    __slots__ = ("_patterns", "_start")

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = tuple(Pattern(text) for text in patterns)
        self._start = bool(self._patterns) and self._patterns[0].exclude

    def matches(self, path: str) -> bool:
        """Whether the last pattern that matches `path` includes it."""
        parts = path.split("/")
        # The last match decides, so look from the end and stop at the first.
        for pattern in reversed(self._patterns):
            if pattern.matches(parts):
                return not pattern.exclude
        return self._start

    def select(self, paths: Iterable[str]) -> list[str]:
        """The matching paths, in the order given."""
        return [path for path in paths if self.matches(path)]


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether `path` is among what `patterns` name. Compile `Globs` once to ask about many paths."""
    return Globs(patterns).matches(path)


def overlaps(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two scopes may touch the same path. An empty scope is unbounded, so it overlaps with every scope.

    Conservative: exclusions are not subtracted and a character class counts as any character, so True may be said
    of scopes that never meet, and False never of scopes that do.
    """
    if not one or not other:
        return True
    return any(may_meet(first, second) for first in _included(one) for second in _included(other))


def _included(patterns: Sequence[str]) -> list[Pattern]:
    compiled = [Pattern(text) for text in patterns]
    included = [pattern for pattern in compiled if not pattern.exclude and not pattern.never]
    if compiled[0].exclude:
        included.append(Pattern(ANY_DIRECTORIES))
    return included


def may_meet(one: Pattern, other: Pattern) -> bool:
    """Whether some path matches both: a walk over pairs of positions in the two lists of segments."""
    first = one.segments + ((None,) if one.below else ())
    second = other.segments + ((None,) if other.below else ())
    seen: set[tuple[int, int]] = set()
    todo = [(0, 0)]
    while todo:
        at = todo.pop()
        if at in seen:
            continue
        seen.add(at)
        i, j = at
        if i == len(first) and j == len(second):
            return True
        mine = first[i] if i < len(first) else ""
        yours = second[j] if j < len(second) else ""
        if i < len(first) and mine is None:
            todo.append((i + 1, j))
            if j < len(second):
                todo.append((i, j + 1))
        if j < len(second) and yours is None:
            todo.append((i, j + 1))
            if i < len(first):
                todo.append((i + 1, j))
        both = i < len(first) and j < len(second)
        if both and mine is not None and yours is not None and _segments_may_meet(mine, yours):
            todo.append((i + 1, j + 1))
    return False


def _segments_may_meet(one: str | tuple[_Token, ...], other: str | tuple[_Token, ...]) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one == other
    if isinstance(one, str) and not isinstance(other, str):
        return _segment_matches(other, one)
    if isinstance(other, str):
        return _segment_matches(one, other)
    first: tuple[_Token, ...] = tuple(one)
    second: tuple[_Token, ...] = tuple(other)
    seen: set[tuple[int, int]] = set()
    todo = [(0, 0)]
    while todo:
        at = todo.pop()
        if at in seen:
            continue
        seen.add(at)
        i, j = at
        if i == len(first) and j == len(second):
            return True
        star_one = i < len(first) and _is_star(first[i])
        star_other = j < len(second) and _is_star(second[j])
        if star_one:
            todo.append((i + 1, j))
        if star_other:
            todo.append((i, j + 1))
        if i < len(first) and j < len(second) and (star_one or star_other or _tokens_may_meet(first[i], second[j])):
            todo.extend(((i if star_one else i + 1, j + 1), (i + 1, j if star_other else j + 1)))
    return False


def _tokens_may_meet(one: _Token, other: _Token) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one == other
    if isinstance(one, str):
        return _token_matches(other, one)
    if isinstance(other, str):
        return _token_matches(one, other)
    return True


def _is_star(token: _Token) -> bool:
    return not isinstance(token, str) and token[0] == _STAR


def _segment(text: str) -> _Segment:
    if text == ANY_DIRECTORIES:
        return None
    if not any(character in text for character in "*?[\\"):
        return text
    tokens: list[_Token] = []
    wild = False
    at = 0
    while at < len(text):
        character = text[at]
        if character == "\\" and at + 1 < len(text):
            tokens.append(text[at + 1])
            at += 2
            continue
        if character == "*":
            wild = True
            if not (tokens and _is_star(tokens[-1])):
                tokens.append((_STAR, (), False))
        elif character == "?":
            wild = True
            tokens.append((_ONE, (), False))
        elif character == "[" and (end := _class_end(text, at)) > 0:
            wild = True
            tokens.append(_class(text[at + 1 : end]))
            at = end
        else:
            tokens.append(character)
        at += 1
    if wild:
        return tuple(tokens)
    return "".join(token for token in tokens if isinstance(token, str))


def _class_end(text: str, start: int) -> int:
    """Index of the ']' that closes the class opened at `start`, or -1: then the '[' is an ordinary character."""
    at = start + 1
    if at < len(text) and text[at] in "!^":
        at += 1
    # A ']' that comes first is a member of the class.
    return text.find("]", at + 1)


def _class(body: str) -> _Special:
    negated = body[:1] in ("!", "^")
    members = body[1:] if negated else body
    ranges: list[tuple[str, str]] = []
    at = 0
    while at < len(members):
        if at + 2 < len(members) and members[at + 1] == "-":
            ranges.append((members[at], members[at + 2]))
            at += 3
        else:
            ranges.append((members[at], members[at]))
            at += 1
    return (_CLASS, tuple(ranges), negated)


def _token_matches(token: _Token, character: str) -> bool:
    if isinstance(token, str):
        return token == character
    kind, ranges, negated = token
    if kind != _CLASS:
        return True
    return any(low <= character <= high for low, high in ranges) != negated


def _segment_matches(segment: str | tuple[_Token, ...], name: str) -> bool:
    """Wildcard match of one segment; a star remembers only the last place to try again from."""
    if isinstance(segment, str):
        return segment == name
    if len(segment) == 1 and _is_star(segment[0]):
        return True
    at = star = -1
    at, position, retry = 0, 0, 0
    while position < len(name):
        if at < len(segment) and _is_star(segment[at]):
            star, retry = at, position
            at += 1
        elif at < len(segment) and _token_matches(segment[at], name[position]):
            at += 1
            position += 1
        elif star >= 0:
            retry += 1
            at, position = star + 1, retry
        else:
            return False
    while at < len(segment) and _is_star(segment[at]):
        at += 1
    return at == len(segment)
