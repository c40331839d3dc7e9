"""What a shell command would do that matters here: git, Andon's own acts, files written, variables changed.

Only what stands plainly in the text is found; what expansions, scripts and programs do is for the gates to see. Pure.
"""

from __future__ import annotations

from andon.agents.hooks.shell import CLOSE, MAX_DEPTH, OPEN, UNKNOWN, Simple, simple_commands

GIT, ANDON, FILE, VARIABLE = "git", "andon", "file", "variable"
MAX_ACTS = 500

_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "ash", "busybox"})
_KEYWORDS = frozenset(
    {"if", "then", "elif", "else", "do", "while", "until", "time", "!", "{", "}", "fi", "done", "coproc"}
)
# Programs that run the rest of the line; the number says how many words of their own come first.
_CARRIERS = {
    "env": 0, "exec": 0, "command": 0, "builtin": 0, "nice": 0, "nohup": 0, "time": 0, "timeout": 1, "sudo": 0, "xargs": 0,
    "stdbuf": 0, "setsid": 0, "ionice": 0, "unbuffer": 0, "doas": 0,
}  # fmt: skip
_CARRIER_VALUES = frozenset(
    {
        "-u",
        "--unset",
        "-C",
        "--chdir",
        "-n",
        "-k",
        "-s",
        "-S",
        "-I",
        "-L",
        "-P",
        "-o",
        "-i",
        "-e",
        "-c",
        "-a",
        "-d",
        "-E",
        "-g",
    }
)
_GIT_VALUES = frozenset(
    {"-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--super-prefix", "--config-env"}
)
_WITHOUT_VALUE = {
    "env": frozenset({"-i"}),
    "xargs": frozenset({"-i", "-e"}),
    "sudo": frozenset({"-i", "-E", "-s", "-n"}),
}


class Act:
    """words: of git (from the subcommand on) or andon; or (name, value) of a variable. directory: where, "" unknown.

    path: of a file. edits: an existing file is changed in place, or its content replaced.
    """

    __slots__ = ("directory", "edits", "kind", "path", "words")

    def __init__(self, kind: str, words: list[str], directory: str, path: str = "", edits: bool = False) -> None:
        self.kind = kind
        self.words = words
        self.directory = directory
        self.path = path
        self.edits = edits


def acts_of(command: str, cwd: str, home: str = "") -> list[Act]:
    """All acts, in order. cwd: where the command starts, absolute."""
    walk = _Walk(cwd, home)
    walk.text(command, 0)
    return walk.acts[:MAX_ACTS]


def join(directory: str, path: str, home: str = "") -> str:
    """An absolute path without `.` and `..`; "" when it can't be known."""
    if path.startswith("~") and home and path[1:2] in ("", "/"):
        path = home + path[1:]
    if UNKNOWN in path or path.startswith("~") or not (path.startswith("/") or directory):
        return ""
    parts: list[str] = []
    for part in (path if path.startswith("/") else f"{directory}/{path}").split("/"):
        if part == "..":
            if parts:
                parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


