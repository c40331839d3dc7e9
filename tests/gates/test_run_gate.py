"""Run gates: every way in which a command does not prove anything ends red, with the reason in plain words."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from andon.core.workflow import Environment, ResourceLimits, RunGate
from andon.ports import Runtime

Make = Callable[..., RunGate]

GREEN = '<testsuite tests="1"><testcase classname="t" name="a"/></testsuite>'


def junit(passed: int = 0, failed: int = 0, skipped: int = 0, errors: int = 0) -> str:
    cases = "".join(
        [f'<testcase classname="t" name="ok{n}"/>' for n in range(passed)]
        + [f'<testcase name="bad{n}"><failure message="no">t.py:{n + 1}: AssertionError</failure></testcase>'
           for n in range(failed)]
        + [f'<testcase classname="t" name="broken{n}"><error message="boom"/></testcase>' for n in range(errors)]
        + [f'<testcase classname="t" name="skip{n}"><skipped/></testcase>' for n in range(skipped)]
    )  # fmt: skip
    # The attributes lie on purpose; only cases count.
    lies = 'tests="99" failures="0"'
    return f'<testsuites {lies}><testsuite name="s" {lies}>{cases}</testsuite></testsuites>'


def test_exit_code_zero_passes(world: Any, runtime: Runtime, run_gate: Make) -> None:
    verdict = world.check(runtime, run_gate("test -f README && pwd"))
    assert verdict.outcome == "passed", verdict
    assert verdict.isolation == runtime.level
    assert verdict.subject == world.submission("HEAD").tree_subject
    assert verdict.verifier == "test-verifier"
    assert verdict.environment_digest.startswith("sha256:")
    assert os.path.isfile(verdict.log)
    assert verdict.duration_s > 0


def test_another_exit_code_fails(world: Any, runtime: Runtime, run_gate: Make) -> None:
    verdict = world.check(runtime, run_gate("echo two problems; exit 3"))
    assert verdict.outcome == "failed"
    assert verdict.summary == "exit code 3: two problems"
    assert "two problems" in verdict.detail


@pytest.mark.parametrize(
    ("command", "said"),
    [("no-such-tool --version", "not found"), ("./README", "not executable"), ("sh -c no-such-tool", "not found")],
)
def test_a_missing_command_is_unmeasured(world: Any, runtime: Runtime, run_gate: Make, command: str, said: str) -> None:
    verdict = world.check(runtime, run_gate(command))
    assert verdict.outcome == "unmeasured"
    assert said in verdict.summary


def test_a_timeout_is_unmeasured(world: Any, runtime: Runtime, run_gate: Make) -> None:
    began = time.monotonic()
    verdict = world.check(runtime, run_gate("echo begun; sleep 60", limits=ResourceLimits(timeout_s=0.5)))
    assert verdict.outcome == "unmeasured"
    assert verdict.summary.startswith("timed out: still running after 0.5 s")
    assert verdict.detail == "begun"
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("command", ["kill -9 $$", "sh -c 'kill -SEGV $$'", "sh -c 'kill -9 $$'; exit 137"])
def test_a_killed_command_is_unmeasured(world: Any, runtime: Runtime, run_gate: Make, command: str) -> None:
    verdict = world.check(runtime, run_gate(command))
    assert verdict.outcome == "unmeasured"
    assert verdict.summary.startswith("killed: killed by SIG")


def test_a_command_that_prints_nothing_has_no_report(world: Any, runtime: Runtime, run_gate: Make) -> None:
    verdict = world.check(runtime, run_gate("true", report=("junit", "junit.xml")))
    assert verdict.outcome == "unmeasured"
    assert verdict.summary == "no report: $ANDON_OUT/junit.xml does not exist"
    on_stdout = world.check(runtime, run_gate("true", report=("tap", "-")))
    assert on_stdout.outcome == "unmeasured"
    assert on_stdout.summary == "the report is empty"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (junit(), "zero tests"),
        (junit(skipped=3), "all 3 tests were skipped"),
        ("", "empty"),
        ("<testsuite", "not XML"),
        ("<html/>", "not JUnit XML"),
        ('<!DOCTYPE t [<!ENTITY a "b">]><testsuite><testcase name="&a;"/></testsuite>', "document type"),
    ],
)
def test_a_report_that_proves_nothing(world: Any, sandbox: Runtime, run_gate: Make, content: str, said: str) -> None:
    gate = run_gate("cp report.xml $ANDON_OUT/junit.xml", report=("junit", "junit.xml"))
    verdict = world.check(sandbox, gate, {"report.xml": content})
    assert verdict.outcome == "unmeasured"
    assert said in verdict.summary
    assert not world.cache.stored


def test_a_report_with_failures_fails(world: Any, runtime: Runtime, run_gate: Make) -> None:
    gate = run_gate("cp report.xml $ANDON_OUT/junit.xml; exit 1", report=("junit", "junit.xml"))
    verdict = world.check(runtime, gate, {"report.xml": junit(passed=3, failed=1, errors=1, skipped=1)})
    assert verdict.outcome == "failed"
    assert verdict.summary == "failed: 2 of 6 tests: bad0, broken0"
    assert verdict.figures["tests"] == 6
    assert verdict.figures["failed"] == 2
    assert verdict.figures["errors"] == 1
    assert verdict.figures["skipped"] == 1
    assert verdict.figures["passed"] == 3
    assert verdict.findings[0].path == "t.py"
    assert verdict.findings[0].line == 1
    assert verdict.findings[0].severity == "blocking"


def test_a_green_report_passes(world: Any, runtime: Runtime, run_gate: Make) -> None:
    gate = run_gate("cp report.xml $ANDON_OUT/junit.xml", report=("junit", "junit.xml"))
    verdict = world.check(runtime, gate, {"report.xml": junit(passed=4, skipped=1)})
    assert verdict.outcome == "passed"
    assert verdict.summary == "4 passed, 0 failed, 1 skipped"


def test_a_red_report_is_red_whatever_the_exit_code(world: Any, sandbox: Runtime, run_gate: Make) -> None:
    gate = run_gate("cp report.xml $ANDON_OUT/junit.xml; exit 0", report=("junit", "junit.xml"))
    assert world.check(sandbox, gate, {"report.xml": junit(passed=4, failed=1)}).outcome == "failed"


def test_a_green_report_with_a_red_exit_code_is_red(world: Any, sandbox: Runtime, run_gate: Make) -> None:
    gate = run_gate("cp report.xml $ANDON_OUT/junit.xml; exit 1", report=("junit", "junit.xml"))
    verdict = world.check(sandbox, gate, {"report.xml": junit(passed=4)})
    assert verdict.outcome == "failed"
    assert verdict.summary == "exit code 1: 4 passed, 0 failed, 0 skipped"
    judged = run_gate(gate.run, report=("junit", "junit.xml"), require="tests > 0 && failed == 0")
    verdict = world.check(sandbox, judged)
    assert verdict.outcome == "failed"
    assert "though the condition holds" in verdict.summary
    allowed = run_gate(gate.run, report=("junit", "junit.xml"), require="tests > 0 && failed == 0 && exit <= 1")
    assert world.check(sandbox, allowed).outcome == "passed"


def test_a_stale_report_left_in_the_tree_is_never_read(world: Any, runtime: Runtime, run_gate: Make) -> None:
    tree = {"junit.xml": GREEN, "out/junit.xml": GREEN}
    gate = run_gate("true", report=("junit", "junit.xml"))
    verdict = world.check(runtime, gate, tree)
    assert verdict.outcome == "unmeasured"
    assert "does not exist" in verdict.summary
    kept_date = run_gate("touch -d '1 hour ago' junit.xml; cp -p junit.xml $ANDON_OUT/", report=("junit", "junit.xml"))
    verdict = world.check(runtime, kept_date)
    assert verdict.outcome == "unmeasured"
    assert "stale" in verdict.summary


def test_a_forged_report_of_a_runner_that_never_ran(world: Any, runtime: Runtime, run_gate: Make) -> None:
    # The agent commits a report and breaks the runner: the pinned command still fails to produce one.
    gate = run_gate("./run-tests", report=("junit", "junit.xml"))
    verdict = world.check(runtime, gate, {"junit.xml": GREEN, "run-tests": "#!/bin/sh\nexit 0\n"})
    assert verdict.outcome == "unmeasured"


@pytest.mark.parametrize(
    "trick",
    [
        "ln -s $PWD/green.xml $ANDON_OUT/junit.xml",
        "mkfifo $ANDON_OUT/junit.xml",
        "mkdir $ANDON_OUT/junit.xml",
    ],
)
def test_a_report_must_be_a_plain_file(world: Any, runtime: Runtime, run_gate: Make, trick: str) -> None:
    verdict = world.check(runtime, run_gate(trick, report=("junit", "junit.xml")), {"green.xml": GREEN})
    assert verdict.outcome == "unmeasured"
    assert "plain file" in verdict.summary or "regular file" in verdict.summary


def test_a_linked_directory_in_the_report_path(world: Any, runtime: Runtime, run_gate: Make) -> None:
    gate = run_gate("ln -s $PWD/reports $ANDON_OUT/sub", report=("junit", "sub/junit.xml"))
    verdict = world.check(runtime, gate, {"reports/junit.xml": GREEN})
    assert verdict.outcome == "unmeasured"


@pytest.mark.parametrize("path", ["../junit.xml", "/etc/passwd", "a/../../x", ""])
def test_a_report_path_must_lie_in_out(world: Any, sandbox: Runtime, run_gate: Make, path: str) -> None:
    verdict = world.check(sandbox, run_gate("true", report=("junit", path)))
    assert verdict.outcome == "unmeasured"
    assert "does not lie in $ANDON_OUT" in verdict.summary


def test_conditions(world: Any, sandbox: Runtime, run_gate: Make) -> None:
    def judge(require: str) -> tuple[str, str]:
        gate = run_gate("cp report.xml $ANDON_OUT/r.xml", report=("junit", "r.xml"), require=require)
        verdict = world.check(sandbox, gate)
        return verdict.outcome, verdict.summary

    world.commit({"report.xml": junit(passed=3, skipped=1)})
    assert judge("tests > 0 && failed == 0") == ("passed", "3 passed, 0 failed, 1 skipped")
    assert judge("tests >= 10") == ("failed", "not so: tests >= 10 (tests 4)")
    assert judge("tests >")[0] == "unmeasured"
    assert "the condition is wrong: column 8" in judge("tests >")[1]
    assert judge("tests + 1")[0] == "unmeasured"
    assert judge("nonsense == 1")[0] == "unmeasured"
    assert judge("10 / failed > 1") == ("unmeasured", "the condition can't be answered: it gives ERROR: divide by zero")


def test_conditions_without_a_report(world: Any, sandbox: Runtime, run_gate: Make) -> None:
    assert world.check(sandbox, run_gate("true", require="output_lines == 0")).outcome == "passed"
    assert world.check(sandbox, run_gate("echo a; echo b", require="output_lines < 2")).outcome == "failed"
    assert world.check(sandbox, run_gate("exit 4", require="exit == 4")).outcome == "passed"


def test_figures_of_the_base(world: Any, sandbox: Runtime, run_gate: Make) -> None:
    base = world.commit({"report.xml": junit(passed=5)})
    gate = run_gate(
        "cp report.xml $ANDON_OUT/r.xml", report=("junit", "r.xml"), require="tests >= base.tests && failed == 0"
    )
    fewer = world.check(sandbox, gate, {"report.xml": junit(passed=4)}, base=base)
    assert fewer.outcome == "failed"
    assert fewer.summary == ("not so: tests >= base.tests && failed == 0 (base.tests 5, failed 0, tests 4)")
    assert fewer.base_figures["tests"] == 5
    hits = world.cache.hits
    more = world.check(sandbox, gate, {"report.xml": junit(passed=6)}, base=base)
    assert more.outcome == "passed"
    assert more.summary == "6 passed, 0 failed, 0 skipped (base: 5 passed, 0 skipped)"
    assert world.cache.hits == hits + 1, "the base is measured once"


def test_a_base_without_tests_has_zero(world: Any, sandbox: Runtime, run_gate: Make) -> None:
    base = world.commit({"report.xml": junit()})
    gate = run_gate("cp report.xml $ANDON_OUT/r.xml", report=("junit", "r.xml"), require="tests > base.tests")
    verdict = world.check(sandbox, gate, {"report.xml": junit(passed=1)}, base=base)
    assert verdict.outcome == "passed"
    assert verdict.base_figures["tests"] == 0


def test_an_unreadable_base_is_unmeasured(world: Any, sandbox: Runtime, run_gate: Make) -> None:
    gate = run_gate("cp report.xml $ANDON_OUT/r.xml", report=("junit", "r.xml"), require="tests >= base.tests")
    verdict = world.check(sandbox, gate, {"report.xml": junit(passed=1)})
    assert verdict.outcome == "unmeasured"
    assert verdict.summary.startswith(f"the base ({world.base[:12]}) could not be measured: no report")


def test_a_json_report_and_its_base(world: Any, sandbox: Runtime, run_gate: Make) -> None:
    base = world.commit({"size.json": '{"bundle": {"kb": 120, "files": ["a"]}, "ok": true}'})
    gate = run_gate(
        "cp size.json $ANDON_OUT/", report=("json", "size.json"),
        require="report.ok && report.bundle.kb <= base.report.bundle.kb + 10.0",
    )  # fmt: skip
    good = world.check(sandbox, gate, {"size.json": '{"bundle": {"kb": 125}, "ok": true}'}, base=base)
    assert (good.outcome, good.summary) == ("passed", good.summary)
    assert good.figures["report.bundle.kb"] == 125
    large = world.check(sandbox, gate, {"size.json": '{"bundle": {"kb": 140}, "ok": true}'}, base=base)
    assert large.outcome == "failed"
    missing = world.check(sandbox, gate, {"size.json": '{"ok": true}'}, base=base)
    assert missing.outcome == "unmeasured"


def test_the_gate_sees_the_exact_tree_and_leaves_no_trace(world: Any, runtime: Runtime, run_gate: Make) -> None:
    (world.worktree / "untracked").write_text("not submitted")
    commit = world.git("rev-parse", "HEAD")
    gate = run_gate("ls -A; cat README; echo changed > README; touch left")
    verdict = world.check(runtime, gate, in_memory=False)
    assert Path(verdict.log).read_text() == "README\nhello\n"
    assert (world.worktree / "README").read_text() == "hello\n"
    assert world.git("rev-parse", "HEAD") == commit
    assert world.check(runtime, gate, fresh=True).outcome == "passed"
    assert os.listdir(os.path.join(world.state_dir, "checkouts")) == []


def test_the_environment_is_the_workflow_s_alone(
    world: Any, runtime: Runtime, run_gate: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "x")
    monkeypatch.setenv("PYTHONPATH", "/evil")
    monkeypatch.setenv("LD_PRELOAD", "")
    environment = Environment(isolation=runtime.level, env={"COLOUR": "blue green"})
    verdict = world.check(runtime, run_gate("env"), environment=environment)
    lines = Path(verdict.log).read_text().splitlines()
    names = {line.partition("=")[0] for line in lines}
    assert names <= {
        "PATH", "HOME", "LANG", "TZ", "CI", "ANDON_OUT", "ANDON_BASE", "ANDON_GATE", "COLOUR", "TMPDIR", "USER",
        "LOGNAME", "SHELL", "PWD", "ANDON_JOB",
    }  # fmt: skip
    assert "COLOUR=blue green" in lines
    assert "ANDON_GATE=tests" in lines
    assert f"ANDON_BASE={world.base}" in lines
    assert "CI=true" in lines
    assert "TZ=UTC" in lines


def test_inputs_narrow_what_is_seen_and_become_the_key(world: Any, sandbox: Runtime, run_gate: Make) -> None:
    gate = run_gate("find . -type f | sort", inputs=["src/**", "!src/skip"])
    first = world.check(sandbox, gate, {"src/a": "1", "src/skip": "2", "docs/b": "3"})
    assert Path(first.log).read_text() == "./src/a\n"
    again = world.check(sandbox, gate, {"docs/b": "changed"})
    assert again.cached
    assert again.subject != first.subject
    assert again.subject == world.submission("HEAD").tree_subject
    changed = world.check(sandbox, gate, {"src/a": "changed"})
    assert not changed.cached


def test_only_what_was_measured_is_cached_and_any_difference_measures_again(
    world: Any, sandbox: Runtime, run_gate: Make
) -> None:
    gate = run_gate("true")
    assert not world.check(sandbox, gate).cached
    assert world.check(sandbox, gate).cached
    assert not world.check(sandbox, gate, fresh=True).cached
    assert not world.check(sandbox, run_gate("true; true")).cached
    assert not world.check(sandbox, gate, environment=Environment(isolation="process", env={"A": "1"})).cached
    assert not world.check(sandbox, gate, {"new": "file"}).cached
    unmeasured = run_gate("no-such-tool")
    assert world.check(sandbox, unmeasured).outcome == "unmeasured"
    assert not world.check(sandbox, unmeasured).cached


def test_a_red_verdict_is_cached_with_its_detail(world: Any, sandbox: Runtime, run_gate: Make) -> None:
    gate = run_gate("echo broken; exit 1")
    first = world.check(sandbox, gate)
    again = world.check(sandbox, gate)
    assert again.cached
    assert (again.outcome, again.summary, again.detail) == ("failed", first.summary, "broken")


def test_huge_output_is_bounded(world: Any, runtime: Runtime, run_gate: Make) -> None:
    gate = run_gate(
        "echo first; head -c 30000000 /dev/zero | tr '\\0' 'x' | fold -w 100; echo last; exit 1",
        limits=ResourceLimits(timeout_s=30.0, output_bytes=100_000),
    )
    verdict = world.check(runtime, gate)
    log = Path(verdict.log).read_text()
    assert len(log) <= 100_000
    assert log.startswith("first\n")
    assert log.endswith("last\n")
    assert "bytes left out" in log
    assert len(verdict.detail.encode()) <= 4096


def test_a_truncated_report_on_stdout_is_unmeasured(world: Any, sandbox: Runtime, run_gate: Make) -> None:
    gate = run_gate(
        "for i in 1 2 3; do echo ok $i; done; echo 1..3; head -c 9000 /dev/zero | tr '\\0' x",
        report=("tap", "-"), limits=ResourceLimits(timeout_s=30.0, output_bytes=4096),
    )  # fmt: skip
    verdict = world.check(sandbox, gate)
    assert verdict.outcome == "unmeasured"
    assert "longer than the output limit" in verdict.summary


def test_tap_on_stdout(world: Any, sandbox: Runtime, run_gate: Make) -> None:
    gate = run_gate("echo noise >&2; echo 1..2; echo ok 1; echo 'ok 2 # SKIP slow'", report=("tap", "-"))
    verdict = world.check(sandbox, gate)
    assert (verdict.outcome, verdict.summary) == ("passed", "1 passed, 0 failed, 1 skipped")


def test_a_background_process_neither_hangs_nor_outlives_the_run(
    world: Any, runtime: Runtime, run_gate: Make, tmp_path: Path
) -> None:
    began = time.monotonic()
    marker = f"97{os.getpid()}.{int(time.time())}"
    gate = run_gate(f"(setsid sleep {marker} &) ; sleep {marker} & echo $ANDON_OUT; exit 0")
    verdict = world.check(runtime, gate)
    assert verdict.outcome == "passed"
    assert time.monotonic() - began < 10
    alive = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            if marker in Path(f"/proc/{pid}/cmdline").read_text().split("\0"):
                alive.append(pid)
        except OSError:
            continue
    assert alive == []


def test_escape_characters_never_reach_a_reader(world: Any, runtime: Runtime, run_gate: Make) -> None:
    gate = run_gate(
        r"printf '\033[2J\033]0;owned\007all tests \033[32mpassed\033[0m\rerror: two\n\342\200\256txt\n'; exit 1"
    )
    verdict = world.check(runtime, gate)
    for text in (verdict.summary, verdict.detail, Path(verdict.log).read_text()):
        assert "\x1b" not in text
        assert "\r" not in text
        assert "\u202e" not in text
        assert "\x07" not in text
    assert "error: two" in verdict.detail


def test_a_full_disk_or_broken_repository_is_unmeasured(
    world: Any, sandbox: Runtime, run_gate: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(world.repository, "export_tree", full)
    verdict = world.check(sandbox, run_gate("true"))
    assert verdict.outcome == "unmeasured"
    assert "No space left on device" in verdict.summary


def test_a_command_step_is_a_verdict(world: Any, sandbox: Runtime) -> None:
    verifier = world.verifier(sandbox)
    submission = world.submission("HEAD")
    environment = Environment()
    good = verifier.run_command("build", "test -f README", ResourceLimits(timeout_s=10), submission, environment)
    assert (good.gate, good.outcome, good.subject) == ("build", "passed", submission.tree_subject)
    bad = verifier.run_command("build", "exit 2", ResourceLimits(timeout_s=10), submission, environment)
    assert bad.outcome == "failed"


def test_a_red_result_while_memory_ran_short_is_measured_again_on_disk(
    world: Any, sandbox: Runtime, run_gate: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    from andon.gates import places

    monkeypatch.setattr(places, "MEMORY_NEEDED_BYTES", 0)
    # In memory the command is red, on disk green: it looks at the file system that its checkout is on.
    gate = run_gate('test "$(stat -f -c %T .)" != tmpfs')
    monkeypatch.setattr(places, "MEMORY_SHORT_BYTES", 0)
    assert world.check(sandbox, gate, fresh=True).outcome == "failed"
    monkeypatch.setattr(places, "MEMORY_SHORT_BYTES", 1 << 60)
    assert world.check(sandbox, gate, fresh=True).outcome == "passed"


def test_checkouts_of_dead_processes_are_removed_and_those_of_living_ones_kept(tmp_path: Path) -> None:
    from andon.gates.places import Places

    one = Places(str(tmp_path), memory=None)
    dead = tmp_path / "checkouts" / "dead"
    dead.mkdir(parents=True)
    with one.scratch() as first:
        one.settle()
        assert not dead.exists()
        with Places(str(tmp_path), memory=None).scratch() as second:
            assert os.path.isdir(first)
            assert os.path.isdir(second)
    one.settle()
    assert os.listdir(tmp_path / "checkouts") == []
