"""A workspace's own keys on disk: the ring, and the private key of its last entry.

Rules: the private key has mode 0600 in a directory of mode 0700 and is never sent anywhere; one that others may read, or
that is missing or not the ring's, is refused with the command that mends it, never used and never replaced in silence;
a retired private key is deleted. `keys/ring.json` is replaced in one move, so that a crash leaves the old line or the new.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from andon.core.errors import EXIT_NO, EXIT_UNAVAILABLE, AndonError
from andon.evidence import ring as rings
from andon.evidence.dsse import Broken
from andon.evidence.ring import Ring, RingKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ROTATE = "andon key rotate"


class Signer(Struct, frozen=True, kw_only=True):
    """The ring, and the private key of its last entry."""

    ring: Ring
    ring_bytes: bytes
    key: object
    """an Ed25519PrivateKey, which msgspec need not know"""


class KeyStore:
    """The directory of keys in a workspace's state directory."""

    def __init__(self, state_dir: str) -> None:
        self.state_dir = state_dir
        self.directory = os.path.join(state_dir, "keys")
        self.ring_path = os.path.join(self.directory, "ring.json")

    def private_path(self, key: str) -> str:
        return os.path.join(self.directory, f"{key.removeprefix('sha256:')}.pem")

    # ------------------------------------------------------------ reading

    def exists(self) -> bool:
        """Whether there is anything of keys here, whole or not."""
        return os.path.isdir(self.directory) and bool(os.listdir(self.directory))

    def ring(self) -> tuple[Ring, bytes]:
        """The ring and its bytes. Raises AndonError kind "no_key" or "key_ring_broken"."""
        try:
            with open(self.ring_path, "rb") as file:
                data = file.read()
        except FileNotFoundError:
            text = f"this workspace has no key ring: {self.ring_path} is missing"
            raise AndonError(text, kind="no_key", next=_restore(self.ring_path), exit=EXIT_NO) from None
        except OSError as error:
            raise _unreadable(self.ring_path, error) from error
        try:
            return rings.read(data), data
        except Broken as error:
            text = f"the key ring {self.ring_path} is broken: {error.message}"
            raise AndonError(text, kind="key_ring_broken", next=_restore(self.ring_path), exit=EXIT_NO) from None

    def signer(self) -> Signer:
        """What new evidence is signed with. Raises AndonError; nothing is signed with a key that is not as it should be."""
        ring, data = self.ring()
        return Signer(ring=ring, ring_bytes=data, key=self._private(ring.current))

    def _private(self, entry: RingKey) -> Ed25519PrivateKey:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        path = self.private_path(entry.id)
        data = _read_private(path)
        try:
            key = load_pem_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            text = f"the private key {path} is damaged"
            raise AndonError(text, kind="key_broken", next=f"restore it, or: {ROTATE}", exit=EXIT_NO) from None
        if not isinstance(key, Ed25519PrivateKey) or rings.id_of(key.public_key()) != entry.id:
            text = f"the private key {path} is not that of {entry.id}"
            raise AndonError(text, kind="key_broken", next=f"restore it, or: {ROTATE}", exit=EXIT_NO)
        return key

    def left_over(self, ring: Ring) -> list[str]:
        """Private keys other than the present one: of retired keys, or of a maker that was killed."""
        names = [name for name in sorted(os.listdir(self.directory)) if name.endswith(".pem")]
        paths = [os.path.join(self.directory, name) for name in names]
        return [path for path in paths if path != self.private_path(ring.current.id)]

    # ------------------------------------------------------------ making

    def create(self, now: float) -> Ring:
        """The first key of a line. Only where there is nothing yet; else the ring that is there."""
        with self._locked():
            if self.exists():
                return self.ring()[0]
            return self._append((), now)

    def rotate(self, now: float) -> Ring:
        """Retire the present key and make another; needs no private key, so that a lost one can be replaced."""
        with self._locked():
            ring, _data = self.ring()
            check_clock(ring, now)
            return self._append((*ring.keys[:-1], replace(ring.current, until=rings.when(now))), now)

    def _append(self, before: tuple[RingKey, ...], now: float) -> Ring:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        key = Ed25519PrivateKey.generate()
        entry = RingKey(id=rings.id_of(key.public_key()), public=rings.pem_of(key.public_key()), since=rings.when(now))
        ring = Ring(keys=(*before, entry))
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path = self.private_path(entry.id)
        try:
            os.makedirs(self.directory, mode=0o700, exist_ok=True)
            _write_new(path, private)
            _write_new(self.ring_path + ".new", rings.write(ring, key))
            os.replace(self.ring_path + ".new", self.ring_path)
        except OSError as error:
            _remove(path)
            raise _not_written(self.directory, error) from error
        try:
            # From here on the new key signs, whatever becomes of the old one.
            _sync_directory(self.directory)
            for other in self.left_over(ring):
                _remove(other)
        except OSError as error:
            raise _not_written(self.directory, error) from error
        return ring

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One maker of keys at a time."""
        try:
            descriptor = os.open(self.directory + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _not_written(self.state_dir, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # What a maker that was killed left is no ring and no key of one.
            _remove(self.ring_path + ".new")
            self._remove_strays()
            yield
        finally:
            os.close(descriptor)

    def _remove_strays(self) -> None:
        """A first key whose ring was never written was never used; without this nobody could make another."""
        if not os.path.isdir(self.directory) or os.path.exists(self.ring_path):
            return
        for name in os.listdir(self.directory):
            if len(name) == 68 and name.endswith(".pem"):
                _remove(os.path.join(self.directory, name))


def check_clock(ring: Ring, now: float) -> None:
    """Raises AndonError when the present key is from the future: what it signs now would not be believed."""
    # As they are written, with microseconds: the same moment must not be before itself.
    if rings.when(now) < ring.current.since:
        raise _clock(ring.current)


def _clock(entry: RingKey) -> AndonError:
    text = f"this machine's clock is before {entry.since}, when key {entry.id} was made"
    return AndonError(text, kind="clock_behind", next="set the clock", exit=EXIT_UNAVAILABLE)


def _read_private(path: str) -> bytes:
    """Refuses what others could have read or put there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        text = f"the private key {path} is missing"
        raise AndonError(text, kind="key_missing", next=f"restore it, or: {ROTATE}", exit=EXIT_NO) from None
    except OSError as error:
        raise _unreadable(path, error) from error
    with open(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if status.st_uid != os.geteuid():
            text = f"the private key {path} belongs to another user (uid {status.st_uid})"
            raise AndonError(text, kind="key_exposed", next=ROTATE, exit=EXIT_NO)
        if stat.S_IMODE(status.st_mode) & 0o077:
            text = f"others may use the private key {path} (mode {stat.S_IMODE(status.st_mode):04o}, expected 0600)"
            following = f"chmod 600 {path}; if somebody else may have read it: {ROTATE}"
            raise AndonError(text, kind="key_exposed", next=following, exit=EXIT_NO)
        return file.read(10_000)


def _write_new(path: str, data: bytes) -> None:
    """A file that was not there, for its owner alone, on the disk before the call returns."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        _remove(path)
        raise


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _restore(path: str) -> str:
    found = f"git for-each-ref refs/andon/evidence, then git cat-file -p REF:ring.json > {path}"
    return f"restore it and its private key ({found}), or begin a new line of keys: {ROTATE}"


def _unreadable(path: str, error: OSError) -> AndonError:
    text = f"{path} can't be read: {error.strerror}"
    return AndonError(text, kind="key_unreadable", next=f"ls -l {path}", exit=EXIT_UNAVAILABLE)


def _not_written(path: str, error: OSError) -> AndonError:
    text = f"keys can't be written to {path}: {error.strerror}"
    return AndonError(text, kind="key_unwritable", next=f"make room, or mend its permissions: ls -ld {path}", exit=6)
