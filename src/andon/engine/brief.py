"""The brief: all that a worker needs to do a step, as Markdown within a token budget.

Rules: the order is by need (what to do, why it was sent back, the task, what earlier steps say, how to proceed); a part
that does not fit is cut at a line and says so; text from agents is quoted as theirs, so that it can't pass for ours.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from andon.core import state as s
from andon.core import workflow as w
from andon.core.judge import is_review_step
from andon.core.rules_step import gates_of
from andon.core.verdict import Artifact, Verdict
from andon.engine.messages import rfc3339

TOKEN_BUDGET = 6000
CHARS_PER_TOKEN = 4


def brief(
    workflow: w.Workflow,
    run: s.Run,
    step: s.ActiveStep,
    task: s.Task,
    *,
    messages: Sequence[str] = (),
    diff: str = "",
    neighbours: Sequence[str] = (),
    known: str = "",
    resolvable: Sequence[str] = (),
    whole: s.Task | None = None,
    token_budget: int = TOKEN_BUDGET,
) -> str:
    """Markdown. diff: the change to look at, for a review step. neighbours: who works on the same paths, a line each.
    known: what is known here, as a section. resolvable: open findings that this reviewer may resolve.
    whole: the task that this one is a part of."""
    definition = workflow.steps[step.step]
    reviewing = is_review_step(workflow, definition)
    parts = [
        (4, _head(workflow, run, step, task, definition)),
        (10, definition.brief.strip()),
        (16, _open_findings(run, step, resolvable if reviewing else (), reviewing=reviewing)),
        (20, _sent_back(run, step, reviewing=reviewing)),
        (20, _task(task, run)),
        (6, _parent(task, whole)),
        (6, _messages(messages)),
        (4, _neighbours(neighbours)),
        (12, _children(run, reviewing=reviewing)),
        (10, _handed_over(run, reviewing=reviewing)),
        (6, known),
        (30, _change(diff) if reviewing else ""),
        (6, _suspicions(run, step) if reviewing else ""),
        (8, _how_to_proceed(workflow, definition, reviewing)),
        (2, _bounds(step)),
    ]
    return _fit(parts, token_budget * CHARS_PER_TOKEN)


def _fit(parts: Sequence[tuple[int, str]], budget_chars: int) -> str:
    """Give each part its share; what the short ones leave over goes to the long ones, in order."""
    present = [(weight, text) for weight, text in parts if text]
    total = sum(len(text) for _weight, text in present)
    spare = budget_chars
    shares: list[int] = []
    weights = sum(weight for weight, _text in present)
    for weight, text in present:
        share = len(text) if total <= budget_chars else min(len(text), budget_chars * weight // weights)
        shares.append(share)
        spare -= share
    for index, (_weight, text) in enumerate(present):
        extra = min(max(spare, 0), len(text) - shares[index])
        shares[index] += extra
        spare -= extra
    return "\n\n".join(_cut(text, share) for (_weight, text), share in zip(present, shares, strict=True)) + "\n"


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    kept = text[:limit].rpartition("\n")[0] or text[:limit]
    return f"{kept}\n[… {len(text) - len(kept)} characters left out; see `andon show`]"


def _head(workflow: w.Workflow, run: s.Run, step: s.ActiveStep, task: s.Task, definition: w.Step) -> str:
    title = definition.title or definition.id
    phase = " / ".join(definition.phase)
    # Hand-offs and questions use up no attempt, so `step.attempt`, which counts every claim, may exceed the limit.
    facts = [f"run {run.id}", f"workflow {workflow.name}", f"attempt {step.attempts_used + 1} of {definition.attempts}"]
    facts += [f"role {definition.role}"] if definition.role else []
    facts += [f"phase {phase}"] if phase else []
    facts += [f"visit {step.visit} of {workflow.limits.visits}"] if step.visit > 1 else []
    return f"# {task.id}: {task.title}\n\nStep **{title}** ({', '.join(facts)})."


def _open_findings(run: s.Run, step: s.ActiveStep, resolvable: Sequence[str], *, reviewing: bool) -> str:
    """What reviewers found and nobody has resolved: blocking ones first."""
    open_ones = [x for x in run.findings if not x.resolved_by]
    if not open_ones:
        return ""
    if reviewing:
        lines = ["## Open findings to check", "", "Earlier reviewers found these. Blocking ones keep the gate closed."]
    else:
        lines = [
            "## Open findings",
            "",
            "Reviewers found these. Blocking ones keep the gate closed until a reviewer resolves",
        ]
        lines += ["them; say in your message what you did about each."]
    lines += ["", *[_finding_line(x) for x in sorted(open_ones, key=lambda x: not x.holds)]]
    if resolvable:
        lines += [
            "",
            "Approving the change resolves what you raised yourself. What is not mended: send the change back.",
        ]
        lines += [
            f"To resolve one by one: `andon advance --resolve {resolvable[0]} -m 'how you know'` (repeat --resolve)."
        ]
    others = [x for x in open_ones if x.holds and x.id not in resolvable]
    if reviewing and others:
        listed = ", ".join(x.id for x in others)
        lines += [
            "",
            f"Only who raised them, or a person, resolves {listed}; say in your message whether they are mended.",
        ]
    return "\n".join(lines)


def _finding_line(found: s.RaisedFinding) -> str:
    finding = found.finding
    where = f"{finding.place}: " if finding.path else ""
    again = f" (reopened: {found.why})" if found.reopened else ""
    text = " ".join(f"{where}{finding.message}{again}".split())
    return f"- **{found.id}** [{finding.severity}] {text} (by {found.agent})"


def _sent_back(run: s.Run, step: s.ActiveStep, *, reviewing: bool) -> str:
    lines: list[str] = []
    if step.reason and not (reviewing and _is_authors(run, step.reason)):
        lines += ["## Why you see this again", "", quote(step.reason)]
    red = [x for x in step.verdicts if not x.opens]
    if red:
        lines += ["", "## Gates that did not open last time"]
        for verdict in red:
            lines += ["", *_verdict_lines(verdict)]
    if step.notes:
        lines += ["", "## Notes of the one before you", "", quote(step.notes)]
    if step.artifacts:
        lines += ["", "## Artifacts handed over", "", *[_artifact_line(x) for x in step.artifacts]]
    if step.salvage and step.resume_from == step.salvage:
        lines += ["", "Your working directory holds the files as they were left then."]
    elif step.salvage:
        lines += [
            "",
            f"Unsubmitted work of an earlier attempt is kept in commit {step.salvage}:",
            f"`git diff --no-ext-diff HEAD {step.salvage}` shows it, `git checkout {step.salvage} -- .` takes it (or, where a",
            f"sandbox keeps git's index closed: `git diff --no-ext-diff --binary HEAD {step.salvage} | git apply`).",
        ]
    return "\n".join(lines).strip()


def _artifact_line(artifact: Artifact) -> str:
    return (
        f"- `{_flat(artifact.name)}` ({artifact.bytes} bytes, {artifact.digest})"
        if artifact.digest
        else f"- {_flat(artifact.name)}"
    )


def _is_authors(run: s.Run, words: str) -> bool:
    """Whether these are an author's words about its own work, which a reviewer judges without."""
    return any(note.agent in run.authors and words in (note.message, note.notes) for note in run.notes)


