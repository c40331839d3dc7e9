"""Commits of a branch that have no evidence of their own, and stand there since a landing brought them along.

Theory of operation. When children's commits land as their own, the commits that their integration reference began with come
along: what the parent had submitted by then. The parent's signed summary names them, and an entry by the commit's id
leads there. That entry is only a hint: what counts is that the landed commit is good in all that is checked of one, that its
summary names this commit, and that it was that landing which brought it in (`bringing`). Any other commit without evidence
is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from andon.evidence import entry
from andon.evidence.dsse import Broken
from andon.evidence.reading import SummaryStatement, open_statement
from andon.evidence.trust import Problem

if TYPE_CHECKING:
    from andon.evidence.verifying import Checked, Verifier


def check(verifier: Verifier, commit: str) -> Checked | None:
    """What evidence says of a commit that has none of its own; None when none names it."""
    found = [_on(verifier, ref, commit) for ref in verifier.references]
    named = [checked for checked in found if checked is not None]
    # Of several that name it, one that is part of what is verified counts.
    return min(named, key=lambda x: (len(x.problems), x.covered_by not in verifier.wanted)) if named else None


def _on(verifier: Verifier, ref: str, commit: str) -> Checked | None:
    """On one reference."""
    from andon.evidence.verifying import Checked

    path = entry.covered_path(commit)
    hint = verifier.git.read_file(ref, path) if path in verifier.covered(ref) else None
    part = f"{ref}:{path}"
    if hint is None:
        return None

    def refused(message: str) -> Checked:
        return Checked(commit=commit, managed=True, problems=(Problem(part=part, message=message),))

    digest = hint.decode("ascii", "replace")
    if not entry.DIGEST.fullmatch(digest):
        return refused("it is not the digest of a landing's verdicts")
    summary = verifier.git.read_file(ref, entry.summary_path(digest))
    try:
        statement, _key = open_statement(summary or b"", SummaryStatement, verifier.trust)
    except Broken as error:
        return refused(f"it leads to {entry.summary_path(digest)}: {f'{error.part} {error.message}'.strip()}")
    landed = next((x.digest.get("gitCommit", "") for x in statement.subject if x.name == "commit"), "")
    by = verifier.check(landed) if landed != commit else None
    if by is None or by.problems or by.evidence != digest:
        return refused(f"the landing that it leads to, {landed}, is not good itself")
    if commit not in by.covers:
        return refused(f"the landing that it leads to, {landed}, does not name this commit")
    return Checked(
        commit=commit,
        managed=True,
        task=by.task,
        run=by.run,
        key=by.key,
        line="",
        at=by.at,
        authors=by.authors,
        covered_by=landed,
    )


__all__ = ["check"]
