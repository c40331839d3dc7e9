"""Detection in general, and of everything but Python and JavaScript, which have files of their own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from andon.core.workflow import Report
from andon.gates.reports import tap
from andon.workflow.detect import Detected, detect
from andon.workflow.detect.records import COUNTED
from tests.workflow.detect_samples import REPOSITORIES, found

JUNIT = Report(format="junit", path="junit.xml")


def gate_of(files: str) -> tuple[str, Report | None, str | None]:
    gate = found(REPOSITORIES[files]).gate("tests")
    assert gate is not None
    return gate.run, gate.report, gate.require


@pytest.mark.parametrize("name", ["empty", "readme only"])
def test_nothing_is_made_up(name: str) -> None:
    assert found(REPOSITORIES[name]) == Detected(protect=(".andon/**",))


@pytest.mark.parametrize("name", sorted(REPOSITORIES))
def test_what_is_found_is_consistent(name: str) -> None:
    detected = found(REPOSITORIES[name])
    ids = [gate.id for gate in detected.gates]
    assert len(ids) == len(set(ids))
    assert ".andon/**" in detected.protect
    assert bool(detected.reuse) <= bool(detected.setup), "reuse without set-up means nothing"
    for gate in detected.gates:
        assert gate.why
        assert gate.require, "an exit code alone must be said to be what decides"
        assert "\n" not in gate.run
        if gate.report is not None and gate.report.path != "-":
            assert "ANDON_OUT" in gate.run
    assert detected == found(REPOSITORIES[name])


@pytest.mark.parametrize("name", sorted(REPOSITORIES))
def test_every_command_is_valid_shell(name: str) -> None:
    detected = found(REPOSITORIES[name])
    for command in (*detected.setup, *(gate.run for gate in detected.gates)):
        checked = subprocess.run(["/bin/sh", "-n", "-c", command], capture_output=True, text=True)
        assert checked.returncode == 0, (command, checked.stderr)


def test_files_that_can_not_be_parsed_are_notes() -> None:
    detected = found(REPOSITORIES["broken"])
    assert any("pyproject.toml" in note for note in detected.notes)
    assert any("package.json" in note for note in detected.notes)


def test_hostile_files_do_no_harm() -> None:
    files = {
        "pyproject.toml": b"\xff\xfe\x00",
        "package.json": b'{"scripts": [1, 2], "devDependencies": "x", "packageManager": {"a": 1}}',
        "setup.py": b"(" * 100_000,
        "setup.cfg": b"[a]\n[a]\n%%%",
        "tox.ini": b"\x00" * 10,
        "Cargo.toml": b"x" * (2 * 1024**2),
        "composer.json": b"[]",
        "deno.json": b"null",
        "tests/test_x.py": b"\xff",
    }
    detected = detect(files.get, lambda: list(files))
    assert "python" in detected.languages


def test_a_file_that_vanishes_is_no_error() -> None:
    assert detect(lambda path: None, lambda: ["pyproject.toml", "package.json", "go.mod"]).languages


# ---------------------------------------------------------------- compiled languages


def test_rust() -> None:
    detected = found(REPOSITORIES["rust"])
    assert detected.languages == ("rust",)
    assert detected.setup == ("cargo fetch --locked",)
    assert set(detected.reuse) == {"Cargo.toml", "Cargo.lock"}
    assert {gate.id for gate in detected.gates} == {"tests", "lint", "format"}
    assert detected.tools == ("cargo",)
    run, report, require = gate_of("rust")
    assert run.startswith("cargo test --offline --workspace --no-fail-fast ")
    assert (report, require) == (Report(format="tap", path="tests.tap"), COUNTED)


CARGO_OUTPUT = """\
running 4 tests
test tests::good ... ok
test tests::panics - should panic ... ok
test tests::slow ... ignored, needs a network
test tests::bad ... FAILED

failures:
test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out
   Doc-tests x
test src/lib.rs - f (line 3) ... ok
"""

GO_OUTPUT = """\
=== RUN   TestGood
--- PASS: TestGood (0.00s)
=== RUN   TestTable
    --- PASS: TestTable/one (0.00s)
    --- FAIL: TestTable/two (0.00s)
