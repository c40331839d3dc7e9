"""Which gates hold: verdicts of a run on a subject, from what was measured and what people and agents recorded.

Rules (laws 1 to 4): a measured verdict counts only for the same subject, gate definition and environment; a review,
an approval and a waiver count only for the very change they were given for; the author's own word never counts;
what is missing is `pending` or `unmeasured`, never open. Must not know: how gates are carried out.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from andon.core import machines
from andon.core import state as s
from andon.core import verdict as v
from andon.core import workflow as w
from andon.core.verdict import Submission, Verdict

VERIFIER = "andon/core"
WORK_DIGEST = w.digest_of({"work": 1})


def subject_of(gate: w.Gate, submission: Submission) -> str:
    """The subject that a gate's verdict is bound to: the tree, or the change (law 2)."""
    return submission.tree_subject if isinstance(gate, w.TREE_GATES) else submission.patch


def gates_to_measure(workflow: w.Workflow, ids: Sequence[str]) -> list[w.Gate]:
    """Those gates that the verifier has to carry out; the others are judged from the run's own records."""
    return [gate for gate in map(workflow.gates.get, ids) if isinstance(gate, w.RunGate | w.DiffGate | w.ArtifactGate)]


def judge(
    workflow: w.Workflow,
    run: s.Run,
    ids: Sequence[str],
    submission: Submission,
    measured: Sequence[Verdict],
    environment_digest: str,
    now: float,
) -> tuple[Verdict, ...]:
    """One verdict for each gate id, in order. measured: from this evaluation; older ones come from the run."""
    return tuple(
        _judge_gate(workflow, run, name, submission, measured, environment_digest, now) for name in dict.fromkeys(ids)
    )


def _judge_gate(
    workflow: w.Workflow,
    run: s.Run,
    name: str,
    submission: Submission,
    measured: Sequence[Verdict],
    environment_digest: str,
    now: float,
) -> Verdict:
    gate = workflow.gates.get(name)
    if gate is None:
        return _verdict(name, "sha256:unknown", submission.patch, v.UNMEASURED, f"no gate {name} is defined", now)
    verdict = _unwaived(gate, run, submission, measured, environment_digest, now)
    if verdict.opens:
        return verdict
    waived = _or_waiver(replace(verdict, subject=submission.patch), run, now, _tree_of(gate, submission))
    return waived if waived.opens else verdict


def _tree_of(gate: w.Gate, submission: Submission) -> str | None:
    """The tree that a waiver must have been given for; None for gates on the change."""
    return submission.tree if isinstance(gate, w.TREE_GATES) else None


def _unwaived(
    gate: w.Gate,
    run: s.Run,
    submission: Submission,
    measured: Sequence[Verdict],
    environment_digest: str,
    now: float,
) -> Verdict:
    if isinstance(gate, w.ReviewGate):
        return _review(gate, run, submission, now)
    if isinstance(gate, w.ApprovalGate):
        return _approval(gate, run, submission, now)
    if isinstance(gate, w.SignalGate):
        return _signal(gate, run, submission, now)
    if isinstance(gate, w.PolicyGate):
        return _verdict(
            gate.id, w.gate_digest(gate), submission.patch, v.UNMEASURED, "policy gates are not carried out yet", now
        )
    return _measured(gate, run, submission, measured, environment_digest, now)


def _measured(
    gate: w.Gate,
    run: s.Run,
    submission: Submission,
    measured: Sequence[Verdict],
    environment_digest: str,
    now: float,
) -> Verdict:
    """The measured verdict with the same binding: subject, gate digest, environment digest (law 2)."""
    digest = w.gate_digest(gate)
    subject = subject_of(gate, submission)
    earlier = run.verdicts.get(s.verdict_key(gate.id, subject, digest))
    for verdict in (*measured, *((earlier,) if earlier is not None else ())):
        if verdict.gate != gate.id or verdict.subject != subject or verdict.gate_digest != digest:
            continue
        if isinstance(gate, w.RunGate) and verdict.environment_digest != environment_digest:
            continue
        found: Verdict = verdict
        if found.flaky and isinstance(gate, w.RunGate) and gate.flaky == w.FLAKY_REFUSE:
            text = f"passed only when it was measured again, which this gate refuses: {found.summary}"
            found = replace(found, outcome=v.FAILED, summary=text)
        return found
    return _verdict(gate.id, digest, subject, v.UNMEASURED, "never measured on this content", now)


