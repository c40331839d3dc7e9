"""The workspace that a repository belongs to, as its engine sees it: a second store, for what holds beyond the repository.

Theory of operation. Tasks, runs and gates never touch it. Learnings are read from it beside the repository's own, and
each is written to one of the two (`homes`). When it can't be used, reading goes on with what the repository knows and says
so once; only writing to it is refused, so that nobody believes a thing was recorded for all that was not (law 4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from andon.core import learning as k
from andon.core import reach
from andon.core.errors import EXIT_UNAVAILABLE, AndonError
from andon.core.registry import REGISTERED, Repository, stream_of
from andon.core.words import bm25, words_of
from andon.engine.services import Services
from andon.engine.transact import Engine
from andon.ports import Reader, Store

IDENTITY_SETTING = "workspace"
"""In a workspace's store: its identity. No repository's store has it."""


class Space:
    """One workspace, seen from one repository.

    name: of the repository there. path: of its git directory. look: raises AndonError where there is nothing to open.
    """

    def __init__(self, *, directory: str, name: str, path: str, engine: Engine, look: Callable[[], None]) -> None:
        self.directory = directory
        self.name = name
        self._path = path
        self._engine = engine
        self._look = look
        self._identity = ""

    @property
    def identity(self) -> str:
        """Raises AndonError when the workspace can't be used from here."""
        if not self._identity:
            self.look()
            with self._engine.store.read() as reader:
                self._identity = self._checked(reader)
        return self._identity

    @property
    def engine(self) -> Engine:
        """Raises AndonError when the workspace can't be used from here."""
        if not self.identity:
            raise unusable(f"{self.directory} holds no workspace", "andon repo remove")
        return self._engine

    @property
    def store(self) -> Store:
        return self.engine.store

    @property
    def places(self) -> tuple[str, str]:
        """What links may name that can be followed from here: the repository, and the workspace."""
        return self.name, self.identity

    def look(self) -> Store:
        """The store, whatever is in it. Raises AndonError where there is none."""
        self._look()
        return self._engine.store

    def _checked(self, reader: Reader) -> str:
        identity = reader.setting(IDENTITY_SETTING)
        if not identity:
            raise unusable(f"{self.directory} holds no workspace", "andon repo remove, or restore the workspace")
        loaded = reader.load(stream_of(self.name)) if self.name else None
        known = loaded.state if loaded is not None and isinstance(loaded.state, Repository) else None
        if known is None or known.status != REGISTERED:
            raise unusable(f"{self.name or 'this repository'} is not registered in {self.directory}", "andon repo add")
        if known.path != self._path:
            text = f"{self.name} is registered in {self.directory} as the repository at {known.path}"
            raise unusable(text, "andon repo add if it was moved; andon repo add --name OTHER if it is a copy")
        return identity


def unusable(text: str, following: str) -> AndonError:
    return AndonError(text, kind="workspace_unavailable", next=following, exit=EXIT_UNAVAILABLE)


# ---------------------------------------------------------------- for reading


def usable(services: Services) -> Space | None:
    """The workspace, if there is one that can be used now; what stands in the way is said once, and stops nothing."""
    if services.space_trouble:
        return None
    try:
        space = services.space
        if space is not None and space.identity:
            return space
    except (AndonError, OSError) as error:
        _left_out(services, error)
    return None


def _left_out(services: Services, error: AndonError | OSError) -> None:
    why = f"{error.message}; {error.next}" if isinstance(error, AndonError) else f"{error}; andon doctor"
    services.space_trouble = f"the workspace is left out: {why}"
    services.remarks.append(services.space_trouble)


def _shared(services: Services, status: str | None) -> list[k.Learning]:
    """The workspace's learnings as they are seen from here."""
    space = usable(services)
    if space is None:
        return []
    try:
        with space.store.read() as reader:
            return [reach.seen(x, space.places) for x in reader.learnings(status=status)]
    except (AndonError, OSError) as error:
        _left_out(services, error)
        return []


def repository_name(services: Services) -> str:
    """How this repository is called: its name in the workspace, else the directory's."""
    space = services.space
    if space is not None and space.name:
        return space.name
    place = services.git.main_worktree or services.git.common_dir
    name = place.rstrip("/").rpartition("/")[2]
    return name.removesuffix(".git") or name


def seen(services: Services, learning: k.Learning) -> k.Learning:
    """A learning of either store as it is seen from here. What stands in the repository's own is of this repository,
    whatever it was called when that was recorded."""
    space = usable(services)
    if space is not None:
        learning = reach.seen(learning, space.places)
    name = "" if reach.is_shared(learning.id) else repository_name(services)
    if name and learning.repository not in ("", name):
        learning = replace(learning, repository=name)
    return learning


def known(services: Services, reader: Reader, status: str | None) -> list[k.Learning]:
    """The learnings of both stores; reader: of the repository's. What the other store has superseded is active no more."""
    other = _shared(services, status)
    found = [*(seen(services, x) for x in reader.learnings(status=status)), *other]
    over = reach.half_superseded(found) if other and status == k.ACTIVE else {}
    return [x for x in found if x.id not in over] if over else found


def scores(
    services: Services, reader: Reader, words: Sequence[str], learnings: Sequence[k.Learning]
) -> dict[str, float]:
    """What full-text search gives for both stores. learnings: all active ones of both."""
    found = reader.search_learnings(words)
    space = usable(services)
    if space is None:
        return found
    try:
        with space.store.read() as other:
            more = other.search_learnings(words)
    except (AndonError, OSError) as error:
        _left_out(services, error)
        return found
    if not found or not more:
        return found or more
    # How rare a word is differs from store to store: what either finds is weighed as one collection.
    texts = {x.id: words_of(x.text) for x in learnings if x.id in found or x.id in more}
    return bm25(words, texts, total=len(learnings))
