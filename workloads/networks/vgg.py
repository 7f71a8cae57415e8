"""VGG16 (Simonyan and Zisserman, arXiv 1409.1556, table 1, column D) as a PyTorch module."""

from __future__ import annotations

from torch import Tensor, nn

#: Channels of the convolutions of each stage; a pooling follows each stage.
STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
IMAGE = 224  # side in pixels; section 2.1
HIDDEN = 4096  # of the two fully connected layers before the last


class VGG16(nn.Module):
    """Images (batch, 3, 224, 224) to class scores (batch, classes)."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential()
        channels = 3
        for stage in STAGES:
            for width in stage:
                self.features.extend((nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()))
                channels = width
            self.features.append(nn.MaxPool2d(2))
        side = IMAGE // 2 ** len(STAGES)
        self.classifier = nn.Sequential(
            nn.Linear(channels * side * side, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, classes),
        )

    def forward(self, image: Tensor) -> Tensor:
        scores: Tensor = self.classifier(self.features(image).flatten(1))
        return scores
