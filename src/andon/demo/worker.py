"""A scripted worker: one operating system process with one agent's name, which knows Andon only by its command line.

Theory of operation. A worker pulls work with `andon next`, works in the directory that it is given, renews its
lease from a second thread, asks `andon check`, and leaves with `andon advance`. Whatever it tries and whatever
Andon answers goes to standard output as one JSON object a line, for the driver. It stops when the stop file
appears or its parent is gone. The dishonest workers are in `characters`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from andon.core.errors import EXIT_NOT_YET, AndonError
from andon.demo import craft, edits, project
from andon.demo.client import Andon, Reply
from andon.demo.tasks import Work, work_named

POLL_S = 0.7
HEARTBEATS_PER_LEASE = 4
MAX_FAILURES = 3


class Orders(Struct, frozen=True, kw_only=True):
    """What the driver tells a worker. tasks: task id -> key of the work. quota: claims before it stops (0: no limit).

    stop: file whose appearance ends the worker. hold: file that keeps reviewers from claiming while it exists (in the second
    act: directory of the signals). memory: JSON file where a worker that will be killed keeps what it knows.
    """

    character: str
    agent: str
    repository: str
    tasks: dict[str, str]
    stop: str
    hold: str
    memory: str
    lease_s: float
    task: str = ""


class Claim(Struct, frozen=True, kw_only=True):
    """What `andon next` gave."""

    task: str
    run: str
    step: str
    token: int
    base: str
    workdir: str
    attempt: int = 1


class Worker:
    """What every worker can do. patience: how long one `andon next` waits for work, "" not at all."""

    patience = ""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.repository = Path(orders.repository)
        self.andon = Andon(orders.agent, self.repository)
        self.parent = os.getppid()

    # ------------------------------------------------------------ talking to the driver

    def note(self, what: str, text: str, *, task: str = "", reply: Reply | None = None, **more: Any) -> None:
        """One line for the driver. what: a short stable word."""
        line: dict[str, Any] = {"agent": self.orders.agent, "what": what, "task": task, "text": text, **more}
        if reply is not None:
            line["reply"] = {
                "exit": reply.exit_code,
                "kind": reply.kind,
                "reason": reply.reason(),
                "closed": [verdict.get("gate") for verdict in reply.closed()],
                "isolation": sorted({str(x.get("isolation")) for x in reply.verdicts if x.get("log")}),
            }
        print(json.dumps(line), flush=True)

    def over(self) -> bool:
        """Whether to stop: the driver says so, or is gone."""
        return Path(self.orders.stop).exists() or os.getppid() != self.parent

    # ------------------------------------------------------------ talking to Andon

    def claim(self, role: str, task: str = "") -> Claim | None:
        """Claim work, waiting until there is some; None when it is time to stop."""
        arguments = ["next", "--role", role, *(["--task", task] if task else [])]
        arguments += ["--wait", self.patience] if self.patience else []
        failures = 0
        while not self.over() and failures < MAX_FAILURES:
            if role == "reviewer" and Path(self.orders.hold).exists():
                time.sleep(0.1)
                continue
            reply = self.andon.call(*arguments)
            if reply.exit_code == 0:
                claim = msgspec.convert(reply.data | {"token": reply.data["lease"]["token"]}, Claim)
                key = self.orders.tasks[claim.task]
                self.note(
                    "claimed", f"claims {claim.step} of {claim.task}", task=key, step=claim.step, token=claim.token
                )
                return claim
            if reply.exit_code != EXIT_NOT_YET:
                failures += 1
                self.note("unexpected", f"next: {reply.reason()}", reply=reply)
            time.sleep(POLL_S)
        return None

    def work_of(self, claim: Claim) -> Work:
        return work_named(self.key_of(claim))

    def key_of(self, claim: Claim) -> str:
        return self.orders.tasks[claim.task]

    @contextmanager
    def heartbeat(self, claim: Claim) -> Iterator[None]:
        """Renew the lease from a second thread until the block is left."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(self.orders.lease_s / HEARTBEATS_PER_LEASE):
                self.andon.call("heartbeat", directory=Path(claim.workdir))

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def check(self, claim: Claim) -> Reply:
        return self.andon.call("check", directory=Path(claim.workdir))

    def advance(self, claim: Claim, message: str, *options: str) -> Reply:
        return self.andon.call("advance", "-m", message, *options, directory=Path(claim.workdir))

    def release(self, claim: Claim, reason: str) -> Reply:
        return self.andon.call("release", "-m", reason, directory=Path(claim.workdir))

    def run(self) -> None:
        raise NotImplementedError


def start_from_base(claim: Claim) -> None:
    """Make the worktree show the base and nothing else, whatever an earlier attempt left there."""
    project.show(Path(claim.workdir), claim.base)


# ---------------------------------------------------------------- honest ones


