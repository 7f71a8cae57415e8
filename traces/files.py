"""Writing a file whole or not at all.

A regular file appears by rename, from a name of `sim.shell.temporaries`; a target that exists and is no
regular file (a device, a pipe) is written in place.
"""

from __future__ import annotations

import os
from pathlib import Path

from tandemsim.sim.shell.temporaries import temporary_file
from tandemsim.traces.errors import TraceError


def write_file(path: Path, data: bytes) -> None:
    """Write `data` to `path`. Raises `TraceError` if that fails; an older file is then still there."""
    try:
        if _is_special(path):
            path.write_bytes(data)
        else:
            _write_by_rename(Path(os.path.realpath(path)), data)
    except OSError as error:
        raise TraceError(f"cannot be written: {error.strerror}", file=str(path)) from None


def _is_special(path: Path) -> bool:
    """Tell whether a rename would replace the target. A redirected /dev/stdout looks regular, and is not."""
    return path.exists() and (not path.is_file() or path.absolute().is_relative_to("/dev"))


def _write_by_rename(path: Path, data: bytes) -> None:
    with temporary_file(path.parent) as part:
        part.write_bytes(data)
        part.replace(path)
