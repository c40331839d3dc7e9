"""The words that all drivers share: what to launch, and what became of it. Data alone."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from msgspec import Struct

from andon.core.commands import TOKENS_MAX


def count(value: object) -> int:
    """A number of tokens as a client told it: what is no number is none, what is less than none as well."""
    if isinstance(value, str) and value.isdecimal() and len(value) <= len(str(TOKENS_MAX)):
        value = int(value)
    if not isinstance(value, int | float) or value != value:
        return 0
    return int(max(0, min(value, TOKENS_MAX)))


class Usage(Struct, frozen=True, kw_only=True):
    """Model tokens. input counts cached ones too; total is what budgets count: input + output. Each is 0 to TOKENS_MAX."""

    input: int = 0
    output: int = 0
    cached: int = 0

    def bounded(self) -> Usage:
        return Usage(input=count(self.input), output=count(self.output), cached=count(self.cached))

    @property
    def total(self) -> int:
        return min(self.input + self.output, TOKENS_MAX)


class Launch(Struct, frozen=True, kw_only=True):
    """prompt: what to say. session: resume this one; None begins another. extra: the person's own arguments.

    prompt_file: a file that holds the prompt, for clients that read one.
    """

    prompt: str
    workdir: str
    session: str | None = None
    extra: tuple[str, ...] = ()
    prompt_file: str = ""


class Turn(Struct, frozen=True, kw_only=True):
    """What one launch of the client gave, in one form for all.

    session: to resume. usage: of this launch alone, whatever the client counts (drivers of clients that report the whole
    session's usage say `cumulative = True`, and the loop takes the difference). error: what went wrong in the client's
    words; "" when nothing did. That a turn has no error says nothing about the work. spoilt: the session can't be gone on
    with, so that the next prompt begins another.
    """

    session: str | None = None
    usage: Usage = Usage()
    final_text: str = ""
    error: str = ""
    spoilt: bool = False


class Reader(Protocol):
    """Reads the client's JSON output line by line as it comes. Lines that are no JSON are kept out of the way."""

    def feed(self, line: str) -> None: ...

    def turn(self, exit_code: int) -> Turn: ...


class Driver(Protocol):
    """One client without a person. A module of `drivers` has an instance called DRIVER.

    cumulative: usage counts the whole session. resumes: it can go on with a session. environment: variables beside the
    worker's own. A driver whose client reads the prompt from standard input is a `ReadsPrompt`, too.
    """

    name: str
    program: str
    install: str
    cumulative: bool
    resumes: bool

    def command(self, launch: Launch) -> list[str]: ...

    def environment(self, launch: Launch) -> dict[str, str]: ...

    def reader(self) -> Reader: ...


@runtime_checkable
class ReadsPrompt(Protocol):
    """A driver that gives its client the prompt (or anything else) on standard input, which is empty otherwise."""

    def standard_input(self, launch: Launch) -> str: ...


@runtime_checkable
class ReadsBeside(Protocol):
    """A driver whose reader also looks at what the client wrote beside its output, and so must know the launch."""

    def reader_for(self, launch: Launch) -> Reader: ...
