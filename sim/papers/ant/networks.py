"""The networks of ANT's evaluation, layer by layer, with the bits that each accelerator gives to each layer.

Obeys: the benchmark lists of ANT's artifact. They hold convolutions and fully connected layers alone: no
products of attention, no pooling, softmax or norm. ViT's patch embedding is only in BitFusion's list.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from tandemsim.sim.arch.checks import ConfigError, nearest, require, require_integers
from tandemsim.sim.papers.ant.tables import rows

# Bits of ViT's patch embedding where a list leaves it out. ANT: its training script gives layer 0 of ViT 8
# bits. OLAccel: assumed, as all other layers of its Transformers. BiScaled and AdaFloat have one width.
PATCH_EMBEDDING_BITS = {"ant": 8, "olaccel": 4, "biscaled": 6, "adafloat": 8}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A convolution with a square output, or a fully connected layer, of one image or sentence."""

    kind: str  # conv or fc
    tokens: int  # rows that an image adds to the batch
    ic: int
    oc: int
    kernel_height: int
    kernel_width: int
    out: int  # height and width of the output
    bits: int  # of weights and activations

    def __post_init__(self) -> None:
        numbers = [field.name for field in dataclasses.fields(self) if field.name != "kind"]
        require_integers(self, 1, *numbers)
        require(self.kind in ("conv", "fc"), "Layer.kind must be conv or fc", self.kind)

    def taps(self, true: bool = False) -> int:
        """Return the weights of one filter and input channel: the published model squares the height."""
        return self.kernel_height * (self.kernel_width if true else self.kernel_height)

    def macs(self, true: bool = False) -> int:
        """Return the multiply-accumulates of one image."""
        return self.tokens * self.out**2 * self.taps(true) * self.ic * self.oc


def layers(network: str, lists: str, whole: bool = False) -> list[Layer]:
    """Return the layers of `network` as ``ant``, ``bitfusion``... lists them; with `whole` none is missing.

    Raises `ConfigError` for a name that does not exist.
    """
    if network not in NETWORKS:
        raise ConfigError(nearest("network of ANT's evaluation", network, NETWORKS))
    if (lists, network) not in _BITS:
        raise ConfigError(nearest("list of bit widths", lists, {known for known, _ in _BITS}))
    kept = []
    for layer, bits in zip(_LAYERS[NETWORKS[network]], _BITS[lists, network], strict=True):
        width = bits or (PATCH_EMBEDDING_BITS[lists] if whole else 0)
        if width:
            kept.append(dataclasses.replace(layer, bits=width))
    return kept


def _all_layers() -> dict[str, list[Layer]]:
    found: dict[str, list[Layer]] = {}
    for row in rows("ant_layers.csv"):
        assert row["out_height"] == row["out_width"]
        layer = Layer(
            kind=row["kind"],
            out=int(row["out_height"]),
            bits=8,
            **{key: int(row[key]) for key in ("tokens", "ic", "oc", "kernel_height", "kernel_width")},
        )
        found.setdefault(row["network"], []).extend([layer] * int(row["times"]))
    return found


def _widths(text: str) -> Iterator[int]:
    """Yield 8, 4, 4, 4 for ``8 4*3``."""
    for run in text.split():
        bits, _, times = run.partition("*")
        yield from [int(bits)] * int(times or 1)


_LAYERS = _all_layers()
_BITS = {(row["accelerator"], row["network"]): tuple(_widths(row["bits"])) for row in rows("ant_bits.csv")}
NETWORKS = {row["network"]: row["layers"] for row in rows("ant_bits.csv")}  # name -> whose layers it has
