"""The arrays of a trace (scales of a quantisation, masks), in the ``.npz`` beside it.

The trace holds shape, type and SHA-256 of each, so that its own digest covers them. Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traces.errors import TraceError
from traces.files import write_file
from traces.schema import ArrayInfo, Trace

Arrays = Mapping[str, NDArray[Any]]


def array_info(array: NDArray[Any]) -> ArrayInfo:
    """Return what a trace states of an array."""
    if array.dtype.hasobject:
        raise TraceError(f"must hold numbers, not {array.dtype}", field="arrays")
    portable = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    digest = hashlib.sha256(portable.tobytes()).hexdigest()
    return ArrayInfo(shape=array.shape, dtype=array.dtype.name, sha256=digest)


def npz_path(trace_path: str | Path) -> Path:
    """Return the ``.npz`` that belongs to a trace file: ``x.json.gz`` has ``x.npz``."""
    path = Path(trace_path)
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".json") + ".npz")


def save_arrays(trace: Trace, arrays: Arrays, trace_path: str | Path) -> None:
    """Write the arrays that `trace` names beside it. Raises `TraceError` if they are not those."""
    path = npz_path(trace_path)
    _check(trace, arrays, str(path))
    buffer = io.BytesIO()
    stored: dict[str, Any] = {name: arrays[name] for name in sorted(arrays)}
    np.savez_compressed(buffer, **stored)
    write_file(path, buffer.getvalue())


def load_arrays(trace: Trace, trace_path: str | Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of a trace that was loaded from `trace_path`. Raises `TraceError`."""
    if not trace.arrays:
        return {}
    path = npz_path(trace_path)
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise TraceError(f"cannot be read: {error}", file=str(path)) from None
    _check(trace, arrays, str(path))
    return arrays


def _check(trace: Trace, arrays: Arrays, file: str) -> None:
    if set(arrays) != set(trace.arrays):
        found, wanted = ", ".join(sorted(arrays)) or "none", ", ".join(sorted(trace.arrays)) or "none"
        raise TraceError(f"must hold the arrays {wanted}, not {found}", file=file)
    for name, array in arrays.items():
        if array_info(array) != trace.arrays[name]:
            raise TraceError("is not the array that the trace names", file=file, field=name)
