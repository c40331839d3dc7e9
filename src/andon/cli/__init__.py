"""The command line: thin commands over the coordinator. `main` tries the hot path, then the warm one, then click."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Entry of the console script. Ends the process with an exit code of the contract."""
    argv = sys.argv[1:]
    if sys.stdout is None or sys.stderr is None:
        # Closed by the caller (`>&-`): nobody reads, and the work is done all the same.
        nowhere = open(os.devnull, "w", encoding="utf-8")
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    if argv and "_ANDON_COMPLETE" not in os.environ:
        if "hook" in argv[:2]:
            _hook(argv)
        from andon.cli.hot import answer

        answer(argv)
        from andon.cli.warm import run

        run(argv)
    from andon.cli.cold import run_click

    run_click(argv)


def _hook(argv: list[str]) -> None:
    """A hook call ends here, with exit code 0 even when Andon can't be loaded: clients take others for a no, or a yes."""
    try:
        from andon.cli.hooks.talk import talk, wanted

        if not wanted(argv):
            return
        talk(argv)
    except BaseException as error:
        if sys.stdin is None or not sys.stdin.isatty():
            os._exit(0)
        raise error
