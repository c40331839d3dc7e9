"""A shell text as simple commands, without running or importing anything.

Quotes, comments, here-documents, redirections and substitutions are understood as a POSIX shell would; what an expansion
gives is not known and stands as UNKNOWN in the word. Never raises and always ends: what is not closed reaches to the end.
"""

from __future__ import annotations

UNKNOWN = "\0"
"""In a word, in place of what an expansion gives."""
MAX_CHARS = 200_000
MAX_DEPTH = 8
OPEN, CLOSE = "(", ")"


class Simple:
    """A simple command: its words, the files its redirections write, what it reads from a here-document.

    mark: "(" or ")" for the edges of a subshell, which have no words.
    """

    __slots__ = ("mark", "text", "words", "writes")

    def __init__(self, mark: str = "") -> None:
        self.words: list[str] = []
        self.writes: list[str] = []
        self.text = ""
        self.mark = mark


def simple_commands(text: str, depth: int = 0) -> list[Simple]:
    """In the order of the text; commands inside a substitution come before the one that holds it."""
    if depth > MAX_DEPTH:
        return []
    return _Lexer(text[:MAX_CHARS], depth).run()


class _Lexer:
    def __init__(self, text: str, depth: int) -> None:
        self.text = text
        self.depth = depth
        self.at = 0
        self.found: list[Simple] = []
        self.now = Simple()
        self.word: list[str] | None = None
        self.target = ""  # what the next word is: "" a word, "write" or "read" a file, "end" a here-document's end
        self.awaited: list[tuple[str, Simple]] = []

    def run(self) -> list[Simple]:
        text = self.text
        while self.at < len(text):
            char = text[self.at]
            self.at += 1
            if char in " \t\r":
                self.end_word()
            elif char == "\n":
                self.end_command()
                self.here_documents()
            elif char in ";&|()":
                self.operator(char)
            elif char in "<>":
                self.redirection(char)
            elif char == "#" and self.word is None:
                end = text.find("\n", self.at)
                self.at = len(text) if end < 0 else end
            else:
                self.part(char, quoted=False)
        self.end_command()
        return self.found

    # ---------------------------------------------------------------- words

    def put(self, piece: str) -> None:
        if self.word is None:
            self.word = []
        self.word.append(piece)

    def part(self, char: str, *, quoted: bool) -> None:
        """One character of a word, with whatever it opens."""
        text = self.text
        if char == "\\":
            following = text[self.at : self.at + 1]
            self.at += 1
            if following == "\n":
                return
            self.put(following if not quoted or following in '$`"\\' else "\\" + following)
        elif char == "$":
            self.expansion(quoted)
        elif char == "`":
            self.inner(self.until("`"))
        elif quoted:
            self.put(char)
        elif char == "'":
            end = text.find("'", self.at)
            end = len(text) if end < 0 else end
            self.put(text[self.at : end])
            self.at = end + 1
        elif char == '"':
            self.put("")
            while self.at < len(text):
                one = text[self.at]
                self.at += 1
                if one == '"':
                    break
                self.part(one, quoted=True)
        else:
            self.put(char)

    def expansion(self, quoted: bool) -> None:
        text = self.text
        following = text[self.at : self.at + 1]
        if following == "(":
            self.at += 1
            self.inner(self.balanced("(", ")"))
        elif following == "{":
            self.at += 1
            self.balanced("{", "}")
            self.put(UNKNOWN)
        elif following == "'" and not quoted:
            self.at += 1
            self.put(self.until("'"))
        elif following.isalnum() or following in ("_", "@", "*", "#", "?", "$", "!", "-"):
            self.at += 1
            if following.isalpha() or following == "_":
                while self.at < len(text) and (text[self.at].isalnum() or text[self.at] == "_"):
                    self.at += 1
            self.put(UNKNOWN)
        else:
            self.put("$")

    def inner(self, text: str) -> None:
        """A substitution: its commands are found too, its value is not known."""
        self.found.append(Simple(OPEN))
        self.found += simple_commands(text, self.depth + 1)
        self.found.append(Simple(CLOSE))
        self.put(UNKNOWN)

    def until(self, mark: str) -> str:
        """The text up to the next mark that no backslash stands before, which is passed over."""
        found: list[str] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            self.at += 1
            if char == mark:
                break
            if char == "\\" and self.text[self.at : self.at + 1] in (mark, "\\"):
                char = self.text[self.at]
                self.at += 1
            found.append(char)
        return "".join(found)

    def balanced(self, opening: str, closing: str) -> str:
        """The text up to the mark that closes; quotes hide marks."""
        start, level, quote = self.at, 1, ""
        while self.at < len(self.text):
            char = self.text[self.at]
            self.at += 1
            if char == "\\" and quote != "'":
                self.at += 1
            elif quote:
                quote = "" if char == quote else quote
            elif char in "'\"":
                quote = char
            elif char == opening:
                level += 1
            elif char == closing:
                level -= 1
                if not level:
                    return self.text[start : self.at - 1]
        return self.text[start:]

    def end_word(self) -> None:
        if self.word is None:
            return
        word = "".join(self.word)
        self.word = None
        if self.target == "write":
            self.now.writes.append(word)
        elif self.target == "end":
            self.awaited.append((word, self.now))
        elif self.target != "read":
            self.now.words.append(word)
        self.target = ""

    # ---------------------------------------------------------------- commands

    def end_command(self) -> None:
        self.end_word()
        self.target = ""
        if self.now.words or self.now.writes:
            self.found.append(self.now)
            self.now = Simple()

    def operator(self, char: str) -> None:
        if char == "&" and self.text[self.at : self.at + 1] == ">":
            self.end_word()
            return
        self.end_command()
        if char in "()":
            self.found.append(Simple(char))

    def redirection(self, char: str) -> None:
        text = self.text
        if self.word is not None and "".join(self.word).isdecimal():
            self.word = None
        self.end_word()
        following = text[self.at : self.at + 1]
        if following == "(":
            self.at += 1
            self.inner(self.balanced("(", ")"))
            return
        if char == "<":
            if following == "<":
                self.at += 1
                if text[self.at : self.at + 1] == "<":
                    self.at += 1
                    self.target = "read"
                else:
                    self.at += text[self.at : self.at + 1] == "-"
                    self.target = "end"
            else:
                self.at += following in (">", "&")
                self.target = "write" if following == ">" else "read"
            return
        if following == "&":
            self.at += 1
            duplicates = text[self.at : self.at + 1]
            self.target = "read" if duplicates.isdecimal() or duplicates == "-" else "write"
            return
        self.at += following in (">", "|")
        self.target = "write"

    def here_documents(self) -> None:
        """Pass over the texts that the last line announced."""
        for end, command in self.awaited:
            lines: list[str] = []
            while self.at < len(self.text):
                stop = self.text.find("\n", self.at)
                stop = len(self.text) if stop < 0 else stop
                line = self.text[self.at : stop]
                self.at = stop + 1
                if line.lstrip("\t") == end:
                    break
                lines.append(line)
            command.text = "\n".join(lines)
        self.awaited = []
