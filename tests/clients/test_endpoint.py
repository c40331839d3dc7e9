"""The scripted endpoint and its namespace by themselves: dialects, tools, retries, errors, and that there is no way out."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.clients.clients import ROOT
from tests.clients.conversation import Conversation, Shell, Tool, Write
from tests.clients.endpoint import Endpoint, read_records, total
from tests.clients.namespace import CUT_OFF, TIMED_OUT
from tests.clients.personas import PERSONAS
from tests.clients.script import Script
from tests.clients.tools import call

COMMAND = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
CHAT_TOOL = {"type": "function", "function": {"name": "bash", "parameters": COMMAND}}
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Go."}], "tools": [CHAT_TOOL]}
QUESTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "openai-chat": ("/v1/chat/completions", CHAT),
    "openai-responses": (
        "/v1/responses",
        {"model": "m", "input": "Go.", "tools": [{"type": "function", "name": "shell", "parameters": COMMAND}]},
    ),
    "anthropic": (
        "/v1/messages?beta=true",
        {
            "model": "m",
            "messages": [{"role": "user", "content": "Go."}],
            "tools": [{"name": "Bash", "input_schema": COMMAND}],
        },
    ),
    "gemini": (
        "/v1beta/models/m:generateContent",
        {
            "contents": [{"role": "user", "parts": [{"text": "Go."}]}],
            "tools": [{"functionDeclarations": [{"name": "run_shell_command", "parametersJsonSchema": COMMAND}]}],
        },
    ),
}
COUNTS = {
    "openai-chat": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    "openai-responses": {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110},
    "anthropic": {"input_tokens": 60, "cache_read_input_tokens": 40, "output_tokens": 10},
    "gemini": {"promptTokenCount": 100, "cachedContentTokenCount": 40, "candidatesTokenCount": 10},
}


def ask(endpoint: Endpoint, path: str, body: dict[str, Any] | None) -> str:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(endpoint.url + path, data=data), timeout=10) as reply:
        return str(reply.read().decode())


def playing(persona: str, **options: Any) -> Endpoint:
    return Endpoint(Script(PERSONAS[persona], options))


@pytest.mark.parametrize("dialect", QUESTIONS)
@pytest.mark.parametrize("streamed", [False, True])
def test_each_dialect_asks_for_the_command_and_counts(dialect: str, streamed: bool) -> None:
    path, body = QUESTIONS[dialect]
    if dialect == "gemini" and streamed:
        path = path.replace(":generateContent", ":streamGenerateContent?alt=sse")
    with playing("diligent-shell", command="echo hello") as endpoint:
        text = ask(endpoint, path, body if dialect == "gemini" else body | {"stream": streamed})
        assert ("data: " in text) == streamed
        assert "echo hello" in text
        for key, value in COUNTS[dialect].items():
            assert f'"{key}": {value}' in text
        (record,) = endpoint.records
        assert (record.dialect, record.error, record.entries) == (dialect, "", [{"kind": "user", "text": "Go."}])
        assert total(endpoint.records).input == 100


def test_a_request_that_is_repeated_gets_the_same_move() -> None:
    with playing("diligent-shell") as endpoint:
        path, body = QUESTIONS["openai-chat"]
        ask(endpoint, path, body)
        ask(endpoint, path, body)
        assert endpoint.records[0].move == endpoint.records[1].move


def test_what_is_asked_beside_the_work_moves_no_script() -> None:
    schema = {"type": "object", "properties": {"is_done": {"type": "boolean"}}, "required": ["is_done"]}
    with playing("diligent-shell") as endpoint:
        path, body = QUESTIONS["openai-chat"]
        wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        title = json.loads(ask(endpoint, path, {**body, "tools": []}))
        judged = json.loads(ask(endpoint, path, {**body, "tools": [], "response_format": wanted}))
        assert title["choices"][0]["message"]["content"]
        assert json.loads(judged["choices"][0]["message"]["content"]) == {"is_done": False}
        assert "shell-has-run" in ask(endpoint, path, body)


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/embeddings"), ("GET", "/v1/secrets")])
def test_an_unknown_path_is_an_error_that_is_recorded(method: str, path: str) -> None:
    with playing("pleaser") as endpoint:
        with pytest.raises(urllib.error.HTTPError) as failed:
            ask(endpoint, path, {} if method == "POST" else None)
        failed.value.close()
        assert endpoint.errors == [f"{method} {path}: nothing is known here"]


def test_an_endpoint_that_fails_drops_or_says_so() -> None:
    path, body = QUESTIONS["openai-chat"]
    told = {**body, "messages": [{"role": "user", "content": "Work in `/x/repo.andon/R1-implement-1`."}]}
    with playing("cut-off", how="error") as endpoint:
        with pytest.raises(urllib.error.HTTPError) as failed:
            ask(endpoint, path, told)
        assert failed.value.code == 500
        failed.value.close()
    with playing("cut-off") as endpoint, pytest.raises(OSError, match=r"closed|reset"):
        ask(endpoint, path, told)


def offering(*tools: Tool) -> Conversation:
    return Conversation(dialect="", model="", system="", entries=(), tools=tools)


def test_moves_fit_the_tools_that_are_offered() -> None:
    listed = Tool("shell", {"properties": {"command": {"type": "array"}}, "required": ["command", "why"]})
    assert call(offering(listed), Shell("ls"), "1").arguments == {
        "command": ["bash", "-lc", "ls"],
        "why": "as the task asks",
    }
    assert "printf %s hello > a/b" in call(offering(listed), Write("a/b", "hello"), "1").arguments["command"][2]
    writer = Tool("write", {"properties": {"filePath": {}, "content": {}}})
    assert call(offering(listed, writer), Write("b", "x"), "1").arguments == {"filePath": "b", "content": "x"}
    patch = Tool("apply_patch", {}, custom=True)
    assert "*** Add File: b\n+x\n" in call(offering(listed, patch), Write("b", "x\n"), "1").text


# ---------------------------------------------------------------- the namespace


def inside(
    directory: Path, *command: str, persona: str = "pleaser", limit_s: float = 20
) -> subprocess.CompletedProcess[str]:
    wrapped = [
        *(sys.executable, "-m", "tests.clients.namespace", "--persona", persona),
        *("--record", str(directory / "records.jsonl"), "--limit-s", str(limit_s), "--", *command),
    ]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"}
    return subprocess.run(wrapped, cwd=directory, env=environment, capture_output=True, text=True, timeout=60)


LOOK = """
import json, os, socket, urllib.request
def reaches(address):
    try:
        socket.create_connection(address, 2).close()
    except OSError as error:
        return error.strerror or str(error)
    return True
