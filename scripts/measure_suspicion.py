"""How many honest changes raise a finding: the rules of suspicion over the history of real projects.

    python scripts/measure_suspicion.py --git REPOSITORY [--limit N]     # each commit against its first parent
    python scripts/measure_suspicion.py --sdists DIRECTORY               # NAME-VERSION.tar.gz, each against the one before

A release is a great deal more than a commit: months of work, whole features with their tests replaced. Its figures are an
upper bound of how often a rule speaks, not a rate for commits. `--show RULE` prints that rule's findings, to be judged by
eye; `--json FILE` writes the table.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tarfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from andon.suspicion.inspection import RULES, File, inspect
from andon.suspicion.languages import is_test

MEMBER_BYTES_MAX = 4 * 1024**2
GENERATED = re.compile(r"(^|/)[^/]+\.egg-info/|^PKG-INFO$|^setup\.cfg\.orig$")
NAME = re.compile(r"^(?P<name>.+)-(?P<version>\d[\w.]*)\.tar\.gz$")

Change = tuple[str, str, list[File]]
"""(project, what, files)."""


def git_changes(repository: str, limit: int) -> Iterator[Change]:
    """Every commit with one parent, newest first."""
    name = Path(repository).resolve().name
    log = _git(repository, "rev-list", "--no-merges", f"--max-count={limit}", "HEAD").decode().split()
    for commit in log:
        parent = _git(repository, "rev-list", "--parents", "-n1", commit).decode().split()[1:]
        if not parent:
            continue
        out = _git(repository, "diff-tree", "-r", "-z", "--no-renames", "--raw", parent[0], commit)
        entries = out.split(b"\0")
        files = []
        for meta, path in zip(entries[0::2], entries[1::2], strict=False):
            old_mode, new_mode, old, new, _status = meta[1:].decode().split(" ")
            before = _git(repository, "cat-file", "blob", old) if old_mode.startswith("100") else None
            after = _git(repository, "cat-file", "blob", new) if new_mode.startswith("100") else None
            files.append(File(path=path.decode("utf-8", "surrogateescape"), before=before, after=after))
        yield name, commit[:12], files


def _git(repository: str, *args: str) -> bytes:
    return subprocess.run(["git", "-C", repository, *args], check=True, capture_output=True).stdout


def sdist_changes(directory: str) -> Iterator[Change]:
    """Each release against the one before it, by project."""
    by_name: dict[str, list[tuple[list[int], str, Path]]] = defaultdict(list)
    for path in Path(directory).glob("*.tar.gz"):
        if match := NAME.match(path.name):
            numbers = [int(part) for part in re.findall(r"\d+", match["version"])]
            by_name[match["name"]].append((numbers, match["version"], path))
    for name, releases in sorted(by_name.items()):
        before: dict[str, bytes] | None = None
        last = ""
        for _numbers, version, path in sorted(releases):
            after = _contents(path)
            if not any(is_test(path) for path in after):
                # A source release without its tests says nothing about tests.
                print(f"left out: {path.name} holds no tests", file=sys.stderr)
                continue
            if before is not None:
                paths = [path for path in sorted({*before, *after}) if before.get(path) != after.get(path)]
                yield (
                    name,
                    f"{last}..{version}",
                    [File(path=path, before=before.get(path), after=after.get(path)) for path in paths],
                )
            before, last = after, version


def _contents(path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            name = member.name.partition("/")[2]
            if not member.isfile() or member.size > MEMBER_BYTES_MAX or GENERATED.search(name):
                continue
            file = archive.extractfile(member)
            found[name] = file.read() if file is not None else b""
    return found


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--git", action="append", default=[], metavar="REPOSITORY")
    parser.add_argument("--sdists", action="append", default=[], metavar="DIRECTORY")
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--show", action="append", default=[], metavar="RULE")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(argv)
    changes: list[Iterator[Change]] = [git_changes(where, options.limit) for where in options.git]
    changes += [sdist_changes(where) for where in options.sdists]
    total: Counter[str] = Counter()
    raised: dict[str, Counter[str]] = defaultdict(Counter)
    findings: Counter[str] = Counter()
    slowest = (0.0, "")
    for source in changes:
        for project, what, files in source:
            total[project] += 1
            began = time.process_time()
            found = inspect(files)
            took = time.process_time() - began
            slowest = max(slowest, (took, f"{project} {what}"))
            for rule in {item.rule for item in found}:
                raised[rule][project] += 1
            raised["(any)"][project] += bool(found)
            raised["(any warning)"][project] += any(item.severity == "warning" for item in found)
            for item in found:
                findings[item.rule] += 1
                if item.rule in options.show:
                    print(f"{project} {what} {item.path}:{item.line}: {item.rule}: {item.message}")
    _print(total, raised, findings, slowest)
    if options.json:
        table = {"changes": dict(total), "raised": {rule: dict(counts) for rule, counts in raised.items()}}
        Path(options.json).write_text(json.dumps(table, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


def _print(
    total: Counter[str], raised: dict[str, Counter[str]], findings: Counter[str], slowest: tuple[float, str]
) -> None:
    count = sum(total.values())
    print(f"{count} changes of {len(total)} projects; the slowest took {slowest[0]:.2f} s ({slowest[1]})")
    print(f"{', '.join(f'{name} {number}' for name, number in sorted(total.items()))}\n")
    print("| rule | changes that raise it | share | findings |")
    print("| --- | ---: | ---: | ---: |")
    for rule in (*RULES, "(any warning)", "(any)"):
        hit = sum(raised[rule].values())
        share = f"{hit / count:.1%}" if count else "-"
        print(f"| `{rule}` | {hit} | {share} | {findings[rule] or ''} |")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
