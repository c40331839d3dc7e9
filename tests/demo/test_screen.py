"""Plain lines in a pipe; nothing that could fool a terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from andon.core.errors import UsageError
from andon.demo import driver, play
from andon.demo.screen import Screen, printable
from andon.demo.tasks import WORKS


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO, *, plain: bool = False) -> str:
    screen = Screen(plain=plain, stream=stream)
    screen.begin(["T"])
    screen.happening("ada", "issue1", "did \x1b[31msomething\nodd", "landed")
    screen.state("T", "review", "rhea")
    screen.end()
    return stream.getvalue()


def test_a_pipe_gets_plain_lines() -> None:
    text = shown(io.StringIO())
    assert "\x1b" not in text
    assert text.count("\n") == 1
    assert "did  [31msomething odd" in text


def test_a_terminal_gets_colours_and_the_board(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    text = shown(Terminal())
    assert "\x1b[" in text
    assert "\x1b[31msomething" not in text


def test_no_color_and_plain_are_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in shown(Terminal(), plain=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in shown(Terminal())


def test_control_characters_are_replaced() -> None:
    assert printable("a\x1b]0;x\x07b\r") == "a ]0;x b "


def test_a_long_line_is_cut_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    terminal, pipe = Terminal(), io.StringIO()
    Screen(plain=False, stream=terminal).happening("ada", "t", "x" * 200)
    Screen(plain=False, stream=pipe).happening("ada", "t", "x" * 200)
    assert len(terminal.getvalue().rstrip()) == 80
    assert pipe.getvalue().count("x") == 200


def test_every_task_that_is_ready_at_the_start_has_a_cheat() -> None:
    assert set(play.CHEATS.values()) == {work.key for work in WORKS if not work.after}


def test_bad_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--workers 0"):
        driver.check_options(driver.Options(workers=0))
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="not empty"):
        driver.make_directory(driver.Options(directory=tmp_path))
    assert driver.make_directory(driver.Options(directory=tmp_path / "new")).is_dir()
