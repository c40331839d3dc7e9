"""Clients' files are merged, renewed and given back to the byte; nothing is written when anything can't be."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from andon.agents.setup import apply
from andon.agents.setup.records import ClientSetup, Edit, JsonItems, JsonValue, Section, TomlBlock, WholeFile
from andon.core.errors import AndonError, UsageError

SETTINGS = ".tool/settings.json"
ITEM = {"matcher": "*", "hooks": [{"command": "andon hook tool Stop --timeout 60"}]}
ITEMS = JsonItems(path=SETTINGS, at=("hooks", "Stop"), items=(ITEM,))
VALUE = JsonValue(path=SETTINGS, at=("tools", "enableHooks"), value=True)
TOML = TomlBlock(path=".tool/config.toml", text='[hooks]\nstop = "andon hook tool Stop --timeout 60"')
WHOLE = WholeFile(path=".tool/plugin/andon.js", text="// andon init --client tool\n", executable=True)
SECTION = Section(path="AGENTS.md", text="## Andon\n\nDo as told.\n")
SHARED = (WholeFile(path=".agents/skills/andon/SKILL.md", text="andon init --client\n"), SECTION)


def client(*edits: Edit, name: str = "tool") -> ClientSetup:
    return ClientSetup(name=name, title=name, program=name, install="", edits=edits)


ALL = client(ITEMS, VALUE, TOML, WHOLE)


class Repository:
    """A directory to write in, and another for what Andon remembers."""

    def __init__(self, path: Path) -> None:
        self.root = path / "repo"
        self.state = path / "state"
        self.root.mkdir()
        self.state.mkdir()

    def write(self, name: str, content: str | bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def read(self, name: str) -> str:
        return (self.root / name).read_bytes().decode()

    def init(self, *setups: ClientSetup, others: tuple[ClientSetup, ...] = (), shared: tuple[Edit, ...] = ()) -> dict:
        made = apply.plan(str(self.root), str(self.state), setups, shared, others=others)
        return {done.path: done.action for done in made.carry_out()}

    def remove(self, *setups: ClientSetup, keep: tuple[ClientSetup, ...] = (), shared: tuple[Edit, ...] = ()) -> dict:
        made = apply.plan_removal(str(self.root), str(self.state), setups, shared, keep=keep)
        return {done.path: done.action for done in made.carry_out()}

    def forget(self) -> None:
        """As in another clone."""
        (self.state / "clients.json").unlink()

    def tree(self) -> dict[str, bytes | None]:
        return {
            str(path.relative_to(self.root)): path.read_bytes() if path.is_file() else None
            for path in sorted(self.root.rglob("*"))
        }


@pytest.fixture
def here(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


class TestNew:
    def test_everything_is_written_and_taken_away_again(self, here: Repository) -> None:
        assert set(here.init(ALL, shared=SHARED).values()) == {"written"}
        assert json.loads(here.read(SETTINGS)) == {"hooks": {"Stop": [ITEM]}, "tools": {"enableHooks": True}}
        assert os.access(here.root / WHOLE.path, os.X_OK)
        assert set(here.remove(ALL, shared=SHARED).values()) == {"deleted"}
        assert here.tree() == {}
        assert list(here.state.iterdir()) == []

    def test_a_second_run_changes_no_byte(self, here: Repository) -> None:
        here.init(ALL, shared=SHARED)
        before = here.tree()
        assert set(here.init(ALL, shared=SHARED).values()) == {"unchanged"}
        assert here.tree() == before

    def test_another_clone_takes_it_away_too(self, here: Repository) -> None:
        here.init(ALL, shared=SHARED)
        here.forget()
        here.remove(ALL, shared=SHARED)
        assert here.tree() == {}

    def test_directories_of_others_stay(self, here: Repository) -> None:
        (here.root / ".tool").mkdir()
        here.init(ALL)
        here.remove(ALL)
        assert here.tree() == {".tool": None}


class TestMerge:
    def test_what_is_there_stays_as_it_is_written(self, here: Repository) -> None:
        text = (
            '{\n    // Mine.\n    "model": "x",\n    "hooks": {\n        "Stop": [\n            {"command": "mine"} // last\n'
            "        ]\n    }, /* more */\n}\n"
        )
        here.write(SETTINGS, text)
        here.init(client(ITEMS))
        assert here.read(SETTINGS) == text.replace(
            '{"command": "mine"} // last\n',
            '{"command": "mine"}, // last\n            {\n                "matcher": "*",\n                "hooks": [\n'
            '                    {\n                        "command": "andon hook tool Stop --timeout 60"\n'
            "                    }\n                ]\n            }\n",
        )
        here.remove(client(ITEMS))
        assert here.read(SETTINGS) == text

    def test_tabs_carriage_returns_and_a_byte_order_mark(self, here: Repository) -> None:
        text = '\ufeff{\r\n\t"a": [],\r\n\t"hooks": {"Stop": []}\r\n}'
        here.write(SETTINGS, text)
        here.init(ALL)
        changed = here.read(SETTINGS)
        assert changed.startswith('\ufeff{\r\n\t"a": [],\r\n\t"hooks": {"Stop": [\r\n\t\t{\r\n\t\t\t"matcher": "*",')
        assert "\n" not in changed.replace("\r\n", "")
        here.remove(ALL)
        assert here.read(SETTINGS) == text

    def test_an_older_entry_is_renewed_where_it_stands(self, here: Repository) -> None:
        older = {"hooks": [{"command": "andon hook tool Stop --timeout 5"}]}
        other = {"hooks": [{"command": "other"}]}
        another = {"hooks": [{"command": "andon hook another Stop"}]}
        here.write(SETTINGS, json.dumps({"hooks": {"Stop": [older, other, another]}}, indent=2))
        here.init(client(ITEMS))
        assert json.loads(here.read(SETTINGS))["hooks"]["Stop"] == [ITEM, other, another]

    def test_entries_of_others_in_a_group_of_ours_stay(self, here: Repository) -> None:
        group = {"matcher": "*", "hooks": [{"command": "theirs"}, *ITEM["hooks"]]}
        here.write(SETTINGS, json.dumps({"hooks": {"Stop": [group]}}, indent=2))
        before = here.tree()
        assert here.init(client(ITEMS)) == {SETTINGS: "unchanged"}
        assert here.tree() == before
        here.remove(client(ITEMS))
        assert json.loads(here.read(SETTINGS)) == {
            "hooks": {"Stop": [{"matcher": "*", "hooks": [{"command": "theirs"}]}]}
        }

    def test_a_value_that_is_set_otherwise_stays_and_is_told(self, here: Repository) -> None:
        here.write(SETTINGS, '{"tools": {"enableHooks": false}}')
        made = apply.plan(str(here.root), str(here.state), [client(VALUE)])
        assert [(one.action, one.note) for one in made.carry_out()] == [
            ("left", "tools.enableHooks is set otherwise and was left as it is")
        ]
        here.remove(client(VALUE))
        assert here.read(SETTINGS) == '{"tools": {"enableHooks": false}}'

    def test_what_a_person_wrote_since_stays_at_removal(self, here: Repository) -> None:
        here.write(SETTINGS, '{\n  "tools": {"enableHooks": true},\n  "hooks": {}\n}\n')
        here.init(ALL)
        text = here.read(SETTINGS)
        here.write(SETTINGS, text.replace("{\n", '{\n  "mine": 1,\n', 1))
        here.init(ALL)
        here.remove(ALL)
        assert here.read(SETTINGS) == '{\n  "mine": 1,\n  "tools": {"enableHooks": true},\n  "hooks": {}\n}\n'

    def test_a_person_s_edit_between_two_runs_is_given_back(self, here: Repository) -> None:
        here.write(SETTINGS, "{}\n")
        here.init(client(ITEMS))
        here.write(SETTINGS, here.read(SETTINGS).replace("{\n", '{\n  "mine": 1,\n', 1))
        here.init(ALL, others=(client(ITEMS),))
        here.remove(ALL)
        assert json.loads(here.read(SETTINGS)) == {"mine": 1}

    def test_values_that_others_rest_on_stay_in_a_file_that_andon_made(self, here: Repository) -> None:
        version = JsonValue(path=SETTINGS, at=("version",), value=1)
        here.init(client(version, ITEMS))
        whole = json.loads(here.read(SETTINGS))
        whole["hooks"]["Start"] = [{"command": "mine"}]
        here.write(SETTINGS, json.dumps(whole, indent=2))
        here.remove(client(version, ITEMS))
        assert json.loads(here.read(SETTINGS)) == {"version": 1, "hooks": {"Start": [{"command": "mine"}]}}

    def test_a_foreign_file_stays_and_is_told(self, here: Repository) -> None:
        here.write(WHOLE.path, "mine\n")
        assert here.init(client(WHOLE)) == {WHOLE.path: "left"}
        assert here.remove(client(WHOLE)) == {WHOLE.path: "left"}
        assert here.read(WHOLE.path) == "mine\n"

    def test_an_older_whole_file_is_renewed(self, here: Repository) -> None:
        here.write(WHOLE.path, "// andon init --client tool, years ago\n")
        assert here.init(client(WHOLE)) == {WHOLE.path: "changed"}
        assert here.read(WHOLE.path) == WHOLE.text

    @pytest.mark.parametrize("text", ["", "\n", "# Mine", "# Mine\n", "# Mine\r\n\r\n# more\r\n", "# Mine\n\n\n"])
    @pytest.mark.parametrize("edit", [TOML, SECTION], ids=["toml", "section"])
    def test_blocks(self, here: Repository, text: str, edit: TomlBlock | Section) -> None:
        here.write(edit.path, text)
        here.init(client(edit))
        assert here.read(edit.path).startswith(text)
        assert here.init(client(edit)) == {edit.path: "unchanged"}
        if text.strip():
            here.forget()
        here.remove(client(edit))
        assert here.read(edit.path) == text

    def test_a_block_in_the_middle(self, here: Repository) -> None:
        here.write("AGENTS.md", "# One\n")
        here.init(client(SECTION))
        here.write("AGENTS.md", here.read("AGENTS.md") + "\n# Two\n")
        here.init(client(Section(path="AGENTS.md", text="Other words.\n")))
        assert "Other words." in here.read("AGENTS.md")
        here.remove(client(SECTION))
        assert here.read("AGENTS.md") == "# One\n\n# Two\n"

    def test_one_file_under_two_names_has_one_section(self, here: Repository) -> None:
        here.write("AGENTS.md", "# One\n")
        (here.root / "CLAUDE.md").symlink_to("AGENTS.md")
        both = client(SECTION, Section(path="CLAUDE.md", text="See there.\n"))
        here.init(both)
        assert here.read("AGENTS.md").count("andon: begin") == 1
        here.remove(both)
        assert here.read("AGENTS.md") == "# One\n"
        assert (here.root / "CLAUDE.md").is_symlink()

    def test_modes_stay(self, here: Repository) -> None:
        here.write("AGENTS.md", "# One\n")
        (here.root / "AGENTS.md").chmod(0o640)
        here.init(client(SECTION))
        assert (here.root / "AGENTS.md").stat().st_mode & 0o777 == 0o640


class TestSeveral:
    ONE = client(ITEMS, SECTION, name="one")
    TWO = client(
        JsonItems(path=SETTINGS, at=("hooks", "Stop"), items=({"command": "andon hook two Stop"},)), SECTION, name="two"
    )

    def test_what_another_client_needs_stays(self, here: Repository) -> None:
        here.write(SETTINGS, '{"a": 1}')
        here.write("AGENTS.md", "# One")
        before = here.tree()
        here.init(self.ONE, shared=SHARED)
        between = here.tree()
        here.init(self.TWO, others=(self.ONE,), shared=SHARED)
        both = here.tree()
        here.remove(self.TWO, keep=(self.ONE,), shared=SHARED)
        assert here.tree() == between
        here.init(self.TWO, others=(self.ONE,), shared=SHARED)
        assert here.tree() == both
        here.remove(self.ONE, keep=(self.TWO,), shared=SHARED)
        assert "AGENTS.md" in here.tree()
        assert "andon: begin" in here.read("AGENTS.md")
        here.remove(self.TWO, shared=SHARED)
        assert here.tree() == before

    def test_what_another_clone_wrote_is_not_taken_for_a_person_s(self, here: Repository) -> None:
        here.write(SETTINGS, '{"a": 1}')
        before = here.tree()
        here.init(self.ONE)
        here.forget()
        here.init(self.TWO, others=(self.ONE,))
        here.remove(self.ONE, self.TWO)
        assert here.tree() == before

    def test_which_are_present(self, here: Repository) -> None:
        assert not apply.present(str(here.root), self.ONE)
        here.init(self.ONE)
        assert apply.present(str(here.root), self.ONE)
        assert not apply.present(str(here.root), self.TWO), "a section that all share says nothing"
        assert not apply.present(str(here.root), client(VALUE))


class TestRefused:
    def refused(self, here: Repository, setup: ClientSetup) -> UsageError:
        """Init is refused, and not a byte is written."""
        before = here.tree()
        with pytest.raises(UsageError) as caught:
            here.init(client(WHOLE, name="first"), setup, shared=SHARED)
        assert here.tree() == before
        assert caught.value.kind == "client_files"
        assert caught.value.next
        return caught.value

    @pytest.mark.parametrize(
        ("text", "place"),
        [
            ('{\n  "a": 1\n  "b": 2\n}', "3:3"),
            ('{"a": }', "1:7"),
            ("{'a': 1}", "1:2"),
            ('{"a": 1', "1:8"),
            ('{"a": 01.2.3}', "1:7"),
            ('{"a": "x\ny"}', "1:7"),
            ("{} {}", "1:4"),
            ("[]", "1:1"),
            ('{"hooks": []}', "1:11"),
            ('{"hooks": {"Stop": {}}}', "1:20"),
            ("{ /* no end", "1:3"),
            ('{"a": ' + "[" * 200 + "]" * 200 + "}", "1:107"),
        ],
    )
    def test_json_with_line_and_column(self, here: Repository, text: str, place: str) -> None:
        here.write(SETTINGS, text)
        error = self.refused(here, client(ITEMS))
        assert error.message.startswith(f"{SETTINGS}:{place}: "), error.message
        assert '{"hooks": {"Stop": [{"matcher": "*"' in error.next

    def test_bytes_that_are_no_text(self, here: Repository) -> None:
        here.write(SETTINGS, b'{\n  "a": "\xff"}')
        assert self.refused(here, client(ITEMS)).message.startswith(f"{SETTINGS}:2:9: ")

    def test_toml_that_can_not_be_read_or_does_not_go_together(self, here: Repository) -> None:
        here.write(TOML.path, "a = \n")
        assert ".tool/config.toml:1:5: " in self.refused(here, client(TOML)).message
        here.write(TOML.path, "[hooks]\nmine = 1\n")
        error = self.refused(here, client(TOML))
        assert "does not go together" in error.message
        assert TOML.text in error.next

    def test_markers_that_somebody_broke(self, here: Repository) -> None:
        here.write("AGENTS.md", "# One\n<!-- andon: end -->\n")
        assert self.refused(here, client(SECTION)).message.startswith("AGENTS.md:2:1: ")

    @pytest.mark.parametrize("where", [".tool", SETTINGS])
    def test_links_that_lead_out(self, here: Repository, tmp_path: Path, where: str) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "settings.json").write_text("{}")
        (here.root / where).parent.mkdir(exist_ok=True)
        (here.root / where).symlink_to(outside if where == ".tool" else outside / "settings.json")
        assert "out of the repository" in self.refused(here, client(ITEMS)).message
        assert (outside / "settings.json").read_text() == "{}"

    def test_other_things_in_the_way(self, here: Repository) -> None:
        (here.root / ".git").mkdir()
        (here.root / ".tool").symlink_to(".git")
        assert "git directory" in self.refused(here, client(ITEMS)).message
        (here.root / ".tool").unlink()
        (here.root / ".tool").write_text("a file")
        assert "no directory" in self.refused(here, client(ITEMS)).message
        (here.root / ".tool").unlink()
        (here.root / SETTINGS).mkdir(parents=True)
        assert "is a directory" in self.refused(here, client(ITEMS)).message
        (here.root / SETTINGS).rmdir()
        (here.root / SETTINGS).symlink_to("nothing.json")
        assert "link to nothing" in self.refused(here, client(ITEMS)).message

    def test_links_inside_are_followed_and_stay(self, here: Repository) -> None:
        here.write("settings/tool.json", "{}\n")
        (here.root / ".tool").mkdir()
        (here.root / SETTINGS).symlink_to("../settings/tool.json")
        here.init(client(ITEMS))
        assert (here.root / SETTINGS).is_symlink()
        assert "andon hook" in here.read("settings/tool.json")
        here.remove(client(ITEMS))
        assert here.read("settings/tool.json") == "{}\n"

    def test_a_file_that_can_not_be_replaced_undoes_the_others(
        self, here: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here.write("AGENTS.md", "# One\n")
        before = here.tree()
        rename = os.rename

        def failing(source: str, target: str) -> None:
            if target.endswith(WHOLE.path):
                raise OSError(28, "No space left on device", target)
            rename(source, target)

        monkeypatch.setattr(os, "rename", failing)
        with pytest.raises(AndonError, match="No space left") as caught:
            here.init(client(SECTION, ITEMS, WHOLE))
        assert caught.value.exit == 6
        assert {name: content for name, content in here.tree().items() if content is not None} == before
        monkeypatch.undo()
        here.init(client(SECTION, ITEMS, WHOLE))
        here.remove(client(SECTION, ITEMS, WHOLE))
        assert here.tree() == before
