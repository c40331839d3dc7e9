"""One module for each client, found by name so that a hook imports just its own.

A dialect module has:
    NAME: str                       the client, as in `andon hook NAME EVENT`
    EVENTS: dict[str, str]          the client's own event names (as configured by our set-up) -> moments of `call`
    STOP_BLOCKS: int                how often the client itself heeds a block at the stop in a row; 0: without end
    def read(event: str, payload: dict[str, object]) -> HookCall
                                    never raises for strange payloads: what is missing is "" or None
    def write(call: HookCall, decision: Decision) -> str
                                    exactly what to print on standard output; "" where silence means "go on"
    SAYS: ...                       a comment at the top that tells the client's version and document or source it follows,
                                    and whether it was met in the real program or taken from documentation
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from andon.agents.hooks.call import Decision, HookCall

    class Dialect(Protocol):
        NAME: str
        EVENTS: dict[str, str]
        STOP_BLOCKS: int

        def read(self, event: str, payload: dict[str, object]) -> HookCall: ...

        def write(self, call: HookCall, decision: Decision) -> str: ...


DIALECTS = {
    "claude": "claude",
    "codex": "codex",
    "gemini": "gemini",
    "qwen": "qwen",
    "copilot": "copilot",
    "cursor": "cursor",
    "opencode": "opencode",
    "openhands": "openhands",
    "vibe": "vibe",
    "goose": "goose",
    "mini-swe-agent": "mini_swe_agent",
}
"""Name on the command line -> module beside this one."""


def load(client: str) -> Dialect:
    """The dialect's module. Raises KeyError for an unknown client and ImportError for one that is not built."""
    module: Dialect = __import__(f"{__name__}.{DIALECTS[client]}", fromlist=["NAME"])
    return module
