"""`andon work`: a worker that claims steps and launches an agent client for each of them.

Theory of operation. Every claim is made under a fresh name, since an agent is a session. One client works in the claim's
directory while a thread keeps the lease; after each turn `agents.launch.loop` decides, on what Andon itself found out, what
comes next. All that is written goes through the coordinator. Must not know the store, git's state or gates.
"""

from __future__ import annotations

import os
import re
import time
from typing import Any

import msgspec

from andon.app.work.claimed import Carrier, Open, Permits, Say
from andon.app.work.clients import Client, find_client
from andon.app.work.options import Options, options_of
from andon.app.work.parked import Parked, ParkedSteps
from andon.app.work.records import Carried, Job
from andon.core.errors import EXIT_DENIED, EXIT_LOST, EXIT_NO, EXIT_NOT_YET, EXIT_UNAVAILABLE, EXIT_YES, AndonError
from andon.engine.interface import CallContext, Reply

WATCH_S = 20.0
"""How long one `next` waits while watching; then parked steps are looked at again."""
UNAVAILABLE_S = 5.0
CLAIMS_MAX = 10_000
HANDED_OFF_MAX = 2
"""Claims of one step that this worker's agents handed off: then a third of its agents would do no better."""
BROKEN_CLAIMS_MAX = 2
"""Claims in a row that ended because the client broke: then the client is the trouble, and the worker stops."""


