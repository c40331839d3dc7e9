"""Before a tool: what is refused and, as important, what is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from andon.agents.hooks import call as c
from andon.agents.hooks.acts import acts_of
from andon.agents.hooks.bounds import Claim, is_protected, read_claim
from andon.agents.hooks.decide import before_tool, needs_facts
from andon.agents.hooks.facts import Facts
from andon.agents.hooks.shell import simple_commands


class Place:
    """A repository with a claim of alice's, as directories alone."""

    def __init__(self, root: Path) -> None:
        self.root = root / "repo"
        self.common = self.root / ".git"
        self.git_dir = self.common / "worktrees" / "R1"
        self.work = root / "repo.andon" / "R1-implement-1"
        self.other = root / "repo.andon" / "R2-implement-1"
        self.home = root / "home"
        for directory in (
            self.work / ".andon" / "workflows",
            self.git_dir,
            self.work / "src",
            self.work / "tests",
            self.other,
            self.home,
            root / "elsewhere",
        ):
            directory.mkdir(parents=True)
        for name in ("src/app.py", "tests/test_app.py", "tests/conftest.py", "pyproject.toml", "README.md"):
            (self.work / name).write_text("x\n")
        (self.git_dir / "andon-lease").write_text(
            f"run=R1\nstep=implement\ntoken=1\nagent=alice\ndb={self.common}/andon/andon.db\nworkdir={self.work}\nurl=\n"
        )
        (self.git_dir / "andon-bounds").write_text(
            "task=T1\ntarget=main\nwithin=src/**\ttests/**\tpyproject.toml\nforbid=src/secret/**\n"
            "protect=**/conftest.py\nprotect=**/pyproject.toml#tool.pytest\nprotect=run.sh#file\nprotect=.andon/**\n"
        )
        claim = read_claim(str(self.work), str(self.git_dir))
        assert claim is not None
        self.claim: Claim = claim

    def facts(self, *, claimed: bool = True, cwd: Path | None = None, fixed: bool = False) -> Facts:
        return Facts(
            common=str(self.common),
            cwd=str(cwd or self.work),
            name="alice",
            names=("alice", "claude-code-1"),
            fixed=fixed,
            worktree=str(cwd or self.work),
            claims=(self.claim,) if claimed else (),
            home=str(self.home),
            temporary=(str(self.root.parent / "tmp"),),
        )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path.resolve())


def shell(place: Place, command: str, **options: object) -> str:
    call = c.HookCall("claude", "PreToolUse", c.BEFORE_TOOL, tool=c.ToolUse("Bash", c.SHELL, command=command))
    return reason_of(call, place.facts(**options))  # type: ignore[arg-type]


def write(place: Place, path: str, **options: object) -> str:
    call = c.HookCall("claude", "PreToolUse", c.BEFORE_TOOL, tool=c.ToolUse("Write", c.WRITE, paths=(path,)))
    return reason_of(call, place.facts(**options))  # type: ignore[arg-type]


def reason_of(call: c.HookCall, facts: Facts) -> str:
    assert needs_facts(call)
    decision = before_tool(call, facts)
    assert decision.answer in (c.PROCEED, c.DENY)
    assert (decision.answer == c.DENY) == bool(decision.reason)
    return decision.reason


