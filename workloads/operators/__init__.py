"""The vocabulary of the tracer: what each PyTorch operator becomes in a trace, by families of operators."""

from tandemsim.workloads.operators import (
    attention,
    backward,
    convolution,
    elementwise,
    images,
    indexing,
    language,
    linear,
    reductions,
)
from tandemsim.workloads.operators.decomposed import simpler
from tandemsim.workloads.operators.table import PER_ELEMENT, SPECIAL, Call, Dims, Lowered, lower

FAMILIES = (attention, backward, convolution, elementwise, images, indexing, language, linear, reductions)

__all__ = ["FAMILIES", "PER_ELEMENT", "SPECIAL", "Call", "Dims", "Lowered", "lower", "simpler"]
