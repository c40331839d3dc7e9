"""Carrying out a client's edits: first everything is worked out, then everything is written, or nothing is.

`plan` reads and says what each file would become; `carry_out` writes it. A second run changes no byte; removing gives
back every file to the byte, and deletes those that Andon made. Must not know any client, git or the store.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from andon.agents.setup import blocks, files, json_edits
from andon.agents.setup.jsonc import JsonProblem
from andon.agents.setup.ledger import Entry, Ledger, digest
from andon.agents.setup.records import ClientSetup, Edit, JsonItems, JsonValue, Section, TomlBlock, WholeFile
from andon.core.errors import UsageError

WHOLE_FILE_MARKS = ("andon init --client", "andon hook")
"""A whole file of Andon's holds one of these, so that it is known again, also after an update."""
SECTION = ("<!-- andon: begin (written by `andon init --client`) -->", "<!-- andon: end -->")

WRITTEN, CHANGED, UNCHANGED, DELETED, LEFT = "written", "changed", "unchanged", "deleted", "left"


class Planned(Struct, frozen=True, kw_only=True):
    """One file. action: of the words above. note: what was left as it is, and why. before, after: the contents."""

    path: str
    action: str
    note: str = ""
    before: bytes | None = None
    after: bytes | None = None


class Owned(Struct, frozen=True):
    """An edit, and the name of the client it is for."""

    client: str
    edit: Edit


class _Target:
    """One file with the edits that are for it."""

    def __init__(self, file: files.File) -> None:
        self.file = file
        self.edits: list[Owned] = []
        self.kept: list[Owned] = []
        self.content = file.content
        self.executable = file.executable
        self.notes: list[str] = []


class Plan:
    """What is to be done. Nothing is written before `carry_out`."""

    def __init__(self, root: str, state_dir: str) -> None:
        self.root = root
        self.state_dir = state_dir
        self.ledger = Ledger(state_dir)
        self.targets: list[_Target] = []
        self.made: list[str] = []

    @property
    def files(self) -> list[Planned]:
        return [_planned(target) for target in self.targets]

    def carry_out(self) -> list[Planned]:
        """Write, and say what was done."""
        done = self.files
        wanted = {
            target.file.real: (target.content, target.executable)
            for target in self.targets
            if target.content != target.file.content or target.executable != target.file.executable
        }
        if not wanted:
            return done
        self.ledger.directories = sorted({*self.ledger.directories, *self.made})
        # First what to give back, then the files: killed between them, nothing was written and nothing is forgotten.
        self.ledger.write()
        files.write_all(self.state_dir, wanted)
        gone = any(content is None for content, _ in wanted.values())
        if gone:
            parents = [os.path.dirname(planned.path) for planned in done if planned.action == DELETED]
            known = self.ledger.directories
            # In another clone nobody remembers what was made: directories that became empty there go, too.
            candidates = known or _all_parents(parents)
            left = files.remove_empty(self.root, candidates)
            self.ledger.directories = [name for name in left if name in known]
            self.ledger.write()
        return done


def plan(
    root: str,
    state_dir: str,
    setups: Sequence[ClientSetup],
    shared: Sequence[Edit] = (),
    *,
    others: Sequence[ClientSetup] = (),
) -> Plan:
    """Put the edits of these clients in. shared: edits for all clients. others: clients that are in the repository
    already. Raises UsageError; then nothing is written."""
    made = Plan(root, state_dir)
    for target in _targets(made, [*_owned(setups), *(Owned("", edit) for edit in shared)], keep=_owned(others)):
        for owned in target.edits:
            _put(target, owned)
        if target.content == target.file.content:
            continue
        path, known = target.file.path, made.ledger.entries.get(target.file.path)
        if known is not None and digest(target.file.content) in (known.after, digest(known.before)):
            before = known.before
        else:
            before = _without(target, [*target.edits, *target.kept], known)
        made.ledger.entries[path] = Entry(before=before, after=digest(target.content))
        made.made += files.missing_directories(root, target.file.real)
    return made


def plan_removal(
    root: str,
    state_dir: str,
    setups: Sequence[ClientSetup],
    shared: Sequence[Edit] = (),
    *,
    keep: Sequence[ClientSetup] = (),
) -> Plan:
    """Take the edits of these clients out. keep: clients that stay, whose edits stay with them; shared edits go only
    when none stays."""
    made = Plan(root, state_dir)
    staying = _owned(keep)
    stay = [owned.edit for owned in staying]
    going = [owned for owned in _owned(setups) if owned.edit not in stay]
    going += [] if keep else [Owned("", edit) for edit in shared]
    for target in _targets(made, going, keep=[*staying, *(Owned("", edit) for edit in shared if keep)]):
        known = made.ledger.entries.get(target.file.path)
        if known is not None and not target.kept and digest(target.file.content) == known.after:
            target.content = known.before
        else:
            target.content = _without(target, target.edits, known, alone=not target.kept)
        if known is not None and not target.kept:
            del made.ledger.entries[target.file.path]
        elif known is not None and target.content != target.file.content and digest(target.file.content) == known.after:
            made.ledger.entries[target.file.path] = Entry(before=known.before, after=digest(target.content))
    return made


