"""Where compiled kernels lie on disk: a folder named by a digest of all sources that a kernel can be made of.

An edit anywhere lands in a fresh folder, and so does another version of numba, numpy or Python. The folders
live below ``kernels/`` in ``$TANDEM_CACHE_DIR``, else ``$XDG_CACHE_HOME/tandemsim``, else
``~/.cache/tandemsim``; where that cannot be written, below the system's temporary folder; where that cannot
be either, there is none. Only folders that belong to the user are taken, since what lies in them is run.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

SIM = Path(__file__).resolve().parents[1]
SOURCES = (SIM, SIM.parent / "traces")  # kernels live in `sim`; constants that they freeze may be of `traces`
DIGEST_LENGTH = 32  # hex digits, 128 bits
KEPT_FOLDERS = 8  # assumed: checkouts and versions that one user alternates between


@functools.cache
def cache_folder() -> Path | None:
    """Return this process's folder, made and marked as used, or None where no folder can be written."""
    digest = source_digest()
    for parent in _parents():
        folder = parent / "kernels" / digest
        if _usable(folder):
            _remove_old_folders(folder.parent)
            return folder
    return None


def is_cold() -> bool:
    """Whether kernels have to be compiled, since no process has kept any. Without a folder always."""
    folder = cache_folder()
    return folder is None or next(folder.rglob("*.nbi"), None) is None


def source_digest(folders: tuple[Path, ...] = SOURCES) -> str:
    """Return the digest of all ``.py`` files below `folders` and of the versions that compile them."""
    versions = repr((platform.python_version(), version("numpy"), version("numba")))
    return hashlib.sha256(f"{versions}\0{code_digest(folders)}".encode()).hexdigest()[:DIGEST_LENGTH]


def code_digest(folders: tuple[Path, ...] = SOURCES) -> str:
    """Return the digest of all ``.py`` files below `folders`: of what decides the results of a run."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(_python_files(folder)):
            text = Path(path).read_bytes()
            digest.update(f"\0{os.path.relpath(path, folder.parent)}\0{len(text)}\0".encode())
            digest.update(text)
    return digest.hexdigest()[:DIGEST_LENGTH]


def _python_files(folder: Path) -> Iterator[str]:
    for root, _, files in os.walk(folder):
        yield from (os.path.join(root, name) for name in files if name.endswith(".py"))


def _parents() -> Iterator[Path]:
    if named := os.environ.get("TANDEM_CACHE_DIR"):
        yield Path(named)
    else:
        yield Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "tandemsim"
    yield Path(tempfile.gettempdir()) / f"tandemsim-{os.getuid()}"


def _usable(folder: Path) -> bool:
    """Create `folder`, mark it as used, and say whether it and its two parents are ours to write."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.utime(folder)
        ours = all(path.stat().st_uid == os.getuid() for path in (folder, *folder.parents[:2]))
    except OSError:
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
