"""What the tracer reads of one call of a PyTorch operator: its name, arguments, tensors, what it writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._pytree import tree_leaves

#: Operators that return their input, or a view of it, without saying so in their schema.
VIEWS = {"_unsafe_view", "lift", "_reshape_alias", "lift_fresh", "unsafe_split", "unsafe_split_with_sizes"}

#: Operators that make a tensor from nothing but its shape.
FACTORIES = {
    *(
        "empty",
        "empty_strided",
        "empty_permuted",
        "zeros",
        "ones",
        "full",
        "arange",
        "linspace",
        "logspace",
        "eye",
    ),
    *("new_empty", "new_empty_strided", "new_zeros", "new_ones", "new_full", "scalar_tensor"),
    *("empty_like", "zeros_like", "ones_like", "full_like", "tril_indices", "triu_indices"),
}


#: Operators that draw random numbers of a given shape; where they fill a tensor, in place.
RANDOM = {
    *("rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "normal", "uniform"),
    *("exponential", "random", "geometric", "cauchy", "log_normal", "multinomial", "bernoulli"),
}


def tensors_of(values: Any) -> list[Tensor]:
    """Return the tensors in a nest of values, without empty ones, which hold nothing."""
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor) and leaf.numel()]


def bare_name(func: OpOverload) -> str:
    """Return the operator's name without namespace, overload and the underscore of an in-place variant."""
    name = func._schema.name.rpartition("::")[2]
    return name.strip("_") if name.endswith("__") else name.removesuffix("_")


def is_view(func: OpOverload, name: str) -> bool:
    """Return whether the operator's result shows the memory of its input."""
    aliases = [value.alias_info for value in func._schema.returns]
    says_so = any(alias is not None and not alias.is_write for alias in aliases)
    return says_so or name in VIEWS or torch.Tag.inplace_view in func.tags


def depends_on_values(func: OpOverload) -> bool:
    """Return whether the result, or its shape, needs the values of the operands."""
    tags = func.tags
    return torch.Tag.data_dependent_output in tags or torch.Tag.dynamic_output_shape in tags


def written(func: OpOverload, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Tensor]:
    """Return the operands that a call writes to."""
    values = bound(func, args, kwargs)
    names = [
        argument.name
        for argument in func._schema.arguments
        if argument.alias_info is not None and argument.alias_info.is_write
    ]
    return [leaf for name in names for leaf in tree_leaves(values[name]) if isinstance(leaf, Tensor)]


def bound(func: OpOverload, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name, defaults included."""
    arguments = func._schema.arguments
    values = {argument.name: argument.default_value for argument in arguments}
    values.update(zip((argument.name for argument in arguments), args, strict=False))
    values.update(kwargs)
    return values
