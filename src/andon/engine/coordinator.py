"""The local coordinator: every verb of the product, over the embedded store.

One small interface, `call(verb, arguments) -> Reply`, whose arguments and bodies are plain JSON; the HTTP coordinator
will answer the same verbs. The table at the end is the list of verbs; each function translates and delegates.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from andon.core import state as s
from andon.core import workflow as w
from andon.core.errors import EXIT_NO, EXIT_NOT_YET, EXIT_USAGE, EXIT_YES, AndonError
from andon.core.judge import is_review_step
from andon.core.later import later
from andon.core.rules_step import gates_of
from andon.core.verdict import Finding
from andon.engine import claims, messages, session
from andon.engine.interface import Reply
from andon.engine.places import Claim
from andon.engine.services import Services
from andon.engine.transact import load_run, load_task
from andon.ports_queue import WORK

Arguments = dict[str, Any]
MAX_WAIT_S = 3600.0


TOLD = frozenset(
    {
        *("next", "brief", "check", "advance", "submit", "heartbeat", "release", "handoff", "say", "ask", "park"),
        *("spawn", "wait", "learn"),
    }
)
"""Verbs of agents: whatever the answer is, the caller learns that messages wait for it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from andon.engine import judging, people, views
    from andon.engine.claiming import Claimed
    from andon.engine.landing import AllowLanding
    from andon.engine.watching import Watch
else:
    judging, people, views = later("andon.engine.judging"), later("andon.engine.people"), later("andon.engine.views")


