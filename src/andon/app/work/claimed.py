"""One claim, carried through: turns of the client, and what Andon finds after each.

The rules are in `agents.launch.loop`; this module finds out what it asks about and does what it says, through the
coordinator alone. Whatever happens, the claim is left in order: advanced, parked, or given up with its work kept.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import msgspec

from andon.agents.hooks.call import ToolUse
from andon.agents.launch import loop, prompts
from andon.agents.launch.keeper import Keeper
from andon.agents.launch.process import Cancel
from andon.agents.launch.session import Place, Played, Session
from andon.agents.sessions import register_launched
from andon.app.work.clients import Client, environment
from andon.app.work.options import Options
from andon.app.work.parked import Parked, ParkedSteps
from andon.app.work.records import OWN_ENDS, Became, Carried, Job, seconds_of
from andon.core.errors import EXIT_LOST, EXIT_NO, EXIT_NOT_YET, EXIT_UNAVAILABLE, EXIT_YES, AndonError
from andon.engine.interface import CallContext, Coordinator

Open = Callable[[CallContext], Coordinator]
Say = Callable[[str], None]
Permits = Callable[[str, str], Callable[[ToolUse], str]]
"""(agent, workdir) -> why a tool may not be used, "" when it may."""

LOGS_MAX = 600
POLL_S = 1.0
CHECKS_MAX = 3
CHECK_AGAIN_S = 2.0
"""A check that could not be made at all (the store or a disk is away) is tried again, so often."""
BACKOFF_S = (0.5, 3.0)
LOG_EVENTS_MAX = 100_000


class Carrier:
    """Carries claims for one worker."""

    def __init__(
        self,
        *,
        open_: Open,
        cwd: str,
        client: Client,
        options: Options,
        parked: ParkedSteps,
        state_dir: str,
        permits: Permits,
        say: Say,
    ) -> None:
        self.permits = permits
        self.open = open_
        self.cwd = cwd
        self.client = client
        self.options = options
        self.parked = parked
        self.logs = os.path.join(state_dir, "work", "logs")
        self.common = os.path.dirname(state_dir)
        self.say = say

    def carry(self, job: Job, spent: Callable[[int], bool]) -> Carried:
        """spent: whether the worker's budget is used up after so many more tokens."""
        os.makedirs(self.logs, mode=0o700, exist_ok=True)
        prune(self.logs)
        return Carriage(self, job, spent).run()


