"""Objects only: a private bare git directory over the repository's objects, whose configuration is ours alone.

Rules: no filter, attribute, merge driver, hook, replacement or setting of the repository (or of the person) has any
influence on what is compared, merged or written out here. Only what objects *are* comes from the repository: its object
directory, hash function, sharing and the edge of a shallow history. Must not know: worktrees, branches.
"""

from __future__ import annotations

import os

from andon.git.failures import not_writable
from andon.git.run import Finished, Runner, base_environment, spawn
from andon.git.scratch import write_file

# `working-tree-encoding` can't be switched off with '-', only left unsaid; and what is unsaid here hides what a
# tree says. Merge and diff attributes of trees need no guard: without configuration no driver is defined.
ATTRIBUTES = "* -text -eol -crlf -ident -filter !working-tree-encoding -export-subst -export-ignore\n"
CONFIG = """[core]
\trepositoryformatversion = {version}
\tbare = true
\tfilemode = true
\tsymlinks = true
\thooksPath = /dev/null
\tattributesFile = /dev/null
\texcludesFile = /dev/null
\tlogAllRefUpdates = false
{shared}{extensions}[checkout]
\tworkers = 2
\tthresholdForParallelism = 400
[gc]
\tauto = 0
"""


class Plumbing(Runner):
    """Git commands on the repository's objects."""

    def __init__(self, common_dir: str) -> None:
        self.directory = os.path.join(common_dir, "andon", "plumbing.git")
        self.nowhere = os.path.join(self.directory, "nowhere")
        self._common_dir = common_dir
        self._ready = False
        env = {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_SYSTEM": "/dev/null",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_OBJECT_DIRECTORY": os.path.join(common_dir, "objects"),
        }
        shallow = os.path.join(common_dir, "shallow")
        if os.path.exists(shallow):
            env["GIT_SHALLOW_FILE"] = shallow
        # An empty directory as the working directory: attributes of the caller's must not be found.
        super().__init__(("-C", self.nowhere, "--git-dir", self.directory), env)

    def prepare(self) -> None:
        """Make the directory, or put right what is not as it should be."""
        if self._ready:
            return
        wanted = {"config": self._config(), "info/attributes": ATTRIBUTES, "HEAD": "ref: refs/heads/none\n"}
        try:
            for name in ("objects", "refs", "info", "nowhere"):
                os.makedirs(os.path.join(self.directory, name), exist_ok=True)
        except OSError as error:
            raise not_writable(self.directory, error) from error
        for name, text in wanted.items():
            path = os.path.join(self.directory, name)
            if _read(path) != text:
                write_file(path, text.encode())
        self._ready = True

    def _config(self) -> str:
        given = (_read(os.path.join(self._common_dir, "config")) or "").lower()
        sha256 = "objectformat" in given and self._setting("extensions.objectformat") == "sha256"
        shared = self._setting("core.sharedRepository") if "sharedrepository" in given else ""
        return CONFIG.format(
            version=1 if sha256 else 0,
            shared=f"\tsharedRepository = {shared}\n" if shared else "",
            extensions="[extensions]\n\tobjectformat = sha256\n" if sha256 else "",
        )

    def _setting(self, name: str) -> str:
        done: Finished = spawn(["--git-dir", self._common_dir, "config", "--get", name], env=base_environment())
        return done.text if done.code == 0 else ""


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return None
