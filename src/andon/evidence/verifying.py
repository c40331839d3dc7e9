"""Checking landed commits again, from their trailers and their evidence alone.

Theory of operation. The commit's trailer is the digest of its verdicts' file; the summary beside it names the commit, the
tree, the parent, the patch and the digest of every verdict's envelope; the signatures bind both to a key that the verifier
trusts. So a commit leads to its evidence, the evidence leads back to the commit, and what is in neither is not believed.
Needs a repository and keys; no database, no network, no workspace. Every problem names its exact part.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from andon.core.errors import AndonError
from andon.core.trailers import trailers
from andon.evidence import bringing, covering, entry
from andon.evidence.bindings import Facts, check_summary, check_verdicts
from andon.evidence.dsse import Broken
from andon.evidence.reading import SummaryStatement, VerdictStatement, open_statement
from andon.evidence.ring import seconds
from andon.evidence.trust import Problem, Trust, TrustedKey
from andon.ports import Git

MAX_COMMITS = 10_000
MAX_ANCESTORS = 1000
MAX_VERDICTS = 1000
MAX_PARENTS = 1000
OBJECT_ID = re.compile(rb"[0-9a-f]{40}|[0-9a-f]{64}")


class CheckedGate(Struct, frozen=True, kw_only=True):
    """A verdict that was read. people: who reviewed or approved."""

    gate: str
    outcome: str
    isolation: str = ""
    people: tuple[str, ...] = ()
    waived_by: str = ""
    why: str = ""


class Checked(Struct, frozen=True, kw_only=True):
    """What was found about one commit. managed: it carries a trailer of Andon's. key: that signed its evidence.

    merged, covers: what came along with it, as its evidence says. covered_by: the landed commit whose evidence names this
    one, which has none of its own. target: the branch, or the integration reference, that it landed on. apart: the landing
    that would let it in is not in what is verified.
    """

    commit: str
    managed: bool
    problems: tuple[Problem, ...] = ()
    task: str = ""
    run: str = ""
    evidence: str = ""
    key: str = ""
    line: str = ""
    at: str = ""
    gates: tuple[CheckedGate, ...] = ()
    authors: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
    covered_by: str = ""
    target: str = ""
    apart: bool = False


class Verifier:
    """Checks commits of one repository against what is trusted."""

    def __init__(self, git: Git, trust: Trust, references: Sequence[str]) -> None:
        self.git = git
        self.trust = trust
        self.references = references
        self._landed: dict[tuple[str, str], str] = {}
        self._checked: dict[str, Checked] = {}
        self._covered: dict[str, frozenset[str]] = {}
        self._parents: dict[str, tuple[str, ...]] = {}
        self.wanted: frozenset[str] = frozenset()

    def verify(self, commits: Sequence[str]) -> list[Checked]:
        """Everything about the commits of a history, which come with parents before their children."""
        self.wanted = frozenset(commits)
        return bringing.settle([self.check(commit) for commit in commits], self._parents)

    def covered(self, ref: str) -> frozenset[str]:
        """The paths on a reference that lead from commits without evidence of their own to the entry that names them."""
        if ref not in self._covered:
            self._covered[ref] = frozenset(path for _mode, _id, path in self.git.list_files(ref, entry.COVERED))
        return self._covered[ref]

    def check(self, commit: str) -> Checked:
        """What one commit and its evidence say. What the repository can't tell (a shallow clone) is a problem too."""
        if commit not in self._checked:
            try:
                self._checked[commit] = self._check(commit)
            except AndonError as error:
                problem = Problem(part="commit", message=f"{error.message} ({error.next})")
                self._checked[commit] = Checked(commit=commit, managed=True, problems=(problem,))
        return self._checked[commit]

    def _check(self, commit: str) -> Checked:
        content = self.git.commit_contents([commit])[commit]
        head = content.partition(b"\n\n")[0].split(b"\n")
        self._parents[commit] = _ids(head, b"parent ", most=len(head))
        marks = trailers(content)
        if not marks and entry.speaks_of_andon(content):
            problem = Problem(
                part="trailers", message="lines like Andon's trailers do not stand where trailers are read"
            )
            return Checked(commit=commit, managed=True, problems=(problem,))
        if not marks and (covered := covering.check(self, commit)) is not None:
            return covered
        if not marks:
            problem = Problem(part="trailers", message="it has no trailer of Andon's: it was not landed by Andon")
            return Checked(commit=commit, managed=False, problems=(problem,))
        problems = _trailer_problems(marks)
        if problems:
            return Checked(commit=commit, managed=True, problems=tuple(problems))
        task, run, evidence = (marks[name][0] for name in entry.NAMES)
        known = Checked(commit=commit, managed=True, task=task, run=run, evidence=evidence)
        facts = _facts(self.git, known, content)
        if not facts.parent or not facts.tree:
            text = "it has not exactly one tree and a parent, as every commit that Andon lands"
            return _with(known, [Problem(part="commit", message=text)])
        found = [self._check_entry(facts, known, ref, evidence) for ref in self.references]
        candidates = [checked for checked in found if checked is not None]
        if not candidates:
            text = f"no evidence {evidence} stands on a reference under {entry.REFS}"
            return _with(known, [Problem(part="trailer Andon-Evidence", message=text)])
        best = min(candidates, key=lambda checked: len(checked.problems))
        return self._once(best)

    def _once(self, checked: Checked) -> Checked:
        """One task is one commit: in each workspace, among the commits that are looked at."""
        if not checked.line:
            return checked
        other = self._landed.setdefault((checked.line, checked.task), checked.commit)
        if other == checked.commit:
            return checked
        text = f"task {checked.task} has landed before, as {other}"
        return _with(checked, [Problem(part="trailer Andon-Task", message=text)])

    def _check_entry(self, facts: Facts, known: Checked, ref: str, digest: str) -> Checked | None:
        """The evidence on one reference; None when there is nothing of it."""
        verdicts_part = f"{ref}:{entry.verdicts_path(digest)}"
        summary_part = f"{ref}:{entry.summary_path(digest)}"
        verdicts = self.git.read_file(ref, entry.verdicts_path(digest))
        summary = self.git.read_file(ref, entry.summary_path(digest))
        if verdicts is None and summary is None:
            return None
        problems: list[Problem] = []
        lines: list[bytes] = []
        opened: list[tuple[str, VerdictStatement, TrustedKey]] = []
        if verdicts is None:
            problems.append(Problem(part=verdicts_part, message="it is missing"))
        else:
            if (is_now := entry.digest_of(verdicts)) != digest:
                text = f"its digest is {is_now}; the commit's trailer names {digest}"
                problems.append(Problem(part=verdicts_part, message=text))
            lines = verdicts.split(b"\n")
            if lines.pop() != b"" or len(lines) > MAX_VERDICTS:
                problems.append(Problem(part=verdicts_part, message="it is cut off, or has too many lines"))
            opened = self._open_verdicts(verdicts_part, lines, problems)
        if summary is None:
            problems.append(Problem(part=summary_part, message="it is missing"))
            return _with(known, problems)
        try:
            statement, key = open_statement(summary, SummaryStatement, self.trust)
        except Broken as error:
            problems.append(Problem(part=f"{summary_part} {error.part}".strip(), message=error.message))
            return _with(known, problems)
        problems += self._key_problems(facts, statement, key, summary_part)
        problems += check_summary(facts, statement, lines, summary_part)
        workflow = statement.predicate.andon_landing.workflow
        content = self.git.read_file(ref, entry.workflow_path(workflow)) if entry.DIGEST.fullmatch(workflow) else None
        problems += check_verdicts(facts, statement, key, opened, (f"{ref}:{entry.workflow_path(workflow)}", content))
        return _read(known, statement, key, [verdict for _part, verdict, _key in opened], problems)

    def _open_verdicts(
        self, part: str, lines: list[bytes], problems: list[Problem]
    ) -> list[tuple[str, VerdictStatement, TrustedKey]]:
        opened = []
        for number, line in enumerate(lines, 1):
            where = f"{part} line {number}"
            try:
                statement, key = open_statement(line, VerdictStatement, self.trust)
            except Broken as error:
                problems.append(Problem(part=f"{where} {error.part}".strip(), message=error.message))
                continue
            opened.append((f"{where} (gate {statement.predicate.andon_verdict.gate})", statement, key))
        return opened

    def _key_problems(self, facts: Facts, statement: SummaryStatement, key: TrustedKey, part: str) -> list[Problem]:
        """A retired key's evidence is from its time: by what it says, and by what had landed before."""
        try:
            at = seconds(statement.predicate.time_verified)
        except Broken as error:
            return [Problem(part=f"{part} timeVerified", message=error.message)]
        if at < key.since or (key.until is not None and at > key.until):
            text = f"it was signed at {statement.predicate.time_verified} by {key.id}, which was not in use then"
            return [Problem(part=f"{part} signatures", message=text)]
        if key.until is None:
            return []
        later = self._later_ancestor(facts.commit, key)
        if later is None:
            return []
        text = f"it is signed by the retired key {key.id}, yet commit {later} before it is signed by a later key"
        return [Problem(part=f"{part} signatures", message=text)]

    def _later_ancestor(self, commit: str, key: TrustedKey) -> str | None:
        """The nearest ancestor with evidence of the same line, when a later key signed it."""
        ancestors = self.git.lineage(commit, limit=MAX_ANCESTORS)
        contents = self.git.commit_contents(ancestors)
        for ancestor in ancestors:
            for digest in trailers(contents[ancestor]).get("Andon-Evidence", []):
                other = self._signer_of(digest, ancestor)
                if other is not None and other.line == key.line:
                    return ancestor if other.position > key.position else None
        return None

    def _signer_of(self, digest: str, commit: str) -> TrustedKey | None:
        for ref in self.references if entry.DIGEST.fullmatch(digest) else ():
            summary = self.git.read_file(ref, entry.summary_path(digest))
            try:
                statement, key = open_statement(summary or b"", SummaryStatement, self.trust)
            except Broken:
                continue
            if any(subject.digest.get("gitCommit") == commit for subject in statement.subject):
                return key
        return None


