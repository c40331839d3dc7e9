"""`lead --watch` tells what went wrong: once, and again when it is another thing."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from andon.cli.watch import watch
from andon.core.errors import EXIT_NO
from andon.engine.interface import Reply

FIRST = [{"run": "R1", "task": "T1", "reason": "the disk is full"}]
SECOND = [{"run": "R1", "task": "T1", "reason": "no bubblewrap"}]


class Rounds:
    """A coordinator whose rounds go wrong in these ways, until somebody interrupts it."""

    def __init__(self, *errors: list[dict[str, str]]) -> None:
        self.errors = list(errors)

    def call(self, verb: str, arguments: dict[str, Any], caller: object) -> Reply:
        assert (verb, arguments["watch"]) == ("lead", True)
        if not self.errors:
            raise KeyboardInterrupt
        body = {"ok": False, "landed": [], "refused": [], "waiting": [], "errors": self.errors.pop(0)}
        return Reply(exit=EXIT_NO, body=body)


def test_errors_are_told_when_they_change(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(KeyboardInterrupt):
            watch(Rounds(FIRST, FIRST, [], [], FIRST, SECOND, SECOND), {}, as_json=True)  # type: ignore[arg-type]
    finally:
        signal.signal(signal.SIGTERM, before)
    told = [json.loads(line)["errors"][0]["reason"] for line in capsys.readouterr().out.splitlines()]
    assert told == ["the disk is full", "the disk is full", "no bubblewrap"]
