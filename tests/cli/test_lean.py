"""msgspec without what nobody asks of it: what was left out comes as soon as it is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LEFT_OUT = ("platform", "textwrap", "typing_extensions", "decimal", "numbers", "uuid", "datetime")


def said(program: str) -> str:
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def lean(program: str) -> str:
    return said(f"import sys\nfrom andon.cli.lean import import_msgspec\nimport_msgspec()\n{program}")


def test_msgspec_comes_without_what_no_command_asks_for() -> None:
    loaded = lean("print(*(name for name in sys.modules if type(sys.modules[name]) is type(sys)))").split()
    assert "msgspec._core" in loaded
    assert not {*LEFT_OUT, "msgspec.inspect", "msgspec._json_schema", "msgspec.toml", "msgspec.yaml"} & set(loaded)


def test_what_was_left_out_comes_when_it_is_asked_for() -> None:
    program = """
import msgspec, platform, datetime, sqlite3, uuid, decimal
class A(msgspec.Struct):
    x: int = 0
print(msgspec.json.schema(A), msgspec.json.schema_components([A]), msgspec.inspect.type_info(A))
print(platform.python_version(), msgspec.json.encode(datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)), msgspec.json.decode(b'"2026-01-02"', type=datetime.date), msgspec.toml.encode.__name__, msgspec.yaml.decode.__name__)
"""
    assert lean(program) == said(program)


def test_the_real_modules_stand_in_their_places_afterwards() -> None:
    program = (
        "import platform, msgspec.inspect, msgspec\nmsgspec.inspect.type_info(int)\nprint(platform.node.__module__)"
    )
    assert lean(program + "\nprint(type(sys.modules['msgspec.inspect']) is type(sys), 'inspect' in dir(msgspec))") == (
        "platform\nTrue True\n"
    )


def test_what_stands_in_is_found_and_asked_for_all_of_its_names() -> None:
    program = """
import importlib.util, msgspec
names = ("msgspec.inspect", "msgspec._json_schema", "msgspec.toml", "msgspec.yaml")
for name in names:
    print(importlib.util.find_spec(name).origin, importlib.util.find_spec(name).loader.name, sys.modules[name].__file__)
LOOKED
print("type_info" in dir(msgspec.inspect), "encode" in dir(msgspec.yaml))
from msgspec.inspect import *
from msgspec.toml import *
print(type_info(int), encode.__module__)
"""
    still = program.replace("LOOKED", "print(*(type(sys.modules[name]).__name__ for name in names))")
    other = program.replace("LOOKED", "print('Later Later Later Later')")
    assert lean(still) == said(f"import sys\n{other}")


def test_what_the_docstring_calls_missing_is_what_is_missing() -> None:
    program = """
import datetime, decimal, msgspec, sqlite3, uuid
for value in (decimal.Decimal("1.5"), uuid.UUID(int=1)):
    try:
        print(msgspec.json.encode(value))
    except TypeError:
        print("unknown")
print(sqlite3.dbapi2.datetime.__name__)
"""
    assert lean(program).split() == ["unknown", "unknown", "_datetime"]


def test_what_is_loaded_already_is_left_alone() -> None:
    assert said(
        "import platform, sys, msgspec\nfrom andon.cli.lean import import_msgspec\nimport_msgspec()\n"
        "print(sys.modules['platform'] is platform, type(msgspec.inspect) is type(sys))"
    ) == "True True\n"  # fmt: skip


def test_no_record_has_a_decimal_number_or_a_uuid() -> None:
    source = Path(__file__).parents[2] / "src"
    named = [x for x in source.rglob("*.py") if "Decimal" in x.read_text() or "UUID" in x.read_text()]
    assert [x.name for x in named] == ["lean.py"]


def test_dates_of_sqlite_are_the_real_ones() -> None:
    program = """
import sqlite3, datetime, decimal, uuid
row = sqlite3.connect(":memory:").execute("SELECT ?", (datetime.date(2026, 1, 2),)).fetchone()
print(row, datetime.datetime.strptime("2026", "%Y"), hasattr(datetime, "sys"), decimal.Decimal("1.5"), uuid.UUID(int=1))
"""
    assert lean(program) == said(program)
