"""Detection of JavaScript projects: runners' own reports, package managers, scripts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from andon.core.workflow import Report
from andon.gates.reports import junit
from andon.workflow.detect import DetectedGate
from andon.workflow.detect.records import COUNTED, EXIT_ONLY
from tests.workflow.detect_samples import REPOSITORIES, Files, found, package_json

JUNIT = Report(format="junit", path="junit.xml")


def gate_of(files: Files) -> DetectedGate:
    gate = found(files).gate("tests")
    assert gate is not None
    return gate


def test_vitest() -> None:
    detected = found(REPOSITORIES["npm vitest"])
    gates = {gate.id: gate for gate in detected.gates}
    assert detected.languages == ("typescript",)
    assert gates["tests"].run.endswith(
        'npm test --silent -- --reporter=default --reporter=junit --outputFile.junit="$ANDON_OUT/junit.xml"'
    )
    assert (gates["tests"].report, gates["tests"].require) == (JUNIT, COUNTED)
    assert gates["lint"].run.endswith("npm run --silent lint")
    assert gates["types"].run.endswith("node_modules/.bin/tsc --noEmit")
    assert detected.setup[0] == "npm ci --no-audit --no-fund"
    assert {"package.json", "vitest.config.ts", "tsconfig.json"} <= set(detected.protect)


def test_caches_in_node_modules_are_led_into_the_checkout(tmp_path: Path) -> None:
    """node_modules is read-only under a gate; what set-up links there must be writable through the gate's directory."""
    detected = found(REPOSITORIES["npm vitest"])
    (tmp_path / "node_modules").mkdir()
    subprocess.run(["/bin/sh", "-c", detected.setup[1]], cwd=tmp_path, check=True)
    prepare = detected.gates[0].run.split(" && ")[0]
    subprocess.run(["/bin/sh", "-c", prepare], cwd=tmp_path, check=True)
    (tmp_path / "node_modules" / ".vite" / "results.json").write_text("{}")
    assert (tmp_path / ".andon-cache" / ".vite" / "results.json").exists()


def test_jest_by_its_json_report() -> None:
    gate = gate_of(REPOSITORIES["npm jest"])
    assert gate.run == 'npm test --silent -- --ci --json --outputFile="$ANDON_OUT/jest.json"'
    assert gate.report == Report(format="json", path="jest.json")
    assert gate.require is not None
    assert "report.numTotalTests > 0" in gate.require


def test_mocha_behind_another_command() -> None:
    detected = found(REPOSITORIES["npm mocha"])
    assert detected.setup == ("npx --yes yarn@1 install --frozen-lockfile",)
    gate = gate_of(REPOSITORIES["npm mocha"])
    assert gate.run == 'npm test --silent -- --reporter xunit --reporter-option output="$ANDON_OUT/junit.xml"'


def test_nodes_own_runner(tmp_path: Path) -> None:
    gate = gate_of(REPOSITORIES["node test"])
    assert gate.run.startswith("node --test --test-reporter=spec ")
    assert gate.run.endswith(" test/")
    assert found(REPOSITORIES["node test"]).setup == ()


def test_nodes_own_runner_leaves_a_report_that_is_counted(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    source = (
        'const t = require("node:test"); t("a", () => {}); t.skip("b", () => {}); t("c", () => { throw Error("x") })'
    )
    (tmp_path / "test" / "a.test.js").write_text(source)
    gate = gate_of({"package.json": package_json(test="node --test")})
    script = f'ANDON_OUT="{tmp_path}"; export ANDON_OUT; {gate.run}'
    try:
        done = subprocess.run(["/bin/sh", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.fail("Node is missing: apt-get install nodejs")
    assert done.returncode == 1, done.stderr
    figures = junit.parse((tmp_path / "junit.xml").read_bytes()).figures
    assert (figures["tests"], figures["failed"], figures["skipped"]) == (3, 1, 1)


def test_tap_on_standard_output() -> None:
    gate = gate_of(REPOSITORIES["tape"])
    assert gate.report == Report(format="tap", path="-")
    ava = gate_of({"package.json": package_json(test="ava", needs=("ava",)), "package-lock.json": "{}"})
    assert (ava.run, ava.report) == ("npm test --silent -- --tap", Report(format="tap", path="-"))


def test_bun() -> None:
    detected = found(REPOSITORIES["bun"])
    assert detected.gates[0].run == 'bun test --reporter=junit --reporter-outfile="$ANDON_OUT/junit.xml"'
    assert detected.tools[0] == "bun"


@pytest.mark.parametrize(
    "script", ["./run.sh", "jest; true", "jest | tee log", "vitest run && ./more.sh", "turbo run test"]
)
def test_a_script_whose_runner_can_not_be_told_is_judged_by_its_exit_code_and_says_so(script: str) -> None:
    files = {"package.json": package_json(test=script, needs=("jest", "vitest")), "package-lock.json": "{}"}
    gate = gate_of(files)
    assert gate.run.endswith("npm test")
    assert (gate.report, gate.require) == (None, EXIT_ONLY)
    assert any("exit code" in note for note in found(files).notes)


def test_the_script_that_npm_writes_is_no_test() -> None:
    placeholder = 'echo "Error: no test specified" && exit 1'
    assert found({"package.json": package_json(test=placeholder)}).gates == ()
    gate = gate_of({"package.json": package_json(test=placeholder, needs=("vitest",))})
    assert "node_modules/.bin/vitest run" in gate.run


def test_package_managers() -> None:
    def setup(*, lock: str, manager: str = "", more: Files | None = None) -> str:
        package = package_json(test="mocha", needs=("mocha",)).replace("{", f'{{"packageManager": "{manager}", ', 1)
        return found({"package.json": package, lock: "", **(more or {})}).setup[0]

    assert setup(lock="pnpm-lock.yaml") == "npx --yes pnpm install --frozen-lockfile"
    assert setup(lock="pnpm-lock.yaml", manager="pnpm@9.1.0") == "npx --yes pnpm@9.1.0 install --frozen-lockfile"
    assert setup(lock="pnpm-lock.yaml", manager="pnpm@9; rm -rf x") == "npx --yes pnpm install --frozen-lockfile"
    assert setup(lock="npm-shrinkwrap.json") == "npm ci --no-audit --no-fund"
    assert setup(lock="README.md") == "npm install --no-audit --no-fund --no-package-lock"
    berry = setup(lock="yarn.lock", more={".yarnrc.yml": "yarnPath: .yarn/releases/yarn-4.1.0.cjs\n"})
    assert berry == "YARN_NODE_LINKER=node-modules node .yarn/releases/yarn-4.1.0.cjs install --immutable"


def test_a_lint_script_that_edits_is_no_gate() -> None:
    files = {
        "package.json": package_json(scripts={"lint": "eslint . --fix", "build": "tsc", "typecheck": "tsc --noEmit"})
    }
    assert [gate.id for gate in found(files).gates] == ["types", "build"]