def _trailer_problems(marks: dict[str, list[str]]) -> list[Problem]:
    problems = []
    for name in entry.NAMES:
        values = marks.get(name, [])
        if len(values) != 1:
            text = "it is missing" if not values else f"it stands there {len(values)} times"
            problems.append(Problem(part=f"trailer {name}", message=text))
        elif name == "Andon-Evidence" and not entry.DIGEST.fullmatch(values[0]):
            problems.append(Problem(part=f"trailer {name}", message=f"{values[0]!r} is not a digest"))
    problems += [
        Problem(part=f"trailer {name}", message="Andon writes no such trailer")
        for name in marks
        if name not in entry.NAMES
    ]
    return problems


def _facts(git: Git, known: Checked, content: bytes) -> Facts:
    """What the commit itself says, its patch counted anew."""
    head = content.partition(b"\n\n")[0].split(b"\n")
    parents, tree = _ids(head, b"parent "), "".join(_ids(head, b"tree ", most=1))
    parent = parents[0] if parents else ""
    author = next((line[7:].decode("utf-8", "surrogateescape") for line in head if line.startswith(b"author ")), "")
    name, _, rest = author.rpartition(" <")
    return Facts(
        commit=known.commit,
        content_sha256=entry.digest_of(content).removeprefix("sha256:"),
        parent=parent,
        merged=parents[1:],
        tree=tree,
        patch=git.patch_digest(parent, tree) if parent and tree else "",
        task=known.task,
        run=known.run,
        evidence=known.evidence,
        author=(name.strip(), rest.partition(">")[0]),
    )


