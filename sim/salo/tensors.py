"""Queries, keys and values of one attention layer in floating point: drawn at random, or read from an
``.npz``.

Obeys: the ``window_attention`` contract of the trace, whose inputs are q, k, v and, where the model projects
its global tokens apart, global_q (of those tokens alone), global_k and global_v (of all). ``python -m
workloads.export --tensors`` writes such files, with the op's name before each array's:
``layer.0.attention/q``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.arch.checks import UserError, nearest

Floats = npt.NDArray[np.floating]
NAMES = ("q", "k", "v")
GLOBAL_NAMES = ("global_q", "global_k", "global_v")
LARGEST = 1e12  # assumed: far beyond every number format, and products of two stay finite
AXES = 3  # heads, tokens, head_dim


@dataclass(frozen=True, slots=True)
class Tensors:
    """Operands of an attention layer, [heads, seq_len, head_dim]."""

    query: Floats
    key: Floats
    value: Floats
    global_query: Floats | None = (
        None  # [heads, global tokens, head_dim], in the order of Pattern.global_tokens
    )
    global_key: Floats | None = None
    global_value: Floats | None = None

    def __post_init__(self) -> None:
        shape = self.query.shape
        if len(shape) != AXES or not shape == self.key.shape == self.value.shape:
            shapes = ", ".join(str(list(array.shape)) for array in (self.query, self.key, self.value))
            raise UserError(f"q, k and v must have one shape (heads, seq_len, head_dim), not {shapes}")
        if self.global_query is None or self.global_key is None or self.global_value is None:
            return
        fits = len(self.global_query.shape) == AXES and self.global_query.shape[::2] == shape[::2]
        if not (fits and self.global_key.shape == self.global_value.shape == shape):
            apart = (self.global_query, self.global_key, self.global_value)
            shapes = ", ".join(str(list(array.shape)) for array in apart)
            wanted = f"[{shape[0]}, global tokens, {shape[2]}]"
            raise UserError(
                f"global_q must have shape {wanted}, global_k and global_v that of k, not {shapes}"
            )

    @property
    def heads(self) -> int:
        """Number of heads."""
        return int(self.query.shape[0])

    @property
    def seq_len(self) -> int:
        """Number of tokens."""
        return int(self.query.shape[1])

    @property
    def head_dim(self) -> int:
        """Elements of a head."""
        return int(self.query.shape[2])

    def head(self, index: int) -> Tensors:
        """Return the operands of one head."""
        one = slice(index, index + 1)
        own = self.query[one], self.key[one], self.value[one]
        if self.global_query is None or self.global_key is None or self.global_value is None:
            return Tensors(*own)
        return Tensors(*own, self.global_query[one], self.global_key[one], self.global_value[one])


def random_tensors(heads: int, seq_len: int, head_dim: int, *, seed: int, global_tokens: int = 0) -> Tensors:
    """Return N(0, 1) operands; with projections of their own for `global_tokens` tokens unless that is 0."""
    generator = np.random.default_rng(seed)
    shape = (heads, seq_len, head_dim)
    queries = (heads, global_tokens, head_dim)
    shapes = [shape, shape, shape, *([queries, shape, shape] if global_tokens else [])]
    return Tensors(*(generator.standard_normal(one, np.float32) for one in shapes))


def load_tensors(path: Path, op: str | None = None) -> Tensors:
    """Read the operands of `op`, or of the first op of the file, or arrays without an op's name.

    A leading batch axis of 1 is dropped. Raises `UserError` for a file that is no ``.npz``, lacks the arrays
    or holds anything but finite numbers.
    """
    with _opened(path) as arrays:
        prefix = _prefix(path, list(arrays), op)
        found = {name: _checked(path, name, arrays[prefix + name]) for name in NAMES}
        there = [name for name in GLOBAL_NAMES if prefix + name in arrays]
        if there and len(there) < len(GLOBAL_NAMES):
            raise UserError(f"{path} must hold all of {', '.join(GLOBAL_NAMES)}, not only {', '.join(there)}")
        if there:
            found |= {name: _checked(path, name, arrays[prefix + name]) for name in GLOBAL_NAMES}
    return Tensors(*found.values())


def stored_op(path: Path, ops: Sequence[str]) -> int:
    """Return the place of the first of `ops` whose operands the file holds; arrays without a name are of any.

    Raises `UserError` for a file that is no ``.npz``, lacks the arrays, or has those of other ops.
    """
    with _opened(path) as arrays:
        named = [prefix.rstrip("/") for prefix in _complete(path, list(arrays))]
    if "" in named:
        return 0
    for place, op in enumerate(ops):
        if op in named:
            return place
    raise UserError(f"{path}: {nearest('op', named[0], ops)}")


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        arrays = np.load(path)
        if not isinstance(arrays, np.lib.npyio.NpzFile):
            raise UserError(f"{path} must hold named arrays, as numpy.savez writes them, not a single one")
        with arrays:
            yield arrays
    except UserError:
        raise
    except Exception as error:  # numpy and zipfile raise a dozen kinds for damaged archives
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path} is not an .npz of tensors: {reason}") from error


def _complete(path: Path, keys: list[str]) -> list[str]:
    """Return what stands before ``q`` in the names of all ops whose operands are there."""
    prefixes = [key[:-1] for key in keys if key == "q" or key.endswith("/q")]
    complete = [prefix for prefix in prefixes if all(prefix + name in keys for name in NAMES)]
    if not complete:
        raise UserError(f"{path} must hold arrays q, k and v, not {', '.join(keys) or 'nothing'}")
    return complete


def _prefix(path: Path, keys: list[str], op: str | None) -> str:
    """Return what stands before ``q`` in the names of the arrays of `op`."""
    complete = _complete(path, keys)
    if op is None:
        return complete[0]
    for prefix in complete:
        if prefix in (f"{op}/", ""):
            return prefix
    raise UserError(f"{path}: {nearest('op', op, [prefix.rstrip('/') for prefix in complete])}")


def _checked(path: Path, name: str, array: Any) -> Floats:
    """Return an array of finite numbers without its batch axis."""
    if not (isinstance(array, np.ndarray) and array.dtype.kind in "iuf"):
        raise UserError(f"{path}: {name} must hold real numbers, not {getattr(array, 'dtype', type(array))}")
    if not (np.abs(array.astype(np.float64)) <= LARGEST).all():
        raise UserError(f"{path}: {name} must hold finite numbers up to {LARGEST:g}, not larger ones or NaN")
    if array.ndim == AXES + 1 and array.shape[0] == 1:
        return array[0]
    if array.ndim != AXES:
        raise UserError(f"{path}: {name} must have shape (heads, seq_len, head_dim), not {list(array.shape)}")
    return array
