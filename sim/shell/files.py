"""Writing files so that nobody ever sees half of one.

A regular file is written beside its place under a temporary name and appears by rename, so a failure leaves
what was there before. A target that exists and is not a regular file (a pipe, a device) is written in place,
and so is all below ``/dev``: a redirected ``/dev/stdout`` looks regular. What the system refuses becomes one
line: a `FileError` that names the path.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from tandemsim.sim.arch.checks import UserError, require, shown_path
from tandemsim.sim.shell.stopping import unstopped
from tandemsim.sim.shell.temporaries import new_parents, temporary_file, temporary_folder

STDOUT = "-"


class FileError(UserError):
    """A file or folder that cannot be written."""


@contextmanager
def written(path: str | Path) -> Iterator[BinaryIO]:
    """Yield a binary stream whose content becomes the file `path` when the block ends without an error.

    ``-`` is standard output. Raises `FileError` when the system refuses to write.
    """
    if str(path) == STDOUT:
        with standard_output() as out:
            yield out.buffer
            out.buffer.flush()
        return
    _require_possible(path)
    with refusals(path):
        if _is_special(Path(path)):
            with open(path, "wb") as stream:
                yield stream
        else:
            with _replaced(_resolved(path)) as stream:
                yield stream


@contextmanager
def standard_output() -> Iterator[TextIO]:
    """Yield standard output, and flush it.

    Raises `FileError` when it is closed or full, and `BrokenPipeError` when its reader has gone. What is
    then left in its buffer goes nowhere, so that the end of the process does not try once more.
    """
    if sys.stdout is None:
        raise FileError("cannot write to standard output: it is closed")
    try:
        yield sys.stdout
        sys.stdout.flush()
    except OSError as error:
        _drop_buffer(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise
        raise FileError(f"cannot write to standard output: {error.strerror or error}") from error


@contextmanager
def written_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty folder whose files appear in the folder `path` when the block ends without an error.

    A folder that does not exist yet appears whole, by one rename. In one that does, files of the same names
    are replaced one by one and all others stay. Raises `FileError` when the system refuses to write.
    """
    _require_folder_name(path)
    with refusals(path):
        place = _resolved(path)
        parent = place if place.exists() else place.parent
        with new_parents(parent), temporary_folder(parent) as temporary:
            try:
                yield temporary
            except FileError as error:  # of one of its files, which the user knows by another name
                raise FileError(str(error).replace(str(temporary), str(path))) from error
            _publish(temporary, place)


def require_writable_file(path: str | Path) -> None:
    """Raise `FileError` if the file `path` plainly cannot be written. Creates nothing.

    Asked before a run, so that a long one does not end in a refusal; a courtesy, not a promise.
    """
    if str(path) == STDOUT:
        return
    require(str(path) != "", "an output file must have a name", path)
    _require_possible(path)
    target = Path(path)
    with refusals(path):
        if target.is_dir():
            raise FileError(f"an output file must be a file, not the folder {shown_path(path)!r}")
        if not _is_special(target):
            _require_writable(path, _resolved(path).parent)


def is_same_file(path: str | Path, other: str | Path) -> bool:
    """Whether what is written to one would take the place of the other; a device or a pipe takes both."""
    return not _is_special(Path(path)) and _resolved(path) == _resolved(other)


def is_in_the_way(file: str | Path, folder: str | Path) -> bool:
    """Whether the file would take the place of the folder, or of one that the folder lies in."""
    return not _is_special(Path(file)) and _resolved(folder).is_relative_to(_resolved(file))


def require_writable_folder(path: str | Path, names: Iterable[str] = ()) -> None:
    """Raise `FileError` if the folder `path` plainly cannot be made or written to. Creates nothing.

    `names` are the files that may be written into it: in an existing folder none of them may be a folder.
    """
    _require_folder_name(path)
    with refusals(path):
        place = _resolved(path)
        if place.exists() and not place.is_dir():
            raise FileError(f"an output folder must be a folder, not the file {shown_path(path)!r}")
        _require_writable(path, next(folder for folder in (place, *place.parents) if folder.exists()))
        for name in names:
            _require_no_folder(Path(path) / name)


def _require_possible(path: str | Path) -> None:
    try:
        possible = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise FileError(f"cannot write {shown_path(path)!r}: a file cannot have that name")


def _require_folder_name(path: str | Path) -> None:
    _require_possible(path)
    named = os.fspath(path) != "" and _resolved(path).name != ""  # the root has none
    require(named, "an output folder must have a name", str(path))


def printable(path: str | Path) -> str:
    """Return a path as text that can be written anywhere: bytes that are not UTF-8 are replaced."""
    return os.fsencode(path).decode("utf-8", "replace")


def _require_writable(path: str | Path, folder: Path) -> None:
    if not folder.exists():
        raise FileError(
            f"cannot write {shown_path(path)!r}: the folder {shown_path(folder)!r} does not exist"
        )
    if not folder.is_dir():
        raise FileError(f"cannot write {shown_path(path)!r}: {shown_path(folder)!r} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FileError(
            f"cannot write {shown_path(path)!r}: the folder {shown_path(folder)!r} is not writable"
        )


def _require_no_folder(path: Path) -> None:
    if path.is_dir():
        raise FileError(f"cannot write {shown_path(path)!r}: it is a folder")


@contextmanager
def refusals(path: object) -> Iterator[None]:
    """Turn what the system refuses in the block into a `FileError` that names `path`."""
    try:
        yield
    except OSError as error:
        raise FileError(f"cannot write {shown_path(path)!r}: {error.strerror or error}") from error


def _resolved(path: str | Path) -> Path:
    """The place itself, so that a link to it stays a link."""
    return Path(os.path.realpath(path))


def _is_special(path: Path) -> bool:
    return path.exists() and (not path.is_file() or path.absolute().is_relative_to("/dev"))


def _drop_buffer(stream: TextIO) -> None:
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except OSError:  # no file behind it
        pass


@contextmanager
def _replaced(place: Path) -> Iterator[BinaryIO]:
    with temporary_file(place.parent) as temporary:
        with open(temporary, "wb") as stream:
            yield stream
        if place.exists():
            shutil.copymode(place, temporary)
        os.replace(temporary, place)


def _publish(temporary: Path, place: Path) -> None:
    if not place.exists():
        os.rename(temporary, place)
        return
    files = sorted(temporary.iterdir())
    for file in files:  # before the first rename, so that this refusal at least leaves the old set whole
        _require_no_folder(place / file.name)
    with unstopped():
        for file in files:
            os.replace(file, place / file.name)
