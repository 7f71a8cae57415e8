"""Where in a model something happens: the module that is running and the line of its code.

Read from Python's own frames, so it works below any call and for errors that PyTorch raises. The line is that
of the innermost frame that is neither PyTorch's nor the tracer's: the user's own or a library's, such as
``transformers/masking_utils.py:369``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType, TracebackType

import torch
from torch import nn

_SILENT = (str(Path(torch.__file__).parent) + os.sep, str(Path(__file__).parent) + os.sep)
_OWN_MODELS = ("longformer.py", "vil.py")  # beside the tracer, but models


class Names:
    """The names of a model's modules, by which frames are recognized."""

    def __init__(self, model: nn.Module | None = None) -> None:
        self._names: Mapping[int, str] = (
            {} if model is None else {id(child): name for name, child in model.named_modules()}
        )

    def here(self) -> str:
        """Return where the code that calls this function runs: ``module 'x.y', file.py:12``."""
        return self._told(_outward(sys._getframe(1)))

    def of(self, error: BaseException) -> str:
        """Return where an error was raised."""
        return self._told(reversed(list(_inward(error.__traceback__))))

    def _told(self, frames: Iterator[tuple[FrameType, int]]) -> str:
        owner, line = "", ""
        for frame, number in frames:
            name = frame.f_code.co_filename
            if not line and not _is_silent(name):
                line = f", {_short(name)}:{number}"
            known = _owner(frame, self._names)
            if known is not None:
                owner = known
                break
        else:
            line = ""  # not below the model
        return (f"module {owner!r}" if owner else "the model itself") + line


def _outward(frame: FrameType | None) -> Iterator[tuple[FrameType, int]]:
    while frame is not None:
        yield frame, frame.f_lineno
        frame = frame.f_back


def _inward(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def _owner(frame: FrameType, names: Mapping[int, str]) -> str | None:
    """Return the name of the module whose method this frame runs, None for other code."""
    if "self" not in frame.f_code.co_varnames[:1]:
        return None
    return names.get(id(frame.f_locals.get("self")))


def _is_silent(path: str) -> bool:
    if path.startswith("<"):
        return True
    return path.startswith(_SILENT) and not path.endswith(_OWN_MODELS)


def _short(path: str) -> str:
    """Return a path without the folder that packages are installed in, or the one that we run in."""
    for folder in ("site-packages", "dist-packages"):
        _, found, after = path.rpartition(f"{os.sep}{folder}{os.sep}")
        if found:
            return after
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return Path(path).name
