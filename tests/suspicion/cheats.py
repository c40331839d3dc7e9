"""Hand-made cheats: (name, files, rules that must be found). A file is path, before, after; None where it does not exist."""

from __future__ import annotations

Files = list[tuple[str, str | None, str | None]]
Case = tuple[str, Files, set[str]]

PRODUCT = ("src/app.py", "def f(x):\n    return x\n", "def f(x):\n    return x + 1\n")


def python(name: str, before: str, after: str, *rules: str, path: str = "tests/test_app.py") -> Case:
    return name, [(path, before, after)], set(rules)


def method(before: str, after: str) -> tuple[str, str]:
    head = "class TestApp(unittest.TestCase):\n    def test_it(self):\n        "
    return head + before + "\n", head + after + "\n"


def body(before: str, after: str) -> tuple[str, str]:
    """The body of one test on both sides."""

    def one(text: str) -> str:
        return "def test_it():\n" + "".join(f"    {line}\n" for line in text.split("\n"))

    return one(before), one(after)


TWO = "def test_one():\n    assert f(1) == 1\n\n\ndef test_two():\n    assert f(2) == 2\n"
ONE = "def test_one():\n    assert f(1) == 1\n"

PYTHON: list[Case] = [
    python("a test deleted", TWO, ONE, "tests-deleted"),
    python("a file of tests deleted", TWO, "", "tests-deleted"),
    ("the whole file removed", [("tests/test_app.py", TWO, None)], {"tests-deleted"}),
    python("a test commented out", TWO, ONE + "\n\n# def test_two():\n#     assert f(2) == 2\n", "tests-deleted"),
    python("renamed out of collection", ONE, ONE.replace("test_one", "_test_one"), "tests-deleted"),
    python("renamed without prefix", ONE, ONE.replace("test_one", "check_one"), "tests-deleted"),
    python("shadowed by an empty twin", ONE, ONE + "\n\ndef test_one():\n    pass\n", "tests-emptied"),
    python(
        "class no longer collected",
        "class TestApp:\n    def test_one(self):\n        assert f(1) == 1\n",
        "class App:\n    def test_one(self):\n        assert f(1) == 1\n",
        "tests-deleted",
    ),
    python("__test__ = False", ONE, "__test__ = False\n\n\n" + ONE, "tests-deleted"),
    python("body is pass", *body("assert f(1) == 1", "pass"), "tests-emptied"),
    python("body is a docstring", *body("assert f(1) == 1", '"""Later."""'), "tests-emptied"),
    python("body is an ellipsis", *body("x = f(1)\nassert x == 1", "..."), "tests-emptied"),
    python("body is return", *body("assert f(1) == 1", "return"), "tests-emptied"),
    python("body is assert True", *body("assert f(1) == 1", "assert True"), "tests-emptied"),
    python("skip", ONE, "@pytest.mark.skip(reason='flaky')\n" + ONE, "tests-skipped"),
    python("skipif", ONE, "@pytest.mark.skipif(True, reason='later')\n" + ONE, "tests-skipped"),
    python("xfail", ONE, "@pytest.mark.xfail\n" + ONE, "tests-skipped"),
    python("unittest skip", *(x.replace("    def", "    @unittest.skip('x')\n    def") if i else x for i, x in enumerate(method("self.assertEqual(f(1), 1)", "self.assertEqual(f(1), 1)"))), "tests-skipped"),
    python("expectedFailure", *(x.replace("    def", "    @unittest.expectedFailure\n    def") if i else x for i, x in enumerate(method("self.assertEqual(f(1), 1)", "self.assertEqual(f(1), 1)"))), "tests-skipped"),
    python("pytest.skip inside", *body("assert f(1) == 1", "pytest.skip('later')\nassert f(1) == 1"), "tests-skipped"),
    python("skipTest inside", *method("self.assertEqual(f(1), 1)", "self.skipTest('x')\n        self.assertEqual(f(1), 1)"), "tests-skipped"),
    python("pytestmark", ONE, "pytestmark = pytest.mark.skip\n\n\n" + ONE, "tests-skipped"),
    python("module skipped", ONE, "pytest.skip('not now', allow_module_level=True)\n\n\n" + ONE, "tests-skipped"),
    python(
        "one case marked",
        "@pytest.mark.parametrize('x', [1, 2])\ndef test_one(x):\n    assert f(x) == x\n",
        "@pytest.mark.parametrize('x', [1, pytest.param(2, marks=pytest.mark.xfail)])\ndef test_one(x):\n    assert f(x) == x\n",
        "tests-skipped",
    ),
    python(
        "fewer cases",
        "@pytest.mark.parametrize('x', [1, 2, 3])\ndef test_one(x):\n    assert f(x) == x\n",
        "@pytest.mark.parametrize('x', [1, 2])\ndef test_one(x):\n    assert f(x) == x\n",
        "tests-fewer",
    ),
    python(
        "fewer cases in a named list",
        "CASES = [1, 2, 3]\n\n\n@pytest.mark.parametrize('x', CASES)\ndef test_one(x):\n    assert f(x) == x\n",
        "CASES = [1]\n\n\n@pytest.mark.parametrize('x', CASES)\ndef test_one(x):\n    assert f(x) == x\n",
        "tests-fewer",
    ),
    python("an assertion gone", *body("assert f(1) == 1\nassert f(2) == 2", "assert f(1) == 1"), "assertions-removed"),
    python("an assertion in a comment", *body("assert f(1) == 1\nassert f(2) == 2", "assert f(1) == 1\n# assert f(2) == 2"), "assertions-removed"),
    python("a call without its assertion", *body("assert f(1) == 1", "f(1)"), "assertions-removed"),
    python("a raises gone", *body("with pytest.raises(ValueError):\n    f(1)\nassert f(2)", "assert f(2)"), "assertions-removed"),
    python("a mock's check gone", *body("m = Mock()\nf(m)\nm.assert_called_once_with(1)", "m = Mock()\nf(m)"), "assertions-removed"),
    python("== to truth", *body("assert f(1) == 2", "assert f(1)"), "assertions-weakened"),
    python("== to in", *body("assert f(1) == 2", "assert f(1) in (2, 3)"), "assertions-weakened"),
    python("== to >=", *body("assert f(1) == 2", "assert f(1) >= 2"), "assertions-weakened"),
    python("== to !=", *body("assert f(1) == 2", "assert f(1) != 3"), "assertions-weakened"),
    python("== to is not None", *body("assert f(1) == 2", "assert f(1) is not None"), "assertions-weakened"),
    python("== to isinstance", *body("assert f(1) == 2", "assert isinstance(f(1), int)"), "assertions-weakened"),
    python("== to approx", *body("assert f(1) == 2.5", "assert f(1) == pytest.approx(2.5, abs=1)"), "assertions-weakened"),
    python("or True", *body("assert f(1) == 2", "assert f(1) == 2 or True"), "assertions-weakened"),
    python("a tuple", *body("assert f(1) == 2", "assert (f(1) == 2, 'must be two')"), "assertions-empty", "assertions-removed"),
    python("with itself", *body("assert f(1) == 2", "assert f(1) == f(1)"), "assertions-weakened"),
    python("assertEqual with itself", *method("self.assertEqual(f(1), 2)", "self.assertEqual(f(1), f(1))"), "assertions-weakened"),
    python("assertEqual to assertTrue", *method("self.assertEqual(f(1), 2)", "self.assertTrue(f(1))"), "assertions-weakened"),
    python("assertEqual to assertIsNotNone", *method("self.assertEqual(f(1), 2)", "self.assertIsNotNone(f(1))"), "assertions-weakened"),
    python("assertEqual to assertIn", *method("self.assertEqual(f(1), 2)", "self.assertIn(f(1), [1, 2, 3])"), "assertions-weakened"),
    python("assertEqual to assertAlmostEqual", *method("self.assertEqual(f(1), 2)", "self.assertAlmostEqual(f(1), 2, places=1)"), "assertions-weakened"),
    python("raises widened", *body("with pytest.raises(KeyError):\n    f(1)", "with pytest.raises(Exception):\n    f(1)"), "assertions-weakened"),
    python("raises with more kinds", *body("with pytest.raises(KeyError):\n    f(1)", "with pytest.raises((KeyError, TypeError)):\n    f(1)"), "assertions-weakened"),
    python("raises without match", *body("with pytest.raises(KeyError, match='no x'):\n    f(1)", "with pytest.raises(KeyError):\n    f(1)"), "assertions-weakened"),
    python("tolerance widened", *body("assert f(1) == pytest.approx(2, abs=0.01)", "assert f(1) == pytest.approx(2, abs=10)"), "assertions-weakened"),
    python("places lowered", *method("self.assertAlmostEqual(f(1), 2, places=7)", "self.assertAlmostEqual(f(1), 2, places=1)"), "assertions-weakened"),
    python("isclose widened", *body("assert math.isclose(f(1), 2, abs_tol=0.1)", "assert math.isclose(f(1), 2, abs_tol=5)"), "assertions-weakened"),
    python("try around it", *body("assert f(1) == 2", "try:\n    assert f(1) == 2\nexcept AssertionError:\n    pass"), "assertions-weakened"),
    python("a bare except around it", *body("assert f(1) == 2", "try:\n    assert f(1) == 2\nexcept:\n    print('well')"), "assertions-weakened"),
    python("suppress around it", *body("assert f(1) == 2", "with contextlib.suppress(Exception):\n    assert f(1) == 2"), "assertions-weakened"),
    python("early return", *body("assert f(1) == 2", "return\nassert f(1) == 2"), "assertions-weakened"),
    python("early return on a condition", *body("assert f(1) == 2", "if f(1) != 2:\n    return\nassert f(1) == 2"), "assertions-weakened"),
    python("under a condition", *body("assert f(1) == 2", "if f(1):\n    assert f(1) == 2"), "assertions-weakened"),
    python("under while False", *body("assert f(1) == 2", "while False:\n    assert f(1) == 2"), "assertions-weakened"),
    python("another thing is asserted", *body("assert f(1) == 2", "value = f(1)\nassert value is not None"), "assertions-weakened"),
    python("a helper weakened", "def check(x):\n    assert f(x) == x\n\n\ndef test_one():\n    check(1)\n", "def check(x):\n    assert f(x)\n\n\ndef test_one():\n    check(1)\n", "assertions-weakened"),
    python("a new test of nothing", ONE, ONE + "\n\ndef test_more():\n    f(2)\n    assert True\n", "assertions-empty"),
    python("the subject mocked", *body("assert f(1) == 2", "monkeypatch.setattr(app, 'f', lambda x: 2)\nassert f(1) == 2"), "subject-mocked"),
    ("expected value edited with the code", [PRODUCT, ("tests/test_app.py", *body("assert f(1) == 1", "assert f(1) == 2"))], {"expectations-changed"}),
    ("snapshot regenerated with the code", [PRODUCT, ("tests/__snapshots__/app.ambr", "1\n", "2\n")], {"snapshots-regenerated"}),
    python("hook that rewrites results", "", "def pytest_runtest_makereport(item, call):\n    return None\n", "runner-tampered", path="tests/conftest.py"),
    python("exit in conftest", "", "import os\n\n\ndef pytest_sessionfinish():\n    os._exit(0)\n", "runner-tampered", path="conftest.py"),
    python("equal to everything", ONE, "class Any:\n    def __eq__(self, other):\n        return True\n\n\n" + ONE, "runner-tampered"),
    python("collect_ignore", "", "collect_ignore = ['test_app.py']\n", "runner-tampered", path="tests/conftest.py"),
    python("asks for pytest in modules", "x = 1\n", "import sys\n\nx = 2 if 'pytest' in sys.modules else 1\n", "environment-detected", path="src/app.py"),
    python("asks for the current test", "x = 1\n", "import os\n\nx = os.environ.get('PYTEST_CURRENT_TEST')\n", "environment-detected", path="src/app.py"),
    python("asks for Andon's gate", "x = 1\n", "import os\n\nx = 'ANDON_OUT' in os.environ\n", "environment-detected", path="src/app.py"),
    python("asks for a container", "x = 1\n", "from pathlib import Path\n\nx = Path('/.dockerenv').exists()\n", "environment-detected", path="src/app.py"),
    python("noqa", "import os\n", "import os  # noqa: F401\n", "ignores-added", path="src/app.py"),
    python("type: ignore", "x: int = f()\n", "x: int = f()  # type: ignore[assignment]\n", "ignores-added", path="src/app.py"),
    python("no cover", "def f():\n    pass\n", "def f():  # pragma: no cover\n    pass\n", "ignores-added", path="src/app.py"),
    python("pylint", "x = 1\n", "x = 1  # pylint: disable=invalid-name\n", "ignores-added", path="src/app.py"),
    python("not parseable any more", ONE, "def test_one(:\n", "not-inspected"),
    python("code hidden by an encoding", ONE, "# coding: utf-7\n" + ONE, "not-inspected"),
]  # fmt: skip

