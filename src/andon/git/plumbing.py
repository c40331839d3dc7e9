"""Objects only: a private bare git directory over the repository's objects, whose configuration is ours alone.

No filter, attribute, merge driver, hook or setting of the repository (or of the person) has any influence on what is
read, merged, compared or written out here. `info/attributes` switches every content conversion off.
"""

from __future__ import annotations

import os

from andon.core.errors import EXIT_UNAVAILABLE, AndonError
from andon.git.run import base_environment, spawn

ATTRIBUTES = "* -text -eol -crlf -ident -filter -working-tree-encoding -export-subst -export-ignore !merge !diff\n"
CONFIG = "[core]\n\trepositoryformatversion = {version}\n\tbare = true\n{extensions}"


class Plumbing:
    """Git commands on the repository's objects."""

    def __init__(self, common_dir: str) -> None:
        self.common_dir = common_dir
        self.directory = os.path.join(common_dir, "andon", "plumbing.git")
        self._ready = False

    def run(
        self,
        *args: str,
        stdin: bytes = b"",
        ok: tuple[int, ...] = (0,),
        env: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """(exit code, standard output). Raises AndonError kind "git_failed" for other exit codes."""
        self._prepare()
        environment = base_environment()
        environment.update(
            GIT_CONFIG_NOSYSTEM="1",
            GIT_CONFIG_GLOBAL="/dev/null",
            GIT_ATTR_NOSYSTEM="1",
            GIT_OBJECT_DIRECTORY=os.path.join(self.common_dir, "objects"),
            **(env or {}),
        )
        shallow = os.path.join(self.common_dir, "shallow")
        if os.path.exists(shallow):
            # Where the history of a shallow clone ends is a fact about its objects.
            environment["GIT_SHALLOW_FILE"] = shallow
        code, out, err = spawn(["--git-dir", self.directory, *args], stdin=stdin, env=environment)
        if code not in ok:
            raise failed(args, code, err)
        return code, out

    def text(self, *args: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> str:
        return self.run(*args, stdin=stdin, env=env)[1].decode("utf-8", "surrogateescape").strip()

    def _prepare(self) -> None:
        if self._ready:
            return
        if not os.path.exists(os.path.join(self.directory, "HEAD")):
            self._create()
        self._ready = True

    def _create(self) -> None:
        try:
            for name in ("objects", "refs", "info"):
                os.makedirs(os.path.join(self.directory, name), exist_ok=True)
            self._write("config", self._config())
            self._write("info/attributes", ATTRIBUTES)
            self._write("HEAD", "ref: refs/heads/none\n")
        except OSError as error:
            raise AndonError(
                f"{self.directory} can't be written: {error}",
                kind="git_failed",
                next="make the git directory writable",
                exit=EXIT_UNAVAILABLE,
            ) from error

    def _config(self) -> str:
        """The object format must be the repository's; nothing else is taken from it."""
        code, out, _ = spawn(["--git-dir", self.common_dir, "rev-parse", "--show-object-format"])
        sha256 = code == 0 and out.strip() == b"sha256"
        extensions = "[extensions]\n\tobjectformat = sha256\n" if sha256 else ""
        return CONFIG.format(version=1 if sha256 else 0, extensions=extensions)

    def _write(self, name: str, text: str) -> None:
        path = os.path.join(self.directory, name)
        temporary = f"{path}.{os.getpid()}"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)


def failed(args: tuple[str, ...] | list[str], code: int, err: bytes) -> AndonError:
    """What git said, as an operational error."""
    said = err.decode("utf-8", "replace").strip().splitlines()
    text = "; ".join(line for line in said[-4:] if line) or f"exit {code}"
    following = "git config --global --add safe.directory DIRECTORY" if "dubious ownership" in text else "andon doctor"
    return AndonError(
        f"git {' '.join(args[:2])} failed: {text}", kind="git_failed", next=following, exit=EXIT_UNAVAILABLE
    )