class Worker:
    """Claims and carries until there is nothing more to do."""

    def __init__(
        self, options: Options, *, open_: Open, cwd: str, client: Client, state_dir: str, permits: Permits, say: Say
    ) -> None:
        self.options = options
        self.open = open_
        self.cwd = cwd
        self.client = client
        self.parked = ParkedSteps(os.path.join(state_dir, "work", "parked"))
        self.say = say
        self.carried: list[Carried] = []
        self.tokens = 0
        self.stopped = ""
        self._carrier = Carrier(
            open_=open_,
            cwd=cwd,
            client=client,
            options=options,
            parked=self.parked,
            state_dir=state_dir,
            permits=permits,
            say=say,
        )

    def run(self) -> Reply:
        """Work until the limit, the end of ready work, or Ctrl-C (which gives the claim up in order)."""
        broken = 0
        interrupted = False
        try:
            while not self.stopped and self._may_claim():
                job = self._claim()
                if job is None:
                    break
                carried = self._carrier.carry(job, self._spent)
                self.carried.append(carried)
                self.tokens += carried.tokens
                self._release_others(job.agent)
                if carried.stops:
                    self.stopped = carried.reason
                handed_off = sum((x.run, x.step, x.how) == (job.run, job.step, "handed_off") for x in self.carried)
                if handed_off >= HANDED_OFF_MAX:
                    self.stopped = f"step {job.step} of {job.task} was handed off {handed_off} times by its agents here"
                broken = broken + 1 if carried.client_broke else 0
                if broken >= BROKEN_CLAIMS_MAX:
                    self.stopped = f"{self.client.name} broke off {broken} claims in a row: {carried.reason}"
                interrupted = carried.interrupted
                if interrupted:
                    break
        except KeyboardInterrupt:
            interrupted = True
        except AndonError as error:
            if not self.carried:
                raise
            # What was carried before is reported all the same.
            return self._reply(False, error)
        return self._reply(interrupted)

    def _may_claim(self) -> bool:
        limit = CLAIMS_MAX if self.options.limit is None else min(self.options.limit, CLAIMS_MAX)
        if self.options.budget is not None and self.tokens >= self.options.budget:
            self.stopped = f"the budget of {self.options.budget} tokens is used up"
            return False
        return len(self.carried) < limit

    def _spent(self, tokens: int) -> bool:
        return self.options.budget is not None and self.tokens + tokens >= self.options.budget

    def _release_others(self, agent: str) -> None:
        """What the agent claimed beside its claim, under a name that nobody bears any more, is given back."""
        if self.options.name is not None:
            return
        try:
            items = (
                self.open(CallContext(cwd=self.cwd, agent=agent)).call("run_list", {"status": ["open"]}).body["items"]
            )
            for run in (x["run"] for x in items for step in x["steps"] if step["agent"] == agent):
                self.say(f"{agent} claimed a step of {run} for itself; it is given back")
                message = f"claimed by {agent} beside its own claim, which is over"
                self.open(CallContext(cwd=self.cwd, agent=agent, run=run)).call(
                    "handoff", {"to": "", "message": message}
                )
        except AndonError as error:
            self.say(f"other claims of {agent} could not be given back: {error.message}")

    # ------------------------------------------------------------ claiming

    def _claim(self) -> Job | None:
        until = time.monotonic() + self.options.wait_s
        while True:
            again = self._answered()
            if again is not None:
                return again
            left = max(0.0, until - time.monotonic())
            wait_s = WATCH_S if self.options.watch else min(left, WATCH_S)
            job = self._next(self.options.name or fresh_name(self.client.name), wait_s=wait_s)
            if job is not None or not (self.options.watch or time.monotonic() < until):
                return job

    def _next(self, agent: str, *, wait_s: float, run: str | None = None, role: str | None = None) -> Job | None:
        options = self.options
        # What does the work is known here, and stands in the claim.
        context = CallContext(cwd=self.cwd, agent=agent, client=self.client.name, model=options.model)
        coordinator = self.open(context)
        arguments: dict[str, Any] = {
            "role": role or options.role,
            "task": options.task,
            "wait_s": wait_s,
            "run": run,
        }
        began = time.time()
        try:
            body = coordinator.call("next", arguments, self.say).body
        except AndonError as error:
            if error.exit == EXIT_UNAVAILABLE and self.options.watch:
                self.say(f"{error.message}; trying again")
                time.sleep(UNAVAILABLE_S)
                return None
            if error.kind != "nothing_ready":
                raise
            return None
        return Job.of(body, agent, began)

    def _answered(self) -> Job | None:
        """A step that was parked for a question of its agent, which is answered or void by now."""
        records = self.parked.of(self.client.name)
        for record in records:
            settled = self._settled(record) if self._fits(record.task, record.role) else ""
            if not settled:
                continue
            job = self._again(record.agent, record.run, record.role or self.options.role)
            if job is not None or self._is_over(record.run):
                # Only now: a worker that is killed before must leave the step to the next one.
                self.parked.forget(record)
            if job is not None:
                void = settled == "void"
                return msgspec.structs.replace(job, turns=record.turns, questions=record.questions, void=void)
        return self._unrecorded({(x.run, x.agent) for x in records})

    def _unrecorded(self, known: set[tuple[str, str]]) -> Job | None:
        """A step that is kept for an agent of ours which is gone, and of which no file tells: its file was lost."""
        pattern = fresh_pattern(self.client.name)
        reader = self.open(CallContext(cwd=self.cwd, agent=fresh_name(self.client.name)))
        try:
            items = reader.call("ready", {"role": self.options.role}).body["items"]
            kept = [x for x in items if x["offered_to"] and pattern.fullmatch(x["offered_to"])]
            kept = [x for x in kept if (x["run"], x["offered_to"]) not in known and self._fits(x["task"], x["role"])]
            asks = reader.call("status", {}).body.get("needs_human", []) if kept else []
        except AndonError as error:
            if error.exit == EXIT_UNAVAILABLE:
                return None
            raise
        waiting = {x.get("agent") for x in asks if x.get("kind") == "ask"}
        for item in kept:
            if item["offered_to"] in waiting:
                continue
            job = self._again(item["offered_to"], item["run"], item["role"])
            if job is not None:
                return job
        return None

    def _fits(self, task: str, role: str | None) -> bool:
        """Whether this worker was asked to do such a step. A role that is not known may fit: claiming tells."""
        options = self.options
        return options.task in (None, task) and (not options.role or not role or role == options.role)

    def _again(self, agent: str, run: str, role: str | None) -> Job | None:
        try:
            return self._next(agent, wait_s=0.0, run=run, role=role)
        except AndonError as error:
            if error.kind not in ("unknown_id", "run_ended"):
                raise
            return None

    def _is_over(self, run: str) -> bool:
        coordinator = self.open(CallContext(cwd=self.cwd, agent=fresh_name(self.client.name)))
        try:
            return bool(coordinator.call("show", {"id": run}).body.get("status") == "ended")
        except AndonError as error:
            return error.kind == "unknown_id"

    def _settled(self, record: Parked) -> str:
        """How its question was settled: answered | void; "" while it is open."""
        coordinator = self.open(CallContext(cwd=self.cwd, agent=record.agent))
        try:
            body = coordinator.call("show", {"id": record.question}).body
        except AndonError as error:
            return "void" if error.exit != EXIT_UNAVAILABLE else ""
        if body.get("answer"):
            return "answered"
        expires_at = body.get("expires_at")
        return "void" if expires_at is not None and float(expires_at) < time.time() else ""

    # ------------------------------------------------------------ the answer

    def _reply(self, interrupted: bool, broke: AndonError | None = None) -> Reply:
        exit_code, error = self._verdict(interrupted)
        if broke is not None:
            exit_code, error = broke.exit, {"kind": broke.kind, "message": broke.message, "next": broke.next}
        body: dict[str, Any] = {
            "ok": exit_code == EXIT_YES,
            "client": self.client.name,
            "tasks": [carried.described() for carried in self.carried],
            "tokens": self.tokens,
        }
        if error is not None:
            body["error"] = error
        return Reply(exit=exit_code, body=body)

    def _verdict(self, interrupted: bool) -> tuple[int, dict[str, str] | None]:
        if interrupted:
            text = "interrupted; the claim was given up and its work kept"
            return 130, {"kind": "interrupted", "message": text, "next": "andon work goes on where it was"}
        if self.stopped:
            exit_code = EXIT_UNAVAILABLE if self.carried and self.carried[-1].client_broke else EXIT_NOT_YET
            return exit_code, {"kind": "stopped", "message": self.stopped, "next": "mend it, then andon work again"}
        if not self.carried:
            text = "nothing is ready" + (f" for role {self.options.role}" if self.options.role else "")
            return EXIT_NOT_YET, {
                "kind": "nothing_ready",
                "message": text,
                "next": "andon status, or --wait, or --watch",
            }
        bad = [x for x in self.carried if not x.well]
        if not bad:
            return EXIT_YES, None
        exits = {"lost": EXIT_LOST, "parked": EXIT_NOT_YET, "handed_off": EXIT_NOT_YET}
        found = {exits.get(x.how, EXIT_NO) for x in bad}
        exit_code = EXIT_NO if EXIT_NO in found else min(found)
        text = "; ".join(f"{x.task} {x.step} {x.how}: {x.reason}" for x in bad)[:2000]
        return exit_code, {"kind": bad[0].how, "message": text, "next": f"andon show {bad[0].run}"}


