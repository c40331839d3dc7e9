"""Andon's own entries in a client's JSON file: put in, renewed, taken out again.

An entry of ours is known by holding `andon hook CLIENT` in some string, or by being equal to what would be put there.
Entries of others stay, also where they were put into a group of ours. Pure; must not know files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from andon.agents.setup import json_text
from andon.agents.setup.jsonc import JsonProblem, Node, parse
from andon.agents.setup.records import JsonItems, JsonValue

_MARK = re.compile(r"andon hook +([a-z0-9-]+)")


def put(text: str, edit: JsonItems | JsonValue) -> tuple[str, str]:
    """(the text with the edit, a note when something of others was left in its place). Raises JsonProblem."""
    if not text.strip("\ufeff \t\r\n"):
        text += json_text.new_document({})
    if isinstance(edit, JsonItems):
        return _put_items(text, edit), ""
    return _put_value(text, edit)


def take(text: str, edit: JsonItems | JsonValue, before: str | None) -> tuple[str, str]:
    """(the text without the edit, a note). before: the file as it was before Andon wrote in it, where that is known:
    what was there already stays. Raises JsonProblem."""
    earlier = _lookup(before, edit.at)
    if isinstance(edit, JsonItems):
        taken = _take_items(text, edit)
        return (text if taken == text else _prune(taken, edit.at, before)), ""
    if earlier is not None and earlier.value == edit.value:
        return text, ""
    taken = _take_value(text, edit)
    return (text if taken == text else _prune(taken, edit.at[:-1], before)), ""


def holds(text: str, edit: JsonItems | JsonValue) -> bool:
    """Whether something of this edit is there. Raises JsonProblem."""
    node = _find(parse(text), edit.at)
    if node is None:
        return False
    if isinstance(edit, JsonValue):
        return bool(node.value == edit.value) or _same_mark(node.value, edit.value)
    values = [child.node.value for child in node.children]
    return any(value in edit.items or any(_same_mark(value, item) for item in edit.items) for value in values)


def only_ours(text: str, edits: Sequence[JsonItems | JsonValue]) -> bool:
    """Whether nothing but values of Andon's is in the file. Raises JsonProblem."""
    for edit in edits:
        if isinstance(edit, JsonItems):
            text = _prune(_take_items(text, edit), edit.at, None)
        else:
            text = _prune(_take_value(text, edit), edit.at[:-1], None)
    root = parse(text)
    return root.kind == "object" and not root.children and not json_text.has_comments(text, root)


# ---------------------------------------------------------------- lists


def _put_items(text: str, edit: JsonItems) -> str:
    text = _with_container(text, edit.at, [])
    node = _list_at(text, edit)
    present = [child.node.value for child in node.children]
    leaves = [leaf for value in present for leaf in _leaves(value)]
    wanted = list(edit.items)
    if any(_mixed(value, edit.items) for value in present):
        if all(_leaves(item) and all(leaf in leaves for leaf in _leaves(item)) for item in wanted):
            return text
        text = _without_mixed(text, edit)
        node = _list_at(text, edit)
    ours = [index for index, child in enumerate(node.children) if _ours(child.node.value, edit.items)]
    # From the end, so that the places before stay what they are.
    for position, index in reversed(list(enumerate(ours))):
        node = _list_at(text, edit)
        child = node.children[index]
        if position >= len(wanted):
            text = json_text.remove(text, node, child)
        elif child.node.value != wanted[position]:
            text = json_text.replace(text, parse(text), child, wanted[position])
    for item in wanted[len(ours) :]:
        root = parse(text)
        found = _find(root, edit.at)
        if found is None:
            raise JsonProblem(f"{_shown(edit.at)} is gone", text, 0)
        text = json_text.append(text, root, found, item)
    return text


def _take_items(text: str, edit: JsonItems) -> str:
    if _find(parse(text), edit.at) is None:
        return text
    text = _without_mixed(text, edit)
    node = _list_at(text, edit)
    ours = [index for index, child in enumerate(node.children) if _ours(child.node.value, edit.items)]
    for index in reversed(ours):
        node = _list_at(text, edit)
        text = json_text.remove(text, node, node.children[index])
    return text


def _without_mixed(text: str, edit: JsonItems) -> str:
    """Take our own entries out of groups in which others put theirs."""
    for index in range(len(_list_at(text, edit).children)):
        child = _list_at(text, edit).children[index]
        if not _mixed(child.node.value, edit.items):
            continue
        for key in [str(member.key) for member in child.node.children]:
            while True:
                group = _list_at(text, edit).children[index].node.member(key)
                if group is None or group.node.kind != "list":
                    break
                inner = [one for one in group.node.children if _ours(one.node.value, edit.items)]
                if not inner:
                    break
                text = json_text.remove(text, group.node, inner[-1])
    return text