class _Walk:
    def __init__(self, cwd: str, home: str) -> None:
        self.cwd = cwd
        self.home = home
        self.acts: list[Act] = []

    def text(self, command: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            return
        outer: list[str] = []
        for simple in simple_commands(command, depth):
            if simple.mark == OPEN:
                outer.append(self.cwd)
            elif simple.mark == CLOSE:
                self.cwd = outer.pop() if outer else self.cwd
            else:
                self.simple(simple, depth)
            if len(self.acts) > MAX_ACTS:
                return

    def file(self, word: str, *, edits: bool) -> None:
        path = join(self.cwd, word, self.home)
        if path and not path.startswith(("/dev/", "/proc/")):
            self.acts.append(Act(FILE, [], self.cwd, path, edits))

    def variable(self, name: str, value: str) -> None:
        if name.startswith(("ANDON_", "GIT_")) or name.endswith(("SESSION_ID", "THREAD_ID")):
            self.acts.append(Act(VARIABLE, [name, value], self.cwd))

    def simple(self, simple: Simple, depth: int) -> None:
        for word in simple.writes:
            self.file(word, edits=True)
        words, directory = self.without_carriers(simple.words, depth)
        if not words:
            return
        program, rest = words[0].rpartition("/")[2], words[1:]
        if program in ("cd", "pushd"):
            places = [word for word in rest if not word.startswith("-")]
            self.cwd = join(self.cwd, places[0] if places else self.home or UNKNOWN, self.home)
        elif program in ("export", "declare", "typeset", "readonly", "local"):
            for word in rest:
                name, equals, value = word.partition("=")
                if equals:
                    self.variable(name, value)
                elif "-n" in rest:
                    self.variable(name, "")
        elif program == "unset":
            for word in rest:
                self.variable(word, "")
        elif program == "eval":
            self.text(" ".join(rest), depth + 1)
        elif program in _SHELLS or program == "script":
            self.shell(rest, simple.text, depth)
        elif program == "git":
            self.git(rest, directory)
        elif program == "andon":
            self.acts.append(Act(ANDON, rest, directory))
        elif (program.startswith("python") or program == "uv") and "andon" in rest:
            if rest[rest.index("andon") - 1] in ("-m", "run"):
                self.acts.append(Act(ANDON, rest[rest.index("andon") + 1 :], directory))
        else:
            self.writer(program, rest)

    def without_carriers(self, words: list[str], depth: int) -> tuple[list[str], str]:
        """The command itself, behind keywords, assignments and programs that run another; and where it runs."""
        directory = self.cwd
        while words:
            first = words[0]
            name, equals, value = first.partition("=")
            program = first.rpartition("/")[2]
            if first in _KEYWORDS:
                words = words[1:]
            elif equals and name.isidentifier():
                self.variable(name, value)
                if name in ("GIT_DIR", "GIT_WORK_TREE"):
                    directory = join(directory, value, self.home)
                words = words[1:]
            elif program in _CARRIERS:
                words, directory = self.past_carrier(program, words[1:], directory, depth)
                words = words[_CARRIERS[program] :]
            else:
                break
        return words, directory

    def past_carrier(self, program: str, words: list[str], directory: str, depth: int) -> tuple[list[str], str]:
        plain = _WITHOUT_VALUE.get(program, frozenset())
        while words and words[0].startswith("-") and words[0] != "--":
            option = words[0]
            takes = option in _CARRIER_VALUES and option not in plain and len(words) > 1
            if program == "env":
                if option in ("-i", "--ignore-environment", "-"):
                    self.variable("ANDON_AGENT", "")
                elif option in ("-u", "--unset") and takes:
                    self.variable(words[1], "")
                elif option.startswith("--unset="):
                    self.variable(option[8:], "")
                elif option in ("-C", "--chdir") and takes:
                    directory = join(directory, words[1], self.home)
                elif option in ("-S", "--split-string") and takes:
                    self.text(words[1], depth + 1)
            words = words[2:] if takes else words[1:]
        return (words[1:] if words[:1] == ["--"] else words), directory

    def shell(self, rest: list[str], text: str, depth: int) -> None:
        outer = self.cwd
        for at, word in enumerate(rest):
            if word in ("--command",) or (word.startswith("-") and not word.startswith("--") and "c" in word[1:]):
                if at + 1 < len(rest):
                    self.text(rest[at + 1], depth + 1)
                break
        else:
            if text:
                self.text(text, depth + 1)
        self.cwd = outer

    def git(self, rest: list[str], directory: str) -> None:
        while rest and rest[0].startswith("-"):
            option, equals, value = rest[0].partition("=")
            if not equals and option in _GIT_VALUES and len(rest) > 1:
                value = rest[1]
                rest = rest[1:]
            if option in ("-C", "--work-tree", "--git-dir"):
                directory = join(directory, value, self.home)
            rest = rest[1:]
        if rest:
            self.acts.append(Act(GIT, rest, directory))

    def writer(self, program: str, rest: list[str]) -> None:
        """The well-known programs that change files that their words name."""
        options = [word for word in rest if word.startswith("-")]
        names = [word for word in rest if not word.startswith("-")]
        if program == "sed":
            if any(option.startswith(("-i", "--in-place")) for option in options):
                # The first plain word is the script, unless -e or -f gave it.
                scripted = any(option.startswith(("-e", "-f", "--expression", "--file")) for option in options)
                for word in names if scripted else names[1:]:
                    self.file(word, edits=True)
        elif program in ("rm", "tee", "truncate", "shred", "unlink"):
            for word in names:
                self.file(word, edits=True)
        elif program in ("touch", "mkdir", "rmdir", "chmod"):
            for word in names[1:] if program == "chmod" else names:
                self.file(word, edits=False)
        elif program in ("cp", "mv", "ln", "install", "rsync") and names:
            self.file(names[-1], edits=True)
            for word in names[:-1] if program == "mv" else ():
                self.file(word, edits=True)
        elif program == "dd":
            for word in names:
                if word.startswith("of="):
                    self.file(word[3:], edits=True)
