"""Limits of what is read from a file: sizes are checked first, then the content is read.

So /dev/zero, an endless pipe, a file of gigabytes and a gzip bomb are all refused at once. A document of
`MAX_BYTES` and `MAX_MARKS`, of the costliest shape, is read or refused in less than 300 MiB of memory
(tests/traces/test_trace_limits.py); the largest checked-in trace has 0.2 MiB and 31,000 marks.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path

from tandemsim.traces.errors import TraceError, violation

MIB = 2**20
MAX_BYTES = 16 * MIB  # assumed: of a document, when unpacked; 70 times the largest checked-in trace
MAX_TABLE_BYTES = 4 * MIB  # assumed: of a topology; SCALE-Sim's own have some kilobytes
MAX_MARKS = 3 * 2**19  # assumed; each value of a document comes with at least one of `MARKS`
MARKS = b",:[{"
# assumed: ops of a trace that is recorded from a model. Of a recurrence, which is unrolled step by step, a
# document holds somewhat more.
MAX_OPS = 2**15
MAX_MEMBERS = 64  # assumed: pieces of a gzip file, usually one; finding each one scans the rest of the file


def read_document(path: Path, limit: int = MAX_BYTES) -> bytes:
    """Return the content of a file, unpacked if its name ends in .gz.

    Raises `TraceError`, without the file, for one of more than `limit` bytes, packed or not.
    """
    data = _read(path, limit)
    return _unpacked(data, limit) if path.name.endswith(".gz") else data


def as_text(data: bytes) -> str:
    """Return text in UTF-8, without a mark of byte order. Raises `TraceError` for what is not UTF-8."""
    encoding = json.detect_encoding(data[:4])  # by marks, or by where zeros stand
    if not encoding.startswith("utf-8"):
        raise TraceError(f"must be text in UTF-8, not {encoding.upper()[:6]}")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        wrong = data[error.start]
        raise TraceError(f"is not text in UTF-8: byte {wrong:#04x} at position {error.start}") from None


def count_marks(data: bytes) -> int:
    """Return how many values a document may hold: those marks within strings count too."""
    return sum(data.count(mark) for mark in MARKS)


def check_marks(data: bytes) -> None:
    """Raise `TraceError` for a document of more values than are decoded."""
    marks = count_marks(data)
    if marks > MAX_MARKS:
        rule = f"must hold at most {MAX_MARKS} commas, colons and opening brackets"
        raise TraceError(f"{rule}, not {marks}")


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise TraceError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > limit:
        raise _too_large(limit)
    return data


def _unpacked(data: bytes, limit: int) -> bytes:
    text = bytearray()
    for _ in range(MAX_MEMBERS):
        unpack = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)  # 16: with the header of gzip
        try:
            text += unpack.decompress(data, limit + 1 - len(text))
        except zlib.error as error:
            raise TraceError(f"is not a valid gzip file: {str(error).partition(': ')[2]}") from None
        if len(text) > limit:
            raise _too_large(limit)
        if not unpack.eof:
            raise TraceError("is not a valid gzip file: it ends too early")
        data = unpack.unused_data.lstrip(b"\0")  # gzip files may be padded
        if not data:
            return bytes(text)
    raise violation("", f"must be at most {MAX_MEMBERS} pieces of gzip", "more")


def _too_large(limit: int) -> TraceError:
    return TraceError(f"must hold at most {limit // MIB} MiB, and is larger")
