"""Full-text search of learnings in SQLite: FTS5 where this SQLite has it, else the same ranking over all of them.

Theory of operation. The index is no projection that law 9 speaks of but a copy of the column `learnings.words` for speed. It is
made with the first learning, since a migration that needs FTS5 would lock out a Python whose SQLite lacks it. A database may
travel to such a machine and back: each row says whether the index holds its words, and search trusts the index only when
no row says otherwise; `andon doctor --mend` writes it anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from andon.core.learning import ACTIVE
from andon.core.projection import Row
from andon.core.words import bm25

_MAKE = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS learning_words USING fts5(words, tokenize = 'unicode61 remove_diacritics 0')"
)

_known: dict[str, bool] = {}


class IndexWriter(Protocol):
    """What `put` needs of the writer, which imports this module."""

    def run(self, name: str, parameters: Mapping[str, Any]) -> object: ...
    def one(self, name: str, parameters: Mapping[str, Any]) -> tuple[Any, ...] | None: ...
    def execute(self, statement: str) -> None: ...


class IndexReader(Protocol):
    """What `search` needs of the reader."""

    def one(self, name: str, parameters: Mapping[str, Any]) -> tuple[Any, ...] | None: ...
    def all(self, name: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]: ...


def has_fts5(reader: IndexReader | IndexWriter) -> bool:
    """Whether this process's SQLite has FTS5."""
    if "fts5" not in _known:
        _known["fts5"] = reader.one("fts5_built_in", {}) is not None
    return _known["fts5"]


def search(reader: IndexReader, words: Sequence[str], limit: int) -> dict[str, float]:
    """Active learnings with one of the words, with their scores, the best ones."""
    if not words:
        return {}
    if has_fts5(reader) and reader.one("index_there", {}) and not reader.one("index_missing", {}):
        # Each word is a string of FTS5's own query language, so that none of them is an operator.
        query = " OR ".join('"' + word.replace('"', '""') + '"' for word in words)
        return {
            str(name): float(score) for name, score in reader.all("search_learnings", {"query": query, "limit": limit})
        }
    return plain_search(dict(reader.all("learning_texts", {})), words, limit)


def plain_search(texts: dict[str, str], words: Sequence[str], limit: int) -> dict[str, float]:
    """The same without an index."""
    scores = bm25(words, {name: text.split() for name, text in texts.items()})
    order = {name: index for index, name in enumerate(texts)}
    best = sorted(scores, key=lambda name: (-scores[name], order[name]))[:limit]
    return {name: scores[name] for name in best}


def put(writer: IndexWriter, row: Row, number: int) -> None:
    """Write a learning's row and its words in the index, where there can be one."""
    writer.run("put_learning", {**row, "number": number})
    if not has_fts5(writer):
        return
    if not writer.one("index_there", {}):
        writer.execute(_MAKE)
    writer.run("index_learning_drop", {"number": number})
    if row["status"] == ACTIVE:
        writer.run("index_learning_put", {"number": number, "words": row["words"]})
    writer.run("index_learning_done", {"id": row["id"]})
