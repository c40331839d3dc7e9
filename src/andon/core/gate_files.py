"""Which files of a tree decide what a gate's command does: what law 8 protects besides the author's own list.

A gate's definition does not end with its command. The script that the command names, the recipe that `make` looks up,
the settings and start-up files that a test runner reads of itself: whoever edits one of these edits the gate. So they
are protected in every workflow, worked out from the commands alone; and so is what holds the agents' own clients to
Andon. A pattern is a glob, or

* `glob#section`: only this section of a settings file (`pyproject.toml#tool.pytest`), so that the rest stays free;
* `path#file`: this file alone, and not what is below a directory of that name;
* `dir/#modules`: a new module directly in `dir` by the name of one of Python's own or of a test runner's, which would
  be taken for it.

An author who wants tasks to change such a file says so: `protect: ["!**/conftest.py"]`. What a command does beyond
this (a script calling another) is the author's to protect. Pure; must not know trees or git.
"""

from __future__ import annotations

import shlex
from itertools import pairwise

from andon.core import workflow as w

ALWAYS = "**/sitecustomize.py", "**/usercustomize.py", "**/site-packages/**", "**/dist-packages/**"
"""Python runs these at every start, whatever the command was."""
CLIENTS = (
    ".*/skills/andon/**", ".claude/settings*.json", ".claude/hooks/**", ".codex/config.toml",
    ".codex/hooks.json", ".codex/hooks/**", ".codex/rules/**", ".gemini/settings.json", ".gemini/hooks/**",
    ".qwen/settings.json", ".qwen/hooks/**", ".github/hooks/**", ".github/copilot/settings*.json",
    ".cursor/hooks.json", ".cursor/hooks/**", ".cursor/cli.json",
    "opencode.json", "opencode.jsonc", ".opencode/opencode.json*", ".opencode/plugin/**", ".opencode/plugins/**",
    ".openhands/hooks.json", ".openhands/hooks/**", ".vibe/**", ".agents/plugins/**", ".goose/**", ".goosehints",
    ".aider.conf.yml", ".mcp.json",
)  # fmt: skip
"""What agents' clients run or obey of themselves in whoever's next session works there: hooks, plugins, permissions."""
MODULES = "modules"
FILE = "file"
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
# Options whose value is the next word, by the program that has them.
_PYTHON_VALUES = frozenset({"-W", "-X", "--check-hash-based-pycs"})
_SHELL_VALUES = frozenset({"-o", "+o", "-O", "+O", "--rcfile", "--init-file"})
_CARRIER_VALUES = frozenset(
    {"-u", "-C", "-S", "-n", "-k", "-s", "--directory", "--project", "--extra", "--group", "--with", "--python", "-p"}
)
_SCRIPT_VALUES = frozenset({"-r", "--require", "-I", "-e", "-M", "--import", "--loader", "-f", "-v"})
# Interpreters that have commands of their own: what follows one of these is no script.
_COMMANDS = {
    "deno": frozenset({"test", "lint", "check", "fmt", "task", "bench", "compile", "cache", "doc", "install"}),
    "bun": frozenset({"test", "install", "i", "ci", "add", "build", "x", "pm", "link", "create"}),
}
_CONFIG_OPTIONS = frozenset({
    "-c", "-f", "--file", "--makefile", "--config", "--config-file", "--rcfile", "--rootdir", "--configuration",
    "--confcutdir", "--project", "--noxfile", "--import-map",
})  # fmt: skip
"""Options that name another settings file."""
_DIRECTORY_OPTIONS = frozenset({"-C", "--directory", "--prefix", "--cwd", "--manifest-path"})
"""Options that name the directory in which a tool looks for its settings."""

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

SHADOWED = frozenset({
    *SETTINGS, "_pytest", "pluggy", "iniconfig", "pygments", "packaging", "colorama", "exceptiongroup", "tomli",
    "xdist", "execnet", "pytest_cov", "pytest_timeout", "xmlrunner", "hypothesis",
})  # fmt: skip
"""Modules besides Python's own that a test runner loads, and so must not find in the tree first."""

_ALIASES = {"py.test": "pytest", "xmlrunner": "unittest", "gradlew": "gradle", "mvnw": "mvn"}


