"""The verbs of messages: say, ask, answer, inbox, park.

They translate arguments and delegate. A question and the parking of its step are one transaction, so that neither exists
without the other; the same call again (with its key) parks nothing twice.
"""

from __future__ import annotations

from typing import Any

from andon.core import commands as c
from andon.core import state as s
from andon.core.errors import EXIT_USAGE, EXIT_YES, AndonError, Rejected
from andon.core.judge import is_review_step
from andon.engine import claims, judging, mailboxes, messages, people
from andon.engine.interface import Reply
from andon.engine.messages import Outgoing
from andon.engine.places import Claim
from andon.engine.services import Services
from andon.engine.transact import Unit, load_run

Arguments = dict[str, Any]
MAX_WAIT_S = 3600.0


def _place(services: Services) -> tuple[str, str]:
    claim = services.places.read_lease(services.caller.cwd)
    if claim is not None:
        return claim.run, claim.step
    run = services.caller.run
    if run:
        with services.store.read() as reader:
            for row in reader.steps(run, state=s.LEASED):
                if row["agent"] == services.caller.agent:
                    return run, str(row["step"])
    return run or "", ""


def _warned(sent: messages.Sent) -> tuple[str, ...]:
    return (f"warning: {sent.warning}",) if sent.warning else ()


def _sent(sent: messages.Sent) -> dict[str, Any]:
    message = sent.message
    body = {"ok": True, "message": message.id, "to": message.recipient, "thread": message.thread or message.id}
    body |= {"in_reply_to": message.in_reply_to or None, "redelivered": sent.again}
    return body | ({"warning": sent.warning} if sent.warning else {})


def say(services: Services, arguments: Arguments) -> Reply:
    run, step = _place(services)
    to, text = messages.words(arguments)
    outgoing = Outgoing(
        kind="say", to=to, body=text, run=run, step=step, reply=arguments.get("reply") or "", key=arguments.get("key")
    )
    sent = messages.send(services, outgoing)
    return Reply(exit=EXIT_YES, body=_sent(sent), notes=(*_warned(sent), *_still_open(services, outgoing.reply)))


def _still_open(services: Services, name: str) -> tuple[str, ...]:
    """Who replies to a question may think that this answers it."""
    if not name:
        return ()
    with services.store.read() as reader:
        question = messages.load(reader, name)
    if question.kind != "ask" or question.answer or question.sender == services.caller.agent:
        return ()
    return (f"question {name} is still open, a reply is no answer: andon answer {name} 'text'",)


def ask(services: Services, arguments: Arguments) -> Reply:
    run, step = _place(services)
    reply = arguments.get("reply") or ""
    expires_s = arguments.get("expires_s")
    if expires_s is not None and expires_s <= 0:
        raise AndonError("a question expires after some time, not before", kind="usage", next="--expires 2h", exit=64)
    to = arguments.get("to") or ("" if reply else mailboxes.HUMAN)
    outgoing = Outgoing(
        kind="ask",
        to=to,
        body=arguments.get("body") or "",
        run=run,
        step=step,
        reply=reply,
        expires_s=expires_s,
        key=arguments.get("key"),
    )
    if arguments.get("on_expiry") and not arguments.get("park"):
        text = "--on-expiry says what becomes of a parked step; this question parks none"
        raise AndonError(
            text, kind="usage", next="andon ask QUESTION --park --expires 2h --on-expiry cord", exit=EXIT_USAGE
        )
    if arguments.get("park"):
        return _ask_and_park(services, outgoing, arguments)
    sent = messages.send(services, outgoing)
    answered = sent.message
    wait_s = float(arguments.get("wait_s") or 0)
    if wait_s > 0:
        answered = messages.wait_for_answer(services, answered.id, min(wait_s, MAX_WAIT_S))
    return Reply(exit=EXIT_YES, body=_sent(sent) | {"answer": answered.answer or None}, notes=_warned(sent))


# ---------------------------------------------------------------- waiting for an answer


