"""Environments: built once, never reused half made, bound under an exact tree, and part of a verdict's identity."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from andon.core.workflow import Environment, ResourceLimits, RunGate
from andon.ports import Runtime

Make = Callable[..., RunGate]

# Set-up that leaves a directory, a nested file, a link, a changed tracked file, a home entry, and counts its runs.
SETUP = (
    "mkdir -p build/lib && echo made by $PWD > build/lib/where && echo ext > src/_ext.so && ln -s build/lib/where link",
    "echo changed >> src/code && echo kept > $HOME/.toolrc",
    "mkdir -p $HOME/.cache/tool && echo warm > $HOME/.cache/tool/x",
)  # fmt: skip
TREE = {"src/code": "code\n", "deps.lock": "1\n"}
SEE = "cat build/lib/where src/_ext.so link src/code $HOME/.toolrc $HOME/.cache/tool/x"


def environment(level: str, **options: Any) -> Environment:
    return Environment(isolation=level, **{"setup": SETUP, "reuse": ("deps.lock",), **options})


def test_gates_see_the_exact_tree_with_the_products(world: Any, runtime: Runtime, run_gate: Make) -> None:
    verdict = world.check(runtime, run_gate(SEE), TREE, environment=environment(runtime.level))
    assert verdict.outcome == "passed", verdict
    lines = Path(verdict.log).read_text().splitlines()
    where = lines[0]
    assert where.startswith("made by /")
    assert lines == [where, "ext", where, "code", "kept", "warm"]
    assert where == "made by /andon-work" or where.endswith("/work")


def test_the_path_of_setup_is_the_path_of_gates(world: Any, runtime: Runtime, run_gate: Make) -> None:
    # What an editable install does: set-up writes its own absolute path down, gates follow it.
    setup = ("mkdir env && echo $PWD/src/code > env/pointer",)
    gate = run_gate('cat "$(cat env/pointer)"')
    where = environment(runtime.level, setup=setup)
    assert world.check(runtime, gate, TREE, environment=where).outcome == "passed"
    changed = world.check(runtime, gate, {"src/code": "second\n"}, environment=where)
    assert Path(changed.log).read_text() == "second\n"


def test_setup_runs_once_per_digest(world: Any, runtime: Runtime, run_gate: Make) -> None:
    setup = ("date +%s%N > stamp",)
    gate = run_gate("cat stamp; cat src/code")
    where = environment(runtime.level, setup=setup)

    def stamp(files: dict[str, str] | None = None) -> str:
        return Path(world.check(runtime, gate, files, environment=where, fresh=True).log).read_text().split("\n")[0]

    world.base = world.commit(TREE)
    first = stamp()
    assert stamp() == first
    assert stamp({"src/code": "other\n"}) == first, "only the files of reuse matter"
    assert stamp({"deps.lock": "2\n"}) != first
    assert stamp({"deps.lock": "1\n"}) == first


def test_without_reuse_the_whole_tree_matters(world: Any, sandbox: Runtime, run_gate: Make) -> None:
    where = environment("sandbox", reuse=())
    verifier = world.verifier(sandbox)
    world.commit(TREE)
    one = verifier.environment_digest(where, world.submission("HEAD").tree, world.submission("HEAD").tree)
    world.commit({"src/code": "other\n"})
    assert verifier.environment_digest(where, world.submission("HEAD").tree, world.submission("HEAD").tree) != one


def test_the_digest_covers_what_a_measurement_depends_on(world: Any, sandbox: Runtime) -> None:
    from andon.runtimes.process import ProcessRuntime

    tree = world.submission("HEAD").tree
    verifier = world.verifier(sandbox)
    plain = Environment(isolation="process")
    digests = {
        verifier.environment_digest(plain, tree, tree),
        verifier.environment_digest(Environment(isolation="process", env={"A": "1"}), tree, tree),
        verifier.environment_digest(Environment(isolation="process", network="all"), tree, tree),
        verifier.environment_digest(Environment(isolation="process", path=("/usr/bin",)), tree, tree),
        verifier.environment_digest(Environment(isolation="process", setup=("true",)), tree, tree),
        world.verifier(ProcessRuntime()).environment_digest(plain, tree, tree),
        world.verifier(sandbox, machine_path=["/usr/bin"]).environment_digest(plain, tree, tree),
    }
    assert len(digests) == 7
    assert verifier.environment_digest(plain, tree, tree) == verifier.environment_digest(Environment(), tree, tree)


def test_a_failed_setup_is_unmeasured_with_its_log_and_tried_again(
    world: Any, runtime: Runtime, run_gate: Make
) -> None:
    where = environment(
        runtime.level, setup=("echo preparing", "echo no such package: nonsense >&2; exit 4", "touch never")
    )
    verdict = world.check(runtime, run_gate("true"), TREE, environment=where)
    assert verdict.outcome == "unmeasured"
    assert "the environment's set-up failed" in verdict.summary
    assert "exit code 4: no such package: nonsense" in verdict.summary
    assert "no such package" in verdict.detail
    assert "$ echo preparing" in Path(verdict.log).read_text()
    again = world.check(runtime, run_gate("true"), environment=where)
    assert (again.outcome, again.cached) == ("unmeasured", False)
    assert again.log != verdict.log, "it was tried again"


def test_a_setup_that_takes_too_long_is_unmeasured(world: Any, sandbox: Runtime, run_gate: Make) -> None:
    where = environment("sandbox", setup=("sleep 30",), setup_timeout_s=0.5)
    verdict = world.check(sandbox, run_gate("true"), TREE, environment=where)
    assert verdict.outcome == "unmeasured"
    assert "still running" in verdict.summary


def test_a_half_made_environment_is_never_used(world: Any, runtime: Runtime, run_gate: Make) -> None:
    where = environment(runtime.level, setup=("echo good > product",))
    gate = run_gate("cat product")
    assert world.check(runtime, gate, TREE, environment=where).outcome == "passed"
    [directory] = [path for path in Path(world.state_dir, "environments").iterdir() if path.is_dir()]
    (directory / "ready.json").unlink()
    (directory / "work" / "product").write_text("half")
    again = world.check(runtime, gate, environment=where, fresh=True)
    assert Path(again.log).read_text() == "good\n"
    (directory / "swapping").touch()
    (directory / "work" / "product").write_text("half")
    again = world.check(runtime, gate, environment=where, fresh=True)
    assert Path(again.log).read_text() == "good\n"


def test_a_sandboxed_gate_can_not_change_the_products_or_the_home(world: Any, sandbox: Runtime, run_gate: Make) -> None:
    gate = run_gate(
        "echo evil > build/lib/where; rm -f src/_ext.so; echo evil > $HOME/.toolrc; echo evil > $HOME/.cache/tool/x;"
        "echo fine > $HOME/.other && mkdir $HOME/.cache/mine && touch own && echo wrote"
    )
    verdict = world.check(sandbox, gate, TREE, environment=environment("sandbox"))
    assert verdict.outcome == "passed", verdict
    text = Path(world.check(sandbox, run_gate(SEE), environment=environment("sandbox")).log).read_text()
    assert "evil" not in text


def test_what_one_gate_leaves_at_process_level_the_next_does_not_see(world: Any, run_gate: Make) -> None:
    from andon.runtimes.process import ProcessRuntime

    runtime = ProcessRuntime()
    where = environment("process")
    world.check(runtime, run_gate("echo junk > junk; echo junk > src/code; rm deps.lock"), TREE, environment=where)
    verdict = world.check(runtime, run_gate("ls; cat src/code deps.lock", id="second"), environment=where)
    assert "junk" not in Path(verdict.log).read_text()
    assert verdict.outcome == "passed"


@pytest.mark.parametrize("path", ["build/tracked", "build", "src/_ext.so"])
def test_a_product_never_covers_what_the_tree_tracks(world: Any, runtime: Runtime, run_gate: Make, path: str) -> None:
    where = environment(runtime.level)
    world.base = world.commit(TREE)
    assert world.check(runtime, run_gate(SEE), environment=where).outcome == "passed"
    verdict = world.check(runtime, run_gate(SEE), {path: "tracked"}, environment=where)
    assert verdict.outcome == "unmeasured"
    assert "which the environment's set-up also makes" in verdict.summary


def test_a_tracked_link_in_a_product_s_way(world: Any, sandbox: Runtime, run_gate: Make) -> None:
    where = environment("sandbox", setup=("mkdir -p deep/er && touch deep/er/x",))
    assert world.check(sandbox, run_gate("true"), TREE, environment=where).outcome == "passed"
    verdict = world.check(sandbox, run_gate("true"), {"deep": ("link", "/etc")}, environment=where)
    assert verdict.outcome == "unmeasured"


def test_network_only_where_it_is_allowed(world: Any, sandbox: Runtime, run_gate: Make) -> None:
    devices = "ls /proc/self/net/dev >/dev/null; grep -c : /proc/self/net/dev"
    host = len(Path("/proc/self/net/dev").read_text().splitlines()) - 2
    assert host > 1, "this test needs a machine with a network device besides lo"
    seen = {}
    for network in ("none", "setup", "all"):
        where = environment("sandbox", network=network, setup=(f"({devices}) > devices",))
        verdict = world.check(sandbox, run_gate(f"cat devices; {devices}"), TREE, environment=where)
        seen[network] = [int(line) for line in Path(verdict.log).read_text().split()]
    assert seen == {"none": [1, 1], "setup": [host, 1], "all": [host, host]}


def test_directories_of_the_path_are_visible_with_their_installation(
    world: Any, runtime: Runtime, run_gate: Make, tmp_path: Path
) -> None:
    tools = tmp_path / "toolchain"
    (tools / "bin").mkdir(parents=True)
    (tools / "lib").mkdir()
    (tools / "lib" / "data").write_text("from lib\n")
    (tools / "bin" / "mytool").write_text('#!/bin/sh\ncat "$(dirname "$0")/../lib/data"\n')
    (tools / "bin" / "mytool").chmod(0o755)
    where = Environment(isolation=runtime.level, path=(str(tools / "bin"),))
    verdict = world.check(
        runtime, run_gate("mytool; touch $(dirname $(command -v mytool))/x; exit 0"), environment=where
    )
    assert "from lib" in Path(verdict.log).read_text()
    if runtime.level == "sandbox":
        assert not (tools / "bin" / "x").exists()
    for path, said in (("relative/bin", "not an absolute directory"), (str(tmp_path / "missing"), "does not exist")):
        verdict = world.check(runtime, run_gate("true"), environment=Environment(isolation=runtime.level, path=(path,)))
        assert verdict.outcome == "unmeasured"
        assert said in verdict.summary


def test_the_repository_is_not_shown_with_a_toolchain(world: Any, sandbox: Runtime, run_gate: Make) -> None:
    # The tool directory lies in the repository's parent, which must not become visible for its sake.
    tools = world.root / "bin"
    tools.mkdir()
    where = Environment(path=(str(tools),))
    verdict = world.check(sandbox, run_gate(f"ls {world.root}"), environment=where)
    assert Path(verdict.log).read_text() == "bin\n"


def test_a_python_environment_of_another_interpreter(world: Any, runtime: Runtime, run_gate: Make) -> None:
    import sys

    where = Environment(isolation=runtime.level, path=(os.path.dirname(sys.executable),))
    verdict = world.check(runtime, run_gate("python -c 'import sys, msgspec; print(sys.prefix)'"), environment=where)
    assert verdict.outcome == "passed", verdict
    assert Path(verdict.log).read_text().strip() == sys.prefix


def _check_in_another_process(world: Any, runtime: Any, gate: RunGate, where: Environment, results: Any) -> None:
    verdict = world.check(runtime, gate, environment=where, fresh=True)
    results.put((verdict.outcome, Path(verdict.log).read_text() if verdict.log else verdict.summary))


def test_processes_side_by_side_build_once(world: Any, runtime: Runtime, run_gate: Make) -> None:
    world.commit(TREE)
    where = environment(runtime.level, setup=("sleep 0.3; date +%s%N > stamp",))
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    gate = run_gate("cat stamp")
    workers = [
        context.Process(target=_check_in_another_process, args=(world, runtime, gate, where, results)) for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    found = [results.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(60)
    assert {outcome for outcome, _ in found} == {"passed"}
    assert len({text for _, text in found}) == 1


def test_old_environments_are_removed(world: Any, sandbox: Runtime, run_gate: Make) -> None:
    for number in range(3):
        where = environment("sandbox", setup=(f"echo {number} > n",))
        assert world.check(sandbox, run_gate("cat n"), TREE, environment=where).outcome == "passed"
        time.sleep(0.02)
    verifier = world.verifier(sandbox)
    verifier.prune(environments=1, logs=2)
    kept = [path for path in Path(world.state_dir, "environments").iterdir() if path.is_dir()]
    assert len(kept) == 1
    assert (kept[0] / "work" / "n").read_text() == "2\n"
    assert len(os.listdir(os.path.join(world.state_dir, "logs"))) == 2


def test_an_isolation_that_is_not_available(world: Any, run_gate: Make) -> None:
    from andon.runtimes.process import ProcessRuntime
    from andon.runtimes.sandbox import SandboxRuntime

    missing = SandboxRuntime(bwrap="/nonexistent/bwrap")
    submission = world.submission("HEAD")
    limits = ResourceLimits(timeout_s=10)
    verdict = world.verifier(missing, ProcessRuntime()).run_command("a", "true", limits, submission, Environment())
    assert verdict.outcome == "unmeasured"
    assert "isolation 'sandbox' is needed, only 'process' is available here" in verdict.summary
    assert "apt-get install bubblewrap" in verdict.summary
    accepted = Environment(isolation="process")
    verdict = world.verifier(missing, ProcessRuntime()).run_command("a", "true", limits, submission, accepted)
    assert (verdict.outcome, verdict.isolation) == ("passed", "process")
    for level in ("container", "vm"):
        verdict = world.verifier(ProcessRuntime()).run_command(
            "a", "true", limits, submission, Environment(isolation=level)
        )
        assert verdict.outcome == "unmeasured"
        assert f"{level!r} is not built yet" in verdict.summary
    verdict = world.verifier(missing).run_command("a", "true", limits, submission, accepted)
    assert verdict.outcome == "unmeasured"
    assert "none is available here" in verdict.summary


def test_an_agent_s_files_do_not_shape_an_environment_that_others_share(
    world: Any, sandbox: Runtime, run_gate: Make
) -> None:
    base = world.commit({"deps.lock": "1\n", "prepare.sh": "echo honest > product\n"})
    where = environment("sandbox", setup=("sh prepare.sh",))
    gate = run_gate("cat product")
    evil = world.check(sandbox, gate, {"prepare.sh": "echo evil > product\n"}, environment=where, base=base)
    assert Path(evil.log).read_text() == "honest\n"
    own = world.check(sandbox, gate, {"deps.lock": "2\n"}, environment=where, base=base)
    assert Path(own.log).read_text() == "evil\n", "its own environment, by its own digest"
    assert own.environment_digest != evil.environment_digest


def test_setup_says_what_it_is_doing(world: Any, sandbox: Runtime, run_gate: Make) -> None:
    from andon.gates.verifier import GateVerifier
    from andon.ports import GateRequest

    said: list[str] = []
    commit = world.commit(TREE)
    known = world.verifier(sandbox)
    verifier = GateVerifier(
        git=world.repository,
        runtimes=[sandbox],
        cache=world.cache,
        state_dir=world.state_dir,
        verifier="v",
        clock=known._clock,
        progress=said.append,
    )
    world.opened.append(verifier)
    where = environment("sandbox", setup=("echo one > one", "echo two > two"))
    request = GateRequest(gate=run_gate("cat one two"), submission=world.submission(commit), environment=where)
    assert verifier.verify(request).outcome == "passed"
    assert said == ["setting up the environment: echo one > one", "setting up the environment: echo two > two"]
