"""`andon verify`: wiring and the reply. Works in any clone that has the evidence references; opens no database."""

from __future__ import annotations

import os
from typing import Any

from andon.core.errors import EXIT_NO, EXIT_USAGE, EXIT_YES, AndonError, UsageError
from andon.engine.interface import Reply
from andon.evidence import entry
from andon.evidence import ring as rings
from andon.evidence.dsse import Broken
from andon.evidence.keys import KeyStore
from andon.evidence.trust import Problem, Trust, build
from andon.evidence.verifying import MAX_COMMITS, Checked, Verifier
from andon.ports import Git

MAX_KEY_FILE_BYTES = 1_000_000


def verify(git: Git, state_dir: str, arguments: dict[str, Any]) -> Reply:
    """Check a commit or a range. Raises AndonError exit 64 when there is nothing to check or nobody to trust."""
    pinned: dict[str, object] = {}
    for path in arguments.get("keys") or []:
        pinned.update(_key_file(path))
    store = KeyStore(state_dir)
    local = store.ring()[0] if not pinned and os.path.exists(store.ring_path) else None
    if not pinned and local is None:
        text = "there is no key to trust: this clone has no workspace's keys, and none was given"
        raise AndonError(text, kind="no_trusted_key", next="--key FILE (from: andon key show)", exit=EXIT_USAGE)
    wanted = arguments["commits"]
    commits = git.commits_of(wanted, limit=MAX_COMMITS)
    if not commits:
        raise UsageError(f"{wanted} holds no commit: nothing was verified", next="for example main~3..main")
    references = sorted(git.refs(entry.REFS))
    trust = build(local, {ref: git.read_file(ref, entry.RING) for ref in references}, pinned)
    checked = Verifier(git, trust, references).verify(commits)
    return _reply(checked, trust, references, allow_unmanaged=bool(arguments.get("allow_unmanaged")))


def _key_file(path: str) -> dict[str, object]:
    try:
        with open(path, encoding="ascii") as file:
            return dict(rings.public_keys(file.read(MAX_KEY_FILE_BYTES)))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"the key {path} can't be read: {reason}", next="andon key show > FILE") from None
    except Broken as error:
        raise UsageError(f"the key {path} is not good: {error.message}", next="andon key show > FILE") from None


def _reply(checked: list[Checked], trust: Trust, references: list[str], *, allow_unmanaged: bool) -> Reply:
    items = [_item(commit, allow_unmanaged) for commit in checked]
    bad = [item for item in items if not item["ok"]]
    ok = not bad and not trust.problems
    unmanaged = sum(not commit.managed for commit in checked)
    body: dict[str, Any] = {
        "ok": ok,
        "commits": items,
        "problems": [_problem(problem) for problem in trust.problems],
        "verified": sum(item["ok"] and item["managed"] and not item["covered_by"] for item in items),
        "covered": sum(item["ok"] and bool(item["covered_by"]) for item in items),
        "unmanaged": unmanaged,
        "failed": sum(not item["ok"] and item["managed"] for item in items),
        "keys": [
            {"id": key.id, "state": "retired" if key.until is not None else "current"} for key in trust.keys.values()
        ],
        "references": references,
    }
    if not ok:
        parts = [f"{len(bad)} of {len(items)} commits could not be verified"] if bad else []
        parts += ["the key rings are not as they should be"] if trust.problems else []
        body["error"] = {"kind": "not_verified", "message": "; ".join(parts), "next": _next(checked, references)}
    return Reply(exit=EXIT_YES if ok else EXIT_NO, body=body)


def _next(checked: list[Checked], references: list[str]) -> str:
    if not references:
        return "git fetch REMOTE 'refs/andon/evidence/*:refs/andon/evidence/*'"
    if all(commit.apart for commit in checked if commit.problems) and any(commit.apart for commit in checked):
        return "verify a range that ends with the landing that brought them along, or after it; docs/how-to/verify.md"
    if all(commit.managed or not commit.problems for commit in checked):
        return "look at the parts that are named; docs/how-to/verify.md"
    return "look at the parts that are named; --allow-unmanaged lets commits pass that Andon did not land"


def _problem(problem: Problem) -> dict[str, str]:
    return {"part": problem.part, "message": problem.message}


def _item(checked: Checked, allow_unmanaged: bool) -> dict[str, Any]:
    tolerated = allow_unmanaged and not checked.managed
    return {
        "commit": checked.commit,
        "ok": tolerated or not checked.problems,
        "managed": checked.managed,
        "covered_by": checked.covered_by or None,
        "target": checked.target or None,
        "task": checked.task or None,
        "run": checked.run or None,
        "evidence": checked.evidence or None,
        "key": checked.key or None,
        "at": checked.at or None,
        "authors": list(checked.authors),
        "gates": [
            {
                "gate": gate.gate,
                "outcome": gate.outcome,
                "isolation": gate.isolation,
                "people": list(gate.people),
                "waived_by": gate.waived_by or None,
                "why": gate.why or None,
            }
            for gate in checked.gates
        ],
        "problems": [_problem(problem) for problem in checked.problems],
    }