# ---------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("src/app.py", ""),
        ("src/new/deep.py", ""),
        ("./src/../src/app.py", ""),
        ("pyproject.toml", ""),
        ("{work}/tests/test_app.py", ""),
        ("README.md", "outside the scope of T1"),
        ("tests/conftest.py", "protected"),
        ("src/conftest.py", "protected"),
        (".andon/workflows/feature.md", "protected"),
        ("run.sh", "protected"),
        ("src/secret/key.py", "forbidden"),
        (".git", "git directory"),
        (".git/config", "git directory"),
        ("{repo}/.git/config", "git directory"),
        ("{repo}/.git/andon/andon.db", "git directory"),
        ("{repo}/src/app.py", "outside your claim's worktree"),
        ("../../repo/src/app.py", "outside your claim's worktree"),
        ("../R2-implement-1/src/app.py", "outside your claim's worktree"),
        ("{root}/elsewhere/x", "outside your claim's worktree"),
        ("{root}/tmp/x", ""),
        ("{root}/home/.claude/plans/x.md", ""),
        ("{root}/home/.cache/x", ""),
        ("~/.bashrc", "own settings"),
        ("{root}/home/.ssh/config", "own settings"),
        ("{root}/home/.claude/settings.json", "own settings"),
        ("{root}/home/.config/x", "own settings"),
        ("~/x", "outside your claim's worktree"),
        ("", ""),
    ],
)
def test_files(place: Place, path: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(place.home))
    named = path.format(work=place.work, repo=place.root, root=place.root.parent)
    found = write(place, named)
    assert why in found if why else not found, found


def test_a_link_does_not_lead_out_of_bounds(place: Place) -> None:
    os.symlink(place.root, place.work / "src" / "link")
    assert "outside your claim's worktree" in write(place, "src/link/app.py")


def test_a_patch_in_a_command_is_a_write_and_the_rest_a_command(place: Place) -> None:
    def told(command: str, path: str) -> str:
        tool = c.ToolUse("Bash", c.SHELL, (path,), command)
        return reason_of(c.HookCall("codex", "PreToolUse", c.BEFORE_TOOL, tool=tool), place.facts())

    assert "outside the scope" in told("apply_patch; true", "README.md")
    assert "git commit" in told("apply_patch; git commit -m x", "src/app.py")
    assert not told("apply_patch; true", "src/app.py")


def test_a_review_changes_nothing(place: Place) -> None:
    place.claim.review = True
    assert "is a review" in write(place, "src/app.py")
    assert not shell(place, "echo x > src/app.py"), "a reviewer may try things out; nothing of it is submitted"


def test_without_a_claim_an_agent_works_as_its_person_likes(place: Place) -> None:
    for path in ("src/app.py", "README.md", "tests/conftest.py", "{root}/elsewhere/x"):
        assert not write(place, path.format(root=place.root.parent), claimed=False, cwd=place.root)
    assert "that you do not hold" in write(place, str(place.other / "x"), claimed=False, cwd=place.root)
    assert "git directory" in write(place, ".git/hooks/x", claimed=False, cwd=place.root)


def test_the_last_pattern_decides() -> None:
    assert is_protected(["**/conftest.py"], "a/conftest.py")
    assert not is_protected(["**/conftest.py", "!a/conftest.py"], "a/conftest.py")
    assert is_protected(["**/conftest.py", "!a/conftest.py", "a/**"], "a/conftest.py")
    assert not is_protected(["pyproject.toml#tool.pytest", "/#modules"], "pyproject.toml"), (
        "the gate looks at the section"
    )
    assert is_protected(["a#b"], "a#b"), "a name may hold the mark"


# ---------------------------------------------------------------- git