class Implementer(Worker):
    """Takes whatever is ready, does it, checks it, advances. It starts from the base, whatever was there."""

    reviews_itself = "typed-utils"
    """On this task it also asks for the review of its own change."""

    def run(self) -> None:
        while claim := self.claim("implementer"):
            try:
                with self.heartbeat(claim):
                    self.implement(claim)
            except (AndonError, OSError) as error:
                self.note("unexpected", str(error), task=self.key_of(claim))
                self.release(claim, str(error)[:200])

    def implement(self, claim: Claim) -> None:
        work = self.work_of(claim)
        root = Path(claim.workdir)
        if edits.has_conflict(root / edits.CHANGE_LOG):
            self.note("conflict", "finds a conflict in the change log; does it again on the new head", task=work.key)
        start_from_base(claim)
        if work.tests:
            self.note("test", f"writes the failing test first: {craft.write_tests(work, root)}", task=work.key)
        craft.make_change(work, root)
        checked = self.check(claim)
        if checked.exit_code != 0:
            self.note("unexpected", f"check: {checked.reason()}", task=work.key, reply=checked)
            self.release(claim, f"check is red: {checked.reason()}"[:300])
            return
        self.note("checked", "check is green", task=work.key, reply=checked)
        tries_review = work.key == self.reviews_itself
        if tries_review:
            Path(self.orders.hold).touch()
            time.sleep(1.5)  # A reviewer that has begun to ask must have its answer before there is anything to review.
        try:
            advanced = self.advance(claim, f"{work.title}.")
            what = "advanced" if advanced.exit_code == 0 else "unexpected"
            self.note(what, "advances" if what == "advanced" else advanced.reason(), task=work.key, reply=advanced)
            if tries_review and what == "advanced":
                self.review_own(claim, work)
        finally:
            if tries_review:
                Path(self.orders.hold).unlink(missing_ok=True)

    def review_own(self, claim: Claim, work: Work) -> None:
        """Ask for the review of one's own change, which is ready, but not for this agent."""
        ready = self.andon.call("ready", "--role", "reviewer")
        offered = any(item.get("task") == claim.task for item in ready.data.get("items", []))
        reply = self.andon.call("next", "--role", "reviewer", "--task", claim.task)
        self.note(
            "tried", "asks to review its own change", task=work.key, reply=reply, cheat="own-review", was_ready=offered
        )
        if reply.exit_code == 0:
            self.andon.call("release", "-m", "should not have got this", directory=Path(reply.data["workdir"]))


class Reviewer(Worker):
    """Tries the change instead of believing it; sends it back with reasons."""

    def run(self) -> None:
        while claim := self.claim("reviewer"):
            try:
                with self.heartbeat(claim):
                    self.review(claim)
            except (AndonError, OSError) as error:
                self.note("unexpected", str(error), task=self.work_of(claim).key)
                self.release(claim, str(error)[:200])

    def review(self, claim: Claim) -> None:
        work = self.work_of(claim)
        findings = list(self.findings(claim, work))
        if findings:
            reply = self.advance(claim, "; ".join(findings), "--outcome", "rework")
            self.note("sent_back", f"sends it back: {'; '.join(findings)}", task=work.key, reply=reply)
        else:
            reply = self.advance(claim, "Tried it; the acceptance criteria hold.")
            what = "approved" if reply.exit_code == 0 else "unexpected"
            self.note(what, "approves" if what == "approved" else reply.reason(), task=work.key, reply=reply)

    def findings(self, claim: Claim, work: Work) -> Iterator[str]:
        """What is wrong with the change."""
        root = Path(claim.workdir)
        if work.proof or project.git(root, "diff", "--name-only", claim.base, "--", "tests"):
            with project.files_of(root, claim.base) as base:
                lost = sorted(craft.test_ids(base) - craft.test_ids(root))
                if lost:
                    yield f"{len(lost)} test(s) of the base are gone: {', '.join(lost[:3])}"
                if work.proof:
                    yield from _unproven(work, root, base)
        if found := craft.is_clean(work, root):
            yield f"{work.clean[0]} still finds something: {craft.last_line(found)}"
        if work.entry and work.entry not in (root / edits.CHANGE_LOG).read_text(encoding="utf-8"):
            yield "the change log has no entry"


def _unproven(work: Work, root: Path, base: Path) -> Iterator[str]:
    """Put the change's tests on the base: they must fail there, and pass on the change."""
    for name in {selection.partition("::")[0] for selection in work.proof}:
        if not (root / name).exists():
            yield f"{name} is missing"
            return
        shutil.copyfile(root / name, base / name)
    if craft.run_tests(base, *work.proof).exit_code != 1:
        yield "the new test does not fail without the fix"
    if craft.run_tests(root, *work.proof).exit_code != 0:
        yield "the new test does not pass"


def main() -> None:
    """Read the orders from standard input and carry them out."""
    from andon.demo.characters import CHARACTERS
    from andon.demo.swarm.hands import HANDS

    orders = msgspec.json.decode(sys.stdin.buffer.read(), type=Orders)
    (CHARACTERS | HANDS)[orders.character](orders).run()


if __name__ == "__main__":
    main()
