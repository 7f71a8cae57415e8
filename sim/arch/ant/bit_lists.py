"""Which layers ANT computes with 8 bits, by the lists of its artifact; all others take 4.

Obeys: ANT-Quantization, bc84067, the layer lists of its simulator. A list has the places of a network's
products (convolutions and matrix products with weights) in their order. ``bert-base-128`` has that of MNLI,
without the classifier, which the trace lacks.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: Products in all, and those with 8 bits, by the name of the trace.
ANT_LISTS: Mapping[str, tuple[int, tuple[int, ...]]] = MappingProxyType(
    {
        "vgg16": (16, (0, 15)),
        "resnet18": (21, (0, 20)),
        "resnet50": (54, (0, 53)),
        "inceptionv3": (95, (0, 1, 2, 3, 94)),
        "bert-base-128": (73, (48, 49, 50, 59, 72)),
    }
)
