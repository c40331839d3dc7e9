"""Languages by suffix: where tests live, how a test, an assertion and a skip look in lines. And which paths are tests.

Patterns are linear in the line's length. Must not know what changed.
"""

from __future__ import annotations

import re

from msgspec import Struct

SUPPORT = ("conftest.py",)
TEST_DIRECTORIES = frozenset({"test", "tests", "testing", "__tests__", "spec", "specs", "e2e", "t"})
TEST_NAME = re.compile(
    r"(?:^test[_-]|^tests?\.py$|^conftest\.py$|[_-]tests?\.[A-Za-z]+$|[._-](?:test|spec)\.[cm]?[jt]sx?$|_spec\.rb$"
    r"|(?:Test|Tests|Spec|IT)\.(?:java|kt|cs|scala|swift|php)$|\.bats$)"
)


def is_test(path: str) -> bool:
    """Whether a path is that of tests or their support, by the names that runners use."""
    *directories, name = path.split("/")
    return bool(TEST_NAME.search(name)) or any(part.lower() in TEST_DIRECTORIES for part in directories)


class Language(Struct, frozen=True, kw_only=True):
    """test: a line that begins a test, with the group `name`. mark: a line above it that makes a function a test (then
    `test` is the function's line). skip: a line that keeps tests from counting. claim: an assertion.
    strong, weak: how strict and lenient assertions are spelled. never: assertions that can't fail."""

    name: str
    suffixes: tuple[str, ...]
    test: re.Pattern[str]
    skip: re.Pattern[str]
    claim: re.Pattern[str]
    strong: re.Pattern[str]
    weak: re.Pattern[str]
    never: re.Pattern[str]
    mark: re.Pattern[str] | None = None
    inline: bool = False
    """tests stand in product files too"""


def _language(name: str, suffixes: str, *, mark: str = "", inline: bool = False, **patterns: str) -> Language:
    made = {key: re.compile(text) for key, text in patterns.items()}
    return Language(
        name=name,
        suffixes=tuple(suffixes.split()),
        mark=re.compile(mark) if mark else None,
        inline=inline,
        **made,
    )


