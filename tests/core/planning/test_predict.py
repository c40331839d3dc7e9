"""Predictions: what a text names, what history and paths say, and their bounds."""

from __future__ import annotations

import pytest

from andon.core import globs
from andon.core.planning.history import MAX_FILES_TOGETHER, TOP, Commit, History
from andon.core.planning.imports import imported_by
from andon.core.planning.mentions import named_in
from andon.core.planning.predict import MAX_PREDICTED, predict
from andon.core.planning.tree import MAX_EXPANDED, Tree, as_pattern, literal_prefix
from andon.core.planning.words import MAX_WORDS, words_of

PATHS = (
    "README.md",
    "Makefile",
    "src/app/__init__.py",
    "src/app/core/state.py",
    "src/app/core/queue.py",
    "src/app/git/state.py",
    "src/app/web/FileUpload.tsx",
    "tests/core/test_queue.py",
    "docs/guide.md",
)
TREE = Tree(PATHS)
DAY = 86_400.0


def named(text: str) -> list[str]:
    found = named_in(text, TREE).strengths
    return sorted(found, key=lambda path: (-found[path], path))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("see src/app/core/queue.py:12, please", ["src/app/core/queue.py"]),
        ("see `./src/app/core/queue.py`.", ["src/app/core/queue.py"]),
        ("core/state.py is wrong", ["src/app/core/state.py"]),
        ("state.py is wrong", ["src/app/core/state.py", "src/app/git/state.py"]),
        ("guide.md (docs)", ["docs/guide.md"]),
        ("app.core.queue has a bug", ["src/app/core/queue.py"]),
        ("app.core.queue.offer has a bug", ["src/app/core/queue.py"]),
        ("test_queue fails", ["tests/core/test_queue.py"]),
        ("the FileUpload shows nothing", ["src/app/web/FileUpload.tsx"]),
        ("everything in tests/core/ and no more", ["tests/core/test_queue.py"]),
        ("Makefile", ["Makefile"]),
        ("queue state upload guide", []),
        ("../../etc/passwd /etc/passwd // ... a/b/c", []),
        ("", []),
    ],
)
def test_what_a_text_names(text: str, wanted: list[str]) -> None:
    assert named(text) == wanted


def test_a_whole_path_is_surer_than_a_name_that_two_bear() -> None:
    strengths = named_in("src/app/core/state.py and FileUpload", TREE).strengths
    assert strengths["src/app/core/state.py"] == 1.0 > strengths["src/app/web/FileUpload.tsx"]


