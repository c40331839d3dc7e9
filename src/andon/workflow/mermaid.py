"""A parser of Mermaid's `stateDiagram-v2`, for the subset that a workflow may use, with a place for every error.

Rules: whatever is accepted here, Mermaid's own parser accepts and means the same. Mermaid reads with a first-match
lexer that has surprises (a label ends at `:` or `;`, any line with `direction LR` in it is a direction, `<<fork>>`
counts anywhere on a `state` line, an id takes in a `}` that touches it), so such text is refused instead of read
differently. A line that can't be read is one problem, and reading goes on behind it. Must not know: what steps are.
"""

from __future__ import annotations

import re

from andon.workflow.diagram import (
    TERMINAL,
    Declaration,
    Diagram,
    Direction,
    Note,
    Phase,
    Ref,
    Statement,
    Styling,
    Transition,
)
from andon.workflow.markdown import Block
from andon.workflow.problems import At, Collector, shown

MAX_CHARACTERS = 50_000
MAX_TRANSITIONS = 500
MAX_DEPTH = 16
MAX_ID = 64
"""The first two are Mermaid's own default limits."""

RULE = "bad-diagram"

# Words that Mermaid's lexer takes for keywords in any case, and names that JavaScript objects have of themselves.
_RESERVED = """
    accdescr acctitle as class classdef click constructor default direction end hasownproperty hide href isprototypeof
    note propertyisenumerable prototype root root_end root_start scale state statediagram style tolocalestring
    tostring valueof __definegetter__ __definesetter__ __lookupgetter__ __lookupsetter__ __proto__
"""
RESERVED = frozenset(_RESERVED.split())

_SPACE = re.compile(r"[ \t]*")
_HEADER = re.compile(r"stateDiagram-v2(?=[ \t]|$)")
_OLD_HEADER = re.compile(r"stateDiagram(?![\w-])")
_WORD = re.compile(r"[A-Za-z0-9_]+")
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_]*$", re.ASCII)
_JUNK = re.compile(r"[^\s:{}]+")
_STYLE_NAME = re.compile(r":::([A-Za-z_][A-Za-z0-9_]*)")
_HIDDEN_DIRECTION = re.compile(r"direction\s+(?:TB|BT|RL|LR)", re.IGNORECASE)
_DIRECTION = re.compile(r"direction[ \t]+(TB|BT|RL|LR)[ \t]*(?:%%.*)?$")
_DIRECTION_START = re.compile(r"\s*(?:TB|BT|RL|LR)", re.IGNORECASE)
_DIRECTION_END = re.compile(r"direction\s*(?:%%.*)?$", re.IGNORECASE)
_PSEUDO = re.compile(r"<<[ \t]*(\w*)[ \t]*>>|\[\[[ \t]*(\w*)[ \t]*\]\]")
_PSEUDO_EXACT = re.compile(r"(?:<<(fork|join|choice)>>|\[\[(fork|join|choice)\]\])")
_TITLE = re.compile(r'"([^"]*)"[ \t]+as[ \t]+')
_NOTE = re.compile(r"note[ \t]+(left|right) of[ \t]+")
_END_NOTE = re.compile(r"[ \t]*end note\b(.*)$")
_CLASS_DEF = re.compile(r"classDef[ \t]+(?!default[ \t])(\w+)[ \t]+(\S.*)$", re.ASCII | re.IGNORECASE)
_CLASS = re.compile(r"class[ \t]+(\w+(?:,[ \t]*\w+)*)[ \t]+(\w+)[ \t]*(?:;[ \t]*)?$", re.ASCII)
_STYLE = re.compile(r"style[ \t]+(\w+(?:,\w+)*)[ \t]+(\S.*)$", re.ASCII)
_KEYWORD = re.compile(r"(state|note|direction|classDef|class|style)(?=[ \t]|$)")
_UNSUPPORTED = re.compile(r"(scale|click|accTitle|accDescr|hide empty description)(?=[ \t:{]|$)", re.IGNORECASE)
_TAG_LIKE = re.compile(r"<[A-Za-z/!]")

Mention = dict[str, At]


class _Bad(Exception):
    """The rest of this line can't be read."""

    def __init__(self, column: int, message: str, next: str = "", rule: str = RULE) -> None:
        super().__init__(message)
        self.column = column
        self.message = message
        self.next = next
        self.rule = rule


