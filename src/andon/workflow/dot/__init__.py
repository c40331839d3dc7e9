"""DOT pipelines as workflow files: reading, translating, writing, and the exact list of what was not carried over.

    imported = import_pipeline(text, "release.dot", "release")     # raises UsageError when the text is no pipeline
    imported.text       # the workflow file, or None when no file that lints could be made
    imported.findings   # what was not carried over, in the order of the source

The way through: `lexer` → `parser` (a `graph`) → `nodes` and `routes` (a `draft`: steps and edges) → `forks` and
`shape` (a draft that a state diagram can hold) → `write`. Importing this package costs nothing. Must not know: files,
the store, git.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from andon.workflow.dot.draft import Imported

__all__ = ["import_pipeline"]


def import_pipeline(text: str, file: str, name: str) -> Imported:
    """Translate a DOT pipeline. file: the path that messages name. name: the workflow's.

    Raises UsageError kind "bad_pipeline" with `file:line:col: rule message` lines when the text is no DOT pipeline.
    """
    from andon.workflow.dot.translate import translate

    return translate(text, file, name)
