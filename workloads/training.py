"""One training step as a module: forward, loss, backward and the optimizer's update, to be traced as a whole.

The step's parameters are those of the model, under the same names with ``model.`` before them, so that its
ops are named as in inference. What it returns are the loss and, for each parameter that learns, its new value, or
without an optimizer its gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

Optimize = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


class TrainingStep(nn.Module):
    """Runs ``loss(model(*inputs), target)`` forward and backward, and lets the optimizer update the model."""

    def __init__(
        self, model: nn.Module, loss: Callable[..., Tensor], optimize: Optimize | None = None
    ) -> None:
        """Take a model, a loss of its output and a target, and how to make an optimizer of parameters.

        For instance ``TrainingStep(model, nn.functional.cross_entropy, lambda parameters:
        torch.optim.SGD(parameters, lr=0.1))``. A loss of one argument is given the output alone.
        """
        super().__init__()
        self.model, self.loss = model, loss
        self.update = None if optimize is None else _Update(optimize)

    def train(self, mode: bool = True) -> TrainingStep:
        """Stay in training: dropout and batch statistics belong to the step."""
        super().train(True)
        return self

    def forward(self, *inputs: Any, targets: int = 1) -> tuple[Tensor, ...]:
        """Run one step on the model's inputs, followed by the loss's further arguments.

        `targets` is how many of the inputs belong to the loss.
        """
        count = len(inputs) - targets
        learning = [parameter.requires_grad_() for parameter in self.model.parameters()]
        with torch.enable_grad():
            loss: Tensor = self.loss(self.model(*inputs[:count]), *inputs[count:])
            loss.backward()
        if self.update is not None:
            return (loss, *self.update(learning))
        return (loss, *(parameter.grad for parameter in learning if parameter.grad is not None))


class _Update(nn.Module):
    """The optimizer's first step. A module, so that its ops have a name of their own."""

    def __init__(self, optimize: Optimize) -> None:
        super().__init__()
        self.optimize = optimize

    def forward(self, parameters: list[nn.Parameter]) -> list[nn.Parameter]:
        self.optimize(parameters).step()
        return parameters
