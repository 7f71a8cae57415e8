"""What is quantized: the layers of a model, each a weight and, where the model was run, what it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.traces.schema import Trace


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A weight, output channels first, and the first batch of inputs of the layer."""

    name: str  # the module, or the tensor of a file
    weight_name: str  # as a trace names it
    weight: npt.NDArray[Any]
    activation: npt.NDArray[Any] | None = None
    channels: int = -1  # dimension of the activation that the weight reduces


@dataclass(frozen=True, kw_only=True)
class Model:
    """The layers in the order in which they run, and the rest of the model."""

    name: str
    layers: Sequence[Layer]
    left: Sequence[str] = ()  # tensors that stay as they are
    notes: Sequence[str] = ()  # what the user should know of how it was read
    trace: Callable[[], Trace] = field(repr=False)  # of the whole model, or of the weights alone

    def __post_init__(self) -> None:
        if not self.layers:
            rule = "a linear layer or a convolution; of a file, fractions in two or more dimensions"
            raise ConfigError(f"{self.name} must have something to quantize: {rule}")
