"""Text as words to search by, and BM25 over them: the same words whichever store searches.

Rules: lower case; identifiers are split where their case or a digit's side changes and at everything that is no letter or
digit; the plainest English endings are cut; the most frequent English words are left out. Pure and bounded.
Source of the ranking: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

MAX_WORDS = 4_000
"""Of one text; what comes after is not searched."""
MAX_QUERY_WORDS = 64
MAX_WORD_CHARS = 40
K1 = 1.2
B = 0.75

# Compiled when first used: most commands search nothing.
_WORD = r"[^\W_]+"
_HUMP = r"(?<=[a-z0-9])(?=[A-Z])"
_COMMON_TEXT = """
a about after all also an and any are as at be because been before but by can could did do does for from had has have how if
in into is it its may more must no not of on only or other our out over should so some such than that the their them then
there these they this to too under up use used uses using very was we were what when where which while who why will with
would you your
"""
_COMMON = frozenset(_COMMON_TEXT.split())


def words_of(text: str, *, limit: int = MAX_WORDS) -> list[str]:
    """The words of a text in order, with repetitions."""
    found: list[str] = []
    for match in re.finditer(_WORD, text):
        whole = match.group()
        parts = re.split(_HUMP, whole)
        for part in (*parts, whole) if len(parts) > 1 else parts:
            word = _plain(part.lower()[:MAX_WORD_CHARS])
            if len(word) > 1 and word not in _COMMON:
                found.append(word)
        if len(found) >= limit:
            return found[:limit]
    return found


def query_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Distinct words of some texts, the first ones first."""
    seen: dict[str, None] = {}
    for text in texts:
        for word in words_of(text):
            seen[word] = None
            if len(seen) >= MAX_QUERY_WORDS:
                return tuple(seen)
    return tuple(seen)


def _plain(word: str) -> str:
    """Without the plainest endings, so that `tests` finds `test`."""
    for ending, shortest in (("ings", 7), ("ing", 6), ("ies", 5), ("ed", 5), ("es", 6), ("s", 4)):
        if word.endswith(ending) and len(word) >= shortest and not word.endswith("ss"):
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word


def bm25(query: Sequence[str], documents: Mapping[str, Sequence[str]], total: int = 0) -> dict[str, float]:
    """The documents that hold a word of the query, with their scores, all above 0.

    total: how many documents there are, where only those that hold some word are handed in.
    """
    counts = {name: Counter(words) for name, words in documents.items()}
    if not counts:
        return {}
    total = max(total, len(counts))
    mean = sum(sum(count.values()) for count in counts.values()) / len(counts) or 1.0
    scores: dict[str, float] = {}
    for word in dict.fromkeys(query):
        holders = {name: count[word] for name, count in counts.items() if word in count}
        weight = math.log(1 + (total - len(holders) + 0.5) / (len(holders) + 0.5))
        for name, often in holders.items():
            length = sum(counts[name].values()) / mean
            scores[name] = scores.get(name, 0.0) + weight * often * (K1 + 1) / (often + K1 * (1 - B + B * length))
    return scores


def shared(query: Iterable[str], text: Iterable[str]) -> float:
    """Which part of a text's distinct words the query has, 0 to 1."""
    distinct = set(text)
    return len(distinct.intersection(query)) / len(distinct) if distinct else 0.0
