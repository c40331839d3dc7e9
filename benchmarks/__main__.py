"""`python -m benchmarks [NAME …]`: run, print the table, keep the history, draw the chart. Exit 1 when a goal is missed."""

from __future__ import annotations

import sys

from andon import __version__
from benchmarks import (
    chart,
    clients,
    command_line,
    gate,
    landing,
    long_log,
    merge_queue,
    next_work,
    simulator,
    store_load,
    swarm_load,
    transitions,
)
from benchmarks.measure import keep, table

ALL = {
    "gate": gate.run,
    "command_line": command_line.run,
    "transitions": transitions.run,
    "landing": landing.run,
    "merge_queue": merge_queue.run,
    "simulator": simulator.run,
    "contention": store_load.run_contention,
    "clients": clients.run,
    "next_work": next_work.run,
}
LONG = {"claims": store_load.run_claims, "long_log": long_log.run, "swarm": swarm_load.run}
"""Minutes and gigabytes: only when they are named."""


def main(names: list[str]) -> int:
    known = ALL | LONG
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 64
    rows = []
    for name in names or ALL:
        print(f"{name} …", file=sys.stderr, flush=True)
        rows += known[name]()
    print(table(rows))
    keep(rows, __version__)
    if not names:
        chart.write(rows)
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
