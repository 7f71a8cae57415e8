"""GoogLeNet (Szegedy et al., arXiv 1409.4842, table 1) as a PyTorch module, without auxiliary classifiers."""

from __future__ import annotations

from torch import Tensor, nn

from tandemsim.workloads.networks.convolutions import Branches

#: Of table 1: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj, of inception 3a to 5b.
MODULES = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)


class GoogLeNet(nn.Module):
    """Images (batch, 3, 224, 224) to class scores (batch, classes)."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _conv(3, 64, 7, stride=2),
            _pool(),
            nn.LocalResponseNorm(5, alpha=1e-4),  # size and alpha of the authors' model in Caffe
            _conv(64, 64, 1),
            _conv(64, 192, 3),
            nn.LocalResponseNorm(5, alpha=1e-4),
        )
        self.inception = nn.Sequential()
        channels = 192
        for stage in MODULES:
            self.inception.append(_pool())
            for widths in stage:
                self.inception.append(_inception(channels, *widths))
                channels = widths[0] + widths[2] + widths[4] + widths[5]
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(channels, classes)

    def forward(self, image: Tensor) -> Tensor:
        scores: Tensor = self.linear(self.pool(self.inception(self.stem(image))).flatten(1))
        return scores


def _inception(
    channels: int, one: int, reduce3: int, three: int, reduce5: int, five: int, pooled: int
) -> Branches:
    return Branches(
        one=_conv(channels, one, 1),
        three=nn.Sequential(_conv(channels, reduce3, 1), _conv(reduce3, three, 3)),
        five=nn.Sequential(_conv(channels, reduce5, 1), _conv(reduce5, five, 5)),
        pool=nn.Sequential(nn.MaxPool2d(3, 1, padding=1), _conv(channels, pooled, 1)),
    )


def _conv(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2), nn.ReLU())


def _pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, 2, ceil_mode=True)
