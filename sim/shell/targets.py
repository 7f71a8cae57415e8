"""Where a command is to write, checked before it runs: each place by itself, and that no two are one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path

from tandemsim.sim.arch.checks import ConfigError, shown_path
from tandemsim.sim.shell.files import (
    STDOUT,
    is_in_the_way,
    is_same_file,
    require_writable_file,
    require_writable_folder,
)


def require_writable(
    files: Mapping[str, str | None], folder: str | None = None, names: Iterable[str] = ()
) -> None:
    """Raise `UserError` if what a command is to write plainly cannot be written. Creates nothing.

    `files` are the values of options that name a file, `folder` is the value of ``--out``, and `names` are
    the files that may be written into it. None: the option is not given.
    """
    given = {option: path for option, path in files.items() if path is not None}
    for (one, path), (two, other) in itertools.combinations(given.items(), 2):
        if path == other == STDOUT:
            raise ConfigError(f"only one of {one} and {two} may be -")
    for path in given.values():
        require_writable_file(path)
    names = tuple(names)
    if folder is not None:
        require_writable_folder(folder, names)
    given = {option: path for option, path in given.items() if path != STDOUT}
    for (one, path), (two, other) in itertools.combinations(given.items(), 2):
        if is_same_file(path, other):
            raise ConfigError(f"{one} and {two} must be two files, not both {shown_path(path)!r}")
    if folder is None:
        return
    for option, path in given.items():
        refusal = f"{option} cannot be the file {shown_path(path)!r}: --out {shown_path(folder)!r}"
        if is_in_the_way(path, folder):
            raise ConfigError(f"{refusal} makes a folder of it")
        if any(is_same_file(path, Path(folder, name)) for name in names):
            raise ConfigError(f"{refusal} writes that one too")
