"""Environments: set-up run once per digest, kept, and put under every gate's checkout.

Layout of `<state_dir>/environments/<digest>/`: `work/` (the checkout that set-up ran in), `home/` (its home directory),
`setup.log`, and `ready.json`, which lists the *products*: what set-up made beside the tree's own files, each by its
topmost path (`.venv`, `node_modules`, `src/x/_ext.so`).

Rules.
* `ready.json` comes last. A directory without it is what a crash or a failed set-up left: it is built again, never
  used.
* A gate sees the exact tree, plus the products. What set-up changed in the tree's files is not kept. A product that
  would cover something the tree tracks makes the gate unmeasured.
* Where jobs see every checkout at one path (`Runtime.inside`), products are bound read-only into a fresh checkout.
  Where a job sees it where it lies, paths written by set-up point into `work/`, so the gate runs right there: all
  but the products is replaced by the exact tree first, and one gate at a time has it. There a gate could change the
  products; that level has no walls.
* Set-up runs in the base's checkout when its digest is the same, else in the submission's own, and then the environment
  is that tree's alone: so an agent's files can't shape an environment that others share.
* Every user of an environment holds a shared lock on it, who builds or removes it an exclusive one.

Must not know reports or gates.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from andon.core.workflow import ResourceLimits
from andon.gates.logs import last_line, one_line, sanitize, useful
from andon.gates.problems import Unmeasured
from andon.gates.toolchain import Toolchain
from andon.ports import Bind, Job

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from andon.core.workflow import Environment
    from andon.gates.identity import Trees
    from andon.gates.places import Places
    from andon.ports import Git, JobResult, Progress, Runtime

PRODUCTS_MAX = 500
SETUP_OUTPUT_BYTES = 2 * 1024**2
_NEVER_PRODUCTS = ("__pycache__",)
_SWAPPING = "swapping"


class Product(Struct, frozen=True, kw_only=True):
    """path: below the checkout. kind: directory | file | link. target: of a link."""

    path: str
    kind: str
    target: str = ""


class Ready(Struct, frozen=True, kw_only=True):
    """A finished environment. digest: of all it depends on."""

    digest: str
    products: tuple[Product, ...]
    has_home: bool


class Room(Struct, frozen=True, kw_only=True):
    """Where one job runs: its checkout, the environment's binds, and the kept home. began_ns: file time at its
    start."""

    work: str
    out: str
    binds: tuple[Bind, ...]
    home: str | None
    began_ns: int


class Environments:
    """Builds and keeps environments, and makes rooms in them."""

    def __init__(
        self, *, git: Git, trees: Trees, places: Places, machine_path: Sequence[str], progress: Progress | None = None
    ) -> None:
        self._git = git
        self._trees = trees
        self._places = places
        self._machine_path = tuple(machine_path)
        self._progress = progress

    def variables(self, environment: Environment, *, gate: str, base: str) -> dict[str, str]:
        """The whole environment of a job, except what only the runtime knows (ANDON_OUT, HOME, TMPDIR)."""
        return {
            "PATH": self.toolchain(environment).path(),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "CI": "true",
            "ANDON_BASE": base,
            "ANDON_GATE": gate,
            **environment.env,
        }

    def toolchain(self, environment: Environment) -> Toolchain:
        """The directories before the default PATH: the workflow's, then the machine's."""
        machine = tuple(path for path in self._machine_path if os.path.isdir(path))
        private = (self._places.state_dir, self._git.common_dir, *filter(None, (self._git.main_worktree,)))
        return Toolchain((*environment.path, *machine), private)

    @contextlib.contextmanager
    def room(
        self,
        environment: Environment,
        *,
        digest: str,
        tree: str,
        setup_tree: str,
        base: str,
        only: Sequence[str],
        runtime: Runtime,
        on_disk: bool,
    ) -> Iterator[Room]:
        """A checkout of `tree` (of the paths matching `only`) with the environment under it. Raises Unmeasured.

        setup_tree: what set-up runs in, should it have to. on_disk: not in memory, whatever room there is.
        """
        toolchain = self.toolchain(environment)
        toolchain.check()
        in_place = _sees_paths_as_they_are(runtime)
        binds = () if in_place else toolchain.binds()
        with contextlib.ExitStack() as stack:
            ready: Ready | None = None
            directory = ""
            if environment.setup:
                directory = self._directory(digest)
                ready = stack.enter_context(
                    self._held(environment, digest, tree=setup_tree, base=base, runtime=runtime, exclusive=in_place)
                )
                self._refuse_covering(ready, tree)
            # In place, files move between the environment and the scratch directory, so both are on one file system.
            scratch = stack.enter_context(self._places.scratch(on_disk=on_disk or (in_place and ready is not None)))
            home = os.path.join(directory, "home") if ready is not None and ready.has_home else None
            if ready is not None and in_place:
                work = self._replace_tree(directory, ready, tree, only, scratch)
            else:
                work = os.path.join(scratch, "work")
                os.mkdir(work, 0o755)
                self._git.export_tree(tree, work, only=only)
                if ready is not None:
                    binds += _place_products(ready, work, os.path.join(directory, "work"), runtime.inside(work))
            out = os.path.join(scratch, "out")
            os.mkdir(out, 0o755)
            yield Room(work=work, out=out, binds=binds, home=home, began_ns=os.stat(out).st_mtime_ns)

    def prune(self, keep: int) -> None:
        """Remove all but the `keep` most recently used environments; those in use stay."""
        parent = self._places.directory("environments")
        names = [name for name in os.listdir(parent) if os.path.isdir(os.path.join(parent, name))]
        names.sort(key=lambda name: os.stat(os.path.join(parent, name)).st_mtime, reverse=True)
        for name in names[keep:]:
            with _locked(os.path.join(parent, f"{name}.lock"), exclusive=True, wait=False) as got:
                if got:
                    self._places.remove(os.path.join(parent, name))

    def _directory(self, digest: str) -> str:
        return os.path.join(self._places.directory("environments"), digest.rpartition(":")[2])

    @contextlib.contextmanager
    def _held(
        self, environment: Environment, digest: str, *, tree: str, base: str, runtime: Runtime, exclusive: bool
    ) -> Iterator[Ready]:
        """The finished environment, built if need be, locked while it is used."""
        directory = self._directory(digest)
        lock = f"{directory}.lock"
        while True:
            with _locked(lock, exclusive=exclusive):
                ready = _read_ready(directory, digest)
                if ready is not None:
                    os.utime(directory)
                    yield ready
                    return
            with _locked(lock, exclusive=True):
                if _read_ready(directory, digest) is None:
                    self._build(environment, digest=digest, tree=tree, base=base, runtime=runtime)

    def _build(self, environment: Environment, *, digest: str, tree: str, base: str, runtime: Runtime) -> None:
        directory = self._directory(digest)
        self._places.remove(directory)
        os.mkdir(directory, 0o700)
        work, home, out = (os.path.join(directory, name) for name in ("work", "home", "out"))
        for path in (work, home, out):
            os.mkdir(path, 0o755)
        self._git.export_tree(tree, work)
        toolchain = self.toolchain(environment)
        job = Job(
            command="",
            workdir=work,
            out=out,
            env=self.variables(environment, gate="setup", base=base),
            limits=ResourceLimits(timeout_s=environment.setup_timeout_s, output_bytes=SETUP_OUTPUT_BYTES),
            network=environment.network in ("setup", "all"),
            binds=() if _sees_paths_as_they_are(runtime) else toolchain.binds(),
            home=home,
            home_writable=True,
        )
        _run_setup(environment, job, runtime, self._places, directory, self._progress)
        products = _products(work, self._trees.paths(tree))
        if len(products) > PRODUCTS_MAX:
            raise Unmeasured(f"set-up made {len(products)} separate paths, at most {PRODUCTS_MAX} can be kept")
        if not _sees_paths_as_they_are(runtime):
            _let_others_read([os.path.join(work, product.path) for product in products] + [home])
        ready = Ready(digest=digest, products=tuple(products), has_home=bool(os.listdir(home)))
        _write_ready(directory, ready)

    def _refuse_covering(self, ready: Ready, tree: str) -> None:
        """A product must not lie over, above or below what this tree tracks."""
        files = self._trees.paths(tree)
        above = {parent for path in files for parent in _parents(path)}
        for product in ready.products:
            around = [product.path, *_parents(product.path)]
            if product.path in above or any(path in files for path in around):
                raise Unmeasured(
                    f"the tree tracks {one_line(product.path, 100)}, which the environment's set-up also makes; "
                    "name it in environment.reuse or stop tracking it"
                )

    def _replace_tree(self, directory: str, ready: Ready, tree: str, only: Sequence[str], scratch: str) -> str:
        """Put the exact tree into the environment's own checkout, around the products. Needs the exclusive lock."""
        work, fresh = os.path.join(directory, "work"), os.path.join(scratch, "fresh")
        os.mkdir(fresh, 0o755)
        self._git.export_tree(tree, fresh, only=only)
        # Between here and the end the environment is in two halves; should we die, it is built again.
        marker = os.path.join(directory, _SWAPPING)
        with open(marker, "wb"):
            pass
        for product in ready.products:
            target = os.path.join(fresh, product.path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.rename(os.path.join(work, product.path), target)
        os.rename(work, os.path.join(scratch, "old"))
        os.rename(fresh, work)
        os.unlink(marker)
        return work


def _run_setup(
    environment: Environment, job: Job, runtime: Runtime, places: Places, directory: str, progress: Progress | None
) -> None:
    """Run the set-up commands in order. Raises Unmeasured with the log's useful lines on the first that fails."""
    until = time.monotonic() + environment.setup_timeout_s
    log = bytearray()
    for command in environment.setup:
        if progress is not None:
            progress(f"setting up the environment: {one_line(command, 100)}")
        limits = msgspec.structs.replace(job.limits, timeout_s=max(1.0, until - time.monotonic()))
        result = runtime.run(msgspec.structs.replace(job, command=command, limits=limits))
        log += f"$ {command}\n".encode() + result.output + b"\n"
        if result.status == "exited" and result.exit_code == 0:
            continue
        text = sanitize(result.output)
        raise Unmeasured(
            f"the environment's set-up failed: {one_line(command, 80)}: {_why(result, text)}",
            detail=useful(text),
            log=places.write_log("setup", bytes(log)),
        )
    with open(os.path.join(directory, "setup.log"), "w", encoding="utf-8") as file:
        file.write(sanitize(bytes(log)))


def _why(result: JobResult, text: str) -> str:
    if result.status != "exited":
        return result.reason
    last = last_line(text)
    return f"exit code {result.exit_code}" + (f": {last}" if last else "")


def _sees_paths_as_they_are(runtime: Runtime) -> bool:
    return runtime.inside("/checkout") == "/checkout"


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:number]) for number in range(1, len(parts))]