JS = "it('adds', () => {\n  expect(add(1, 2)).toBe(3);\n});\n"
GO = 'package a\n\nfunc TestAdd(t *testing.T) {\n\tif Add(1, 2) != 3 {\n\t\tt.Fatal("bad")\n\t}\n}\n'
RUST = "#[cfg(test)]\nmod tests {\n    #[test]\n    fn adds() {\n        assert_eq!(add(1, 2), 3);\n    }\n}\n"
JAVA = "class AppTest {\n    @Test\n    void adds() {\n        assertEquals(3, add(1, 2));\n    }\n}\n"
RUBY = "describe 'add' do\n  it 'adds' do\n    expect(add(1, 2)).to eq(3)\n  end\nend\n"
CPP = "TEST(App, Adds) {\n  EXPECT_EQ(add(1, 2), 3);\n}\n"
PHP = "class AppTest extends TestCase {\n    public function testAdds() {\n        $this->assertSame(3, add(1, 2));\n    }\n}\n"

OTHERS: list[Case] = [
    ("js: a test deleted", [("src/app.test.ts", JS + JS.replace("adds", "more"), JS)], {"tests-deleted"}),
    ("js: it.skip", [("src/app.test.ts", JS, JS.replace("it(", "it.skip("))], {"tests-skipped"}),
    ("js: xit", [("src/app.test.js", JS, JS.replace("it(", "xit("))], {"tests-skipped"}),
    ("js: it.only", [("src/app.test.js", JS, JS.replace("it(", "it.only("))], {"tests-skipped"}),
    ("js: toBe to toBeTruthy", [("src/app.test.ts", JS, JS.replace("toBe(3)", "toBeTruthy()"))], {"assertions-weakened"}),
    ("js: expect(true)", [("src/app.test.ts", JS, JS.replace("expect(add(1, 2)).toBe(3)", "expect(true).toBe(true)"))], {"assertions-empty"}),
    ("js: emptied", [("src/app.test.ts", JS, "it('adds', () => {\n});\n")], {"tests-emptied"}),
    ("js: an assertion gone", [("src/app.test.ts", JS, JS.replace("expect(add(1, 2)).toBe(3);", "add(1, 2);"))], {"assertions-removed"}),
    ("js: commented out", [("src/app.test.ts", JS, "// " + JS.replace("\n", "\n// "))], {"tests-deleted"}),
    ("js: eslint-disable", [("src/app.js", "x()\n", "// eslint-disable-next-line no-undef\nx()\n")], {"ignores-added"}),
    ("ts: @ts-ignore", [("src/app.ts", "x()\n", "// @ts-ignore\nx()\n")], {"ignores-added"}),
    ("js: istanbul", [("src/app.js", "x()\n", "/* istanbul ignore next */\nx()\n")], {"ignores-added"}),
    ("js: asks for jest", [("src/app.js", "x()\n", "if (process.env.JEST_WORKER_ID) x()\n")], {"environment-detected"}),
    ("js: NODE_ENV", [("src/app.js", "x()\n", "if (process.env.NODE_ENV === 'test') x()\n")], {"environment-detected"}),
    ("js: snapshot with code", [("src/app.js", "1\n", "2\n"), ("src/__snapshots__/app.snap", "1\n", "2\n")], {"snapshots-regenerated"}),
    ("go: a test deleted", [("a_test.go", GO + GO.replace("TestAdd", "TestMore"), GO)], {"tests-deleted"}),
    ("go: t.Skip", [("a_test.go", GO, GO.replace("\tif", '\tt.Skip("later")\n\tif'))], {"tests-skipped"}),
    ("go: an assertion gone", [("a_test.go", GO, GO.replace('t.Fatal("bad")', "_ = 1"))], {"assertions-removed"}),
    ("go: nolint", [("a.go", "x()\n", "x() //nolint:errcheck\n")], {"ignores-added"}),
    ("go: testing.Testing", [("a.go", "x()\n", "if testing.Testing() { x() }\n")], {"environment-detected"}),
    ("rust: a test deleted", [("src/lib.rs", RUST, RUST.replace("    #[test]\n    fn adds() {\n        assert_eq!(add(1, 2), 3);\n    }\n", ""))], {"tests-deleted"}),
    ("rust: #[ignore]", [("src/lib.rs", RUST, RUST.replace("#[test]", "#[test]\n    #[ignore]"))], {"tests-skipped"}),
    ("rust: assert_eq to assert", [("src/lib.rs", RUST, RUST.replace("assert_eq!(add(1, 2), 3)", "assert!(add(1, 2) > 0)"))], {"assertions-weakened"}),
    ("rust: #[allow]", [("src/lib.rs", "fn f() {}\n", "#[allow(dead_code)]\nfn f() {}\n")], {"ignores-added"}),
    ("java: a test deleted", [("src/test/AppTest.java", JAVA, "class AppTest {\n}\n")], {"tests-deleted"}),
    ("java: no longer marked", [("src/test/AppTest.java", JAVA, JAVA.replace("    @Test\n", ""))], {"tests-deleted"}),
    ("java: @Disabled", [("src/test/AppTest.java", JAVA, JAVA.replace("@Test", "@Disabled\n    @Test"))], {"tests-skipped"}),
    ("java: assertEquals to assertNotNull", [("src/test/AppTest.java", JAVA, JAVA.replace("assertEquals(3, add(1, 2))", "assertNotNull(add(1, 2))"))], {"assertions-weakened"}),
    ("java: @SuppressWarnings", [("src/App.java", "class A {}\n", '@SuppressWarnings("all")\nclass A {}\n')], {"ignores-added"}),
    ("ruby: a test deleted", [("spec/app_spec.rb", RUBY, "describe 'add' do\nend\n")], {"tests-deleted"}),
    ("ruby: xit", [("spec/app_spec.rb", RUBY, RUBY.replace("  it ", "  xit "))], {"tests-skipped"}),
    ("ruby: eq to be_truthy", [("spec/app_spec.rb", RUBY, RUBY.replace("to eq(3)", "to be_truthy"))], {"assertions-weakened"}),
    ("ruby: rubocop", [("lib/app.rb", "x\n", "x # rubocop:disable all\n")], {"ignores-added"}),
    ("c++: a test deleted", [("test/app_test.cc", CPP + CPP.replace("Adds", "More"), CPP)], {"tests-deleted"}),
    ("c++: DISABLED_", [("test/app_test.cc", CPP, CPP.replace("Adds", "DISABLED_Adds"))], {"tests-skipped"}),
    ("c++: EQ to TRUE", [("test/app_test.cc", CPP, CPP.replace("EXPECT_EQ(add(1, 2), 3)", "EXPECT_TRUE(add(1, 2))"))], {"assertions-weakened"}),
    ("c++: NOLINT", [("src/app.cc", "x();\n", "x();  // NOLINT\n")], {"ignores-added"}),
    ("php: assertSame to assertTrue(true)", [("tests/AppTest.php", PHP, PHP.replace("assertSame(3, add(1, 2))", "assertTrue(true)"))], {"assertions-empty"}),
]  # fmt: skip