def _verdict_lines(verdict: Verdict) -> list[str]:
    lines = [f"- **{verdict.gate}**: {verdict.outcome}: {_flat(verdict.summary)}"]
    if verdict.detail:
        lines.append(_fenced(verdict.detail))
    for finding in verdict.findings[:20]:
        where = f"{finding.place}: " if finding.path else ""
        lines.append(f"  - [{finding.severity}] {_flat(where + finding.message)}")
    return lines


def _task(task: s.Task, run: s.Run) -> str:
    lines = ["## The task", ""]
    if task.edited and task.run == run.id:
        what = ", ".join("acceptance criteria" if name == "acceptance" else name for name in task.edited)
        lines += [
            f"**Changed since the run began, by {task.edited_by}: {what}.** Earlier work may follow the old words.",
            "",
        ]
    lines += [task.body.strip() or "(no description beyond the title)"]
    if task.acceptance:
        lines += ["", "Acceptance criteria:", *[f"- {item}" for item in task.acceptance]]
    if run.scope:
        lines += ["", "Scope (paths you may change): " + ", ".join(f"`{glob}`" for glob in run.scope)]
    if task.labels:
        lines += ["", "Labels: " + ", ".join(task.labels)]
    return "\n".join(lines)


def _parent(task: s.Task, whole: s.Task | None) -> str:
    if not task.parent_run:
        return ""
    text = (
        f"## Where this belongs\n\nIt is a part of task {task.parent}, run {task.parent_run} (step {task.parent_step}). "
        f"Your work is put together with its siblings' there first.\n"
        f"Ask whoever works on it: `andon ask --to run:{task.parent_run} 'question'`; `andon show {task.parent_run}` shows it."
    )
    # Quoted: the whole is not this worker's to do.
    told = "\n".join(part for part in (whole.title, whole.body.strip()) if part) if whole is not None else ""
    return f"{text}\n\nThe whole:\n\n{quote(told)}" if told else text


def _children(run: s.Run, *, reviewing: bool) -> str:
    """What children handed over, in their own words; not for a reviewer, since their workers are authors of the change."""
    lines: list[str] = []
    for swarm in run.swarms.values():
        for child in swarm.children:
            state = child.outcome or "open"
            lines.append(f"- {child.task} ({_flat(child.key)}, of step {swarm.step}): {state}")
            words = () if reviewing else (child.message, child.notes, child.reason)
            told = "\n".join(text for text in words if text)
            lines += [quote(told)] if told else []
    return "\n".join(["## What its children did", "", *lines]) if lines else ""