class Carriage:
    """The state of one claim while it is carried."""

    def __init__(self, carrier: Carrier, job: Job, spent: Callable[[int], bool]) -> None:
        self.carrier = carrier
        self.options = carrier.options
        self.job = job
        self.spent = spent
        self.turns = job.turns
        self.questions = job.questions
        self.broken = 0
        self.tokens = 0
        self.alive = False
        self.lost = ""
        self.last = Played(how=loop.TURN_ENDED)
        self.beginning = prompts.first(job.brief, agent=job.agent, run=job.run, workdir=job.workdir, review=job.review)
        self.coordinator = self._open()

    def _open(self) -> Coordinator:
        cwd = self.job.workdir if os.path.isdir(self.job.workdir) else self.carrier.cwd
        return self.carrier.open(CallContext(cwd=cwd, agent=self.job.agent, run=self.job.run))

    def _started(self, number: int) -> None:
        """A command below the client is this agent's also without the variables that say so."""
        register_launched(self.carrier.common, self.carrier.client.name, number, self.job.agent)

    def _say(self, text: str) -> None:
        job = self.job
        self.carrier.say(f"{job.task} {job.step} {job.agent}: {text}")

    # ------------------------------------------------------------ the loop

    def run(self) -> Carried:
        job = self.job
        self._say(f"begins (run {job.run}, attempt {job.attempt})")
        place = Place(
            workdir=job.workdir,
            env=environment(job.agent, job.run, self.options.model),
            logs=self.carrier.logs,
            name=f"{job.run}-{job.step}-{job.token}",
            extra=self.carrier.client.extra,
            permits=self.carrier.permits(job.agent, job.workdir),
            started=self._started,
        )
        session = self.carrier.client.start(place)
        try:
            return self._turns(session)
        except KeyboardInterrupt:
            session.close()
            return self._interrupted()
        except AndonError as error:
            # A client that can't even be started, or a store that is gone: whoever comes next may fare better.
            session.close()
            move = loop.Move(what=loop.PASS_ON, why=error.message, stops=True)
            return self._carried(self._leave_became(move), move, broke=True)
        except Exception as error:
            # Whatever else is wrong: the claim is given back, and the claims before this one are reported.
            move = loop.Move(what=loop.PASS_ON, why=f"the worker failed: {told(error)}", stops=True)
            return self._carried(self._leave_became(move), move, broke=True)
        finally:
            self._close(session)

    def _close(self, session: Session) -> None:
        try:
            session.close()
        except Exception as error:
            self._say(f"the client could not be ended in order: {told(error)}")

    def _played(self, session: Session, prompt: str, cancel: Cancel) -> Played:
        """A turn. Whatever a client sends, and wherever its reader stumbles over it, is a turn that broke off."""
        try:
            return session.turn(prompt, timeout_s=self.options.turn_timeout_s, cancel=cancel)
        except AndonError:
            raise
        except Exception as error:
            self._close(session)
            why = f"what the client said could not be read: {told(error)}"
            return Played(how=loop.TURN_BROKEN, error=why, alive=True)

    def _turns(self, session: Session) -> Carried:
        prompt = self.beginning
        if self.job.void and (move := self._after_question(False)).what != loop.PROMPT:
            return self._leave(move)
        while True:
            self._turn(session, prompt)
            move, body = self._decide()
            if move.what == loop.PARK:
                self.questions += 1
                words, answered = self._await_answer(move.why)
                if words:
                    move = self._after_question(answered)
                    if move.what == loop.PROMPT:
                        prompt = self._prompt(session, words)
                        continue
            elif move.what == loop.PROMPT:
                prompt = self._prompt(session, self._words(move.why, body))
                if move.why == loop.BROKEN:
                    time.sleep(BACKOFF_S[min(self.broken, len(BACKOFF_S)) - 1])
                continue
            return self._leave(move)

    def _decide(self) -> tuple[loop.Move, dict[str, Any]]:
        """The next move, and the reply of our check that led to it. Advancing is part of it: it may turn out red."""
        body: dict[str, Any] = {}
        checked = ""
        while True:
            move = loop.decide(self._situation(checked), self.options.bounds)
            if move.what == loop.CHECK:
                checked, body = self._judge("check", {})
            elif move.what == loop.ADVANCE:
                checked, body = self._judge(
                    "advance", {"message": prompts.as_message(self.last.final_text, self.job.agent)}
                )
                if checked != loop.CLOSED:
                    return move, body
            else:
                return move, body

    def _situation(self, checked: str) -> loop.Situation:
        held = self._held()
        return loop.Situation(
            held=held,
            how=self.last.how,
            turns=self.turns,
            broken=self.broken,
            alive=self.alive,
            checked=checked,
            review=self.job.review,
            question=self._question() if held and not checked else "",
            questions=self.questions,
            spent=self.spent(self.tokens),
            error=self.last.error,
        )

    # ------------------------------------------------------------ a turn

    def _turn(self, session: Session, prompt: str) -> None:
        self.turns += 1
        cancel = Cancel()
        keeper = Keeper(
            lease_s=self.job.lease_s, renew=self._renewer(), left_by_agent=self._left_by_agent, cancel=cancel
        )
        began = time.monotonic()
        try:
            with keeper:
                self.last = self._played(session, prompt, cancel)
        finally:
            cancel.close()
        self.last = plain(self.last)
        self.lost = keeper.lost
        self.alive = self.alive or self.last.alive
        self.broken = self.broken + 1 if self.last.how in (loop.TURN_BROKEN, loop.TURN_OVERTIME) else 0
        self.tokens += self.last.usage.total
        words = f": {self.last.error}" if self.last.error else ""
        used = f", {self.last.usage.total} tokens" if self.last.usage.total else ""
        self._say(f"turn {self.turns} {self.last.how} after {time.monotonic() - began:.0f} s{used}{words}")

    def _renewer(self) -> Callable[[], float]:
        """For the keeper's thread: a coordinator of its own, made there."""
        made: list[Coordinator] = []

        def renew() -> float:
            if not made:
                made.append(self._open())
            body = made[0].call("heartbeat", {}).body
            return seconds_of(body["lease"]["expires_at"]) - time.time()

        return renew

    def _left_by_agent(self) -> bool:
        return self._became(self._open()).how in OWN_ENDS

    def _held(self) -> bool:
        """Renew and count the turn's tokens; once, also when the answer was lost on the way."""
        key = f"{self.job.run}:{self.job.token}:{self.turns}"
        arguments = {"tokens": self.last.usage.total, "key": key} if self.last.usage.total else {}
        for again in range(CHECKS_MAX):
            try:
                self.coordinator.call("heartbeat", arguments)
                # The same key renews nothing.
                if arguments:
                    self.coordinator.call("heartbeat", {})
                return True
            except AndonError as error:
                if error.exit != EXIT_UNAVAILABLE:
                    self.lost = error.message
                    return False
                if again == CHECKS_MAX - 1:
                    raise
                time.sleep(CHECK_AGAIN_S)
        return False

    def _judge(self, verb: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        for again in range(CHECKS_MAX):
            try:
                reply = self.coordinator.call(verb, arguments)
                answer = {EXIT_YES: loop.GREEN, EXIT_NOT_YET: loop.PENDING}.get(reply.exit, loop.CLOSED)
                closed = [x["gate"] for x in reply.body["verdicts"] if x["outcome"] not in ("passed", "waived")]
                self._say(f"{verb}: {answer}" + (f" ({', '.join(closed)})" if closed else ""))
                return answer, reply.body
            except AndonError as error:
                if error.exit == EXIT_NO or error.exit == EXIT_LOST:
                    self._say(f"{verb}: {error.message}")
                    return loop.CLOSED, {"error": {"message": error.message}}
                if error.exit != EXIT_UNAVAILABLE or again == CHECKS_MAX - 1:
                    raise
                time.sleep(CHECK_AGAIN_S)
        return loop.CLOSED, {}

    # ------------------------------------------------------------ prompts

    def _prompt(self, session: Session, words: str) -> str:
        return words if session.remembers else prompts.anew(self.beginning, [words])

    def _words(self, why: str, body: dict[str, Any]) -> str:
        left = self.options.bounds.turns - self.turns
        if why == loop.RED:
            return prompts.red(body, turns_left=left)
        if why == loop.NO_OUTCOME:
            return prompts.no_outcome(turns_left=left)
        if why == loop.OVERTIME:
            return prompts.overtime(self.last.error, turns_left=left)
        return prompts.broken(self.last.error, turns_left=left)

    # ------------------------------------------------------------ questions

    def _question(self) -> str:
        """The id of this agent's unanswered question to a person."""
        items = self.coordinator.call("status", {}).body.get("needs_human", [])
        own = [x for x in items if x.get("kind") == "ask" and x.get("agent") == self.job.agent]
        return str(own[-1]["message"]) if own else ""

    def _after_question(self, answered: bool) -> loop.Move:
        spent = self.spent(self.tokens)
        return loop.after_question(answered=answered, turns=self.turns, spent=spent, bounds=self.options.bounds)

    def _await_answer(self, question: str) -> tuple[str, bool]:
        """Wait for the answer under the lease, as long as the person allows: the prompt that goes on with it (""
        when there is none yet), and whether it was answered."""
        until = time.monotonic() + self.options.wait_answer_s
        renew_at = 0.0
        if self.options.wait_answer_s > 0:
            self._say(f"waits for the answer to {question}: andon answer {question} TEXT")
        while time.monotonic() < until:
            try:
                if time.monotonic() >= renew_at:
                    self.coordinator.call("heartbeat", {})
                    renew_at = time.monotonic() + min(15.0, self.job.lease_s / 4)
                shown = self.coordinator.call("show", {"id": question}).body
            except AndonError as error:
                if error.exit != EXIT_UNAVAILABLE:
                    return "", False
                time.sleep(POLL_S)
                continue
            if shown.get("answer"):
                return prompts.answered(str(shown.get("body") or ""), str(shown["answer"])), True
            expires_at = shown.get("expires_at")
            if expires_at is not None and float(expires_at) < time.time():
                return prompts.unanswered(str(shown.get("body") or "")), False
            time.sleep(POLL_S)
        return "", False

    def _park(self, question: str) -> Became:
        job = self.job
        if not job.review:
            # The next attempt then begins with the files as they are.
            try:
                self.coordinator.call("submit", {})
            except AndonError as error:
                self._say(f"the work could not be submitted: {error.message}")
        record = Parked(
            agent=job.agent,
            client=self.carrier.client.name,
            run=job.run,
            task=job.task,
            step=job.step,
            question=question,
            role=job.role,
            turns=self.turns,
            questions=self.questions,
        )
        self.carrier.parked.keep(record)
        # The store keeps the step until the answer is there: whoever has no file of it finds it there, too.
        notes = f"You asked a person ({question}) and waited for the answer; your files are as you left them."
        # What a plain program printed is its output, and no words to its later self.
        words = "" if self.carrier.client.name == "command" else self.last.final_text.strip()[:2000]
        notes += f"\nYour words then:\n{words}" if words else ""
        message = f"waits for the answer to {question}"
        try:
            self.coordinator.call("park", {"message": question, "notes": notes})
        except AndonError as error:
            if error.kind != "not_about_this":
                raise
            # A question that was put from elsewhere: its answer puts no step back to work, so nobody else may take this one.
            self.coordinator.call("handoff", {"to": job.agent, "message": message, "notes": notes})
        return Became(how="parked", reason=f"{message}: andon answer {question} TEXT")

    # ------------------------------------------------------------ the end

    def _leave(self, move: loop.Move) -> Carried:
        try:
            became = self._left_by(move)
        except AndonError as error:
            if error.exit == EXIT_UNAVAILABLE:
                raise
            # The claim was over before it could be given up.
            became = self._became(self.coordinator)
        return self._carried(became, move)

    def _left_by(self, move: loop.Move) -> Became:
        if move.what == loop.PARK:
            return self._park(move.why)
        if move.what == loop.RELEASE:
            self.coordinator.call("release", {"message": move.why})
            return Became(how="released", reason=move.why)
        if move.what == loop.PASS_ON:
            self._pass_on(move.why[:1000])
            return Became(how="given_back", reason=move.why)
        return self._became(self.coordinator)

    def _pass_on(self, why: str) -> None:
        """Offer the step to anyone; where the workflow gates that and the gates are red, give it up."""
        if self.coordinator.call("handoff", {"to": "", "message": why}).exit != EXIT_YES:
            self.coordinator.call("release", {"message": why})

    def _interrupted(self) -> Carried:
        move = loop.Move(what=loop.PASS_ON, why="the worker was interrupted by a person", stops=True)
        self._say("interrupted; gives the step up")
        return self._carried(self._leave_became(move), move, interrupted=True)

    def _leave_became(self, move: loop.Move) -> Became:
        try:
            return self._left_by(move)
        except AndonError as error:
            return Became(how="lost", reason=error.message)
        except Exception as error:
            return Became(how="lost", reason=told(error))

    def _carried(self, became: Became, move: loop.Move, *, interrupted: bool = False, broke: bool = False) -> Carried:
        job = self.job
        outcome = f" by {became.outcome}" if became.outcome else ""
        self._say(f"{became.how}{outcome}" + (f": {became.reason}" if became.reason else ""))
        return Carried(
            task=job.task,
            run=job.run,
            step=job.step,
            agent=job.agent,
            attempt=job.attempt,
            how=became.how,
            outcome=became.outcome,
            reason=became.reason,
            turns=self.turns,
            tokens=self.tokens,
            final_text=self.last.final_text,
            log=self.last.log,
            stops=move.stops and not interrupted,
            client_broke=broke or (self.last.how == loop.TURN_BROKEN and not interrupted),
            interrupted=interrupted,
        )

    def _became(self, coordinator: Coordinator) -> Became:
        """What became of the claim, from the log: the first end after it was made."""
        job = self.job
        items = coordinator.call("log", {"id": job.run, "limit": LOG_EVENTS_MAX}).body["items"]
        claimed = False
        handed_off: tuple[Any, Became] | None = None
        for item in items:
            kind, data = item["type"], item["data"]
            if kind == "StepClaimed" and data.get("token") == job.token:
                claimed = True
            if not claimed or data.get("step") not in (job.step, None, ""):
                continue
            if handed_off is not None and item["at"] != handed_off[0]:
                break
            if kind == "AttemptEnded" and data.get("token") == job.token:
                if data["how"] == "handed_off":
                    # The same act may have blocked the step: handed off too often.
                    handed_off = item["at"], Became(how="handed_off", reason=data.get("reason", ""))
                    continue
                how = "lost" if data["how"] in ("expired", "interrupted") else data["how"]
                how = "parked" if how == "asked" else how
                return Became(how=how, reason=data.get("reason", ""))
            if kind == "StepFinished":
                own = item["actor"] == job.agent
                return Became(how="advanced" if own else "lost", outcome=data["outcome"])
            if kind in ("StepBlocked", "RunBlocked"):
                return Became(how="blocked", reason=data.get("reason", ""))
            if kind == "RunEnded":
                return Became(
                    how="lost", reason=f"the run ended: {data.get('outcome')} {data.get('reason', '')}".strip()
                )
        return handed_off[1] if handed_off is not None else Became(how="lost", reason=self.lost)


def plain(last: Played) -> Played:
    """What a client said, in a form that can be stored and counted whatever it was."""
    words, error = (x.encode(errors="replace").decode().replace("\0", " ") for x in (last.final_text, last.error))
    return msgspec.structs.replace(last, final_text=words, error=error, usage=last.usage.bounded())


def told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def prune(directory: str) -> None:
    """Keep the newest logs."""
    try:
        paths = [entry.path for entry in os.scandir(directory) if entry.is_file()]
        if len(paths) <= LOGS_MAX:
            return
        for path in sorted(paths, key=os.path.getmtime)[:-LOGS_MAX]:
            os.unlink(path)
    except OSError:
        return