def _review(gate: w.ReviewGate, run: s.Run, submission: Submission, now: float) -> Verdict:
    """The latest review of each agent other than the authors counts; one that does not approve keeps the gate red."""
    latest, stale = _latest_reviews(gate, run, submission)
    digest, subject = w.gate_digest(gate), submission.patch
    against = [review for review in latest.values() if not review.approves]
    held = open_findings(run, gate.role)
    findings = tuple(finding for review in latest.values() for finding in review.findings)
    findings = tuple(dict.fromkeys((*findings, *(x.finding for x in held))))
    if against or held:
        text = "; ".join(f"{review.agent}: {review.message or _first_finding(review)}" for review in against)
        parts = [f"not approved by {text}"] if text else []
        parts += [f"open blocking findings: {'; '.join(map(described, held))}"] if held else []
        verdict = _verdict(gate.id, digest, subject, v.FAILED, "; ".join(parts), now)
    elif len(latest) >= gate.count:
        verdict = _verdict(gate.id, digest, subject, v.PASSED, f"reviewed by {', '.join(sorted(latest))}", now)
    else:
        wanted = f"{len(latest)} of {gate.count} reviews by role {gate.role}"
        wanted += "".join(f"; {why}" for why in _not_counted(gate, run, submission))
        older = "; a review of an earlier change does not count" if stale else ""
        verdict = _verdict(gate.id, digest, subject, v.PENDING, wanted + older, now)
    judged: Verdict = replace(verdict, findings=findings)
    return judged


def _latest_reviews(gate: w.ReviewGate, run: s.Run, submission: Submission) -> tuple[dict[str, s.Review], bool]:
    """The latest review of this change by each entitled agent; and whether there are reviews of an earlier one."""
    latest: dict[str, s.Review] = {}
    stale = False
    for review in run.reviews:
        if review.role != gate.role or review.agent in run.authors:
            continue
        if review.approves and machines.refusal(gate, run, review.agent):
            continue
        if review.patch == submission.patch:
            latest[review.agent] = review
        else:
            stale = True
    return latest, stale


def _not_counted(gate: w.ReviewGate, run: s.Run, submission: Submission) -> list[str]:
    """Why approving reviews of this very change do not count: what their reviewers are made of."""
    agents = {x.agent: None for x in run.reviews if x.role == gate.role and x.patch == submission.patch and x.approves}
    return [why for agent in agents if agent not in run.authors and (why := machines.refusal(gate, run, agent))]


def open_findings(run: s.Run, role: str) -> tuple[s.RaisedFinding, ...]:
    """Findings that keep the review gates of a role closed, whatever change they were raised on."""
    return tuple(x for x in run.findings if x.holds and x.role == role)


def described(found: s.RaisedFinding) -> str:
    """A finding in one line."""
    finding = found.finding
    where = f"{finding.place}: " if finding.path else ""
    return f"{found.id} ({found.agent}) {where}{finding.message.splitlines()[0] if finding.message else ''}"


def _first_finding(review: s.Review) -> str:
    return review.findings[0].message if review.findings else "no reason given"


def is_author(run: s.Run, names: Sequence[str]) -> bool:
    """Whether any of a person's names is among the run's authors."""
    return any(name in run.authors for name in names)


def _approval(gate: w.ApprovalGate, run: s.Run, submission: Submission, now: float) -> Verdict:
    latest, entitled, fresh = _latest_approvals(gate, run, submission, now)
    digest, subject = w.gate_digest(gate), submission.patch
    against = [approval for approval in latest.values() if not approval.approves]
    if against:
        return _verdict(gate.id, digest, subject, v.FAILED, f"rejected by {against[0].person}", now)
    if len(fresh) >= gate.count:
        people = ", ".join(sorted(approval.person for approval in fresh))
        return _verdict(gate.id, digest, subject, v.PASSED, f"approved by {people}", now)
    expired = len(entitled) - len(fresh)
    text = f"{len(fresh)} of {gate.count} approvals" + (f"; {expired} expired" if expired else "")
    return _verdict(gate.id, digest, subject, v.PENDING, text, now)


def _latest_approvals(
    gate: w.ApprovalGate, run: s.Run, submission: Submission, now: float
) -> tuple[dict[str, s.Approval], list[s.Approval], list[s.Approval]]:
    """Each person's latest word on this change; those who may approve and did; those of them that have not expired."""
    latest: dict[str, s.Approval] = {}
    for approval in run.approvals:
        if approval.patch == submission.patch and approval.person not in run.authors:
            latest[approval.person] = approval
    entitled = [a for a in latest.values() if a.approves and (not gate.by or a.person in gate.by)]
    return latest, entitled, [a for a in entitled if gate.expires_s is None or now - a.at <= gate.expires_s]


