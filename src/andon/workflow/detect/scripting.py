"""Ruby, PHP and Elixir."""

from __future__ import annotations

import re

from andon.core.workflow import Report
from andon.workflow.detect.records import COUNTED, EXIT_ONLY, SPOKE, DetectedGate, Part, Repository, table

RSPEC = (
    "report.summary.example_count > 0 && report.summary.failure_count == 0"
    " && report.summary.errors_outside_of_examples_count == 0"
    " && report.summary.pending_count <= base.report.summary.pending_count"
    " && report.summary.example_count >= base.report.summary.example_count"
)


def detect_ruby(repository: Repository) -> Part | None:
    """RSpec by its JSON report, else rake by its exit code; RuboCop."""
    if not repository.has("Gemfile", "Rakefile") and not repository.at_root(".gemspec"):
        return None
    bundled = "bundle exec " if repository.has("Gemfile") else ""
    gates: list[DetectedGate] = []
    notes: list[str] = []
    if repository.below("spec") or repository.has(".rspec"):
        run = f'{bundled}rspec --format progress --format json --out "$ANDON_OUT/rspec.json"'
        report = Report(format="json", path="rspec.json")
        gates.append(DetectedGate(id="tests", run=run, report=report, require=RSPEC, why="spec/: RSpec's JSON report"))
    elif repository.has("Rakefile", "bin/rails") and repository.below("test"):
        command = "bin/rails test" if repository.has("bin/rails") else f"{bundled}rake test"
        gates.append(DetectedGate(id="tests", run=command, require=SPOKE, why="test/: run by its exit code"))
        notes.append(
            "Minitest leaves no report of itself: add minitest-reporters with its JUnit reporter to have tests counted."
        )
    if repository.has(".rubocop.yml"):
        run = f"{bundled}rubocop"
        gates.append(DetectedGate(id="lint", run=run, require=SPOKE, why=".rubocop.yml"))
    setup = ("bundle config set --local path vendor/bundle", "bundle install") if bundled else ()
    reuse = [*repository.present(("Gemfile", "Gemfile.lock", ".ruby-version")), *repository.at_root(".gemspec")]
    protect = repository.present(
        (".rspec", "spec/spec_helper.rb", "spec/rails_helper.rb", "test/test_helper.rb", "Rakefile", ".rubocop.yml")
    )
    return Part(
        language="ruby",
        gates=tuple(gates),
        setup=setup if gates else (),
        reuse=tuple(reuse),
        protect=tuple(protect),
        notes=tuple(notes),
        tools=("ruby", "bundle") if bundled else ("ruby",),
    )


def detect_php(repository: Repository) -> Part | None:
    """PHPUnit and Pest by their JUnit reports; PHPStan, and composer's scripts."""
    if not repository.has("composer.json"):
        return None
    composer = repository.json("composer.json")
    requires = {**table(composer, "require"), **table(composer, "require-dev")}
    scripts = table(composer, "scripts")
    junit = Report(format="junit", path="junit.xml")
    gates: list[DetectedGate] = []
    config = repository.first("phpunit.xml", "phpunit.xml.dist", "phpunit.dist.xml")
    if "pestphp/pest" in requires:
        run = 'vendor/bin/pest --log-junit "$ANDON_OUT/junit.xml"'
        gates.append(
            DetectedGate(id="tests", run=run, report=junit, require=COUNTED, why="composer.json requires pest")
        )
    elif "phpunit/phpunit" in requires or config:
        run = 'vendor/bin/phpunit --log-junit "$ANDON_OUT/junit.xml"'
        gates.append(
            DetectedGate(id="tests", run=run, report=junit, require=COUNTED, why=config or "composer.json: phpunit")
        )
    elif "test" in scripts:
        gates.append(
            DetectedGate(id="tests", run="composer run-script test", require=SPOKE, why="composer.json: scripts.test")
        )
    stan = repository.first("phpstan.neon", "phpstan.neon.dist", "phpstan.dist.neon")
    if "lint" in scripts:
        gates.append(
            DetectedGate(id="lint", run="composer run-script lint", require=SPOKE, why="composer.json: scripts.lint")
        )
    if stan:
        run = "vendor/bin/phpstan analyse --no-progress"
        gates.append(DetectedGate(id="types", run=run, require=SPOKE, why=stan))
    return Part(
        language="php",
        gates=tuple(gates),
        setup=("composer install --no-interaction --no-progress",) if gates else (),
        reuse=tuple(repository.present(("composer.json", "composer.lock"))),
        protect=tuple(path for path in (config, stan) if path),
        tools=("php", "composer"),
    )


def detect_elixir(repository: Repository) -> Part | None:
    """ExUnit by its exit code and what it prints; formatting."""
    if not repository.has("mix.exs"):
        return None
    gates = [DetectedGate(id="tests", run="mix test --no-deps-check", require=SPOKE, why="mix.exs: mix test")]
    if repository.has(".formatter.exs"):
        gates.append(
            DetectedGate(id="format", run="mix format --check-formatted", require=EXIT_ONLY, why=".formatter.exs")
        )
    if re.search(r":credo\b", repository.text("mix.exs")):
        gates.append(DetectedGate(id="lint", run="mix credo", require=SPOKE, why="mix.exs requires credo"))
    return Part(
        language="elixir",
        gates=tuple(gates),
        setup=("mix local.hex --force", "mix local.rebar --force", "mix deps.get"),
        reuse=tuple(repository.present(("mix.exs", "mix.lock"))),
        protect=tuple(repository.present(("test/test_helper.exs", ".formatter.exs", ".credo.exs"))),
        notes=("ExUnit's exit code is looked at; add junit_formatter and a junit `report:` to have tests counted.",),
        tools=("elixir", "mix"),
    )
