"""JavaScript and TypeScript: the scripts of package.json, the test runners' own reporters, and Deno.

Rules: set-up installs by the package manager whose lock file is there; gates run scripts by npm, which is where Node
is and needs no network. A runner's report is asked for only where the runner has it built in, and where the script
ends in the runner, so that options can be handed through; otherwise the script's exit code decides, and a note says
so.
"""

from __future__ import annotations

import re

from msgspec import Struct
from msgspec.structs import replace

from andon.core.workflow import Report
from andon.workflow.detect.records import COUNTED, EXIT_ONLY, DetectedGate, Part, Repository, table, unique

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OUT = '"$ANDON_OUT/junit.xml"'
JEST = (
    "report.success == true && report.numTotalTests > 0 && report.numFailedTests == 0"
    " && report.numPendingTests <= base.report.numPendingTests && report.numTotalTests >= base.report.numTotalTests"
)
NO_TEST = "no test specified"
MAX_SCRIPT = 2000

# Under a gate node_modules can only be read, but some tools keep caches in it: they are led into the checkout.
_CACHES = (".cache", ".vite", ".vite-temp")
_LINK_CACHES = f'for name in {" ".join(_CACHES)}; do ln -sfn "../.andon-cache/$name" "node_modules/$name"; done'
_MAKE_CACHES = f"mkdir -p {' '.join('.andon-cache/' + name for name in _CACHES)}"

_CONFIG = re.compile(
    r"^(jest\.config|vitest\.config|vitest\.workspace|playwright\.config|ava\.config|eslint\.config|\.eslintrc|\.mocharc|\.c8rc"
    r"|\.nycrc|babel\.config|biome|tsconfig)[^/]*$"
)


class Runner(Struct, frozen=True, kw_only=True):
    """options: what makes the runner leave a report. after: the runner's word in the script that they follow, or its
    end."""

    name: str
    options: str
    report: Report
    require: str
    at_word: bool = False


_RUNNERS = (
    Runner(
        name="vitest",
        options=f"--reporter=default --reporter=junit --outputFile.junit={OUT}",
        report=Report(format="junit", path="junit.xml"),
        require=COUNTED,
    ),
    Runner(
        name="jest",
        options='--ci --json --outputFile="$ANDON_OUT/jest.json"',
        report=Report(format="json", path="jest.json"),
        require=JEST,
    ),
    Runner(
        name="mocha",
        options=f"--reporter xunit --reporter-option output={OUT}",
        report=Report(format="junit", path="junit.xml"),
        require=COUNTED,
    ),
    Runner(name="ava", options="--tap", report=Report(format="tap", path="-"), require=COUNTED),
)
_NODE_TEST = Runner(
    name="node --test",
    options=(
        "--test-reporter=spec --test-reporter-destination=stdout "
        f"--test-reporter=junit --test-reporter-destination={OUT}"
    ),
    report=Report(format="junit", path="junit.xml"),
    require=COUNTED,
    at_word=True,
)
_BUN = Runner(
    name="bun test",
    options=f"--reporter=junit --reporter-outfile={OUT}",
    report=Report(format="junit", path="junit.xml"),
    require=COUNTED,
)


def detect_javascript(repository: Repository) -> Part | None:
    """Gates and set-up of a package.json; None without one."""
    if not repository.has("package.json"):
        return None
    package = repository.json("package.json")
    scripts = {name: text for name, text in table(package, "scripts").items() if isinstance(text, str)}
    requires = {**table(package, "dependencies"), **table(package, "devDependencies")}
    notes: list[str] = []
    gates = [gate for gate in (_tests(scripts, requires, notes),) if gate is not None]
    gates += _scripted(scripts)
    if not any(gate.id == "types" for gate in gates) and repository.has("tsconfig.json") and "typescript" in requires:
        run = "node_modules/.bin/tsc --noEmit"
        gates.append(DetectedGate(id="types", run=run, require=EXIT_ONLY, why="tsconfig.json"))
    manager, setup, reuse, manager_notes = _install(
        repository, package, needed=bool(requires or "workspaces" in package)
    )
    if setup and _writes_to_modules(requires, gates):
        setup = [*setup, _LINK_CACHES]
        gates = [replace(gate, run=f"{_MAKE_CACHES} && {gate.run}") for gate in gates]
    tools = ("bun", "node", "npm") if manager == "bun" else ("node", "npm")
    if gates:
        notes += manager_notes
    config = [path for path in repository.files if _CONFIG.match(path)]
    return Part(
        language="typescript" if "typescript" in requires or repository.has("tsconfig.json") else "javascript",
        gates=tuple(gates),
        setup=tuple(setup) if gates else (),
        reuse=tuple(reuse),
        # The scripts say what the gates run.
        protect=unique(["package.json", *config]) if gates else (),
        notes=tuple(notes),
        tools=tools,
    )