def _ask_and_park(services: Services, outgoing: Outgoing, arguments: Arguments) -> Reply:
    if arguments.get("wait_s"):
        text = "--park gives the step up until the answer comes; --wait waits with it"
        raise AndonError(text, kind="usage", next="choose one of them", exit=EXIT_USAGE)
    outgoing = messages.addressed(services, outgoing)
    before = messages.known_under(services, outgoing)
    if before is not None and (done := _parked_already(services, before)) is not None:
        return done
    if outgoing.to == services.caller.agent:
        text = "nobody answers a question of their own: the step would wait for ever"
        raise AndonError(text, kind="own_question", next="--to another, or human", exit=EXIT_USAGE)
    warning = mailboxes.reachable(services, outgoing.to)
    claim = claims.find_claim(services)
    command = _parking(services, claim, arguments)

    def work(unit: Unit) -> tuple[messages.Sent, s.Run]:
        sent = messages.send_in(services, unit, outgoing)
        return sent, _park_in(unit, claim, command, sent.message)

    (sent, after), effects = services.engine.transact(work)
    services.after(effects)
    body = _sent(sent) | {"answer": sent.message.answer or None} | _where_parked(services, after, claim.step)
    return Reply(exit=EXIT_YES, body=body, notes=(f"warning: {warning}",) if warning else ())


def park(services: Services, arguments: Arguments) -> Reply:
    """Give the step up until a question that was asked before is answered."""
    claim = claims.find_claim(services)
    with services.store.read() as reader:
        question = messages.load(reader, arguments["message"])
    if question.kind != "ask" or question.sender not in (claim.agent, claim.hand):
        text = f"{question.id} is no question of {claim.agent}'s"
        raise AndonError(text, kind="not_a_question", next="andon ask TEXT --park", exit=EXIT_USAGE)
    command = _parking(services, claim, arguments)
    after, effects = services.engine.transact(lambda unit: _park_in(unit, claim, command, question))
    services.after(effects)
    body = {"ok": True, "message": question.id, **_where_parked(services, after, claim.step)}
    return Reply(exit=EXIT_YES, body=body)


def _parking(services: Services, claim: Claim, arguments: Arguments) -> c.Park:
    """What is parked, but for its question. A reviewer leaves nothing behind: what it touched would make it an author."""
    run, step = claims.held(services, claim)
    workflow = judging.definitions_of(services, run)
    reviewing = is_review_step(workflow, workflow.steps[step.step])
    return c.Park(
        at=services.clock.now(),
        actor=claim.agent,
        step=claim.step,
        token=claim.token,
        question="",
        on_expiry=arguments.get("on_expiry") or "ready",
        salvage="" if reviewing else claims.salvage(services, run, step, claim.workdir, must=True),
        notes=arguments.get("notes") or "",
    )


def _park_in(unit: Unit, claim: Claim, command: c.Park, question: s.Message) -> s.Run:
    from msgspec.structs import replace

    if question.run != claim.run:
        text = f"question {question.id} is not about run {claim.run}"
        raise AndonError(text, kind="not_about_this", next="ask it in the claim's workdir", exit=EXIT_USAGE)
    after = unit.on_run(claim.run, replace(command, question=question.id, due_at=question.expires_at))
    if isinstance(after, Rejected):
        raise AndonError.of(after)
    if question.answer:
        # It was answered while the asker made up its mind to wait.
        messages.resume_in(unit, question, command.at)
        after = load_run(unit.writer, claim.run)
    return after


def _parked_already(services: Services, question: s.Message) -> Reply | None:
    """The answer to a call that was carried out before: nothing is parked twice."""
    with services.store.read() as reader:
        loaded = reader.load(question.run) if question.run else None
    run = loaded.state if loaded is not None else None
    step = run.active.get(question.step) if isinstance(run, s.Run) else None
    if not isinstance(run, s.Run) or step is None or question.id not in step.asked:
        return None
    body = _sent(messages.Sent(message=question, again=True)) | {"answer": question.answer or None}
    return Reply(exit=EXIT_YES, body=body | _where_parked(services, run, question.step))


def _where_parked(services: Services, run: s.Run, step_id: str) -> dict[str, Any]:
    step = run.active.get(step_id)
    waits = step is not None and bool(step.question)
    return {"run": run.id, "step": step_id, "parked": waits, "next": people.where(services, run)}


# ---------------------------------------------------------------- reading and answering


def answer(services: Services, arguments: Arguments) -> Reply:
    message = messages.answer(services, arguments["message"], arguments.get("body") or "")
    return Reply(exit=EXIT_YES, body={"ok": True, "message": message.id, "answer": message.answer})


def inbox(services: Services, arguments: Arguments) -> Reply:
    if arguments.get("thread"):
        return Reply(exit=EXIT_YES, body=messages.thread(services, arguments["thread"]))
    acknowledge = arguments.get("ack") or []
    names = [acknowledge] if isinstance(acknowledge, str) else list(acknowledge)
    return Reply(exit=EXIT_YES, body=messages.inbox(services, acknowledge=names))
