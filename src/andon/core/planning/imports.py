"""The neighbours of a file by its imports, read from its text by regular expressions: Python, JavaScript and TypeScript.

Rules: only what names a file of the tree counts; a file is read up to MAX_CHARS; no more than MAX_NEIGHBOURS of each. What an
expression misses costs a neighbour, never an error. Must not know: where texts come from.
"""

from __future__ import annotations

import posixpath
import re

from andon.core.planning.tree import Tree

MAX_CHARS = 100_000
MAX_NEIGHBOURS = 20
PYTHON = (".py", ".pyi")
JAVASCRIPT = (".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".mts", ".cts", ".vue", ".svelte")

_FROM = re.compile(r"^\s*from\s+(\.*[\w.]*)\s+import\s+\(?([^()#\n]*)", re.MULTILINE)
_IMPORT = re.compile(r"^\s*import\s+([\w., ]+)", re.MULTILINE)
_SCRIPT = re.compile(r"""(?:\bfrom|\bimport|\brequire\s*\(|\bimport\s*\()\s*["'](\.{1,2}/[^"'\n]+)["']""")


def imported_by(path: str, text: str, tree: Tree) -> list[str]:
    """The files of the tree that a file imports."""
    text = text[:MAX_CHARS]
    if path.endswith(PYTHON):
        found = _python(path, text, tree)
    elif path.endswith(JAVASCRIPT):
        found = _script(path, text, tree)
    else:
        return []
    return [name for name in dict.fromkeys(found) if name != path][:MAX_NEIGHBOURS]


def _python(path: str, text: str, tree: Tree) -> list[str]:
    found: list[str] = []
    package = path.rpartition("/")[0]
    for module, names in _FROM.findall(text):
        dots = len(module) - len(module.lstrip("."))
        rest = module[dots:]
        if dots:
            base = package
            for _ in range(dots - 1):
                base = base.rpartition("/")[0]
            stems = ["/".join(x for x in (base, *rest.split(".")) if x)]
            found += [file for stem in stems for file in _files(stem, names, tree)]
        else:
            listed = [name.strip().split(" ")[0] for name in names.split(",")]
            modules = [f"{rest}.{name}" for name in listed if name.isidentifier()]
            found += [file for name in modules for file in tree.module(name)]
    for names in _IMPORT.findall(text):
        for name in names.split(","):
            dotted = name.strip().split(" ")[0]
            if "." in dotted:
                found += tree.module(dotted)
    return found


def _files(stem: str, names: str, tree: Tree) -> list[str]:
    listed = [name.strip().split(" ")[0] for name in names.split(",")]
    options = [f"{stem}/{name}.py" for name in listed] + [f"{stem}.py", f"{stem}/__init__.py"]
    return [option for option in options if option in tree.known]


def _script(path: str, text: str, tree: Tree) -> list[str]:
    found = []
    for target in _SCRIPT.findall(text):
        base = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        options = [base, *(base + suffix for suffix in JAVASCRIPT), *(f"{base}/index{suffix}" for suffix in JAVASCRIPT)]
        # TypeScript names the file that it will be.
        stem, _, suffix = base.rpartition(".")
        options += [f"{stem}.{other}" for other in ("ts", "tsx", "mts")] if suffix in ("js", "jsx", "mjs") else []
        found += [option for option in options if option in tree.known][:1]
    return found
