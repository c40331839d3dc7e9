"""Check the documentation: links resolve, no machine paths or registry hosts, modules keep their size."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")
FORBIDDEN = re.compile(r"/work/(main|shared|\.library)|/root/\.|pypi\.org|pythonhosted|registry\.npmjs|deb\.debian")
MAX_LINES = 600


def tracked(*patterns: str) -> list[Path]:
    """Tracked and new files, by git's patterns."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def links(path: Path) -> list[str]:
    problems = []
    for match in LINK.finditer(path.read_text(encoding="utf-8")):
        target = match.group(1)
        if "://" not in target and not target.startswith("mailto:") and not (path.parent / target).exists():
            problems.append(f"{path.relative_to(ROOT)}: link to {target} leads nowhere")
    return problems


def main() -> int:
    problems: list[str] = []
    for path in tracked("*.md"):
        if "golden" not in path.parts:
            problems += links(path)
    for path in tracked():
        if path.name in (Path(__file__).name,) or path.suffix in (".png", ".svg", ".gz"):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            if FORBIDDEN.search(line):
                problems.append(f"{path.relative_to(ROOT)}:{number}: a machine path or registry host")
    for path in tracked("src/*.py"):
        count = len(path.read_text(encoding="utf-8").splitlines())
        if count > MAX_LINES:
            problems.append(f"{path.relative_to(ROOT)}: {count} lines, more than {MAX_LINES}")
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