def _writes_to_modules(requires: dict[str, Any], gates: list[DetectedGate]) -> bool:
    return bool({"vite", "vitest", "webpack", "react-scripts"} & set(requires)) or any(
        gate.id == "build" for gate in gates
    )


def _tests(scripts: dict[str, str], requires: dict[str, Any], notes: list[str]) -> DetectedGate | None:
    script = scripts.get("test", "")
    if not script or NO_TEST in script:
        for runner in _RUNNERS[:3]:
            if runner.name in requires:
                command = "vitest run" if runner.name == "vitest" else runner.name
                run = f"node_modules/.bin/{command} {runner.options}"
                return _gate(run, runner, f"{runner.name} is required; there is no test script")
        return None
    last = script[:MAX_SCRIPT].split("&&")[-1].strip()
    why = f"package.json: scripts.test is `{script[:80]}`"
    simple = not re.search(r"[|;]", last)
    if simple and re.search(r"\bnode\b.*\s--test\b", last):
        return _node_test(script, last, why)
    if simple and re.match(r"bun test\b", last):
        return _gate(f"{script} {_BUN.options}", _BUN, why)
    for runner in _RUNNERS:
        # Options at the end reach the runner only when it is the script's last command.
        if simple and re.search(rf"(^|[\s/]){runner.name}(\.js)?(\s|$)", last):
            return _gate(f"npm test --silent -- {runner.options}", runner, why)
    if simple and re.search(r"\breact-scripts test\b", last):
        jest = _RUNNERS[1]
        return _gate(f"npm test --silent -- --watchAll=false {jest.options}", jest, why)
    if simple and re.match(r"(tape|node_modules/.bin/tape)\b", last):
        report = Report(format="tap", path="-")
        return DetectedGate(id="tests", run="npm test --silent", report=report, require=COUNTED, why=why)
    notes.append(
        "The test script's exit code is all that is looked at: let it write a JUnit or TAP report below $ANDON_OUT, "
        f'add `report:`, and change `require:` to "{COUNTED}".'
    )
    return DetectedGate(id="tests", run="npm test", require=EXIT_ONLY, why=why)


def _node_test(script: str, last: str, why: str) -> DetectedGate:
    """Node's own runner takes its options before the files, so the script itself is written out."""
    written = re.sub(r"\s--test(?=\s|$)", f" --test {_NODE_TEST.options}", last, count=1)
    before = script[: len(script) - len(last)] if script.endswith(last) else ""
    return _gate(before + written, _NODE_TEST, why)


def _gate(run: str, runner: Runner, why: str) -> DetectedGate:
    return DetectedGate(id="tests", run=run, report=runner.report, require=runner.require, why=why)


def _scripted(scripts: dict[str, str]) -> list[DetectedGate]:
    """Lint, types and build, by the names that scripts usually have."""
    found: list[DetectedGate] = []
    names = {
        "lint": ("lint", "lint:check", "eslint"),
        "types": ("typecheck", "type-check", "check-types", "types", "tsc"),
        "format": ("format:check", "check:format", "prettier:check"),
        "build": ("build",),
    }
    for gate, candidates in names.items():
        script = next((name for name in candidates if name in scripts), None)
        if script is None or (gate == "lint" and "--fix" in scripts[script]):
            continue
        why = f"package.json: scripts.{script} is `{scripts[script][:80]}`"
        found.append(DetectedGate(id=gate, run=f"npm run --silent {script}", require=EXIT_ONLY, why=why))
    return found


