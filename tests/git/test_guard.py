"""The guard hook, in every shell that /bin/sh may be."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from andon.core.errors import AndonError
from andon.git import guard
from andon.git.repository import Repository
from tests.git.conftest import Sandbox

SHELLS = [shell for shell in ("dash", "bash") if shutil.which(shell)]


@pytest.fixture(params=SHELLS)
def guarded(sandbox: Sandbox, request: pytest.FixtureRequest) -> Sandbox:
    assert guard.install_guard(sandbox.repository) is None
    hook = sandbox.path / ".git/hooks/reference-transaction"
    hook.write_bytes(hook.read_bytes().replace(b"#!/bin/sh", f"#!{shutil.which(request.param)}".encode(), 1))
    guard.write_guarded(sandbox.repository.common_dir, ["main", "release/1"])
    return sandbox


def attempt(sandbox: Sandbox, *args: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *args],
        cwd=cwd or sandbox.path,
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, **env},
    )


def test_it_lets_exactly_the_landing_through(guarded: Sandbox, head: str) -> None:
    repository = guarded.repository
    new = guarded.commit({"a.txt": b"1\n"}, base=head)
    other = guarded.commit({"a.txt": b"2\n"}, base=head)
    with pytest.raises(AndonError, match="runs that land on it are open") as caught:
        repository.move_branch("main", new=new, expected=head, reason="r")
    assert caught.value.kind == "branch_refused"
    with guard.allow_landing(repository.common_dir, "refs/heads/main", head, new):
        with pytest.raises(AndonError, match="open"):
            repository.move_branch("main", new=other, expected=head, reason="r")
        assert repository.move_branch("main", new=new, expected=head, reason="r")
    assert not (guarded.path / ".git/andon/landing").exists()
    assert repository.branch_head("main") == new
    with pytest.raises(AndonError):
        repository.move_branch("main", new=head, expected=new, reason="r")


@pytest.mark.parametrize(
    "command",
    [
        ["commit", "-qam", "x"],
        ["commit", "-q", "--amend", "-m", "x"],
        ["branch", "-f", "main", "topic"],
        ["update-ref", "-d", "refs/heads/main"],
        ["merge", "-q", "topic"],
        ["reset", "-q", "--hard", "topic"],
        ["fetch", "-q", ".", "+topic:main"],
        ["push", "-q", "--force", ".", "topic:main"],
    ],
)
def test_every_other_move_is_refused(guarded: Sandbox, head: str, command: list[str]) -> None:
    topic = guarded.commit({"b.txt": b"1\n"}, base=head)
    guarded.git("branch", "topic", topic)
    guarded.git("config", "receive.denyCurrentBranch", "ignore")
    if command[0] in ("branch", "fetch", "update-ref", "push"):
        guarded.git("checkout", "-q", "--detach")
    else:
        (guarded.path / "a.txt").write_text("x\n" if command[0] == "commit" else "one\ntwo\nthree\n")
    done = attempt(guarded, *command)
    assert done.returncode != 0
    assert "andon: main was not moved" in done.stderr
    assert "andon lead" in done.stderr
    assert "ANDON_GUARD=off" in done.stderr
    assert guarded.repository.branch_head("main") == head
    assert len([line for line in done.stderr.splitlines() if "andon:" in line]) == 2


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    "command", [["branch", "-D", "main"], ["branch", "-m", "main", "x"], ["branch", "-M", "main", "x"]]
)
def test_deletions_and_renames_are_refused(guarded: Sandbox, head: str, command: list[str], packed: bool) -> None:
    guarded.git("checkout", "-q", "--detach")
    if packed:
        guarded.git("pack-refs", "--all")
    done = attempt(guarded, *command)
    assert done.returncode != 0
    assert guarded.repository.branch_head("main") == head


@pytest.mark.parametrize("command", [["pack-refs", "--all"], ["gc", "-q"], ["pack-refs", "--all", "--prune"]])
def test_storing_references_otherwise_moves_nothing(guarded: Sandbox, head: str, command: list[str]) -> None:
    guarded.git("branch", "topic")
    for _ in range(2):
        done = attempt(guarded, *command)
        assert (done.returncode, done.stderr) == (0, "")
        assert (guarded.path / ".git/packed-refs").exists()
        assert not (guarded.path / ".git/refs/heads/main").exists()
    new = guarded.commit({"a.txt": b"1\n"}, base=head)
    with guard.allow_landing(guarded.repository.common_dir, "refs/heads/main", head, new):
        assert guarded.repository.move_branch("main", new=new, expected=head, reason="r")
    assert attempt(guarded, *command).returncode == 0
    assert guarded.repository.branch_head("main") == new
    assert attempt(guarded, "update-ref", "-d", "refs/heads/main", new).returncode != 0
    assert guarded.repository.branch_head("main") == new


@pytest.mark.parametrize("open_runs", [True, False])
def test_nobody_else_moves_what_is_below_refs_andon(guarded: Sandbox, head: str, open_runs: bool) -> None:
    repository = guarded.repository
    if not open_runs:
        guard.write_guarded(repository.common_dir, [])
    ref, other = "refs/andon/swarm/R1/fan/1", guarded.commit({"a.txt": b"2\n"}, base=head)
    repository.set_ref(ref, head)
    guarded.git("branch", "topic", other)
    guarded.git("symbolic-ref", "refs/aside", ref)
    for command in (
        ["update-ref", ref, other],
        ["update-ref", "-d", ref],
        ["update-ref", "refs/aside", other],
        ["update-ref", "refs/andon/submissions/R1/new", head],
        ["push", "-q", ".", f"topic:{ref}"],
        ["fetch", "-q", ".", f"+topic:{ref}"],
    ):
        done = attempt(guarded, *command)
        assert done.returncode != 0, command
        assert "is moved by Andon alone" in done.stderr and "ANDON_GUARD=off" in done.stderr, command
        assert repository.refs("refs/andon") == {ref: head}
    assert repository.move_branch(ref, new=other, expected=head, reason="r"), "Andon's own moves need no leave"
    assert attempt(guarded, "update-ref", ref, head, ANDON_GUARD="off").returncode == 0
    repository.delete_ref(ref)
    assert repository.refs("refs/andon") == {}


@pytest.mark.parametrize("command", [["pack-refs", "--all"], ["gc", "-q"], ["pack-refs", "--all", "--prune"]])
def test_storing_own_references_otherwise_is_free(guarded: Sandbox, head: str, command: list[str]) -> None:
    for number in range(5):
        guarded.repository.set_ref(f"refs/andon/submissions/R1/{number}", head)
    for _ in range(2):
        assert attempt(guarded, *command).stderr == ""
        assert not (guarded.path / ".git/refs/andon/submissions/R1/0").exists()
    assert len(guarded.repository.refs("refs/andon")) == 5
    assert attempt(guarded, "update-ref", "-d", "refs/andon/submissions/R1/0").returncode != 0


def test_very_many_references_are_asked_of_at_once(guarded: Sandbox, tmp_path: Path, head: str) -> None:
    names = [f"refs/andon/submissions/R{number}/it's" for number in range(450)]
    packed = "".join(f"{head} {name}\n" for name in sorted(names))
    (guarded.path / ".git/packed-refs").write_text(f"# pack-refs with: peeled fully-peeled sorted \n{packed}")
    trace = tmp_path / "trace"
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("git", "grep"):
        (tools / tool).write_text(f'#!/bin/sh\necho {tool} >>"{trace}"\nexec {shutil.which(tool)} "$@"\n')
        (tools / tool).chmod(0o755)
    hook = guarded.path / ".git/hooks/reference-transaction"
    hook.write_bytes(
        hook.read_bytes().replace(b"# andon guard\n", f'# andon guard\nPATH="{tools}:$PATH"\n'.encode(), 1)
    )

    def told(phase: str, lines: list[str]) -> tuple[int, str]:
        trace.write_text("")
        said = "".join(f"{line}\n" for line in lines)
        done = subprocess.run([str(hook), phase], cwd=guarded.path, input=said, capture_output=True, text=True)
        return done.returncode, done.stderr.partition(" was not moved")[0]

    zero = "0" * 40
    other = guarded.commit({"a.txt": b"2\n"}, base=head)
    written, pruned = [f"{zero} {head} {x}" for x in names], [f"{head} {zero} {x}" for x in names]
    for lines in (written, pruned, [*written, *pruned]):
        assert told("prepared", lines) == (0, "")
        assert 1 < len(trace.read_text().split()) < 9
    wrong = "refs/andon/submissions/R1/new"
    for line in (
        f"{zero} {other} {names[7]}",
        f"{other} {zero} {names[7]}",
        f"{zero} {head} {wrong}",
        f"{head} {zero} {wrong}",
    ):
        for lines in ([line, *written], [*pruned, line], [*written[:199], line], [line]):
            assert told("prepared", lines) == (1, f"andon: {line.split()[2]}"), line
    (tools / "git").write_text("#!/bin/sh\n[ $1 = config ]\n")
    assert told("prepared", written) == (1, f"andon: {names[0]}"), "what git does not say is not so"


def test_evidence_comes_in_from_a_copy_as_long_as_none_is_lost(guarded: Sandbox, tmp_path: Path, head: str) -> None:
    ref = "refs/andon/evidence/0123456789abcdef"
    more = guarded.commit({"b.txt": b"1\n"}, base=head)
    aside = guarded.commit({"c.txt": b"1\n"}, base=head)
    bring = ["fetch", "-q", ".", "+refs/other/*:refs/andon/evidence/*"]
    for commit, works in ((head, True), (more, True), (more, True), (head, False), (aside, False)):
        guarded.git("update-ref", "refs/other/0123456789abcdef", commit)
        before = guarded.repository.refs("refs/andon")
        assert (attempt(guarded, *bring).returncode == 0) == works
        assert guarded.repository.refs("refs/andon") == ({ref: commit} if works else before)
    assert attempt(guarded, "update-ref", "-d", ref).returncode != 0


def test_a_hook_of_an_older_version_is_told(sandbox: Sandbox) -> None:
    assert guard.install_guard(sandbox.repository) is None
    hook = sandbox.path / ".git/hooks/reference-transaction"
    hook.write_bytes(hook.read_bytes().replace(b"refs/andon/*)", b"refs/nothing/*)"))
    assert "not the guard hook of this version" in (guard.guard_problem(sandbox.repository) or "")
    assert guard.install_guard(sandbox.repository) is None
    assert guard.guard_problem(sandbox.repository) is None


def test_names_are_compared_whole(guarded: Sandbox, head: str) -> None:
    for name in ("main2", "ain", "x/main", "release", "release-1", "1"):
        if name == "release":
            continue
        assert attempt(guarded, "branch", name).returncode == 0, name
    assert attempt(guarded, "branch", "release/1").returncode != 0
    assert attempt(guarded, "tag", "main").returncode == 0
    assert attempt(guarded, "update-ref", "refs/remotes/origin/main", head).returncode == 0


def test_everyday_commands_in_worktrees_are_free(guarded: Sandbox, tmp_path: Path, head: str) -> None:
    path = tmp_path / "w"
    guarded.repository.add_worktree(str(path), head)
    (path / "a.txt").write_text("x\n")
    assert attempt(guarded, "commit", "-qam", "work", cwd=path).returncode == 0
    assert attempt(guarded, "stash", "list", cwd=path).returncode == 0
    assert attempt(guarded, "checkout", "-q", "-b", "topic", cwd=path).returncode == 0
    assert attempt(guarded, "push", "-q", ".", "topic:main", cwd=path).returncode != 0
    assert guarded.repository.branch_head("main") == head
    assert attempt(guarded, "checkout", "-q", "--detach", cwd=guarded.path).returncode == 0


def test_opting_out(guarded: Sandbox, head: str) -> None:
    (guarded.path / "a.txt").write_text("x\n")
    assert attempt(guarded, "commit", "-qam", "once", ANDON_GUARD="off").returncode == 0
    (guarded.path / "a.txt").write_text("y\n")
    assert attempt(guarded, "commit", "-qam", "again").returncode != 0
    assert guard.guard_problem(guarded.repository) is None
    guarded.git("config", "andon.guard", "off")
    assert attempt(guarded, "commit", "-qam", "for good").returncode == 0
    problem = guard.guard_problem(guarded.repository)
    assert problem is not None
    assert "off" in problem
    assert guarded.head != head


def test_with_no_open_runs_everything_is_allowed(guarded: Sandbox) -> None:
    (guarded.path / "a.txt").write_text("x\n")
    guard.write_guarded(guarded.repository.common_dir, [])
    assert attempt(guarded, "commit", "-qam", "1").returncode == 0
    (guarded.path / ".git/andon/guarded").unlink()
    assert attempt(guarded, "commit", "-q", "--allow-empty", "-m", "2").returncode == 0


@pytest.mark.parametrize("name", ["guarded", "landing"])
def test_it_fails_closed_on_what_it_can_not_read(guarded: Sandbox, head: str, name: str) -> None:
    path = guarded.path / ".git/andon" / name
    path.unlink(missing_ok=True)
    path.mkdir()
    done = attempt(guarded, "commit", "-q", "--allow-empty", "-m", "x")
    assert done.returncode != 0
    assert "was not moved" in done.stderr
    assert guarded.repository.branch_head("main") == head
    assert attempt(guarded, "tag", "t").returncode == 0
    path.rmdir()
    path.symlink_to("nowhere")
    assert attempt(guarded, "commit", "-q", "--allow-empty", "-m", "x").returncode != 0


def test_an_existing_hook_is_chained_and_restored(sandbox: Sandbox, tmp_path: Path, head: str) -> None:
    hook = sandbox.path / ".git/hooks/reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/seen\ncat >> {tmp_path}/seen\n[ ! -e {tmp_path}/no ]\n')
    hook.chmod(0o750)
    text, mode = hook.read_bytes(), hook.stat().st_mode
    for _ in range(2):
        assert guard.install_guard(sandbox.repository) is None
        assert guard.guard_problem(sandbox.repository) is None
    sandbox.git("branch", "topic")
    zero = "0" * 40
    assert (tmp_path / "seen").read_text().splitlines() == [
        "prepared", f"{zero} {head} refs/heads/topic", "committed", f"{zero} {head} refs/heads/topic",
    ]  # fmt: skip
    (tmp_path / "no").write_text("")
    assert attempt(sandbox, "branch", "other").returncode != 0, "its refusal counts"
    guard.remove_guard(sandbox.repository)
    guard.remove_guard(sandbox.repository)
    assert (hook.read_bytes(), hook.stat().st_mode) == (text, mode)
    assert sorted(x for x in os.listdir(hook.parent) if not x.endswith(".sample")) == ["reference-transaction"]


def test_installing_and_removing_leaves_nothing(sandbox: Sandbox) -> None:
    hooks = sandbox.path / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    before = sorted(os.listdir(hooks))
    assert guard.install_guard(sandbox.repository) is None
    assert guard.install_guard(sandbox.repository) is None
    assert sorted([*before, "reference-transaction"]) == sorted(os.listdir(hooks))
    guard.remove_guard(sandbox.repository)
    assert sorted(os.listdir(hooks)) == before
    problem = guard.guard_problem(sandbox.repository)
    assert problem is not None
    assert "andon init" in problem


def test_a_hook_of_somebody_else_is_not_removed(sandbox: Sandbox) -> None:
    hook = sandbox.path / ".git/hooks/reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 0\n")
    guard.remove_guard(sandbox.repository)
    assert hook.read_text() == "#!/bin/sh\nexit 0\n"


def test_a_shared_hooks_directory_is_not_written_to(sandbox: Sandbox, tmp_path: Path, head: str) -> None:
    shared = sandbox.path / ".husky"
    shared.mkdir()
    sandbox.git("config", "core.hooksPath", ".husky")
    note = guard.install_guard(sandbox.repository)
    assert note is not None
    assert "core.hooksPath" in note
    assert os.listdir(shared) == []
    assert guard.guard_problem(sandbox.repository) is not None
    # What the note says works.
    (shared / "reference-transaction").write_text("#!/bin/sh\n" + note.rpartition("end with: ")[2] + "\n")
    (shared / "reference-transaction").chmod(0o755)
    guard.write_guarded(sandbox.repository.common_dir, ["main"])
    assert guard.guard_problem(sandbox.repository) is None
    assert attempt(sandbox, "commit", "-q", "--allow-empty", "-m", "x").returncode != 0
    assert sandbox.repository.branch_head("main") == head
    guard.remove_guard(sandbox.repository)
    assert (shared / "reference-transaction").exists(), "a shared file is not removed either"
    assert not (sandbox.path / ".git/andon/reference-transaction").exists()


def test_a_hooks_path_inside_the_git_directory_is_used(sandbox: Sandbox) -> None:
    own = sandbox.path / ".git/own-hooks"
    sandbox.git("config", "core.hooksPath", str(own))
    assert guard.install_guard(sandbox.repository) is None
    guard.write_guarded(sandbox.repository.common_dir, ["main"])
    assert attempt(sandbox, "commit", "-q", "--allow-empty", "-m", "x").returncode != 0
    assert guard.guard_problem(sandbox.repository) is None


def test_a_moved_and_a_bare_repository_stay_guarded(sandbox: Sandbox, tmp_path: Path, head: str) -> None:
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(sandbox.path), str(bare)], check=True)
    repository = Repository.find(str(bare))
    assert guard.install_guard(repository) is None
    guard.write_guarded(repository.common_dir, ["main"])
    moved = tmp_path / "it's moved.git"
    bare.rename(moved)
    new = sandbox.commit({"a.txt": b"x\n"}, base=head)
    sandbox.git("branch", "topic", new)
    done = attempt(sandbox, "push", "-q", str(moved), "topic:main")
    assert done.returncode != 0
    assert "andon: main was not moved" in done.stderr
    assert attempt(sandbox, "push", "-q", str(moved), "topic").returncode == 0


def test_a_branch_name_of_any_bytes(sandbox: Sandbox) -> None:
    name = "na'm$(e)é\udce9;x"
    sandbox.git("branch", name)
    assert guard.install_guard(sandbox.repository) is None
    guard.write_guarded(sandbox.repository.common_dir, [name])
    assert attempt(sandbox, "branch", "-D", name).returncode != 0
    assert attempt(sandbox, "branch", "name").returncode == 0