def test_words_of_identifiers_are_taken_apart_and_their_endings_cut() -> None:
    assert words_of("Fixed the HTTPServer's parsing_errors in fileUploads") == [
        "http",
        "server",
        "pars",
        "error",
        "file",
        "upload",
    ]
    assert words_of("Überprüfung naïve") == words_of("Überprüfung naïve")
    assert len(words_of(" ".join(f"w{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(500)))) == MAX_WORDS


def history(*commits: tuple[str, tuple[str, ...]]) -> History:
    return History(
        Commit(at=number * DAY, message=message, files=files) for number, (message, files) in enumerate(commits)
    )


def test_files_that_changed_together_come_with_a_named_one() -> None:
    told = history(*[("work", ("src/app/core/queue.py", "tests/core/test_queue.py"))] * 6, ("other", ("README.md",)))
    found = {item.path: item for item in predict("src/app/core/queue.py is slow", TREE, told)}
    assert found["src/app/core/queue.py"].score > found["tests/core/test_queue.py"].score > 0.12
    assert "README.md" not in found
    assert "names src/app/core/queue.py" in found["src/app/core/queue.py"].reason


def test_words_of_past_messages_lead_to_files() -> None:
    told = history(*[("lease renewal", ("src/app/git/state.py",)), ("guide spelling", ("docs/guide.md",))] * 6)
    found = predict("Renewal of a lease is late", TREE, told)
    assert found[0].path == "src/app/git/state.py" and "README.md" not in {item.path for item in found}


def test_only_files_of_the_tree_are_predicted_and_a_bounded_number() -> None:
    many = Tree(f"src/m{number}.py" for number in range(200))
    told = History(
        Commit(at=n * DAY, message="lease", files=(*(f"src/m{m}.py" for m in range(25)), "gone.py")) for n in range(9)
    )
    found = predict("lease " + " ".join(f"src/m{number}.py" for number in range(100)), many, told)
    assert len(found) == MAX_PREDICTED and all(item.path in many.known for item in found)
    assert found == predict("lease " + " ".join(f"src/m{number}.py" for number in range(100)), many, told)


def test_huge_commits_say_nothing() -> None:
    huge = tuple(f"f{number}" for number in range(MAX_FILES_TOGETHER + 1))
    told = history(("all", huge))
    assert told.commits == 0 and told.near("f1") == [] and told.after("all") == []


def test_older_commits_weigh_less() -> None:
    year = 365 * DAY
    told = History(
        [
            Commit(at=0.0, message="lease", files=("a", "old")),
            Commit(at=5 * year, message="lease", files=("a", "new")),
        ]
    )
    assert [name for name, _ in told.near("a")] == ["new", "old"]
    assert told.near("a")[0][1] > 10 * told.near("a")[1][1]


def test_a_clock_that_went_back_does_no_harm() -> None:
    told = History([Commit(at=9e9, message="x", files=("a", "b")), Commit(at=-9e9, message="x", files=("a", "b"))])
    assert told.near("a")[0][0] == "b"


def test_lists_are_bounded() -> None:
    told = History(Commit(at=n * DAY, message="lease", files=("hub", f"f{n}")) for n in range(300))
    assert len(told.near("hub")) == TOP and len(told.after("lease")) <= TOP


@pytest.mark.parametrize(
    ("pattern", "prefix", "literal"),
    [
        ("src/app", "src/app", True),
        ("src/**", "src/", False),
        ("src/a*b/c.py", "src/", False),
        ("**", "", False),
        ("./src/x.py", "src/x.py", True),
        ("!src/*.py", "src/", False),
        (".", "", False),
    ],
)
def test_the_literal_beginning_of_a_pattern(pattern: str, prefix: str, literal: bool) -> None:
    assert literal_prefix(pattern) == (prefix, literal)


@pytest.mark.parametrize("path", ["a/b.py", "app/[id]/page.tsx", "odd*name?", "back\\slash", "!first", "a]b"])
def test_a_path_as_a_glob_means_itself(path: str) -> None:
    assert globs.matches(path, [as_pattern(path)])
    assert not globs.matches("app/i/page.tsx", [as_pattern(path)]) and not globs.matches(
        "oddXnameY", [as_pattern(path)]
    )


def test_scopes_are_expanded_up_to_a_bound() -> None:
    assert TREE.expand(("src/**/*.py", "!src/app/git/**")) == (
        "src/app/__init__.py",
        "src/app/core/queue.py",
        "src/app/core/state.py",
    )
    assert TREE.expand(("nowhere/**",)) == ()
    assert Tree(f"d/{n}" for n in range(MAX_EXPANDED + 1)).expand(("d/**",)) is None


def test_imports_of_python_and_scripts() -> None:
    text = "from app.core import queue, state\nfrom ..git.state import x\nimport app.core.queue as q\nimport os\n"
    assert imported_by("src/app/web/view.py", text, TREE) == [
        "src/app/core/queue.py",
        "src/app/core/state.py",
        "src/app/git/state.py",
    ]
    script = "import U from './web/FileUpload'\nconst g = require(\"../../docs/guide.md\")\nimport x from 'react'"
    assert imported_by("src/app/main.ts", script, TREE) == ["src/app/web/FileUpload.tsx", "docs/guide.md"]
    assert imported_by("README.md", text, TREE) == []


def test_words_of_a_young_history_are_no_sure_sign() -> None:
    files = ("src/app/core/queue.py",)
    young = history(("Wake sleepers yet", files), ("other", ("README.md",)), ("more", ("README.md",)))
    old = history(*[("Wake sleepers yet", files)] * 10, *[("other", ("README.md",))] * 90)
    scores = [
        {item.path: item.score for item in predict("Nothing is known of sleepers yet", TREE, told)}
        for told in (young, old)
    ]
    assert scores[0].get(files[0], 0.0) < 0.35
    assert scores[0].get(files[0], 0.0) < scores[1][files[0]] / 2, scores
