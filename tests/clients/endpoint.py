"""A model endpoint on the loopback interface that plays a persona, in the dialects of OpenAI, Anthropic and Gemini.

Records every request with what it was answered, and takes any path that it does not know for an error. As a program:
    python -m tests.clients.endpoint --persona diligent          prints its URL and serves until it is interrupted
    python -m tests.clients.endpoint --persona diligent -- codex exec …    serves while that command runs

Must not know any client: what they need is in `clients`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.clients.conversation import Conversation, Die, Usage
from tests.clients.dialects import Reply, anthropic, as_json, gemini, openai_chat, openai_responses
from tests.clients.personas import PERSONAS
from tests.clients.script import Script
from tests.clients.tools import has_shell

MODEL = "scripted"
PORT = 8642
"""In a network namespace of its own a fixed port is always free, so that configurations can be written beforehand."""
MAX_REQUESTS = 2000


@dataclass
class Record:
    """One request. dialect: "" for what is no question to the model. move: what the script did. beside: not asked by the work
    itself, but for a title, say. error: why it was wrong.
    """

    method: str
    path: str
    dialect: str = ""
    authorization: str = ""
    system: str = ""
    entries: list[dict[str, str]] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    move: str = ""
    beside: bool = False
    error: str = ""
    usage: dict[str, int] = field(default_factory=dict)
    at_s: float = 0.0


class Endpoint:
    """The server. record_to: a file that gets one line of JSON for each request, as they come."""

    def __init__(self, script: Script, *, port: int = 0, record_to: Path | None = None) -> None:
        self.script = script
        self.records: list[Record] = []
        self.power_cut = threading.Event()
        self._began = time.monotonic()
        self._file = record_to.open("a", encoding="utf-8", buffering=1) if record_to else None
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"endpoint": self})
        self._server = _Server(("127.0.0.1", port), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Endpoint:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        if self._file:
            self._file.close()

    def remember(self, record: Record) -> None:
        record.at_s = round(time.monotonic() - self._began, 3)
        with self._lock:
            self.records.append(record)
            if self._file and not self._file.closed:
                self._file.write(json.dumps(asdict(record)) + "\n")

    @property
    def errors(self) -> list[str]:
        return [f"{record.method} {record.path}: {record.error}" for record in self.records if record.error]

    def answer(self, method: str, path: str, authorization: str, body: bytes) -> Reply | None:
        """The reply; None: drop the connection."""
        record = Record(method, path, authorization=authorization)
        try:
            return self._answer(record, urlsplit(path).path.rstrip("/"), body)
        except Exception as error:  # whatever goes wrong here is for the test to see, and no reason to fall silent
            record.error = f"{type(error).__name__}: {error}"
            return as_json({"error": {"message": record.error, "type": "invalid_request_error"}}, status=400)
        finally:
            self.remember(record)

    def _answer(self, record: Record, path: str, raw: bytes) -> Reply | None:
        if record.method in ("GET", "HEAD"):
            reply = listing(path)
            if reply is None:
                record.error = "nothing is known here"
            return reply or as_json({"error": {"message": "not found"}}, status=404)
        body = json.loads(raw or b"{}")
        if path.endswith("/count_tokens"):
            return anthropic.count(body)
        if path.endswith(":countTokens"):
            return gemini.count(body)
        dialect = dialect_of(path)
        if dialect is None:
            record.error = "nothing is known here"
            return as_json({"error": {"message": "not found"}}, status=404)
        if len(self.records) >= MAX_REQUESTS:
            record.error = f"more than {MAX_REQUESTS} requests"
            return as_json({"error": {"message": record.error}}, status=429)
        conversation: Conversation = dialect.read(path, body)
        record.dialect = conversation.dialect
        record.system = conversation.system
        record.entries = [asdict(entry) for entry in conversation.entries]
        record.tools = [tool.name for tool in conversation.tools]
        move, answer = self.script.next(conversation)
        record.move = repr(move)
        record.beside = not has_shell(conversation)
        if answer is None:
            if isinstance(move, Die) and move.how == "power":
                self.power_cut.set()
            failed = as_json({"error": {"message": "scripted failure", "type": "server_error"}}, status=500)
            return failed if isinstance(move, Die) and move.how == "error" else None
        record.usage = asdict(answer.usage)
        reply: Reply = dialect.write(conversation, answer)
        return reply


def dialect_of(path: str) -> Any:
    if path.endswith("/chat/completions"):
        return openai_chat
    if path.endswith("/responses"):
        return openai_responses
    if path.endswith("/messages"):
        return anthropic
    if "/models/" in path and path.endswith((":generateContent", ":streamGenerateContent")):
        return gemini
    return None


def listing(path: str) -> Reply | None:
    """The models, in a form that all dialects' readers find their own keys in."""
    model = {
        "id": MODEL, "object": "model", "created": 1_700_000_000, "owned_by": "tests", "type": "model",
        "display_name": MODEL, "name": f"models/{MODEL}",
    }  # fmt: skip
    if path.endswith("/models"):
        return as_json({"object": "list", "data": [model], "models": [], "has_more": False})
    if "/models/" in path:
        return as_json(model)
    return as_json({"ok": True}) if path == "" else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is killed breaks its connections; what is wrong otherwise is in the records."""


class _Handler(BaseHTTPRequestHandler):
    endpoint: Endpoint
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self._serve(self._body())

    def do_GET(self) -> None:
        self._serve(b"")

    do_HEAD = do_GET

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _serve(self, body: bytes) -> None:
        names = ("Authorization", "x-api-key", "x-goog-api-key", "api-key")
        authorization = next((self.headers[name] for name in names if self.headers.get(name)), "")
        reply = self.endpoint.answer(self.command, self.path, authorization, body)
        if reply is None:
            self.close_connection = True
            return
        try:
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.kind)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Records say it better."""


def read_records(path: Path) -> list[Record]:
    return [Record(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def total(records: list[Record]) -> Usage:
    """All tokens that were counted to the client."""
    used = [record.usage for record in records if record.usage]
    return Usage(
        input=sum(each["input"] for each in used),
        cached=sum(each["cached"] for each in used),
        output=sum(each["output"] for each in used),
    )


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.clients.endpoint", description=__doc__.splitlines()[0])
    parser.add_argument("--persona", choices=sorted(PERSONAS), default="diligent-shell")
    parser.add_argument("--options", type=json.loads, default={}, help="JSON: what the persona works on")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--record", type=Path, default=None, help="a file that gets one line for each request")
    parser.add_argument("command", nargs="*", help="runs while the endpoint serves (after --)")
    chosen = parser.parse_args(argv)
    script = Script(PERSONAS[chosen.persona], chosen.options)
    with Endpoint(script, port=chosen.port, record_to=chosen.record) as endpoint:
        if chosen.command:
            return subprocess.run(chosen.command, check=False).returncode
        print(endpoint.url, flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
