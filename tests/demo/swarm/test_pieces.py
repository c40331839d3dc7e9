"""The pieces are real: each works by itself, the pair breaks only together, and all fit what the first act leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from andon.demo import craft, edits, project
from andon.demo.swarm import pieces
from andon.demo.tasks import WORKS


def commit(root: Path, text: str) -> str:
    project.git(root, "add", "--all")
    project.git(root, "commit", "--quiet", "-m", text)
    return project.git(root, "rev-parse", "HEAD")


@pytest.fixture(params=["as published", "after the first act"])
def contract(request: pytest.FixtureRequest, checkout: Path) -> Path:
    """A repository in which the first piece stands."""
    if request.param == "after the first act":
        for work in WORKS:
            for edit in work.tests:
                edits.apply(edit, checkout)
            craft.make_change(work, checkout)
        commit(checkout, "the first act")
    pieces.make(pieces.piece_named(pieces.CONTRACT), checkout)
    commit(checkout, "the contract")
    return checkout


def test_each_is_green_alone_and_the_pair_is_red_together(contract: Path) -> None:
    base = project.git(contract, "rev-parse", "HEAD")
    for key in (pieces.RENAMES, pieces.USES):
        project.git(contract, "checkout", "--quiet", "-b", key, base)
        pieces.make(pieces.piece_named(key), contract)
        alone = craft.run_tests(contract)
        assert alone.exit_code == 0, alone.tail
        commit(contract, key)
    project.git(contract, "merge", "--quiet", "--no-edit", pieces.RENAMES)
    together = craft.run_tests(contract)
    assert together.exit_code == 1
    assert f"no attribute '{pieces.OLD_NAME}'" in together.tail or "test_same_name" in together.tail
    pieces.make(pieces.piece_named(pieces.USES), contract)
    mended = craft.run_tests(contract)
    assert mended.exit_code == 0, mended.tail


def test_all_pieces_fit_together(contract: Path) -> None:
    (contract / pieces.LIST).write_text("[]")
    for piece in pieces.PIECES[1:]:
        pieces.make(piece, contract)
        assert {path for path in pieces.changes(piece) if not (contract / path).exists()} == set()
    pieces.finish(contract)
    whole = craft.run_tests(contract)
    assert whole.exit_code == 0, whole.tail
    assert not (contract / pieces.LIST).exists()
    assert (contract / edits.CHANGE_LOG).read_text().count("Add dialects") == 1


def test_tests_of_a_piece_fail_without_it(contract: Path) -> None:
    for piece in pieces.PIECES[1:]:
        path = piece.proof
        (contract / path).write_text(piece.files[path], encoding="utf-8")
        assert craft.run_tests(contract, path).exit_code in (1, 2), piece.key
        (contract / path).unlink()


def test_every_piece_names_the_shared_file_and_no_two_are_alike() -> None:
    assert all(pieces.SHARED in piece.body for piece in pieces.PIECES)
    assert len({piece.title for piece in pieces.PIECES}) == len({piece.key for piece in pieces.PIECES}) == 6
    schema = json.loads((Path(pieces.__file__).parent / "dialects.schema.json").read_text())
    assert set(schema["items"]["required"]) == {"key", "title", "body"}
