"""`andon work`: progress on standard error, one object (or a table) at the end."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from andon.cli.plain import clean
from andon.engine.interface import CallContext, Reply

if TYPE_CHECKING:
    from andon.agents.hooks.call import ToolUse


def work(caller: CallContext, arguments: dict[str, Any]) -> Reply:
    """Work until there is nothing more to do, or until interrupted."""
    import andon.app.work as worker
    from andon.app import open_coordinator
    from andon.app.settings import state_dir

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    def say(line: str) -> None:
        sys.stderr.write(f"· {clean(line)}\n")
        sys.stderr.flush()

    signal.signal(signal.SIGTERM, stop)
    gc.enable()
    return worker.work(
        caller, arguments, open_=open_coordinator, state_dir=state_dir(caller.cwd), permits=permits, say=say
    )


def permits(agent: str, workdir: str) -> Callable[[ToolUse], str]:
    """For clients that ask their launcher instead of a hook: why a tool may not be used, by the hook's own decision."""
    from andon.agents.hooks.call import BEFORE_TOOL, DENY, HookCall
    from andon.agents.hooks.decide import before_tool
    from andon.cli.hooks.gather import gather, place_of

    def refusal(tool: ToolUse) -> str:
        call = HookCall("acp", "request_permission", BEFORE_TOOL, cwd=workdir, tool=tool)
        place = place_of(call)
        if place is None:
            return f"{workdir} is no claim's worktree any more"
        facts = gather(call, place, (agent,), everything=False).facts
        facts.fixed = True
        decision = before_tool(call, facts)
        return decision.reason if decision.answer == DENY else ""

    return refusal
