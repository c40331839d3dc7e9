"""What a repository says about testing itself: its test, lint, type and build commands as gates, and their set-up.

    found = detect(read, list_files)     # pure over a reader: a commit or a directory
    found.gates, found.setup, found.reuse, found.protect, found.notes

Rules: nothing is run and nothing fetched; a detector is a function from `Repository` to `Part`, one per build system;
a file that can't be parsed is a note. The top directory counts; when it holds no build system, its sub-directories
(two levels) do.
Must not know: workflow files (see `starters`), git, the machine.
"""

from __future__ import annotations

from msgspec.structs import replace

from andon.workflow.detect.compiled import (
    detect_cmake,
    detect_dotnet,
    detect_go,
    detect_gradle,
    detect_maven,
    detect_rust,
)
from andon.workflow.detect.javascript import detect_deno, detect_javascript
from andon.workflow.detect.makefile import detect_make
from andon.workflow.detect.python import detect_python
from andon.workflow.detect.records import (
    EXIT_ONLY,
    MAX_FILES,
    SPOKE,
    Detected,
    DetectedGate,
    Part,
    Repository,
    quoted,
    unique,
)
from andon.workflow.detect.scripting import detect_elixir, detect_php, detect_ruby

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Detected", "DetectedGate", "detect"]

DETECTORS = (
    detect_python,
    detect_rust,
    detect_go,
    detect_maven,
    detect_gradle,
    detect_dotnet,
    detect_javascript,
    detect_deno,
    detect_ruby,
    detect_php,
    detect_elixir,
    detect_cmake,
)
"""In the order of precedence: the first one's gates keep their short ids."""

MAX_SUBPROJECTS = 6
_SKIPPED = frozenset(
    {"node_modules", "vendor", "third_party", "examples", "example", "docs", "fixtures", "testdata", ".git"}
)


def detect(read: Callable[[str], bytes | None], list_files: Callable[[], Sequence[str]]) -> Detected:
    """Detect a repository's commands.

    read: a file's content by its path relative to the top, None when there is no such file. list_files: all tracked
    paths. Never raises for what the files hold.
    """
    files = [path for path in list(list_files())[:MAX_FILES] if path]
    repository = Repository(read, files)
    parts = _parts(repository)
    notes = list(repository.notes)
    if not any(part.gates for part in parts):
        for directory in _subprojects(repository):
            inner = Repository(_reader_below(read, directory), _files_below(files, directory))
            parts += [_moved(part, directory) for part in _parts(inner) if part.gates]
            notes += [f"{directory}/{note}" for note in inner.notes]
    return _together(parts, notes)


def _parts(repository: Repository) -> list[Part]:
    parts = [part for part in (detector(repository) for detector in DETECTORS) if part is not None]
    covered = frozenset(gate.id for part in parts for gate in part.gates)
    made = detect_make(repository, covered)
    return [*parts, made] if made is not None else parts


def _together(parts: list[Part], notes: list[str]) -> Detected:
    gates: list[DetectedGate] = []
    taken: set[str] = set()
    for part in parts:
        for gate in part.gates:
            name = gate.id
            if name in taken:
                name = f"{gate.id}_{part.language.replace('+', 'p')}"
            while name in taken:
                name += "_2"
            taken.add(name)
            gates.append(replace(gate, id=name))
    notes = [*notes, *(note for part in parts for note in part.notes), *_strict(gates)]
    return Detected(
        languages=unique(part.language for part in parts if part.language not in ("make", "just")),
        gates=tuple(gates),
        setup=unique(command for part in parts for command in part.setup),
        reuse=unique(glob for part in parts for glob in part.reuse if part.setup),
        protect=unique((".andon/**", *(glob for part in parts for glob in part.protect))),
        notes=unique(notes),
        tools=unique(tool for part in parts for tool in part.tools if part.gates),
    )


def _strict(gates: list[DetectedGate]) -> list[str]:
    """A note on checks that know nothing of the target branch."""
    names = [gate.id for gate in gates if gate.require in (EXIT_ONLY, SPOKE) and not gate.id.startswith("tests")]
    if not names:
        return []
    return [
        f"{', '.join(names)}: has to be green on the target branch already, or nothing can land; take it out of `done` "
        "and of the steps' `gates` where it is not."
    ]


# ---------------------------------------------------------------- projects in sub-directories


def _subprojects(repository: Repository) -> list[str]:
    """Directories up to two levels down that hold a build system's file; the innermost of nested ones are left out."""
    manifests = (
        "pyproject.toml",
        "setup.py",
        "package.json",
        "Cargo.toml",
        "go.mod",
        "pom.xml",
        "build.gradle",
        "build.gradle.kts",
        "Gemfile",
        "composer.json",
        "mix.exs",
        "deno.json",
        "CMakeLists.txt",
    )
    found: list[str] = []
    for path in sorted(repository.files, key=lambda item: (item.count("/"), item)):
        directory, _, name = path.rpartition("/")
        parts = directory.split("/")
        nested = any(directory == other or directory.startswith(other + "/") for other in found)
        if name in manifests and directory and len(parts) <= 2 and not nested and not _SKIPPED & set(parts):
            found.append(directory)
    return found[:MAX_SUBPROJECTS]


def _reader_below(read: Callable[[str], bytes | None], directory: str) -> Callable[[str], bytes | None]:
    return lambda path: read(f"{directory}/{path}")


def _files_below(files: Sequence[str], directory: str) -> list[str]:
    return [path[len(directory) + 1 :] for path in files if path.startswith(directory + "/")]


def _moved(part: Part, directory: str) -> Part:
    """The part of a project in a sub-directory, as seen from the top."""
    go = f"cd {quoted([directory])} && "
    gates = tuple(replace(gate, run=go + gate.run, why=f"{directory}/: {gate.why}") for gate in part.gates)
    return replace(
        part,
        gates=gates,
        setup=tuple(go + command for command in part.setup),
        reuse=tuple(f"{directory}/{glob}" for glob in part.reuse),
        protect=tuple(f"{directory}/{glob}" for glob in part.protect),
        notes=tuple(f"{directory}: {note}" for note in part.notes),
    )
