"""The attention function that this package registers with transformers: one op for each attention."""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import Tensor, nn
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from tandemsim.workloads.attention import pattern_attention
from tandemsim.workloads.dense_attention import attention
from tandemsim.workloads.hugging_face.limit_patterns import Span, is_causal, is_dense, pattern_of_limits
from tandemsim.workloads.hugging_face.marked_masks import MarkedMasks, Note
from tandemsim.workloads.hugging_face.mask_limits import Limits
from tandemsim.workloads.parts import needs_parts


class AttentionFunction:
    """Called for every attention of a model; counts what it was told of the pattern."""

    def __init__(self, masks: MarkedMasks, note: Note) -> None:
        self._masks, self._note = masks, note
        self.known = self.unknown = 0  # attentions whose pattern is known, and others

    def __call__(
        self, module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None,
        dropout: float = 0.0, scaling: float | None = None, **others: Any,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """Take what transformers passes; return the output (batch, queries, heads, v_dim), and no weights.

        Arguments whose names say what a mask says already (`sliding_window`, `is_causal`) are not read.
        """
        if needs_parts((query, key, value)):
            return self._own(module, query, key, value, attention_mask, scaling, others)
        sinks = _first(others, "s_aux", "sinks")
        if query.dim() != 4 or (sinks is not None and sinks.numel() != query.shape[1]):
            self.unknown += 1
            self._note(f"{type(module).__name__} is traced operator by operator")
            return self._own(module, query, key, value, attention_mask, scaling, others)
        more = {"scale": scaling, "softcap": others.get("softcap"), "bias": others.get("position_bias")}
        more["sinks"] = None if sinks is None else sinks.reshape(-1)
        indices = others.get("indices")
        if indices is not None:
            self._note(f"{type(module).__name__} chooses its keys by their values; its mask is an operand")
        result = self._result(query, key, value, attention_mask, indices, more)
        return result.transpose(1, 2), None

    def _result(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, indices: Tensor | None,
        more: dict[str, Any],
    ) -> Tensor:  # fmt: skip
        """Compute with the pattern alone where it is known, else with the mask as an operand."""
        mark = None if mask is None else self._masks.mark_of(mask, query.shape[2], key.shape[2])
        limits = Limits() if mask is None else None if mark is None else mark.limits
        span = Span(query.shape[2], key.shape[2]) if mark is None else mark.span
        if limits is not None and indices is None:
            self.known += 1
        else:
            self.unknown += 1
        if mask is not None and mark is None:
            self._note("a mask that the model makes itself stays an operand of the attention")
        if indices is not None:
            more = {**more, "mask": _chosen(indices, key.shape[2])}
        if limits is not None and is_dense(limits, span):
            return attention(query, key, value, **more)
        if limits is not None and is_causal(limits, span):
            return attention(query, key, value, causal=True, **more)
        if limits is None or indices is not None:
            return attention(query, key, value, **_with_mask(mask, more))
        return pattern_attention(query, key, value, pattern_of_limits(limits, span), **more)

    def _own(
        self, module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None,
        scaling: float | None, others: dict[str, Any],
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """Compute as the model's own file does, where it has a function for that."""
        own = getattr(sys.modules[type(module).__module__], "eager_attention_forward", sdpa_attention_forward)
        if mask is not None and mask.dtype is torch.bool:
            mask = torch.where(mask, 0.0, torch.finfo(query.dtype).min).to(query.dtype)
        result: tuple[Tensor, Tensor | None] = own(
            module, query, key, value, mask, scaling=scaling, dropout=0.0, **others
        )
        return result


def _first(arguments: dict[str, Any], *names: str) -> Any:
    return next((arguments[name] for name in names if arguments.get(name) is not None), None)


def _with_mask(mask: Tensor | None, more: dict[str, Any]) -> dict[str, Any]:
    """Return the operands of an attention with a mask, which is added to the scores if it is not bool."""
    assert mask is not None  # without one, all is known
    if mask.dtype is torch.bool:
        return {**more, "mask": mask & more["mask"] if "mask" in more else mask}
    return {**more, "bias": mask if more["bias"] is None else mask + more["bias"]}


def _chosen(indices: Tensor, keys: int) -> Tensor:
    """Return a mask (batch, 1, queries, keys) of the keys in `indices` (batch, queries, chosen)."""
    away = indices.new_ones((*indices.shape[:-1], keys), dtype=torch.bool)
    return ~away.scatter(-1, indices.long(), False).unsqueeze(1)
