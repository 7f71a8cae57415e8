"""What a mask function of transformers says about the keys that a query sees, as offsets and chunks.

The functions are closures (``transformers/masking_utils.py`` and a few modeling files), told apart by their
qualified names; what they close over are their numbers. A function that is not known here has no limits, and
the mask stays an operand of the attention.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from types import CellType, FunctionType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from tandemsim.workloads.known import known_value

MaskFunction = FunctionType


class Limits(NamedTuple):
    """Key j is seen from token t if low <= j - t <= high, within some chunks around t's; None: no limit."""

    low: int | None = None
    high: int | None = None
    chunk: int | None = None  # tokens of one
    chunks_before: int = 0  # whole chunks before the query's own that it sees
    chunks_after: int = 0
    prefix: int = 0  # first keys, which every query sees whatever the limits say

    def and_also(self, other: Limits) -> Limits | None:
        """Return what both allow; None where that is not `Limits`."""
        if self == other:
            return self
        if self.prefix or other.prefix or (self.chunk is not None and other.chunk is not None):
            return None
        chunked = self if self.chunk is not None else other
        return chunked._replace(
            low=_tighter(max, self.low, other.low), high=_tighter(min, self.high, other.high)
        )


def limits_of(function: MaskFunction) -> Limits | None:
    """Return the limits of a mask function, None if it is not known, or depends on more than positions."""
    read = _READERS.get(getattr(function, "__qualname__", ""))
    return None if read is None else read(dict(inspect.getclosurevars(function).nonlocals))


def _tighter(choose: Callable[[int, int], int], first: int | None, second: int | None) -> int | None:
    if first is None or second is None:
        return second if first is None else first
    return choose(first, second)


def _all_of(held: dict[str, Any]) -> Limits | None:
    """``and_masks``."""
    result: Limits | None = Limits()
    for function in held["mask_functions"]:
        part = limits_of(function)
        result = None if result is None or part is None else result.and_also(part)
    return result


def _any_of(held: dict[str, Any]) -> Limits | None:
    """``or_masks``: of a function and blocks of tokens that see one another, where the blocks are known."""
    base, *others = held["mask_functions"]
    result = limits_of(base)
    for function in others:
        if result is None or getattr(function, "__qualname__", "") != _BLOCKS:
            return None
        prefix = _prefix_of(inspect.getclosurevars(function).nonlocals["block_sequence_ids"])
        if prefix is None or (prefix and result != Limits(high=0)):
            return None
        result = result._replace(prefix=prefix)
    return result


def _prefix_of(block_ids: Tensor) -> int | None:
    """Return the length of the one block of tokens, the first of the text, that see one another.

    None where the blocks are not known or are others; 0 where there is no block. The prefix of a text is
    seen by all that comes after it too, since that is causal.
    """
    ids = known_value(block_ids)
    if ids is None or bool((ids != ids[:1]).any()):
        return None
    inside = (ids[0] >= 0).tolist()
    length = sum(inside)
    first_tokens_alone = all(inside[:length]) and len(set(ids[0][:length].tolist())) <= 1
    return length if first_tokens_alone else None


def _window(held: dict[str, Any]) -> Limits:
    left, right = held["sliding_window"]
    return Limits(low=1 - max(left, 1), high=max(right, 1) - 1)


def _centered_window(held: dict[str, Any]) -> Limits:
    window = held["sliding_window"]
    if held["is_causal"]:
        return Limits(low=1 - window, high=0)
    return Limits(low=1 - (window + 1) // 2, high=window // 2)


def _limited_chunks(held: dict[str, Any]) -> Limits:
    before = held["left_context_chunks"]
    return Limits(chunk=held["chunk_size"], chunks_before=before)


_MASKS = "{}.<locals>.inner_mask"
_BLOCKS = _MASKS.format("blockwise_overlay")

_READERS: dict[str, Callable[[dict[str, Any]], Limits | None]] = {
    "causal_mask_function": lambda held: Limits(high=0),
    "bidirectional_mask_function": lambda held: Limits(),
    "and_masks.<locals>.and_mask": _all_of,
    "or_masks.<locals>.or_mask": _any_of,
    _MASKS.format("sliding_window_overlay"): lambda held: Limits(low=1 - held["sliding_window"]),
    _MASKS.format("sliding_window_bidirectional_overlay"): lambda held: Limits(
        low=-held["sliding_window"], high=held["sliding_window"]
    ),
    # The left padding shifts the chunks; padding is not modeled.
    _MASKS.format("chunked_overlay"): lambda held: Limits(chunk=held["chunk_size"]),
    # Of Gemma 3, whose window does not hold its own width.
    _MASKS.format("_bidirectional_window_overlay"): lambda held: Limits(
        low=1 - held["sliding_window"], high=held["sliding_window"] - 1
    ),
    # Of Moonshine and Gemma 4 (a pair of widths), of T5Gemma 2 (one width).
    _MASKS.format("sliding_window_mask_function"): lambda held: (
        _centered_window(held) if "is_causal" in held else _window(held)
    ),
    # Of streaming speech encoders.
    _MASKS.format("chunked_limited_mask_function"): _limited_chunks,
}


def rows_of(
    function: MaskFunction, queries: Sequence[int], keys: int, key_offset: int, batch: int
) -> Tensor | None:
    """Return bool [queries, keys] of a mask function, evaluated on the CPU; None where its data are unknown.

    `queries` are tokens; the keys are the tokens from `key_offset` on. The rows of all `batch` items must be
    alike, or else they are unknown too.
    """
    local = _localized(function)
    if local is None:
        return None
    tokens = torch.tensor(list(queries), device="cpu")
    places = torch.arange(keys, device="cpu") + key_offset
    items, head = torch.arange(batch, device="cpu"), torch.zeros(1, dtype=torch.int64, device="cpu")
    index = (items[:, None, None, None], head[None, :, None, None], tokens[None, None, :, None])
    seen: Tensor = local(*index, places[None, None, None, :])
    seen = seen.expand(batch, 1, len(tokens), keys)
    return seen[0, 0] if bool((seen == seen[:1]).all()) else None


def _localized(function: MaskFunction) -> MaskFunction | None:
    """Return the function closing over values on the CPU; None where one of them is not known."""
    cells = getattr(function, "__closure__", None) or ()
    held = [_local(cell.cell_contents) for cell in cells]
    if _UNKNOWN in map(id, held):
        return None
    closure = tuple(CellType(value) for value in held)
    made = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, closure
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def _local(value: Any) -> Any:
    if isinstance(value, Tensor):
        known = known_value(value)
        return _NOT_KNOWN if known is None else known
    if isinstance(value, FunctionType):
        return _localized(value) or _NOT_KNOWN
    if isinstance(value, tuple):
        parts = tuple(map(_local, value))
        return _NOT_KNOWN if _UNKNOWN in map(id, parts) else parts
    return value


_NOT_KNOWN = object()
_UNKNOWN = id(_NOT_KNOWN)