LANGUAGES = (
    _language(
        "JavaScript",
        ".js .jsx .ts .tsx .mjs .cjs .mts .cts",
        test=r"""^\s*x?(?:it|test|specify)(?:\.\w+)*(?:\([^'"`]{0,80}\))?\s*\(\s*(?P<quote>['"`])(?P<name>.{1,200}?)(?P=quote)""",
        skip=r"^\s*(?:x(?:it|test|describe|context)\b|(?:it|test|describe|context|suite)\.(?:skip|todo|only|failing|fixme)\b"
        r"|(?:test|this)\.skip\()",
        claim=r"\b(?:expect|assert(?:\.\w+)?|t\.\w+|should(?:\.\w+)?)\s*\(|\.should\b",
        strong=r"\.(?:toBe|toEqual|toStrictEqual|toMatchSnapshot|toMatchInlineSnapshot|toHaveBeenCalledWith|equal|eql|strictEqual"
        r"|deepEqual|deepStrictEqual|is|toHaveLength)\(",
        weak=r"\.(?:toBeTruthy|toBeDefined|toBeFalsy|toContain|toBeGreaterThan|toBeGreaterThanOrEqual|toBeLessThan|toBeInstanceOf"
        r"|toHaveBeenCalled|toMatchObject|toBeCloseTo|ok|exist|notEqual|isDefined|exists|truthy)\b|\.not\.to(?:BeNull|BeUndefined|Throw)"
        r"|expect\.any",
        never=r"expect\(\s*(true|1)\s*\)\s*\.(?:toBe\(\s*\1\s*\)|toBeTruthy\(\))|\bassert(?:\.ok)?\(\s*true\s*[,)]",
    ),
    _language(
        "Go",
        ".go",
        test=r"^func (?P<name>(?:Test|Fuzz|Example)\w*)\(",
        skip=r"\bt\.Skip(?:f|Now)?\(",
        claim=r"\bt\.(?:Error|Errorf|Fatal|Fatalf|Fail|FailNow)\(|\b(?:assert|require)\.\w+\(",
        strong=r"\b(?:assert|require)\.(?:Equal|EqualValues|Exactly|JSONEq|ElementsMatch|EqualError|ErrorIs|Len)\w*\(",
        weak=r"\b(?:assert|require)\.(?:NotNil|NotEmpty|True|Contains|Error|NoError|NotEqual|Greater|IsType|InDelta)\w*\(",
        never=r"\b(?:assert|require)\.True\(t,\s*true\b",
    ),
    _language(
        "Rust",
        ".rs",
        mark=r"^\s*#\[(?:\w+::)*(?:test|rstest|test_case)\b",
        test=r"^\s*(?:pub\s+)?(?:async\s+)?fn\s+(?P<name>\w+)",
        skip=r"^\s*#\[(?:ignore|should_panic)\b",
        claim=r"\b(?:debug_)?assert(?:_eq|_ne|_matches)?!\s*\(|\bpanic!\(",
        strong=r"\bassert_eq!",
        weak=r"\bassert(?:_ne)?!",
        never=r"\bassert!\(\s*true\s*[,)]|\bassert_eq!\(\s*(\w+)\s*,\s*\1\s*\)",
        inline=True,
    ),
    _language(
        "Java",
        ".java .kt .scala .cs",
        mark=r"^\s*(?:@(?:Test|ParameterizedTest|RepeatedTest)\b|\[(?:Fact|Theory|Test|TestMethod|TestCase)\b)",
        test=r"^\s*(?:(?:public|private|protected|internal|static|final|async|override|suspend)\s+)*(?:fun\s+|def\s+|[\w<>\[\].]+\s+)"
        r"(?:`(?P<method>[^`]{1,200})`|(?P<name>\w{1,200}))\s*\(",
        skip=r"^\s*(?:@(?:Disabled|Ignore)\b|\[(?:Ignore|Skip)\b|\[(?:Fact|Theory)\(.*Skip\s*=)|\bAssumptions?\.\w+\(|\bassumeTrue\(",
        claim=r"\b(?:assert\w*|verify|fail|Assert\.\w+|expect\w*|should\w*)\s*\(",
        strong=r"\bassert(?:Equals|ArrayEquals|Same|Iterable\w*)\s*\(|\bAssert\.(?:Equal|AreEqual|Same)\s*\(|\.isEqualTo\(",
        weak=r"\bassert(?:True|NotNull|NotEquals|DoesNotThrow)\s*\(|\bAssert\.(?:True|NotNull|IsTrue|IsNotNull|NotEqual)\s*\(|\.isNotNull\(",
        never=r"\bassertTrue\(\s*true\s*[,)]|\bAssert\.(?:True|IsTrue)\(\s*true\s*[,)]|\bassertEquals\(\s*(\w+)\s*,\s*\1\s*\)",
    ),
    _language(
        "Ruby",
        ".rb",
        test=r"""^\s*(?:(?:x?(?:it|specify|scenario)|test|pending)\s*\(?\s*(?P<quote>['"])(?P<name>.{1,200}?)(?P=quote)|def\s+(?P<method>test_\w+[?!]?))""",
        skip=r"^\s*(?:x(?:it|describe|context|specify)\b|pending\b|skip\b|f(?:it|describe|context)\b)|,\s*:?skip(?::|\b)",
        claim=r"\b(?:assert\w*|refute\w*|expect|must_\w+|wont_\w+|flunk)\b|\.should\b",
        strong=r"\bassert_equal\b|\.to\s+(?:eq|eql|equal|match_array|contain_exactly)\b|\bmust_equal\b",
        weak=r"\bassert\s|\bassert\(|\bassert_(?:not_nil|includes|operator)\b|\brefute\w*|\.to\s+(?:be_truthy|be|include|be_a)\b"
        r"|\.(?:not_to|to_not)\s",
        never=r"\bassert\s*\(?\s*true\b|\bexpect\(\s*true\s*\)\.to\s+(?:be|eq|be_truthy)\b",
    ),
    _language(
        "C",
        ".c .cc .cpp .cxx .h .hpp",
        test=r"^\s*(?:TYPED_)?TEST(?:_F|_P|_CASE)?\s*\(\s*(?P<name>[^)]{1,200})\)?",
        skip=r"\bGTEST_SKIP\b|\bDISABLED_|\[!(?:mayfail|shouldfail)\]|\[\.\]|\bTEST_IGNORE\b|\bSKIP\(",
        claim=r"\b(?:ASSERT|EXPECT|REQUIRE|CHECK|TEST_ASSERT|assert)\w*\s*\(",
        strong=r"\b(?:ASSERT|EXPECT)_(?:EQ|STREQ|DOUBLE_EQ|FLOAT_EQ)\b|\bTEST_ASSERT_EQUAL\w*\b|\b(?:REQUIRE|CHECK)\([^)]*==",
        weak=r"\b(?:ASSERT|EXPECT)_(?:TRUE|NE|NEAR|GE|LE|GT|LT|NO_THROW)\b|\bTEST_ASSERT(?:_NOT_NULL|_TRUE)?\b\(|\b(?:REQUIRE|CHECK)\(",
        never=r"\b(?:ASSERT_TRUE|EXPECT_TRUE|REQUIRE|CHECK|assert)\(\s*(?:true|1)\s*\)|\b(?:ASSERT|EXPECT)_EQ\(\s*(\w+)\s*,\s*\1\s*\)",
    ),
    _language(
        "PHP",
        ".php",
        test=r"^\s*(?:public\s+)?function\s+(?P<name>test\w+)\s*\(",
        skip=r"\bmarkTest(?:Skipped|Incomplete)\(|^\s*(?:\*|//)?\s*@(?:group\s+skip|requires)\b",
        claim=r"(?:->|::)(?:assert\w+|expect\w+|fail)\(",
        strong=r"(?:->|::)assert(?:Same|Equals)\(",
        weak=r"(?:->|::)assert(?:True|NotNull|NotEmpty|Contains|NotSame)\(",
        never=r"(?:->|::)assertTrue\(\s*true\s*\)",
    ),
    _language(
        "Shell",
        ".sh .bats .bash",
        test=r"""^\s*@test\s+(?P<quote>['"])(?P<name>.{1,200}?)(?P=quote)|^(?:function\s+)?(?P<method>test_\w+)\s*\(\)""",
        skip=r"^\s*skip\b",
        claim=r"^\s*(?:assert\w*|refute\w*|\[\[?|test|diff|cmp)\s",
        strong=r"\bassert_(?:equal|output|line)\b|(?:\s==?\s)",
        weak=r"\bassert(?:_success)?\b|\[\s*-[nefds]\s|\brefute\b",
        never=r"^\s*(?:\[\s*1\s*(?:-eq|=)\s*1\s*\]|\[\[\s*1\s*==\s*1\s*\]\])",
    ),
)  # fmt: skip

BY_SUFFIX = {suffix: language for language in LANGUAGES for suffix in language.suffixes}
CODE_SUFFIXES = frozenset(
    {".py", ".pyi", ".pyx", ".swift", ".lua", ".ex", ".exs", ".clj", ".vue", ".svelte", *BY_SUFFIX}
)
"""Suffixes of files that hold code: only these have ignores, and only a change of these makes new expectations telling."""


def language_of(suffix: str) -> Language | None:
    """The patterns for a suffix; None for Python, which is read by its tree, and for what is not known."""
    return BY_SUFFIX.get(suffix)


def is_code(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return "." in name and name[name.rfind(".") :] in CODE_SUFFIXES


def is_product(path: str) -> bool:
    """Code that is no test."""
    return is_code(path) and not is_test(path)