ALLOWED = """
git status
git status && git diff HEAD~1 -- src | head
git log --oneline -5; git show HEAD:src/app.py
git add -A
git add . && git status --short
git -C {work} add src
git rm --cached x
git restore src/app.py
git checkout -- src/app.py
git checkout src/app.py
git checkout HEAD -- .
git checkout 0123abcd -- .
git checkout main src/app.py
git reset
git reset --hard
git reset HEAD src/app.py
git merge main
git merge --abort
git rebase main
git rebase --continue
git fetch origin
git branch
git branch -a
git branch --show-current
git tag -l
git stash list
git worktree list
git config user.name
git config --get user.name
git remote -v
git reflog
git commit --dry-run
git cherry-pick -n abc
git clean -fd build
git apply fix.patch
git unknown-alias x
cd /nowhere/at/all && git commit -m x
cd {root}/elsewhere && git init && git add . && git commit -m x && git push
cd "$SOMEWHERE" && git commit -m x
git -C "$SOMEWHERE" commit -m x
echo "git commit -m x"
echo 'run git push later' # git push
grep -r 'git push' docs
cat <<'EOF'
git commit -m x
EOF
python -m pytest -q 2>&1 | tee {root}/tmp/log
npm test > /dev/null 2>&1
andon check --json
andon advance -m 'approve of it: git commit'
andon say human 'please approve'
andon answer M1 blue
andon approve --help
ANDON_AGENT=alice andon next
andon next --agent claude-code-1
ANDON_AGENT="$WHO" andon next
CLAUDE_CODE_SESSION_ID=1 andon check
unset ANDON_AGENT; andon check
env -i PATH=/bin make
env -u FOO andon check
nohup make &
timeout 60 andon check
andon work --help
andon init --client claude
git reset HEAD~0
git switch -
git diff > ../diff.patch
git rm --cached tests/conftest.py
git checkout main -- tests/conftest.py
git checkout HEAD -- tests/conftest.py
git checkout HEAD~1 -- src/app.py
git restore --source=HEAD~1 src/app.py
git restore tests/conftest.py
rm -rf tests/gone
cp src/app.py tests
cp src/app.py {root}/elsewhere
cp -t src pyproject.toml
perl -ne 'print' tests/conftest.py
perl -pi -e 's/a/b/' src/app.py
curl -s -o src/app.py http://localhost/x
sort -o src/app.py src/app.py
find src -name '*.py' -exec grep -n x {} +
find . -name x -exec git log -1 {} \\;
echo x > ~/.cache/x
export FOO=bar; make
"""

REFUSED = """
git commit -m x | the lead commits
git commit -am 'x' | the lead commits
cd src && git commit -m x | the lead commits
git -C {work} commit -m x | the lead commits
cd {root}/elsewhere; cd - ; git -C {work} commit | the lead commits
(cd {root}/elsewhere && git commit -m x); git commit -m y | the lead commits
sh -c 'git commit -m x' | the lead commits
bash -lc "cd src && git commit -m x" | the lead commits
true | xargs git commit -m | the lead commits
FOO=1 git commit -m x | the lead commits
env FOO=1 git commit -m x | the lead commits
nice -n 5 timeout 10 git commit -m x | the lead commits
if true; then git commit -m x; fi | the lead commits
x=$(git commit -m x) | the lead commits
echo `git push` | no gate
eval 'git push' | no gate
bash <<'EOF'\\ngit push\\nEOF | no gate
/usr/bin/git push origin main | no gate
git -c user.name=x push | no gate
git push --force | no gate
git checkout main | stays where it is
git checkout -b feature | needs no branch
git switch main | stays where it is
git switch -c feature | needs no branch
git reset --hard HEAD~1 | would undo
git reset --hard main | would undo
git rebase main feature | it would move
git pull | git merge
git stash | shared by all
git stash pop | shared by all
git branch -f main HEAD | share
git branch feature | share
git branch -D feature | share
git tag v1 | share
git update-ref refs/heads/main HEAD | share
git symbolic-ref HEAD refs/heads/main | share
git worktree add ../x | by Andon
git config user.name x | share
git config core.hooksPath /x | share
git remote add o x | share
git cherry-pick abc | no commits
git revert HEAD | no commits
git am x.patch | no commits
git gc | shared
cd {repo} && git add . | not your claim's
cd {repo} && git checkout -- . | not your claim's
cd {repo} && git merge x | not your claim's
git -C {repo} commit -m x | not your claim's
git --git-dir={repo}/.git commit -m x | not your claim's
GIT_DIR={repo}/.git git commit -m x | not your claim's
git -C ../R2-implement-1 reset --hard | not your claim's
echo x > .git/HEAD | git directory
rm -rf .git | git directory
rm -f {repo}/.git/hooks/reference-transaction | git directory
echo x > tests/conftest.py | protected
sed -i 's/a/b/' tests/conftest.py | protected
sed -i -e 's/a/b/' README.md | outside the scope
echo x >> README.md | outside the scope
cat > README.md <<EOF\\nx\\nEOF | outside the scope
cp src/app.py README.md | outside the scope
rm README.md | outside the scope
echo x | tee {repo}/src/app.py | outside your claim's worktree
cp src/app.py {repo}/src/app.py | outside your claim's worktree
andon approve R1 | person's act
andon waive R1 tests --why x | person's act
cd {root} && andon --json reject R1 | person's act
python -m andon approve R1 | person's act
yes | script -qc 'andon approve R1' /dev/null | person's act
andon run retry R1 | person's act
andon init --remove --client claude | person's act
andon work --agent codex | starts agents of its own
setsid -f sh -c 'andon next --role x' | hides whose
nohup andon next & | hides whose
env -i PATH=/bin andon next | hides whose
env -u CLAUDE_CODE_SESSION_ID andon next | names your session
CODEX_THREAD_ID=other andon next | names your session
ANDON_AGENT=bob andon next | your name is alice
env ANDON_AGENT=bob andon next | your name is alice
sh -c 'andon next --agent bob' | your name is alice
rm -rf .andon | protected
mv .andon away | protected
git rm tests/conftest.py | protected
git rm -r .andon | protected
git mv tests/conftest.py tests/other.py | protected
git checkout HEAD~1 -- tests/conftest.py | protected
git checkout 0123abcd tests/conftest.py | protected
git restore --source=HEAD~1 tests/conftest.py | protected
git restore -s 0123abcd -- tests/conftest.py | protected
perl -pi -e 's/a/b/' tests/conftest.py | protected
perl -i.bak -pe 's/a/b/' tests/conftest.py | protected
curl -so tests/conftest.py http://localhost/x | protected
curl --output tests/conftest.py http://localhost/x | protected
wget -O tests/conftest.py http://localhost/x | protected
sort -o tests/conftest.py x | protected
echo x | tee -a tests/conftest.py | protected
cp /tmp/conftest.py tests | protected
cp -t {repo} src/app.py | outside your claim's worktree
cp --target-directory={repo} src/app.py | outside your claim's worktree
find . -name x -exec git push \\; | no gate
echo 'alias x=y' >> ~/.bashrc | own settings
cp x ~/.claude/settings.json | own settings
andon key rotate | person's act
ANDON_GUARD=off git status | people alone
git config andon.guard off | people alone
"""


