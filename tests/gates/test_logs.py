"""Logs: what is useful is kept, what could fool a terminal or a reader is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.gates.logs import DETAIL_BYTES_MAX, LINE_CHARACTERS_MAX, one_line, sanitize, useful

NOISE = "".join(f"collecting module number {number} … done\n" for number in range(300))

PYTEST = (
    NOISE
    + """
=================================== FAILURES ===================================
__________________________________ test_total __________________________________

    def test_total():
>       assert total([1, 2]) == 4
E       assert 3 == 4
E        +  where 3 = total([1, 2])

tests/test_cart.py:12: AssertionError
=========================== short test summary info ============================
FAILED tests/test_cart.py::test_total - assert 3 == 4
========================= 1 failed, 299 passed in 1.02s ========================
"""
)
UNITTEST = (
    NOISE
    + """
FAIL: test_total (tests.test_cart.Cart)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "tests/test_cart.py", line 9, in test_total
    self.assertEqual(total([1, 2]), 4)
AssertionError: 3 != 4
"""
    + NOISE
)
JEST = (
    NOISE
    + """
FAIL src/cart.test.js
  ● cart › adds up

    expect(received).toBe(expected)

    Expected: 4
    Received: 3
"""
    + NOISE
)
GO = (
    NOISE
    + """
--- FAIL: TestTotal (0.00s)
    cart_test.go:14: total = 3, want 4
panic: runtime error: index out of range
FAIL\texample.org/cart\t0.01s
"""
    + NOISE
)
CARGO = (
    NOISE
    + """
error[E0308]: mismatched types
  --> src/cart.rs:7:5
test total ... FAILED
thread 'total' panicked at src/cart.rs:20:5:
"""
    + NOISE
)
TSC = NOISE + "src/cart.ts(4,7): error TS2322: Type 'string' is not assignable to type 'number'.\n" + NOISE
RUFF = NOISE + "src/cart.py:3:1: F401 [*] `os` imported but unused\n" + NOISE
GCC = NOISE + "cart.c:12:5: error: 'totl' undeclared (first use in this function)\nmake: *** [cart.o] Error 1\n" + NOISE
SHELL = NOISE + "/bin/sh: 1: pytset: not found\n" + NOISE


@pytest.mark.parametrize(
    ("log", "wanted"),
    [
        (
            PYTEST,
            ["FAILED tests/test_cart.py::test_total", "E       assert 3 == 4", "tests/test_cart.py:12: AssertionError"],
        ),
        (
            UNITTEST,
            ["FAIL: test_total", 'File "tests/test_cart.py", line 9', "self.assertEqual", "AssertionError: 3 != 4"],
        ),
        (JEST, ["FAIL src/cart.test.js", "● cart › adds up", "Expected: 4", "Received: 3"]),
        (GO, ["--- FAIL: TestTotal", "cart_test.go:14: total = 3, want 4", "panic: runtime error"]),
        (CARGO, ["error[E0308]: mismatched types", "--> src/cart.rs:7:5", "test total ... FAILED", "panicked at"]),
        (TSC, ["error TS2322"]),
        (RUFF, ["src/cart.py:3:1: F401"]),
        (GCC, ["cart.c:12:5: error: 'totl' undeclared", "make: *** [cart.o] Error 1"]),
        (SHELL, ["pytset: not found"]),
    ],
    ids=["pytest", "unittest", "jest", "go", "cargo", "tsc", "ruff", "gcc", "shell"],
)
def test_the_lines_that_matter_are_kept(log: str, wanted: list[str]) -> None:
    found = useful(log)
    for line in wanted:
        assert line in found, found
    assert found.count("collecting module") <= 2
    assert len(found.encode()) <= DETAIL_BYTES_MAX


def test_where_nothing_is_recognized_the_end_is_kept() -> None:
    found = useful("".join(f"line {number}\n" for number in range(1000)))
    assert found.splitlines()[-1] == "line 999"
    assert "line 970" in found
    assert "line 900\n" not in found


def test_a_short_log_is_kept_whole() -> None:
    assert useful("one\n\ntwo\n") == "one\n\ntwo"
    assert useful("") == ""


def test_lines_and_size_are_bounded() -> None:
    found = useful("".join(f"E   {number} {'x' * 5000}\n" for number in range(100)))
    assert len(found.encode()) <= DETAIL_BYTES_MAX
    assert max(len(line) for line in found.splitlines()) <= LINE_CHARACTERS_MAX


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (b"\x1b[31mred\x1b[0m", "red"),
        (b"\x1b]0;title\x07text", "text"),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1bP+q544e\x1b\\x", "x"),
        (b"a\x1b[2J\x1b[Hb", "ab"),
        (b"\x9b31mx", "\ufffd31mx"),
        ("\x9b31mx".encode(), "x"),
        (b"10%\r20%\r100% done\n", "100% done\n"),
        (b"dos\r\nlines\r\n", "dos\nlines\n"),
        (b"bell\x07 null\x00 back\x08", "bell null back"),
        ("\u202eevil\u202c \u200bhidden\u2066".encode(), "evil hidden"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"tab\tkept\n", "tab\tkept\n"),
        (b"\x1b[31", ""),
        (b"\x1b", ""),
    ],
)
def test_sanitize(raw: bytes, clean: str) -> None:
    assert sanitize(raw) == clean


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_nothing_that_acts_on_a_terminal_remains(raw: bytes) -> None:
    text = sanitize(raw)
    assert all(character in "\n\t" or ord(character) >= 0x20 for character in text)
    assert not any(0x7F <= ord(character) <= 0x9F for character in text)
    assert sanitize(text.encode("utf-8", "replace")) == text
    assert "\n" not in one_line(text)
    assert len(useful(text).encode()) <= DETAIL_BYTES_MAX