def _products(work: str, tracked: set[str]) -> list[Product]:
    """What lies in the checkout beside the tracked paths, each by its topmost path."""
    above = {parent for path in tracked for parent in _parents(path)}
    found: list[Product] = []

    def descend(relative: str) -> None:
        with os.scandir(os.path.join(work, relative)) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                path = f"{relative}/{entry.name}" if relative else entry.name
                if path in tracked or entry.name in _NEVER_PRODUCTS:
                    continue
                if entry.is_symlink():
                    found.append(Product(path=path, kind="link", target=os.readlink(entry.path)))
                elif entry.is_dir():
                    if path in above:
                        descend(path)
                    else:
                        found.append(Product(path=path, kind="directory"))
                elif entry.is_file():
                    found.append(Product(path=path, kind="file"))

    descend("")
    return found


def _place_products(ready: Ready, work: str, source: str, inside: str) -> tuple[Bind, ...]:
    """Make the mount points in a fresh checkout and say what to bind there; links are simply made again."""
    binds: list[Bind] = []
    for product in ready.products:
        target = os.path.join(work, product.path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if product.kind == "link":
            os.symlink(product.target, target)
            continue
        if product.kind == "directory":
            os.mkdir(target)
        else:
            with open(target, "xb"):
                pass
        binds.append(Bind(source=os.path.join(source, product.path), target=f"{inside}/{product.path}"))
    return tuple(binds)


def _let_others_read(roots: list[str]) -> None:
    """Later jobs may run as other users than the one that set up, so what the owner can read, all can."""
    for root in roots:
        for directory, _, files in os.walk(root):
            for path in [directory, *(os.path.join(directory, name) for name in files)]:
                _widen(path)
        if os.path.isfile(root):
            _widen(root)


def _widen(path: str) -> None:
    if os.path.islink(path):
        return
    mode = os.stat(path).st_mode & 0o7777
    wide = mode | ((mode & 0o500) >> 3) | ((mode & 0o500) >> 6)
    if wide != mode:
        os.chmod(path, wide)


def _read_ready(directory: str, digest: str) -> Ready | None:
    if os.path.exists(os.path.join(directory, _SWAPPING)):
        return None
    try:
        with open(os.path.join(directory, "ready.json"), "rb") as file:
            ready = msgspec.json.decode(file.read(), type=_Stored).value()
    except (OSError, msgspec.MsgspecError, ValueError):
        return None
    return ready if ready.digest == digest else None


def _write_ready(directory: str, ready: Ready) -> None:
    temporary = os.path.join(directory, "ready.json.new")
    with open(temporary, "wb") as file:
        file.write(msgspec.json.encode(_Stored.of(ready)))
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, os.path.join(directory, "ready.json"))


class _Stored(Struct, frozen=True, kw_only=True):
    """`Ready` as JSON; file names may hold any bytes, so they are kept as hexadecimal bytes."""

    digest: str
    products: tuple[tuple[str, str, str], ...]
    has_home: bool

    @classmethod
    def of(cls, ready: Ready) -> _Stored:
        return cls(
            digest=ready.digest,
            products=tuple(
                (one.kind, os.fsencode(one.path).hex(), os.fsencode(one.target).hex()) for one in ready.products
            ),
            has_home=ready.has_home,
        )

    def value(self) -> Ready:
        return Ready(
            digest=self.digest,
            products=tuple(
                Product(kind=kind, path=os.fsdecode(bytes.fromhex(path)), target=os.fsdecode(bytes.fromhex(target)))
                for kind, path, target in self.products
            ),
            has_home=self.has_home,
        )


@contextlib.contextmanager
def _locked(path: str, *, exclusive: bool, wait: bool = True) -> Iterator[bool]:
    """Hold a file lock; yields whether it was got. Freed by the kernel when the process dies."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        mode = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        try:
            fcntl.flock(fd, mode if wait else mode | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(fd)