def present(root: str, setup: ClientSetup) -> bool:
    """Whether anything of this client's own is in the repository. What can't be read holds nothing of Andon's."""
    return any(_holds(root, owned) for owned in _owned([setup]) if not isinstance(owned.edit, Section))


# ---------------------------------------------------------------- the parts of a plan


def _owned(setups: Iterable[ClientSetup]) -> list[Owned]:
    return [Owned(setup.name, edit) for setup in setups for edit in setup.edits]


def _targets(made: Plan, owned: Sequence[Owned], keep: Sequence[Owned] = ()) -> list[_Target]:
    """The files, each once however many links lead to it, in the order of the edits."""
    found: dict[str, _Target] = {}
    for one in owned:
        file = files.read(made.root, one.edit.path)
        target = found.setdefault(file.real, _Target(file))
        if isinstance(one.edit, Section) and any(isinstance(other.edit, Section) for other in target.edits):
            # One file under two names (CLAUDE.md is a link to AGENTS.md): one section is enough.
            continue
        if one not in target.edits:
            target.edits.append(one)
    for one in keep:
        real = os.path.realpath(os.path.join(made.root, one.edit.path))
        if real in found:
            found[real].kept.append(one)
    made.targets = list(found.values())
    return made.targets


def _planned(target: _Target) -> Planned:
    before, after = target.file.content, target.content
    if before == after and target.executable == target.file.executable:
        action = LEFT if target.notes else UNCHANGED
    elif after is None:
        action = DELETED
    else:
        action = WRITTEN if before is None else CHANGED
    note = "; ".join(target.notes)
    return Planned(path=target.file.path, action=action, note=note, before=before, after=after)


def _put(target: _Target, owned: Owned) -> None:
    edit, content = owned.edit, target.content
    if isinstance(edit, WholeFile):
        if content is not None and content != edit.text.encode() and not _is_ours(content):
            target.notes.append("is not Andon's and was left as it is")
            return
        target.content = edit.text.encode()
        target.executable = target.executable or edit.executable
        return
    text = _text(target, content)
    try:
        if isinstance(edit, JsonItems | JsonValue):
            text, note = json_edits.put(text, edit)
            target.notes += [note] if note else []
        else:
            changed = blocks.put(text, *_markers(owned), edit.text)
            if isinstance(edit, TomlBlock):
                _check_block(target, text, changed, edit)
            text = changed
    except (JsonProblem, blocks.BlockProblem) as problem:
        raise _unreadable(target, problem, edit) from problem
    target.content = text.encode()


def _without(target: _Target, edits: Sequence[Owned], known: Entry | None, *, alone: bool = True) -> bytes | None:
    """The file without the edits, worked out from itself. None: nothing of others is in it. alone: no edits stay."""
    content = target.file.content
    if content is None:
        return None
    made_here = known is None or known.before is None
    before = None if known is None or known.before is None else known.before.decode("utf-8", "replace")
    structured = [owned.edit for owned in edits if isinstance(owned.edit, JsonItems | JsonValue)]
    for owned in edits:
        edit = owned.edit
        if isinstance(edit, WholeFile):
            if content == edit.text.encode() or _is_ours(content):
                return None
            target.notes.append("is not Andon's and was left as it is")
            return content
    text = _text(target, content)
    try:
        # A plain value may be anybody's, unless it is known what was there before.
        if not any(_holds_in(text, owned) for owned in edits if known is not None or not _plain(owned.edit)):
            return content
        if made_here and alone and structured and json_edits.only_ours(text, structured):
            return None
        for owned in edits:
            edit = owned.edit
            if isinstance(edit, JsonItems):
                text, _note = json_edits.take(text, edit, before)
            elif isinstance(edit, JsonValue):
                # What others wrote into a file that Andon made may rest on the values in it.
                if not made_here:
                    text, _note = json_edits.take(text, edit, before)
            elif isinstance(edit, TomlBlock | Section):
                text = blocks.take(text, *_markers(owned))
    except (JsonProblem, blocks.BlockProblem) as problem:
        raise _unreadable(target, problem, None) from problem
    if made_here and alone and not text.strip("\ufeff \t\r\n"):
        return None
    return text.encode()


