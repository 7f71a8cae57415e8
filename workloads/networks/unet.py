"""U-Net (Ronneberger et al., arXiv 1505.04597, figure 1) as a PyTorch module, without padding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTHS = (64, 128, 256, 512, 1024)
CLASSES = 2  # foreground and background


class UNet(nn.Module):
    """Gray images (batch, 1, 572, 572) to class scores (batch, 2, 388, 388)."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList()
        channels = 1
        for width in WIDTHS:
            self.down.append(_double(channels, width))
            channels = width
        self.pool = nn.MaxPool2d(2)
        self.up, self.merge = nn.ModuleList(), nn.ModuleList()
        for width in reversed(WIDTHS[:-1]):
            self.up.append(nn.ConvTranspose2d(2 * width, width, 2, stride=2))
            self.merge.append(_double(2 * width, width))
        self.classes = nn.Conv2d(WIDTHS[0], CLASSES, 1)

    def forward(self, image: Tensor) -> Tensor:
        *kept, image = self._contracted(image)
        for up, merge in zip(self.up, self.merge, strict=True):
            image = up(image)
            image = merge(torch.cat([_cropped(kept.pop(), image.shape[-1]), image], dim=1))
        scores: Tensor = self.classes(image)
        return scores

    def _contracted(self, image: Tensor) -> list[Tensor]:
        """Return the image at every size."""
        images = [self.down[0](image)]
        for convolutions in self.down[1:]:
            images.append(convolutions(self.pool(images[-1])))
        return images


def _double(in_channels: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 3), nn.ReLU(), nn.Conv2d(channels, channels, 3), nn.ReLU()
    )


def _cropped(image: Tensor, side: int) -> Tensor:
    """Return the middle of a square image."""
    edge = (image.shape[-1] - side) // 2
    return image[:, :, edge : edge + side, edge : edge + side]
