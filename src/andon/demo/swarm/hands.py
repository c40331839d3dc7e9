"""The scripted workers of the second act: a planner, and six who take whatever piece the hook gives them.

Theory of operation. Nobody is told which piece to do: each asks `andon next`. Whoever gets the victim's piece first is in
the middle of it when the demo kills it. Whoever gets the renamed helper waits until the other half of the pair is in
somebody's hands, and that one waits until the rename is submitted: so both are made on the same head, and only the lead
can see that they do not go together. Signals are files. Must not know: processes, the judgement.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from andon.core.errors import AndonError
from andon.demo import craft
from andon.demo.swarm import facts, pieces
from andon.demo.worker import Claim, Implementer, Worker, start_from_base

INTENT = "dialects"
"""The key of the parent's task."""
WORKERS = 6
PAIR_PATIENCE_S = 240
USES_CLAIMED, RENAME_SUBMITTED = "uses-claimed", "rename-submitted"


class Planner(Worker):
    """Cuts the intent into pieces, and looks who would touch what before anyone writes."""

    def run(self) -> None:
        claim = self.claim("planner", self.orders.task)
        if claim is None:
            return
        with self.heartbeat(claim):
            items = [pieces.listed(piece) for piece in pieces.PIECES]
            target = Path(claim.workdir) / pieces.LIST
            target.write_text(json.dumps(items, indent=2) + "\n", encoding="utf-8")
            reply = self.advance(claim, f"{len(items)} pieces, each with a test of its own.")
        what = "listed" if reply.exit_code == 0 else "unexpected"
        self.note(what, f"lists {len(items)} pieces in {pieces.LIST}", task=INTENT, reply=reply)
        planned = self.andon.call("plan", "--workers", str(WORKERS), "--apply")
        for shared in planned.data.get("shared", []):
            text = f"{shared['path']} is shared by {shared['count']}: {shared['strategy']}"
            text += f", {shared['first']} settles it" if shared["first"] else ""
            self.note("shared", text, task=INTENT, shared=shared)
        what = "planned" if planned.exit_code == 0 else "unexpected"
        figures = {
            name: planned.data.get(name) for name in ("waves", "lower_bound", "one_at_a_time", "shared", "added")
        }
        self.note(what, f"records the plan: {figures['waves']} waves", task=INTENT, reply=planned, figures=figures)


class PieceWorker(Implementer):
    """Takes a piece, makes it with its test, advances; or puts the pieces together when they are all there."""

    patience = "20s"

    def implement(self, claim: Claim) -> None:
        key = self.key_of(claim)
        if key == INTENT:
            self.finish(claim)
            return
        piece, root = pieces.piece_named(key), Path(claim.workdir)
        if key == pieces.USES:
            self.signal(USES_CLAIMED)
        again = self.sent_back(claim)
        if again:
            self.note("sent_back", f"reads why it came back: {facts.shortened(again)}", task=key, reason=again)
        start_from_base(claim)
        pieces.make(piece, root)
        if again:
            self.note("mended", "makes it again on what has landed since", task=key)
        if key == pieces.VICTIM and self.first_to(self.orders.memory):
            self.note("half_way", "is in the middle of its work", task=key)
            while not self.over():
                time.sleep(1)
            return
        ran = craft.run_tests(root, piece.proof)
        if ran.exit_code != 0:
            raise AndonError(f"the tests of {key} fail: {craft.last_line(ran.tail)}", kind="demo_work")
        if key == pieces.RENAMES and not again:
            self.wait_for(USES_CLAIMED)
        if key == pieces.USES and not again:
            self.wait_for(RENAME_SUBMITTED)
        self.leave(claim, key, f"{piece.title}: {craft.last_line(ran.tail)}.")
        if key == pieces.RENAMES:
            self.signal(RENAME_SUBMITTED)

    def finish(self, claim: Claim) -> None:
        """All pieces are in this worktree: see them work together, and leave one change."""
        root = Path(claim.workdir)
        pieces.finish(root)
        self.note("joined", f"finds {len(pieces.PIECES)} pieces in its worktree, writes the change log", task=INTENT)
        self.leave(claim, INTENT, "The pieces fit together.")

    def leave(self, claim: Claim, key: str, message: str) -> None:
        """Advance; the step's gates are measured by Andon on the way."""
        reply = self.advance(claim, message)
        what = "advanced" if reply.exit_code == 0 else "unexpected"
        said = "advances: its gates are green" if what == "advanced" else reply.reason()
        self.note(what, said, task=key, reply=reply)
        if what == "unexpected":
            self.release(claim, f"not green: {reply.reason()}"[:300])

    def sent_back(self, claim: Claim) -> str:
        """The reason with which the lead sent this piece back last, "" when it never did."""
        found = facts.refusals(self.andon.call("log", claim.run).data.get("items", []))
        return found[-1] if found else ""

    # ------------------------------------------------------------ signals between the two of the pair

    def signal(self, name: str) -> None:
        Path(self.orders.hold).mkdir(exist_ok=True)
        (Path(self.orders.hold) / name).touch()

    def wait_for(self, name: str) -> None:
        """Until the other one is that far. Raises AndonError when it never is."""
        deadline = time.monotonic() + PAIR_PATIENCE_S
        while not (Path(self.orders.hold) / name).exists():
            if self.over() or time.monotonic() > deadline:
                raise AndonError(f"waited in vain for {name}", kind="demo_work")
            time.sleep(0.1)

    def first_to(self, path: str) -> bool:
        """Whether this process is the first to come here."""
        try:
            Path(path).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


HANDS: dict[str, type[Worker]] = {"planner": Planner, "piece-worker": PieceWorker}
