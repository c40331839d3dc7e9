"""Any client that speaks the Agent Client Protocol: `andon work --agent acp:gemini`. One process for all turns of a claim.

Andon is the protocol's client: it gives the prompts, answers permission questions by a decision about the tool (a write
out of bounds is refused, whatever the client would allow), writes files within the claim's directory for agents that
ask for it, and ends the turn with `session/cancel` before it ends the process. Permissions that it never asks for are not
Andon's to give or refuse; the gates judge what came of them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from andon import __version__
from andon.agents.hooks.call import WRITE, ToolUse
from andon.agents.launch.drivers.gemini_family import git_hooks
from andon.agents.launch.loop import TURN_BROKEN, TURN_CANCELLED, TURN_ENDED, TURN_OVERTIME
from andon.agents.launch.process import Cancel, ClientProcess, TreeMaker
from andon.agents.launch.records import Usage
from andon.agents.launch.session import Place, Played, usage_since, write_private
from andon.agents.launch.talk import AUTH_REQUIRED, PROTOCOL_VERSION, Talk, usage_of_session, usage_of_turn
from andon.core.errors import UsageError

START_S = 60.0
CANCEL_S = 10.0
Entry = dict[str, Any]

COUNT_TURNS = frozenset({"OpenCode"})
"""Agents whose `usage` is not of the whole session. OpenCode (1.18.33) tells its last answer's, less than the turn's."""


class Agent(Struct, frozen=True, kw_only=True):
    """How a client is started as an ACP agent, and installed. environment: variables of its own, for a working directory."""

    command: tuple[str, ...]
    install: str
    environment: Callable[[str], dict[str, str]] = lambda workdir: {}


AGENTS = {
    "claude": Agent(command=("claude-agent-acp",), install="npm install -g @agentclientprotocol/claude-agent-acp"),
    "codex": Agent(command=("codex-acp",), install="npm install -g @agentclientprotocol/codex-acp"),
    "copilot": Agent(command=("copilot", "--acp"), install="npm install -g @github/copilot"),
    "gemini": Agent(command=("gemini", "--acp"), install="npm install -g @google/gemini-cli", environment=git_hooks),
    "goose": Agent(command=("goose", "acp"), install="see https://goose-docs.ai/docs/getting-started/installation"),
    "opencode": Agent(command=("opencode", "acp"), install="npm install -g opencode-ai"),
    # Its program `openhands-acp` (1.16.0) only fails: the module that it names is not there.
    "openhands": Agent(command=("openhands", "acp"), install="uv tool install openhands --python 3.12"),
    "qwen": Agent(command=("qwen", "--acp"), install="npm install -g @qwen-code/qwen-code"),
    "vibe": Agent(command=("vibe-acp",), install="uv tool install mistral-vibe"),
}


def find_agent(name: str, extra: tuple[str, ...]) -> Agent:
    """`acp:NAME`, or `acp:command` with the agent's program as extra words. Raises UsageError."""
    if name == "command":
        if not extra:
            raise UsageError("--agent acp:command needs a program", next="andon work --agent acp:command -- PROGRAM …")
        return Agent(command=extra, install="name a program that is there")
    found = AGENTS.get(name)
    if found is None:
        known = ", ".join(f"acp:{x}" for x in sorted(AGENTS))
        text = f"there is no ACP agent {name}; there are: {known} and acp:command"
        raise UsageError(text, kind="unknown_client", next="andon work --agent acp:command -- PROGRAM …")
    return Agent(command=(*found.command, *extra), install=found.install, environment=found.environment)


