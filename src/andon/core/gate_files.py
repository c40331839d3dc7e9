"""Which files of a tree decide what a gate's command does: what law 8 protects besides the author's own list.

A gate's definition does not end with its command. The script that the command names, the recipe that `make` looks up,
the settings and start-up files that a test runner reads of itself: whoever edits one of these edits the gate. So they
are protected in every workflow, worked out from the commands alone. A pattern is a glob, or

* `glob#section`: only this section of a settings file (`pyproject.toml#tool.pytest`), so that the rest stays free;
* `dir/#modules`: a new module directly in `dir` by the name of one of Python's own or of a test runner's, which would
  be taken for it.

An author who wants tasks to change such a file says so: `protect: ["!**/conftest.py"]`. What a command does beyond
this (a script calling another) is the author's to protect. Pure; must not know trees or git.
"""

from __future__ import annotations

import shlex

from andon.core import workflow as w

ALWAYS = "**/sitecustomize.py", "**/usercustomize.py", "**/site-packages/**", "**/dist-packages/**"
"""Python runs these at every start, whatever the command was."""
MODULES = "modules"
LAST = ".andon/**"
"""Nothing takes these out of protection."""

_OPERATORS = frozenset({";", ";;", "&", "&&", "|", "||", "|&", "(", ")", "{", "}", "!", "\n"})
_KEYWORDS = frozenset({"if", "then", "elif", "else", "do", "while", "until", "time", "!", "{"})
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh"})
_INTERPRETERS = frozenset({"node", "ruby", "perl", "php", "deno", "bun", "awk", "source", "."})
# Programs that run the rest of the line; the number says how many words of their own come first.
_CARRIERS = {"env": 0, "exec": 0, "command": 0, "nice": 0, "nohup": 0, "time": 0, "npx": 0, "xvfb-run": 0, "timeout": 1}
_TWO_WORD_CARRIERS = frozenset(
    {"uv run", "poetry run", "pdm run", "hatch run", "pipenv run", "bundle exec", "pnpm exec"}
)
_VALUE_OPTIONS = frozenset({"-W", "-X", "-k", "-s", "-n", "-u", "-C", "--directory"})

_JS = (
    "jest.config.*", "vitest.config.*", "vitest.workspace.*", "vite.config.*", "playwright.config.*", "ava.config.*",
    ".mocharc.*", ".c8rc*", ".nycrc*", "karma.conf.*",
)  # fmt: skip
_SCRIPTS = (
    "package.json#scripts", "package.json#jest", "package.json#mocha", "package.json#ava", "package.json#vitest",
    "package.json#c8", "package.json#nyc", ".npmrc", ".yarnrc", ".yarnrc.yml", *_JS,
)  # fmt: skip
_MAKE = ("Makefile", "makefile", "GNUmakefile")
_COVERAGE = (".coveragerc", "setup.cfg#coverage:run", "setup.cfg#coverage:report", "tox.ini#coverage:run",
             "pyproject.toml#tool.coverage")  # fmt: skip

SETTINGS: dict[str, tuple[str, ...]] = {
    "pytest": (
        "**/conftest.py", "**/pytest.ini", "**/.pytest.ini", "**/pytest.toml", "**/.pytest.toml", "**/tox.ini#pytest",
        "**/setup.cfg#tool:pytest", "**/pyproject.toml#tool.pytest", *_COVERAGE,
    ),
    "coverage": _COVERAGE,
    "tox": ("tox.ini", "setup.cfg#tox:tox", "pyproject.toml#tool.tox"),
    "nox": ("noxfile.py",),
    "mypy": ("mypy.ini", ".mypy.ini", "setup.cfg#mypy", "pyproject.toml#tool.mypy"),
    "ruff": ("**/ruff.toml", "**/.ruff.toml", "**/pyproject.toml#tool.ruff"),
    "flake8": (".flake8", "setup.cfg#flake8", "tox.ini#flake8"),
    "black": ("pyproject.toml#tool.black",),
    "pylint": (".pylintrc", "pylintrc", "setup.cfg#pylint", "pyproject.toml#tool.pylint"),
    "pyright": ("pyrightconfig.json", "pyproject.toml#tool.pyright"),
    "npm": _SCRIPTS, "pnpm": _SCRIPTS, "yarn": _SCRIPTS, "bun": (*_SCRIPTS, "bunfig.toml"),
    "jest": (*_JS, "package.json#jest"), "vitest": _JS, "mocha": (*_JS, "package.json#mocha"),
    "ava": (*_JS, "package.json#ava"), "playwright": _JS, "c8": _JS, "nyc": _JS,
    "eslint": ("**/eslint.config.*", "**/.eslintrc*", "package.json#eslintConfig"),
    "deno": ("deno.json#tasks", "deno.jsonc"),
    "make": _MAKE, "gmake": _MAKE, "just": ("justfile", "Justfile", ".justfile"),
    "cargo": ("**/.cargo/**", "rust-toolchain", "rust-toolchain.toml"),
    "mvn": (".mvn/**",), "gradle": ("gradle/**", "gradle.properties"),
    "phpunit": ("phpunit.xml", "phpunit.xml.dist"), "rspec": (".rspec",),
}  # fmt: skip
"""Program -> what it reads of itself, from the directory that it runs in."""

SHADOWED = frozenset({*SETTINGS, "_pytest", "pluggy", "iniconfig", "xdist", "pytest_cov", "xmlrunner"})
"""Modules besides Python's own that a test runner loads, and so must not find in the tree first."""

_ALIASES = {"py.test": "pytest", "xmlrunner": "unittest", "gradlew": "gradle", "mvnw": "mvn"}


