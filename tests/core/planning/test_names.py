"""Names that files define, in many languages, and which files a text's words point to by them."""

from __future__ import annotations

import pytest

from andon.core.planning.definitions import MAX_DEFINING, MAX_WORD_FILES, TOP, Defined, Definitions, defined
from andon.core.planning.history import Commit, History
from andon.core.planning.names import MAX_CHARS, MAX_NAMES, is_read, names_in
from andon.core.planning.predict import FEATURES, WEIGHTS, predict
from andon.core.planning.tree import Tree

TEXTS = {
    "a.py": (
        "LIMIT_S = 3\nNAMES: dict[str, int] = {}\nclass Lease(Base):\n    async def renew(self):\n        inner = 1\n"
        "def main():\n    if LIMIT_S == 4: pass\n",
        ["LIMIT_S", "NAMES", "Lease", "renew"],
    ),
    "a.ts": (
        "export default class Upload<T> {\n  private async send(a: string): Promise<void> {\n    if (a) {\n    }\n  }\n}\n"
        "export const MAX_SIZE = 3;\ninterface Row {}\nexport function parse(x) {}\n  let inner = 1;\n",
        ["Upload", "send", "MAX_SIZE", "Row", "parse"],
    ),
    "lib/a.js": (
        "exports.render = function () {};\napp.handle = function handle(req) {\n  router(req);\n};\nvar mixin = require('x');\n",
        ["render", "handle", "mixin"],
    ),
    "a.go": (
        "package x\nfunc (s *Server) Serve(l int) error {\n\treturn nil\n}\nfunc New() {}\ntype Server struct {}\nvar ErrGone = 1\n",
        ["Serve", "New", "Server", "ErrGone"],
    ),
    "a.rs": (
        'pub(crate) async fn fetch() {}\nimpl X {\n    pub const fn size(&self) {}\n}\nextern "C" fn call() {}\nmacro_rules! vecs {}\n',
        ["fetch", "size", "call", "vecs"],
    ),
    "A.java": (
        "public final class Account {\n  private static List<String> readAll(int x) {\n    return foo(x);\n  }\n}\n",
        ["Account", "readAll"],
    ),
    "a.kt": ("data class Point(val x: Int)\nfun distance(a: Point) = 1\n", ["Point", "distance"]),
    "a.c": (
        "#define MAX_ROWS 3\nstruct node {\n  int x;\n};\nstatic int\nread_row (int x)\n{\n  return helper (x);\n}\n"
        "int walk(struct node *n) {\n}\nextern int declared (int x);\ntypedef struct { int y; } pair_t;\n",
        ["MAX_ROWS", "node", "read_row", "walk"],
    ),
    "a.rb": (
        "module Cache\n  LIMIT = 3\n  class Store\n    def self.fetch(key)\n    end\n  end\nend\n",
        ["Cache", "LIMIT", "Store", "fetch"],
    ),
    "a.php": ("<?php\nfinal class Cart {\n  public static function total() {}\n}\n", ["Cart", "total"]),
    "a.sh": ("build_all() {\n  echo\n}\nfunction deploy {\n}\n", ["build_all", "deploy"]),
    "a.ex": (
        "defmodule App.Queue do\n  def offer(x), do: x\n  defp inner(x), do: x\nend\n",
        ["App.Queue", "offer", "inner"],
    ),
    "a.sql": (
        "CREATE TABLE IF NOT EXISTS leases (id TEXT);\ncreate index by_run on leases (run);\n",
        ["leases", "by_run"],
    ),
    "a.md": ("# class Foo\ndef bar\n", []),
    "Makefile": ("all: build\n", []),
}


@pytest.mark.parametrize("path", TEXTS)
def test_what_a_file_defines(path: str) -> None:
    text, wanted = TEXTS[path]
    found = names_in(path, text)
    assert [name for name in wanted if name not in found] == []
    assert not {"inner", "if", "return", "helper", "main", "declared", "router"} & set(found) - set(wanted)
    assert is_read(path) == bool(wanted)


