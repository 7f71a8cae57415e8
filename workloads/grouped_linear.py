"""The projection of a mixture of experts as one PyTorch operator, ``tandem::grouped_linear``.

Obeys the kind ``grouped_gemm`` of the trace format (`traces/kinds.py`): each row meets the weights of one
expert. How many rows an expert has depends on values; together they have as many as there are rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from tandemsim.sim.arch.checks import ConfigError


def grouped_linear(
    rows: Tensor, weight: Tensor, experts: Tensor, bias: Tensor | None = None, *, transposed: bool = False
) -> Tensor:
    """Return rows[i] @ weight[experts[i]] + bias[experts[i]], of shape (rows, outputs).

    `rows` is (rows, inputs), `weight` (experts, outputs, inputs), or (experts, inputs, outputs) if it is
    `transposed`, `experts` (rows,) whole numbers and `bias` (experts, outputs). Raises `ConfigError` for
    shapes that do not fit together.
    """
    inputs = weight.shape[-2 if transposed else -1]
    if rows.dim() != 2 or weight.dim() != 3 or rows.shape[1] != inputs or experts.shape != rows.shape[:1]:
        raise ConfigError(
            "experts must have rows (rows, inputs), weights (experts, outputs, inputs) and one expert a row, "
            f"not {list(rows.shape)}, {list(weight.shape)}, {list(experts.shape)}"
        )
    result: Tensor = torch.ops.tandem.grouped_linear(rows, weight, experts, bias, transposed)
    return result


@torch.library.custom_op("tandem::grouped_linear", mutates_args=())
def _grouped_linear(
    rows: Tensor, weight: Tensor, experts: Tensor, bias: Tensor | None, transposed: bool
) -> Tensor:
    out = rows.new_empty(rows.shape[0], weight.shape[1 if not transposed else 2])
    for expert in experts.unique().tolist():
        own = experts == expert
        factor = weight[expert] if transposed else weight[expert].T
        out[own] = rows[own] @ factor + (0 if bias is None else bias[expert])
    return out


@_grouped_linear.register_fake
def _(rows: Tensor, weight: Tensor, experts: Tensor, bias: Tensor | None, transposed: bool) -> Tensor:
    return rows.new_empty(rows.shape[0], weight.shape[2 if transposed else 1])


@register_flop_formula(torch.ops.tandem.grouped_linear)
def _flops(rows: Sequence[int], weight: Sequence[int], *rest: Any, out_shape: Any, **others: Any) -> int:
    """Return the operations for PyTorch's counter: one matrix product of each row."""
    return 2 * rows[0] * weight[1] * weight[2]