class AcpSession:
    """`session.Session` over ACP."""

    def __init__(self, agent: Agent, place: Place, make_tree: TreeMaker) -> None:
        self._agent = agent
        self._place = place
        self._make_tree = make_tree
        self._process: ClientProcess | None = None
        self._talk = self._new_talk()
        self._session: str | None = None
        self._counted = Usage()
        self._number = 0
        self._starts = 0
        self._counts_turns = False

    def _new_talk(self) -> Talk:
        root = os.path.realpath(self._place.workdir)
        permits = self._place.permits or (lambda tool: outside(tool, root))
        return Talk(permits=permits, write=writer_within(root))

    @property
    def remembers(self) -> bool:
        return self._process is not None and self._session is not None and not self._process.over

    @property
    def _log(self) -> str:
        return os.path.join(self._place.logs, f"{self._place.name}-acp-{self._starts}.log")

    # ------------------------------------------------------------ a turn

    def turn(self, prompt: str, *, timeout_s: float, cancel: Cancel) -> Played:
        self._number += 1
        write_private(os.path.join(self._place.logs, f"{self._place.name}-{self._number}.prompt.md"), prompt)
        deadline = time.monotonic() + timeout_s
        try:
            if not self.remembers:
                self._start(min(deadline, time.monotonic() + START_S), cancel)
            process = self._running()
            self._talk.begin_turn()
            content = [{"type": "text", "text": prompt}]
            number, line = self._talk.request("session/prompt", {"sessionId": self._session, "prompt": content})
            process.send(line)
            return self._ended(self._await(number, deadline, cancel))
        except _Stopped as stop:
            return self._stopped(stop)
        except _Broken as broken:
            self.close()
            return self._played(TURN_BROKEN, error=str(broken), alive=self._talk.active)

    def _running(self) -> ClientProcess:
        if self._process is None:
            raise _Broken("the client is not running")
        return self._process

    def _start(self, deadline: float, cancel: Cancel) -> None:
        self.close()
        self._starts += 1
        self._talk = self._new_talk()
        self._counted = Usage()
        self._process = ClientProcess(
            self._agent.command,
            env={**self._place.env, **self._agent.environment(self._place.workdir)},
            cwd=self._place.workdir,
            make_tree=self._make_tree,
            talks=True,
            log=self._log,
            started=self._place.started,
        )
        capabilities = {"fs": {"readTextFile": False, "writeTextFile": True}, "terminal": False}
        told = self._ask(
            "initialize",
            {
                "protocolVersion": PROTOCOL_VERSION,
                "clientCapabilities": capabilities,
                "clientInfo": {"name": "andon", "title": "Andon", "version": __version__},
            },
            deadline,
            cancel,
        )
        info = told.get("agentInfo")
        self._counts_turns = isinstance(info, dict) and info.get("name") in COUNT_TURNS
        if told.get("protocolVersion") != PROTOCOL_VERSION:
            raise _Broken(f"it speaks version {told.get('protocolVersion')} of the protocol, not {PROTOCOL_VERSION}")
        new = self._ask("session/new", {"cwd": self._place.workdir, "mcpServers": []}, deadline, cancel)
        if not isinstance(new.get("sessionId"), str):
            raise _Broken("it made no session")
        self._session = new["sessionId"]

    def _ask(self, method: str, params: Entry, deadline: float, cancel: Cancel) -> Entry:
        number, line = self._talk.request(method, params)
        self._running().send(line)
        return _result(method, self._await(number, deadline, cancel))

    def _await(self, number: int, deadline: float, cancel: Cancel | None) -> Entry:
        """The answer to a request; meanwhile the agent's own requests are answered."""
        process = self._running()
        while number not in self._talk.answers:
            if cancel is not None and cancel.reason:
                raise _Stopped(TURN_CANCELLED, cancel.reason, number)
            left = deadline - time.monotonic()
            if left <= 0:
                raise _Stopped(TURN_OVERTIME, "still at work when its time was up; it was stopped", number)
            if process.too_much:
                raise _Broken("it printed too much; it was stopped")
            ended = process.over
            lines = process.read(0.0 if ended else left, cancel.fileno() if cancel is not None else None)
            for line in lines:
                for answer in self._talk.receive(line):
                    process.send(answer)
            if ended and not lines:
                said = process.stderr_tail.splitlines()
                raise _Broken(" / ".join(["the client ended in the middle", *said[-3:]])[:1000])
        return self._talk.answers.pop(number)

    # ------------------------------------------------------------ its end

    def _ended(self, answer: Entry) -> Played:
        result = _result("session/prompt", answer)
        usage = usage_of_turn(result) or self._talk.used
        if not usage.total and self._counts_turns:
            usage = usage_of_session(result)
        elif not usage.total:
            usage, self._counted = usage_since(self._counted, usage_of_session(result))
        why = str(result.get("stopReason") or "")
        if why in ("end_turn", ""):
            return self._played(TURN_ENDED, usage=usage)
        return self._played(TURN_BROKEN, usage=usage, error=f"the client ended the turn: {why}")

    def _stopped(self, stop: _Stopped) -> Played:
        """Ask the agent to stop; one that does keeps its session."""
        process = self._process
        if process is not None and self._session is not None and not process.over:
            process.send(self._talk.notify("session/cancel", {"sessionId": self._session}))
            try:
                self._await(stop.number, time.monotonic() + CANCEL_S, None)
            except (_Stopped, _Broken):
                self.close()
        else:
            self.close()
        return self._played(stop.how, error=stop.reason, alive=True)

    def _played(self, how: str, *, usage: Usage | None = None, error: str = "", alive: bool = True) -> Played:
        words = self._talk.words
        denied, self._talk.denied = self._talk.denied, []
        told = f"{error}; refused: {'; '.join(denied[-3:])}" if error and denied else error
        return Played(
            how=how,
            final_text="" if error else words,
            error=told,
            usage=usage or Usage(),
            session=self._session,
            alive=alive,
            log=self._log,
        )

    def close(self) -> None:
        if self._process is not None:
            process, self._process, self._session = self._process, None, None
            if not process.over:
                process.terminate(lambda _line: None, grace_s=1.0)
            process.close()


