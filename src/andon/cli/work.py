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

    refuse_agents(caller)
    signal.signal(signal.SIGTERM, stop)
    gc.enable()
    return worker.work(
        caller, arguments, open_=open_coordinator, state_dir=state_dir(caller.cwd), permits=permits, say=say
    )


def refuse_agents(caller: CallContext) -> None:
    """A worker launches agents under names of their own, so that an agent that could start one would judge its own work.

    Raises AndonError kind "in_claim" or "not_a_person" (exit 5).
    """
    from andon.app.work import refuse_in_claim
    from andon.cli.identity import agent_environment, ancestor
    from andon.core.errors import EXIT_DENIED, AndonError

    refuse_in_claim(caller)
    variable = agent_environment()
    if variable is None and (client := ancestor()) is not None:
        variable = f"the {client[1]} session above this process"
    if variable is not None:
        raise AndonError(
            f"andon work is not started by an agent, and {variable} shows an agent's environment",
            kind="not_a_person",
            next="let a person or a service start it, without that variable",
            exit=EXIT_DENIED,
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