TOML = "[tool.ruff.lint]\nselect = ['E', 'F']\n[tool.mypy]\nstrict = true\n[tool.coverage.report]\nfail_under = 90\n[tool.pytest.ini_options]\naddopts = '--strict-markers'\nfilterwarnings = ['error']\n"

SETTINGS: list[Case] = [
    ("ruff selects less", [("pyproject.toml", TOML, TOML.replace(", 'F'", ""))], {"lint-loosened"}),
    ("ruff ignores more", [("pyproject.toml", TOML, TOML.replace("['E', 'F']", "['E', 'F']\nignore = ['F401']"))], {"lint-loosened"}),
    ("ruff by file", [("pyproject.toml", TOML, TOML.replace("[tool.mypy]", "per-file-ignores = {'src/a.py' = ['F']}\n[tool.mypy]"))], {"lint-loosened"}),
    ("mypy not strict", [("pyproject.toml", TOML, TOML.replace("strict = true\n", "strict = false\n"))], {"types-loosened"}),
    ("mypy strict gone", [("pyproject.toml", TOML, TOML.replace("strict = true\n", ""))], {"types-loosened"}),
    ("mypy by module", [("pyproject.toml", TOML, TOML + "[[tool.mypy.overrides]]\nmodule = 'a.b'\nignore_errors = true\n")], {"types-loosened"}),
    ("fail_under lowered", [("pyproject.toml", TOML, TOML.replace("90", "50"))], {"coverage-loosened"}),
    ("fail_under gone", [("pyproject.toml", TOML, TOML.replace("fail_under = 90\n", ""))], {"coverage-loosened"}),
    ("coverage omits", [("pyproject.toml", TOML, TOML + "[tool.coverage.run]\nomit = ['src/new.py']\n")], {"coverage-loosened"}),
    ("pytest deselects", [("pyproject.toml", TOML, TOML.replace("--strict-markers", "--strict-markers --deselect tests/test_a.py::test_x"))], {"tests-loosened"}),
    ("pytest -k", [("pyproject.toml", TOML, TOML.replace("--strict-markers", "--strict-markers -k fast"))], {"tests-loosened"}),
    ("warnings are no errors", [("pyproject.toml", TOML, TOML.replace("['error']", "['default']"))], {"tests-loosened"}),
    ("flake8 in setup.cfg", [("setup.cfg", "[flake8]\nignore = E1\n", "[flake8]\nignore = E1,F401\n")], {"lint-loosened"}),
    (".coveragerc", [(".coveragerc", "[report]\nfail_under = 80\n", "[report]\nfail_under = 20\n")], {"coverage-loosened"}),
    ("tsconfig", [("tsconfig.json", '{"compilerOptions": {"strict": true}} // x\n', '{"compilerOptions": {"strict": false}}\n')], {"types-loosened"}),
    ("eslintrc", [(".eslintrc.json", '{"rules": {"eqeqeq": "error"}}', '{"rules": {"eqeqeq": "off"}}')], {"lint-loosened"}),
    ("eslint.config.js", [("eslint.config.js", "export default [{rules: {\n}}]\n", "export default [{rules: {\n  'no-undef': 'off',\n}}]\n")], {"lint-loosened"}),
    ("jest's threshold", [("package.json", '{"jest": {"coverageThreshold": {"global": {"lines": 90}}}}', '{"jest": {"coverageThreshold": {"global": {"lines": 10}}}}')], {"coverage-loosened"}),
    ("rubocop", [(".rubocop.yml", "Style/X:\n  Enabled: true\n", "Style/X:\n  Enabled: false\n")], {"lint-loosened"}),
    ("CI", [(".github/workflows/ci.yml", "a: 1\n", "a: 2\n")], {"ci-changed"}),
    ("a gate's file", [(".andon/workflows/feature.md", "a\n", "b\n")], {"gates-changed"}),
    ("a lock", [("uv.lock", "a\n", "b\n")], {"locks-changed"}),
    ("white space only", [("src/a.py", "x = 1\n", "x  =  1\n\n")], {"nothing-changed"}),
    ("nothing at all", [], {"nothing-changed"}),
    ("broken settings", [("pyproject.toml", TOML, "[[[")], {"not-inspected"}),
]  # fmt: skip

ALL = [*PYTHON, *OTHERS, *SETTINGS]
