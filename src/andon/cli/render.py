"""Replies as short text for people: plain in a pipe, tables with colour on a terminal."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from andon.cli.plain import clean, columns, one_line

Body = dict[str, Any]
MIN_WIDTH = 40
MAX_TITLE_CHARS = 100
"""Of a title in a list; `andon show` has all of it."""
COLORS = {"passed": "32", "failed": "31", "unmeasured": "33", "waived": "35", "pending": "36"}


def use_color(choice: str | None) -> bool:
    """--color, NO_COLOR, TERM and whether standard output is a terminal."""
    if choice in ("always", "never"):
        return choice == "always"
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stdout.isatty()


class Paint:
    """Colours, or none."""

    def __init__(self, on: bool) -> None:
        self.on = on

    def __call__(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.on and text else text

    def head(self, text: str) -> str:
        return self(text, "1")


def render(verb: str, body: Body, color: str | None) -> str:
    """Text for a verb's reply."""
    return _renderer(verb)(body, Paint(use_color(color)))


def _renderer(verb: str) -> Callable[[Body, Paint], str]:
    if (place := ELSEWHERE.get(verb)) is None:
        return RENDERERS.get(verb, _fallback)
    module, _, name = place.partition(":")
    found: Callable[[Body, Paint], str] = getattr(importlib.import_module(module), name)
    return found


def output_width() -> int:
    """How wide tables may be: COLUMNS, else the terminal's width; 0, any width, in a pipe."""
    wanted = os.environ.get("COLUMNS", "")
    if wanted.isascii() and wanted.isdigit() and int(wanted) >= MIN_WIDTH:
        return int(wanted)
    return os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else 0