--- FAIL: TestTable (0.00s)
--- SKIP: TestSlow (0.00s)
FAIL
exit status 1
"""


def _converted(gate: str, program: str, output: str, tmp_path: Path) -> tuple[int, dict[str, float]]:
    """Run a gate with a stand-in for its tool that prints this and exits with 3."""
    command, _, _ = gate_of(gate)
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / program).write_text(f"#!/bin/sh\ncat <<'END'\n{output}END\nexit 3\n")
    (tools / program).chmod(0o755)
    env = {"PATH": f"{tools}:/usr/bin:/bin", "ANDON_OUT": str(tmp_path)}
    done = subprocess.run(["/bin/sh", "-c", command], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert output.splitlines()[0] in done.stdout
    return done.returncode, tap.parse((tmp_path / "tests.tap").read_bytes()).figures


def test_cargo_tests_are_counted_and_its_exit_code_is_kept(tmp_path: Path) -> None:
    code, figures = _converted("rust", "cargo", CARGO_OUTPUT, tmp_path)
    assert code == 3
    assert (figures["tests"], figures["failed"], figures["skipped"]) == (5, 1, 1)


def test_go_tests_are_counted_and_its_exit_code_is_kept(tmp_path: Path) -> None:
    code, figures = _converted("go", "go", GO_OUTPUT, tmp_path)
    assert code == 3
    assert (figures["tests"], figures["failed"], figures["skipped"]) == (5, 2, 1)


def test_go_that_runs_no_test_leaves_a_report_of_none(tmp_path: Path) -> None:
    _, figures = _converted("go", "go", "?   x [no test files]\n", tmp_path)
    assert figures["tests"] == 0


def test_go() -> None:
    detected = found(REPOSITORIES["go"])
    assert detected.setup == ("go mod download",)
    assert [gate.run for gate in detected.gates if gate.id == "lint"] == ["go vet ./..."]
    vendored = found({**REPOSITORIES["go"], "vendor/modules.txt": "", ".golangci.yml": ""})
    assert vendored.setup == ()
    assert [gate.run for gate in vendored.gates if gate.id == "lint"] == ["golangci-lint run"]
    assert ".golangci.yml" in vendored.protect


def test_maven_reports_become_one(tmp_path: Path) -> None:
    detected = found(REPOSITORIES["maven"])
    assert "**/pom.xml" in detected.protect
    assert detected.setup[0].startswith("./mvnw ")
    run, report, require = gate_of("maven")
    assert (report, require) == (JUNIT, COUNTED)
    for module in ("core", "web"):
        reports = tmp_path / module / "target" / "surefire-reports"
        reports.mkdir(parents=True)
        suite = f'<testsuite name="{module}"><testcase name="a"/><testcase name="b"><skipped/></testcase></testsuite>'
        (reports / f"TEST-{module}.xml").write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{suite}\n')
    (tmp_path / "mvnw").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "mvnw").chmod(0o755)
    env = {"PATH": "/usr/bin:/bin", "ANDON_OUT": str(tmp_path)}
    assert subprocess.run(["/bin/sh", "-c", run], env=env, cwd=tmp_path).returncode == 1
    from andon.gates.reports import junit

    figures = junit.parse((tmp_path / "junit.xml").read_bytes()).figures
    assert (figures["tests"], figures["skipped"]) == (4, 2)


def test_gradle() -> None:
    detected = found(REPOSITORIES["gradle"])
    run, report, _ = gate_of("gradle")
    assert "./gradlew --no-daemon --offline test" in run
    assert report == JUNIT
    assert set(detected.reuse) == {"**/*.gradle.kts", "gradle/libs.versions.toml"}


def test_dotnet() -> None:
    detected = found(REPOSITORIES["dotnet"])
    assert [gate.id for gate in detected.gates] == ["tests"]
    untested = found({"x.sln": "", "x/x.csproj": ""})
    assert [gate.id for gate in untested.gates] == ["build"]


def test_cmake_with_and_without_tests() -> None:
    run, report, _ = gate_of("cmake")
    assert "ctest --test-dir .andon-build" in run
    assert report == JUNIT
    assert [gate.id for gate in found({"CMakeLists.txt": "project(x)"}).gates] == ["build"]


# ---------------------------------------------------------------- scripting languages and make


def test_ruby() -> None:
    run, report, require = gate_of("rspec")
    assert run.startswith("bundle exec rspec ")
    assert report == Report(format="json", path="rspec.json")
    assert require is not None
    assert "report.summary.example_count > 0" in require
    assert {"spec/spec_helper.rb", ".rubocop.yml"} <= set(found(REPOSITORIES["rspec"]).protect)
    assert gate_of("minitest")[0] == "bundle exec rake test"


def test_php() -> None:
    detected = found(REPOSITORIES["phpunit"])
    assert gate_of("phpunit")[:2] == ('vendor/bin/phpunit --log-junit "$ANDON_OUT/junit.xml"', JUNIT)
    assert {"phpunit.xml.dist", "phpstan.neon"} <= set(detected.protect)


def test_elixir_and_deno() -> None:
    assert gate_of("elixir")[0].startswith("mix test")
    assert gate_of("deno")[:2] == ('deno task test --junit-path="$ANDON_OUT/junit.xml"', JUNIT)


def test_make_is_used_where_nothing_more_precise_is_found() -> None:
    detected = found(REPOSITORIES["make"])
    assert [(gate.id, gate.run) for gate in detected.gates] == [("tests", "make test"), ("lint", "make lint")]
    assert "Makefile" in detected.protect
    assert any("exit code alone" in note for note in detected.notes)


def test_make_gives_way_to_the_language_but_adds_what_is_missing() -> None:
    files = {
        "Makefile": "test:\n\tpytest\nlint:\n\t./lint\n",
        "pyproject.toml": "",
        "tests/test_x.py": "import pytest\n",
    }
    detected = found(files)
    assert [gate.id for gate in detected.gates] == ["tests", "lint"]
    assert "pytest" in detected.gates[0].run
    assert detected.gates[1].run == "make lint"


@pytest.mark.parametrize("line", ["test := x", "test = y", "TEST:=1", "\ttest: no", "# test:"])
def test_only_rules_are_targets(line: str) -> None:
    assert found({"Makefile": line + "\n"}).gates == ()


def test_several_targets_on_one_line_and_just() -> None:
    assert [gate.run for gate in found({"Makefile": "lint test: deps\n\t./x\n"}).gates] == ["make test", "make lint"]
    assert [gate.run for gate in found({"justfile": "@test filter='':\n  ./t\nversion := '1'\n"}).gates] == [
        "just test"
    ]


# ---------------------------------------------------------------- several projects


def test_two_languages_at_the_top_have_gates_of_their_own() -> None:
    detected = found(REPOSITORIES["python and node"])
    assert detected.languages[:2] == ("python", "javascript")
    ids = [gate.id for gate in detected.gates]
    assert ids[0] == "tests"
    assert "tests_javascript" in ids


def test_projects_in_sub_directories_are_found_when_the_top_has_none() -> None:
    detected = found(REPOSITORIES["monorepo"])
    runs = {gate.id: gate.run for gate in detected.gates}
    assert runs["tests"].startswith('cd backend && PATH="$PWD/.venv/bin:$PATH" .venv/bin/python -m pytest')
    assert any(run.startswith("cd 'web app' && ") for run in runs.values())
    assert "cd backend && python3 -m venv .venv" in detected.setup
    assert "backend/pyproject.toml" in detected.reuse
    assert "web app/package.json" in detected.protect


def test_examples_and_vendored_projects_are_not_taken_for_the_repository() -> None:
    files = {"examples/a/package.json": '{"scripts": {"test": "jest"}}', "vendor/x/go.mod": "module x"}
    assert found(files).gates == ()


def test_checks_that_know_nothing_of_the_branch_are_a_note() -> None:
    strict = found(REPOSITORIES["make"])
    assert any(note.startswith("lint: has to be green on the target branch") for note in strict.notes)
    assert not any("green" in note for note in found(REPOSITORIES["pytest package"]).notes)
