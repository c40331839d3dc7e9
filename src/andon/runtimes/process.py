"""Isolation level "process": a process group of its own, clean variables, limits. No wall around files or the network.

What it holds: the job inherits no variable and no file; it is held to its deadline, output, memory and file size; when
it ends, its process group, its session and every process that carries its mark or descends from it is killed.
What it can't hold: the job runs as the same user, so it can read and write whatever Andon can, use the network, and a
process that leaves the session, drops its variables and loses its parent within one look (0.2 s) may get away.
Workflows choose this level knowingly (`environment.isolation: process`); `sandbox` is the default. Importing this
module is cheap.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from andon.ports import Job, JobResult

GUARDS = 1
"""Beside the job's own processes: the one that ends its group should Andon be killed."""
MARK = "ANDON_JOB"
"""A variable with a random value in the environment of every process of a job."""


class ProcessRuntime:
    """Port `Runtime`. family: changes when what a job sees changes, so that older verdicts are not reused."""

    level = "process"
    family = "process/1"

    def probe(self) -> str | None:
        """None: usable on any POSIX system."""
        missing = [path for path in ("/bin/sh", "/usr/bin/env") if not os.path.exists(path)]
        return f"{' and '.join(missing)} not found" if missing else None

    def inside(self, workdir: str) -> str:
        """The checkout is seen where it is."""
        return workdir

    def run(self, job: Job) -> JobResult:
        """Run the job; binds are not applied (nothing is hidden at this level)."""
        import shutil
        import tempfile

        from andon.runtimes.limits import limited
        from andon.runtimes.proctree import MarkedTree, process_limit
        from andon.runtimes.supervise import supervise

        mark = os.urandom(16).hex()
        scratch = tempfile.mkdtemp(prefix="andon-job-")
        try:
            for name in ("home", "tmp"):
                os.mkdir(os.path.join(scratch, name))
            env = {"HOME": job.home or os.path.join(scratch, "home"), "TMPDIR": os.path.join(scratch, "tmp")}
            env.update(job.env)
            env.update({"ANDON_OUT": job.out, MARK: mark})
            return supervise(
                limited(
                    job.command, env, job.limits, processes=process_limit(job.limits.processes + GUARDS), lifeline=True
                ),
                limits=job.limits,
                tree=lambda pid: MarkedTree(pid, mark, job.limits.processes, guards=GUARDS),
                lifeline=True,
                env={"PATH": "/usr/bin:/bin", MARK: mark},
                cwd=job.workdir,
            )
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