def _install(
    repository: Repository, package: dict[str, Any], *, needed: bool
) -> tuple[str, list[str], list[str], list[str]]:
    """The package manager, its set-up commands, the files that they depend on, and notes."""
    wanted = str(package.get("packageManager") or "").split("+")[0]
    pinned = wanted if re.fullmatch(r"(pnpm|yarn|npm|bun)@[0-9][0-9A-Za-z.-]*", wanted) else ""
    manifests = [path for path in repository.files if path.split("/")[-1] == "package.json"]
    more = repository.present((".npmrc", ".yarnrc", ".yarnrc.yml", "pnpm-workspace.yaml", "tsconfig.json"))
    reuse = [
        "package.json" if len(manifests) < 2 else "**/package.json",
        *(path for path in more if path != "tsconfig.json"),
    ]
    if lock := repository.first("pnpm-lock.yaml"):
        tool = pinned if pinned.startswith("pnpm@") else "pnpm"
        return "pnpm", [f"npx --yes {tool} install --frozen-lockfile"], [*reuse, lock], []
    if lock := repository.first("bun.lock", "bun.lockb"):
        return "bun", ["bun install --frozen-lockfile"], [*reuse, lock], []
    if lock := repository.first("yarn.lock"):
        return _yarn(repository, pinned, [*reuse, lock])
    if lock := repository.first("package-lock.json", "npm-shrinkwrap.json"):
        return "npm", ["npm ci --no-audit --no-fund"], [*reuse, lock], []
    if not needed:
        return "npm", [], reuse, []
    note = "There is no lock file: each set-up may install other versions. Commit one."
    return "npm", ["npm install --no-audit --no-fund --no-package-lock"], reuse, [note]


def _yarn(repository: Repository, pinned: str, reuse: list[str]) -> tuple[str, list[str], list[str], list[str]]:
    if not repository.has(".yarnrc.yml"):
        tool = pinned if pinned.startswith("yarn@1") else "yarn@1"
        return "yarn", [f"npx --yes {tool} install --frozen-lockfile"], reuse, []
    settings = repository.text(".yarnrc.yml")
    release = re.search(r"^yarnPath:\s*[\"']?([^\s\"']+)", settings, re.M)
    notes = []
    if not re.search(r"^nodeLinker:\s*[\"']?(node-modules|pnpm)", settings, re.M):
        notes.append("Yarn's Plug'n'Play is not what npm runs scripts with: set-up installs into node_modules instead.")
    version = pinned.removeprefix("yarn@") or "4"
    command = f"node {release[1]}" if release else f"npx --yes @yarnpkg/cli-dist@{version}"
    linker = "YARN_NODE_LINKER=node-modules " if notes else ""
    return "yarn", [f"{linker}{command} install --immutable"], reuse, notes


def detect_deno(repository: Repository) -> Part | None:
    """Gates of a deno.json; None without one."""
    config = repository.first("deno.json", "deno.jsonc")
    if config is None:
        return None
    # Comments (deno.jsonc) can't be parsed as JSON; then the tasks are not known.
    tasks = table(repository.json(config), "tasks") if config.endswith(".json") else {}
    task = tasks.get("test")
    report = Report(format="junit", path="junit.xml")
    has_tests = any(re.search(r"(^|/)(.*[._])?test\.(ts|tsx|js|jsx|mjs)$", path) for path in repository.files)
    gates: list[DetectedGate] = []
    if isinstance(task, str):
        if "deno test" in task.split("&&")[-1]:
            run = f"deno task test --junit-path={OUT}"
            gates.append(DetectedGate(id="tests", run=run, report=report, require=COUNTED, why=f"{config}: tasks.test"))
        else:
            gates.append(DetectedGate(id="tests", run="deno task test", require=EXIT_ONLY, why=f"{config}: tasks.test"))
    elif has_tests:
        run = f"deno test --allow-read --allow-write --allow-env --allow-run --junit-path={OUT}"
        gates.append(DetectedGate(id="tests", run=run, report=report, require=COUNTED, why=config))
    gates.append(DetectedGate(id="lint", run="deno lint", require="output_lines > 0", why=config))
    reuse = [config, *repository.present(("deno.lock", "import_map.json"))]
    return Part(
        language="deno",
        gates=tuple(gates),
        setup=("deno install",),
        reuse=tuple(reuse),
        protect=(config,),
        tools=("deno",),
    )
