"""The arrays of a trace (scales of a quantization, masks), in the ``.npz`` beside it.

The trace holds shape, type and SHA-256 of each, so that its own digest covers them. Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tandemsim.sim.shell.files import written
from tandemsim.traces.errors import TraceError, listed, violation
from tandemsim.traces.npz import open_arrays
from tandemsim.traces.schema import ArrayInfo, Trace

MAX_ARRAY_BYTES = 2**26  # assumed: of one array; scales have some kilobytes
NOT_NAMED = "is not the array that the trace names"

Arrays = Mapping[str, NDArray[Any]]


def array_info(array: NDArray[Any]) -> ArrayInfo:
    """Return what a trace records of an array: shape, type and digest. Raises `TraceError` for objects."""
    if array.dtype.hasobject:
        raise TraceError(f"must hold numbers, not {array.dtype}", field="arrays")
    portable = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    digest = hashlib.sha256(portable.data if portable.size else b"").hexdigest()
    return ArrayInfo(shape=array.shape, dtype=array.dtype.name, sha256=digest)


def npz_path(trace_path: str | Path) -> Path:
    """Return the ``.npz`` that belongs to a trace file: ``x.json.gz`` has ``x.npz``."""
    path = Path(trace_path)
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".json") + ".npz")


def save_arrays(trace: Trace, arrays: Arrays, trace_path: str | Path) -> None:
    """Write the arrays that `trace` names beside it.

    Raises `TraceError` if `arrays` are not those, and `FileError` where the system refuses to write.
    """
    path = npz_path(trace_path)
    _check(trace, arrays, str(path))
    buffer = io.BytesIO()
    stored: dict[str, Any] = {name: arrays[name] for name in sorted(arrays)}
    np.savez_compressed(buffer, **stored)
    with written(path) as stream:
        stream.write(buffer.getvalue())


def load_arrays(trace: Trace, trace_path: str | Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of a trace that was loaded from `trace_path`. Raises `TraceError`."""
    if not trace.arrays:
        return {}
    path = npz_path(trace_path)
    with open_arrays(path) as stored:
        _check_names(trace, stored.names, str(path))
        for name, stated in trace.arrays.items():
            header = stored.header(name)
            if (header.shape, header.dtype.name) != (stated.shape, stated.dtype):
                raise TraceError(NOT_NAMED, field=name)
            if header.dtype.itemsize * math.prod(header.shape) > MAX_ARRAY_BYTES:
                raise violation(name, f"must have at most {MAX_ARRAY_BYTES} bytes", list(header.shape))
        arrays = {name: stored.read(name) for name in trace.arrays}
    _check(trace, arrays, str(path))
    return arrays


def _check_names(trace: Trace, names: Iterable[str], file: str) -> None:
    if set(names) != set(trace.arrays):
        found, wanted = listed(sorted(names)), listed(sorted(trace.arrays))
        raise TraceError(f"must hold the arrays {wanted}, not {found}", file=file)


def _check(trace: Trace, arrays: Arrays, file: str) -> None:
    _check_names(trace, arrays, file)
    for name, array in arrays.items():
        if array_info(array) != trace.arrays[name]:
            raise TraceError(NOT_NAMED, file=file, field=name)
