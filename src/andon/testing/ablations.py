"""The product with one safeguard switched off; each must be found by the simulator, or the safeguard is not tested.

An ablation replaces a production function, wherever it was imported to, for the length of a `with` block.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from andon.testing import safeguards, safeguards_swarm, safeguards_talk
from andon.testing.safeguards import Patch


class Ablation(Struct, frozen=True, kw_only=True):
    """A safeguard that can be switched off. law: the one it serves; 14 is liveness."""

    name: str
    law: int
    what: str
    patches: Callable[[], list[Patch]]


@contextmanager
def switched_off(ablation: Ablation) -> Iterator[None]:
    """Run the product without this safeguard."""
    undo: list[Callable[[], None]] = []
    try:
        for owner, name, replacement in ablation.patches():
            original = owner[name] if isinstance(owner, dict) else getattr(owner, name)
            _put(owner, name, replacement, undo)
            elsewhere = getattr(original, "__module__", None) == getattr(owner, "__name__", "")
            for module in [m for key, m in sorted(sys.modules.items()) if elsewhere and key.startswith("andon.")]:
                for other, value in list(vars(module).items()):
                    if value is original and module is not owner:
                        _put(module, other, replacement, undo)
        yield
    finally:
        for step in reversed(undo):
            step()


def _put(owner: Any, name: Any, value: Any, undo: list[Callable[[], None]]) -> None:
    if isinstance(owner, dict):
        before = owner[name]
        owner[name] = value
        undo.append(lambda: owner.__setitem__(name, before))
        return
    before = vars(owner)[name]
    setattr(owner, name, value)
    undo.append(lambda: setattr(owner, name, before))


ABLATIONS: tuple[Ablation, ...] = tuple(
    Ablation(name=name, law=law, what=what, patches=patches)
    for name, law, what, patches in (
        ("fencing", 6, "a lease's token is not compared", safeguards.no_fencing),
        ("expiry", 6, "a lease is good for ever in its holder's hand", safeguards.no_expiry),
        ("owner", 6, "who holds the lease is not compared", safeguards.any_agent),
        ("sweep", 14, "an expired lease is never taken back", safeguards.no_sweep),
        ("exclusive claim", 6, "a step is claimed while another holds it", safeguards.claim_over),
        ("growing tokens", 6, "tokens are given out again", safeguards.tokens_again),
        ("overlap", 6, "agents write in overlapping scopes at once", safeguards.overlaps_offered),
        ("sessions", 13, "a claim is renewed beyond its session", safeguards.endless_sessions),
        ("verdict's subject", 2, "a verdict counts for another tree", safeguards.any_subject),
        ("cache's key", 1, "the verdict cache forgets the tree", safeguards.cache_without_tree),
        ("verdict's environment", 2, "a verdict counts in another environment", safeguards.any_environment),
        ("unmeasured is closed", 3, "no answer opens a gate", safeguards.unmeasured_opens),
        ("failed is closed", 3, "a red gate is open", safeguards.failed_opens),
        ("pending is closed", 3, "a gate that nobody answered is open", safeguards.pending_opens),
        ("review's subject", 2, "a review counts for later changes", safeguards.reviews_last),
        ("authors don't review", 2, "an author's review counts", safeguards.authors_review),
        ("distinct roles", 6, "one agent plays roles that must differ", safeguards.not_distinct),
        ("approval's subject", 2, "an approval counts for later changes", safeguards.approvals_last),
        ("waiver's subject", 2, "a waiver covers later changes", safeguards.waivers_last),
        ("protected paths", 8, "an agent may change its own gates", safeguards.no_protection),
        ("judging", 4, "a step is left on its worker's word", safeguards.no_judging),
        ("people only", 11, "an agent may approve and waive", safeguards.agents_approve),
        ("authors don't approve", 11, "an author's approval counts", safeguards.authors_approve),
        ("expiry is no approval", 11, "silence approves", safeguards.silence_approves),
        ("done gates", 5, "the end is reached without the `done` gates", safeguards.no_end_check),
        ("merged tree", 7, "gates are not run again on the merged tree", safeguards.no_merge_gates),
        ("compare-and-swap", 7, "the branch is moved wherever it stands", safeguards.no_compare_and_swap),
        ("one lead", 10, "two leads at once", safeguards.no_lead_lock),
        ("own fault only", 7, "who is red on top of another's fault goes back", safeguards.faults_of_others),
        ("measured twice", 7, "a red outcome at landing counts at once", safeguards.red_once),
        ("flakes are told", 3, "a second measurement that passes hides the first", safeguards.flakes_hidden),
        ("freeze", 11, "a frozen branch lands", safeguards.freeze_forgotten),
        ("freeze's moment", 11, "a freeze counts from the next round on", safeguards.freeze_looked_at_once),
        ("settling", 10, "an interrupted landing is forgotten", safeguards.no_settling),
        ("settling looks", 10, "an interrupted landing is always abandoned", safeguards.always_abandon),
        ("settling believes", 10, "an interrupted landing is always confirmed", safeguards.confirm_unseen),
        ("prepare first", 5, "the branch moves before the record", safeguards.no_preparing),
        ("evidence first", 2, "the branch moves before its evidence is kept", safeguards.evidence_later),
        ("undoing", 7, "old files over a new base may land", safeguards.undoing),
        ("pinned definitions", 8, "a run follows the definitions of the day", safeguards.definitions_of_the_day),
        ("agent's definitions", 8, "the gates are the submission's own", safeguards.definitions_of_the_agent),
        ("one transaction", 10, "a run's end is not told to its task", safeguards.task_apart),
        ("one run a task", 10, "a run starts without its task", safeguards.twice_started),
        ("replay", 9, "a projection holds what no event says", safeguards.lossy_replay),
        ("blast radius", 12, "one corrupt run stops the others", safeguards.no_blast_wall),
        ("attempts", 13, "attempts without a limit", safeguards.no_attempt_limit),
        ("submissions", 13, "red submissions without a limit", safeguards.no_submission_limit),
        ("counts of tokens", 13, "a count of tokens may be any number", safeguards.any_tokens),
        ("join keeps all", 10, "a join forgets a branch", safeguards.join_takes_the_first),
        ("approval's moment", 11, "a human step passes on an older word", safeguards.old_approvals_pass),
        ("rejections", 11, "a rejection is forgotten", safeguards.rejections_forgotten),
        ("waiver's tree", 2, "a waiver covers other trees", safeguards.waivers_of_any_tree),
        ("salvage", 10, "unsubmitted work is thrown away", safeguards.work_thrown_away),
        ("open findings", 5, "a finding is dropped by the next review", safeguards_talk.findings_forgotten),
        ("findings' reviewer", 11, "anybody resolves a finding", safeguards_talk.anybody_resolves),
        ("criteria", 8, "an author rewrites what its work is judged by", safeguards_talk.criteria_rewritten),
        ("questions' readers", 11, "agents answer what people were asked", safeguards_talk.strangers_answer),
        ("answers resume", 14, "an answer puts no step back to work", safeguards_talk.answers_unheard),
        ("questions wait", 11, "a step goes on without the answer it waits for", safeguards_talk.questions_pass),
        ("hand-offs end", 14, "what is handed to a name that never comes is nobody's", safeguards_talk.kept_for_ever),
        ("children end", 10, "children go on when their parent has ended", safeguards_swarm.orphans),
        ("children tell", 10, "a child's end is not told to its parent", safeguards_swarm.silent_children),
        ("join integrates", 10, "a join forgets what was integrated", safeguards_swarm.join_without_children),
        ("children's authors", 2, "children's workers may review their parent", safeguards_swarm.strangers),
        ("children taken in", 10, "a step is left without its children", safeguards_swarm.left_behind),
        ("left out", 10, "what a parent did without comes back", safeguards_swarm.comes_back),
        ("half merged", 10, "what is half brought in is said to be left out", safeguards_swarm.half_brought_in),
        ("children first", 14, "those who wait for children leave nobody to do them", safeguards_swarm.parents_first),
        ("explained references", 5, "a moved reference is built upon", safeguards_swarm.wherever_it_stands),
        ("own commits", 10, "children's own commits do not land", safeguards_swarm.squashed),
        ("history taken out", 2, "commits that were taken out of a branch come back", safeguards_swarm.brought_back),
        ("named commits", 2, "commits land that no evidence names", safeguards_swarm.unnamed),
        ("reservations", 13, "more tokens are promised than there are", safeguards_swarm.overbooked),
        ("max_parallel", 13, "all children start at once", safeguards_swarm.all_at_once),
        ("depth", 13, "children have children without end", safeguards_swarm.bottomless),
        ("conflict markers", 5, "unresolved conflicts may be submitted", safeguards.conflict_markers),
    )
)