def protected(workflow: w.Workflow) -> tuple[str, ...]:
    """All patterns that no submission may change, in order: the last one that speaks of a path decides."""
    found: dict[str, None] = dict.fromkeys((*ALWAYS, *CLIENTS))
    for command in _commands(workflow):
        found.update(dict.fromkeys(of_command(command)))
    # Modules on the search path that the environment sets are found by every Python that a gate starts.
    for part in workflow.environment.env.get("PYTHONPATH", "").split(":"):
        if _plain(part):
            found[f"{part.strip('/')}/#{MODULES}"] = None
    own = [pattern for pattern in workflow.protect if pattern != LAST]
    return (*found, *own, LAST)


def _commands(workflow: w.Workflow) -> list[str]:
    gates = [gate.run for gate in workflow.gates.values() if isinstance(gate, w.RunGate)]
    steps = [step.run for step in workflow.steps.values() if step.run is not None]
    return [*gates, *steps, *workflow.environment.setup]


def of_command(command: str, directory: str = "") -> list[str]:
    """The patterns for what one shell command reads."""
    found: list[str] = []
    for words in simple_commands(command):
        moved = _Simple(words, directory)
        found += moved.patterns()
        directory = moved.after
    return found


def simple_commands(command: str) -> list[list[str]]:
    """A shell text as simple commands, roughly: quotes and comments are understood, expansions are left as they are.

    A text whose quotes don't match is split at blanks: rather too much is protected than nothing (law 4).
    """
    commands: list[list[str]] = [[]]
    for word in _words(command):
        if word in _OPERATORS or (not commands[-1] and word in _KEYWORDS):
            commands.append([])
        else:
            commands[-1].append(word)
    return [words for words in commands if words]


