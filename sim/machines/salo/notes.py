"""What a reader must know before quoting the figures of a run on SALO; only what applies to this run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tandemsim.sim.arch.salo.config import SaloArray, SaloConfig
from tandemsim.sim.arch.salo.energy import (
    PUBLISHED_AREA_MM2,
    PUBLISHED_POWER_W,
    PUBLISHED_SYNTHESIS_HZ,
    area_mm2,
    is_published,
)
from tandemsim.sim.arch.salo.gates import array_mm2
from tandemsim.sim.arch.salo.numerics import PUBLISHED
from tandemsim.sim.report.contract import TensorTraffic

PUBLISHED_PRESET = "salo-dac22"
FASTEST_CLOCK_HZ = 6_000_000_000  # assumed: above every processor sold
MANY_READS = 2.0  # assumed: below it, edges of blocks and heads account for what is read again


def notes(config: SaloConfig, preset: str, tensors: Mapping[str, TensorTraffic]) -> Iterator[str]:
    """Yield the notes of a run, each a sentence or two."""
    yield from _reads(tensors)
    yield from _not_buildable(config)
    yield "Each layer starts with an idle array and its tensors in DRAM: its projections run elsewhere."
    yield "Energy is an estimate: actions counted, at published energies of 40 and 45 nm libraries."
    yield from _area(config)
    if preset == PUBLISHED_PRESET:
        yield from _published(config)


def _reads(tensors: Mapping[str, TensorTraffic]) -> Iterator[str]:
    for name in ("key", "value"):
        traffic = tensors.get(name)
        if traffic and traffic.read_bytes > MANY_READS * traffic.size_bytes:
            times = traffic.read_bytes / traffic.size_bytes
            yield (
                f"Each {name} is read {times:.1f} times: the {name}s of a query block do not fit;"
                f" try {name}_scratchpad.capacity_bytes."
            )


def _not_buildable(config: SaloConfig) -> Iterator[str]:
    if config.array.flush_cycles == 0:
        yield "No circuit can be built with array.flush_cycles=0: the flush clears the scores."
    if config.clock_hz > FASTEST_CLOCK_HZ:
        yield f"A clock of {config.clock_hz / 1e9:,.0f} GHz is faster than any that was built."


def _area(config: SaloConfig) -> Iterator[str]:
    if area_mm2(config.array, config.numerics) is None:
        yield "Area is not known: the gates of an array of these widths and latencies were not counted."
    elif is_published(config.array, config.numerics):
        estimate = f"{array_mm2(SaloArray(), PUBLISHED):.3g} mm², our count"
        yield f"Area is the published one; beside those of other configurations belongs {estimate}."
    else:
        yield "Area is an estimate from the gates of our array, cells alone, without scratchpads."


def _published(config: SaloConfig) -> Iterator[str]:
    if config.clock_hz != PUBLISHED_SYNTHESIS_HZ:
        yield (
            f"Time and power here are both at {config.clock_hz / 1e6:.0f} MHz. The published synthesis"
            f" ({PUBLISHED_POWER_W * 1000:.2f} mW, array alone) is at {PUBLISHED_SYNTHESIS_HZ / 1e6:.0f} MHz:"
            " do not put that power beside this time."
        )
    if not is_published(config.array, config.numerics):
        yield (
            f"The published array takes {PUBLISHED_AREA_MM2} mm²; counted like this one,"
            f" {array_mm2(SaloArray(), PUBLISHED):.3g} mm²."
        )
