"""SSD with a ResNet-34, MLPerf's detector, on images of 1200x1200 or 300x300, as PyTorch modules.

SSD is Liu et al., arXiv 1512.02325, ResNet-34 is He et al., arXiv 1512.03385. The large one has the layers of
the reference code of MLPerf Inference 0.5 (mlcommons/inference, `ssd_r34.py` and `base_model.py`), the small
one those of MLPerf Training's (mlcommons/training, `ssd300.py`): the same but for strides. Boxes are not
decoded, and overlapping ones are not removed.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tandemsim.workloads.networks.convolutions import ConvNorm

BLOCKS = ((64, 3, 1), (128, 4, 2), (256, 6, 1))  # channels, blocks, stride; the last stride is 2 in ResNet-34
#: Of the added blocks: channels of the 1x1 and of the 3x3 convolution, and padding of the latter.
ADDED = ((256, 512, 1), (256, 512, 1), (128, 256, 1), (128, 256, 0), (128, 256, 0))
LARGE_STRIDES, SMALL_STRIDES = (2, 2, 2, 2, 1), (2, 2, 2, 1, 1)  # of their 3x3 convolutions
BOXES = (4, 6, 6, 6, 4, 4)  # at each place of the six feature maps
CLASSES = 81  # of COCO, background included
LARGE_STRIDE, SMALL_STRIDE = 3, 1  # of the convolutions that predict


class SSDResNet34(nn.Module):
    """Images (batch, 3, 1200, 1200) to places (batch, 4, 15130) and scores (batch, 81, 15130)."""

    def __init__(self, strides: Sequence[int] = LARGE_STRIDES, predicting_stride: int = LARGE_STRIDE) -> None:
        super().__init__()
        self.stem = nn.Sequential(ConvNorm(3, 64, 7, stride=2, padding=3), nn.MaxPool2d(3, 2, padding=1))
        self.backbone = nn.Sequential()
        channels = 64
        for width, blocks, stride in BLOCKS:
            for number in range(blocks):
                self.backbone.append(BasicBlock(channels, width, stride if number == 0 else 1))
                channels = width
        self.added = nn.ModuleList()
        maps = [channels]
        for (narrow, width, padding), stride in zip(ADDED, strides, strict=True):
            self.added.append(_added(maps[-1], narrow, width, stride, padding))
            maps.append(width)
        sizes = list(zip(maps, BOXES, strict=True))
        self.places = nn.ModuleList(nn.Conv2d(c, 4 * n, 3, predicting_stride, padding=1) for c, n in sizes)
        self.scores = nn.ModuleList(
            nn.Conv2d(c, CLASSES * n, 3, predicting_stride, padding=1) for c, n in sizes
        )

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        maps = [self.backbone(self.stem(image))]
        for block in self.added:
            maps.append(block(maps[-1]))
        places = [predict(found) for predict, found in zip(self.places, maps, strict=True)]
        scores = [predict(found) for predict, found in zip(self.scores, maps, strict=True)]
        return _joined(places, 4), _joined(scores, CLASSES)


class SSD300ResNet34(SSDResNet34):
    """Images (batch, 3, 300, 300) to places (batch, 4, 8732) and scores (batch, 81, 8732)."""

    def __init__(self) -> None:
        super().__init__(SMALL_STRIDES, SMALL_STRIDE)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a residual; it has a 1x1 convolution where channels or sides change."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.first = ConvNorm(in_channels, channels, 3, stride, padding=1)
        self.second = ConvNorm(channels, channels, 3, padding=1, slope=None)
        same = in_channels == channels and stride == 1
        self.residual = nn.Identity() if same else ConvNorm(in_channels, channels, 1, stride, slope=None)
        self.act = nn.ReLU()

    def forward(self, image: Tensor) -> Tensor:
        output: Tensor = self.act(self.second(self.first(image)) + self.residual(image))
        return output


def _added(channels: int, narrow: int, width: int, stride: int, padding: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, narrow, 1), nn.ReLU(), nn.Conv2d(narrow, width, 3, stride, padding), nn.ReLU()
    )


def _joined(predictions: list[Tensor], values: int) -> Tensor:
    """Return what is predicted at all places of all maps, (batch, values, places)."""
    return torch.cat([found.reshape(len(found), values, -1) for found in predictions], dim=2)