class LocalCoordinator:
    """Answers verbs for one caller in one repository."""

    def __init__(self, services: Services, allow_landing: AllowLanding) -> None:
        self.services = services
        self.allow_landing = allow_landing

    def call(self, verb: str, arguments: Arguments, progress: Callable[[str], None] | None = None) -> Reply:
        """Carry out a verb. Raises AndonError; see `interface` for the verbs."""
        self.services.progress = progress
        try:
            reply = self._call(verb, arguments)
        except AndonError as error:
            error.notes = (*error.notes, *self._said(verb))
            raise
        said = self._said(verb)
        told: Reply = replace(reply, notes=(*reply.notes, *said)) if said else reply
        return told

    def _said(self, verb: str) -> tuple[str, ...]:
        """Lines for standard error besides what the verb itself says."""
        remarks, self.services.remarks[:] = tuple(self.services.remarks), []
        return (*remarks, *(self._unread() if verb in TOLD else ()))

    def _call(self, verb: str, arguments: Arguments) -> Reply:
        if (handler := HANDLERS.get(verb)) is not None:
            return session.with_note(self.services, verb, handler(self, arguments))
        if (place := ELSEWHERE.get(verb)) is None:
            raise AndonError(f"there is no verb {verb}", kind="usage", next="andon --help", exit=EXIT_USAGE)
        module, _, name = place.partition(":")
        function: Callable[[Services, Arguments], Reply] = getattr(importlib.import_module(module), name)
        return function(self.services, arguments)

    # ------------------------------------------------------------ agents

    def next(self, arguments: Arguments) -> Reply:
        services = self.services
        here = services.places.read_lease(services.caller.cwd)
        own = here is not None and services.caller.agent in (here.agent, here.hand)
        if here is not None and own and not arguments.get("task"):
            try:
                claims.held(services, claims.find_claim(services))
            except AndonError:
                here = None
            if here is not None:
                return self._claim_reply(here, resumed=True)
        claimed = self._claim(arguments)
        lease = claimed.step.lease
        if lease is None:
            raise AndonError("the claim was lost at once", kind="lease_lost", next="andon next", exit=4)
        claim = Claim(
            run=claimed.run.id,
            step=claimed.step.step,
            token=lease.token,
            agent=services.caller.agent,
            workdir=lease.workdir,
        )
        return self._claim_reply(claim)

    def _claim(self, arguments: Arguments) -> Claimed:
        """Claim something, now or within the time that the caller waits. Raises AndonError kind "nothing_ready"."""
        from andon.engine import waiting
        from andon.engine.claiming import claim_next

        last: list[AndonError] = []

        def look() -> Claimed | None:
            try:
                return claim_next(
                    self.services,
                    role=arguments.get("role"),
                    task=arguments.get("task"),
                    run=arguments.get("run") or self.services.caller.run,
                    labels=tuple(arguments.get("labels") or ()),
                )
            except AndonError as error:
                if error.kind != "nothing_ready":
                    raise
                last[:] = [error]
                return None

        wait_s = min(float(arguments.get("wait_s") or 0), MAX_WAIT_S)
        claimed = waiting.until(self.services, look, wait_s, about=WORK)
        if claimed is None:
            raise last[0]
        return claimed

    def _claim_reply(self, claim: Claim, *, resumed: bool = False) -> Reply:
        run, step = claims.held(self.services, claim)
        lease = step.lease
        if lease is None:
            raise AndonError("the claim was lost at once", kind="lease_lost", next="andon next", exit=4)
        from andon.engine.briefing import write_brief

        workflow = claims.definitions_of(self.services, run)
        definition = workflow.steps[step.step]
        around = self._neighbours(run)
        body = {
            "ok": True,
            "task": run.task,
            "run": run.id,
            "step": step.step,
            "role": step.role or None,
            "attempt": step.attempt,
            "lease": {"token": lease.token, "expires_at": messages.rfc3339(lease.expires_at)},
            "workdir": claim.workdir,
            "base": run.base,
            "brief": write_brief(self.services, run, step, workflow, around),
            "gates": list(gates_of(workflow, definition)),
            "review": is_review_step(workflow, definition),
            "outcomes": list(dict.fromkeys(edge.outcome for edge in workflow.out(step.step))),
            "resumed": resumed,
        }
        return Reply(exit=EXIT_YES, body=body, notes=around)

    def _neighbours(self, run: s.Run) -> tuple[str, ...]:
        """Who else works on the same paths, a line each."""
        from andon.engine import offers

        with self.services.store.read() as reader:
            scope = run.scope or offers.predicted_of(reader, run.task)
            return tuple(x.line() for x in offers.neighbours_of(reader, run.task, scope, self.services.clock.now()))

    def _unread(self) -> tuple[str, ...]:
        try:
            count = messages.unread(self.services)
        except AndonError:
            # What was asked for is what counts; the mailbox can be read another time.
            return ()
        return (f"{count} unread message{'s' if count != 1 else ''}: andon inbox",) if count else ()

    def brief(self, arguments: Arguments) -> Reply:
        claim = claims.find_claim(self.services)
        return self._claim_reply(claim, resumed=True)

    def check(self, arguments: Arguments) -> Reply:
        claim = claims.find_claim(self.services)
        judged = judging.check(self.services, claim, fresh=bool(arguments.get("fresh")))
        following: dict[str, Any] = {"step": judged.step, "role": self._role(judged), "state": "yours"}
        reply = self._judged_reply(judged, following)
        workflow = claims.definitions_of(self.services, judged.run)
        if reply.exit == EXIT_NOT_YET and is_review_step(workflow, workflow.steps[judged.step]):
            reply.body["error"]["next"] = "andon advance records your review (or --outcome … to send it back)"
            reply.body["review"] = True
        if reply.exit == EXIT_YES and (left := judging.still_to_do(judged)) is not None:
            error = {"kind": left.kind, "message": left.message, "next": left.next}
            return Reply(exit=left.exit, body=reply.body | {"ok": False, "error": error}, notes=reply.notes)
        return reply

    def advance(self, arguments: Arguments) -> Reply:
        claim = claims.find_claim(self.services)
        judged = judging.advance(
            self.services,
            claim,
            outcome=arguments.get("outcome"),
            message=arguments.get("message") or "",
            notes=arguments.get("notes") or "",
            findings=self._findings(arguments),
            resolve=tuple(str(x) for x in arguments.get("resolve") or ()),
            fresh=bool(arguments.get("fresh")),
        )
        step = judged.run.active.get(claim.step)
        if step is not None and step.lease is not None and step.lease.token == claim.token:
            following: dict[str, Any] = {"step": judged.step, "role": step.role or None, "state": "yours"}
        else:
            following = people.where(self.services, judged.run)
        return self._judged_reply(judged, following)

    def _findings(self, arguments: Arguments) -> tuple[Finding, ...]:
        from andon.engine.finding_text import parse_findings

        return parse_findings(arguments.get("findings") or [])

    def _role(self, judged: judging.Judged) -> str | None:
        step = judged.run.active.get(judged.step)
        return (step.role or None) if step else None

    def _judged_reply(self, judged: judging.Judged, following: dict[str, Any]) -> Reply:
        ok = judged.exit == EXIT_YES
        body: dict[str, Any] = {
            "ok": ok,
            "run": judged.run.id,
            "task": judged.run.task,
            "step": judged.step,
            "verdicts": [views.verdict_json(x) for x in judged.verdicts],
            "next": following,
        }
        if judged.outcome:
            body["outcome"] = judged.outcome
        if not ok:
            body["error"] = _explain(judged)
        return Reply(exit=judged.exit, body=body)

    def submit(self, arguments: Arguments) -> Reply:
        claim = claims.find_claim(self.services)
        submission = judging.submit(self.services, claim)
        body = {
            "ok": True,
            "run": claim.run,
            "step": claim.step,
            "commit": submission.commit,
            "tree": submission.tree,
            "patch": submission.patch,
        }
        return Reply(exit=EXIT_YES, body=body)

    def heartbeat(self, arguments: Arguments) -> Reply:
        claim = claims.find_claim(self.services)
        tokens = int(arguments.get("tokens") or 0)
        try:
            claims.held(self.services, claim)
        except AndonError as error:
            # What was used was used: a budget counts it although the claim is over.
            if tokens != 0 and claims.count_late(self.services, claim, tokens, arguments.get("key")):
                text = f"{error.message}; its {tokens} tokens were counted"
                raise AndonError(text, kind=error.kind, next=error.next, exit=error.exit) from None
            raise
        run = claims.renew(self.services, claim, tokens, arguments.get("key"), notes=arguments.get("notes") or "")
        step = run.active.get(claim.step)
        lease = step.lease if step else None
        if lease is None or lease.token != claim.token:
            raise session.lost(run, claim)
        body = {
            "ok": True,
            "run": claim.run,
            "step": claim.step,
            "lease": {"token": claim.token, "expires_at": messages.rfc3339(lease.expires_at)},
            "tokens_used": run.tokens_used,
        }
        if lease.session_ends_at is not None:
            body["session_ends_at"] = messages.rfc3339(lease.session_ends_at)
        if lease.budget is not None:
            body["attempt"] = {"tokens_used": lease.tokens_used, "tokens": lease.budget}
        return Reply(exit=EXIT_YES, body=body)

    def release(self, arguments: Arguments) -> Reply:
        from andon.engine.handing import claim_to_leave

        claim = claim_to_leave(self.services)
        run = claims.give_up(self.services, claim, reason=arguments.get("message") or "")
        return Reply(
            exit=EXIT_YES,
            body={"ok": True, "run": run.id, "step": claim.step, "next": people.where(self.services, run)},
        )

    # ------------------------------------------------------------ tasks and runs

    def task_add(self, arguments: Arguments) -> Reply:
        from andon.engine import tasks

        task = tasks.add(self.services, arguments)
        return Reply(exit=EXIT_YES, body={"ok": True, **tasks.describe(task)})

    def task_list(self, arguments: Arguments) -> Reply:
        status = arguments.get("status") or []
        listed = [status] if isinstance(status, str) else list(status)
        return Reply(exit=EXIT_YES, body=views.task_list(self.services, listed, arguments.get("label")))

    def task_show(self, arguments: Arguments) -> Reply:
        with self.services.store.read() as reader:
            load_task(reader, arguments["task"])
        return Reply(exit=EXIT_YES, body=views.show(self.services, arguments["task"]))

    def task_edit(self, arguments: Arguments) -> Reply:
        from andon.engine import tasks

        task = tasks.edit(self.services, arguments["task"], arguments)
        return Reply(exit=EXIT_YES, body={"ok": True, **tasks.describe(task)})

    def task_release(self, arguments: Arguments) -> Reply:
        from andon.engine import tasks

        task = tasks.edit(self.services, arguments["task"], {"draft": False})
        return Reply(exit=EXIT_YES, body={"ok": True, **tasks.describe(task)})

    def task_cancel(self, arguments: Arguments) -> Reply:
        from andon.engine import tasks

        task = tasks.cancel(self.services, arguments["task"], arguments.get("message") or "")
        return Reply(exit=EXIT_YES, body={"ok": True, **tasks.describe(task)})

    def run_start(self, arguments: Arguments) -> Reply:
        from andon.engine import runs
        from andon.engine.system import carry_out

        run = runs.start_task(self.services, arguments["task"])
        carry_out(self.services, run.id)
        with self.services.store.read() as reader:
            run = load_run(reader, run.id)
        return Reply(
            exit=EXIT_YES,
            body={"ok": True, "run": run.id, "task": run.task, "next": people.where(self.services, run)},
        )

    def run_list(self, arguments: Arguments) -> Reply:
        status = arguments.get("status") or []
        listed = [status] if isinstance(status, str) else list(status)
        return Reply(exit=EXIT_YES, body=views.run_list(self.services, listed))

    def run_show(self, arguments: Arguments) -> Reply:
        run = people.run_of(self.services, arguments["run"])
        return Reply(exit=EXIT_YES, body=views.show(self.services, run.id))

    def run_cancel(self, arguments: Arguments) -> Reply:
        body = people.cancel(self.services, arguments["run"], reason=arguments.get("message") or "")
        return Reply(exit=EXIT_YES, body=body)

    def run_retry(self, arguments: Arguments) -> Reply:
        body = people.retry(
            self.services, arguments["run"], step=arguments.get("step"), reason=arguments.get("message") or ""
        )
        return Reply(exit=EXIT_YES, body=body)

    def show(self, arguments: Arguments) -> Reply:
        return Reply(exit=EXIT_YES, body=views.show(self.services, arguments["id"]))

    def log(self, arguments: Arguments) -> Reply:
        limit = int(arguments.get("limit") or 1000)
        body = views.log(self.services, arguments.get("id"), int(arguments.get("after") or 0), limit)
        archived = body["archived_runs"]
        notes = (f"{archived} runs are archived; their events: andon log RUN",) if archived else ()
        return Reply(exit=EXIT_YES if body["ok"] else EXIT_NO, body=body, notes=notes)

    # ------------------------------------------------------------ people

    def person_preview(self, arguments: Arguments) -> Reply:
        return Reply(exit=EXIT_YES, body=people.preview(self.services, arguments["run"]))

    def approve(self, arguments: Arguments) -> Reply:
        body = people.approve(
            self.services,
            arguments["run"],
            step=arguments.get("step"),
            message=arguments.get("message") or "",
            signed=arguments.get("signed_by") or "",
        )
        return Reply(exit=EXIT_YES, body=body)

    def reject(self, arguments: Arguments) -> Reply:
        body = people.reject(
            self.services,
            arguments["run"],
            step=arguments.get("step"),
            outcome=arguments.get("outcome"),
            message=arguments.get("message") or "",
        )
        return Reply(exit=EXIT_YES, body=body)

    def waive(self, arguments: Arguments) -> Reply:
        body = people.waive(self.services, arguments["run"], gate=arguments["gate"], why=arguments.get("why") or "")
        return Reply(exit=EXIT_YES, body=body)

    def signal(self, arguments: Arguments) -> Reply:
        body = people.signal(
            self.services,
            arguments["run"],
            signal_name=arguments["name"],
            outcome=arguments.get("outcome") or w.PASSED,
            tree=arguments.get("tree"),
            message=arguments.get("message") or "",
            url=arguments.get("url") or "",
        )
        return Reply(exit=EXIT_YES, body=body)

    # ------------------------------------------------------------ the lead

    def _watch(self) -> Watch:
        from andon.engine.watching import Watch

        if self.services.watch is None:
            self.services.watch = Watch(self.services)
        return self.services.watch

    def lead(self, arguments: Arguments) -> Reply:
        from andon.core.merge_queue import WINDOW_MAX
        from andon.engine import landing
        from andon.engine import merge_queue as queue

        limit, window = arguments.get("limit"), arguments.get("window")
        if window is not None and not 1 <= int(window) <= WINDOW_MAX:
            text = f"--window is from 1 to {WINDOW_MAX}, found {window}"
            raise AndonError(text, kind="usage", next="andon lead --window 4", exit=EXIT_USAGE)
        if limit is not None and int(limit) < 1:
            text = f"--limit is at least 1, found {limit}"
            raise AndonError(text, kind="usage", next="andon lead --limit 1", exit=EXIT_USAGE)
        if arguments.get("verify") and not arguments.get("dry_run"):
            text = "--verify measures what a dry run tells of; without --dry-run the lead would land"
            raise AndonError(text, kind="usage", next="andon lead --dry-run --verify", exit=EXIT_USAGE)
        if arguments.get("dry_run"):
            return queue.dry_run(self.services, arguments)
        watch = self._watch() if arguments.get("watch") else None
        if watch is not None:
            watch.rest()
        results = landing.lead_once(
            self.services, self.allow_landing, int(limit) if limit else None, int(window) if window else None
        )
        landed = [x for x in results if x.how == "landed"]
        refused = [x for x in results if x.how in ("conflict", "failed")]
        waiting = [x for x in results if x.how == "waiting"]
        errors = [x for x in results if x.how == "error"]
        if watch is not None:
            watch.ended(decided=bool(landed or refused))
        blocked = [x for x in landed if x.reason]
        exit_code = EXIT_NO if refused or errors or blocked else EXIT_YES if landed else EXIT_NOT_YET
        body: dict[str, Any] = {
            "ok": exit_code == EXIT_YES,
            "landed": [{"run": x.run, "task": x.task, "commit": x.commit} for x in landed],
            "refused": [{"run": x.run, "task": x.task, "how": x.how, "reason": x.reason} for x in refused],
            "waiting": [{"run": x.run, "task": x.task, "reason": x.reason} for x in waiting],
            "errors": [{"run": x.run, "task": x.task, "reason": x.reason} for x in errors],
            "queue": queue.queues(self.services),
        }
        if not results:
            body["error"] = queue.nothing_ready(body["queue"])
        elif exit_code != EXIT_YES:
            kind = "refused" if refused else "error" if errors else "blocked" if blocked else "pending"
            text = "; ".join(f"{x.run}: {x.reason}" for x in (*refused, *errors, *blocked, *waiting))
            body["error"] = {"kind": kind, "message": text, "next": "andon status"}
        notes = tuple(note for result in results for note in result.notes)
        return Reply(exit=exit_code, body=body, notes=notes)

    # ------------------------------------------------------------ keys of evidence

    def key_list(self, arguments: Arguments) -> Reply:
        return Reply(exit=EXIT_YES, body={"ok": True, "items": self.services.evidence.described()})

    def key_show(self, arguments: Arguments) -> Reply:
        from andon.engine import proof

        return Reply(exit=EXIT_YES, body={"ok": True, **proof.key_named(self.services, arguments.get("key"))})

    def key_rotate(self, arguments: Arguments) -> Reply:
        from andon.engine import proof

        # No landing signs with a key while it is retired.
        with self.services.places.only_lead():
            return Reply(exit=EXIT_YES, body={"ok": True, **proof.rotate(self.services)})