def _ids(head: list[bytes], name: bytes, *, most: int = MAX_PARENTS) -> tuple[str, ...]:
    """The object ids in the header lines of a name; none when one of them is no id, or there are more than `most`."""
    found = [line.removeprefix(name) for line in head if line.startswith(name)]
    good = len(found) <= most and all(OBJECT_ID.fullmatch(one) for one in found)
    return tuple(one.decode() for one in found) if good else ()


def _with(checked: Checked, problems: list[Problem]) -> Checked:
    from msgspec.structs import replace

    changed: Checked = replace(checked, problems=(*checked.problems, *problems))
    return changed


def _read(
    known: Checked,
    statement: SummaryStatement,
    key: TrustedKey,
    verdicts: list[VerdictStatement],
    problems: list[Problem],
) -> Checked:
    sections = [verdict.predicate.andon_verdict for verdict in verdicts]
    return Checked(
        commit=known.commit,
        managed=True,
        problems=tuple(problems),
        task=known.task,
        run=known.run,
        evidence=known.evidence,
        key=key.id,
        line=key.line,
        at=statement.predicate.time_verified,
        target=statement.predicate.andon_landing.target,
        merged=statement.predicate.andon_landing.merged,
        covers=statement.predicate.andon_landing.covers,
        authors=statement.predicate.andon_landing.authors,
        gates=tuple(
            CheckedGate(
                gate=x.gate,
                outcome=x.outcome,
                isolation=x.isolation,
                people=x.people,
                waived_by=x.waived_by,
                why=x.why,
            )
            for x in sections
        ),
    )
