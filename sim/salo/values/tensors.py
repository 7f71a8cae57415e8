"""Queries, keys and values of one attention layer in floating point: random, or read from an ``.npz``.

Obeys: the ``window_attention`` contract of the trace, whose inputs are q, k, v and, where the model projects
its global tokens separately, global_q (of those tokens alone), global_k and global_v (of all), or, where it
has learned them, sinks, one for each head. ``python -m workloads.export --tensors`` writes such files, with
the op's name before each array's: ``layer.0.attention/q``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
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
AXES = 3  # heads, tokens, head_dim


@dataclass(frozen=True, slots=True)
class Tensors:
    """Operands of an attention layer."""

    query: Floats  # [heads, queries, head_dim]
    key: Floats  # [heads of keys, seq_len, head_dim]: as many neighboring heads of queries share one
    value: Floats  # [heads of keys, seq_len, v_dim]
    # [heads, global tokens, head_dim], in the order of Pattern.global_tokens
    global_query: Floats | None = None
    global_key: Floats | None = None
    global_value: Floats | None = None
    sinks: Floats | None = field(default=None, kw_only=True)  # [heads], logits
    scale: float | None = field(default=None, kw_only=True)  # factor of the scores; None: 1 / sqrt(head_dim)

    def __post_init__(self) -> None:
        shape, key, value = self.query.shape, self.key.shape, self.value.shape
        fits = len(shape) == len(key) == len(value) == AXES and key[:2] == value[:2]
        if not (fits and shape[2] == key[2] and shape[0] % key[0] == 0):
            shapes = ", ".join(str(list(one)) for one in (shape, key, value))
            rule = "q must have shape (heads, queries, head_dim), k (heads or a part of them, keys, head_dim)"
            raise UserError(f"{rule} and v (as many heads and keys, v_dim), not {shapes}")
        if self.sinks is not None and self.sinks.shape != shape[:1]:
            raise UserError(f"sinks must have shape [{shape[0]}], not {list(self.sinks.shape)}")
        if self.global_query is None or self.global_key is None or self.global_value is None:
            return
        if not shape == key == value:
            shapes = ", ".join(str(list(one)) for one in (shape, key, value))
            raise UserError(f"beside global_q, q, k and v must have one shape, not {shapes}")
        fits = len(self.global_query.shape) == AXES and self.global_query.shape[::2] == shape[::2]
        if not (fits and self.global_key.shape == self.global_value.shape == shape):
            separate = (self.global_query, self.global_key, self.global_value)
            shapes = ", ".join(str(list(array.shape)) for array in separate)
            needed = f"[{shape[0]}, global tokens, {shape[2]}]"
            raise UserError(
                f"global_q must have shape {needed}, global_k and global_v that of k, not {shapes}"
            )

    @property
    def heads(self) -> int:
        """Number of heads."""
        return int(self.query.shape[0])

    @property
    def seq_len(self) -> int:
        """Number of keys."""
        return int(self.key.shape[1])

    @property
    def q_len(self) -> int:
        """Number of queries."""
        return int(self.query.shape[1])

    @property
    def head_dim(self) -> int:
        """Elements of a query and of a key."""
        return int(self.query.shape[2])

    @property
    def v_dim(self) -> int:
        """Elements of a value and of an output."""
        return int(self.value.shape[2])

    @property
    def group(self) -> int:
        """Heads that share their keys and values."""
        return self.heads // int(self.key.shape[0])

    def head(self, index: int) -> Tensors:
        """Return the operands of one head."""
        parts: dict[str, Any] = {}
        for part in fields(self):
            whole = getattr(self, part.name)
            if isinstance(whole, np.ndarray):
                place = index // (self.heads // whole.shape[0])
                whole = whole[place : place + 1]
            parts[part.name] = whole
        return Tensors(**parts)


def random_tensors(
    heads: int,
    seq_len: int,
    head_dim: int,
    *,
    seed: int,
    global_tokens: int = 0,
    sinks: bool = False,
    kv_heads: int = 0,
    v_dim: int = 0,
    q_len: int = 0,
    scale: float | None = None,
) -> Tensors:
    """Return N(0, 1) operands; with projections of their own for `global_tokens` tokens unless that is 0, and
    with `sinks`. `kv_heads`, `v_dim` and `q_len` are, where they are 0, those of the queries and of the keys.
    """
    generator = np.random.default_rng(seed)
    query = (heads, q_len or seq_len, head_dim)
    key = (kv_heads or heads, seq_len, head_dim)
    value = (kv_heads or heads, seq_len, v_dim or head_dim)
    queries = (heads, global_tokens, head_dim)
    shapes = [query, key, value, *([queries, key, value] if global_tokens else [])]
    operands = [generator.standard_normal(one, np.float32) for one in shapes]
    logits = generator.standard_normal(heads, np.float32) if sinks else None
    named = zip((*NAMES, *GLOBAL_NAMES), operands, strict=False)
    return _of(dict(named), logits, scale)


def _of(found: Mapping[str, Floats], sinks: Floats | None, scale: float | None) -> Tensors:
    """Return the operands that stand under their names of a file, or of a trace."""
    return Tensors(
        query=found["q"],
        key=found["k"],
        value=found["v"],
        global_query=found.get("global_q"),
        global_key=found.get("global_k"),
        global_value=found.get("global_v"),
        sinks=sinks,
        scale=scale,
    )


@dataclass(frozen=True, slots=True)
class Operands:
    """The sizes that the operands of an op must have."""

    op: str
    batch: int
    heads: int
    seq_len: int
    head_dim: int
    global_tokens: int
    sinks: bool = False
    kv_heads: int = 0  # 0: `heads`
    v_dim: int = 0  # 0: `head_dim`
    q_len: int = 0  # 0: `seq_len`
    scale: float | None = None

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an operand by name, with the batch axis, which sinks do not have."""
        if name == SINKS:
            return (self.heads,)
        if name == "q":
            return self.batch, self.heads, self.q_len or self.seq_len, self.head_dim
        if name == "global_q":
            return self.batch, self.heads, self.global_tokens, self.head_dim
        size = self.v_dim or self.head_dim if name.endswith("v") else self.head_dim
        return self.batch, self.kv_heads or self.heads, self.seq_len, size


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
    by_head = {name: array.reshape(-1, *array.shape[-2:]) for name, array in found.items()}
    return _of(by_head, None if sinks is None else np.tile(sinks, need.batch), need.scale)


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
