"""An ACP agent that does as it is told: `python fake_acp_agent.py SCENE`, one scene for each thing that agents do.

Written after the protocol's schema (version 1) and what real agents sent.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

NUMBER = 1000


def send(**message: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def hear() -> dict[str, Any]:
    line = sys.stdin.readline()
    if not line:
        raise SystemExit(0)
    found = json.loads(line)
    assert isinstance(found, dict)
    return found


def ask(method: str, **params: Any) -> dict[str, Any]:
    global NUMBER
    NUMBER += 1
    send(id=NUMBER, method=method, params=params)
    while (answer := hear()).get("id") != NUMBER or "method" in answer:
        pass
    return answer


def say(text: str) -> None:
    update(sessionUpdate="agent_message_chunk", content={"type": "text", "text": text})


def update(**told: Any) -> None:
    send(method="session/update", params={"sessionId": "s1", "update": told})


def permission(kind: str, path: str) -> str:
    call = {"toolCallId": "t1", "kind": kind, "title": "a tool", "status": "pending", "locations": [{"path": path}]}
    update(sessionUpdate="tool_call", **call)
    options = [
        {"optionId": "always", "name": "Always", "kind": "allow_always"},
        {"optionId": "yes", "name": "Yes", "kind": "allow_once"},
        {"optionId": "no", "name": "No", "kind": "reject_once"},
    ]
    answer = ask("session/request_permission", sessionId="s1", toolCall={"toolCallId": "t1"}, options=options)
    return str(answer["result"]["outcome"].get("optionId"))


def scene(name: str, prompt: str, turn: int) -> dict[str, Any]:
    """What the agent does in a turn; the answer to the prompt."""
    usage = {
        "inputTokens": 60 * turn,
        "outputTokens": 10 * turn,
        "cachedReadTokens": 40 * turn,
        "totalTokens": 110 * turn,
    }
    done = {"stopReason": "end_turn", "usage": usage}
    if name == "works":
        say("Let me see. ")
        if permission("edit", os.path.abspath("app.txt")) == "yes":
            ask("fs/write_text_file", sessionId="s1", path=os.path.abspath("app.txt"), content="one\nTWO\n")
        say("Done")
        say(", I think.")
    elif name == "trespasses":
        say(f"edit: {permission('edit', '/etc/passwd')}; ")
        written = ask("fs/write_text_file", sessionId="s1", path="../beyond.txt", content="mine")
        update(sessionUpdate="tool_call_update", toolCallId="t1", status="completed")
        say(
            f"write: {written['error']['message']}; terminal: {ask('terminal/create', sessionId='s1')['error']['code']}"
        )
    elif name == "odd":
        print("no JSON at all")
        send(method="some/thing", params={})
        update(sessionUpdate="of_the_future", content=[1, 2])
        say("fine")
        done = {
            "stopReason": "end_turn",
            "usage": None,
            "_meta": {"quota": {"token_count": {"input_tokens": 7, "output_tokens": 3}}},
        }
    elif name == "last-answer":
        done["usage"] = {"inputTokens": 60, "outputTokens": 10, "cachedReadTokens": 40, "totalTokens": 110}
    elif name == "refuses":
        done["stopReason"] = "refusal"
    elif name == "dies":
        if turn == 1 and not os.path.exists("died"):
            open("died", "w").close()
            os.kill(os.getpid(), 9)
        say("alive")
    elif name == "stops-when-asked":
        if turn == 1:
            while hear().get("method") != "session/cancel":
                pass
            return {"stopReason": "cancelled"}
        say("again")
    elif name == "never-stops":
        time.sleep(600)
    return done


def main() -> None:
    name = sys.argv[1]
    turn = 0
    while True:
        message = hear()
        method = message.get("method")
        if method == "initialize":
            version = 9 if name == "future" else 1
            told = {"protocolVersion": version, "agentCapabilities": {}, "authMethods": []}
            info = {"agentInfo": {"name": "OpenCode", "version": "1"}} if name == "last-answer" else {}
            send(id=message["id"], result=told | info)
        elif method == "session/new":
            assert message["params"]["cwd"] == os.getcwd()
            if name == "signed-out":
                send(id=message["id"], error={"code": -32000, "message": "Authentication required"})
            else:
                send(id=message["id"], result={"sessionId": "s1"})
        elif method == "session/prompt":
            turn += 1
            prompt = message["params"]["prompt"][0]["text"]
            send(id=message["id"], result=scene(name, prompt, turn))


if __name__ == "__main__":
    main()
