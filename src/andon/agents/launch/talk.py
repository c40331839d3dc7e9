"""The Agent Client Protocol as Andon speaks it: what comes in, line by line, and what is answered. No input or output.

JSON-RPC 2.0, one object a line (protocol version 1). Of what an agent sends, Andon needs its words, the places that its tools
touch, its usage, and its requests: permissions and writes. What it does not know it ignores (notifications) or
refuses by `method not found` (requests). See docs/decisions/0012-acp-without-a-library.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from andon.agents.hooks.call import READ, SHELL, UNKNOWN, WRITE, ToolUse
from andon.agents.launch.records import Usage, count

Entry = dict[str, Any]

PROTOCOL_VERSION = 1
METHOD_NOT_FOUND, INVALID, REFUSED = -32601, -32602, -32000
AUTH_REQUIRED = -32000
KINDS = {"edit": WRITE, "delete": WRITE, "move": WRITE, "execute": SHELL, "read": READ, "search": READ, "think": READ}
PATH_KEYS = ("path", "file_path", "filePath", "absolute_path", "target_file", "newPath")
WORDS_MAX = 100_000
TOOLS_MAX = 10_000


class Talk:
    """One connection. permits: "" when a tool may be used, else why not. write: a file; raises OSError with the reason."""

    def __init__(self, *, permits: Callable[[ToolUse], str], write: Callable[[str, str], None]) -> None:
        self._permits = permits
        self._write_file = write
        self._number = 0
        self._tools: dict[str, Entry] = {}
        self._words: list[str] = []
        self._length = 0
        self.answers: dict[int, Entry] = {}
        self.denied: list[str] = []
        self.active = False
        self.used = Usage()

    # ------------------------------------------------------------ what we send

    def request(self, method: str, params: Entry) -> tuple[int, str]:
        """(number of the request, its line)."""
        self._number += 1
        return self._number, _line({"id": self._number, "method": method, "params": params})

    def notify(self, method: str, params: Entry) -> str:
        return _line({"method": method, "params": params})

    def begin_turn(self) -> None:
        self._forget_words()
        self.used = Usage()
        self.active = False

    def _forget_words(self) -> None:
        self._words = []
        self._length = 0

    @property
    def words(self) -> str:
        """What the agent said after its last tool."""
        return "".join(self._words).strip()

    # ------------------------------------------------------------ what comes

    def receive(self, line: str) -> list[str]:
        """Lines to send in answer. Lines that are no JSON objects are kept out of the way."""
        if not line.lstrip().startswith("{"):
            return []
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            return []
        if not isinstance(message, dict):
            return []
        method = message.get("method")
        if method is None:
            number = message.get("id")
            if type(number) is int:
                self.answers[number] = message
            return []
        params = _object(message.get("params"))
        if "id" not in message:
            if method == "session/update":
                self._update(_object(params.get("update")))
            return []
        return [self._answer(message["id"], method, params)]

    def _update(self, update: Entry) -> None:
        kind = update.get("sessionUpdate")
        self.active = True
        if kind == "agent_message_chunk":
            content = _object(update.get("content"))
            text = str(content.get("text") or "") if content.get("type") == "text" else ""
            if self._length < WORDS_MAX:
                self._words.append(text)
                self._length += len(text)
            self._count(update)
        elif kind in ("tool_call", "tool_call_update"):
            self._forget_words()
            self._learn(update)

    def _count(self, update: Entry) -> None:
        """Qwen Code tells what each of its calls to the model used, beside an empty chunk of words."""
        beside = update.get("_meta")
        if isinstance(beside, dict) and isinstance(beside.get("usage"), dict):
            told = usage_of_session(beside)
            self.used = Usage(
                input=self.used.input + told.input,
                output=self.used.output + told.output,
                cached=self.used.cached + told.cached,
            )

    def _learn(self, told: Entry) -> Entry:
        """What is known of a tool call; updates tell only what changed."""
        name = str(told.get("toolCallId") or "")
        known = self._tools.get(name, {})
        known = known | {key: value for key, value in told.items() if value is not None}
        if len(self._tools) < TOOLS_MAX or name in self._tools:
            self._tools[name] = known
        return known

    def _answer(self, number: Any, method: str, params: Entry) -> str:
        try:
            if method == "session/request_permission":
                return _line({"id": number, "result": {"outcome": self._permission(params)}})
            if method == "fs/write_text_file":
                return self._write(number, params)
        except KeyError as error:
            return _error(number, INVALID, f"{error} is missing")
        except Exception as error:
            # Also what is of a form that nobody expected: an agent hears of it and may go on.
            return _error(number, REFUSED, f"{type(error).__name__}: {error}"[:1000])
        return _error(number, METHOD_NOT_FOUND, f"{method} is not offered")

    def _write(self, number: Any, params: Entry) -> str:
        path = str(params["path"])
        reason = self._permits(ToolUse("fs/write_text_file", WRITE, (path,)))
        if reason:
            self.denied.append(reason)
            return _error(number, REFUSED, reason)
        self._write_file(path, str(params["content"]))
        return _line({"id": number, "result": {}})

    def _permission(self, params: Entry) -> Entry:
        tool = tool_of(self._learn(_object(params.get("toolCall"))))
        reason = self._permits(tool)
        if reason:
            self.denied.append(reason)
        wanted = ("reject_once", "reject_always") if reason else ("allow_once", "allow_always")
        given = params.get("options")
        options = [x for x in given if isinstance(x, dict)] if isinstance(given, list) else []
        for kind in wanted:
            for option in options:
                if option.get("kind") == kind:
                    return {"outcome": "selected", "optionId": option.get("optionId")}
        return {"outcome": "cancelled"}


def tool_of(told: Entry) -> ToolUse:
    """A tool call in the words that decisions about tools are made in."""
    given = told.get("rawInput")
    raw: Entry = given if isinstance(given, dict) else {}
    kind = KINDS.get(str(told.get("kind") or ""), UNKNOWN)
    paths = [str(x["path"]) for x in _list(told.get("locations")) if isinstance(x, dict) and x.get("path")]
    paths += [str(raw[key]) for key in PATH_KEYS if isinstance(raw.get(key), str)]
    paths += [
        str(x["path"])
        for x in _list(told.get("content"))
        if isinstance(x, dict) and x.get("type") == "diff" and x.get("path")
    ]
    command = raw.get("command") or raw.get("cmd") or ""
    if isinstance(command, list):
        command = " ".join(map(str, command))
    title = str(told.get("title") or "")
    return ToolUse(title, kind, tuple(dict.fromkeys(paths)), str(command) or (title if kind == SHELL else ""))


def usage_of_turn(result: Entry) -> Usage | None:
    """Where Gemini CLI tells it: of this turn alone."""
    try:
        told = result["_meta"]["quota"]["token_count"]
        return Usage(input=count(told["input_tokens"]), output=count(told["output_tokens"]))
    except (KeyError, TypeError):
        return None


def usage_of_session(result: Entry) -> Usage:
    """`usage` of a prompt's answer: of the whole session, with cached and thought tokens told apart."""
    told = result.get("usage")
    if not isinstance(told, dict):
        return Usage()
    cached = count(told.get("cachedReadTokens"))
    output = count(told.get("outputTokens")) + count(told.get("thoughtTokens"))
    total = count(told.get("totalTokens"))
    fresh = count(told.get("inputTokens"))
    # The total tells whether the input counts what was cached.
    counted = fresh if fresh + output >= total else fresh + cached + count(told.get("cachedWriteTokens"))
    return Usage(input=counted, output=output, cached=cached)


def _object(value: Any) -> Entry:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _line(message: Entry) -> str:
    return json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False, separators=(",", ":")) + "\n"


def _error(number: Any, code: int, message: str) -> str:
    return _line({"id": number, "error": {"code": code, "message": message}})