class _Frame:
    """A body under construction; `ref` is None for the diagram itself."""

    def __init__(self, ref: Ref | None, title: str | None, at: At) -> None:
        self.ref = ref
        self.title = title
        self.at = at
        self.body: list[Statement] = []


def parse(block: Block, problems: Collector) -> Diagram:
    """Read the text of a mermaid block. What could not be read is among the problems and left out of the diagram."""
    return _Parser(block, problems).diagram()


class _Parser:
    def __init__(self, block: Block, problems: Collector) -> None:
        self.problems = problems
        self.lines = block.text.split("\n")
        self.first = block.line
        self.at = block.at
        self.size = len(block.text)
        self.frames = [_Frame(None, None, block.at)]
        self.mentioned: set[str] = set()
        self.transitions = 0
        self.endless = len(self.lines)
        self.number = 0
        self.line = ""
        self.column = 0

    # ------------------------------------------------------------ lines

    def diagram(self) -> Diagram:
        if self.size > MAX_CHARACTERS:
            text = f"the diagram is longer than the {MAX_CHARACTERS} characters that Mermaid draws"
            self.problems.add("diagram-too-large", self.at, text)
            return Diagram(at=self.at)
        header = self._header()
        if header is None:
            return Diagram(at=self.at)
        self.number += 1
        while self.number < len(self.lines):
            self._read_line()
            self.number += 1
        while len(self.frames) > 1:
            frame = self.frames[-1]
            name = frame.ref.id if frame.ref else ""
            self.problems.add(RULE, frame.at, f"phase `{name}` is never closed", "add a line with }")
            self._close((self.first + len(self.lines) - 1, 1))
        return Diagram(body=tuple(self.frames[0].body), at=header)

    def _header(self) -> At | None:
        for number, line in enumerate(self.lines):
            self.number = number
            text = line.strip(" \t")
            column = len(line) - len(line.lstrip(" \t")) + 1
            at = (self.first + self.number, column)
            if not text or (text.startswith("%%") and not text.startswith("%%{")):
                continue
            if _HEADER.match(text):
                rest = text[len("stateDiagram-v2") :].strip(" \t")
                if rest and (not rest.startswith("%%") or rest.startswith("%%{")):
                    self.problems.add(RULE, at, "`stateDiagram-v2` must stand alone on its line")
                return at
            advice = "use stateDiagram-v2" if _OLD_HEADER.match(text) else "begin the diagram with stateDiagram-v2"
            self.problems.add(RULE, at, f"expected `stateDiagram-v2`, found `{shown(text)}`", advice)
            return None
        self.problems.add(RULE, self.at, "the diagram is empty", "begin it with stateDiagram-v2")
        return None

    def _read_line(self) -> None:
        self.line = self.lines[self.number].rstrip(" \t")
        self.column = 0
        try:
            self._guard()
            self._statements()
        except _Bad as bad:
            at = (self.first + self.number, bad.column + 1)
            self.problems.add(bad.rule, at, bad.message, bad.next)
            if self.line.endswith("{") and not self._is_comment():
                # The brace surely opens something; going on inside keeps its closing brace from being an error too.
                self._open(Ref(id="", at=at), None, at)

    def _is_comment(self) -> bool:
        return self.line.lstrip(" \t").startswith("%%")

    def _guard(self) -> None:
        """Refuse what Mermaid would see before it sees the statements."""
        if "%%{" in self.line:
            raise _Bad(self.line.index("%%{"), "directives %%{ … } are not part of a workflow's diagram")
        if self._is_comment():
            return
        if (hidden := _HIDDEN_DIRECTION.search(self.line)) and not _DIRECTION.match(self.line.lstrip(" \t")):
            text = f"Mermaid takes any line with `{hidden[0]}` for a direction"
            raise _Bad(hidden.start(), text, "write a direction on a line of its own, and in texts other words")
        if (ending := _DIRECTION_END.search(self.line)) and self.line.strip(" \t") != "direction":
            following = next(
                (x for x in self.lines[self.number + 1 :] if x.strip() and not x.lstrip().startswith("%%")), ""
            )
            if _DIRECTION_START.match(following):
                text = f"Mermaid joins this with the next line and takes it for a direction: `{shown(following)}`"
                raise _Bad(ending.start(), text, "put another statement between them")

    # ------------------------------------------------------------ a line's statements

    def _statements(self) -> None:
        """Statements of one line. A brace may share a line with one statement on either side."""
        after_statement = False
        while True:
            self._skip()
            spaced = self.column == 0 or self.line[self.column - 1] in " \t"
            rest = self.line[self.column :]
            if not rest:
                return
            if rest.startswith("%%"):
                if not spaced:
                    raise _Bad(self.column, "a comment needs a space before it")
                return
            if rest[0] == "}":
                if after_statement and not spaced:
                    raise _Bad(self.column, "Mermaid takes this `}` for a part of the id", "put a space before it")
                self._close_brace()
                after_statement = False
                continue
            if after_statement:
                raise _Bad(self.column, f"expected the end of the line, found `{shown(rest)}`", "one statement a line")
            after_statement = self._statement(rest)

    def _skip(self) -> None:
        match = _SPACE.match(self.line, self.column)
        self.column = match.end() if match else self.column

    def _here(self, column: int | None = None) -> At:
        return (self.first + self.number, (self.column if column is None else column) + 1)

    def _close_brace(self) -> None:
        if len(self.frames) == 1:
            raise _Bad(self.column, "this `}` closes nothing")
        self._close(self._here())
        self.column += 1

    def _close(self, end: At) -> None:
        frame = self.frames.pop()
        ref = frame.ref or Ref(id="")
        if ref.id:
            phase = Phase(ref=ref, title=frame.title, body=tuple(frame.body), at=frame.at, end=end)
            self.frames[-1].body.append(phase)

    def _open(self, ref: Ref, title: str | None, at: At) -> None:
        if len(self.frames) > MAX_DEPTH:
            # Read on as if it were open, so that braces still pair up; the phase is dropped on closing.
            self.problems.add(RULE, at, f"phases are nested more than {MAX_DEPTH} deep")
            ref = Ref(id="")
        self.mentioned.add(ref.id)
        self.frames.append(_Frame(ref, title, at))

    def _add(self, statement: Statement) -> None:
        self.frames[-1].body.append(statement)

    def _statement(self, rest: str) -> bool:
        """Read one statement. Returns whether something of it must be followed by the end of the line or a brace."""
        keyword = _KEYWORD.match(rest)
        if keyword:
            readers = {"state": self._state, "note": self._note, "direction": self._direction}
            return readers.get(keyword[1], self._styling)()
        if rest.startswith("{"):
            raise _Bad(self.column, "a `{` must stand on the line of its `state`", "write: state id {")
        if rest.startswith("-->"):
            raise _Bad(self.column, "a transition must begin with a state", "write: a --> b")
        if rest.startswith("--"):
            text = "concurrent regions (`--`) are not part of a workflow's diagram"
            raise _Bad(self.column, text, "use <<fork>> and <<join>>", "concurrency")
        if unsupported := _UNSUPPORTED.match(rest):
            raise _Bad(self.column, f"`{unsupported[1]}` is not part of a workflow's diagram")
        return self._transition_or_declaration()

    # ------------------------------------------------------------ states and transitions

    def _transition_or_declaration(self) -> bool:
        start = self.column
        source = self._ref("a state")
        self._skip()
        if self.line.startswith("-->", self.column):
            self.column += 3
            if self.line[self.column : self.column + 1] in ("-", ">"):
                raise _Bad(start, "an arrow is written -->")
            self._skip()
            target = self._ref("a state after -->")
            label, label_at = self._text("label")
            self._transition(
                Transition(source=source, target=target, label=label, at=self._here(start), label_at=label_at)
            )
            return True
        if self.line[self.column : self.column + 1] == "-":
            raise _Bad(self.column, "an arrow is written -->; an id holds letters, digits and _ only")
        if source.id == TERMINAL:
            raise _Bad(start, "`[*]` stands only at an end of an arrow", "write: [*] --> a")
        title, _ = self._text("description")
        self._add(Declaration(ref=source, title=title, at=self._here(start)))
        self.mentioned.add(source.id)
        return True

    def _transition(self, transition: Transition) -> None:
        self.transitions += 1
        if self.transitions == MAX_TRANSITIONS + 1:
            raise _Bad(self.column, f"a diagram has at most {MAX_TRANSITIONS} transitions", "", "diagram-too-large")
        if self.transitions <= MAX_TRANSITIONS:
            self.mentioned.update((transition.source.id, transition.target.id))
            self._add(transition)

    def _ref(self, wanted: str) -> Ref:
        at = self._here()
        if self.line.startswith(TERMINAL, self.column):
            self.column += 3
            return Ref(id=TERMINAL, at=at)
        name = self._id(wanted)
        style = ""
        if match := _STYLE_NAME.match(self.line, self.column):
            style = match[1]
            self.column = match.end()
        return Ref(id=name, style=style, at=at)

    def _id(self, wanted: str) -> str:
        match = _WORD.match(self.line, self.column)
        junk = _JUNK.match(self.line, self.column)
        name = match[0] if match else ""
        if not name:
            found = shown(self.line[self.column :]) or "the end of the line"
            raise _Bad(self.column, f"expected {wanted}, found `{found}`")
        end = self.column + len(name)
        if not _ID.match(name) or len(name) > MAX_ID:
            text = f"`{shown(name)}` is no id: it begins with a letter or _ and has at most {MAX_ID} characters"
            raise _Bad(self.column, text)
        if name.lower() in RESERVED:
            raise _Bad(self.column, f"`{name}` is a reserved word of Mermaid", "choose another id", "reserved-word")
        if junk and junk.end() > end and not self.line.startswith(("-->", "--"), end) and self.line[end] not in "<[":
            raise _Bad(end, f"`{shown(junk[0])}` is no id", "an id holds letters, digits and _ only")
        self.column = end
        return name

    def _text(self, what: str) -> tuple[str | None, At]:
        """`: text` up to the end of the line, or None when there is no colon here."""
        self._skip()
        if not self.line.startswith(":", self.column):
            return None, self._here()
        self.column += 1
        self._skip()
        text = self.line[self.column :]
        at = self._here()
        if not text:
            raise _Bad(self.column - 1, f"the {what} after `:` is missing")
        for character in ":;":
            if character in text:
                column = self.column + text.index(character)
                raise _Bad(column, f"a {what} may not hold `{character}`: Mermaid ends it there", "leave it out")
        if "%%" in text:
            raise _Bad(
                self.column + text.index("%%"),
                f"Mermaid takes this comment for a part of the {what}",
                "put the comment on a line of its own",
            )
        if what == "label" and (tag := _TAG_LIKE.search(text)):
            raise _Bad(self.column + tag.start(), "Mermaid takes this `<` for an HTML tag", "put a space behind it")
        self.column = len(self.line)
        return text, at

    def _state(self) -> bool:
        start = self.column
        self.column += len("state")
        self._skip()
        kinds = list(_PSEUDO.finditer(self.line, self.column))
        if kinds:
            return self._pseudo(start, kinds)
        if self.line.startswith('"', self.column):
            return self._titled(start)
        at = self._here()
        name = self._id("a state's id or a title in quotes")
        self._skip()
        if self.line.startswith(":", self.column):
            raise _Bad(self.column, "Mermaid does not read this after `state`", f"write: {name} : description")
        if not self.line.startswith("{", self.column):
            found = shown(self.line[self.column :])
            if found and not found.startswith("%%"):
                raise _Bad(self.column, f"expected `{{` after `state {name}`, found `{found}`")
            raise _Bad(
                start, f"Mermaid does not draw a bare `state {name}`", f"write `{name}` alone, or open it with {{"
            )
        self.column += 1
        self._open(Ref(id=name, at=at), None, self._here(start))
        return False

    def _pseudo(self, start: int, kinds: list[re.Match[str]]) -> bool:
        if len(kinds) > 1:
            raise _Bad(
                kinds[1].start(), f"Mermaid takes the last `{kinds[-1][0]}` of a `state` line", "write one of them"
            )
        at = self._here()
        name = self._id("a state's id")
        self._skip()
        exact = _PSEUDO_EXACT.match(self.line, self.column)
        if exact is None:
            found = shown(self.line[self.column :])
            raise _Bad(self.column, f"expected <<fork>>, <<join>> or <<choice>>, found `{found}`")
        self.column = exact.end()
        self.mentioned.add(name)
        self._add(Declaration(ref=Ref(id=name, at=at), kind=exact[1] or exact[2], at=self._here(start)))
        return True

    def _titled(self, start: int) -> bool:
        match = _TITLE.match(self.line, self.column)
        if match is None or not match[1].strip():
            raise _Bad(self.column, "expected a title in quotes and an id", 'write: state "title" as id')
        self.column = match.end()
        at = self._here()
        name = self._id("the state's id")
        self._skip()
        ref = Ref(id=name, at=at)
        if self.line.startswith("{", self.column):
            self.column += 1
            self._open(ref, match[1], self._here(start))
            return False
        rest = self.line[self.column :]
        if rest and (not rest.startswith("%%") or "{" in rest):
            raise _Bad(self.column, f"expected `{{` or the end of the line, found `{shown(rest)}`")
        self.mentioned.add(name)
        self._add(Declaration(ref=ref, title=match[1], quoted=True, at=self._here(start)))
        self.column = len(self.line)
        return True

    # ------------------------------------------------------------ notes, direction, styling

    def _note(self) -> bool:
        start = self.column
        match = _NOTE.match(self.line, self.column)
        if match is None:
            spelling = "a note is written `note right of id : text`, or over several lines up to `end note`"
            raise _Bad(self.column, spelling)
        self.column = match.end()
        at = self._here()
        name = self._id("a state's id")
        if name not in self.mentioned:
            raise _Bad(at[1] - 1, f"no state `{name}` is known up to here", "put the note after it", "unknown-step")
        ref = Ref(id=name, at=at)
        text, _ = self._text("note")
        if text is not None:
            self._add(Note(ref=ref, side=match[1], text=text, at=self._here(start)))
            return True
        self._skip()
        if self.line[self.column :]:
            raise _Bad(
                self.column, f"expected `: text` or the end of the line, found `{shown(self.line[self.column :])}`"
            )
        self._note_block(ref, match[1], start)
        return True

    def _note_block(self, ref: Ref, side: str, start: int) -> None:
        at = self._here(start)
        kept: list[str] = []
        if self.number >= self.endless:
            raise _Bad(start, "this note has no `end note`")
        for number in range(self.number + 1, len(self.lines)):
            ending = _END_NOTE.match(self.lines[number])
            if ending is None:
                kept.append(self.lines[number].strip(" \t"))
                continue
            opening = self.number
            self.number = number
            self.line = self.lines[number].rstrip(" \t")
            self.column = len(self.line)
            if ending[1].strip(" \t"):
                raise _Bad(ending.start(1), "`end note` must stand alone on its line")
            note = "\n".join(kept).strip("\n")
            for offset, line in enumerate(kept):
                if "%%{" in line:
                    self.number = opening + 1 + offset
                    raise _Bad(0, "directives %%{ … } are not part of a workflow's diagram")
            if note.startswith(":"):
                self.number = opening
                raise _Bad(start, "Mermaid takes a note that begins with `:` for a note of one line")
            self._add(Note(ref=ref, side=side, text=note, block=True, at=at))
            return
        # Nor has any note below, and each would look through all the lines again.
        self.endless = self.number
        raise _Bad(start, "this note has no `end note`")

    def _direction(self) -> bool:
        match = _DIRECTION.match(self.line, self.column)
        if match is None:
            raise _Bad(self.column, "a direction is one of TB, BT, LR, RL", "write: direction LR")
        self._add(Direction(value=match[1], at=self._here()))
        self.column = len(self.line)
        return True

    def _styling(self) -> bool:
        rest = self.line[self.column :]
        match = _CLASS_DEF.match(rest) or _CLASS.match(rest) or _STYLE.match(rest)
        if match is None:
            raise _Bad(self.column, f"`{shown(rest)}` is no classDef, class or style line that Mermaid reads")
        if "%%" in rest:
            raise _Bad(
                self.column + rest.index("%%"),
                "Mermaid takes this comment for a part of the style",
                "put the comment on a line of its own",
            )
        names: list[Ref] = []
        if not rest.startswith("classDef"):
            column = self.column + match.start(1)
            for word in _WORD.finditer(match[1]):
                names.append(Ref(id=word[0], at=self._here(column + word.start())))
        self._add(Styling(text=" ".join(rest.split()), names=tuple(names), at=self._here()))
        self.column = len(self.line)
        return True
