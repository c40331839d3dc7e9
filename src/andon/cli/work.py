"""`andon work`: progress on standard error, one object (or a table) at the end."""

from __future__ import annotations

import gc
import signal
import sys
from typing import Any

from andon.cli.plain import clean
from andon.engine.interface import CallContext, Reply


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
    return worker.work(caller, arguments, open_=open_coordinator, state_dir=state_dir(caller.cwd), say=say)