@pytest.mark.parametrize("path", [path for path in TEXTS if is_read(path)])
@pytest.mark.parametrize(
    "piece", ["a", "a ", " ", "\t", "(", "a(", "a b(", "static ", "public ", "\0", "é", "\n", "#", "=", ":"]
)
def test_strange_texts_define_a_bounded_number_of_names(path: str, piece: str) -> None:
    assert len(names_in(path, piece * (MAX_CHARS // len(piece) + 100))) <= MAX_NAMES


def test_only_so_many_names_and_so_much_text_count() -> None:
    many = "\n".join(f"def name_{number}(): pass" for number in range(MAX_NAMES + 9))
    assert names_in("a.py", many)[-1] == f"name_{MAX_NAMES - 1}" and len(names_in("a.py", many)) == MAX_NAMES
    assert names_in("a.py", " " * MAX_CHARS + "\ndef late(): pass") == ()


PATHS = ("src/lease.py", "src/other.py", "src/third.py", "src/fourth.py", "tests/test_lease.py")
TREE = Tree(PATHS)


def definitions(**files: tuple[str, ...]) -> Definitions:
    return Definitions({path: defined(files.get(path.rpartition("/")[2].partition(".")[0], ())) for path in PATHS})


def paths(text: str, told: Definitions) -> list[str]:
    return [item.path for item in predict(text, TREE, History(), None, told)]


def test_a_name_in_a_text_points_to_the_file_that_defines_it() -> None:
    told = definitions(third=("renew_holding", "Holder"), other=("something",))
    [found] = predict("Make `renew_holding` faster", TREE, History(), None, told)
    assert (found.path, found.reason) == ("src/third.py", "defines renew_holding") and found.score > 0.5
    assert paths("Holder() is slow", told)[:1] == ["src/third.py"]
    assert paths("Make it faster", told) == []


def test_a_name_that_many_define_points_to_none_of_them() -> None:
    everywhere = definitions(
        lease=("shared_name",), other=("shared_name",), third=("shared_name",), fourth=("shared_name",)
    )
    assert everywhere.named_in("shared_name") == {} and MAX_DEFINING == 3
    some = definitions(lease=("shared_name",), other=("shared_name",))
    assert some.named_in("shared_name") == {
        "src/lease.py": ("shared_name", 2, True),
        "src/other.py": ("shared_name", 2, True),
    }


def test_a_plain_word_that_is_a_name_says_little_and_what_is_written_as_code_much() -> None:
    told = definitions(third=("offer",))
    assert [told.named_in(text)["src/third.py"][2] for text in ("the offer", "`offer`", "offer() fails")] == [
        False,
        True,
        True,
    ]


def test_words_of_names_point_to_files_and_more_of_them_more() -> None:
    told = definitions(
        third=("read_ledger", "write_ledger", "ledger_size"), other=("ledger_of", "walk", "climb", "swim")
    )
    words = dict(told.word("ledger"))
    assert words["src/third.py"] > words["src/other.py"] > 0.0
    history = History([Commit(at=float(n), message="x", files=("src/third.py", "src/other.py")) for n in range(40)])
    scores = {item.path: item.score for item in predict("The ledger is too large", TREE, history, None, told, cut=0.0)}
    without = {item.path: item.score for item in predict("The ledger is too large", TREE, history, None, None, cut=0.0)}
    assert scores["src/third.py"] > scores["src/other.py"]
    assert without.get("src/third.py", 0.0) < scores["src/third.py"]


def test_words_are_bounded_and_what_nearly_all_files_have_says_nothing() -> None:
    one = defined(("ledger_row",))
    some = Definitions({f"a{number}.py": one for number in range(TOP + 9)} | {"b.py": Defined()})
    assert len(some.word("ledger")) == TOP
    assert list(Definitions({f"a{n}.py": one for n in range(MAX_WORD_FILES + 1)}).word("ledger")) == []
    assert list(some.word("unknown")) == [] and list(Definitions().word("ledger")) == []


def test_every_feature_has_a_weight() -> None:
    assert len(FEATURES) == len(WEIGHTS)
