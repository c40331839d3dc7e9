"""The words of a text or a path, in one form: lower case, identifiers taken apart, endings cut.

Rules: the same cutting on both sides (messages and tasks, texts and paths) matters more than good English, so endings are cut
crudely; words that say nothing about a place are left out. Words of names are kept between plans: whoever changes how they are
made raises `names.VERSION`. Must not know: where the text is from.
"""

from __future__ import annotations

import re
from functools import lru_cache

MAX_TEXT_CHARS = 20_000
MAX_WORDS = 60
"""The first different words of a text that count."""
MIN_CHARS = 2
MAX_FORMS = 50_000
"""So many words' forms are remembered, since the same words come again and again."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_a-zA-Z]+")
_ENDINGS = ("ings", "ing", "ies", "ed", "es", "s")
_SILENT = frozenset(
    """a an and are as at be been by can could did do does done for from had has have he her his how i if in into is it its
    just may me more most must my no not now of off on once one only or other our out over own per she should so some such
    than that the their them then there these they this those to too two up use us very via was we were what when where which
    while who why will with would you your also add adds added make makes made new all any each every both let lets
    change changes changed fix fixes fixed update updates updated remove removes removed instead always never
    signed reviewed reported co authored""".split()  # noqa: SIM905
)


def words_of(text: str) -> list[str]:
    """The different words of a text, in the order in which they come; at most MAX_WORDS."""
    found: dict[str, None] = {}
    for part in _WORD.findall(text[:MAX_TEXT_CHARS]):
        word = _form(part)
        if word and word not in found:
            found[word] = None
            if len(found) == MAX_WORDS:
                break
    return list(found)


@lru_cache(maxsize=MAX_FORMS)
def _form(part: str) -> str:
    """The form of a word, "" for one that says nothing."""
    word = part.lower()
    if word in _SILENT:
        return ""
    word = stem(word)
    return word if len(word) >= MIN_CHARS else ""


def stem(word: str) -> str:
    """A word without its ending; at least four letters stay."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= (3 if ending == "s" else 4):
            if ending == "s" and word.endswith("ss"):
                return word
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word