def fresh_name(client: str) -> str:
    """An agent's name of its own: the client and a short id."""
    return f"{client.replace(':', '-')}-{os.urandom(3).hex()}"


def fresh_pattern(client: str) -> re.Pattern[str]:
    """The names that `fresh_name` makes: none of them lives longer than its claim, but for a parked step."""
    return re.compile(re.escape(client.replace(":", "-")) + "-[0-9a-f]{6}")


def work(
    caller: CallContext, arguments: dict[str, Any], *, open_: Open, state_dir: str, permits: Permits, say: Say
) -> Reply:
    """Carry out `andon work`. Raises AndonError for bad options and a client that is not there."""
    refuse_in_claim(caller)
    options = options_of(arguments, caller.model)
    client = find_client(options.client, options.extra)
    worker = Worker(options, open_=open_, cwd=caller.cwd, client=client, state_dir=state_dir, permits=permits, say=say)
    return worker.run()


def refuse_in_claim(caller: CallContext) -> None:
    """An agent does not launch others from its own claim: they would judge its work under another name."""
    from andon.engine.places import read_lease_file

    if caller.run or read_lease_file(caller.cwd) is not None:
        raise AndonError(
            "andon work is not started from inside a claim",
            kind="in_claim",
            next="cd to the repository, without ANDON_RUN",
            exit=EXIT_DENIED,
        )
