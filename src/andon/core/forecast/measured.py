"""What the event log tells about a workflow's steps: how long attempts took, with which outcomes, red submissions and tokens.

Rules: only runs of the named workflow count (of any version of it: steps are known by their ids). An attempt's duration is
from its claim to its end, so it holds the time for red submissions; a human or wait step's is from its entry to the
answer, and one that expired tells nothing about that. A landing's is the time since the lead's landing before it, or its
claim: what each cost the one lead, also where a round landed several. What was lost (released, expired, exhausted) counts
by itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from andon.core import events as e
from andon.core import workflow as w

MIN_SAMPLES = 5
"""Fewer measure nothing; the assumption is used instead."""
WORKED_ENDS = frozenset({"waiting", "reviewed"})
"""Ends of an attempt without an outcome whose work was done all the same."""


class StepLog:
    """What was seen of one step. durations in seconds; tokens by attempt."""

    def __init__(self) -> None:
        self.durations: list[float] = []
        self.outcomes: Counter[str] = Counter()
        self.judged = 0
        self.red = 0
        self.attempts = 0
        self.lost = 0
        self.tokens: list[float] = []


class _Active:
    def __init__(self, kind: str, entered_at: float) -> None:
        self.kind = kind
        self.since = entered_at
        self.tokens = 0.0
        self.claimed = False


class Measured:
    """Folds the log, one event at a time, in its order."""

    def __init__(self, workflow_name: str) -> None:
        self.workflow_name = workflow_name
        self.runs = 0
        self.versions: set[str] = set()
        self.steps: dict[str, StepLog] = defaultdict(StepLog)
        self._landed_at = 0.0
        self._open: dict[str, dict[str, _Active]] = {}

    def add(self, stream: str, event: e.Event) -> None:
        """Take one event into account; those of other aggregates and workflows are passed over."""
        if isinstance(event, e.RunStarted):
            if event.workflow_name == self.workflow_name:
                self.runs += 1
                self.versions.add(event.workflow)
                self._open[stream] = {}
            return
        active = self._open.get(stream)
        if active is None:
            return
        if isinstance(event, e.RunEnded):
            del self._open[stream]
        elif isinstance(event, e.StepEntered):
            active[event.step] = _Active(event.kind, event.at)
        elif isinstance(event, e.LeaseRenewed | e.TokensCounted):
            if (place := active.get(event.step)) is not None:
                place.tokens += event.tokens_used
        else:
            self._at_step(active, event)

    def _at_step(self, active: dict[str, _Active], event: e.Event) -> None:
        place = active.get(getattr(event, "step", ""))
        if place is None:
            return
        if isinstance(event, e.StepClaimed):
            place.since, place.tokens, place.claimed = event.at, 0.0, True
            self.steps[event.step].attempts += 1
        elif isinstance(event, e.Judged) and place.claimed:
            self.steps[event.step].judged += 1
            self.steps[event.step].red += not event.green
        elif isinstance(event, e.AttemptEnded):
            self._attempt_ended(place, event)
        elif isinstance(event, e.StepFinished):
            self._finished(place, event)
            del active[event.step]

    def _attempt_ended(self, place: _Active, event: e.AttemptEnded) -> None:
        log = self.steps[event.step]
        if event.how in WORKED_ENDS:
            log.durations.append(max(event.at - place.since, 0.0))
            log.tokens.append(place.tokens)
        elif event.counts:
            log.lost += 1
        else:
            log.attempts -= 1
        place.claimed = False

    def _finished(self, place: _Active, event: e.StepFinished) -> None:
        log = self.steps[event.step]
        log.outcomes[event.outcome] += 1
        if place.kind == "land":
            place.since = max(place.since, self._landed_at)
            self._landed_at = event.at
        answered = place.kind in ("human", "wait") and event.outcome != w.EXPIRED
        if place.claimed or answered:
            log.durations.append(max(event.at - place.since, 0.0))
        if place.claimed:
            log.tokens.append(place.tokens)
