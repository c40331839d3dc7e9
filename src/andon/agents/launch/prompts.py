"""What a launched agent is told: the brief in a short frame, and what the gates said when it has to go on.

Short lines, no rules that the gates hold anyway. Text of gates and people is quoted. Must not know clients.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

MAX_VERDICTS = 20
MAX_DETAIL_LINES = 40
MAX_CHARS = 24_000


def first(brief: str, *, agent: str, run: str, workdir: str, review: bool) -> str:
    """The prompt that begins a session."""
    return f"{brief.rstrip()}\n\n## How you are run\n\n{_frame(agent, run, workdir, review)}\n"


def _frame(agent: str, run: str, workdir: str, review: bool) -> str:
    lines = [
        f"You run without a person in front of you, as `{agent}`, on run {run}, in `{workdir}`.",
        "Do not wait for permission or ask in your answer: nobody reads it before the turn is over.",
    ]
    if review:
        lines += [
            "Nobody records your review for you: give its outcome with `andon advance` as said above, then end your turn.",
        ]
    else:
        lines += [
            "When the work is complete, end your turn with a few sentences on what you did. The gates are then run on your",
            "files and, if they open, the step goes on with your words as its message; you need not run `andon advance`",
            "(`andon check` tells you beforehand). To leave by another outcome, run `andon advance --outcome …` yourself.",
        ]
    lines += ["If only a person can decide something: `andon ask 'question'`, then end your turn."]
    return "\n".join(lines)


def red(body: dict[str, Any], *, turns_left: int) -> str:
    """After a check or advance that was not green. body: its reply, or an error's."""
    lines = ["Andon ran the gates on your files. They do not open yet:", ""]
    verdicts = [x for x in body.get("verdicts", []) if x.get("outcome") not in ("passed", "waived")]
    for verdict in verdicts[:MAX_VERDICTS]:
        lines += _verdict(verdict)
    if not verdicts:
        error = body.get("error") or {}
        lines += [f"- {error.get('message') or 'the reason is not known'}"]
    lines += ["", "Mend this in the working directory, then end your turn again.", _turns(turns_left)]
    return _bounded(lines)


def _verdict(verdict: dict[str, Any]) -> list[str]:
    lines = [f"- **{verdict.get('gate')}** {verdict.get('outcome')}: {verdict.get('summary')}"]
    detail = str(verdict.get("detail") or "").rstrip().splitlines()
    if detail:
        shown = detail[-MAX_DETAIL_LINES:]
        lines += ["  ````", *(f"  {line.replace('````', '```')}" for line in shown), "  ````"]
    for finding in (verdict.get("findings") or [])[:MAX_VERDICTS]:
        line = f":{finding['line']}" if finding.get("line") else ""
        where = f"{finding['path']}{line}: " if finding.get("path") else ""
        lines.append(f"  - [{finding.get('severity')}] {where}{finding.get('message')}")
    return lines


def no_outcome(*, turns_left: int) -> str:
    return _bounded(
        [
            "Your turn ended, but your review has no outcome. Nobody gives it for you. Run one of:",
            "",
            "- `andon advance -m 'why it is good'`",
            "- `andon advance --outcome OUTCOME -m 'what is wrong'` (the outcomes stand in the brief)",
            "",
            _turns(turns_left),
        ]
    )


def broken(error: str, *, turns_left: int) -> str:
    return _bounded(
        [
            "Your last turn broke off before its end. What was seen of it:",
            "",
            _quote(error),
            "",
            "Your files are as you left them. Go on with the work and end your turn when it is complete.",
            _turns(turns_left),
        ]
    )


def overtime(error: str, *, turns_left: int) -> str:
    return _bounded(
        [
            f"Your last turn was stopped: {error}",
            "Your files are as you left them. If the work is complete, end your turn at once; else finish it without commands",
            "that never end.",
            _turns(turns_left),
        ]
    )


def answered(question: str, answer: str) -> str:
    return _bounded(
        ["A person answered your question:", "", _quote(question), "", "Answer:", "", _quote(answer), "", "Go on."]
    )


def unanswered(question: str) -> str:
    return _bounded(
        [
            "Nobody answered your question in time, and it is void:",
            "",
            _quote(question),
            "",
            "Go on by your own judgement where you can; the gates decide. End your turn when the work is complete.",
        ]
    )


def anew(beginning: str, more: Sequence[str]) -> str:
    """For a client that remembers nothing: all it needs, once more."""
    return "\n".join([beginning.rstrip(), "", "## What has happened since", "", *more])


def as_message(final_text: str, agent: str) -> str:
    """The agent's last words as the message of an advance made in its place."""
    words = final_text.strip()[:2000]
    return f"{agent} said: {words}" if words else f"{agent} ended its turn without words; the gates opened"


def _turns(left: int) -> str:
    return "This is your last turn." if left <= 1 else f"You have {left} turns left."


def _quote(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.strip().splitlines()) or "> (nothing)"


def _bounded(lines: Sequence[str]) -> str:
    text = "\n".join(lines) + "\n"
    if len(text) <= MAX_CHARS:
        return text
    return f"{text[: MAX_CHARS - 200]}\n[… left out; `andon check` shows it all]\n{lines[-1]}\n"