def protected(workflow: w.Workflow) -> tuple[str, ...]:
    """All patterns that no submission may change, in order: the last one that speaks of a path decides."""
    found: dict[str, None] = dict.fromkeys(ALWAYS)
    for command in _commands(workflow):
        found.update(dict.fromkeys(of_command(command)))
    own = [pattern for pattern in workflow.protect if pattern != LAST]
    return (*found, *own, LAST)


def _commands(workflow: w.Workflow) -> list[str]:
    gates = [gate.run for gate in workflow.gates.values() if isinstance(gate, w.RunGate)]
    steps = [step.run for step in workflow.steps.values() if step.run is not None]
    return [*gates, *steps, *workflow.environment.setup]


def of_command(command: str, directory: str = "") -> list[str]:
    """The patterns for what one shell command reads. A command that can't be split has none."""
    found: list[str] = []
    for words in simple_commands(command):
        moved = _Simple(words, directory)
        found += moved.patterns()
        directory = moved.after
    return found


def simple_commands(command: str) -> list[list[str]]:
    """A shell text as simple commands, roughly: quotes are understood, expansions are left as they are."""
    lexer = shlex.shlex(command.replace("\n", " ; "), posix=True, punctuation_chars=";&|()")
    lexer.whitespace_split = True
    lexer.commenters = ""
    commands: list[list[str]] = [[]]
    try:
        for word in lexer:
            if word in _OPERATORS or (not commands[-1] and word in _KEYWORDS):
                commands.append([])
            else:
                commands[-1].append(word)
    except ValueError:
        return []
    return [words for words in commands if words]


class _Simple:
    """One simple command. after: the directory that what follows runs in."""

    def __init__(self, words: list[str], directory: str) -> None:
        self.directory = self.after = directory
        self._paths = [""]
        self._words = self._without_carriers(words)

    def _without_carriers(self, words: list[str]) -> list[str]:
        while words:
            name, separator, value = words[0].partition("=")
            if separator and name.replace("_", "a").isalnum():
                if name == "PYTHONPATH":
                    self._paths += [part for part in value.split(":") if _plain(part)]
                words = words[1:]
            elif " ".join(words[:2]) in _TWO_WORD_CARRIERS:
                words = _past_options(words[2:])
            elif words[0] in _CARRIERS:
                words = _past_options(words[1:])[_CARRIERS[words[0]] :]
            else:
                break
        return words

    def patterns(self) -> list[str]:
        if not self._words:
            return []
        first, rest = self._words[0], self._words[1:]
        program = first.rpartition("/")[2]
        if program == "cd" and len(rest) == 1 and _plain(rest[0]):
            self.after = self._below(rest[0])
            return []
        found = [self._below(first)] if "/" in first and _plain(first) else []
        if program in _SHELLS:
            return found + self._shell(rest)
        if program.startswith("python") or program in ("py", "pypy", "pypy3"):
            return found + self._python(rest)
        if program in _INTERPRETERS:
            found += self._script(rest)
        return found + self._tool(program, rest)

    def _shell(self, rest: list[str]) -> list[str]:
        for number, word in enumerate(rest):
            if word.startswith("-") and not word.startswith("--") and word.endswith("c"):
                return of_command(rest[number + 1], self.directory) if number + 1 < len(rest) else []
        return self._script(rest)

    def _script(self, rest: list[str]) -> list[str]:
        script = next(iter(_past_options(rest)), "")
        return [self._below(script)] if _plain(script) else []

    def _python(self, rest: list[str]) -> list[str]:
        shadows = self._shadows(self._paths)
        while rest and rest[0].startswith("-"):
            if rest[0] == "-m" and len(rest) > 1:
                return shadows + self._tool(rest[1].split(".")[0], rest[2:])
            if rest[0].startswith("-m"):
                return shadows + self._tool(rest[0][2:], rest[1:])
            if rest[0] == "-c":
                return shadows
            rest = rest[2:] if rest[0] in _VALUE_OPTIONS else rest[1:]
        return shadows + self._script(rest)

    def _tool(self, program: str, rest: list[str]) -> list[str]:
        program = _ALIASES.get(program, program)
        found = list(SETTINGS.get(program, ()))
        if program == "coverage" and "-m" in rest[:-1]:
            found += self._python(rest[rest.index("-m") :])
        if program in ("make", "gmake") and "-f" in rest[:-1]:
            found.append(rest[rest.index("-f") + 1])
        patterns = [pattern if pattern.startswith("**/") else self._below(pattern) for pattern in found]
        # A runner started by its own name does not look into the working directory first, but into PYTHONPATH.
        return patterns + (self._shadows(self._paths[1:]) if program in ("pytest", "coverage", "tox", "nox") else [])

    def _shadows(self, paths: list[str]) -> list[str]:
        """Modules that would be loaded in another's place, and distributions whose plugins a runner would load."""
        found = [f"{self._below(path)}/#{MODULES}".lstrip("/") for path in paths]
        return [*found, "**/*.dist-info/**", "**/*.egg-info/**"]

    def _below(self, path: str) -> str:
        """A path as seen from the top of the tree."""
        parts: list[str] = []
        for part in f"{self.directory}/{path}".split("/"):
            if part == ".." and parts:
                parts.pop()
            elif part not in ("", ".", ".."):
                parts.append(part)
        return "/".join(parts)


def _past_options(words: list[str]) -> list[str]:
    while words and words[0].startswith("-"):
        words = words[2:] if words[0] in _VALUE_OPTIONS else words[1:]
    return words


def _plain(path: str) -> bool:
    """Whether a word is a relative path as it stands: no expansion, no wildcard, not empty."""
    return bool(path) and not path.startswith(("/", "~", "-")) and not set(path) & set("$`*?[]{}<>#!")