def _holds(root: str, owned: Owned) -> bool:
    edit = owned.edit
    try:
        content = files.read(root, edit.path).content
        if content is None:
            return False
        if isinstance(edit, WholeFile):
            return content == edit.text.encode() or _is_ours(content)
        return not _plain(edit) and _holds_in(content.decode("utf-8"), owned)
    except (UsageError, UnicodeDecodeError, JsonProblem, blocks.BlockProblem):
        return False


def _plain(edit: Edit) -> bool:
    """Whether nothing in the edit shows whose it is."""
    return isinstance(edit, JsonValue) and not any(mark in json.dumps(edit.value) for mark in WHOLE_FILE_MARKS)


def _holds_in(text: str, owned: Owned) -> bool:
    if isinstance(owned.edit, JsonItems | JsonValue):
        return json_edits.holds(text, owned.edit)
    return isinstance(owned.edit, TomlBlock | Section) and blocks.holds(text, *_markers(owned))


def _is_ours(content: bytes) -> bool:
    return any(mark.encode() in content for mark in WHOLE_FILE_MARKS)


def _markers(owned: Owned) -> tuple[str, str]:
    if isinstance(owned.edit, Section):
        return SECTION
    return f"# andon: begin (written by `andon init --client {owned.client}`)", f"# andon: end ({owned.client})"


def _text(target: _Target, content: bytes | None) -> str:
    try:
        return "" if content is None else content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        column = error.start - error.object.rfind(b"\n", 0, error.start)
        problem = ValueError(f"{line}:{column}: this is no UTF-8")
        raise _unreadable(target, problem, None) from error


def _unreadable(target: _Target, problem: ValueError, edit: Edit | None) -> UsageError:
    following = f"mend {target.file.path}, then the same again"
    if edit is not None:
        following += f"; or add to it yourself: {_all_by_hand(target, edit)}"
    return UsageError(
        f"{target.file.path}:{problem}; nothing was written", kind="client_files", next=following
    )  # fmt: skip


def _all_by_hand(target: _Target, edit: Edit) -> str:
    """Everything that Andon has for a JSON file, as one value; else this edit."""
    whole: dict[str, Any] = {}
    for owned in target.edits:
        if isinstance(owned.edit, JsonItems | JsonValue):
            _merge(whole, json.loads(by_hand(owned.edit)))
    return json.dumps(whole, ensure_ascii=False) if whole else by_hand(edit)


def _merge(whole: dict[str, Any], part: dict[str, Any]) -> None:
    for key, value in part.items():
        if isinstance(value, dict) and isinstance(whole.get(key), dict):
            _merge(whole[key], value)
        elif isinstance(value, list) and isinstance(whole.get(key), list):
            whole[key] += value
        else:
            whole[key] = value


def by_hand(edit: Edit) -> str:
    """The edit in words, for a person who makes it."""
    if isinstance(edit, JsonItems | JsonValue):
        value: Any = list(edit.items) if isinstance(edit, JsonItems) else edit.value
        for key in reversed(edit.at):
            value = {key: value}
        return json.dumps(value, ensure_ascii=False)
    return edit.text


def _check_block(target: _Target, before: str, after: str, edit: TomlBlock) -> None:
    """A file that was good TOML (or YAML) must be so with the block, and hold what it held."""
    ending = edit.path.rpartition(".")[2]
    if ending not in _READERS:
        return
    read = _READERS[ending]
    try:
        read(before)
    except ValueError as problem:
        raise _unreadable(target, problem, edit) from problem
    try:
        read(after)
    except ValueError as problem:
        line, column, why = str(problem).split(":", 2)
        text = f"what is set there already does not go together with Andon's block ({why.strip()})"
        raise _unreadable(target, ValueError(f"{line}:{column}: {text}"), edit) from problem


def _toml(text: str) -> Any:
    import re
    import tomllib

    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        line, column = place.groups() if place else (str(text.count("\n") + 1), "1")
        raise ValueError(f"{line}:{column}: {str(error).partition(' (at ')[0]}") from error


def _yaml(text: str) -> Any:
    """Read YAML; a key that is there twice is refused, since readers differ in which one counts."""
    import yaml

    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        raise ValueError(f"{place}: {error.problem}") from error
    if node is None:
        return None
    if not isinstance(node, yaml.MappingNode):
        raise ValueError("1:1: the file holds no mapping")
    keys = [key.value for key, _value in node.value]
    twice = sorted({str(key) for key in keys if keys.count(key) > 1})
    if twice:
        mark = next(key.start_mark for key, _value in node.value if str(key.value) in twice)
        raise ValueError(f"{mark.line + 1}:{mark.column + 1}: {', '.join(twice)} would be set twice")
    return None


_READERS = {"toml": _toml, "yml": _yaml, "yaml": _yaml}


def _all_parents(directories: Iterable[str]) -> list[str]:
    found = set()
    for directory in directories:
        while directory:
            found.add(directory)
            directory = os.path.dirname(directory)
    return sorted(found)
