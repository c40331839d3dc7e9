"""The rules of who may work on a step, as far as a name tells, and of whom a step can be handed to.

Rules. Authors and whoever acted in a role that must be another's are refused (law 11), at claiming and already when a step is
handed to them. A step is handed to its role, to anyone, or to an agent by name; mailboxes claim nothing. What is kept for one
name is kept for a while only: a name that never comes must not strand a step (law 13). Must not know: who was ever seen.
"""

from __future__ import annotations

from andon.core import machines
from andon.core import state as s
from andon.core.errors import EXIT_DENIED, EXIT_USAGE, Rejected
from andon.core.judge import is_review_step, review_gates
from andon.core.routing import Progress

HANDED_FIRST_S = 3600.0
"""How long a step that was handed to an agent by name is kept for it."""
KEPT_FIRST_S = 86_400.0
"""How long a step is kept for the agent that handed it to itself: it waits for what no step can wait for."""
ANYONE = "anyone"
_NO_AGENTS = ("run", "task", "role")


def refuse_agent(progress: Progress, step: s.ActiveStep, agent: str) -> Rejected | None:
    """Why whoever has this name may not do the step, whatever it is made of."""
    run = progress.run
    role = progress.workflow.roles.get(step.role)
    for other in role.distinct_from if role else ():
        if agent in run.roles.get(other, ()):
            text = f"{agent} acted as {other} in run {run.id}; {step.role} must be another agent"
            return _not_distinct(text)
    definition = progress.workflow.steps.get(step.step)
    if definition is None or not is_review_step(progress.workflow, definition):
        return None
    if agent in run.authors:
        return _not_distinct(f"{agent} is an author of run {run.id}'s change and can't review it")
    submission = run.submissions.get(step.lane)
    for review in run.reviews:
        same = submission is not None and review.patch == submission.patch and review.at >= step.entered_at
        if same and review.agent == agent:
            return _not_distinct(f"{agent} has reviewed this change of run {run.id} already")
    return None


def refuse_machine(
    progress: Progress, step: s.ActiveStep, agent: str, more: tuple[tuple[str, str], ...]
) -> Rejected | None:
    """Why the agent is too much like the authors for the gates of a review. more: (client, model) of a claim in the making."""
    definition = progress.workflow.steps.get(step.step)
    if definition is None or not is_review_step(progress.workflow, definition):
        return None
    for gate in review_gates(progress.workflow, definition):
        if why := machines.refusal(gate, progress.run, agent, more):
            return _not_distinct(why)
    return None


def refuse_receiver(progress: Progress, step: s.ActiveStep, to: str) -> Rejected | None:
    """Why a step can't be handed to this one: nobody could claim it then."""
    own = f"role:{step.role}"
    if to in ("", ANYONE, own):
        return None
    prefix, colon, _name = to.partition(":")
    if prefix == "role" and colon:
        text = f"step {step.step} is for role {step.role}; it can't be handed to {to}"
        return Rejected(kind="wrong_role", message=text, next=f"andon handoff --to {own}", exit=EXIT_USAGE)
    if to == "human" or (colon and prefix in _NO_AGENTS):
        text = f"{to} is a mailbox, which claims no step"
        following = f"andon handoff --to {own if step.role else 'AGENT'}; andon ask --park waits for a person's word"
        return Rejected(kind="bad_input", message=text, next=following, exit=EXIT_USAGE)
    refusal = refuse_agent(progress, step, to)
    if refusal is None and to in progress.run.machines:
        refusal = refuse_machine(progress, step, to, ())
    return refusal


def kept_until(now: float, agent: str, to: str) -> float | None:
    """Until when a step that this agent hands over is kept for one name; None when it is for many."""
    if to in ("", ANYONE) or to.startswith("role:"):
        return None
    return now + (KEPT_FIRST_S if to == agent else HANDED_FIRST_S)


def kept_for(step: s.ActiveStep, now: float) -> str:
    """For whom a step is kept now: an agent, a role, ANYONE; "" once its time is over."""
    return "" if step.offered_until is not None and now >= step.offered_until else step.offered_to


def is_offered(step: s.ActiveStep, agent: str, now: float) -> bool:
    """Whether a step that is kept for somebody is for this agent, too."""
    return kept_for(step, now) in ("", agent, f"role:{step.role}", ANYONE)


def _not_distinct(text: str) -> Rejected:
    return Rejected(kind="not_distinct", message=text, next="let another agent do it", exit=EXIT_DENIED)