def table(rows: list[list[str]], header: list[str], paint: Paint) -> str:
    """Aligned columns; the header is bold on a terminal. Long cells are cut to the terminal's width."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    lines = columns(cells, header, output_width()).splitlines()
    return "\n".join([paint.head(lines[0]), *lines[1:]]) if lines else ""


def _fallback(body: Body, paint: Paint) -> str:
    if not body.get("ok"):
        return ""
    parts = [
        f"{key}: {clean(str(value))}" for key, value in body.items() if key != "ok" and value not in (None, [], "")
    ]
    return "\n".join(parts)


def _claim(body: Body, paint: Paint) -> str:
    lease = body["lease"]
    head = [
        f"{body['run']} {body['step']} ({body['task']}) is yours until {lease['expires_at']}.",
        f"cd {_quoted(body['workdir'])}",
        "",
    ]
    return "\n".join(head) + clean(body["brief"])


def _quoted(path: str) -> str:
    """As a shell needs it, so that the line can be copied."""
    from shlex import quote

    return quote(path)


def _judged(body: Body, paint: Paint) -> str:
    lines = []
    for verdict in body["verdicts"]:
        outcome = verdict["outcome"]
        cached = " (cached)" if verdict["cached"] else ""
        if verdict["log"] and verdict["isolation"] == "process":
            cached += " (without a sandbox)"
        lines.append(
            f"{paint(outcome.ljust(10), COLORS[outcome])} {verdict['gate']}: {one_line(verdict['summary'])}{cached}"
        )
        if outcome not in ("passed", "waived"):
            lines += [f"    {clean(line)}" for line in verdict["detail"].splitlines()[:40]]
            lines += [f"    log: {verdict['log']}"] if verdict["log"] else []
        # Of a gate that ran nothing the findings are remarks about the change; they are shown when it is open, too.
        if outcome not in ("passed", "waived") or not verdict["log"]:
            lines += _findings(verdict["findings"])
    following = body["next"]
    if body.get("ok"):
        lines.append(_next_line(body))
    elif following.get("state") == "yours":
        lines.append(f"{body['run']} {body['step']} is still yours.")
    return "\n".join(lines)


def _findings(findings: list[Body]) -> list[str]:
    lines = []
    for finding in findings[:20]:
        line = f":{finding['line']}" if finding["line"] else ""
        where = f"{finding['path']}{line}: " if finding["path"] else ""
        rule = f"{finding['rule']}: " if finding["rule"] else ""
        lines.append(f"    [{finding['severity']}] {clean(where + rule + finding['message'])}")
    return lines + ([f"    … and {len(findings) - 20} more (--json)"] if len(findings) > 20 else [])


def _work(body: Body, paint: Paint) -> str:
    rows = [
        [
            str(x["task"]),
            str(x["step"]),
            str(x["agent"]),
            str(x["how"]) + (f" by {x['outcome']}" if x["outcome"] else ""),
            str(x["turns"]),
            str(x["tokens"]),
            str(x["reason"] or ""),
        ]
        for x in body["tasks"]
    ]
    return table(rows, ["TASK", "STEP", "AGENT", "ENDED", "TURNS", "TOKENS", "WHY"], paint) if rows else ""


def _next_line(body: Body) -> str:
    following = body["next"]
    if following["state"] == "yours":
        return "all gates open: andon advance"
    if following["state"] == "done":
        return f"{body['run']} is done ({following.get('outcome')})."
    role = f" for {following['role']}" if following.get("role") else ""
    reason = f": {one_line(following['reason'])}" if following.get("reason") else ""
    return f"{body['run']} goes on at {following['step']}{role} ({following['state']}{reason})."


def _status(body: Body, paint: Paint) -> str:
    parts: list[str] = []
    if body["needs_human"]:
        lines = [paint("A person is needed", "1;31")]
        for item in body["needs_human"]:
            where = " ".join(str(item[key]) for key in ("task", "run", "step", "message") if item.get(key))
            lines.append(f"  {item['kind']:9} {where}: {one_line(item.get('reason') or item.get('title') or '')}")
            lines.append(f"            {item['next']}")
        parts.append("\n".join(lines))
    sections: tuple[tuple[str, str, Callable[[Body], list[Any]]], ...] = (
        (
            "Running",
            "running",
            lambda x: [x["task"], x["run"], x["step"], x["agent"], f"until {x['expires']}", _title(x)],
        ),
        ("Landing", "landing", lambda x: [x["task"], x["run"], x["step"], x["state"], x["next"], _title(x)]),
        (
            "Ready",
            "ready",
            lambda x: [
                x["task"],
                x["run"] or "-",
                x["step"] or "-",
                x["role"] or "-",
                _reserved(x, body) or x["next"],
                _title(x),
            ],
        ),
        (
            "Waiting",
            "waiting",
            lambda x: [
                x["task"],
                x["run"] or "-",
                x["step"] or "-",
                _reserved(x, body),
                x["reason"],
                _title(x),
            ],
        ),
    )
    for title, key, row in sections:
        items = body[key]
        if items:
            cells = [[one_line(str(cell or "")) for cell in row(item)] for item in items[:40]]
            more = f"\n  … and {len(items) - 40} more" if len(items) > 40 else ""
            width = output_width()
            text = columns(cells, width=width - 2 if width else 0)
            parts.append(paint.head(title) + "\n" + _indent(text) + more)
    if body.get("undelivered"):
        from andon.cli.render_talk import undelivered

        parts.append(paint.head("Undelivered messages") + "\n" + undelivered(body))
    for item in body.get("frozen", []):
        text = f"{item['branch']} is frozen by {item['by']} since {item['since']}: {item['why']}"
        parts.append(f"{paint('Nothing lands', '33')}: {one_line(text)} (andon lead unfreeze {item['branch']})")
    if body.get("flaky"):
        flaky = ", ".join(f"{x['gate']} {x['flaky']} of {x['landings']}" for x in body["flaky"])
        parts.append(f"Flaky gates, of the landings that measured them: {one_line(flaky)}")
    if body.get("children"):
        from andon.cli.swarm import status_tree

        parts.append(paint.head("Children") + "\n" + _indent("\n".join(status_tree(body["children"]))))
    counts = ", ".join(f"{count} {name}" for name, count in body["counts"]["tasks"].items())
    parts.append(f"Tasks: {counts or 'none yet; andon task add TITLE'}")
    return "\n\n".join(parts)


def _reserved(item: Body, body: Body) -> str:
    """For whom alone a ready step is, and for which answer that one waits; "" when it is for any agent of its role."""
    name = str(item.get("offered_to") or "")
    if name in ("", "anyone") or name.startswith("role:"):
        return ""
    asked = (x for x in body.get("needs_human", []) if x["run"] == item["run"] and x.get("agent") == name)
    question = next((str(x["message"]) for x in asked if x.get("message")), "")
    return f"reserved for {name}" + (f", waits for {question}" if question else "")


def _title(item: Body) -> str:
    return one_line(str(item["title"] or ""), MAX_TITLE_CHARS)


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _tasks(body: Body, paint: Paint) -> str:
    rows = [[x["task"], x["status"], str(x["priority"]), x["run"] or "-", _title(x)] for x in body["items"]]
    return table(rows, ["TASK", "STATUS", "PRIORITY", "RUN", "TITLE"], paint) if rows else "no tasks"


def _runs(body: Body, paint: Paint) -> str:
    rows = []
    for run in body["items"]:
        where = ", ".join(f"{x['step']} {x['state']}" for x in run["steps"]) or (run["outcome"] or "")
        rows.append([run["run"], run["task"], run["status"], run["workflow"], where])
    return table(rows, ["RUN", "TASK", "STATUS", "WORKFLOW", "WHERE"], paint) if rows else "no runs"


def _ready(body: Body, paint: Paint) -> str:
    rows = [
        [
            x["task"],
            x["run"] or "-",
            x["step"] or "-",
            _reserved(x, body) or x["role"] or "-",
            _title(x) + (f" ({x['why_not']})" if x["why_not"] else ""),
        ]
        for x in body["items"]
    ]
    return table(rows, ["TASK", "RUN", "STEP", "FOR", "TITLE"], paint) if rows else "nothing is ready"


def _log(body: Body, paint: Paint) -> str:
    rows = []
    for item in body["items"]:
        data = item["data"]
        words = [f"{key}={one_line(str(value), 60)}" for key, value in data.items() if _telling(key, value)]
        at, actor = item["at"] or "-", item["actor"] or "-"
        rows.append([str(item["seq"]), at, item["stream"], item["type"], actor, " ".join(words[:5])])
    return table(rows, ["SEQ", "AT", "STREAM", "EVENT", "ACTOR", "WHAT"], paint) if rows else "no events"


def _telling(key: str, value: Any) -> bool:
    return isinstance(value, str | int | float) and value not in ("", 0, None) and key not in ("workdir", "base_tree")


def _show(body: Body, paint: Paint) -> str:
    if body["kind"] == "message":
        from andon.cli.render_talk import message

        return message(body, paint)
    if body["kind"] == "learning":
        from andon.cli.knowledge import shown

        return shown(body, paint)
    if body["kind"] == "task":
        lines = [paint.head(f"{body['task']}: {clean(body['title'])}"), f"status {body['status']}"]
        lines += [clean(body["body"])] if body["body"] else []
        lines += [f"- {clean(item)}" for item in body["acceptance"]]
        lines += [f"{key}: {', '.join(body[key])}" for key in ("scope", "depends_on", "labels") if body[key]]
        lines += [f"wave {body['wave']} of the plan"] if body.get("wave") else []
        lines += [f"predicted: {clean(', '.join(body['predicted']))}"] if body.get("predicted") else []
        lines += [f"commit {body['commit']}"] if body["commit"] else []
        run = body.get("run_state")
        return "\n".join(lines) + ("\n\n" + _show_run(run, paint) if run else "")
    return _show_run(body, paint)


def _show_run(run: Body, paint: Paint) -> str:
    lines = [
        paint.head(f"{run['run']} of {run['task']}"),
        f"status {run['status']} {run.get('outcome') or ''}".rstrip(),
    ]
    lines += [f"reason: {clean(run['reason'])}"] if run.get("reason") else []
    lines += [f"workflow {run['workflow']} ({run['workflow_digest'][:19]}), on {run['target']} from {run['base'][:12]}"]
    lines += [f"commit {run['commit']}"] if run.get("commit") else []
    for step in run.get("steps", []):
        owner = f", {step['agent']} until {step['expires_at']}" if step["agent"] else ""
        lines.append(f"at {step['step']}: {step['state']}, visit {step['visit']}, attempt {step['attempt']}{owner}")
        lines += [f"    {one_line(step['reason'])}"] if step["reason"] else []
    if run.get("children"):
        from andon.cli.swarm import tree

        lines += tree(run["children"], paint)
    for verdict in run.get("done", []):
        outcome = verdict["outcome"]
        lines.append(
            f"done gate {paint(outcome.ljust(10), COLORS[outcome])} {verdict['gate']}: {one_line(verdict['summary'])}"
        )
    for note in run.get("notes", []):
        lines.append(f"{note['step']} {note['outcome']} by {note['agent']}: {one_line(note['message'])}")
    return "\n".join(lines)


def _lead(body: Body, paint: Paint) -> str:
    if body.get("dry_run"):
        from andon.cli.queue import dry_run

        return dry_run(body, paint)
    lines = [f"{paint('landed', '32')} {x['task']} ({x['run']}) as {x['commit'][:12]}" for x in body["landed"]]
    lines += [
        f"{paint('sent back', '31')} {x['task']} ({x['run']}): {x['how']}: {clean(x['reason'])}"
        for x in body["refused"]
    ]
    lines += [f"waiting {x['task']} ({x['run']}): {clean(x['reason'])}" for x in body["waiting"]]
    lines += [f"{paint('error', '31')} {x['task']} ({x['run']}): {clean(x['reason'])}" for x in body["errors"]]
    return "\n".join(lines)


def _lint(body: Body, paint: Paint) -> str:
    lines = []
    for item in body["items"]:
        code = "31" if item["severity"] == "error" else "33"
        place = f"{item['file']}:{item['line']}:{item['column']}"
        lines.append(f"{place}: {paint(item['severity'], code)} {item['rule']}: {clean(item['message'])}")
        lines += [f"    {clean(item['next'])}"] if item.get("next") else []
    good = "no problems" if not body["items"] else f"{body['errors']} errors"
    lines.append(f"{', '.join(body['workflows'])}: {good}")
    return "\n".join(lines)


def _imported(body: Body, paint: Paint) -> str:
    if body.get("text"):
        return str(body["text"])
    colors = {"lost": "31", "changed": "33"}
    lines = []
    for item in body["not_carried"]:
        if item["level"] in colors:
            place = f"{clean(body['file'])}:{item['line']}:{item['column']}"
            what = f"{clean(item['construct'])}: {clean(item['reason'])}"
            lines.append(f"{place}: {paint(item['level'], colors[item['level']])} {what}")
            lines += [f"    instead: {clean(item['instead'])}"] if item["instead"] else []
    counts = {level: sum(1 for x in body["not_carried"] if x["level"] == level) for level in ("metadata", "drawing")}
    if any(counts.values()):
        lines.append(
            f"and {counts['metadata']} kept as metadata, {counts['drawing']} about drawing only (--json lists them)"
        )
    lines += [f"added: {clean(text)}" for text in body["added"]]
    where = f"wrote {clean(body['workflow'])}" if body["workflow"] else "nothing was written"
    lost = sum(1 for x in body["not_carried"] if x["level"] == "lost")
    return "\n".join([*lines, f"{where}: {body['carried']} carried over, {lost} lost", f"next: {clean(body['next'])}"])


def _init(body: Body, paint: Paint) -> str:
    lines = [f"Andon is set up for {body['repository']} (target branch {body['target']})."]
    lines += [f"wrote {name}" for name in body["written"]]
    for one in body.get("files", []):
        note = f" ({clean(one['note'])})" if one["note"] else ""
        lines.append(f"{one['action']} {clean(one['path'])}{note}")
    lines += [f"committed as {body['commit'][:12]}"] if body["commit"] else []
    fresh = not body.get("removed") and any(one["action"] in ("written", "changed") for one in body.get("files", []))
    for client in body.get("clients", []) if fresh else ():
        lines += [f"{client['title']}: {sentence}" for sentence in client["limits"]]
    following = str(body["next"]).replace("\n", "\n      ")
    return "\n".join([*lines, f"next: {following}"])


def _doctor(body: Body, paint: Paint) -> str:
    lines = []
    for check in body["checks"]:
        mark = paint("ok", "32") if check["ok"] else paint("PROBLEM", "31")
        mark = paint("warning", "33") if check.get("warning") else mark
        lines.append(f"{mark} {check['check']}: {clean(check['message'])}")
        tell = not check["ok"] or check.get("warning")
        lines += [f"    next: {check['next']}"] if tell and check["next"] else []
    if saved := body.get("salvage"):
        lines.append(f"saved {saved['events']} events; the damaged database is kept in {saved['kept']}")
        lines += [f"lost: {clean(line)}" for line in saved["lost"]]
    return "\n".join(lines)


def _transfer(body: Body, paint: Paint) -> str:
    """Nothing on standard output where the export itself stands there."""
    counts = ", ".join(f"{count} {name}" for name, count in body["counts"].items())
    what = f"{body['lines']} lines ({counts}), {body['digest']}"
    if "identical" not in body:
        return "" if body["file"] == "-" else f"wrote {clean(body['file'])}: {what}"
    return f"nothing to do, all of it is here: {what}" if body["identical"] else f"imported {what}"


def _archive(body: Body, paint: Paint) -> str:
    verb = "would be moved" if body["dry_run"] else "moved"
    lines = [f"{body['runs']} runs with {body['events']} events {verb}", *body["files"]]
    return "\n".join([*lines, "the database was made smaller"] if body["compacted"] else lines)


def _task_added(body: Body, paint: Paint) -> str:
    return f"{body['task']}: {clean(body['title'])} ({body['status']})"


def _moved(body: Body, paint: Paint) -> str:
    return _next_line(body) if body.get("next") else _fallback(body, paint)


def _verify(body: Body, paint: Paint) -> str:
    lines = []
    for item in body["commits"]:
        mark = paint("ok", "32") if item["ok"] else paint("PROBLEM", "31")
        gates = ", ".join(f"{x['gate']} {paint(x['outcome'], COLORS.get(x['outcome'], '31'))}" for x in item["gates"])
        named = f"part of {item['covered_by'][:12]}, whose evidence names it" if item.get("covered_by") else ""
        what = named or (clean(f"{item['task']} {item['run']}") if item["task"] else "not landed by Andon")
        lines.append(f"{mark} {item['commit'][:12]} {what}{': ' + gates if gates else ''}")
        lines += [f"    {clean(x['part'])}: {clean(x['message'])}" for x in item["problems"]]
    lines += [f"{paint('PROBLEM', '31')} {clean(x['part'])}: {clean(x['message'])}" for x in body["problems"]]
    lines.append(f"{body['verified']} verified, {body['failed']} failed, {body['unmanaged']} not landed by Andon")
    return "\n".join(lines)


def _keys(body: Body, paint: Paint) -> str:
    rows = [[x["id"], x["state"], x["from"], x["until"] or ""] for x in body["items"]]
    return table(rows, ["KEY", "STATE", "FROM", "UNTIL"], paint)


RENDERERS: dict[str, Callable[[Body, Paint], str]] = {
    "next": _claim,
    "brief": _claim,
    "check": _judged,
    "advance": _judged,
    "status": _status,
    "task_list": _tasks,
    "task_add": _task_added,
    "task_edit": _task_added,
    "task_release": _task_added,
    "task_cancel": _task_added,
    "task_show": _show,
    "run_list": _runs,
    "run_show": _show,
    "ready": _ready,
    "log": _log,
    "show": _show,
    "lead": _lead,
    "work": _work,
    "workflow_lint": _lint,
    "workflow_import": _imported,
    "workflow_graph": lambda body, _paint: str(body["graph"]),
    "workflow_compile": lambda body, _paint: f"{body['digest']}\n{_json(body['workflow'])}",
    "init": _init,
    "doctor": _doctor,
    "export": _transfer,
    "import": _transfer,
    "archive": _archive,
    "verify": _verify,
    "key_list": _keys,
    "key_show": lambda body, _paint: str(body["public"]),
    "key_rotate": lambda body, _paint: f"{body['id']} signs from now on; give it to those who verify: andon key show",
    "heartbeat": lambda body, _paint: f"{body['run']} {body['step']} is yours until {body['lease']['expires_at']}.",
    "submit": lambda body, _paint: f"stored {body['run']} {body['step']} as {body['commit'][:12]}",
    "release": _moved,
    "handoff": _moved,
    "run_start": _moved,
    "run_retry": _moved,
    "run_cancel": _moved,
    "approve": _moved,
    "reject": _moved,
    "waive": _moved,
    "signal": _moved,
    "say": lambda body, _paint: f"{body['message']} sent to {body['to']}",
    "answer": lambda body, _paint: f"{body['message']} answered",
}

ELSEWHERE: dict[str, str] = {
    "config_list": "andon.cli.render_config:config_list",
    "config_get": "andon.cli.render_config:config_get",
    "config_set": "andon.cli.render_config:config_set",
    "config_unset": "andon.cli.render_config:config_set",
    "workflow_simulate": "andon.cli.render_forecast:forecast",
    "inbox": "andon.cli.render_talk:inbox",
    "ask": "andon.cli.render_talk:ask",
    "finding_list": "andon.cli.render_talk:findings",
    "finding_resolve": "andon.cli.render_talk:finding",
    "finding_reopen": "andon.cli.render_talk:finding",
    "learn": "andon.cli.knowledge:learned",
    "learn_list": "andon.cli.knowledge:listed",
    "learn_show": "andon.cli.knowledge:shown",
    "learn_edit": "andon.cli.knowledge:changed",
    "learn_confirm": "andon.cli.knowledge:changed",
    "learn_retire": "andon.cli.knowledge:changed",
    "inject": "andon.cli.knowledge:injected",
    "lead_freeze": "andon.cli.queue:frozen",
    "lead_unfreeze": "andon.cli.queue:frozen",
    "spawn": "andon.cli.swarm:spawned",
    "wait": "andon.cli.swarm:waited",
    "plan": "andon.cli.render_plan:plan",
    "task_import": "andon.cli.exchange:imported",
    "task_export": "andon.cli.exchange:exported",
}
"""Verbs whose renderers `(body, paint) -> text` stand in modules of their own, "module:function"."""


def _json(value: Any) -> str:
    import json

    return json.dumps(value, indent=2, sort_keys=True)
