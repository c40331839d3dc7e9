"""The laws about questions that steps wait for, and about what reviewers found. Part of `laws`.

What is known comes from events alone: which answers were given, who raised which finding, who said that it is mended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from andon.core import events as e
from andon.core import workflow as w

if TYPE_CHECKING:
    from andon.testing.laws import Known, Laws
    from andon.testing.process import Process


class TalkLaws:
    """What is true of answers and findings at every moment."""

    def __init__(self, laws: Laws) -> None:
        self.laws = laws
        self.answered: set[str] = set()
        """questions that have got an answer"""
        self.handlers: dict[type[Any], Callable[[Known, Any, Process | None], None]] = {
            e.StepResumed: self._resumed,
            e.FindingsRaised: self._raised,
            e.FindingResolved: self._resolved,
            e.FindingReopened: self._reopened,
        }
        self.running: set[str] = set()
        """tasks that somebody works on"""

    # ------------------------------------------------------------ criteria

    def on_task(self, task: str, event: e.Event, process: Process | None) -> None:
        """Law 8: what the work is judged by is not rewritten by those who do it."""
        if isinstance(event, e.RunAttached):
            self.running.add(task)
        elif isinstance(event, e.RunDetached):
            self.running.discard(task)
        elif isinstance(event, e.TaskEdited) and task in self.running:
            person = process is not None and process.caller.person
            if not person and (event.title, event.body, event.acceptance) != (None, None, None):
                self.laws.violated(8, f"{event.actor}, an agent, changed what {task} asks for while it runs")

    # ------------------------------------------------------------ questions

    def on_answer(self, question: str, event: e.MessageAnswered, process: Process | None) -> None:
        """All questions of a simulated world are put to people."""
        self.answered.add(question)
        if process is None or not process.caller.person:
            self.laws.violated(11, f"{event.by}, an agent, answered {question}, which was put to people")

    def attempt_ended(self, known: Known, event: e.AttemptEnded) -> None:
        if event.how == "asked":
            known.parked[event.step] = (event.question, event.due_at)
            if event.counts:
                self.laws.violated(13, f"{known.id} {event.step}: a question used up an attempt")

    def left(self, known: Known, step: str) -> None:
        if step in known.parked:
            self.laws.violated(4, f"{known.id} left {step} while it waits for {known.parked.pop(step)[0]}")

    def _resumed(self, known: Known, event: e.StepResumed, process: Process | None) -> None:
        """A step goes on when its question was answered, or is void; never because somebody would like it to."""
        question, due_at = known.parked.pop(event.step, ("", None))
        if question != event.question:
            self.laws.violated(
                10, f"{known.id} {event.step} goes on after {event.question}, but waits for {question or 'nothing'}"
            )
        elif event.how == "answered" and question not in self.answered:
            self.laws.violated(11, f"{known.id} {event.step} goes on as if {question} were answered")
        elif event.how == "expired" and (due_at is None or event.at < due_at):
            self.laws.violated(11, f"{known.id} {event.step}: {question} was void before its time")

    # ------------------------------------------------------------ findings

    def must_be_mended(self, known: Known, gate: w.ReviewGate, how: str) -> None:
        """Law 5: nothing lands over an open blocking finding."""
        held = [x for x, (_agent, role) in known.findings.items() if role == gate.role]
        if held:
            self.laws.violated(5, f"{known.id} {how} with open blocking findings: {', '.join(held)}")

    def _raised(self, known: Known, event: e.FindingsRaised, process: Process | None) -> None:
        for place, finding in enumerate(event.findings):
            name = f"F{event.first + place}"
            if name in known.raised:
                self.laws.violated(9, f"{known.id}: finding {name} was raised twice")
            known.raised[name] = (event.agent, event.role)
            if finding.severity == "blocking":
                known.findings[name] = (event.agent, event.role)

    def _resolved(self, known: Known, event: e.FindingResolved, process: Process | None) -> None:
        agent, _role = known.raised.get(event.finding, ("", ""))
        made = known.submitted.get("")
        person = process is not None and process.caller.person
        if not person and event.by != agent:
            self.laws.violated(11, f"{event.by} resolved {event.finding} of {known.id}, which {agent} raised")
        if event.by in known.hands or (made is not None and made.by == event.by):
            self.laws.violated(11, f"{event.by}, an author, resolved {event.finding} of {known.id}")
        known.findings.pop(event.finding, None)

    def _reopened(self, known: Known, event: e.FindingReopened, process: Process | None) -> None:
        known.findings[event.finding] = known.raised[event.finding]
