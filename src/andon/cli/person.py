"""People's acts: at a terminal, by a person, after seeing what is decided.

A guard rail, not a wall (`docs/security.md`): refused without a terminal, inside an agent's environment, and in a claimed
worktree.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from andon.cli.identity import agent_environment, ancestor
from andon.cli.plain import clean
from andon.core.errors import EXIT_DENIED, AndonError
from andon.engine.interface import CallContext, Coordinator

WORDS = {
    "approve": "approve",
    "reject": "reject",
    "waive": "waive a gate of",
    "signal": "post a signal for",
    "run_retry": "put back to work",
    "run_cancel": "cancel",
    "answer": "answer",
    "key_rotate": "retire",
    "config_set": "change the setting",
    "config_unset": "change the setting",
    "lead_freeze": "freeze",
    "lead_unfreeze": "unfreeze",
    "finding_resolve": "resolve a finding of",
    "finding_reopen": "reopen a finding of",
}


REVIEWERS_ACTS = frozenset({"finding_resolve", "finding_reopen"})
"""Acts of the reviewer who raised a finding, or else of a person."""


def confirm(verb: str, arguments: dict[str, Any], coordinator: Coordinator, caller: CallContext) -> None:
    """Ask the person. Raises AndonError kind "not_a_person" (exit 5) or "not_confirmed" (exit 1)."""
    if verb == "answer" and not _is_for_person(coordinator, arguments):
        return
    if verb in REVIEWERS_ACTS and not caller.person:
        # A reviewer's own findings are its to resolve; whose they are, the core knows.
        return
    refuse_agents(caller)
    setting = f"{arguments['key']} to {arguments['value']}" if verb == "config_set" else arguments.get("key")
    subject = arguments.get("run") or arguments.get("message") or setting or "the key that signs evidence"
    if verb in ("lead_freeze", "lead_unfreeze"):
        subject = arguments.get("branch") or "the target branch"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise AndonError(
            f"only a person at a terminal may {WORDS[verb]} {clean(str(subject))}",
            kind="not_a_person",
            next="let a person run this in a terminal",
            exit=EXIT_DENIED,
        )
    if verb in ("config_set", "config_unset"):
        from andon.engine.config import checked

        # Nobody is asked to confirm what is refused afterwards.
        checked(str(arguments["key"]), arguments.get("value"))
    if verb not in ("lead_freeze", "lead_unfreeze", "answer", "key_rotate", "config_set", "config_unset"):
        _show(coordinator, str(subject))
    sys.stderr.write(f"Type yes to {WORDS[verb]} {clean(str(subject))}: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("yes", "y"):
        raise AndonError("not confirmed; nothing was changed", kind="not_confirmed", next="type yes to confirm")


def _is_for_person(coordinator: Coordinator, arguments: dict[str, Any]) -> bool:
    body = coordinator.call("show", {"id": arguments["message"]}).body
    return body.get("recipient") == "human" or bool(body.get("person"))


def refuse_agents(caller: CallContext) -> None:
    """Refuse what an agent's environment asks for. Raises AndonError kind "not_a_person" (exit 5)."""
    variable = agent_environment()
    if variable is None and (client := ancestor()) is not None:
        variable = f"the {client[1]} session above this process"
    if variable is None and not caller.person:
        variable = "--agent"
    if variable is None and _in_claim(caller.cwd):
        variable = "a claimed worktree"
    if variable is not None:
        raise AndonError(
            f"this is a person's act, and {variable} shows an agent's environment",
            kind="not_a_person",
            next="let a person run this in a terminal of their own",
            exit=EXIT_DENIED,
        )


def is_person(caller: CallContext) -> bool:
    """Whether nothing speaks for an agent; a guard rail like `refuse_agents`, for what needs no terminal."""
    try:
        refuse_agents(caller)
    except AndonError:
        return False
    return caller.person


def _in_claim(cwd: str) -> bool:
    from andon.git.locate import locate

    found = locate(cwd)
    return found is not None and os.path.exists(os.path.join(found[1], "andon-lease"))


def _show(coordinator: Coordinator, subject: str) -> None:
    body = coordinator.call("person_preview", {"run": subject}).body
    files = body.get("files", [])
    lines = [f"{body['run']} · {body['task']}: {body['title']}"]
    lines.append(f"by {', '.join(body['authors']) or 'nobody yet'} · {body['patch']}")
    lines += [f"  {x['path']} (+{x['added']} -{x['deleted']})" for x in files[:20]]
    lines += [f"  … and {len(files) - 20} more files"] if len(files) > 20 else []
    lines += [f"done gate {x['gate']}: {x['outcome']}" for x in body.get("done", [])]
    for line in lines:
        sys.stderr.write(clean(line) + "\n")
