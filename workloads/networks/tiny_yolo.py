"""Tiny YOLOv2 for the 20 classes of VOC (Redmon and Farhadi, arXiv 1612.08242) as a PyTorch module.

The layers are those of Darknet's `yolov2-tiny-voc.cfg`. The boxes are not decoded.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import pad

from tandemsim.workloads.networks.convolutions import ConvNorm

WIDTHS = (16, 32, 64, 128, 256, 512, 1024, 1024)
HALVED = 5  # convolutions that are followed by a pooling of stride 2; the next one has a pooling of stride 1
BOXES, CLASSES = 5, 20  # in each cell of the grid; each box has four coordinates and a confidence
SLOPE = 0.1  # of the leaky activation


class TinyYOLOv2(nn.Module):
    """Images (batch, 3, 416, 416) to boxes (batch, 5 x 25, 13, 13)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential()
        channels = 3
        for number, width in enumerate(WIDTHS):
            self.features.append(ConvNorm(channels, width, 3, padding=1, slope=SLOPE))
            if number < HALVED:
                self.features.append(nn.MaxPool2d(2))
            elif number == HALVED:
                self.features.append(SameMaxPool())
            channels = width
        self.boxes = nn.Conv2d(channels, BOXES * (CLASSES + 5), 1)

    def forward(self, image: Tensor) -> Tensor:
        boxes: Tensor = self.boxes(self.features(image))
        return boxes


class SameMaxPool(nn.Module):
    """The maximum of each 2x2 window, at stride 1; beyond the last row and column there is nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2, 1)

    def forward(self, image: Tensor) -> Tensor:
        output: Tensor = self.pool(pad(image, (0, 1, 0, 1), value=float("-inf")))
        return output
