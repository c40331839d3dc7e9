"""Small repositories as maps of path to text, for detection."""

from __future__ import annotations

import json

from andon.workflow.detect import Detected, detect

Files = dict[str, str]


def found(files: Files) -> Detected:
    """What is detected in a repository of these files."""
    return detect(lambda path: files[path].encode() if path in files else None, lambda: list(files))


def package_json(*, test: str = "", scripts: dict[str, str] | None = None, needs: tuple[str, ...] = ()) -> str:
    every = {**(scripts or {}), **({"test": test} if test else {})}
    return json.dumps({"name": "x", "scripts": every, "devDependencies": dict.fromkeys(needs, "1")})


PYTEST_PACKAGE = """
[build-system]
requires = ["hatchling"]
[project]
name = "x"
dependencies = ["click"]
[project.optional-dependencies]
test = ["pytest>=8", "pytest-cov"]
docs = ["sphinx"]
[tool.pytest.ini_options]
testpaths = ["tests"]
[tool.ruff]
line-length = 100
[tool.mypy]
strict = true
"""

REPOSITORIES: dict[str, Files] = {
    "empty": {},
    "readme only": {"README.md": "# x"},
    "pytest package": {
        "pyproject.toml": PYTEST_PACKAGE,
        "src/x/__init__.py": "",
        "tests/conftest.py": "",
        "tests/test_x.py": "def test_x(): pass\n",
    },
    "unittest": {"x.py": "", "tests/test_x.py": "import unittest\n"},
    "django": {"manage.py": "", "requirements.txt": "django\n", "shop/tests.py": "from django.test import TestCase\n"},
    "uv": {
        "pyproject.toml": '[project]\nname = "x"\n[dependency-groups]\ndev = ["pytest"]\n'
        'lint = ["ruff"]\n[tool.ruff]\n',
        "uv.lock": "",
        "tests/test_x.py": "",
    },
    "poetry": {
        "pyproject.toml": '[build-system]\nrequires = ["poetry-core"]\n[tool.poetry]\nname = "x"\n'
        '[tool.poetry.group.dev.dependencies]\npytest = "^8"\n',
        "poetry.lock": "",
        "tests/test_x.py": "",
    },
    "npm vitest": {
        "package.json": package_json(test="vitest", needs=("vitest", "typescript"), scripts={"lint": "eslint ."}),
        "package-lock.json": "{}",
        "tsconfig.json": "{}",
        "vitest.config.ts": "",
    },
    "npm jest": {"package.json": package_json(test="jest --coverage", needs=("jest",)), "package-lock.json": "{}"},
    "npm mocha": {"package.json": package_json(test="tsc && mocha", needs=("mocha",)), "yarn.lock": ""},
    "node test": {"package.json": package_json(test="node --test test/")},
    "npm other": {"package.json": package_json(test="./run.sh"), "pnpm-lock.yaml": ""},
    "tape": {"package.json": package_json(test="tape test/*.js", needs=("tape",)), "package-lock.json": "{}"},
    "bun": {"package.json": package_json(test="bun test"), "bun.lock": ""},
    "rust": {"Cargo.toml": '[package]\nname = "x"\n', "Cargo.lock": "", "rustfmt.toml": "", "clippy.toml": ""},
    "go": {"go.mod": "module x\n", "go.sum": "", "x_test.go": ""},
    "maven": {"pom.xml": "<project/>", "mvnw": "", "core/pom.xml": "<project/>"},
    "gradle": {"build.gradle.kts": "", "gradlew": "", "gradle/libs.versions.toml": ""},
    "dotnet": {"x.sln": "", "x/x.csproj": "", "t/t.csproj": '<PackageReference Include="Microsoft.NET.Test.Sdk"/>'},
    "cmake": {"CMakeLists.txt": "enable_testing()\nadd_test(NAME a COMMAND a)\n"},
    "rspec": {"Gemfile": "", "Gemfile.lock": "", "spec/spec_helper.rb": "", ".rubocop.yml": ""},
    "minitest": {"Gemfile": "", "Rakefile": "", "test/test_helper.rb": ""},
    "phpunit": {
        "composer.json": '{"require-dev": {"phpunit/phpunit": "^11"}}',
        "phpunit.xml.dist": "",
        "phpstan.neon": "",
    },
    "elixir": {"mix.exs": "", "mix.lock": "", ".formatter.exs": "", "test/test_helper.exs": ""},
    "deno": {"deno.json": '{"tasks": {"test": "deno test -A"}}', "deno.lock": ""},
    "make": {"Makefile": ".PHONY: test lint\ntest: build\n\t./t\nlint:\n\t./l\nbuild:\n\t./b\n"},
    "monorepo": {
        "README.md": "",
        "backend/pyproject.toml": PYTEST_PACKAGE,
        "backend/tests/test_x.py": "",
        "web app/package.json": package_json(test="vitest run", needs=("vitest",)),
        "web app/package-lock.json": "{}",
    },
    "python and node": {
        "pyproject.toml": PYTEST_PACKAGE,
        "tests/test_x.py": "",
        "package.json": package_json(test="jest", needs=("jest",)),
        "package-lock.json": "{}",
    },
    "broken": {"pyproject.toml": "[project\n", "package.json": "{", "setup.cfg": "no section\n", "Cargo.toml": "]"},
}
