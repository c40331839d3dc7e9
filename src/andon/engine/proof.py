"""Evidence of landings: what the engine has signed, where it is kept until it is on its reference, and the workspace's keys.

Theory of operation. A landing's verdicts are signed before the commit is made, since the commit's trailer is their digest;
the summary names the commit. Both are stored in the transaction that prepares the landing, and stand on the evidence
reference before the branch moves; so no landed commit is without evidence, and what was lost from the reference can be
put there again. Without a key that can sign nothing is prepared (law 4), and the run stays ready to land.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from andon.core import state as s
from andon.core import workflow as w
from andon.core.errors import EXIT_USAGE, AndonError
from andon.core.gate_files import protected
from andon.core.judge import people_of
from andon.core.trailers import EVIDENCE, trailers
from andon.core.verdict import Submission, Verdict
from andon.engine.own_commits import Own
from andon.engine.services import Services
from andon.ports import EvidenceEntry, LandingFacts, Reader, SealedVerdicts, Writer

LINE = "evidence_line"
"""The setting that names the workspace's line of keys."""


class Proof(Struct, frozen=True, kw_only=True):
    """The signed evidence of one prepared landing."""

    digest: str
    verdicts: bytes
    summary: bytes


def ensure_keys(services: Services) -> str:
    """The workspace's line of keys, able to sign; made at the first call. Raises AndonError."""
    with services.store.read() as reader:
        known = reader.setting(LINE)
    line = services.evidence.ensure(known, services.clock.now())
    if known is None:
        services.engine.transact(lambda unit: unit.writer.put_setting(LINE, line))
    return line


def facts_of(
    workflow: w.Workflow,
    run: s.Run,
    step: str,
    what: Submission,
    verdicts: tuple[Verdict, ...],
    environment_digest: str,
    now: float,
    own: Own,
) -> LandingFacts:
    """All that is signed about a landing. own: children's commits that come along."""
    named = {verdict.gate: workflow.gates[verdict.gate] for verdict in verdicts if verdict.gate in workflow.gates}
    people = {name: people_of(gate, run, what, now) for name, gate in named.items()}
    return LandingFacts(
        task=run.task,
        run=run.id,
        step=step,
        target=run.target,
        head=what.base,
        tree=what.tree,
        patch=what.patch,
        workflow=run.workflow,
        workflow_name=run.workflow_name,
        definitions=run.definitions,
        gates={name: {"kind": gate.__struct_config__.tag} for name, gate in named.items()},
        environment_digest=environment_digest,
        authors=run.authors,
        people={name: names for name, names in people.items() if names},
        protected=protected(workflow),
        verdicts=verdicts,
        at=now,
        merged=own.parents,
        covers=own.covers,
    )


def put(writer: Writer, sealed: SealedVerdicts, summary: bytes) -> Proof:
    """Keep the evidence with the prepared landing, until it is on its reference and after."""
    writer.put_definition(sealed.digest, sealed.content)
    writer.put_definition(_summary_key(sealed.digest), summary)
    return Proof(digest=sealed.digest, verdicts=sealed.content, summary=summary)


def publish(services: Services, landings: Sequence[tuple[s.Run, Proof]]) -> None:
    """Put the evidence of landings on its reference; it is there, whole, when this returns."""
    entries = []
    with services.store.read() as reader:
        for run, proof in landings:
            workflow = reader.definition(run.workflow)
            if workflow is None:
                text = f"definition {run.workflow} is not in the store"
                raise AndonError(text, kind="corrupt", next="andon doctor", exit=6)
            pinned = (run.workflow, workflow)
            entries.append(
                EvidenceEntry(digest=proof.digest, verdicts=proof.verdicts, summary=proof.summary, workflow=pinned)
            )
    services.evidence.keep(entries, services.clock.now())


def settle(services: Services, run: s.Run, commit: str) -> None:
    """The evidence of a landing that a crash interrupted after the branch moved; stored again, which changes nothing."""
    proof = _kept(services, commit)
    if proof is not None:
        publish(services, [(run, proof)])


def _kept(services: Services, commit: str) -> Proof | None:
    """What the store holds of a commit's evidence."""
    content = services.git.commit_contents([commit])[commit]
    marks = trailers(content).get(EVIDENCE, [])
    with services.store.read() as reader:
        return _read(reader, marks[-1]) if marks else None


def _read(reader: Reader, digest: str) -> Proof | None:
    verdicts, summary = reader.definition(digest), reader.definition(_summary_key(digest))
    return Proof(digest=digest, verdicts=verdicts, summary=summary) if verdicts and summary else None


def _summary_key(digest: str) -> str:
    return f"{digest}/summary"


# ---------------------------------------------------------------- keys


def rotate(services: Services) -> dict[str, Any]:
    """Retire the present key and make another. The caller holds the lead's lock.

    Where the key ring is gone (or the workspace came from another machine without it) a new line of keys begins: who
    verifies must be given its key, since nothing leads there from the old one.
    """
    with services.store.read() as reader:
        known = reader.setting(LINE)
    if known is None:
        ensure_keys(services)
    now = services.clock.now()
    try:
        return key_named(services, services.evidence.rotate(now))
    except AndonError as error:
        if error.kind != "no_key":
            raise
    line = services.evidence.ensure(None, now)
    services.engine.transact(lambda unit: unit.writer.put_setting(LINE, line))
    return key_named(services, None)


def key_named(services: Services, name: str | None) -> dict[str, Any]:
    """The key with this id or the beginning of it; without a name the present one."""
    items = services.evidence.described()
    wanted = (name or str(items[-1]["id"])).removeprefix("sha256:")
    found = [item for item in items if wanted and str(item["id"]).removeprefix("sha256:").startswith(wanted)]
    if len(found) != 1:
        text = f"{len(found)} keys have an id that begins with {wanted}"
        raise AndonError(text, kind="unknown_key", next="andon key list", exit=EXIT_USAGE)
    return found[0]


# ---------------------------------------------------------------- doctor


def key_problem(services: Services) -> str | None:
    """What is wrong with the workspace's keys."""
    with services.store.read() as reader:
        line = reader.setting(LINE)
    return services.evidence.problem(line, services.clock.now())


def missing(services: Services, *, mend: bool) -> str | None:
    """Landed commits without evidence; with `mend`, what the store still holds is put on the reference again."""
    with services.store.read() as reader:
        rows = reader.runs(status=(s.RUN_ENDED,), limit=100_000)
    landed = {str(row["commit_id"]): str(row["id"]) for row in rows if row["commit_id"]}
    try:
        lacking = services.evidence.lacking(sorted(landed))
        if mend and lacking:
            for commit in lacking:
                with services.store.read() as reader:
                    loaded = reader.load(landed[commit])
                if loaded is not None and isinstance(loaded.state, s.Run):
                    settle(services, loaded.state, commit)
            lacking = services.evidence.lacking(sorted(landed))
    except AndonError as error:
        return error.message
    shown = ", ".join(f"{commit[:12]} ({landed[commit]})" for commit in lacking[:5])
    return f"{len(lacking)} landed commits lack evidence: {shown}" if lacking else None
