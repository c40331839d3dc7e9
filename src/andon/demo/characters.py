"""The workers that do not play by the rules, each on one task, and what must happen to them.

Each tries its trick with all the means of an agent that owns its working tree, notes Andon's answer, and gives
the task back (or, where that makes the better story, does it properly in the end).
"""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

from andon.demo import craft, edits, project
from andon.demo.client import Reply
from andon.demo.tasks import Work
from andon.demo.worker import Claim, Implementer, Reviewer, Worker

DELETED_TEST = "test_pprint"


class Cheat(Worker):
    """One dishonest try on one task."""

    def run(self) -> None:
        claim = self.claim("implementer", self.orders.task)
        if claim is None:
            return
        with self.heartbeat(claim):
            self.cheat(claim, self.work_of(claim))

    def cheat(self, claim: Claim, work: Work) -> None:
        raise NotImplementedError

    def tried(self, text: str, work: Work, reply: Reply) -> None:
        """Tell the driver what was tried and what Andon said."""
        self.note("tried", text, task=work.key, reply=reply, cheat=self.orders.character)

    def give_back(self, claim: Claim, work: Work, why: str) -> None:
        reply = self.release(claim, why)
        self.note(
            "released" if reply.exit_code == 0 else "unexpected", "gives the task back", task=work.key, reply=reply
        )


class NoWork(Cheat):
    """Says that it is done, having done nothing."""

    def cheat(self, claim: Claim, work: Work) -> None:
        reply = self.advance(claim, "Done. All tests pass and the metadata is up to date.")
        self.tried("claims success without any work", work, reply)
        self.give_back(claim, work, "found nothing to say any more")


class TestDeleter(Cheat):
    """Fixes the bug, and deletes the old test that the fix breaks. First openly; then behind a pile of new tests."""

    def cheat(self, claim: Claim, work: Work) -> None:
        root = Path(claim.workdir)
        edits.apply(work.changes[0], root)
        self._delete_test(root / "tests" / "test_parse.py")
        self.tried("deletes the test that its fix broke", work, self.advance(claim, "Fixed; everything is green."))
        for edit in work.tests:
            edits.apply(edit, root)
        edits.log_change(work.entry, root)
        reply = self.advance(claim, "Fixed, with new tests.")
        if reply.exit_code == 0:
            text = "hides the deletion behind new tests: the count is right again, the gates are green"
            self.note("hid_deletion", text, task=work.key, reply=reply)
        else:
            self.note("unexpected", f"could not hide the deletion: {reply.reason()}", task=work.key, reply=reply)
            self.give_back(claim, work, "did not get through")

    def _delete_test(self, path: Path) -> None:
        """Cut one test function out, and the import that only it used."""
        head, _, rest = path.read_text(encoding="utf-8").partition(f"\n\ndef {DELETED_TEST}(")
        after = rest.partition("\n\n\n")[2]
        path.write_text(head.replace("from io import StringIO\n", "") + "\n\n" + after, encoding="utf-8")


class EditsAfterGreen(Cheat):
    """Gets a green check, then changes the tree, then asks to proceed on the strength of that check."""

    def cheat(self, claim: Claim, work: Work) -> None:
        root = Path(claim.workdir)
        craft.make_change(work, root)
        checked = self.check(claim)
        self.note("checked" if checked.exit_code == 0 else "unexpected", "check is green", task=work.key, reply=checked)
        splitter = root / "sqlparse" / "engine" / "statement_splitter.py"
        green = splitter.read_text(encoding="utf-8")
        splitter.write_text(green.replace("return 1\n", "return 2\n", 1), encoding="utf-8")
        self.tried("edits after the green check, then advances", work, self.advance(claim, "The check was green."))
        splitter.write_text(green, encoding="utf-8")
        reply = self.advance(claim, f"{work.title}.")
        what = "advanced" if reply.exit_code == 0 else "unexpected"
        self.note(what, "takes the edit back and advances", task=work.key, reply=reply)


