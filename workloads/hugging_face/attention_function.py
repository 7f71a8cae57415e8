"""The attention function that this package registers with transformers: one op for each attention."""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import Tensor, nn
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from tandemsim.workloads.attention import pattern_attention
from tandemsim.workloads.dense_attention import attention
from tandemsim.workloads.hugging_face.marked_masks import MarkedMasks, Note
from tandemsim.workloads.hugging_face.mask_patterns import is_causal, is_dense, pattern_of_limits


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
        sinks = _first(others, "s_aux", "sinks")
        if query.dim() != 4 or (sinks is not None and sinks.numel() != query.shape[1]):
            self.unknown += 1
            self._note(f"{type(module).__name__} is traced operator by operator")
            return self._own(module, query, key, value, attention_mask, scaling, others)
        more = {"scale": scaling, "softcap": others.get("softcap"), "bias": others.get("position_bias")}
        more["sinks"] = None if sinks is None else sinks.reshape(-1)
        if others.get("indices") is not None:
            attention_mask = _chosen(attention_mask, others["indices"], key.shape[2])
            self._note(f"{type(module).__name__} chooses its keys by their values; its mask is an operand")
        result = self._result(query, key, value, attention_mask, more)
        return result.transpose(1, 2), None

    def _result(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, more: dict[str, Any]
    ) -> Tensor:
        """Compute with the pattern alone where the mask is known, else with the mask as an operand."""
        if mask is None:
            self.known += 1
            return attention(query, key, value, **more)
        mark = self._masks.mark_of(mask, query.shape[2], key.shape[2])
        if mark is None or mark.limits is None:
            self.unknown += 1
            if mark is None:
                self._note("a mask that the model makes itself stays an operand of the attention")
            return attention(query, key, value, **_with_mask(mask, more))
        self.known += 1
        if is_dense(mark.limits, mark.span):
            return attention(query, key, value, **more)
        if is_causal(mark.limits, mark.span):
            return attention(query, key, value, causal=True, **more)
        return pattern_attention(query, key, value, pattern_of_limits(mark.limits, mark.span), **more)

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


def _with_mask(mask: Tensor, more: dict[str, Any]) -> dict[str, Any]:
    """Return the operands of an attention with a mask, which is added to the scores if it is not bool."""
    if mask.dtype is torch.bool:
        return {**more, "mask": mask}
    return {**more, "bias": mask if more["bias"] is None else mask + more["bias"]}


def _chosen(mask: Tensor | None, indices: Tensor, keys: int) -> Tensor:
    """Return a mask of the keys in `indices` (batch, queries, chosen) alone, of these what `mask` holds."""
    away = indices.new_ones((*indices.shape[:-1], keys), dtype=torch.bool)
    chosen = ~away.scatter(-1, indices.long(), False).unsqueeze(1)
    return chosen if mask is None else mask & chosen
