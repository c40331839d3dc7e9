"""One hook call from beginning to end: words, standard input, decision, standard output, exit code 0.

Fail-closed where it is safe: at a stop an error of ours keeps the agent at work within the bound, then calls a person. Before
a tool an error lets the tool run, since the gates judge the change anyway, and an agent whose every tool is refused could do
nothing about it. See docs/decisions/0011.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # the public module imports enum and re
import os
import sys
import time

from andon.agents.hooks import call as c
from andon.agents.hooks import quick_json
from andon.agents.hooks.blocks import bound_of
from andon.agents.hooks.bounds import read_claim
from andon.agents.hooks.call import CONTINUE, END, PROCEED, Decision, HookCall
from andon.agents.hooks.dialects import DIALECTS, load
from andon.cli.hooks import notes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from andon.agents.hooks.dialects import Dialect
    from andon.cli.hooks.moments import Place

DEFAULT_TIMEOUT_S = 30.0
QUICK_S = 5.0
"""Nothing but a stop and a brief may take longer, however long the client waits."""
GRACE_S = 1.5
MAX_INPUT_BYTES = 16_000_000
MAX_WAIT_FOR_INPUT_S = 3.0


def wanted(argv: list[str]) -> bool:
    """Whether these words are a hook call; `andon hook --help` and a person's mistakes at a terminal are for click."""
    words = [word for word in argv if word != "--json"]
    if words[:1] != ["hook"] or "--help" in words or "-h" in words:
        return False
    return len(words) > 2 or not _at_terminal()


def talk(argv: list[str]) -> NoReturn:
    """Answer and end the process with exit code 0."""
    turn = _Turn()
    try:
        turn.output = _take_standard_output()
        turn.take(argv)
    except BaseException as error:
        turn.failed(error)
    turn.leave()


class _Turn:
    """The state of one call, so that whatever happens there is an answer to give."""

    def __init__(self) -> None:
        self.output = 1
        self.dialect: Dialect | None = None
        self.call: HookCall | None = None
        self.place: Place | None = None
        self.names: tuple[str, ...] = ()
        self.text = ""

    def take(self, argv: list[str]) -> None:
        client, event, timeout_s = _words(argv)
        if client not in DIALECTS:
            raise ValueError(f"there is no client {client!r}; there are: {', '.join(sorted(DIALECTS))}")
        self.dialect = load(client)
        if event not in self.dialect.EVENTS:
            raise ValueError(
                f"{client} has no event {event!r} that matters; there are: {', '.join(self.dialect.EVENTS)}"
            )
        moment = self.dialect.EVENTS[event]
        # Until the payload is read, an error is answered as one at this moment.
        self.call = HookCall(client, event, moment)
        self._set_alarm(moment, timeout_s)
        data = _standard_input(min(MAX_WAIT_FOR_INPUT_S, timeout_s / 4))
        payload = quick_json.read_object(data)
        self.call = self.dialect.read(event, payload or {})
        self._find()
        if self.place is None:
            return
        if self.call.session:
            # A call without a session is somebody's own, and proves nothing of the client.
            notes.prove(self.place[1], client, self.call.moment, self.call.session, time.time())
        from andon.cli.hooks.moments import answer

        starts = c.SESSION_START in self.dialect.EVENTS.values()
        decision = answer(self.call, self.place, self.names, starts)
        if payload is None and data.strip():
            notes.log(self.place[1], f"{client} {event}: {len(data)} bytes of input are no JSON object")
            if moment == c.STOP and decision.answer == PROCEED and not decision.notice:
                decision.notice = f"Andon could not read what {client} told about this stop; see: andon doctor"
        self.text = self.dialect.write(self.call, decision)

    def _find(self) -> None:
        """Where the call comes from, and whose it is."""
        from andon.cli.hooks.gather import names_of, place_of

        if self.call is None:
            return
        place = self.place or place_of(self.call)
        if place is None:
            return
        self.place = place
        names = names_of(self.call, place[1])
        if not self.call.session and names == (f"{self.call.client}-unknown",) and place[3] is not None:
            # Nobody says whose call it is (the payload could not be read, say): the claim of the directory answers.
            claim = read_claim(place[3], place[2])
            names = (claim.agent,) if claim is not None else names
        self.names = names

    def _set_alarm(self, moment: str, timeout_s: float) -> None:
        """Our own deadline, well before the client's: raised where the work is, and soon after it the end."""
        own = max(timeout_s * 0.5, timeout_s * 0.85 - 2.0)
        if moment not in (c.STOP, c.SESSION_START, c.PROMPT):
            own = min(own, QUICK_S)
        _signal.signal(_signal.SIGALRM, self._late)
        _signal.setitimer(_signal.ITIMER_REAL, own)

    def _late(self, _number: int, _frame: object) -> None:
        # What tidies up after the interruption may hang as well; jobs die with this process.
        _signal.signal(_signal.SIGALRM, self._too_late)
        _signal.setitimer(_signal.ITIMER_REAL, GRACE_S)
        from andon.cli.hooks.stop import Late

        raise Late

    def _too_late(self, _number: int, _frame: object) -> None:
        try:
            self.failed(TimeoutError("the deadline"), cord=False)
        finally:
            self.leave()

    def failed(self, error: BaseException, *, cord: bool = True) -> None:
        """An answer for when there is none: only a stop is refused."""
        self.text = ""
        try:
            if not self.names:
                self._find()
        except Exception as second:
            notes.log(_common_here(), _described(self.call, second))
        common = self.place[1] if self.place is not None else _common_here()
        notes.log(common, _described(self.call, error))
        if self.call is None or self.dialect is None:
            if _at_terminal():
                sys.stderr.write(f"andon: {error}\nnext: andon hook --help\n")
            return
        if self.call.moment != c.STOP or self.call.subagent or common is None:
            return
        try:
            decision = self._refusal(error, common, cord=cord)
            self.text = self.dialect.write(self.call, decision) if decision is not None else ""
        except BaseException as second:
            # What can't be counted can't be bounded, so it is let go, and not in silence; the run stays where it is.
            notes.log(common, _described(self.call, second))
            notice = f"Andon could not judge this stop ({type(error).__name__}); see: andon doctor"
            self.text = self.dialect.write(self.call, Decision(END, notice=notice))

    def _refusal(self, error: BaseException, common: str, *, cord: bool) -> Decision | None:
        """As for closed gates, counted by the claim; None where the agent holds none."""
        from andon.cli.hooks import stop
        from andon.cli.hooks.gather import gather

        if self.call is None or self.place is None:
            return None
        name = self.names[0] if self.names else f"{self.call.client}-unknown"
        try:
            found = gather(self.call, self.place, self.names or (name,), everything=False)
        except Exception as second:
            notes.log(common, _described(self.call, second))
            # Whether it holds a claim can't be told either: that is worth one more look, and not a row of them.
            text = "Andon could not tell whether you hold a claim. If you do, run `andon check` there; else tell your person."
            return self._counted(common, f"session.{name}.{self.call.session}", 1, text)
        if found.claim is None:
            return None
        text = (
            f"Andon: {found.claim.run}, step {found.claim.step}, could not be checked ({type(error).__name__}). "
            "Run `andon check`; when it is green, `andon advance -m 'what you did'`."
        )
        if cord:
            return stop.refuse(self.call, found, "error", text, again=False)
        return self._counted(common, found.claim.key, bound_of(os.environ.get("ANDON_HOOK_BLOCKS")), text)

    def _counted(self, common: str, key: str, bound: int, text: str) -> Decision:
        """CONTINUE within the bound, else END, without asking anything of the store."""
        if self.call is None or self.dialect is None:
            return Decision()
        blocks = notes.load_blocks(common, key)
        go_on = blocks.block(self.call.session, "error", bound, self.dialect.STOP_BLOCKS, again=False)
        go_on = notes.save_blocks(common, key, blocks) and go_on
        return Decision(CONTINUE, reason=text) if go_on else Decision(END, notice=f"{text} (andon doctor)")

    def leave(self) -> NoReturn:
        try:
            _signal.setitimer(_signal.ITIMER_REAL, 0)
            data = self.text.encode("utf-8", "backslashreplace")
            data += b"\n" if data else b""
            while data:
                data = data[os.write(self.output, data) :]
        except BaseException:
            pass
        os._exit(0)


