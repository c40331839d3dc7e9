"""What detection finds, and the repository as it looks at it.

Rules: detection is pure over a file reader, so that it works on a commit as on a directory; a file that can't be read
or parsed is a note, never an error; the size of what is read is bounded. Must not know: git, the machine that gates
run on.
"""

from __future__ import annotations

from msgspec import Struct

from andon.core.workflow import Report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

MAX_FILE_BYTES = 1024**2
MAX_FILES = 200_000

COUNTED = "tests > 0 && failed == 0 && skipped <= base.skipped && tests >= base.tests"
"""For a report whose test cases are counted: there are tests, none fails, none is newly skipped, none is gone."""
NO_WORSE = "exit <= 1 && report.findings <= base.report.findings"
"""For a checker whose findings are counted: no more than on the target branch, so no project must be clean to begin.
(Exit code 1 is that of findings, everything above that of a checker which did not do its work.)"""
FINDINGS = Report(format="json", path="findings.json")
SPOKE = "output_lines > 0"
"""For a command that always says something, so that one which did not run is not taken for one that passed."""
EXIT_ONLY = "exit == 0"
"""For a command that is silent when all is well: its exit code is all there is, and the workflow says so."""


class DetectedGate(Struct, frozen=True, kw_only=True):
    """A `run` gate for the repository's own command. why: one sentence for the workflow file: what was seen."""

    id: str
    run: str
    report: Report | None = None
    require: str | None = None
    why: str = ""


class Detected(Struct, frozen=True, kw_only=True):
    """What a repository's own files say about testing it.

    languages: most important first; empty when nothing was recognised. setup: shell commands that need the network.
    reuse: globs of the files that set-up depends on. path: directories to put before the default PATH (detection finds
    none; who knows the machine may add where `tools` are). tools: programs that set-up and gates expect on PATH.
    protect: globs of files that decide how tests run. notes: sentences for the person who reads the workflow.
    """

    languages: tuple[str, ...] = ()
    gates: tuple[DetectedGate, ...] = ()
    setup: tuple[str, ...] = ()
    reuse: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    protect: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()

    def gate(self, name: str) -> DetectedGate | None:
        """The gate with this id, None when there is none."""
        return next((gate for gate in self.gates if gate.id == name), None)


class Repository:
    """The files of a repository, or of a directory in it. Paths are relative, with '/'."""

    def __init__(self, read: Callable[[str], bytes | None], files: Iterable[str]) -> None:
        self._read = read
        self.files = sorted(files)
        self.names = frozenset(self.files)
        self.notes: list[str] = []

    def has(self, *paths: str) -> bool:
        """Whether any of these files is there."""
        return any(path in self.names for path in paths)

    def first(self, *paths: str) -> str | None:
        """The first of these files that is there."""
        return next((path for path in paths if path in self.names), None)

    def present(self, paths: Iterable[str]) -> list[str]:
        """Those of these files that are there."""
        return [path for path in paths if path in self.names]

    def at_root(self, suffix: str) -> list[str]:
        """Files at the top whose names end so."""
        return [path for path in self.files if "/" not in path and path.endswith(suffix)]

    def below(self, directory: str) -> list[str]:
        """All files below a directory."""
        return [path for path in self.files if path.startswith(directory + "/")]

    def text(self, path: str) -> str:
        """A file's text; "" when it is not there, too large, or not readable."""
        content = self._read(path) if path in self.names else None
        if content is None or len(content) > MAX_FILE_BYTES:
            return ""
        return content.decode("utf-8", errors="replace").removeprefix("\ufeff")

    def toml(self, path: str) -> dict[str, Any]:
        """A TOML file; {} (and a note) when it can't be parsed."""
        import tomllib

        try:
            return tomllib.loads(self.text(path))
        except (tomllib.TOMLDecodeError, RecursionError):
            self.notes.append(f"{path} is not valid TOML and was not taken into account.")
            return {}

    def json(self, path: str) -> dict[str, Any]:
        """A JSON object; {} (and a note) when it can't be parsed."""
        import json

        content = self.text(path)
        try:
            found = json.loads(content) if content.strip() else {}
        except (ValueError, RecursionError):
            self.notes.append(f"{path} is not valid JSON and was not taken into account.")
            return {}
        return found if isinstance(found, dict) else {}

    def ini(self, path: str) -> dict[str, dict[str, str]]:
        """An INI file by section; {} (and a note) when it can't be parsed."""
        import configparser

        parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
        try:
            parser.read_string(self.text(path))
        except configparser.Error:
            self.notes.append(f"{path} is not a valid INI file and was not taken into account.")
            return {}
        return {name: {key: value or "" for key, value in parser.items(name)} for name in parser.sections()}


class Part(Struct, frozen=True, kw_only=True):
    """What one language's detector found. The fields are those of `Detected`."""

    language: str
    gates: tuple[DetectedGate, ...] = ()
    setup: tuple[str, ...] = ()
    reuse: tuple[str, ...] = ()
    protect: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


def table(value: object, *keys: str) -> dict[str, Any]:
    """A table inside of a parsed file; {} wherever something else stands."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def strings(value: object) -> list[str]:
    """The strings of a list; [] for anything else."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def unique(items: Iterable[str]) -> tuple[str, ...]:
    """Without repetitions, in order."""
    return tuple(dict.fromkeys(items))


def keeping_status(command: str, then: str) -> str:
    """A command, then another that must run whatever the first one's exit code was, which is the one that counts."""
    return f"{command}; status=$?; {then}; exit $status"


def converted(command: str, program: str, target: str) -> str:
    """Run a command, show its output, and let an awk program turn it into a report; the command's exit code counts."""
    then = f'cat "$ANDON_OUT/log"; awk {program} "$ANDON_OUT/log" > "$ANDON_OUT/{target}"'
    return keeping_status(f'{command} > "$ANDON_OUT/log" 2>&1', then)


def counting_findings(command: str, rules: str) -> str:
    """A checker whose findings are counted from what it prints, into $ANDON_OUT/findings.json.

    rules: awk rules that set `seen` at the line by which the checker says that it has finished, and `n`. Without that
    line the report stays empty, so that a checker which crashed is never taken for one that found little.
    """
    return converted(command, f'\'{rules} END {{ if (seen) printf "{{\\"findings\\": %d}}", n }}\'', "findings.json")


def quoted(words: Sequence[str]) -> str:
    """Words for a shell."""
    import shlex

    return " ".join(shlex.quote(word) for word in words)
