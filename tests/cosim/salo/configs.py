"""Small arrays that differ in everything that a configuration can change."""

from dataclasses import replace

from tandemsim.sim.arch.salo.config import GlobalProjections, PassOverlap, SaloArray, SaloConfig
from tandemsim.sim.arch.salo.numerics import PUBLISHED, WIDE, Normalisation, SaloNumerics
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.arch.sram import BufferConfig


def small(numerics: SaloNumerics, tiles: int = 2, **array: object) -> SaloConfig:
    """Return a machine whose output scratchpad holds the outputs of `tiles` tiles."""
    made = replace(SALO, array=SaloArray(**array), numerics=numerics)
    capacity = tiles * made.array.rows * made.array.head_dim * made.output_bytes
    output = BufferConfig(capacity_bytes=capacity)
    return replace(made, output_scratchpad=output)


PLAIN = {
    "deferred": small(
        PUBLISHED,
        rows=4,
        cols=4,
        head_dim=8,
        column_segments=2,
        normalisation=Normalisation.DEFERRED,
        global_projections=GlobalProjections.PRIVATE,
    ),
    "per_pass": small(PUBLISHED, rows=3, cols=6, head_dim=5, normalisation=Normalisation.PER_PASS),
    "wide": small(
        WIDE,
        tiles=1,
        rows=5,
        cols=4,
        head_dim=7,
        column_segments=2,
        global_rows=2,
        global_cols=2,
        normalisation=Normalisation.DEFERRED,
        exp_latency=2,
        reciprocal_latency=3,
        merge_latency=2,
    ),
    "wide_per_pass": small(
        WIDE,
        tiles=3,
        rows=2,
        cols=4,
        head_dim=6,
        column_segments=2,
        global_rows=2,
        global_projections=GlobalProjections.PRIVATE,
        normalisation=Normalisation.PER_PASS,
        overlap=PassOverlap.DRAIN,
        flush_cycles=2,
        exp_latency=3,
        reciprocal_latency=2,
        normalise_latency=3,
        merge_latency=3,
    ),
    "bare": small(
        PUBLISHED,
        rows=3,
        cols=3,
        head_dim=4,
        global_rows=0,
        global_cols=0,
        normalisation=Normalisation.DEFERRED,
    ),
}
# Arrays whose rows may begin with a sink, and whose values may have another size than their keys.
SINKS = {
    "sinks": small(
        PUBLISHED,
        rows=3,
        cols=4,
        head_dim=5,
        column_segments=2,
        global_rows=2,
        global_projections=GlobalProjections.PRIVATE,
        normalisation=Normalisation.DEFERRED,
        sinks=True,
        value_dims=True,
    ),
    "sinks_per_pass": small(
        WIDE,
        tiles=3,
        rows=2,
        cols=3,
        head_dim=6,
        global_cols=2,
        normalisation=Normalisation.PER_PASS,
        flush_cycles=2,
        exp_latency=3,
        reciprocal_latency=2,
        normalise_latency=2,
        merge_latency=2,
        sinks=True,
        value_dims=True,
    ),
}
CONFIGS = PLAIN | SINKS
