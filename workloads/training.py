"""One training step as a module: forward, loss, backward and the optimizer's update, to be traced as a whole.

Parameters and ops have the names that they have in inference, with ``model.`` before them. What the step
returns are the loss and, for each parameter, its new value, or without an optimizer its gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

Optimize = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


class TrainingStep(nn.Module):
    """Runs ``loss(model(*inputs), *targets)`` forward and backward, then the optimizer's update."""

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[..., Tensor],
        optimize: Optimize | None = None,
        *,
        targets: int = 1,
    ) -> None:
        """Take a model, a loss of its output and `targets` further tensors, and what makes an optimizer.

        For instance ``TrainingStep(model, nn.functional.cross_entropy, torch.optim.AdamW)``.
        """
        super().__init__()
        self.model, self.loss, self.targets = model, loss, targets
        self.update = None if optimize is None else _Update(optimize)

    def train(self, mode: bool = True) -> TrainingStep:
        """Stay in training: dropout and batch statistics belong to the step."""
        super().train(True)
        return self

    def forward(self, *inputs: Any) -> tuple[Tensor, ...]:
        """Run one step on the model's inputs, followed by the targets of the loss."""
        count = len(inputs) - self.targets
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
