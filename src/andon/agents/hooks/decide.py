"""Before a tool: whether it may run. From a `HookCall` and `Facts` to a `Decision`.

An early warning, so that an agent need not learn from a gate an hour later what it could have known at once. Nothing rests
on it: the gates judge the change, the guard holds the branch, and people's acts ask for a person. So few false alarms count
for more than completeness, and what can't be told passes. Looks at the file system only to follow links and to tell paths
from branches; must not know the store.
"""

from __future__ import annotations

import os

from andon.agents.hooks import acts as a
from andon.agents.hooks.bounds import Claim, is_protected, refusal
from andon.agents.hooks.call import DENY, SHELL, WRITE, Decision, HookCall
from andon.agents.hooks.facts import CLAIM, ELSEWHERE, GIT, REPOSITORY, SETTINGS, Facts, real
from andon.agents.hooks.shell import UNKNOWN

PERSONS_ACTS = frozenset({"approve", "reject", "waive", "signal", "policy"})
SESSION_VARIABLES = (
    "CLAUDE_CODE_SESSION_ID", "CLAUDE_SESSION_ID", "CODEX_SESSION_ID", "CODEX_THREAD_ID", "GEMINI_SESSION_ID",
    "QWEN_SESSION_ID", "QWEN_CODE_SESSION_ID", "CURSOR_SESSION_ID", "OPENCODE_SESSION_ID", "GOOSE_SESSION_ID",
)  # fmt: skip
"""As `cli/identity.py` reads them."""
PERSONS_PAIRS = frozenset(
    {("run", "cancel"), ("run", "retry"), ("key", "rotate"), ("config", "set"), ("config", "unset")}
)
MAX_PATHS = 200
_MERGES = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply")


def needs_facts(call: HookCall) -> bool:
    """Whether the tool could be refused at all; most uses of tools need no further look."""
    tool = call.tool
    if tool is None:
        return False
    return (tool.kind == WRITE and bool(tool.paths)) or (tool.kind == SHELL and bool(tool.command.strip()))


def before_tool(call: HookCall, facts: Facts) -> Decision:
    """PROCEED, or DENY with the reason and what to do instead."""
    tool = call.tool
    if tool is None:
        return Decision()
    if tool.kind in (WRITE, SHELL):
        # Of a command: the files of a patch that its client takes out of the shell's hands.
        for path in tool.paths[:MAX_PATHS]:
            reason = _write(facts, path, surely=True)
            if reason:
                return _deny(facts, reason)
    if tool.kind == SHELL:
        for act in a.acts_of(tool.command, facts.cwd, facts.home):
            reason = _act(facts, act)
            if reason:
                return _deny(facts, reason)
    return Decision()


def _deny(facts: Facts, reason: str) -> Decision:
    claim = facts.claims[0] if facts.claims else None
    where = ""
    if claim is not None:
        whose = "Your claim" if claim.name_among(facts.names) else f"The claim here is {claim.agent}'s, not yours"
        where = f" {whose}: {claim.run}, step {claim.step}, in {claim.workdir}."
    return Decision(DENY, reason=f"Andon: {reason}.{where}")


# ---------------------------------------------------------------- files


def _write(facts: Facts, path: str, *, surely: bool, edits: bool = True) -> str:
    """Why a file may not be written. surely: by a tool that is for that; else found in a shell command."""
    if not path or "\0" in path:
        return ""
    absolute = real(path, facts.cwd)
    place, claim = facts.place(absolute)
    if place == GIT:
        return f"{path} lies in a git directory; nobody writes there but git and Andon"
    if place == CLAIM and claim is not None:
        return _in_claim(claim, absolute, surely=surely, edits=edits)
    if not facts.claims:
        return _of_another(facts, absolute) if place == REPOSITORY else ""
    settings = place == SETTINGS and edits
    if place != REPOSITORY and not settings and not (place == ELSEWHERE and surely):
        return ""
    first = facts.claims[0]
    if not first.name_among(facts.names):
        return f"{path} is outside the worktree of the claim that this session sits in, which is {first.agent}'s"
    if settings:
        return f"{path} holds the person's own settings, and your claim's worktree is {first.workdir}"
    if place == REPOSITORY:
        return f"{path} is outside your claim's worktree; the same file of yours lies below {first.workdir}"
    return f"{path} is outside your claim's worktree {first.workdir}"


def _in_claim(claim: Claim, absolute: str, *, surely: bool, edits: bool) -> str:
    relative = absolute[len(claim.workdir) + 1 :]
    if not relative or (not surely and claim.review):
        return ""
    reason = refusal(claim, relative)
    if not reason or surely:
        return reason
    # A shell makes and removes files that no gate ever sees (build products); of files that are there it is told.
    return reason if edits and (os.path.isfile(absolute) or "is protected" in reason) else ""


