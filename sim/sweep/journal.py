"""The journal of a sweep: every outcome as soon as it is there, in a file that only grows.

A line is the CRC-32 of its text, a blank and the text, which is JSON; the first one says which study this is,
and of which version and code of tandemsim. A line goes to the system whole and at once, so that SIGKILL loses
none; to the disk at least every second, so that a power failure loses no more than that. The torn line that
either may leave at the end is cut off when the journal is opened again. A lock (``flock``), which ends with
its process, keeps a second sweep out.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tandemsim.sim.arch.checks import UserError, shown, shown_path
from tandemsim.sim.shell.files import FileError
from tandemsim.sim.sweep.point_run import Outcome

NAME = "points.journal"
SCHEMA = "tandem-sweep/1"
SYNC_SECONDS = 1.0  # assumed: what a power failure may cost; a sync takes milliseconds
_OUTCOME = msgspec.json.Decoder(Outcome)


class FolderError(UserError):
    """An output folder that holds something else."""


class Header(msgspec.Struct, frozen=True):
    """What the outcomes in a journal are of."""

    schema: str
    version: str  # of tandemsim
    code: str  # digest of its sources
    study: str  # digest of the study and its traces
    points: int


_HEADER = msgspec.json.Decoder(Header)


class Journal:
    """An open journal. Use as a context manager."""

    def __init__(self, folder: Path, header: Header, named: object = None, what: str = "sweep") -> None:
        """Open the journal in an existing folder, or begin one.

        Messages call the folder `named`, and what writes to it a `what`.

        Raises `FolderError` where another sweep is at work, or the folder has results of something else, and
        `FileError` where the system refuses.
        """
        self.path = folder / NAME
        self.folder, self._what = folder, what
        self.named = shown_path(folder if named is None else named)
        self._synced = time.monotonic()
        self.outcomes = 0  # lines that hold one
        with self._refusals():
            self._handle = self._locked()
            try:
                self._begin(header)
            except BaseException:
                os.close(self._handle)
                raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *error: object) -> None:
        if not self.outcomes:
            self.path.unlink(missing_ok=True)  # of a sweep that has not begun, nothing is left
        os.close(self._handle)

    def read(self) -> Iterator[Outcome]:
        """Yield every outcome, in the order in which they came."""
        with open(self.path, "rb") as stream:
            next(stream, None)
            for line in stream:
                text = _checked(line)
                if text is not None:
                    yield _OUTCOME.decode(text)

    def add(self, outcome: Outcome) -> None:
        """Append an outcome. Raises `FileError` where the system refuses, as of a full disk."""
        with self._refusals():
            _write(self._handle, _line(msgspec.json.encode(outcome)))
        self.outcomes += 1
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Bring all outcomes to the disk. Raises `FileError`."""
        with self._refusals():
            os.fdatasync(self._handle)
        self._synced = time.monotonic()

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            path = shown_path(Path(self.named, NAME))
            raise FileError(f"cannot write {path!r}: {error.strerror or error}") from error

    def _locked(self) -> int:
        """Open the file and lock it; anew where a sweep that ends has removed it meanwhile."""
        while True:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                self._lock(handle)
                if self.path.exists() and os.path.samestat(os.fstat(handle), self.path.stat()):
                    return handle
            except BaseException:
                os.close(handle)
                raise
            os.close(handle)

    def _lock(self, handle: int) -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise FolderError(f"another {self._what} is writing to {self.named!r}") from None
            # a file system without locks: two sweeps there are the user's own affair

    def _begin(self, header: Header) -> None:
        first = _line(msgspec.json.encode(header))
        with open(self.path, "rb") as stream:
            line = stream.readline()
            if line == first:
                self.outcomes = sum(1 for found in stream if _checked(found) is not None)
                self._cut()
                return
        if first.startswith(line):  # empty, or torn while it was begun
            os.ftruncate(self._handle, 0)
            _write(self._handle, first)
            self.sync()
            _sync_folder(self.folder)
            return
        raise FolderError(f"{self.named!r} holds {_other(line, header, self._what)}; name another folder")

    def _cut(self) -> None:
        """Cut off what stands after the last whole line, and go there."""
        size = os.fstat(self._handle).st_size
        end, step = size, 1 << 16
        while end > 0:
            start = max(0, end - step)
            place = os.pread(self._handle, end - start, start).rfind(b"\n")
            if place >= 0:
                end = start + place + 1
                break
            end = start
        if end < size:
            os.ftruncate(self._handle, end)
        os.lseek(self._handle, end, os.SEEK_SET)


def _other(line: bytes, header: Header, what: str) -> str:
    """Say what a journal that begins with `line` is of."""
    text = _checked(line)
    try:
        found = _HEADER.decode(text or b"")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return f"a file {NAME} that is not of a {what}"
    if found.schema != header.schema:
        return f"results in the form {shown(found.schema)}, not {shown(header.schema)}"
    if (found.study, found.points) != (header.study, header.points):
        return "the results of another study"
    if found.version != header.version:
        return f"results of tandemsim {found.version}, not {header.version}"
    return f"results of tandemsim {found.version} from before its code was edited"


def _line(text: bytes) -> bytes:
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _checked(line: bytes) -> bytes | None:
    """Return the text of a whole line, and None for one that is torn or damaged."""
    total, blank, text = line[:8], line[8:9], line[9:-1]
    good = blank == b" " and line.endswith(b"\n") and total == b"%08x" % zlib.crc32(text)
    return text if good else None


def _write(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
