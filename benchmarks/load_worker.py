"""One of many processes on one database: claim the most urgent step, send a heartbeat, release it; again and again.

`python -m benchmarks.load_worker DATABASE NAME SECONDS`: says "ready", waits for a line, works, prints what it did.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time

from andon.core import commands as c
from andon.core.decide_run import claim_refusal
from andon.core.errors import AndonError
from andon.core.state import Run
from andon.engine.transact import Engine
from andon.store import hot
from andon.store.sqlite import SqliteStore
from benchmarks.history import do, engine_of

CANDIDATES = 16


def claim(engine: Engine, agent: str) -> Run | None:
    """As `andon next` does it: the most urgent step that this agent may do, in one transaction."""
    with engine.unit() as unit:
        for row in unit.writer.ready_steps(kinds=("agent",), limit=CANDIDATES):
            run = unit.run(str(row["run"]))
            if claim_refusal(unit.workflow(run), run, str(row["step"]), agent, None) is not None:
                continue
            command = c.Claim(at=time.time(), actor=agent, step=str(row["step"]), workdir=f"/w/{run.id}")
            after: Run = do(unit.on_run(run.id, command))
            return after
    return None


def work(path: str, agent: str, seconds: float) -> dict[str, object]:
    store = SqliteStore(path)
    engine = engine_of(store)
    claims, errors, waits = [], [], []
    with tempfile.NamedTemporaryFile("w+") as lease_file:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                start = time.perf_counter()
                run = claim(engine, agent)
                waits.append(time.perf_counter() - start)
                if run is None or (lease := run.active["work"].lease) is None:
                    errors.append("nothing to claim")
                    break
                claims.append(f"{run.id}/{lease.token}")
                lease_file.seek(0)
                lease_file.truncate()
                lease_file.write(f"run={run.id}\nstep=work\ntoken={lease.token}\nagent={agent}\ndb={path}\n")
                lease_file.flush()
                if hot.heartbeat(path, lease_file.name, lease.granted_at + lease.lease_s / 2, 0) is None:
                    errors.append(f"heartbeat of {claims[-1]} was refused")
                release = c.Release(at=time.time(), actor=agent, step="work", token=lease.token, counts=False)
                engine.on_run(run.id, release)
            except AndonError as error:
                errors.append(f"{error.kind}: {error.message}")
    hot.close()
    store.close()
    return {"agent": agent, "claims": claims, "errors": errors, "worst_s": max(waits, default=0.0)}


if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(work(sys.argv[1], sys.argv[2], float(sys.argv[3]))), flush=True)
