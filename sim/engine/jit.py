"""`jit`: the decorator of every kernel, and the disk cache that is never stale. The only importer of numba.

numba's own cache (0.68) looks at the file that holds a kernel, and at nothing else: after an edit to a helper
in another file it silently answers with the old code. So the cache folder is named by a digest of all sources
that a kernel can be made of, and of the versions that compile it; an edit lands in a fresh folder.

The folders live below ``kernels/`` in ``$TANDEM_CACHE_DIR``, else ``$XDG_CACHE_HOME/tandemsim``, else
``~/.cache/tandemsim``; where that cannot be written, below the system's temporary folder; where that cannot be
either, kernels are compiled in each process. With ``NUMBA_DISABLE_JIT=1`` kernels run as plain Python.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar, overload

import numba
import numpy

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

SIM = Path(__file__).resolve().parents[1]
SOURCES = (SIM, SIM.parent / "traces")  # kernels live in `sim`; constants that they freeze may be of `traces`
DIGEST_LENGTH = 32  # hex digits, 128 bits
KEPT_FOLDERS = 8  # assumed: checkouts and versions that one user alternates between
NUMBA_SETTINGS: Any = numba.config  # made at run time, so that type checkers see no attributes


@overload
def jit(function: Kernel, /) -> Kernel: ...
@overload
def jit(**options: Any) -> Callable[[Kernel], Kernel]: ...
def jit(function: Kernel | None = None, /, **options: Any) -> Kernel | Callable[[Kernel], Kernel]:
    """Compile a module-level function: ``@jit``, or ``@jit(inline="always")`` with options of ``numba.njit``.

    Only functions below `sim` are cached on disk. Those of tests, benchmarks and notebooks may call helpers
    that the digest does not see, and are compiled in each process. Kernels release the GIL.
    """
    if function is None:
        return functools.partial(_compiled, **options)
    return _compiled(function, **options)


def source_digest(folders: tuple[Path, ...] = SOURCES) -> str:
    """Return the digest of all ``.py`` files below `folders` and of the versions that compile them."""
    digest = hashlib.sha256()
    digest.update(repr((platform.python_version(), numpy.__version__, numba.__version__)).encode())
    for folder in folders:
        for path in sorted(_python_files(folder)):
            text = Path(path).read_bytes()
            digest.update(f"\0{os.path.relpath(path, folder.parent)}\0{len(text)}\0".encode())
            digest.update(text)
    return digest.hexdigest()[:DIGEST_LENGTH]


@functools.cache
def cache_folder() -> Path | None:
    """Return the folder of this process's compiled kernels, or None where no folder can be written."""
    digest = source_digest()
    for parent in _parents():
        folder = parent / "kernels" / digest
        if _usable(folder):
            _remove_old_folders(folder.parent)
            return folder
    return None


def _compiled(function: Kernel, **options: Any) -> Kernel:
    options = {"nogil": True, "cache": _is_cached(function), **options}
    before = NUMBA_SETTINGS.CACHE_DIR
    if options["cache"]:
        NUMBA_SETTINGS.CACHE_DIR = str(cache_folder())
    try:
        kernel: Kernel = numba.njit(**options)(function)  # this, and not the first call, chooses the folder
    finally:
        NUMBA_SETTINGS.CACHE_DIR = before  # others who use numba in this process keep their own
    return kernel


def _is_cached(function: Callable[..., Any]) -> bool:
    if NUMBA_SETTINGS.DISABLE_JIT:
        return False
    return Path(function.__code__.co_filename).resolve().is_relative_to(SIM) and cache_folder() is not None


def _python_files(folder: Path) -> Iterator[str]:
    for root, _, files in os.walk(folder):
        yield from (os.path.join(root, name) for name in files if name.endswith(".py"))


def _parents() -> Iterator[Path]:
    if named := os.environ.get("TANDEM_CACHE_DIR"):
        yield Path(named)
    else:
        yield Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tandemsim"
    yield Path(tempfile.gettempdir()) / f"tandemsim-{os.getuid()}"


def _usable(folder: Path) -> bool:
    """Create `folder`, and say whether we can write to it and it is our own: what lies in it will be run."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.utime(folder)  # marks the folder as used, for _remove_old_folders
        ours = all(path.stat().st_uid == os.getuid() for path in (folder, *folder.parents[:2]))
    except (OSError, RuntimeError):  # RuntimeError: a user without a home
        return False
    return ours and os.access(folder, os.W_OK)


def _remove_old_folders(kernels: Path) -> None:
    """Keep the most recently used folders. A running process whose folder goes will only compile again."""
    named = [path for path in kernels.iterdir() if re.fullmatch(f"[0-9a-f]{{{DIGEST_LENGTH}}}", path.name)]
    for old in sorted(named, key=_last_use, reverse=True)[KEPT_FOLDERS:]:
        shutil.rmtree(old, ignore_errors=True)


def _last_use(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:  # another process has just removed it
        return 0.0