def rows(text: str) -> list[str]:
    found: list[str] = []
    for line in text.strip().splitlines():
        if found and (found[-1].startswith("cat <<") and not found[-1].endswith("\nEOF")):
            found[-1] += "\n" + line
        else:
            found.append(line)
    return found


@pytest.mark.parametrize("row", rows(ALLOWED))
def test_allowed(place: Place, row: str) -> None:
    command = (
        row.format(work=place.work, repo=place.root, root=place.root.parent) if "{root}" in row or "{w" in row else row
    )
    assert not shell(place, command)


@pytest.mark.parametrize("row", rows(REFUSED))
def test_refused(place: Place, row: str) -> None:
    command, _, why = row.rpartition(" | ")
    for name, value in (("work", place.work), ("repo", place.root), ("root", place.root.parent)):
        command = command.replace("{" + name + "}", str(value))
    found = shell(place, command.replace("\\n", "\n"))
    assert why in found, found


def test_files_that_no_gate_sees_are_the_shells_own_business(place: Place) -> None:
    for command in (
        "mkdir -p build && touch build/x",
        "rm -rf build dist __pycache__",
        "pytest > out.log",
        "echo x > new.md",
    ):
        assert not shell(place, command)


def test_a_merge_under_way_may_be_concluded(place: Place) -> None:
    (place.git_dir / "MERGE_HEAD").write_text("x\n")
    assert not shell(place, "git commit --no-edit")
    assert shell(place, f"cd {place.root} && git commit --no-edit")


def test_without_a_claim_git_is_the_guards_matter(place: Place) -> None:
    for command in ("git commit -m x", "git push", "git checkout -b feature", "git stash"):
        assert not shell(place, command, claimed=False, cwd=place.root)
    assert "person's act" in shell(place, "andon approve R1", claimed=False, cwd=place.root)
    assert "people alone" in shell(place, "ANDON_GUARD=off git commit -m x", claimed=False, cwd=place.root)


