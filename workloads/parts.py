"""When an attention, or a mixture of experts, is traced as its products instead of as one op.

Where a gradient will be asked for, autograd must see the products inside. `in_parts` asks for the same: then
PyTorch's own counter knows every operator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

_ASKED = ContextVar("_ASKED", default=False)


@contextmanager
def in_parts() -> Iterator[None]:
    """Trace every attention and every mixture of experts by its parts until the context ends."""
    token = _ASKED.set(True)
    try:
        yield
    finally:
        _ASKED.reset(token)


def needs_parts(operands: Iterable[object]) -> bool:
    """Return whether a call with these operands is traced by its parts."""
    learns = torch.is_grad_enabled() and any(
        isinstance(operand, Tensor) and operand.requires_grad for operand in operands
    )
    return learns or _ASKED.get()
