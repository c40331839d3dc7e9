"""Compiled languages: Rust, Go, Maven, Gradle, .NET, CMake.

Rules: set-up only fetches; what it builds would lie read-only under a gate's checkout, so build directories are
removed again. Rust's and Go's own runners leave no report, so a few lines of awk turn the lines that they print into
TAP, by which tests are counted; Maven's and Gradle's many reports are put into one.
"""

from __future__ import annotations

import re

from andon.core.workflow import Report
from andon.workflow.detect.records import (
    COUNTED,
    EXIT_ONLY,
    SPOKE,
    DetectedGate,
    Part,
    Repository,
    converted,
    keeping_status,
)

JUNIT = Report(format="junit", path="junit.xml")
TAP = Report(format="tap", path="tests.tap")

_CARGO_TO_TAP = (
    '\'/^test .* [.][.][.] (ok|FAILED|ignored)/ { n++; name = $2; ok = /FAILED/ ? "not ok" : "ok"; '
    'skip = / ignored/ ? " # SKIP" : ""; print ok, n, "-", name skip } END { print "1.." n + 0 }\''
)
_GO_TO_TAP = (
    '\'/^ *--- (PASS|FAIL|SKIP): / { n++; ok = $2 == "FAIL:" ? "not ok" : "ok"; '
    'skip = $2 == "SKIP:" ? " # SKIP" : ""; print ok, n, "-", $3 skip } END { print "1.." n + 0 }\''
)


def _merged(command: str, pattern: str) -> str:
    """Run a command and put all JUnit reports whose path matches into $ANDON_OUT/junit.xml."""
    find = f"find . -path '{pattern}' -exec sed '/^<?xml/d' {{}} +"
    then = f"{{ echo '<testsuites>'; {find}; echo '</testsuites>'; }} > \"$ANDON_OUT/junit.xml\""
    return keeping_status(command, then)


def detect_rust(repository: Repository) -> Part | None:
    """Cargo: tests, Clippy, formatting."""
    if not repository.has("Cargo.toml"):
        return None
    tests = converted("cargo test --offline --workspace --no-fail-fast", _CARGO_TO_TAP, TAP.path)
    gates = [
        DetectedGate(id="tests", run=tests, report=TAP, require=COUNTED, why="Cargo.toml: Cargo's own test runner")
    ]
    if repository.has("clippy.toml", ".clippy.toml") or "clippy" in repository.text("Cargo.toml"):
        run = "cargo clippy --offline --workspace --all-targets -- -D warnings"
        gates.append(DetectedGate(id="lint", run=run, require=SPOKE, why="Clippy is configured"))
    if repository.has("rustfmt.toml", ".rustfmt.toml"):
        gates.append(DetectedGate(id="format", run="cargo fmt --all --check", require=EXIT_ONLY, why="rustfmt.toml"))
    manifests = [path for path in repository.files if path.split("/")[-1] == "Cargo.toml"]
    reuse = [
        "**/Cargo.toml" if len(manifests) > 1 else "Cargo.toml",
        *repository.present(("Cargo.lock", "rust-toolchain.toml")),
    ]
    protect = repository.present(("clippy.toml", ".clippy.toml", "rustfmt.toml", ".rustfmt.toml", ".cargo/config.toml"))
    locked = " --locked" if repository.has("Cargo.lock") else ""
    return Part(
        language="rust",
        gates=tuple(gates),
        setup=(f"cargo fetch{locked}",),
        reuse=tuple(reuse),
        protect=tuple(protect),
        notes=("With rustup, environment.path needs the toolchain's own directory: that of `rustup which cargo`.",),
        tools=("cargo",),
    )


def detect_go(repository: Repository) -> Part | None:
    """Go modules: tests, vet, golangci-lint."""
    module = repository.first("go.mod", "go.work")
    if module is None:
        return None
    tests = converted("go test -v ./...", _GO_TO_TAP, TAP.path)
    gates = [DetectedGate(id="tests", run=tests, report=TAP, require=COUNTED, why=f"{module}: Go's own test runner")]
    linter = repository.first(".golangci.yml", ".golangci.yaml", ".golangci.toml", ".golangci.json")
    tools = ["go"]
    if linter is not None:
        gates.append(DetectedGate(id="lint", run="golangci-lint run", require=EXIT_ONLY, why=linter))
        tools.append("golangci-lint")
    else:
        gates.append(DetectedGate(id="lint", run="go vet ./...", require=EXIT_ONLY, why=f"{module}: go vet"))
    fetched = () if repository.has("vendor/modules.txt") else ("go mod download",)
    return Part(
        language="go",
        gates=tuple(gates),
        setup=fetched,
        reuse=tuple(repository.present(("go.mod", "go.sum", "go.work", "go.work.sum"))),
        protect=(linter,) if linter else (),
        tools=tuple(tools),
    )


def detect_maven(repository: Repository) -> Part | None:
    """Maven: Surefire's reports."""
    if not repository.has("pom.xml"):
        return None
    maven = "./mvnw" if repository.has("mvnw") else "mvn"
    run = _merged(f"{maven} -B -ntp -o test", "*/target/surefire-reports/TEST-*.xml")
    gates = (DetectedGate(id="tests", run=run, report=JUNIT, require=COUNTED, why="pom.xml: Surefire's reports"),)
    # Surefire fetches its provider only when it runs; a test that is not there makes it do so.
    nothing = "-Dtest=NoSuchTest -DfailIfNoTests=false -Dsurefire.failIfNoSpecifiedTests=false"
    setup = (
        f"{maven} -B -ntp dependency:go-offline",
        f"{maven} -B -ntp {nothing} test",
        "find . -name target -type d -prune -exec rm -rf {} +",
    )
    return Part(
        language="java",
        gates=gates,
        setup=setup,
        reuse=("**/pom.xml", *repository.present((".mvn/wrapper/maven-wrapper.properties", ".mvn/extensions.xml"))),
        # It can skip all tests in one line.
        protect=("**/pom.xml", ".mvn/**"),
        notes=("Maven is offline in gates; a plugin that set-up did not run may be missing: run its goal in set-up.",),
        tools=("java",) if maven == "./mvnw" else ("java", "mvn"),
    )


