"""`python -m benchmarks [NAME …]`: run, print the table, keep the history, draw the chart. Exit 1 when a goal is missed."""

from __future__ import annotations

import sys

from andon import __version__
from benchmarks import chart, command_line, gate, landing, simulator, transitions
from benchmarks.measure import keep, table

ALL = {
    "gate": gate.run,
    "command_line": command_line.run,
    "transitions": transitions.run,
    "landing": landing.run,
    "simulator": simulator.run,
}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in ALL]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(ALL)}", file=sys.stderr)
        return 64
    rows = []
    for name in names or ALL:
        print(f"{name} …", file=sys.stderr, flush=True)
        rows += ALL[name]()
    print(table(rows))
    keep(rows, __version__)
    if not names:
        chart.write(rows)
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
