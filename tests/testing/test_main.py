"""`python -m andon.testing`."""

from __future__ import annotations

import pytest

from andon.testing.__main__ import main


def test_seeds_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "6", "--jobs", "1"]) == 0
    assert "6 seeds in" in capsys.readouterr().out


def test_one_seed_is_replayed_with_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "3", "--trace"]) == 0
    printed = capsys.readouterr().out
    assert "RunStarted" in printed
    assert "the laws held" in printed


def test_an_ablation_is_shown_with_the_number_of_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--ablations", "--only", "growing tokens", "--seeds", "50"]) == 0
    assert "given out before" in capsys.readouterr().out


def test_an_ablation_that_nobody_notices_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--ablations", "--only", "one lead", "--seeds", "1"]) == 1
    assert "NOT NOTICED" in capsys.readouterr().out


def test_soaking_ends(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--soak", "0.1s", "--jobs", "1"]) == 0
    assert "from seed" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--soak", "long"], ["--nonsense"], ["--ablations", "--only", "nothing"]])
def test_bad_input_is_64(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 64
    assert capsys.readouterr().err