def _messages(messages: Sequence[str]) -> str:
    return "\n".join(["## Messages for you", "", *messages]) if messages else ""


def _neighbours(neighbours: Sequence[str]) -> str:
    lines = [f"- {line}" for line in neighbours]
    return "\n".join(["## Others on the same paths", "", *lines]) if lines else ""


def _handed_over(run: s.Run, *, reviewing: bool) -> str:
    """Notes of earlier steps. A reviewer gets none of the authors': it judges the change, not the reasons for it."""
    lines: list[str] = []
    for note in run.notes:
        text = note.notes or note.message
        if text and not (reviewing and note.agent in run.authors):
            lines += [f"- {note.step} ({note.outcome}, by {note.agent}):", quote(text)]
    for review in run.reviews[-5:] if not run.findings else ():
        # Reviews from before findings were kept by themselves.
        for finding in review.findings:
            where = f"{finding.place}: " if finding.path else ""
            lines.append(f"- review by {review.agent}: [{finding.severity}] {where}{finding.message}")
    return "\n".join(["## What earlier steps handed over", "", *lines]) if lines else ""


def _change(diff: str) -> str:
    return f"## The change to review\n\n{_fenced(diff, 'diff')}" if diff else ""


def _suspicions(run: s.Run, step: s.ActiveStep) -> str:
    """What the rules of suspicion said of this very change, for whoever judges it."""
    submission = run.submissions.get(step.lane)
    if submission is None:
        return ""
    told = [
        x for x in run.verdicts.values() if x.subject == submission.patch and x.isolation == "process" and not x.log
    ]
    found = dict.fromkeys(finding for verdict in told for finding in verdict.findings if finding.rule)
    lines = []
    for finding in list(found)[:20]:
        lines.append(f"- [{finding.severity}] {finding.place}: {finding.rule}: {finding.message}")
    head = "## What looks suspicious in it\n\nFound by rules; each may be honest. Judge it, and say so."
    return f"{head}\n\n{quote(chr(10).join(lines))}" if lines else ""


def _how_to_proceed(workflow: w.Workflow, step: w.Step, reviewing: bool) -> str:
    gates = gates_of(workflow, step)
    outcomes = [edge.outcome for edge in workflow.out(step.id) if edge.outcome not in (w.PASSED, w.FAILED, w.EXPIRED)]
    lines = ["## How to proceed", ""]
    if reviewing:
        lines += [
            "You review; you change nothing. When the change is good: `andon advance -m 'why'`.",
            *[f"To send it back: `andon advance --outcome {x} -m 'what is wrong'`." for x in outcomes],
            "Record what you found with `--finding 'path:line: severity: text'` (severity blocking, major, minor or note).",
            "A blocking finding keeps the gate closed until you or a person resolve it.",
        ]
    else:
        lines += [
            "1. Work in this directory only; do not commit to branches (Andon takes a snapshot of the files).",
            "2. `andon check` runs the gates on a snapshot and says what is missing.",
            "3. `andon advance -m 'what you did'` verifies and proceeds.",
            *[f"   Another way out: `andon advance --outcome {x} -m 'why'`." for x in outcomes],
        ]
    lines += ["", "Gates: " + (", ".join(f"`{_gate_line(workflow, name)}`" for name in gates) or "none")]
    lines += [
        "Keep the lease with `andon heartbeat`; ask a person with `andon ask 'question'`;",
        "pass the work on with `andon handoff --to role:NAME -m 'notes'`; give it up with `andon release`.",
    ]
    return "\n".join(lines)


def _bounds(step: s.ActiveStep) -> str:
    """How long this claim lasts, and what it may use."""
    lease = step.lease
    lines = []
    if lease is not None and lease.session_ends_at is not None:
        lines.append(
            f"This session ends at {rfc3339(lease.session_ends_at)}, whatever is renewed: advance or hand off before, and"
            " keep `andon heartbeat --notes '…'` up to date for whoever goes on."
        )
    if lease is not None and lease.budget is not None:
        lines.append(
            f"This attempt may use {lease.budget} tokens (`andon heartbeat --tokens N`); beyond them it is over."
        )
    return "\n".join(lines)


def _gate_line(workflow: w.Workflow, name: str) -> str:
    gate = workflow.gates.get(name)
    if isinstance(gate, w.RunGate):
        return f"{name}: {gate.run}"
    return name


def _flat(text: str) -> str:
    """On one line: what stands in a list of ours starts no line of its own."""
    return " ".join(text.split())


def _fenced(text: str, language: str = "") -> str:
    """Within a fence that is longer than any in the text, so that the text can't close it."""
    fence = "`" * max(4, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def quote(text: str) -> str:
    """Somebody's words, marked as theirs."""
    return "\n".join(f"> {line}" for line in text.strip().splitlines())
