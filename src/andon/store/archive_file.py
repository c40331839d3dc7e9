"""Archive files: the events of finished runs as compressed JSONL, content-addressed, in `archives/` beside the database.

A file is a gzip file of several members: a header, then one member for each run, so that one run is read without the
others. Its name is the SHA-256 of its uncompressed content (`zcat FILE | sha256sum`), which no compressor's version can
change. A file is complete and synchronised before the database refers to it, and is never changed afterwards.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from hashlib import sha256
from typing import BinaryIO

from andon.core.errors import UsageError
from andon.store import errors, lines
from andon.store.sqlite_reader import FullEvent

HEADER = b'{"kind":"andon-archive","format":1}\n'
LEVEL = 6
MAX_MEMBER_BYTES = 1024**3
"""The events of one run, uncompressed; far more than a run's limits let it write."""


class Part:
    """Where one run stands in a file: bytes from `start`, `size` of them; sha256 of its lines."""

    __slots__ = ("digest", "events", "size", "start", "stream")

    def __init__(self, stream: str, start: int, size: int, events: int, digest: str) -> None:
        self.stream, self.start, self.size, self.events, self.digest = stream, start, size, events, digest


class Builder:
    """Writes one archive file: `add` for each run, then `finish`. Leaves nothing behind when it is given up."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.parts: list[Part] = []
        self.events = 0
        self.content_bytes = 0
        self._sum = sha256()
        self._path = os.path.join(directory, f"new-{os.getpid()}")
        try:
            os.makedirs(directory, mode=0o700, exist_ok=True)
            self._file = open(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
            self._member(HEADER)
        except OSError as error:
            raise errors.translate_os(error, directory) from error

    def _member(self, content: bytes) -> int:
        self._sum.update(content)
        self.content_bytes += len(content)
        packer = zlib.compressobj(LEVEL, zlib.DEFLATED, 31)
        return self._file.write(packer.compress(content) + packer.flush())

    def add(self, stream: str, content: bytes, events: int) -> None:
        """content: the run's event lines in order."""
        try:
            start = self._file.tell()
            size = self._member(content)
        except OSError as error:
            raise errors.translate_os(error, self._path) from error
        self.parts.append(Part(stream, start, size, events, sha256(content).hexdigest()))
        self.events += events

    def finish(self) -> str:
        """The digest. After this the file is there for good, whatever happens to the machine."""
        digest = self._sum.hexdigest()
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._path, path_of(self.directory, digest))
            descriptor = os.open(self.directory, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise errors.translate_os(error, self.directory) from error
        return digest

    def abandon(self) -> None:
        self._file.close()
        try:
            os.unlink(self._path)
        except OSError:
            pass


def directory_of(database: str) -> str:
    return os.path.join(os.path.dirname(database), "archives")


def path_of(directory: str, digest: str) -> str:
    return os.path.join(directory, f"{digest}.jsonl.gz")


def part_content(directory: str, archive: str, start: int, size: int, digest: str, stream: str) -> bytes:
    """The lines of one run. Raises AndonError kind "corrupt" when they are not what was archived."""
    path = path_of(directory, archive)
    try:
        with open(path, "rb") as file:
            file.seek(start)
            packed = file.read(size)
        unpacker = zlib.decompressobj(31)
        content = unpacker.decompress(packed, MAX_MEMBER_BYTES)
    except OSError as error:
        raise errors.corrupt(f"the events of {stream} are in {path}, which can't be read: {error.strerror}") from error
    except zlib.error as error:
        raise errors.corrupt(f"the events of {stream} in {path} are damaged: {error}") from error
    if sha256(content).hexdigest() != digest:
        raise errors.corrupt(f"the events of {stream} in {path} are not those that were archived")
    return content


def events_of(content: bytes, stream: str) -> Iterator[FullEvent]:
    """The events of one run's lines. Raises AndonError kind "corrupt"."""
    for number, text in enumerate(content.rstrip(b"\n").split(b"\n"), 1):
        try:
            line = lines.decode(text, number)
            if not isinstance(line, lines.EventLine) or line.stream != stream:
                raise errors.corrupt(f"line {number} of the archived events of {stream} is no event of it")
            yield lines.full_event(line, number)
        except UsageError as error:
            raise errors.corrupt(f"the archived events of {stream}: {error.message}") from error


def part(directory: str, archive: str, start: int, size: int, digest: str, stream: str) -> list[FullEvent]:
    """The events of one archived run."""
    return list(events_of(part_content(directory, archive, start, size, digest, stream), stream))


def parts_of(path: str) -> list[Part]:
    """The runs of a file, found from the file alone. Raises OSError, zlib.error and AndonError kind "corrupt"."""
    found: list[Part] = []
    with open(path, "rb") as file:
        start = 0
        while True:
            size, content = _member_at(file, start)
            if not size:
                return found
            if start:
                stream = _stream_of(content, path)
                found.append(Part(stream, start, size, content.count(b"\n"), sha256(content).hexdigest()))
            start += size


def _member_at(file: BinaryIO, start: int) -> tuple[int, bytes]:
    """The compressed size and the content of the member that begins there; 0 at the end of the file."""
    file.seek(start)
    unpacker, pieces, fed = zlib.decompressobj(31), [], 0
    while not unpacker.eof:
        chunk = file.read(1 << 16)
        if not chunk:
            return 0, b""
        fed += len(chunk)
        pieces.append(unpacker.decompress(chunk))
    return fed - len(unpacker.unused_data), b"".join(pieces)


def _stream_of(content: bytes, path: str) -> str:
    try:
        line = lines.decode(content.partition(b"\n")[0], 1)
    except UsageError as error:
        raise errors.corrupt(f"{path}: {error.message}") from error
    if not isinstance(line, lines.EventLine):
        raise errors.corrupt(f"{path} holds something else than events")
    return line.stream


def content_digest(path: str) -> str:
    """The digest of a file's uncompressed content, with bounded memory. Raises OSError and zlib.error."""
    total = sha256()
    unpacker = zlib.decompressobj(31)
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            while chunk:
                piece = unpacker.decompress(chunk, 1 << 22)
                total.update(piece)
                chunk = unpacker.unconsumed_tail
                if unpacker.eof:
                    chunk, unpacker = unpacker.unused_data, zlib.decompressobj(31)
    return total.hexdigest()
