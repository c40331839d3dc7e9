"""The keeper of a workspace's evidence: signs what is about to land and stores it on the workspace's own reference.

Implements `andon.ports.Evidence`. Rules: nothing is signed with a key that is not as it should be; an entry is stored whole
(its workflow and the key ring with it) in one compare-and-swap; storing again what is there changes nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from andon.core.errors import EXIT_NO, AndonError, InvariantViolation
from andon.core.trailers import EVIDENCE, trailers
from andon.core.verdict import Verdict
from andon.evidence import dsse, entry
from andon.evidence.keys import KeyStore, Signer, check_clock
from andon.evidence.statements import summary_statement, verdict_statement
from andon.ports import EvidenceEntry, Git, LandingFacts, SealedVerdicts

MAX_LOG_BYTES = 64 * 1024**2


class EvidenceKeeper:
    """Over a repository and a workspace's state directory."""

    def __init__(self, git: Git, state_dir: str, version: str) -> None:
        self.git = git
        self.keys = KeyStore(state_dir)
        self.version = version

    # ------------------------------------------------------------ keys

    def ensure(self, line: str | None, now: float) -> str:
        """The workspace's line of keys, whose present key can sign. line: as recorded earlier; None makes the first key."""
        if line is None:
            self.keys.create(now)
        signer = self._signer(now)
        if line is not None and signer.ring.line != line:
            text = f"the key ring is of another line of keys: {signer.ring.line}, expected {line}"
            raise AndonError(text, kind="key_ring_broken", next="restore keys/ring.json", exit=EXIT_NO)
        return signer.ring.line

    def rotate(self, now: float) -> str:
        """Retire the present key; the id of the new one. The ring on the reference follows."""
        ring = self.keys.rotate(now)
        self.publish(now)
        return ring.current.id

    def publish(self, now: float) -> None:
        """Bring the ring on the reference up to date."""
        ring, data = self.keys.ring()
        self.git.add_files(entry.ref_of(ring.line), {entry.RING: data}, message="andon: key ring", at=now)

    def _signer(self, now: float) -> Signer:
        signer = self.keys.signer()
        check_clock(signer.ring, now)
        return signer

    # ------------------------------------------------------------ signing

    def seal(self, facts: LandingFacts) -> SealedVerdicts:
        """The signed verdicts, before there is a commit: their digest is the commit's trailer."""
        signer = self._signer(facts.at)
        lines = {
            verdict.gate: self._sign(signer, verdict_statement(verdict, facts, _log_digest(verdict)))
            for verdict in facts.verdicts
        }
        if len(lines) != len(facts.verdicts):
            raise InvariantViolation(f"run {facts.run} has two verdicts of one gate to land with")
        content = entry.join(list(lines.values()))
        inputs = {gate: entry.digest_of(line) for gate, line in lines.items()}
        return SealedVerdicts(facts=facts, content=content, digest=entry.digest_of(content), inputs=inputs)

    def summarise(self, sealed: SealedVerdicts, commit: str) -> bytes:
        """The signed verification summary of the commit."""
        facts = sealed.facts
        signer = self._signer(facts.at)
        statement = summary_statement(
            facts,
            commit=commit,
            content_sha256=entry.digest_of(self.git.commit_contents([commit])[commit]).removeprefix("sha256:"),
            evidence=sealed.digest,
            inputs=sealed.inputs,
            line=signer.ring.line,
            version=self.version,
        )
        return self._sign(signer, statement)

    def _sign(self, signer: Signer, statement: object) -> bytes:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        if not isinstance(signer.key, Ed25519PrivateKey):
            raise InvariantViolation("the signer's key is no ed25519 key")
        return dsse.sign(dsse.canonical(statement), dsse.STATEMENT, signer.key, signer.ring.current.id)

    # ------------------------------------------------------------ storing

    def keep(self, entries: Sequence[EvidenceEntry], now: float) -> None:
        """Store entries in one commit; they are on the reference, whole, when this returns."""
        ring, data = self.keys.ring()
        files = {entry.RING: data}
        for one in entries:
            if entry.digest_of(one.verdicts) != one.digest or entry.digest_of(one.workflow[1]) != one.workflow[0]:
                raise InvariantViolation(f"evidence {one.digest} is not what its digest says")
            files[entry.verdicts_path(one.digest)] = one.verdicts
            files[entry.summary_path(one.digest)] = one.summary
            files[entry.workflow_path(one.workflow[0])] = one.workflow[1]
            files.update({entry.covered_path(commit): one.digest.encode() for commit in _covers(one.summary)})
        message = f"andon: evidence {', '.join(one.digest for one in entries)}"
        self.git.add_files(entry.ref_of(ring.line), files, message=message, at=now)

    # ------------------------------------------------------------ looking

    def problem(self, line: str | None, now: float) -> str | None:
        """What is wrong with the keys, in words; None when they can sign. No key yet is no problem."""
        if line is None and not self.keys.exists():
            return None
        try:
            signer = self._signer(now)
        except AndonError as error:
            return f"{error.message} ({error.next})"
        if line is not None and signer.ring.line != line:
            return f"the key ring is of the line {signer.ring.line}, expected {line}"
        if left_over := self.keys.left_over(signer.ring):
            return f"private keys that sign nothing are left over (rm {' '.join(left_over)})"
        return None

    def lacking(self, commits: list[str]) -> list[str]:
        """Those of the commits for which no evidence is stored. Whether the evidence is good is for `andon verify`."""
        stored = {
            f"sha256:{path.split('/')[1]}{path.split('/')[2]}": ref
            for ref in self.git.refs(entry.REFS)
            for _mode, _oid, path in self.git.list_files(ref, "landed")
            if path.endswith("/summary.json")
        }
        contents = self.git.commit_contents(commits)
        found = []
        for commit in commits:
            digest = next((x for x in trailers(contents[commit]).get(EVIDENCE, []) if x in stored), "")
            alone = contents[commit].partition(b"\n\n")[0].count(b"\nparent ") < 2
            if not digest or not (alone or self._leads_back(stored[digest], digest)):
                found.append(commit)
        return found

    def _leads_back(self, ref: str, digest: str) -> bool:
        """Whether the commits without evidence of their own that came along lead to the entry that names them."""
        try:
            covers = _covers(self.git.read_file(ref, entry.summary_path(digest)) or b"")
        except (dsse.Broken, ValueError, KeyError, TypeError):
            # Whether it is good is for `andon verify`.
            return True
        return all(self.git.read_file(ref, entry.covered_path(commit)) for commit in covers)

    def described(self) -> list[dict[str, object]]:
        """The keys of the ring, oldest first."""
        ring, _data = self.keys.ring()
        return [
            {
                "id": key.id,
                "from": key.since,
                "until": key.until or None,
                "state": "current" if key is ring.current else "retired",
                "public": key.public,
            }
            for key in ring.keys
        ]


def _covers(summary: bytes) -> list[str]:
    """The commits without evidence of their own that a summary of ours names."""
    landing = json.loads(dsse.read(summary)[1])["predicate"]["andon_landing"]
    return [str(commit) for commit in landing.get("covers", ())]


def _log_digest(verdict: Verdict) -> str:
    """The digest of a verdict's log on this machine, "" where there is none any more."""
    if not verdict.log or not os.path.isabs(verdict.log):
        return ""
    try:
        with open(verdict.log, "rb") as file:
            data = file.read(MAX_LOG_BYTES + 1)
    except OSError:
        return ""
    return entry.digest_of(data) if len(data) <= MAX_LOG_BYTES else ""