def _list_at(text: str, edit: JsonItems) -> Node:
    node = _find(parse(text), edit.at)
    if node is None or node.kind != "list":
        raise JsonProblem(f"{_shown(edit.at)} is no list", text, node.start if node else 0)
    return node


# ---------------------------------------------------------------- single values


def _put_value(text: str, edit: JsonValue) -> tuple[str, str]:
    text = _with_container(text, edit.at[:-1], {})
    root = parse(text)
    holder = _find(root, edit.at[:-1])
    if holder is None or holder.kind != "object":
        raise JsonProblem(f"{_shown(edit.at[:-1])} is no object", text, holder.start if holder else 0)
    present = holder.member(edit.at[-1])
    if present is None:
        return json_text.append(text, root, holder, edit.value, edit.at[-1]), ""
    if present.node.value == edit.value:
        return text, ""
    if _same_mark(present.node.value, edit.value):
        return json_text.replace(text, root, present, edit.value), ""
    return text, f"{_shown(edit.at)} is set otherwise and was left as it is"


def _take_value(text: str, edit: JsonValue) -> str:
    holder = _find(parse(text), edit.at[:-1])
    present = holder.member(edit.at[-1]) if holder is not None and holder.kind == "object" else None
    if holder is None or present is None:
        return text
    if present.node.value != edit.value and not _same_mark(present.node.value, edit.value):
        return text
    return json_text.remove(text, holder, present)


# ---------------------------------------------------------------- places


def _with_container(text: str, at: Sequence[str], empty: Any) -> str:
    """The text with every container on the way to `at`; the last one is like `empty`."""
    root = parse(text)
    node = root
    if root.kind != "object":
        raise JsonProblem("the file holds no JSON object", text, root.start)
    for depth, key in enumerate(at):
        child = node.member(key)
        if child is None:
            value = empty
            for inner in reversed(at[depth + 1 :]):
                value = {inner: value}
            return json_text.append(text, root, node, value, key)
        node = child.node
        if depth + 1 < len(at) and node.kind != "object":
            raise JsonProblem(f"{_shown(at[: depth + 1])} is no object", text, node.start)
    return text


def _prune(text: str, at: Sequence[str], before: str | None) -> str:
    """Remove the containers on the way that are empty now, unless they were there before."""
    for length in range(len(at), 0, -1):
        path = at[:length]
        root = parse(text)
        node = _find(root, path)
        if node is None:
            continue
        if node.kind == "plain" or node.children or json_text.has_comments(text, node):
            break
        if _lookup(before, path) is not None:
            break
        holder = _find(root, path[:-1])
        child = holder.member(path[-1]) if holder is not None else None
        if holder is None or child is None:
            break
        text = json_text.remove(text, holder, child)
    return text


def _find(root: Node, at: Sequence[str]) -> Node | None:
    node = root
    for key in at:
        child = node.member(key) if node.kind == "object" else None
        if child is None:
            return None
        node = child.node
    return node


def _lookup(before: str | None, at: Sequence[str]) -> Node | None:
    if before is None or not before.strip("\ufeff \t\r\n"):
        return None
    try:
        return _find(parse(before), at)
    except JsonProblem:
        return None


def _shown(at: Sequence[str]) -> str:
    return ".".join(at) or "the file"


# ---------------------------------------------------------------- whose it is


def _ours(value: Any, items: Sequence[Any]) -> bool:
    """Whether an item is Andon's alone: equal to one of these, or it runs the same hook and nothing of others."""
    if value in items:
        return True
    return any(_same_mark(value, item) for item in items) and not _mixed(value, items)


def _same_mark(value: Any, other: Any) -> bool:
    return bool(_marks(value) & _marks(other))


def _mixed(value: Any, items: Sequence[Any]) -> bool:
    """Whether a group holds entries of ours and of others, side by side in one list."""
    if not isinstance(value, dict):
        return False
    for inner in value.values():
        if isinstance(inner, list):
            own = [bool(_marks(one)) and any(_same_mark(one, item) for item in items) for one in inner]
            if any(own) and not all(own):
                return True
    return False


def _marks(value: Any) -> set[str]:
    return {client for text in _strings(value) for client in _MARK.findall(text)}


def _leaves(value: Any) -> list[Any]:
    """The innermost objects that run a hook of ours."""
    if isinstance(value, dict):
        inner = [leaf for part in value.values() if isinstance(part, list | dict) for leaf in _leaves(part)]
        return inner or ([value] if _marks(value) else [])
    return [leaf for part in value for leaf in _leaves(part)] if isinstance(value, list) else []


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _strings(part)
