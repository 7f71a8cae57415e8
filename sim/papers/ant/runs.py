"""Which runs of our own machine stand beside ANT's figures: data. Nothing here knows a machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tandemsim.sim.arch.ant.bit_lists import BIT_LISTS
from tandemsim.sim.papers.ant.hardware import ACCELERATORS, BATCH
from tandemsim.sim.papers.ant.networks import NETWORKS

# Network -> a checked-in trace, and which of its ops runs: None is all of them.
TRACES: Mapping[str, tuple[str, int | None]] = {
    **{name: (name, None) for name in ("vgg16", "resnet18", "resnet50", "inceptionv3")},
    "vit": ("vit-b16", None),
    **{name: ("bert-base-128", None) for name in NETWORKS if name.startswith("bert-")},
}
PRESETS = {"ant-os": "ant-micro22", "ant-ws": "ant-micro22"}  # of the others, one of their own name


@dataclass(frozen=True, slots=True, kw_only=True)
class OurRun:
    """A preset, settings as ``--set`` takes them, operand widths as ``--bits`` does, and the batch."""

    preset: str
    settings: Mapping[str, str]
    bits: str
    batch: int = BATCH


def _runs() -> Iterator[tuple[tuple[str, str], OurRun]]:
    for name, accelerator in ACCELERATORS.items():
        for network in NETWORKS:
            yield (
                (name, network),
                OurRun(
                    preset=PRESETS.get(name, name),
                    settings={"dataflow": accelerator.dataflow},
                    bits=_bits(accelerator.lists, network),
                ),
            )


def _bits(lists: str, network: str) -> str:
    """Return the widths of a network: its list, that of a network with equal ones, or the only width."""
    bits = BIT_LISTS[lists, network]
    widths = set(bits) - {0}
    if widths in ({6}, {8}):
        return str(*widths)
    same = next(n for n in NETWORKS if TRACES[n] == TRACES[network] and BIT_LISTS[lists, n] == bits)
    return f"{lists}:{same}"


# (accelerator, network) -> our run of it.
RUNS: Mapping[tuple[str, str], OurRun] = dict(_runs())
