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
_HIDING = frozenset({"setsid", "nohup"})
"""Take what they run out of its session's sight."""
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

    path: of a file. edits: an existing file is changed in place, or its content replaced. into: names that the files
    have when path is a directory. removes: with all that lies below. hidden: the program in front of andon that hides
    whose command it is.
    """

    __slots__ = ("directory", "edits", "hidden", "into", "kind", "path", "removes", "words")

    def __init__(self, kind: str, words: list[str], directory: str, path: str = "", edits: bool = False) -> None:
        self.into: tuple[str, ...] = ()
        self.removes = False
        self.hidden = ""
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
        self.hidden = ""
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

    def file(self, word: str, *, edits: bool, into: tuple[str, ...] = (), removes: bool = False) -> None:
        path = join(self.cwd, word, self.home)
        if path and not path.startswith(("/dev/", "/proc/")):
            act = Act(FILE, [], self.cwd, path, edits)
            act.into, act.removes = into, removes
            self.acts.append(act)

    def andon(self, words: list[str], directory: str) -> None:
        act = Act(ANDON, words, directory)
        act.hidden = self.hidden
        self.acts.append(act)

    def variable(self, name: str, value: str) -> None:
        if name.startswith(("ANDON_", "GIT_")) or name.endswith(("SESSION_ID", "THREAD_ID")):
            self.acts.append(Act(VARIABLE, [name, value], self.cwd))

    def simple(self, simple: Simple, depth: int) -> None:
        outer = self.hidden
        try:
            self._simple(simple, depth)
        finally:
            self.hidden = outer

    def _simple(self, simple: Simple, depth: int) -> None:
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
            self.andon(rest, directory)
        elif (program.startswith("python") or program == "uv") and "andon" in rest:
            if rest[rest.index("andon") - 1] in ("-m", "run"):
                self.andon(rest[rest.index("andon") + 1 :], directory)
        elif program == "find":
            self.find(rest, depth)
        else:
            writer(self, program, rest)

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
        if program in _HIDING:
            self.hidden = program
        while words and words[0].startswith("-") and words[0] != "--":
            option = words[0]
            takes = option in _CARRIER_VALUES and option not in plain and len(words) > 1
            if program == "env":
                if option in ("-i", "--ignore-environment", "-"):
                    self.hidden = f"env {option}"
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

    def find(self, rest: list[str], depth: int) -> None:
        """The commands that `find` runs; the files that it finds are not known."""
        at = 0
        while at < len(rest):
            if rest[at] in ("-exec", "-execdir", "-ok", "-okdir"):
                inner = Simple()
                end = at + 1
                while end < len(rest) and rest[end] not in (";", "+"):
                    inner.words.append(rest[end].replace("{}", UNKNOWN))
                    end += 1
                if depth < MAX_DEPTH:
                    self._simple(inner, depth + 1)
                at = end
            at += 1


# ---------------------------------------------------------------- programs that change files


_OUTPUT = {
    "curl": ("-o", "--output"),
    "wget": ("-O", "--output-document"),
    "sort": ("-o", "--output"),
}
"""Programs that write the file that an option names."""
_MOVERS = ("cp", "mv", "ln", "install", "rsync")
_MOVER_VALUES = frozenset(
    {"-t", "--target-directory", "-S", "--suffix", "-m", "-o", "-g", "--mode", "--owner", "--group"}
)


def writer(walk: _Walk, program: str, rest: list[str]) -> None:
    """The well-known programs that change files that their words name."""
    options = [word for word in rest if word.startswith("-")]
    names = [word for word in rest if not word.startswith("-")]
    if program in ("sed", "perl"):
        _in_place(walk, program, options, names)
    elif program in ("rm", "tee", "truncate", "shred", "unlink"):
        for word in names:
            walk.file(word, edits=True, removes=program == "rm")
    elif program in ("touch", "mkdir", "rmdir", "chmod"):
        for word in names[1:] if program == "chmod" else names:
            walk.file(word, edits=False)
    elif program in _OUTPUT:
        for word in _values(rest, _OUTPUT[program]):
            walk.file(word, edits=True)
    elif program in _MOVERS:
        _moved(walk, program, rest)
    elif program == "dd":
        for word in names:
            if word.startswith("of="):
                walk.file(word[3:], edits=True)


def _in_place(walk: _Walk, program: str, options: list[str], names: list[str]) -> None:
    if program == "sed":
        edits = any(option.startswith(("-i", "--in-place")) for option in options)
        scripted = any(option.startswith(("-e", "-f", "--expression", "--file")) for option in options)
    else:
        # In a bundle of Perl's letters i comes before what takes a value (-pi, -pie, -i.bak).
        edits = any(not option.startswith("--") and "i" in option.partition("e")[0] for option in options)
        scripted = not any("e" in option.lower() for option in options)
    if not edits:
        return
    # The first plain word is the script: for sed unless an option gave it, for perl when -e stands before it.
    for word in names if scripted and program == "sed" else names[1:]:
        walk.file(word, edits=True)


def _moved(walk: _Walk, program: str, rest: list[str]) -> None:
    names: list[str] = []
    skip = False
    for word in rest:
        if skip:
            skip = False
        elif word in _MOVER_VALUES and program != "rsync" and not (word == "-m" and program in ("cp", "mv")):
            skip = True
        elif not word.startswith("-"):
            names.append(word)
    targets = _values(rest, ("-t", "--target-directory")) if program != "rsync" else []
    if not targets and len(names) > 1:
        targets = [names.pop()]
    into = tuple(name.rstrip("/").rpartition("/")[2] for name in names)
    for target in targets:
        walk.file(target, edits=True, into=into)
    for word in names if program == "mv" else ():
        walk.file(word, edits=True, removes=True)


def _values(rest: list[str], flags: tuple[str, ...]) -> list[str]:
    """What these options are given, as the next word, behind `=`, or right behind a letter."""
    found: list[str] = []
    for at, word in enumerate(rest):
        for flag in flags:
            if word == flag or (
                len(flag) == 2 and len(word) > 2 and word[1] != "-" and word[0] == "-" and word.endswith(flag[1])
            ):
                found += rest[at + 1 : at + 2]
            elif flag.startswith("--") and word.startswith(f"{flag}="):
                found.append(word[len(flag) + 1 :])
            elif len(flag) == 2 and word.startswith(flag) and len(word) > 2:
                found.append(word[2:])
    return found
