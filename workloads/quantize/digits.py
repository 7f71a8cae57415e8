"""Two small networks trained on scikit-learn's handwritten digits, the same bytes from the same seed.

1,797 images of 8 × 8 (UCI, Alpaydin and Kaynak 1998); 500 of them are held back for the test, others for each
seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from tandemsim.sim.shell.command_line import installed_by

TEST = 500  # images
BATCH, EPOCHS, RATE = 64, 30, 2e-3  # assumed: more epochs do not help either network
CALIBRATION = 256  # images of the training set whose activations decide about formats
LARGEST = 16.0  # value of a pixel


class Split(NamedTuple):
    """Images [n, 1, 8, 8] in 0..1 and their digits."""

    train: torch.Tensor
    train_digits: torch.Tensor
    test: torch.Tensor
    test_digits: torch.Tensor


def mlp() -> nn.Module:
    """64 pixels, two hidden layers of 128."""
    hidden = [nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU()]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(128, 10))


def conv() -> nn.Module:
    """Three convolutions of 3 × 3, the last two with stride 2, and a linear layer."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, padding=1, stride=2), nn.ReLU()),
        *(nn.Conv2d(32, 32, 3, padding=1, stride=2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(128, 10)),
    )


NETWORKS: Mapping[str, Callable[[], nn.Module]] = MappingProxyType({"digits-mlp": mlp, "digits-conv": conv})


def split(seed: int) -> Split:
    """Return training and test set."""
    images, digits = _all()
    order = np.random.default_rng(seed).permutation(len(digits))
    test, train = order[:TEST], order[TEST:]
    return Split(images[train], digits[train], images[test], digits[test])


def trained(network: str, seed: int) -> nn.Module:
    """Return a network trained from nothing, in inference."""
    with seeded(seed):
        module = NETWORKS[network]()
        data = split(seed)
        fit(module, data, EPOCHS, RATE)
    return module.eval()


def fit(module: nn.Module, data: Split, epochs: int, rate: float) -> None:
    """Train by Adam, with a rate that falls to 0 by the cosine. Draws from torch's own generator."""
    optimizer = torch.optim.Adam(module.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    module.train()
    for _ in range(epochs):
        for some in torch.randperm(len(data.train)).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(data.train[some]), data.train_digits[some]).backward()
            optimizer.step()
        schedule.step()
    module.eval()


def accuracy(module: nn.Module, data: Split) -> float:
    """Return the share of the test's digits that are recognized."""
    with torch.no_grad():
        return float((module(data.test).argmax(dim=1) == data.test_digits).double().mean())


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """One thread and a generator of its own, so that the same seed gives the same bytes."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


@cache
def _all() -> tuple[torch.Tensor, torch.Tensor]:
    with installed_by("workloads", "pip install 'tandemsim[quantize]'"):
        from sklearn.datasets import load_digits
    data = load_digits()
    images = torch.tensor(data.images, dtype=torch.float32)[:, None] / LARGEST
    return images, torch.tensor(data.target)
