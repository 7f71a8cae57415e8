"""The mask function that this package registers with transformers: it remembers what each mask stands for.

A model hands the mask that it was given on to its attention, where it is found again by its memory. So the
attention knows its pattern from what the model stated, not from a guess by names of arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from transformers.masking_utils import causal_mask_function, sdpa_mask

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.workloads.hugging_face.limit_patterns import Span
from tandemsim.workloads.hugging_face.mask_limits import Limits, MaskFunction, limits_of, rows_of
from tandemsim.workloads.known import known_value

Note = Callable[[str], None]  # takes a line about what a trace does not say

#: Whole rows of a mask that are compared with what was read of its function.
CHECKED_ROWS = 32


class Mark(NamedTuple):
    """What a mask stands for."""

    limits: Limits | None  # None: more than limits can say
    span: Span
    mask: Tensor  # kept alive, so that its memory is not used again
    version: int  # of its values: what the model writes there later is unknown


class MarkedMasks:
    """The masks of one model, by their memories."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self._marks: dict[int, Mark] = {}

    def __call__(
        self, batch_size: int, q_length: int, kv_length: int, q_offset: Any = 0, kv_offset: Any = 0,
        mask_function: MaskFunction = causal_mask_function, attention_mask: Tensor | None = None,
        use_vmap: bool = False, device: torch.device | str = "cpu", **others: Any,
    ) -> Tensor:  # fmt: skip
        """Return a bool mask (batch, 1, queries, keys), as transformers' own functions do."""
        del others  # what lets other implementations leave a mask out
        if attention_mask is not None:
            self._note("padding is not modeled: every token of attention_mask counts as a real one")
        first_query, first_key = _position(q_offset), _position(kv_offset)
        span = Span(q_length, kv_length, first_query - first_key, first_key)
        limits = self._read(mask_function, span, batch_size)
        if torch.device(device).type == "meta" and limits is not None:
            mask = torch.empty(batch_size, 1, q_length, kv_length, dtype=torch.bool, device=device)
        else:
            mask = sdpa_mask(
                batch_size, q_length, kv_length, first_query, first_key, mask_function,
                allow_is_causal_skip=False, use_vmap=use_vmap, device=device,
            ).contiguous()  # fmt: skip
        self._marks[_memory(mask)] = Mark(limits, span, mask, mask._version)
        return mask

    def mark_of(self, mask: Tensor, queries: int, keys: int) -> Mark | None:
        """Return what a mask of an attention stands for, on these numbers of queries and keys.

        None for a mask that the model made itself or wrote to, or a part of one that does not start at its
        first row.
        """
        mark = self._marks.get(_memory(mask))
        if mark is None or mask.storage_offset() or mask.dtype is not torch.bool:
            return None
        if mark.mask._version != mark.version:
            return None
        if tuple(mask.shape[-2:]) != (queries, keys) or mask.stride()[-2:] != mark.mask.stride()[-2:]:
            return None
        return mark._replace(span=mark.span._replace(queries=queries, keys=keys))

    def _read(self, function: MaskFunction, span: Span, batch: int) -> Limits | None:
        """Return the limits of a mask function if its own rows are what they say."""
        name = getattr(function, "__qualname__", str(function)).removesuffix(".<locals>.inner_mask")
        limits = limits_of(function)
        if limits is None:
            self._note(f"the mask {name} is not read as a pattern; it stays an operand of the attention")
            return None
        queries = np.unique(np.linspace(0, span.queries - 1, CHECKED_ROWS).astype(np.int64))
        tokens = [int(query) + span.offset + span.first_key for query in queries]
        rows = rows_of(function, tokens, span.keys, span.first_key, batch)
        if rows is None or not np.array_equal(rows.numpy(), _seen(limits, queries, span)):
            self._note(f"the mask {name} has other rows than it states; it stays an operand")
            return None
        return limits


def _seen(limits: Limits, queries: np.ndarray, span: Span) -> np.ndarray:
    """Return bool [queries, keys] of limits, by their definition."""
    query, key = queries[:, None] + span.offset, np.arange(span.keys)[None, :]
    seen = np.ones((len(queries), span.keys), np.bool_)
    if limits.low is not None:
        seen &= key - query >= limits.low
    if limits.high is not None:
        seen &= key - query <= limits.high
    if limits.chunk is not None:
        apart = (key + span.first_key) // limits.chunk - (query + span.first_key) // limits.chunk
        seen &= (-limits.chunks_before <= apart) & (apart <= limits.chunks_after)
    return seen | (key < limits.prefix)


def _position(offset: Any) -> int:
    """Return a position in the text, which a static cache keeps as a tensor."""
    value = known_value(offset) if isinstance(offset, Tensor) else offset
    if value is None:
        raise ConfigError(
            "the number of tokens in a cache must follow from shapes, not from a tensor's value"
        )
    return int(value)


def _memory(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