class _Stopped(Exception):
    """The turn was ended from outside. number: of the request that is open."""

    def __init__(self, how: str, reason: str, number: int) -> None:
        super().__init__(reason)
        self.how = how
        self.reason = reason
        self.number = number


class _Broken(Exception):
    """The client is gone, or answered with an error."""


def _result(method: str, answer: Entry) -> Entry:
    error = answer.get("error")
    if isinstance(error, dict):
        text = str(error.get("message") or "an error")
        data = error.get("data")
        detail = str(data.get("details") or data.get("message") or "") if isinstance(data, dict) else str(data or "")
        signed_out = " (it is not signed in)" if method == "session/new" and error.get("code") == AUTH_REQUIRED else ""
        raise _Broken(f"{method}: {text}{signed_out}" + (f": {detail}" if detail else ""))
    result = answer.get("result")
    return result if isinstance(result, dict) else {}


# ---------------------------------------------------------------- files and permissions


def outside(tool: ToolUse, root: str) -> str:
    """Why a tool may not be used: it writes outside of the claim's directory. "" when nothing is against it."""
    if tool.kind != WRITE:
        return ""
    for path in tool.paths:
        full = os.path.realpath(os.path.join(root, path))
        if not _within(full, root):
            return f"{path} is outside of the working directory {root}"
        if full == os.path.join(root, ".git") or full.startswith(os.path.join(root, ".git", "")):
            return f"{path} is git's own"
    return ""


def _within(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def writer_within(root: str) -> Callable[[str, str], None]:
    """Writing for agents that ask their client for it, below one directory. Reading is not offered: agents read by
    themselves, and Gemini CLI (0.61) can't make a file that its client says is not there."""

    def write(path: str, text: str) -> None:
        full = os.path.realpath(os.path.join(root, path))
        if not _within(full, root):
            raise PermissionError(f"{path} is outside of the working directory {root}")
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8", newline="") as file:
            file.write(text)

    return write
