"""Whatever a file looks like: what is put in is taken out again to the byte, and the rest keeps its meaning."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from andon.agents.setup import apply, blocks, json_edits
from andon.agents.setup.jsonc import parse
from andon.agents.setup.records import ClientSetup, JsonItems, JsonValue

ITEM = {"matcher": "Bash", "hooks": [{"command": "andon hook tool Stop --timeout 60"}]}
ITEMS = JsonItems(path="a.json", at=("hooks", "Stop"), items=(ITEM, {"command": "andon hook tool Stop again"}))
VALUE = JsonValue(path="a.json", at=("hooksConfig", "enabled"), value=True)
CLIENT = ClientSetup(name="tool", title="tool", program="tool", install="", edits=(ITEMS, VALUE))

NAMES = st.sampled_from(["hooks", "Stop", "hooksConfig", "enabled", "a", 'ä"\\', ""])
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=3), st.just("// no comment"))
VALUES = st.recursive(
    PLAIN, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)), max_leaves=8
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """JSON objects in odd dress: comments, trailing commas, blank lines, tabs, carriage returns, no newline at the end."""
    line = draw(st.sampled_from(["\n", "\r\n"]))
    gaps = st.sampled_from(
        [
            "",
            "",
            " ",
            "  ",
            "\t",
            line,
            f"{line}  ",
            f"{line}\t",
            f" /* a, {{b */{line}",
            f"// c ]{line}    ",
            f"{line}{line}",
        ]
    )

    def show(value: Any) -> str:
        if isinstance(value, dict):
            parts = [
                f"{draw(gaps)}{json.dumps(k)}{draw(gaps)}:{draw(gaps)}{show(v)}{draw(gaps)}" for k, v in value.items()
            ]
            return "{" + joined(parts) + "}"
        if isinstance(value, list):
            return "[" + joined([f"{draw(gaps)}{show(one)}{draw(gaps)}" for one in value]) + "]"
        return json.dumps(value, ensure_ascii=draw(st.booleans()))

    def joined(parts: list[str]) -> str:
        trailing = "," + draw(gaps) if parts and draw(st.booleans()) else ""
        return (",".join(parts) or draw(gaps)) + trailing

    whole = draw(st.dictionaries(NAMES, VALUES, max_size=4))
    hooks = draw(st.sampled_from([None, {}, {"Stop": []}, {"Stop": [{"command": "theirs"}]}, {"Start": [1]}]))
    if hooks is not None:
        whole["hooks"] = hooks
    mark = draw(st.sampled_from(["", "\ufeff"]))
    return mark + draw(gaps) + show(whole) + draw(gaps)


def reaches(value: Any) -> bool:
    """Whether the edits find containers of the right kind on their way."""
    hooks, config = value.get("hooks", {}), value.get("hooksConfig", {})
    return isinstance(hooks, dict) and isinstance(hooks.get("Stop", []), list) and isinstance(config, dict)


@given(documents())
def test_reading_is_as_json_reads(text: str) -> None:
    node = parse(text)
    assert node.kind == "object"
    plain = json.dumps(node.value)
    assert parse(plain).value == json.loads(plain) == node.value


@given(documents())
def test_json_comes_back_to_the_byte(text: str) -> None:
    before = parse(text).value
    if not reaches(before):
        return
    changed, _note = json_edits.put(text, ITEMS)
    changed, note = json_edits.put(changed, VALUE)
    after = parse(changed).value
    assert after["hooks"]["Stop"] == [*before.get("hooks", {}).get("Stop", []), *ITEMS.items]
    assert bool(note) == (before.get("hooksConfig", {}).get("enabled", True) is not True)
    assert {k: v for k, v in after.items() if not k.startswith("hooks")} == {
        k: v for k, v in before.items() if not k.startswith("hooks")
    }
    again, _note = json_edits.put(changed, ITEMS)
    assert json_edits.put(again, VALUE)[0] == changed, "a second run changes no byte"
    taken, _note = json_edits.take(changed, VALUE, text)
    taken, _note = json_edits.take(taken, ITEMS, text)
    assert parse(taken).value == before
    if not _was_empty(before):
        assert taken == text


def _was_empty(value: Any) -> bool:
    """Whether something was put into a container that stood there empty; what was between its brackets is not kept there."""
    containers = [value, value.get("hooks"), value.get("hooksConfig"), (value.get("hooks") or {}).get("Stop")]
    return any(container in ({}, []) for container in containers if container is not None)


@given(documents())
def test_with_what_is_remembered_every_byte_comes_back(text: str) -> None:
    if not reaches(parse(text).value):
        return
    with tempfile.TemporaryDirectory() as directory:
        root, state = Path(directory, "root"), Path(directory, "state")
        root.mkdir()
        state.mkdir()
        file = root / "a.json"
        file.write_bytes(text.encode())
        apply.plan(str(root), str(state), [CLIENT]).carry_out()
        once = file.read_bytes()
        apply.plan(str(root), str(state), [CLIENT]).carry_out()
        assert file.read_bytes() == once
        apply.plan_removal(str(root), str(state), [CLIENT]).carry_out()
        assert file.read_bytes() == text.encode()
        assert list(state.iterdir()) == []


TEXTS = st.lists(st.sampled_from(["# One", "", "text", "\n", "\r\n", "\r\n\r\n", "  ", "<!-- andon -->"]), max_size=8)


@given(TEXTS, TEXTS)
def test_blocks_come_back_to_the_byte(parts: list[str], later: list[str]) -> None:
    text = "".join(parts)
    changed = blocks.put(text, "<!-- b -->", "<!-- e -->", "one\n\ntwo\n")
    assert blocks.put(changed, "<!-- b -->", "<!-- e -->", "one\n\ntwo") == changed
    assert changed.startswith(text)
    assert blocks.take(changed, "<!-- b -->", "<!-- e -->") == text
    # What others write below it later stays, too.
    more = "".join(later)
    if changed.endswith("\n"):
        assert blocks.take(changed + more, "<!-- b -->", "<!-- e -->") == text + more