def test_a_home_in_a_temporary_directory_is_a_home(place: Place) -> None:
    call = c.HookCall(
        "claude", "PreToolUse", c.BEFORE_TOOL, tool=c.ToolUse("Write", c.WRITE, paths=(f"{place.home}/.profile",))
    )
    facts = place.facts()
    facts.temporary = (str(place.root.parent),)
    assert "own settings" in reason_of(call, facts)
    facts.temporary = (f"{place.home}/.tmp",)
    call.tool = c.ToolUse("Write", c.WRITE, paths=(f"{place.home}/.tmp/x",))
    assert not reason_of(call, facts)


def test_who_is_not_known_can_not_pose(place: Place) -> None:
    call = c.HookCall("x", "y", c.BEFORE_TOOL, tool=c.ToolUse("Bash", c.SHELL, command="ANDON_AGENT=bob andon next"))
    facts = place.facts()
    facts.known = False
    assert not reason_of(call, facts)


@pytest.mark.parametrize(
    "command",
    ["unset ANDON_AGENT", "env -u ANDON_AGENT andon next", "env -i andon next", "ANDON_AGENT= andon next", "ANDON_AGENT=bob andon next",
     "export ANDON_AGENT=bob", "andon next --agent bob", "andon next --agent=bob"],
)  # fmt: skip
def test_a_given_name_stays(place: Place, command: str) -> None:
    assert "your name is alice" in shell(place, command, fixed=True)


@pytest.mark.parametrize(
    "command", ["ANDON_AGENT=alice andon next", "andon next --agent alice", "export ANDON_AGENT=alice"]
)
def test_ones_own_name_may_be_said(place: Place, command: str) -> None:
    assert not shell(place, command, fixed=True)


# ---------------------------------------------------------------- the lexer


def words(text: str) -> list[list[str]]:
    return [simple.words for simple in simple_commands(text) if simple.words]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b  c", [["a", "b", "c"]]),
        ("a;b&&c||d|e&f", [["a"], ["b"], ["c"], ["d"], ["e"], ["f"]]),
        ("a 'b c' \"d e\" f\\ g", [["a", "b c", "d e", "f g"]]),
        ("a '' b", [["a", "", "b"]]),
        ("a\\\nb c", [["ab", "c"]]),
        ("a # b\nc", [["a"], ["c"]]),
        ("a#b", [["a#b"]]),
        ("a 2>&1 >out <in b", [["a", "b"]]),
        ("a $X ${Y} $(b c) `d`", [["b", "c"], ["d"], ["a", "\0", "\0", "\0", "\0"]]),
        ("a \"$(b 'c)')\"", [["b", "c)"], ["a", "\0"]]),
        ("cat <<A <<'B'\nx y\nA\nz\nB\nafter", [["cat"], ["after"]]),
        ("cat <<-A\n\tx\n\tA\nafter", [["cat"], ["after"]]),
        ("cat <<<word after", [["cat", "after"]]),
        ("(a; b) c", [["a"], ["b"], ["c"]]),
        ("a 'open", [["a", "open"]]),
        ('a "open', [["a", "open"]]),
        ("a $(open", [["open"], ["a", "\0"]]),
        ("", []),
    ],
)
def test_words(text: str, expected: list[list[str]]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    "text",
    ["$(" * 10_000, "`" * 10_001, "((((" * 10_000, "'" * 99_999, '"' * 99_999, "\\" * 99_999, "${" * 9_999, "<<A " * 5_000 + "\n",
     "a" * 1_000_000, "a;" * 400_000, "sh -c " * 5_000, "$(sh -c '" * 3_000, ">" * 9_999, "\0\n\0", "eval " * 9_999 + "x"],
)  # fmt: skip
@pytest.mark.timeout(10)
def test_hostile_texts_end(text: str) -> None:
    assert len(acts_of(text, "/x")) <= 500