def people_of(gate: w.Gate, run: s.Run, submission: Submission, now: float) -> tuple[str, ...]:
    """Who opens a review or an approval gate for this change; nobody for gates of other kinds."""
    if isinstance(gate, w.ReviewGate):
        latest, _stale = _latest_reviews(gate, run, submission)
        return tuple(sorted(agent for agent, review in latest.items() if review.approves))
    if isinstance(gate, w.ApprovalGate):
        return tuple(sorted(approval.person for approval in _latest_approvals(gate, run, submission, now)[2]))
    return ()


def _signal(gate: w.SignalGate, run: s.Run, submission: Submission, now: float) -> Verdict:
    digest, subject = w.gate_digest(gate), submission.tree_subject
    for signal in reversed(run.signals):
        if signal.name != gate.name or signal.tree != submission.tree or (gate.by and signal.by not in gate.by):
            continue
        if gate.expires_s is not None and now - signal.at > gate.expires_s:
            return _verdict(gate.id, digest, subject, v.PENDING, f"signal {gate.name} has expired", now)
        outcome = v.PASSED if signal.outcome == v.PASSED else v.FAILED
        return _verdict(gate.id, digest, subject, outcome, f"signal {gate.name} from {signal.by}", now)
    return _verdict(gate.id, digest, subject, v.PENDING, f"no signal {gate.name} for this tree yet", now)


def _verdict(gate: str, digest: str, subject: str, outcome: str, summary: str, now: float) -> Verdict:
    return Verdict(
        gate=gate, outcome=outcome, summary=summary, subject=subject, gate_digest=digest, verifier=VERIFIER, at=now
    )


def work_verdict(step: s.ActiveStep, submission: Submission, now: float) -> Verdict:
    """The built-in gate `work`: success without a change is not success."""
    digest = WORK_DIGEST
    if submission.tree == submission.base_tree or submission.tree == step.base_tree:
        text = "nothing was changed: the working tree equals its base"
        return _verdict(v.EMPTY_GATE, digest, submission.patch, v.FAILED, text, now)
    if step.entry_patch and submission.patch == step.entry_patch:
        text = "nothing was changed since this work was sent back"
        return _verdict(v.EMPTY_GATE, digest, submission.patch, v.FAILED, text, now)
    return _verdict(v.EMPTY_GATE, digest, submission.patch, v.PASSED, "the step changed something", now)


def protect_digest(workflow: w.Workflow) -> str:
    """The definition of the built-in gate `protect`: the author's globs and what the gates' commands read."""
    from andon.core.gate_files import protected

    return w.digest_of({"protect": protected(workflow)})


def builtin_verdicts(
    workflow: w.Workflow,
    run: s.Run,
    step: s.ActiveStep | None,
    submission: Submission,
    measured: Sequence[Verdict],
    now: float,
) -> tuple[Verdict, ...]:
    """`protect` (as measured), and for a step that must change something `work`; a person may waive either."""
    digest = protect_digest(workflow)
    found = [x for x in measured if x.gate == v.PROTECT_GATE and x.subject == submission.patch]
    missing = _verdict(
        v.PROTECT_GATE, digest, submission.patch, v.UNMEASURED, "protected paths were not compared with the base", now
    )
    verdicts = [replace(found[0], gate_digest=digest) if found else missing]
    if step is not None:
        verdicts.insert(0, work_verdict(step, submission, now))
    return tuple(_or_waiver(verdict, run, now) for verdict in verdicts)


def _or_waiver(verdict: Verdict, run: s.Run, now: float, tree: str | None = None) -> Verdict:
    """The verdict, or its waiver: for the very change, and with `tree` for the very tree (law 2)."""
    if verdict.opens:
        return verdict
    for waiver in reversed(run.waivers):
        if tree is not None and waiver.tree != tree:
            continue
        if (waiver.gate, waiver.patch, waiver.gate_digest) == (verdict.gate, verdict.subject, verdict.gate_digest):
            text = f"waived by {waiver.person}: {waiver.why}"
            return replace(verdict, outcome=v.WAIVED, summary=text, by=waiver.person, why=waiver.why, at=now)
    return verdict


def overall(verdicts: Sequence[Verdict]) -> str:
    """passed: all open. pending: only pending ones are missing. failed: anything else (law 3)."""
    closed = [verdict for verdict in verdicts if not verdict.opens]
    if not closed:
        return v.PASSED
    return v.PENDING if all(verdict.outcome == v.PENDING for verdict in closed) else v.FAILED


def review_gates(workflow: w.Workflow, step: w.Step) -> list[w.ReviewGate]:
    """The review gates that this step's worker answers: an agent step in the gate's role is a review step."""
    if step.kind != "agent" or step.role is None:
        return []
    return [g for g in workflow.gates.values() if isinstance(g, w.ReviewGate) and g.role == step.role]


def is_review_step(workflow: w.Workflow, step: w.Step) -> bool:
    return bool(review_gates(workflow, step))
