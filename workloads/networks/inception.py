"""Inception v3 (Szegedy et al., arXiv 1512.00567) as a PyTorch module, without its auxiliary classifier.

The layers are those of the network that was released (TensorFlow slim `inception_v3`), which differ from the
paper's table 1 in the stem and in the number of modules at each size.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from tandemsim.workloads.networks.convolutions import Branches, ConvNorm

Conv = partial(ConvNorm, eps=1e-3)  # released code, batch_norm_epsilon
ACROSS, DOWN = (1, 7), (7, 1)  # the two halves of a 7x7 convolution


class InceptionV3(nn.Module):
    """Images (batch, 3, 299, 299) to class scores (batch, classes)."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            Conv(3, 32, 3, stride=2),
            Conv(32, 32, 3),
            Conv(32, 64, 3, padding=1),
            nn.MaxPool2d(3, 2),
            Conv(64, 80, 1),
            Conv(80, 192, 3),
            nn.MaxPool2d(3, 2),
        )
        self.mixed = nn.Sequential(
            *(_inner(channels, pooled) for channels, pooled in ((192, 32), (256, 64), (288, 64))),
            _first_reduction(288),
            *(_factorized(width) for width in (128, 160, 160, 192)),
            _second_reduction(768),
            *(_expanded(channels) for channels in (1280, 2048)),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2048, classes)

    def forward(self, image: Tensor) -> Tensor:
        scores: Tensor = self.fc(self.pool(self.mixed(self.stem(image))).flatten(1))
        return scores


def _pooled(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.AvgPool2d(3, 1, padding=1), Conv(channels, width, 1))


def _inner(channels: int, pooled: int) -> Branches:
    """A module at 35x35."""
    return Branches(
        one=Conv(channels, 64, 1),
        five=nn.Sequential(Conv(channels, 48, 1), Conv(48, 64, 5, padding=2)),
        three=nn.Sequential(Conv(channels, 64, 1), Conv(64, 96, 3, padding=1), Conv(96, 96, 3, padding=1)),
        pool=_pooled(channels, pooled),
    )


def _first_reduction(channels: int) -> Branches:
    """From 35x35 to 17x17."""
    return Branches(
        three=Conv(channels, 384, 3, stride=2),
        twice=nn.Sequential(Conv(channels, 64, 1), Conv(64, 96, 3, padding=1), Conv(96, 96, 3, stride=2)),
        pool=nn.MaxPool2d(3, 2),
    )


def _factorized(width: int, channels: int = 768) -> Branches:
    """A module at 17x17, whose 7x7 convolutions are two of one row and one column; `width` is theirs."""
    across, down = partial(Conv, kernel=ACROSS, padding=(0, 3)), partial(Conv, kernel=DOWN, padding=(3, 0))
    return Branches(
        one=Conv(channels, 192, 1),
        seven=nn.Sequential(Conv(channels, width, 1), across(width, width), down(width, 192)),
        twice=nn.Sequential(
            Conv(channels, width, 1),
            down(width, width),
            across(width, width),
            down(width, width),
            across(width, 192),
        ),
        pool=_pooled(channels, 192),
    )


def _second_reduction(channels: int) -> Branches:
    """From 17x17 to 8x8."""
    return Branches(
        three=nn.Sequential(Conv(channels, 192, 1), Conv(192, 320, 3, stride=2)),
        seven=nn.Sequential(
            Conv(channels, 192, 1),
            Conv(192, 192, ACROSS, padding=(0, 3)),
            Conv(192, 192, DOWN, padding=(3, 0)),
            Conv(192, 192, 3, stride=2),
        ),
        pool=nn.MaxPool2d(3, 2),
    )


def _expanded(channels: int) -> Branches:
    """A module at 8x8, whose 3x3 convolutions are one of a row beside one of a column."""
    return Branches(
        one=Conv(channels, 320, 1),
        three=nn.Sequential(Conv(channels, 384, 1), _split(384)),
        twice=nn.Sequential(Conv(channels, 448, 1), Conv(448, 384, 3, padding=1), _split(384)),
        pool=_pooled(channels, 192),
    )


def _split(channels: int) -> Branches:
    return Branches(
        across=Conv(channels, 384, (1, 3), padding=(0, 1)), down=Conv(channels, 384, (3, 1), padding=(1, 0))
    )
