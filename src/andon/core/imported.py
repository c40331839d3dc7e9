"""What another tool's file says of a task: the record between the files' readers and the engine, and what is kept of it.

Theory of operation. A reader makes `ForeignTask`s, and `Lost` for each thing that can't be carried over. Of each imported
task `Imported` is kept beside it: digests of the values as they were in the file, so that the next import can tell what
changed there from what was changed here. Pure; must not know any file format.
"""

from msgspec import Struct

from andon.core.digests import sha256

OPEN = "open"
HELD = "draft"
CLOSED = "closed"

FIELDS = ("title", "body", "acceptance", "scope", "priority", "workflow")
"""Values that one side changes at a time; labels and dependencies are merged as sets."""


class Imported(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The file's last word on a task. digests: by field. depends_on: sources of the dependencies that were carried over.

    state: open | draft | closed. raw: the record as it stood, for export to the same format; "" when none is kept.
    """

    digests: dict[str, str]
    labels: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    state: str = OPEN
    raw: str = ""


class ForeignTask(Struct, frozen=True, kw_only=True):
    """A task as a file has it. source: "TOOL:ID". place: where it stands, for people. depends_on: sources.

    priority None: the file says nothing. reason: why it is closed. keep: import it although it is closed.
    """

    source: str
    title: str
    place: str
    body: str = ""
    acceptance: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    priority: int | None = None
    labels: tuple[str, ...] = ()
    workflow: str = ""
    state: str = OPEN
    reason: str = ""
    raw: str = ""
    keep: bool = False


class Lost(Struct, frozen=True, kw_only=True):
    """One thing that was not carried over."""

    source: str
    field: str
    why: str


class ForeignTasks(Struct, frozen=True, kw_only=True):
    """All that a file or directory holds, in its order."""

    format: str
    tasks: tuple[ForeignTask, ...]
    lost: tuple[Lost, ...] = ()


def digest_of(value: object) -> str:
    """A short digest of a field's value: text, a number, None or a tuple of texts."""
    text = "\x1f".join(value) if isinstance(value, tuple) else str(value)
    digest: str = sha256(text.encode(errors="surrogatepass")).hexdigest()
    return digest[:16]


def digests_of(task: object) -> dict[str, str]:
    """Digests of the fields that are compared, of a task here or in a file (which may leave the priority open)."""
    return {name: digest_of(getattr(task, name)) for name in FIELDS}


def cycle_in(edges: dict[str, tuple[str, ...]]) -> list[str]:
    """A cycle among the edges, from a node back to it; empty when there is none. Without recursion."""
    state: dict[str, int] = {}
    for start in edges:
        if state.get(start):
            continue
        path: list[str] = []
        stack: list[tuple[str, int]] = [(start, 0)]
        while stack:
            node, index = stack.pop()
            if not index:
                state[node] = 1
                path.append(node)
            following = edges.get(node, ())
            if index == len(following):
                state[node] = 2
                path.pop()
                continue
            stack.append((node, index + 1))
            after = following[index]
            if state.get(after) == 1:
                return [*path[path.index(after) :], after]
            if not state.get(after):
                stack.append((after, 0))
    return []
