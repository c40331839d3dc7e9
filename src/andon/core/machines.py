"""What reviewers and authors are made of: whether a review comes from another model or another client than the change.

Rules: fail closed. A client or model that is not known is not different; a worker that was of several kinds in one run is
all of them. A person's own work is of the kind `person`. Must not know: how a client or model is told.
"""

from __future__ import annotations

from andon.core import state as s
from andon.core import workflow as w

PERSON = "person"


def refusal(gate: w.ReviewGate, run: s.Run, agent: str, more: tuple[tuple[str, str], ...] = ()) -> str:
    """Why a review by this agent is not distinct enough for the gate; "" when it is. more: of a claim in the making."""
    for place, (what, wanted) in enumerate((("client", gate.distinct_client), ("model", gate.distinct_model))):
        if wanted is not True:
            continue
        own = {_normal(pair[place]) for pair in (*run.machines.get(agent, ()), *more)}
        if not own or "" in own:
            return f"the {what} of {agent} is not known, and gate {gate.id} asks for another {what} than the authors'"
        for author in run.authors:
            theirs = {_normal(pair[place]) for pair in run.machines.get(author, ())}
            if not theirs or "" in theirs:
                return f"the {what} of the author {author} is not known, and gate {gate.id} asks for another one"
            if own & theirs:
                return f"{agent} has the same {what} as the author {author} ({', '.join(sorted(own & theirs))})"
    return ""


def _normal(name: str) -> str:
    """As names are compared: capitals and spaces make no other model of one."""
    return " ".join(name.casefold().split())