def detect_gradle(repository: Repository) -> Part | None:
    """Gradle: the test task's reports."""
    build = repository.first("build.gradle.kts", "build.gradle", "settings.gradle.kts", "settings.gradle")
    if build is None or repository.has("pom.xml"):
        return None
    gradle = "./gradlew" if repository.has("gradlew") else "gradle"
    # Gradle writes to its home; the kept one is read-only in gates and serves as its read-only cache.
    home = '"$PWD/.gradle-home"'
    wrapper = '{ mkdir -p .gradle-home; ln -sfn "$HOME/.gradle/wrapper" .gradle-home/wrapper; }'
    variables = f'GRADLE_RO_DEP_CACHE="$HOME/.gradle/caches" GRADLE_USER_HOME={home}'
    run = _merged(
        f"{wrapper} && {variables} {gradle} --no-daemon --offline test --continue",
        "*/build/test-results/test/TEST-*.xml",
    )
    setup = (
        f"{gradle} --no-daemon testClasses dependencies",
        "find . \\( -name build -o -name .gradle \\) -type d -prune -exec rm -rf {} +",
    )
    scripts = ("**/*.gradle.kts",) if build.endswith(".kts") else ("**/*.gradle",)
    return Part(
        language="java",
        gates=(
            DetectedGate(id="tests", run=run, report=JUNIT, require=COUNTED, why=f"{build}: the test task's reports"),
        ),
        setup=setup,
        reuse=(
            *scripts,
            *repository.present(("gradle/libs.versions.toml", "gradle/wrapper/gradle-wrapper.properties")),
        ),
        protect=(*scripts, "gradle/**", "gradle.properties"),
        notes=("Set-up removes directories called `build`; change it if your sources have one.",),
        tools=("java",) if gradle == "./gradlew" else ("java", "gradle"),
    )


def detect_dotnet(repository: Repository) -> Part | None:
    """.NET: dotnet test, by exit code and by what it prints."""
    projects = [path for path in repository.files if path.endswith((".csproj", ".fsproj", ".vbproj"))]
    solutions = [*repository.at_root(".sln"), *repository.at_root(".slnx")]
    if not projects and not solutions:
        return None
    if not solutions and not any("/" not in path for path in projects) and len(projects) > 1:
        target = " " + projects[0].replace(" ", "\\ ")
    else:
        target = ""
    tested = any(
        re.search(r"Microsoft\.NET\.Test\.Sdk|MSTest\.Sdk|TUnit", repository.text(path)) for path in projects[:200]
    )
    # `dotnet test` is content with a solution that holds no test.
    count = 'grep -Eq "(Passed|Failed)! .*Total: +[1-9]|[Tt]otal: [1-9]" "$ANDON_OUT/log" || status=1'
    run = keeping_status(f'dotnet test --nologo{target} > "$ANDON_OUT/log" 2>&1', f'cat "$ANDON_OUT/log"; {count}')
    name = solutions[0] if solutions else projects[0]
    gate = DetectedGate(id="tests", run=run, require=SPOKE, why=f"{name}: dotnet test")
    build = DetectedGate(id="build", run=f"dotnet build --nologo -warnaserror{target}", require=SPOKE, why=name)
    return Part(
        language="csharp",
        gates=(gate,) if tested else (build,),
        setup=(f"dotnet restore{target}", "find . \\( -name obj -o -name bin \\) -type d -prune -exec rm -rf {} +"),
        reuse=(
            "**/*.csproj",
            *repository.present(("Directory.Packages.props", "Directory.Build.props", "nuget.config")),
        ),
        protect=tuple(
            repository.present(("Directory.Build.props", "Directory.Build.targets", ".runsettings", "global.json"))
        ),
        notes=(
            "To count .NET's tests, add the package JunitXml.TestLogger to the test projects and a junit `report:`.",
        ),
        tools=("dotnet",),
    )


def detect_cmake(repository: Repository) -> Part | None:
    """CMake: CTest's JUnit report where tests are declared, else the build alone."""
    if not repository.has("CMakeLists.txt"):
        return None
    lists = [path for path in repository.files if path.split("/")[-1] == "CMakeLists.txt"][:200]
    tested = any(
        re.search(
            r"\b(enable_testing|add_test|gtest_discover_tests|include\s*\(\s*CTest)\b", repository.text(path), re.I
        )
        for path in lists
    )
    build = "cmake -S . -B .andon-build && cmake --build .andon-build --parallel 2"
    if not tested:
        gates = (DetectedGate(id="build", run=build, require=SPOKE, why="CMakeLists.txt; no tests are declared in it"),)
    else:
        run = f'{build} && ctest --test-dir .andon-build --output-on-failure --output-junit "$ANDON_OUT/junit.xml"'
        gates = (
            DetectedGate(id="tests", run=run, report=JUNIT, require=COUNTED, why="CMakeLists.txt: CTest's report"),
        )
    return Part(language="c++", gates=gates, tools=("cmake", "c++"))
