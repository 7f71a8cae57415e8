"""Bits of each layer of ANT's evaluation, as the lists of its accelerators give them.

Obeys: ``ant_simulator/bitfusion/src/benchmarks/*_bench.py`` of github.com/clevercool/ANT-Quantization at
commit bc84067 (Apache-2.0), read. A layer is a convolution or a product with weights, in the order in which
a network runs them, and its bits are those of weights and activations. ANT has one list for both dataflows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

NOT_LISTED = 0  # in place of bits: the list leaves the layer out

# List -> network -> bits: 4*14 is 4 bits for fourteen layers.
_TEXTS: Mapping[str, Mapping[str, str]] = {
    "ant": {
        "vgg16": "8 4*14 8",
        "resnet18": "8 4*19 8",
        "resnet50": "8 4*52 8",
        "inceptionv3": "8*4 4*90 8",
        "vit": "0 4 8*3 4*2 8 4*3 8 4*11 8 4 8 4*5 8 4*12 8 4*4 8",
        "bert-mnli": "4*48 8*3 4*8 8 4*12 8*2",
        "bert-cola": "4*37 8 4*4 8*3 4*3 8*3 4*8 8 4*12 8*2",
        "bert-sst2": "4*74",
    },
    "bitfusion": {
        "vgg16": "8*10 4 8 4 8 4 8",
        "resnet18": "8*16 4 8*2 4 8",
        "resnet50": "8*16 4*2 8*2 4 8 4*2 8*2 4 8*2 4*2 8 4*2 8 4*2 8 4*2 8 4 8*2 4*2 8*2 4*2 8 4*2 8",
        "inceptionv3": "8*29 4 8*2 4*2 8*4 4 8*3 4 8*2 4*2 8*5 4*2 8 4*4 8*2 4*2 8 4*9 8*2 4 8*2 4*2 8 4*3 8"
        " 4*10",
        "vit": "8*2 4 8*19 4 8*7 4 8*3 4 8*3 4 8*3 4 8*7",
        "bert-mnli": "8*3 4 8*5 4 8*5 4 8*5 4 8*5 4 8 4 8*3 4 8 4 8*3 4 8 4 8*3 4 8 4 8*3 4 8*11 4 8*5 4 8"
        " 4 8 4",
        "bert-cola": "8*74",
        "bert-sst2": "8*3 4 8 4 8*3 4 8 4 8*3 4 8*5 4 8 4 8*3 4 8 4 8*3 4 8 4 8*3 4 8 4 8*3 4 8 4 8*3 4 8 4"
        " 8*3 4 8*5 4 8 4 8*3 4 8 4*3",
    },
    "olaccel": {
        "vgg16": "8 4*14 8",
        "resnet18": "8 4*19 8",
        "resnet50": "8 4*52 8",
        "inceptionv3": "8 4*93 8",
        "vit": "0 4*49",
        "bert-mnli": "4*74",
        "bert-cola": "4*74",
        "bert-sst2": "4*74",
    },
    "biscaled": {
        "vgg16": "6*16",
        "resnet18": "6*21",
        "resnet50": "6*54",
        "inceptionv3": "6*95",
        "vit": "0 6*49",
        "bert-mnli": "6*74",
        "bert-cola": "6*74",
        "bert-sst2": "6*74",
    },
    "adafloat": {
        "vgg16": "8*16",
        "resnet18": "8*21",
        "resnet50": "8*54",
        "inceptionv3": "8*95",
        "vit": "0 8*49",
        "bert-mnli": "8*74",
        "bert-cola": "8*74",
        "bert-sst2": "8*74",
    },
}

# Bits of ViT's patch embedding where a list leaves it out. ANT: its training script gives layer 0 of ViT 8
# bits. OLAccel: assumed, as all other layers of its Transformers. BiScaled and AdaFloat have one width.
PATCH_EMBEDDING = MappingProxyType({"ant": 8, "olaccel": 4, "biscaled": 6, "adafloat": 8})

# Products that traces of these networks have for each layer of the lists, where that is not one: the lists
# project queries, keys and values of ViT together, and BERT has a classifier behind the encoder. ViT's last
# layer is a pooler in the trace and the classifier in the lists.
PRODUCTS = MappingProxyType({"vit": (1, *(3, 1, 1, 1) * 12, 1), **dict.fromkeys(
    ("bert-mnli", "bert-cola", "bert-sst2"), (*(1,) * 73, 0)
)})  # fmt: skip


def _widths(text: str) -> Iterator[int]:
    """Yield 8, 4, 4, 4 for ``8 4*3``."""
    for run in text.split():
        bits, _, times = run.partition("*")
        yield from [int(bits)] * int(times or 1)


#: Bits of each layer by (list, network); 0 where the list leaves a layer out.
BIT_LISTS: Mapping[tuple[str, str], tuple[int, ...]] = MappingProxyType(
    {
        (name, network): tuple(_widths(text))
        for name, networks in _TEXTS.items()
        for network, text in networks.items()
    }
)
NETWORKS = tuple(_TEXTS["ant"])


def all_bits(name: str, network: str) -> tuple[int, ...]:
    """Return the bits of every layer, of those too that the list leaves out."""
    return tuple(bits or PATCH_EMBEDDING[name] for bits in BIT_LISTS[name, network])


def of_products(name: str, network: str, count: int) -> tuple[int, ...] | None:
    """Return the bits of a trace's `count` products, in their order; None where the network has others."""
    bits = all_bits(name, network)
    for each in ((1,) * len(bits), PRODUCTS.get(network, ())):
        if sum(each) == count:
            return tuple(width for width, times in zip(bits, each, strict=True) for _ in range(times))
    return None
