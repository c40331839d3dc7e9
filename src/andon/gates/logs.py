"""What of a log is worth reading: the lines that tell an agent what to fix, without all the others.

Rules. Text from a job never reaches a terminal raw: escape sequences, control characters and characters that reorder
text are taken out (`sanitize`). `useful` keeps failure names, assertion lines, tracebacks and compiler errors of the
common tools, bounded to a few KB; where nothing is recognized, the end of the log. Must not know which tool ran.
"""

from __future__ import annotations

import re

DETAIL_BYTES_MAX = 4096
LINE_CHARACTERS_MAX = 300
TAIL_LINES = 40
_SCANNED_LINES = 20_000
_GAP = "  …"

# Escape sequences: CSI, OSC (to BEL or ST), other strings, two-character ones, and CSI as one byte.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]?"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"
    r"|\x1b[ -/]*[0-~]?"
    r"|\x9b[0-?]*[ -/]*[@-~]"
)
# C0 but tab and newline, DEL, C1, and what reorders or hides text: bidirectional controls, zero width, tags.
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff\U000e0000-\U000e007f]"
)

_SUMMARY = re.compile(
    r"(?:FAILED|ERROR) \S|FAIL\s|--- FAIL|=+ .*(?:failed|error).* =+$|Tests?:\s.*fail|test result: FAILED"
)
"""Lines that name what failed; they come first."""

_STRONG = re.compile(
    "|".join(
        (
            # pytest
            r"E {2,}\S",
            r">  ",
            r"_{3,} .+ _{3,}$",
            r"(?:FAILED|ERROR) \S",
            r"\S+\.\w+:\d+: \S*(?:Error|Exception|Failed|Exit)",
            # unittest, Python tracebacks
            r"(?:FAIL|ERROR): ",
            r"Traceback \(most recent call last\)",
            r"\s+File \".*\", line \d+",
            r"[\w.]*(?:Error|Exception|Interrupt)\b",
            # Jest, Vitest, Mocha, TAP
            r"\s*● ",
            r"\s*[✕✗✖] ",
            r"\s*(?:Expected|Received)\b.*:",
            r"not ok\b",
            r"Bail out!",
            r"\s+\d+\) ",
            # Go
            r"\s*--- FAIL",
            r"\s+\S+\.go:\d+:",
            r"panic:",
            r"FAIL\t",
            # Rust
            r"error(?:\[E\d+\])?:",
            r"\s+--> \S+:\d+",
            r"thread '.*' panicked",
            r"test .* \.\.\. FAILED",
            # compilers and linters: path:line(:column): …, path(line,column): …
            r"[^\s:][^:\s]*:\d+(?::\d+)?:? .*(?:error|warning|\b[A-Z]{1,4}\d{2,5}\b)",
            r"\S+\(\d+(?:,\d+)?\): (?:error|warning)",
            r".*\berror TS\d+",
            # make, npm, Maven, shell, linkers
            r"make(?:\[\d+\])?: \*\*\*",
            r"npm (?:ERR!|error)",
            r"\[ERROR\]",
            r"\S*sh: .*(?:not found|[Pp]ermission denied)",
            r"ld: |collect2:",
        )
    )
)
_WEAK = re.compile(
    r"\b(?:error|fatal|failed|failure|exception|assert\w*|not found|cannot|undefined|refused|denied|killed"
    r"|traceback)\b",
    re.IGNORECASE,
)


def sanitize(data: bytes) -> str:
    """Text that is safe to show: no escape sequences, no control characters but tab and newline, nothing that reorders.

    A line drawn over with carriage returns (progress bars) is what was on it last.
    """
    text = data.decode("utf-8", errors="replace").replace("\r\n", "\n")
    text = _ESCAPES.sub("", text)
    if "\r" in text:
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return _CONTROLS.sub("", text)


def one_line(text: str, limit: int = LINE_CHARACTERS_MAX) -> str:
    """The text as one bounded, printable line."""
    line = " ".join(sanitize(text.encode("utf-8", errors="replace")).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def useful(text: str, limit: int = DETAIL_BYTES_MAX) -> str:
    """The useful lines of a sanitized log, in order, at most `limit` bytes."""
    lines = [_cut(line) for line in text.split("\n")[-_SCANNED_LINES:]]
    while lines and not lines[-1].strip():
        lines.pop()
    if sum(len(line.encode()) + 1 for line in lines) <= limit and len(lines) <= TAIL_LINES:
        return "\n".join(lines).strip("\n")
    first = [number for number, line in enumerate(lines) if _SUMMARY.match(line)]
    strong = [number for number, line in enumerate(lines) if _STRONG.match(line)]
    chosen = _take(lines, first, set(), limit // 2)
    chosen = _take(lines, _with_context(strong, lines), chosen, limit)
    if not strong and not first:
        chosen = _take(lines, [number for number, line in enumerate(lines) if _WEAK.search(line)], chosen, limit // 2)
        # What a tool says last is the best guess when its language is unknown.
        chosen = _take(lines, list(range(len(lines) - 1, max(-1, len(lines) - 1 - TAIL_LINES), -1)), chosen, limit)
    return _joined(lines, sorted(chosen))


def last_line(text: str) -> str:
    """The last line that says something."""
    return one_line(next((line for line in reversed(text.split("\n")) if line.strip()), ""), 200)


def _with_context(numbers: list[int], lines: list[str]) -> list[int]:
    """The lines and, after each, the source line that tracebacks and compilers show below it."""
    wanted: list[int] = []
    for number in numbers:
        wanted.append(number)
        after = number + 1
        if after < len(lines) and lines[after].startswith("    ") and lines[after].strip():
            wanted.append(after)
    return wanted


def _take(lines: list[str], numbers: list[int], chosen: set[int], limit: int) -> set[int]:
    size = sum(len(lines[number].encode()) + len(_GAP) + 2 for number in chosen)
    seen = {lines[number] for number in chosen}
    taken = set(chosen)
    for number in numbers:
        line = lines[number]
        if number in taken or not line.strip() or line in seen:
            continue
        size += len(line.encode()) + len(_GAP) + 2
        if size > limit:
            break
        taken.add(number)
        seen.add(line)
    return taken


def _joined(lines: list[str], numbers: list[int]) -> str:
    out: list[str] = []
    before = -1
    for number in numbers:
        if before >= 0 and number > before + 1:
            out.append(_GAP)
        out.append(lines[number])
        before = number
    return "\n".join(out)


def _cut(line: str) -> str:
    line = line.rstrip()
    return line if len(line) <= LINE_CHARACTERS_MAX else line[: LINE_CHARACTERS_MAX - 1] + "…"