def _explain(judged: judging.Judged) -> dict[str, str]:
    """Why the answer is no, in plain words."""
    closed = [x for x in judged.verdicts if not x.opens]
    text = "; ".join(f"gate {x.gate} {x.outcome}: {x.summary}" for x in closed)
    step = judged.run.active.get(judged.step)
    if step is not None and step.state == s.BLOCKED:
        return {"kind": "blocked", "message": step.reason, "next": f"a person: andon show {judged.run.id}"}
    if judged.exit == EXIT_NOT_YET:
        return {"kind": "pending", "message": text, "next": "andon next for other work; this goes on by itself"}
    return {"kind": "red", "message": text or judged.run.reason, "next": "fix it, then andon advance again"}


HANDLERS: dict[str, Callable[[LocalCoordinator, Arguments], Reply]] = {
    "next": LocalCoordinator.next,
    "brief": LocalCoordinator.brief,
    "check": LocalCoordinator.check,
    "advance": LocalCoordinator.advance,
    "submit": LocalCoordinator.submit,
    "heartbeat": LocalCoordinator.heartbeat,
    "release": LocalCoordinator.release,
    "task_add": LocalCoordinator.task_add,
    "task_list": LocalCoordinator.task_list,
    "task_show": LocalCoordinator.task_show,
    "task_edit": LocalCoordinator.task_edit,
    "task_release": LocalCoordinator.task_release,
    "task_cancel": LocalCoordinator.task_cancel,
    "run_start": LocalCoordinator.run_start,
    "run_list": LocalCoordinator.run_list,
    "run_show": LocalCoordinator.run_show,
    "run_cancel": LocalCoordinator.run_cancel,
    "run_retry": LocalCoordinator.run_retry,
    "show": LocalCoordinator.show,
    "log": LocalCoordinator.log,
    "person_preview": LocalCoordinator.person_preview,
    "approve": LocalCoordinator.approve,
    "reject": LocalCoordinator.reject,
    "waive": LocalCoordinator.waive,
    "signal": LocalCoordinator.signal,
    "lead": LocalCoordinator.lead,
    "key_list": LocalCoordinator.key_list,
    "key_show": LocalCoordinator.key_show,
    "key_rotate": LocalCoordinator.key_rotate,
}

