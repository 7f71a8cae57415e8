"""Queries, keys and values of one attention layer in floating point: random, or read from an ``.npz``.

Obeys: the ``window_attention`` contract of the trace, whose inputs are q, k, v and, where the model projects
its global tokens separately, global_q (of those tokens alone), global_k and global_v (of all), or, where it
has learned them, sinks, one for each head. ``python -m workloads.export --tensors`` writes such files, with
the op's name before each array's: ``layer.0.attention/q``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from tandemsim.sim.arch.checks import UserError, nearest, printable, shortened, shown
from tandemsim.sim.arch.types import Floats
from tandemsim.traces.errors import LONGEST_NAME, TraceError, listed
from tandemsim.traces.npz import ArrayFile, Header, open_arrays

NAMES = ("q", "k", "v")
GLOBAL_NAMES = ("global_q", "global_k", "global_v")
SINKS = "sinks"
LARGEST = 1e12  # assumed: far beyond every number format, and products of two stay finite
AT_ONCE = 2**20  # numbers that are looked at together
AXES = 3  # heads, tokens, elements


@dataclass(frozen=True, slots=True)
class Tensors:
    """Operands of an attention layer. As many neighboring heads share keys and values as there are more."""

    query: Floats  # [heads, q_len, head_dim]
    key: Floats  # [kv_heads, seq_len, head_dim]
    value: Floats  # [kv_heads, seq_len, v_dim]
    # [heads, global tokens, head_dim], in the order of Pattern.global_tokens; keys and values of all tokens
    global_query: Floats | None = None
    global_key: Floats | None = None
    global_value: Floats | None = None
    sinks: Floats | None = None  # [heads], logits
    scale: float | None = None  # of the scores; None: 1 / sqrt(head_dim)

    def __post_init__(self) -> None:
        query, key, value = (array.shape for array in (self.query, self.key, self.value))
        fits = len(query) == len(key) == len(value) == AXES and key[:2] == value[:2] and query[2] == key[2]
        if not fits or not key[0] or query[0] % key[0]:
            shapes = ", ".join(str(list(shape)) for shape in (query, key, value))
            rule = "(heads, q_len, head_dim), (kv_heads, seq_len, head_dim) and (kv_heads, seq_len, v_dim)"
            raise UserError(f"q, k and v must have shapes {rule}, kv_heads dividing heads, not {shapes}")
        if self.sinks is not None and self.sinks.shape != query[:1]:
            raise UserError(f"sinks must have shape [{query[0]}], not {list(self.sinks.shape)}")
        if self.global_query is None or self.global_key is None or self.global_value is None:
            return
        fits = len(self.global_query.shape) == AXES and self.global_query.shape[::2] == query[::2]
        if not (fits and self.global_key.shape == self.global_value.shape == key):
            separate = (self.global_query, self.global_key, self.global_value)
            shapes = ", ".join(str(list(array.shape)) for array in separate)
            needed = f"[{query[0]}, global tokens, {query[2]}]"
            raise UserError(
                f"global_q must have shape {needed}, global_k and global_v that of k, not {shapes}"
            )

    @property
    def heads(self) -> int:
        """Number of heads."""
        return int(self.query.shape[0])

    @property
    def group(self) -> int:
        """Heads that share their keys and values."""
        return self.heads // int(self.key.shape[0])

    @property
    def q_len(self) -> int:
        """Number of queries."""
        return int(self.query.shape[1])

    @property
    def seq_len(self) -> int:
        """Number of keys."""
        return int(self.key.shape[1])

    @property
    def head_dim(self) -> int:
        """Elements of a query and of a key."""
        return int(self.query.shape[2])

    @property
    def v_dim(self) -> int:
        """Elements of a value and of an output."""
        return int(self.value.shape[2])

    @property
    def output_shape(self) -> tuple[int, int, int]:
        """Shape of the output."""
        return self.heads, self.q_len, self.v_dim

    def head(self, index: int) -> Tensors:
        """Return the operands of one head."""
        places = dict.fromkeys(("query", "global_query", "sinks"), index)
        places |= dict.fromkeys(("key", "value", "global_key", "global_value"), index // self.group)
        arrays = {name: getattr(self, name) for name in places}
        given = {name: array for name, array in arrays.items() if array is not None}
        return replace(self, **{name: array[places[name]][None] for name, array in given.items()})


def random_tensors(
    heads: int,
    seq_len: int,
    head_dim: int,
    *,
    seed: int,
    global_tokens: int = 0,
    kv_heads: int = 0,
    q_len: int = 0,
    v_dim: int = 0,
    sinks: bool = False,
) -> Tensors:
    """Return N(0, 1) operands; with projections of their own for `global_tokens` tokens unless that is 0, and
    with `sinks`. 0: as many as `heads`, `seq_len`, `head_dim`.
    """
    generator = np.random.default_rng(seed)
    key = (kv_heads or heads, seq_len, head_dim)
    shapes = [(heads, q_len or seq_len, head_dim), key, (*key[:2], v_dim or head_dim)]
    shapes += [(heads, global_tokens, head_dim), key, key] if global_tokens else []
    operands = [generator.standard_normal(one, np.float32) for one in shapes]
    return Tensors(*operands, sinks=generator.standard_normal(heads, np.float32) if sinks else None)


@dataclass(frozen=True, slots=True)
class Operands:
    """The sizes that the operands of an op must have, and by what it multiplies the scores."""

    op: str
    batch: int
    heads: int
    seq_len: int
    head_dim: int
    global_tokens: int
    kv_heads: int = 0  # 0: `heads`
    q_len: int = 0  # 0: `seq_len`
    v_dim: int = 0  # 0: `head_dim`
    sinks: bool = False
    scale: float | None = None  # as in `Tensors`

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an operand by name, with the batch axis, which sinks do not have."""
        of_query = self.heads, self.q_len or self.seq_len, self.head_dim
        of_key = self.kv_heads or self.heads, self.seq_len
        shapes: dict[str, tuple[int, ...]] = {
            "q": of_query,
            "v": (*of_key, self.v_dim or self.head_dim),
            "global_q": (self.heads, self.global_tokens, self.head_dim),
        }
        if name == SINKS:
            return (self.heads,)
        return self.batch, *shapes.get(name, (*of_key, self.head_dim))


