"""`andon lead --watch`: land whatever becomes ready, until interrupted. Between rounds it sleeps (`engine.watching`)."""

from __future__ import annotations

import gc
import signal
import sys
from typing import Any

from andon.cli.output import emit
from andon.cli.plain import clean
from andon.core.errors import AndonError
from andon.engine.interface import Coordinator


def watch(coordinator: Coordinator, arguments: dict[str, Any], as_json: bool) -> None:
    """Never returns; one JSON line (or a few lines of text) for each round that did something."""

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    gc.enable()
    told: list[dict[str, Any]] = []
    while True:
        try:
            # It sleeps in there until another round is worth its while.
            reply = coordinator.call("lead", {**arguments, "watch": True}, None)
            # What could not be carried out is tried in every round, and told when it is new.
            errors, before = reply.body["errors"], told
            told = errors
            if reply.body["landed"] or reply.body["refused"] or reply.body["waiting"] or (errors and errors != before):
                emit("lead", reply, as_json, None)
                sys.stdout.flush()
        except AndonError as error:
            if error.exit not in (3, 6):
                raise
            sys.stderr.write(f"andon: {clean(error.message)}\n")