# ---------------------------------------------------------------- words and streams


def _words(argv: list[str]) -> tuple[str, str, float]:
    """(client, event, time-out in seconds). What is missing is "", what is strange counts as not given."""
    words: list[str] = []
    timeout_s = DEFAULT_TIMEOUT_S
    rest = [word for word in argv if word != "--json"][1:]
    while rest:
        word = rest.pop(0)
        flag, equals, value = word.partition("=")
        if flag == "--timeout":
            value = value if equals else rest.pop(0) if rest else ""
            try:
                given = float(value)
            except ValueError:
                continue
            if 0.1 <= given <= 86_400:
                timeout_s = given
        elif not word.startswith("-"):
            words.append(word)
    client, event, *_more = *words, "", ""
    return client, event, timeout_s


def _take_standard_output() -> int:
    """Our own way to standard output; whatever else is printed in here goes nowhere."""
    output = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    return output


def _standard_input(wait_s: float) -> bytes:
    """What the client sent, as far as it came in time; b"" at a terminal. The rest of too much is read and dropped."""
    import select

    chunks: list[bytes] = []
    size = 0
    deadline = time.monotonic() + wait_s
    try:
        if os.isatty(0):
            return b""
        while select.select([0], [], [], max(0.0, deadline - time.monotonic()))[0]:
            chunk = os.read(0, 1 << 20)
            if not chunk:
                break
            size += len(chunk)
            if size <= MAX_INPUT_BYTES:
                chunks.append(chunk)
    except (OSError, ValueError):
        # Closed: a call without a payload.
        pass
    return b"".join(chunks)


def _at_terminal() -> bool:
    try:
        return os.isatty(0)
    except OSError:
        return False


def _common_here() -> str | None:
    from andon.git.locate import locate

    try:
        found = locate(os.getcwd())
    except OSError:
        return None
    return found[0] if found is not None else None


def _described(call: HookCall | None, error: BaseException) -> str:
    """One line for the log: what was called, the error, and where it came from."""
    where: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        where.append(f"{os.path.basename(code.co_filename)}:{trace.tb_lineno}")
        trace = trace.tb_next
    what = f"{call.client} {call.event}" if call is not None else "hook"
    return f"{what}: {type(error).__name__}: {error} ({' '.join(where[-8:])})".replace("\n", " ")