def load_tensors(path: Path, need: Operands) -> Tensors:
    """Read the operands of an op, from arrays behind its name or without a name; a batch counts as heads.

    The batch axis may be left out where it is 1. Shapes and types are compared before any data are read.
    Raises `UserError` for a file that is not an ``.npz``, lacks the arrays, has others, or holds anything but
    finite numbers.
    """
    with _opened(path) as arrays:
        prefix = _prefix(path, arrays.names, need.op)
        there = [name for name in GLOBAL_NAMES if prefix + name in arrays.names]
        if there and len(there) < len(GLOBAL_NAMES):
            raise UserError(
                f"{_name(path)} must hold all of {', '.join(GLOBAL_NAMES)}, not only {', '.join(there)}"
            )
        has_sinks = prefix + SINKS in arrays.names
        if has_sinks != need.sinks:
            rule = f"must{'' if need.sinks else ' not'} hold {SINKS}, which op {shown(need.op)}"
            raise UserError(f"{_name(path)} {rule} {'has' if need.sinks else 'does not have'}")
        names = (*NAMES, *there, *([SINKS] if has_sinks else []))
        for name in names:
            _check_header(path, name, arrays.header(prefix + name), need)
        found = {name: _finite(path, name, arrays.read(prefix + name)) for name in names}
    sinks = found.pop(SINKS, None)
    return Tensors(
        *(array.reshape(-1, *array.shape[-2:]) for array in found.values()),
        sinks=None if sinks is None else np.tile(sinks, need.batch),
        scale=need.scale,
    )


def stored_op(path: Path, ops: Sequence[str]) -> int:
    """Return the place of the first of `ops` whose operands the file holds; arrays without a name are of any.

    Raises `UserError` for a file that is not an ``.npz``, lacks the arrays, or has those of other ops.
    """
    with _opened(path) as arrays:
        named = [prefix.rstrip("/") for prefix in _complete(path, arrays.names)]
    if "" in named:
        return 0
    for place, op in enumerate(ops):
        if op in named:
            return place
    raise UserError(f"{_name(path)}: {nearest('op', named[0], ops)}")


@contextmanager
def _opened(path: Path) -> Iterator[ArrayFile]:
    try:
        with open_arrays(path) as arrays:
            yield arrays
    except TraceError as error:
        raise UserError(str(error)) from error


def _name(path: Path) -> str:
    return shortened(printable(str(path)), LONGEST_NAME)


def _complete(path: Path, keys: list[str]) -> list[str]:
    """Return what stands before ``q`` in the names of all ops whose operands are there."""
    known = set(keys)
    prefixes = [key[:-1] for key in keys if key == "q" or key.endswith("/q")]
    complete = [prefix for prefix in prefixes if all(prefix + name in known for name in NAMES)]
    if not complete:
        raise UserError(f"{_name(path)} must hold arrays q, k and v, not {listed(keys)}")
    return complete


def _prefix(path: Path, keys: list[str], op: str) -> str:
    """Return what stands before ``q`` in the names of the arrays of `op`."""
    complete = _complete(path, keys)
    for prefix in complete:
        if prefix in (f"{op}/", ""):
            return prefix
    known = [prefix.rstrip("/") for prefix in complete]
    raise UserError(f"{_name(path)}: {nearest('op', op, known)}")


def _check_header(path: Path, name: str, header: Header, need: Operands) -> None:
    if header.dtype.kind not in "iuf":
        raise UserError(f"{_name(path)}: {name} must hold real numbers, not {shown(str(header.dtype))[1:-1]}")
    needed = need.shape(name)
    unbatched = needed[1:] if need.batch == 1 and name != SINKS else needed
    if header.shape not in (needed, unbatched):
        shape, actual = list(unbatched), shown(list(header.shape))
        rule = f"{name} must have the shape {shape} of op {shown(need.op)}"
        raise UserError(f"{_name(path)}: {rule}, not {actual}")


def _finite(path: Path, name: str, array: Any) -> Floats:
    """Return an array of finite numbers, looked at a part at a time."""
    flat = array.reshape(-1, order="A")
    for start in range(0, len(flat), AT_ONCE):
        if not (np.abs(flat[start : start + AT_ONCE].astype(np.float64)) <= LARGEST).all():
            rule = f"{name} must hold finite numbers up to {LARGEST:g}, not larger ones or NaN"
            raise UserError(f"{_name(path)}: {rule}")
    return cast(Floats, array)
