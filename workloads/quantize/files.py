"""Weights of a file, ``.npz`` or ``.safetensors``, as a model whose layers are its tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tandemsim.sim.arch.checks import ConfigError, shown, shown_path
from tandemsim.sim.shell.command_line import installed_by
from tandemsim.sim.shell.version import __version__
from tandemsim.traces.npz import open_arrays
from tandemsim.traces.schema import DTYPE_BITS, Source, Tensor, Trace
from tandemsim.traces.validate import seal
from tandemsim.workloads.quantize.model import Layer, Model

NPZ, SAFETENSORS = ".npz", ".safetensors"
LEAST_DIMENSIONS = 2  # vectors are biases, norms and the like
MAX_BYTES = 2**32  # assumed: of one tensor
Arrays = Mapping[str, npt.NDArray[Any]]


def read_file(path: Path) -> Model:
    """Return the tensors of a file. Raises `TraceError` or `ConfigError` for what is not such a file."""
    arrays = _of_npz(path) if path.suffix == NPZ else _of_safetensors(path)
    chosen = {name: array for name, array in arrays.items() if is_weight(array)}
    layers = [
        Layer(name=name, weight_name=name, weight=array.astype(np.float32) if _is_foreign(array) else array)
        for name, array in chosen.items()
    ]
    left = [name for name in arrays if name not in chosen]
    return Model(name=path.stem, layers=layers, left=left, trace=lambda: weights_trace(path.stem, chosen))


def is_weight(array: npt.NDArray[Any]) -> bool:
    """Whether an array is quantized: one of fractions that is not a vector."""
    is_fraction = array.dtype.kind == "f" or (_is_foreign(array) and "float" in array.dtype.name)
    return is_fraction and array.ndim >= LEAST_DIMENSIONS and array.size > 0


def _is_foreign(array: npt.NDArray[Any]) -> bool:
    """Whether the type is one of `ml_dtypes`, which float32 holds exactly."""
    return array.dtype.name in DTYPE_BITS and array.dtype.kind == "V"


def weights_trace(name: str, arrays: Arrays) -> Trace:
    """Return a trace that has weights and no op."""
    tensors = [
        Tensor(id=number, shape=array.shape, dtype=_dtype(key, array), role="weight", name=key)
        for number, (key, array) in enumerate(arrays.items())
    ]
    source = Source(model=name, configuration={}, exporter="workloads.quantize", exporter_version=__version__)
    return seal(source=source, tensors=tensors, ops=[])


def _dtype(name: str, array: npt.NDArray[Any]) -> str:
    if array.dtype.name not in DTYPE_BITS:
        raise ConfigError(f"tensor {shown(name)} must be {', '.join(DTYPE_BITS)}, not {array.dtype}")
    return array.dtype.name


def _of_npz(path: Path) -> Arrays:
    with open_arrays(path) as stored:
        for name in stored.names:
            header = stored.header(name)
            size = header.dtype.itemsize * math.prod(header.shape)
            if size > MAX_BYTES:
                raise ConfigError(f"tensor {shown(name)} must have at most {MAX_BYTES} bytes, not {size}")
        return {name: stored.read(name) for name in stored.names}


def _of_safetensors(path: Path) -> Arrays:
    with installed_by("workloads", "pip install 'tandemsim[quantize]'"):
        import ml_dtypes  # bfloat16 and float8, which numpy does not know
        from safetensors import SafetensorError, deserialize
    types: dict[str, Any] = {
        "F64": np.float64,
        "F32": np.float32,
        "F16": np.float16,
        "BF16": ml_dtypes.bfloat16,
    }
    types |= {"F8_E4M3": ml_dtypes.float8_e4m3fn, "F8_E5M2": ml_dtypes.float8_e5m2}
    try:
        stored = sorted(deserialize(path.read_bytes()))
    except SafetensorError as error:
        raise ConfigError(f"{shown_path(path)}: is not a file of safetensors: {error}") from None
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, info in stored:
        known = info["dtype"] in types  # others are integers, which are left as they are
        flat = np.frombuffer(info["data"], types[info["dtype"]] if known else np.uint8)
        arrays[name] = flat.reshape(info["shape"]) if known else flat
    return arrays
