"""Reads arrays of an ``.npz``, sizes first: the directory, then a header, then, on request, the data.

Obeys the formats of zip (stored and deflated members, as ``numpy.savez`` and ``savez_compressed`` write them)
and of numpy's NEP 1. Nothing is ever unpickled, and no more is read than a header says: a caller that has
compared shape and type with what it needs is safe from a file that unpacks without end.
"""

from __future__ import annotations

import io
import math
import os
import stat
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tandemsim.sim.arch.checks import shown
from tandemsim.traces.errors import TraceError

MAX_READ = 2**20  # bytes at once, of a directory too: some twenty thousand arrays
MAX_HEADER = 2**12  # assumed: bytes of an array's header; numpy's are padded to 64 or 128
MAGIC = b"\x93NUMPY"
LENGTHS = {1: 2, 2: 4}  # version of a header -> bytes that its length takes; 3 is for named fields
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 1  # a bit of a member's flags


class Header(NamedTuple):
    """What the header of an array says about it."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool
    begin: int  # bytes of the member before the data


class ArrayFile:
    """An open ``.npz``. `names` are those of its arrays, in their order."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._members: dict[str, zipfile.ZipInfo] = {}
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name in self._members:
                raise TraceError(f"must hold each array once, not {shown(name)} twice")
            self._members[name] = member
        self.names = list(self._members)

    def header(self, name: str) -> Header:
        """Return shape and type of an array. Raises `TraceError` for what is not an array of plain values."""
        with self._opened(name) as stream:
            return _header(stream)

    def read(self, name: str) -> NDArray[Any]:
        """Return an array. The caller has already compared its header with what it needs."""
        with self._opened(name) as stream:
            header = _header(stream)
            count = math.prod(header.shape)
            size = count * header.dtype.itemsize
            stated = self._members[name].file_size - header.begin
            if stated != size:
                raise TraceError(f"must have {size} bytes of data, as its header says, not {stated}")
            flat = np.empty(count, header.dtype)
            _fill(stream, flat.view(np.uint8).data if size else memoryview(b""))
        return flat.reshape(header.shape, order="F" if header.is_fortran else "C")

    @contextmanager
    def _opened(self, name: str) -> Iterator[IO[bytes]]:
        member = self._members[name]
        try:
            if member.compress_type not in METHODS or member.flag_bits & ENCRYPTED:
                raise TraceError("must be stored or deflated, and not encrypted")
            with self._archive.open(member) as stream:
                yield stream
        except TraceError as error:
            raise TraceError(error.message, field=name) from None
        except Exception:  # zipfile and zlib raise a dozen kinds for damaged members
            raise TraceError("is damaged", field=name) from None


@contextmanager
def open_arrays(path: Path) -> Iterator[ArrayFile]:
    """Open an ``.npz``. Raises `TraceError`, with the file, for what is not one or is damaged."""
    try:
        with _archive(path) as archive:
            yield ArrayFile(archive)
    except TraceError as error:
        raise error.located(file=str(path)) from None


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        kind = os.stat(path).st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
            raise TraceError("must be a regular file, which can be read in any order")
        stream, begin = _begun(path)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        if isinstance(error, TraceError):
            raise
        raise TraceError(f"cannot be read: {getattr(error, 'strerror', None) or 'not a name'}") from None
    with stream:
        if begin == MAGIC:
            raise TraceError("must hold named arrays, as numpy.savez writes them, not a single one")
        try:
            archive = zipfile.ZipFile(stream)
        except Exception:  # zipfile raises a dozen kinds for damaged directories
            raise TraceError("is not an .npz, the zip file of arrays that numpy.savez writes") from None
        with archive:
            yield archive


def _begun(path: Path) -> tuple[_File, bytes]:
    """Return the open file and its first bytes: some files can be opened but not read."""
    stream = _File(path)
    try:
        return stream, stream.read(len(MAGIC))
    except OSError:
        stream.close()
        raise


class _File(io.FileIO):
    """A file that refuses to read more at once than a directory may have."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:  # zipfile looks for the directory in the last 64 KiB
            size = MAX_READ
        if size > MAX_READ:
            raise zipfile.BadZipFile
        return super().read(size) or b""


def _header(stream: IO[bytes]) -> Header:
    begin = stream.read(len(MAGIC) + 2)
    width = LENGTHS.get(begin[len(MAGIC)]) if begin.startswith(MAGIC) and len(begin) == 8 else None
    length = stream.read(width or 0)
    count = int.from_bytes(length, "little")
    if width is None or count > MAX_HEADER:
        raise TraceError("is not an array as numpy.savez writes it")
    text = io.BytesIO(length + stream.read(count))
    read = np.lib.format.read_array_header_1_0 if width == LENGTHS[1] else np.lib.format.read_array_header_2_0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what Python 2 wrote
            shape, is_fortran, dtype = read(text, max_header_size=MAX_HEADER)
    except Exception:  # a header is a Python literal, which can be wrong in every way
        raise TraceError("is not an array as numpy.savez writes it") from None
    if dtype.hasobject:
        raise TraceError("must hold numbers, not Python objects")
    if not all(type(side) is int and side >= 0 for side in shape):
        raise TraceError("is not an array as numpy.savez writes it")
    return Header(shape, dtype, bool(is_fortran), len(begin) + len(length) + count)


def _fill(stream: IO[bytes], data: memoryview) -> None:
    """Read exactly what fits, which is the whole member, so that its checksum is compared."""
    filled = 0
    while filled < len(data):
        part = stream.read(min(MAX_READ, len(data) - filled))
        if not part:
            raise EOFError
        data[filled : filled + len(part)] = part
        filled += len(part)
