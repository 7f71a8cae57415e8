"""Files and folders under a temporary name, beside the place that they are for, and what dead processes left.

Their names say what they are: ``.tandem-5f0c9a3e5f0c9a3e.part``. As long as its owner lives each is locked
(``flock``), which ends with the process, however that ends: SIGKILL leaves the file and no lock. Whoever
next writes to the same folder removes what nobody holds. Where a file system has no locks nothing is removed.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tandemsim.sim.shell.stopping import cleaned_by, unstopped

TRIES = 1000  # assumed: another thread that fills a folder is not so often the faster one
LEFT = re.compile(r"\.tandem-[0-9a-f]{16}\.part")


@contextmanager
def temporary_file(folder: Path) -> Iterator[Path]:
    """Yield an empty file in `folder`; if it is still there after the block, it is removed."""
    with _temporary(folder, _new_file) as path:
        yield path


@contextmanager
def temporary_folder(folder: Path) -> Iterator[Path]:
    """The same for an empty folder in `folder`."""
    with _temporary(folder, os.mkdir) as path:
        yield path


@contextmanager
def new_parents(folder: Path) -> Iterator[None]:
    """Make `folder` and what is missing above it; after the block the new ones go if they are empty."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]

    def remove() -> None:
        with suppress(OSError):  # not made, or not empty
            for path in missing:
                path.rmdir()

    with cleaned_by(remove):
        with unstopped():
            folder.mkdir(parents=True, exist_ok=True)
        yield


def remove_leftovers(folder: Path) -> None:
    """Remove what processes that are gone have left in `folder`; that of living ones stays."""
    with suppress(OSError):  # a folder that can be written to and not be read
        for entry in os.scandir(folder):
            if LEFT.fullmatch(entry.name):
                _remove_unowned(Path(entry.path))


@contextmanager
def _temporary(parent: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    remove_leftovers(parent)
    path, lock = parent / f".tandem-{secrets.token_hex(8)}.part", None
    with cleaned_by(lambda: _remove(path)):
        while lock is None:  # not more than once, unless another process finds it before it is locked
            with unstopped():
                make(path)
            lock = _locked(path)
        try:
            yield path
        finally:
            os.close(lock)


def _new_file(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))  # not mkstemp: for its owner alone


def _locked(path: Path) -> int | None:
    """Lock a path that was made just now; None where another process has removed it as a leftover."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with suppress(OSError):  # no locks here: then nobody removes it either
        fcntl.flock(handle, fcntl.LOCK_EX)
    if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
        return handle
    os.close(handle)
    return None


def _remove_unowned(path: Path) -> None:
    with suppress(OSError):  # locked by its owner, or removed by another process; or not ours to remove
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if stat.S_ISREG(os.fstat(handle).st_mode) or stat.S_ISDIR(os.fstat(handle).st_mode):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(path)
        finally:
            os.close(handle)


def _remove(path: Path) -> None:
    """Remove a file or a folder, though another thread may still put files into it."""
    with suppress(OSError):  # gone, or of somebody else
        for _ in range(TRIES):
            if not path.is_dir() or path.is_symlink():
                path.unlink()
                return
            shutil.rmtree(path, ignore_errors=True)