def _of_another(facts: Facts, absolute: str) -> str:
    """Without a claim an agent works as its person likes, but not in a worktree that somebody else has claimed."""
    below = absolute[len(facts.worktrees) + 1 :] if absolute.startswith(facts.worktrees + "/") else ""
    if below:
        return f"{absolute} lies in the worktree of a claim that you do not hold; `andon next` gives you work and a worktree"
    return ""


# ---------------------------------------------------------------- shell commands


def _act(facts: Facts, act: a.Act) -> str:
    if act.kind == a.FILE:
        return _file(facts, act)
    if act.kind == a.VARIABLE:
        return _variable(facts, act.words[0], act.words[1])
    if act.kind == a.ANDON:
        if act.hidden and "--help" not in act.words:
            return f"`{act.hidden}` hides whose command this is; your name is {facts.name}: run `andon` plainly"
        return _andon(facts, act.words)
    return _git(facts, act)


def _file(facts: Facts, act: a.Act) -> str:
    if act.into and os.path.isdir(act.path):
        named = (_write(facts, f"{act.path}/{name}", surely=False, edits=act.edits) for name in act.into[:MAX_PATHS])
        return next((reason for reason in named if reason), "")
    reason = _write(facts, act.path, surely=False, edits=act.edits)
    if reason or not act.removes:
        return reason
    absolute = real(act.path, facts.cwd)
    claim = facts.place(absolute)[1]
    if claim is None or claim.review or not os.path.isdir(absolute):
        return ""
    directory = absolute[len(claim.workdir) + 1 :]
    return (
        f"{directory} holds files that are protected: they decide how gates judge"
        if _protects(claim, directory)
        else ""
    )


def _protects(claim: Claim, directory: str) -> bool:
    """Whether a pattern names something below this very directory; one for any directory (`**/…`) says nothing of it."""
    for pattern in claim.protect:
        place = pattern.rpartition("#")[0] or pattern
        if directory and place.startswith(f"{directory}/"):
            return True
    return False


def _variable(facts: Facts, name: str, value: str) -> str:
    if name == "ANDON_GUARD" and value.lower() in ("off", "false", "no", "0"):
        return "the guard of the target branch is switched off by people alone"
    known = value in facts.names or UNKNOWN in value or (not value and not facts.fixed)
    if name == "ANDON_AGENT" and facts.known and not known:
        return f"your name is {facts.name}; claims, reviews and messages go by it, so ANDON_AGENT stays as it is"
    own = value and (UNKNOWN in value or any(one.endswith(f"-{value[:40]}") for one in facts.names))
    if name in SESSION_VARIABLES and facts.known and not own:
        return f"{name} names your session, and Andon knows you by it"
    return ""


def _andon(facts: Facts, words: list[str]) -> str:
    plain = [word for word in words if not word.startswith("-")]
    if plain and (plain[0] in PERSONS_ACTS or tuple(plain[:2]) in PERSONS_PAIRS) and "--help" not in words:
        shown = " ".join(plain[: 1 if plain[0] in PERSONS_ACTS else 2])
        return f"`andon {shown}` is a person's act; when you need it, ask: andon ask 'what you need, and why'"
    if plain[:1] == ["work"] and "--help" not in words:
        return "`andon work` starts agents of its own; in a session take work with `andon next`"
    if plain[:1] == ["init"] and "--remove" in words:
        return "`andon init --remove` takes the hooks away, which is a person's act"
    for at, word in enumerate(words):
        flag, equals, value = word.partition("=")
        if flag == "--agent" and facts.known:
            name = value if equals else "".join(words[at + 1 : at + 2])
            if name not in facts.names and UNKNOWN not in name:
                return f"your name is {facts.name}; --agent {name} would pose as another"
    return ""


def _git(facts: Facts, act: a.Act) -> str:
    words, directory = act.words, act.directory
    guards = words[0] == "config" and any(word.lower() == "andon.guard" for word in words)
    if guards and len(words) > 2 and not {"--get", "get", "--list"} & set(words):
        return "the guard of the target branch is switched off by people alone"
    if not facts.claims or not directory:
        return ""
    place, claim = facts.place(real(directory, facts.cwd))
    if place == GIT and claim is None:
        claim = next((one for one in facts.claims if one.git_dir == directory), None)
        place = CLAIM if claim is not None else REPOSITORY
    if place not in (CLAIM, REPOSITORY):
        return ""
    from andon.agents.hooks.git_rules import refusal as git_refusal

    here = claim or facts.claims[0]
    if place == CLAIM:
        from andon.agents.hooks.git_rules import replaced

        for word in replaced(words, here.target):
            absolute = real(word, directory)
            relative = absolute[len(here.workdir) + 1 :]
            if facts.place(absolute)[1] is here and (is_protected(here.protect, relative) or _protects(here, relative)):
                return f"git {words[0]} would change what is protected, and decides how gates judge: {relative}"
    return git_refusal(
        words,
        own=place == CLAIM,
        merging=any(os.path.exists(os.path.join(here.git_dir, name)) for name in _MERGES),
        exists=lambda word: os.path.lexists(os.path.join(directory, word)),
        target=here.target,
    )
