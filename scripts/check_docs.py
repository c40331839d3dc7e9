"""Check the documentation: links and their anchors resolve; no machine paths or registry hosts anywhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
HEADING = re.compile(r"^#+ +(.*?)[ #]*$", re.MULTILINE)
CODE = re.compile(r"^ *(`{3,}).*?^ *\1`*$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
FORBIDDEN = re.compile(
    r"/work/(main|shared|\.library)|/root/\.|/tmp/probe|/opt/wheels|pypi\.org|pythonhosted|registry\.npmjs|deb\.debian"
)
BINARY = (".png", ".svg", ".gz")


def tracked() -> list[Path]:
    """Tracked and new files."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def anchors(text: str) -> set[str]:
    """The anchors that a forge gives to a document's headings."""
    found: set[str] = set()
    for heading in HEADING.findall(re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        name, number = anchor, 0
        while name in found:
            number += 1
            name = f"{anchor}-{number}"
        found.add(name)
    return found


def links(path: Path) -> list[str]:
    """Problems of one document's links to files and headings."""
    problems = []
    text = path.read_text(encoding="utf-8")
    for target, anchor in LINK.findall(CODE.sub("", text)):
        if "://" in target or target.startswith("mailto:"):
            continue
        place = path.parent / target if target else path
        if not place.exists():
            problems.append(f"{path}: link to {target} leads nowhere")
        elif anchor and place.suffix == ".md" and anchor not in anchors(place.read_text(encoding="utf-8")):
            problems.append(f"{path}: link to {target}#{anchor}: there is no such heading")
    return problems


def addresses(path: Path) -> list[str]:
    """Lines of one file that name a machine's path or a registry's host."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [
        f"{path}:{number}: a machine path or registry host"
        for number, line in enumerate(lines, 1)
        if FORBIDDEN.search(line)
    ]


def main() -> int:
    problems: list[str] = []
    for path in tracked():
        if path.suffix == ".md" and "golden" not in path.parts:
            problems += links(path)
        if path.name != Path(__file__).name and path.suffix not in BINARY:
            problems += addresses(path)
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
