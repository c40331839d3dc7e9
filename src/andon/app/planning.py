"""`andon plan` wired: the files of what was mined and read, and the drawing. Must not know: rules of planning."""

from __future__ import annotations

import gc
import os
from typing import Any

from andon.core.errors import UsageError
from andon.engine.interface import Reply
from andon.engine.planning import plan as make
from andon.engine.services import Services
from andon.git.repository import Repository
from andon.store.defined import DefinedFile
from andon.store.mined import MinedFile


def plan(services: Services, git: Repository, cwd: str, arguments: dict[str, Any]) -> Reply:
    """The verb: a plan, recorded with --apply, drawn with --svg."""
    file = arguments.get("svg")
    if file is not None:
        file = os.path.join(cwd, file)
        if arguments.get("clear"):
            raise UsageError("a cleared plan can't be drawn", next="andon plan --svg FILE")
        if not os.path.isdir(os.path.dirname(file)) or os.path.isdir(file):
            raise UsageError(f"{file} can't be written: no such directory, or a directory", next="name a file")
    kept = MinedFile(os.path.join(services.state_dir, "history.db"))
    names = DefinedFile(os.path.join(services.state_dir, "definitions.db"))
    # Nothing of a plan goes in circles, and looking for circles among so many records takes a third of the time.
    collected = gc.isenabled()
    gc.disable()
    try:
        reply, made = make(services, kept, names, arguments, shallow=git.is_shallow)
    finally:
        if collected:
            gc.enable()
    if file is not None and made is not None:
        from andon.workflow.svg.plan import render_plan

        with open(file, "w", encoding="utf-8", errors="replace") as opened:
            opened.write(render_plan(made))
        reply.body["svg"] = file
    return reply