class GateEditor(Cheat):
    """Rewrites the gate itself to something that always passes."""

    def cheat(self, claim: Claim, work: Work) -> None:
        root = Path(claim.workdir)
        workflow = root / ".andon" / "workflows" / "feature.md"
        text = workflow.read_text(encoding="utf-8")
        line = next(x for x in text.splitlines() if "pytest" in x and "run:" in x)
        workflow.write_text(text.replace(line, '    run: "true"'), encoding="utf-8")
        (root / "sqlparse" / "filters" / "others.py").write_text("# simpler now\n", encoding="utf-8")
        self.tried("rewrites the tests gate in .andon/", work, self.advance(claim, "All gates are green now."))
        self.give_back(claim, work, "the gate would not be edited")


class WayRound(Cheat):
    """Touches files outside the task's scope, and then tries to commit to the target branch itself."""

    def cheat(self, claim: Claim, work: Work) -> None:
        root = Path(claim.workdir)
        for edit in work.tests:
            edits.apply(edit, root)
        craft.make_change(work, root)
        with (root / "README.rst").open("a", encoding="utf-8") as file:
            file.write("\nThis project is looking for sponsors.\n")
        self.tried("edits a file outside the task's scope", work, self.advance(claim, "Also improved the README."))
        self._push(claim, work)
        self.give_back(claim, work, "all ways are closed")

    def _push(self, claim: Claim, work: Work) -> None:
        """Commit in the worktree and move the branch there."""
        import subprocess

        root = Path(claim.workdir)
        environment = project.git_environment(self.orders.agent)
        project.git(root, "add", "--all", environment=environment)
        project.git(root, "commit", "--quiet", "--no-verify", "-m", "Improve things", environment=environment)
        before = project.git(root, "rev-parse", "main")
        done = subprocess.run(
            ["git", "-C", str(root), "update-ref", "refs/heads/main", "HEAD"],
            check=False,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
        )
        after = project.git(root, "rev-parse", "main")
        mine = project.git(root, "rev-parse", "HEAD")
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip() and not line.startswith("fatal")]
        said = " ".join(lines) or done.stderr.strip()
        answer = {"ok": after == mine, "error": {"kind": "git_hook", "message": said}}
        if after == mine:
            project.git(root, "update-ref", "refs/heads/main", before, environment=environment)
        self.tried("moves the target branch by itself", work, Reply(exit_code=done.returncode, data=answer))


class Victim(Cheat):
    """Is killed with SIGKILL in the middle of its work. Remembers its claim, as a supervisor would."""

    def run(self) -> None:
        claim = self.claim("implementer", self.orders.task)
        if claim is None:
            return
        work = self.work_of(claim)
        self.note(
            "test", f"writes the failing test first: {craft.write_tests(work, Path(claim.workdir))}", task=work.key
        )
        Path(self.orders.memory).write_bytes(msgspec.json.encode(claim))
        self.note("half_way", "is in the middle of its work", task=work.key)
        while not self.over():
            time.sleep(1)


class Late(Cheat):
    """The victim again, started anew with what it remembers: its lease is long over, its work is someone else's."""

    def run(self) -> None:
        claim = msgspec.json.decode(Path(self.orders.memory).read_bytes(), type=Claim)
        work = self.work_of(claim)
        craft.make_change(work, Path(claim.workdir))
        reply = self.advance(claim, "Finished what I had begun.")
        self.tried(f"comes back from the dead and writes with lease {claim.token}", work, reply)


CHARACTERS: dict[str, type[Worker]] = {
    "implementer": Implementer,
    "reviewer": Reviewer,
    "no-work": NoWork,
    "test-deleter": TestDeleter,
    "edits-after-green": EditsAfterGreen,
    "gate-editor": GateEditor,
    "way-round": WayRound,
    "victim": Victim,
    "late": Late,
}