ELSEWHERE: dict[str, str] = {
    "ready": "andon.engine.ready:ready",
    "config_list": "andon.engine.config:config_list",
    "config_get": "andon.engine.config:config_get",
    "config_set": "andon.engine.config:config_set",
    "config_unset": "andon.engine.config:config_unset",
    "learn": "andon.engine.learnings:learn",
    "learn_list": "andon.engine.learnings:learn_list",
    "learn_show": "andon.engine.learnings:learn_show",
    "learn_edit": "andon.engine.learnings:learn_edit",
    "learn_confirm": "andon.engine.learnings:learn_confirm",
    "learn_retire": "andon.engine.learnings:learn_retire",
    "inject": "andon.engine.knowing:inject",
    "lead_freeze": "andon.engine.merge_queue:freeze",
    "lead_unfreeze": "andon.engine.merge_queue:unfreeze",
    **{verb: f"andon.engine.talk:{verb}" for verb in ("say", "ask", "answer", "inbox", "park")},
    "handoff": "andon.engine.handing:handoff",
    "finding_list": "andon.engine.findings:list_of",
    "finding_resolve": "andon.engine.findings:resolve",
    "finding_reopen": "andon.engine.findings:reopen",
    "spawn": "andon.engine.spawning:spawn",
    "wait": "andon.engine.spawning:wait",
}
"""Verbs whose functions `(services, arguments) -> Reply` stand in modules of their own, as "module:function"; imported when
they are asked for."""
