"""A workflow file in its parts: front matter, the one state diagram, and a section per step.

Rules: exactly one `stateDiagram-v2` block; `## step_id` opens a step's section, whose single `yaml` block holds the
options and whose other text is the brief; a second-level heading of several words is documentation. All places are
those of the original file. Must not know: what options mean, or which steps exist.
"""

from __future__ import annotations

import re

from msgspec import Struct

from andon.workflow import markdown, yaml_tree
from andon.workflow.markdown import Block, Document, Fence, Heading
from andon.workflow.problems import At, Collector, shown

MAX_CHARACTERS = 400_000

ID = re.compile(r"[A-Za-z_][A-Za-z0-9_]*$")
_TICKS = re.compile(r"`([^`]+)`$")
_DIAGRAM = re.compile(r"\s*(stateDiagram(?:-v2)?)(?![\w-])")
_COMMENT_LINE = re.compile(r"\s*(?:%%|$)")

# Characters that make a file look other than it is read: controls, line breaks that only some tools honour, marks that
# reorder text, and halves of surrogate pairs.
_BAD = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)
_MAX_BAD = 20


class Section(Struct, frozen=True, kw_only=True):
    """A step's section. at: where its id stands. options: the yaml block, None without one. brief: the prose."""

    id: str
    at: At
    options: yaml_tree.Node | None
    options_at: At
    brief: str


class Source(Struct, frozen=True, kw_only=True):
    """A file in its parts, still unread. A missing part is None; why is among the problems."""

    lines: tuple[str, ...]
    front: yaml_tree.Node | None
    diagram: Block | None
    sections: tuple[Section, ...]


def read(text: str, lines: tuple[str, ...], problems: Collector) -> Source:
    """Split a file. Never raises for what the text holds."""
    if len(text) > MAX_CHARACTERS:
        problems.add("file-too-large", (1, 1), f"a workflow file has at most {MAX_CHARACTERS} characters")
        return Source(lines=lines, front=None, diagram=None, sections=())
    if _bad_characters(lines, problems):
        return Source(lines=lines, front=None, diagram=None, sections=())
    document = markdown.read(lines, problems)
    front = yaml_tree.read(document.front, problems) if document.front else None
    diagram = _diagram(document, problems)
    return Source(lines=lines, front=front, diagram=diagram, sections=_sections(document, problems))


def _bad_characters(lines: tuple[str, ...], problems: Collector) -> bool:
    found = 0
    for number, line in enumerate(lines, start=1):
        for match in _BAD.finditer(line):
            found += 1
            code = ord(match[0])
            problems.add("bad-character", (number, match.start() + 1), f"the character U+{code:04X} is not allowed")
            if found >= _MAX_BAD:
                return True
    return found > 0


# ---------------------------------------------------------------- the diagram


def _diagram(document: Document, problems: Collector) -> Block | None:
    blocks = [item.block for item in document.items if isinstance(item, Fence) and item.info == "mermaid"]
    states = [block for block in blocks if _first_word(block)]
    for extra in states[1:]:
        first = states[0].at[0]
        message = f"the file has a second state diagram; the first begins on line {first}"
        problems.add("diagram-count", extra.at, message, "keep one: the diagram is the program")
    if states:
        return states[0]
    at = blocks[0].at if blocks else (len(document.lines), 1)
    advice = "add a ```mermaid block that begins with stateDiagram-v2"
    problems.add("diagram-count", at, "the file has no Mermaid state diagram", advice)
    return None


def _first_word(block: Block) -> str:
    for line in block.text.split("\n"):
        if match := _DIAGRAM.match(line):
            return match[1]
        if not _COMMENT_LINE.match(line):
            return ""
    return ""


# ---------------------------------------------------------------- sections


def _sections(document: Document, problems: Collector) -> tuple[Section, ...]:
    sections: dict[str, Section] = {}
    items = document.items
    for index, item in enumerate(items):
        if not isinstance(item, Heading) or item.level != 2:
            continue
        after = next((n for n in range(index + 1, len(items)) if _ends_section(items[n])), len(items))
        inside = items[index + 1 : after]
        following = items[after] if after < len(items) else None
        last = following.at[0] - 1 if isinstance(following, Heading) else len(document.lines)
        section = _section(document, item, inside, last, problems)
        if section is None:
            continue
        if section.id in sections:
            line = sections[section.id].at[0]
            message = f"`{section.id}` has a section already, on line {line}"
            problems.add("duplicate-section", section.at, message, "keep one")
            continue
        sections[section.id] = section
    return tuple(sections.values())


def _ends_section(item: Fence | Heading) -> bool:
    return isinstance(item, Heading) and item.level <= 2


def _section(
    document: Document, heading: Heading, inside: tuple[Fence | Heading, ...], last: int, problems: Collector
) -> Section | None:
    ticks = _TICKS.match(heading.text)
    name = ticks[1].strip() if ticks else heading.text
    at = (heading.at[0], heading.at[1] + (1 if ticks else 0))
    options = [item for item in inside if isinstance(item, Fence) and item.info in ("yaml", "yml")]
    if not ID.match(name):
        if options:
            message = f"the heading `{shown(heading.text)}` is not a step's id, so these options belong to no step"
            problems.add("unknown-step", options[0].block.at, message, "name the step: ## step_id")
        elif len(name.split()) == 1:
            problems.add("unknown-step", at, f"`{shown(name)}` is not a step's id", "name the step: ## step_id")
        return None
    for extra in options[1:]:
        message = f"step `{name}` has a second yaml block; its options begin on line {options[0].block.at[0]}"
        problems.add("options-count", extra.block.at, message, "merge them, or mark an example as ```text")
    node = yaml_tree.read(options[0].block, problems) if options else None
    return Section(
        id=name,
        at=at,
        options=node,
        options_at=options[0].block.at if options else at,
        brief=_brief(document, heading.at[0], last, options[:1]),
    )


def _brief(document: Document, heading: int, last: int, leave_out: list[Fence]) -> str:
    hidden: set[int] = set()
    for fence in leave_out:
        hidden.update(range(fence.block.at[0], fence.end + 1))
    kept = [document.lines[n - 1].rstrip() for n in range(heading + 1, last + 1) if n not in hidden]
    return "\n".join(kept).strip("\n")
