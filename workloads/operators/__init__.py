"""The vocabulary of the tracer: what each PyTorch operator becomes in a trace, by families of operators."""

from tandemsim.workloads.operators import (
    attention,
    convolution,
    elementwise,
    images,
    indexing,
    language,
    linear,
    reductions,
)
from tandemsim.workloads.operators.table import PER_ELEMENT, SPECIAL, Call, Dims, Lowered, lower

__all__ = ["PER_ELEMENT", "SPECIAL", "Call", "Dims", "Lowered", "lower"]
__all__ += [
    "attention",
    "convolution",
    "elementwise",
    "images",
    "indexing",
    "language",
    "linear",
    "reductions",
]