def named(name):
    try:
        return bool(socket.getaddrinfo(name, 443))
    except OSError:
        return False
model = urllib.request.urlopen("http://127.0.0.1:8642/v1/models", timeout=5).read().decode()
print(json.dumps({
    "interfaces": [name for _, name in socket.if_nameindex()], "outside": reaches(("192.0.2.1", 443)),
    "named": named("example.com"), "model": model, "variables": sorted(os.environ),
}))
"""


def test_nothing_but_loopback_is_there(tmp_path: Path) -> None:
    done = inside(tmp_path, sys.executable, "-c", LOOK)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["interfaces"] == ["lo"]
    assert seen["outside"] == "Network is unreachable"
    assert seen["named"] is False
    assert "scripted" in seen["model"]
    assert not {name for name in seen["variables"] if "PROXY" in name.upper() or name.startswith("ANDON")}
    (record,) = read_records(tmp_path / "records.jsonl")
    assert (record.method, record.path) == ("GET", "/v1/models")


def test_a_command_that_does_not_end_is_ended_with_all_that_it_left(tmp_path: Path) -> None:
    # The one in the background has left its session and its parent.
    done = inside(tmp_path, "sh", "-c", "setsid sleep 300 & echo $! > left; wait; sleep 300", limit_s=1)
    assert done.returncode == TIMED_OUT
    assert not Path("/proc", (tmp_path / "left").read_text().strip()).exists()


def test_the_power_goes_out_for_all_at_once(tmp_path: Path) -> None:
    body = json.dumps(CHAT | {"messages": [{"role": "user", "content": "`/x/repo.andon/R1-implement-1`"}]})
    second = json.dumps(
        json.loads(body) | {"messages": [*json.loads(body)["messages"], {"role": "assistant", "content": "x"}]}
    )
    ask_twice = "\n".join(
        f"urllib.request.urlopen(urllib.request.Request('http://127.0.0.1:8642/v1/chat/completions', {text.encode()!r}))"
        for text in (body, second)
    )
    done = inside(tmp_path, sys.executable, "-c", f"import urllib.request\n{ask_twice}", persona="half")
    assert done.returncode == CUT_OFF, done.stderr