def _words(command: str) -> list[str]:
    words: list[str] = []
    for line in command.split("\n"):
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|()<>")
        lexer.whitespace_split = True
        lexer.commenters = "#"
        try:
            words += [*lexer, ";"]
        except ValueError:
            for mark in ";&|()<>":
                line = line.replace(mark, f" {mark} ")
            words += [*(word.strip("'\"") for word in line.split()), ";"]
    return words


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
                words = _past_options(words[2:], _CARRIER_VALUES)
            elif words[0] in _CARRIERS:
                words = _past_options(words[1:], _CARRIER_VALUES)[_CARRIERS[words[0]] :]
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
        if program in _SHELLS or program in _INTERPRETERS or program.startswith("python"):
            found += self._redirected(rest)
        if program in _SHELLS:
            return found + self._shell(rest)
        if program == "eval":
            return found + of_command(" ".join(rest), self.directory)
        if program == "xargs":
            return found + _Simple(_past_options(rest, _CARRIER_VALUES), self.directory).patterns()
        if program.startswith("python") or program in ("py", "pypy", "pypy3"):
            return found + self._python(rest)
        if program in _INTERPRETERS and not (rest and rest[0] in _COMMANDS.get(program, ())):
            # `node --test DIRECTORY` runs tests, which are the tasks' own.
            found += [] if "--test" in rest else self._script(rest)
        return found + self._tool(program, rest)

    def _redirected(self, rest: list[str]) -> list[str]:
        """What an interpreter reads from: `sh < script`. (What another program reads is what tasks are about.)"""
        return [self._below(rest[at + 1]) for at, word in enumerate(rest[:-1]) if word == "<" and _plain(rest[at + 1])]

    def _shell(self, rest: list[str]) -> list[str]:
        at = 0
        while at < len(rest) and rest[at][:1] in ("-", "+"):
            word = rest[at]
            cluster = not word.startswith("--")
            if cluster and "c" in word[1:]:
                return of_command(rest[at + 1], self.directory) if at + 1 < len(rest) else []
            # `-euo pipefail`: a cluster that ends in o or O takes the next word.
            at += 2 if word in _SHELL_VALUES or (cluster and word[-1:] in "oO") else 1
        return self._script(rest[at:], frozenset())

    def _script(self, rest: list[str], values: frozenset[str] = _SCRIPT_VALUES) -> list[str]:
        """The script that an interpreter is given, and what it loads before: never a directory of other files."""
        loaded = [rest[at + 1] for at, word in enumerate(rest[:-1]) if word in ("-r", "--require", "--import", "-f")]
        script = next(iter(_past_options(rest, values)), "")
        named = [path for path in (*loaded, script) if _plain(path)]
        return [f"{self._below(path)}#{FILE}" for path in named]

    def _python(self, rest: list[str]) -> list[str]:
        shadows = self._shadows(self._paths)
        while rest and rest[0].startswith("-"):
            if rest[0] == "-m" and len(rest) > 1:
                return shadows + self._module(rest[1], rest[2:])
            if rest[0].startswith("-m"):
                return shadows + self._module(rest[0][2:], rest[1:])
            if rest[0] == "-c":
                return shadows
            rest = rest[2:] if rest[0] in _PYTHON_VALUES else rest[1:]
        return shadows + self._script(rest, frozenset())

    def _module(self, name: str, rest: list[str]) -> list[str]:
        """`python -m name`: a known tool's settings, else a module of the tree by this name."""
        top = name.split(".")[0]
        if top in SETTINGS or top in _ALIASES or not _plain(name):
            return self._tool(top, rest)
        path = self._below(name.replace(".", "/"))
        parents = [f"{path.rsplit('/', depth)[0]}/__init__.py" for depth in range(1, path.count("/") + 1)]
        return [f"{path}.py", f"{path}/__main__.py", f"{path}/__init__.py", *parents, *self._tool(top, rest)]

    def _tool(self, program: str, rest: list[str]) -> list[str]:
        program = _ALIASES.get(program, program)
        found = list(SETTINGS.get(program, ()))
        if program == "coverage" and "-m" in rest[:-1]:
            found += self._python(rest[rest.index("-m") :])
        values = [
            *pairwise(rest),
            *((x.split("=", 1)[0], x.split("=", 1)[1]) for x in rest if "=" in x),
        ]
        files = [self._below(value) for option, value in values if option in _CONFIG_OPTIONS and _plain(value)]
        within = [value for option, value in values if option in _DIRECTORY_OPTIONS and _plain(value)] or [""]
        patterns = [
            pattern if pattern.startswith("**/") else self._below(f"{place}/{pattern}")
            for place in within
            for pattern in found
        ]
        patterns += [f"{path}#{FILE}" for path in files] if found else []
        # A runner started by its own name does not look into the working directory first, but into PYTHONPATH.
        return patterns + (self._shadows(self._paths[1:]) if program in ("pytest", "coverage", "tox", "nox") else [])

    def _shadows(self, paths: list[str]) -> list[str]:
        """Modules that would be loaded in another's place, and distributions whose plugins a runner would load."""
        found = [f"{self._below(path)}/#{MODULES}".lstrip("/") for path in paths]
        return [*found, *_DISTRIBUTIONS]

    def _below(self, path: str) -> str:
        """A path as seen from the top of the tree."""
        parts: list[str] = []
        for part in f"{self.directory}/{path}".split("/"):
            if part == ".." and parts:
                parts.pop()
            elif part not in ("", ".", ".."):
                parts.append(part)
        return "/".join(parts)


def _past_options(words: list[str], values: frozenset[str]) -> list[str]:
    while words and words[0].startswith("-"):
        words = words[2:] if words[0] in values else words[1:]
    return words


def _any_case(text: str) -> str:
    """A glob that matches the text in whatever case."""
    return "".join(f"[{char.lower()}{char.upper()}]" if char.isalpha() else char for char in text)


_DISTRIBUTIONS = tuple(
    pattern
    for name in ("dist-info", "egg-info", "egg-link")
    for pattern in (f"**/*.{_any_case(name)}", f"**/*.{_any_case(name)}/**")
)
"""Metadata that makes a runner load plugins: found by Python in any case, as a directory, a file or a link."""


def _plain(path: str) -> bool:
    """Whether a word is a relative path as it stands: no expansion, no wildcard, not empty."""
    return bool(path) and not path.startswith(("/", "~", "-")) and not set(path) & set("$`*?[]{}<>#!")
