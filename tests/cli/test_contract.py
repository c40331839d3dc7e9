"""The contract of the command line: exit codes, JSON, errors, help, persons' acts, safe text."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from andon.cli.plain import clean, columns
from andon.cli.table import COMMANDS, NOT_BUILT, PARTS, find
from tests.e2e.world import World

COMMAND = [sys.executable, "-m", "andon"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.make(tmp_path)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["statis"], "did you mean status"),
        (["next", "--rol", "x"], "did you mean --role"),
        (["task", "add"], "TITLE"),
        (["task", "add", "x", "--priority", "high"], "priority"),
        (["task", "add", "x", "--priority", "9"], "priority 9"),
        (["task", "add", " "], "title"),
        (["show", "T99"], "T99"),
        (["run", "start", "T99"], "T99"),
        (["task", "add", "x", "--depends-on", "T99"], "T99"),
        (["approve", "R99"], ""),
        (["workflow", "lint", "nothing"], "nothing"),
        (["check"], "no claim"),
        (["advance"], "no claim"),
        (["log", "T99"], "T99"),
        (["next", "--task", "T99"], "T99"),
        (["lead", "extra"], "extra"),
    ],
)
def test_bad_input_is_64_or_refused_in_plain_words(world: World, args: list[str], words: str) -> None:
    result = world.andon(*args, "--json")
    assert result.exit in (64, 5), (result.exit, result.out, result.err)
    body = result.json
    assert body["ok"] is False
    assert words in body["error"]["message"], body
    assert set(body["error"]) >= {"kind", "message", "next"}
    assert "Traceback" not in result.err
    text = world.andon(*args)
    assert text.exit == result.exit
    assert text.out == ""
    assert words in text.err


def test_nothing_prints_exit_code_two(world: World) -> None:
    for args in (["--nonsense"], ["task"], ["run", "nonsense"], ["completion", "tcsh"], ["next", "--wait", "soon"]):
        assert world.andon(*args).exit in (0, 64), args


@pytest.mark.parametrize("name", sorted(NOT_BUILT))
def test_what_is_not_built_says_so(world: World, name: str) -> None:
    result = world.andon(name, "--json")
    assert (result.exit, result.kind) == (64, "not_built")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_command_has_help_with_an_example(tmp_path: Path, command: tuple[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "andon", *command[1].split(" "), "--help"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
    )
    assert done.returncode == 0, done.stderr
    assert "Example" in done.stdout
    assert f"andon {command[1]}" in done.stdout


def test_outside_of_a_repository(tmp_path: Path, world: World) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    result = world.andon("status", "--json", cwd=outside)
    assert (result.exit, result.kind) == (64, "not_a_repository")


def test_before_init(tmp_path: Path) -> None:
    world = World.make(tmp_path, init=False)
    for args in (["status"], ["next"], ["task", "list"], ["heartbeat"], ["inbox"]):
        result = world.andon(*args, "--json")
        assert (result.exit, result.kind) == (64, "not_initialised"), args
        assert result.json["error"]["next"] == "andon init"


def test_json_may_stand_first(world: World) -> None:
    assert json.loads(world.andon("--json", "status").out)["ok"] is True


def test_a_pipe_gets_plain_text(world: World) -> None:
    world.add_task("One task")
    for args in (["status"], ["task", "list"], ["ready"], ["log"]):
        result = world.andon(*args)
        assert "\x1b" not in result.out
        assert "One task" in result.out or "TaskAdded" in result.out
    assert "\x1b[" in world.andon("task", "list", "--color", "always", NO_COLOR="").out


def test_text_of_others_can_not_fool_a_terminal(world: World) -> None:
    world.add_task("evil \x1b[2J\x1b]0;owned\x07 title\u202e")
    for args in (["status"], ["task", "list"], ["show", "T1"], ["ready"]):
        out = world.andon(*args).out
        assert "\x1b" not in out
        assert "\x07" not in out
        assert "\u202e" not in out
        assert "\\x1b[2J" in out


def test_clean_keeps_what_is_harmless() -> None:
    assert clean("grün\tja\n") == "grün\tja\n"
    assert clean("a\x00b\x9bc\x7f") == "a\\x00b\\x9bc\\x7f"
    assert columns([["a", "bb"], ["ccc", "d"]]) == "a    bb\nccc  d"


def test_the_widest_columns_give_way() -> None:
    rows = [["T1", "a" * 40, "b" * 20], ["T22", "short", "c" * 90]]
    lines = columns(rows, ["ID", "ONE", "TWO"], 60).splitlines()
    assert lines[0].split() == ["ID", "ONE", "TWO"] and [line[:3] for line in lines[1:]] == ["T1 ", "T22"]
    assert max(map(len, lines)) <= 60 and lines[2].endswith("c…") and "b" * 20 in lines[1]
    assert columns(rows, None, 500) == columns(rows)
    assert all(len(line) <= 20 for line in columns(rows, None, 20).splitlines())


def test_tables_keep_to_the_width_that_is_asked_for(world: World) -> None:
    world.add_task("A title of many words " * 8)
    for arguments in (("ready",), ("status",), ("task", "list"), ("plan",), ("config", "list")):
        narrow = world.andon(*arguments, COLUMNS="80").out
        wide = world.andon(*arguments).out
        rows = [line for line in narrow.splitlines() if "A title of" in line or "next.overlap" in line]
        assert rows and max(map(len, rows)) <= 80, arguments
        assert max(map(len, wide.splitlines())) > 80, "nothing but a very long title is cut in a pipe"


@pytest.mark.parametrize("pipe", ["log --json | head -c 1", "task export | true", "export | true", "task list | true"])
def test_a_broken_pipe_is_quiet(world: World, pipe: str) -> None:
    world.add_task()
    done = subprocess.run(
        f"{sys.executable} -m andon {pipe}",
        shell=True,
        cwd=world.path,
        env=world.environment,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""


@pytest.mark.parametrize(
    "variable", ["ANDON_AGENT", "ANDON_RUN", "CLAUDECODE", "CODEX_SANDBOX", "GEMINI_CLI", "CURSOR_AGENT"]
)
def test_a_persons_act_is_refused_in_an_agents_environment(world: World, variable: str) -> None:
    world.add_task()
    claim = world.implement()
    result = world.person("run", "cancel", claim["run"], **{variable: "1"})
    assert result.exit == 5
    assert variable in result.out or "agent" in result.out
    assert world.ok("run", "show", claim["run"])["status"] == "open"


def test_a_persons_act_is_refused_in_a_claimed_worktree_and_needs_yes(world: World) -> None:
    world.add_task()
    claim = world.implement()
    answered_no = world.person("run", "cancel", claim["run"], answer="no\n")
    assert answered_no.exit == 1
    assert "nothing was changed" in answered_no.out
    assert world.person("run", "cancel", claim["run"], "-m", "enough").exit == 0
    assert world.ok("run", "show", claim["run"])["outcome"] == "cancelled"
    assert world.ok("task", "show", claim["task"])["status"] == "open"


def test_a_body_from_standard_input_and_lists_by_commas(world: World) -> None:
    done = world.andon("task", "add", "x", "--body", "-", "--scope", "a/**, b.txt", "--json", input="long text\n")
    assert done.exit == 0
    assert done.json["body"] == "long text\n"
    assert done.json["scope"] == ["a/**", "b.txt"]


def test_completion_scripts(world: World) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert "_ANDON_COMPLETE" in world.andon("completion", shell).out
    world.add_task()
    done = world.andon("show", _ANDON_COMPLETE="bash_complete", COMP_WORDS="andon show T", COMP_CWORD="2")
    assert "T1" in done.out


def test_the_shell_completes_what_can_stand_there(world: World) -> None:
    world.add_task()

    def completed(*words: str) -> list[str]:
        line, at = " ".join(("andon", *words)), str(len(words))
        extra = {"_ANDON_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": at}
        return [line.partition(",")[2] for line in world.andon(**extra).out.splitlines() if line]

    assert completed("config", "get", "next.o") == ["next.overlap"]
    assert completed("plan", "T") == completed("next", "--task", "T") == ["T1"]
    assert completed("ask", "--on-expiry", "") == ["ready", "cord"]
    assert completed("task", "import", "--format", "b") == ["beads", "backlog"]
    for free in (("learn", "T"), ("learn", "show", "T"), ("say", "T"), ("waive", "T1", "T")):
        assert completed(*free) == [], free


def test_an_answer_that_can_not_be_written_is_said_so(world: World) -> None:
    for args in (["task", "add", "a"], ["status", "--json"], ["task", "list"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [*COMMAND, *args], cwd=world.path, env=world.environment, stdout=full, stderr=subprocess.PIPE
            )
        assert done.returncode == 6, args
        assert b"could not be written" in done.stderr
        assert b"Traceback" not in done.stderr
    assert len(world.ok("task", "list")["items"]) == 1


def test_a_closed_output_stops_nothing(world: World) -> None:
    command = " ".join(COMMAND)
    done = subprocess.run(["sh", "-c", f"{command} task add a >&- 2>&-"], cwd=world.path, env=world.environment)
    assert done.returncode == 0
    assert len(world.ok("task", "list")["items"]) == 1


def test_next_names_tasks_that_can_not_start(world: World) -> None:
    world.ok("task", "add", "a", "--workflow", "nowhere")
    result = world.andon("next", "--json")
    assert result.exit == 3
    assert "workflow nowhere is not on branch" in result.json["error"]["message"]


def test_a_command_is_found_by_the_first_part_of_the_table_that_knows_its_word() -> None:
    owners: dict[str, set[str]] = {}
    for part in PARTS:
        for command in import_module(f"andon.cli.commands.{part}").COMMANDS:
            owners.setdefault(command[1].split(" ")[0], set()).add(part)
    assert [word for word, parts in owners.items() if len(parts) > 1] == []
    for command in COMMANDS:
        found = find([*command[1].split(" "), "X"])
        assert found is not None
        assert found[0] is command
