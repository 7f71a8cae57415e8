"""The networks of ANT's evaluation, layer by layer, with the bits that each accelerator gives to each layer.

Obeys: the benchmark lists of ANT's artifact. They hold convolutions and fully connected layers alone: no
products of attention, no pooling, softmax or norm. ViT's patch embedding is only in BitFusion's list.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from tandemsim.sim.arch.ant.bit_lists import BIT_LISTS, NOT_LISTED, all_bits
from tandemsim.sim.arch.ant.bit_lists import NETWORKS as LISTED
from tandemsim.sim.arch.checks import ConfigError, nearest, require, require_integers
from tandemsim.sim.papers.ant.tables import rows

# Name -> whose layers it has.
NETWORKS = {name: "bert" if name.startswith("bert-") else name for name in LISTED}


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
    """Return the layers of `network` as ``ant``, ``bitfusion``... lists them; if `whole`, all of them.

    Raises `ConfigError` for a name that does not exist.
    """
    if network not in NETWORKS:
        raise ConfigError(nearest("network of ANT's evaluation", network, NETWORKS))
    if (lists, network) not in BIT_LISTS:
        raise ConfigError(nearest("list of bit widths", lists, {known for known, _ in BIT_LISTS}))
    bits = all_bits(lists, network) if whole else BIT_LISTS[lists, network]
    return [
        dataclasses.replace(layer, bits=width)
        for layer, width in zip(_LAYERS[NETWORKS[network]], bits, strict=True)
        if width != NOT_LISTED
    ]


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


_LAYERS = _all_layers()
