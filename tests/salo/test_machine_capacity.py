"""More capacity of a scratchpad never costs a cycle, on the ideal memory and at equal traffic.

The traffic is compared load by load: a larger scratchpad that keeps other granules moves other bytes, and is
another machine. Fewer than four output buffers are left out: their order is another
(`sim.salo.layer.transfers`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.salo.config import GlobalProjections, PassOverlap, SaloArray, SaloConfig
from tandemsim.sim.arch.salo.family import SALO_FAMILY
from tandemsim.sim.arch.salo.numerics import Normalisation
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.arch.sram import Buffering, ScratchpadConfig
from tandemsim.sim.salo.layer.layout import Layer
from tandemsim.sim.salo.layer.simulation import LayerResult, simulate_layer
from tandemsim.sim.salo.layer.transfers import Kind, Phase
from tandemsim.traces.pattern import Pattern
from tests.examples import some_of
from tests.salo.plans import LANGUAGE, PATTERNS

HEAD_DIM = 8
PADS = ("query", "key", "value", "global", "output")
GROWTH = (1, 2, 5, 64)


@st.composite
def machines(draw: st.DrawFn) -> SaloConfig:
    """Small arrays with scratchpads that hold little more than a tile, and memories slow and fast."""
    segments = draw(st.sampled_from([1, 2]))
    array = SaloArray(
        rows=draw(st.sampled_from([1, 2, 3, 8])),
        cols=segments * draw(st.sampled_from([2, 4])),
        head_dim=HEAD_DIM,
        global_rows=draw(st.sampled_from([0, 1, 2])),
        global_cols=draw(st.sampled_from([0, 1])),
        column_segments=segments,
        normalisation=draw(st.sampled_from(Normalisation)),
        global_projections=draw(st.sampled_from(GlobalProjections)),
        overlap=draw(st.sampled_from(PassOverlap)),
        merge_latency=draw(st.sampled_from([1, 200])),
    )
    slot = array.rows * HEAD_DIM
    granules = draw(st.integers(6, 24))
    pad = ScratchpadConfig(
        capacity_bytes=granules * slot,
        banks=slot,  # enough that a place in the banks costs nothing
        ports=8,
        buffering=draw(st.sampled_from(Buffering)),
    )
    bandwidth = draw(st.sampled_from([10**9, 4 * 10**9, 32 * 10**9, 10**12]))
    return replace(
        SALO,
        array=array,
        query_scratchpad=replace(SALO.query_scratchpad, capacity_bytes=slot * draw(st.integers(2, 5))),
        key_scratchpad=pad,
        value_scratchpad=pad,
        global_scratchpad=replace(
            SALO.global_scratchpad, capacity_bytes=4096 + slot * draw(st.integers(4, 8))
        ),
        output_scratchpad=replace(SALO.output_scratchpad, capacity_bytes=2 * slot * draw(st.integers(4, 8))),
        dram=replace(DRAMS["ideal"], bandwidth_bytes_per_second=bandwidth),
    )


def larger(config: SaloConfig, pad: str, factor: int) -> SaloConfig:
    name = f"{pad}_scratchpad"
    old = getattr(config, name)
    return replace(config, **{name: replace(old, capacity_bytes=factor * old.capacity_bytes)})


def run(config: SaloConfig, pattern: Pattern, heads: int, kv_heads: int = 0) -> LayerResult:
    layer = Layer(
        heads,
        HEAD_DIM,
        pattern.seq_len,
        pattern.global_tokens,
        kv_heads=kv_heads,
        q_len=pattern.q_len,
    )
    try:
        return simulate_layer(config, pattern, layer, global_projections=bool(pattern.global_tokens))
    except ConfigError:
        assume(False)
        raise


def loads(found: LayerResult) -> list[Any]:
    """What is read for which tile, in order."""
    return [(r.granule.tolist(), r.first_use.tolist()) for r in found.program.residencies]


@given(
    machines(),
    st.sampled_from(sorted(PATTERNS | LANGUAGE)),
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from(PADS),
    st.sampled_from(GROWTH),
)
@settings(max_examples=some_of(300), deadline=None)
def test_cycles_never_rise_with_the_capacity_of_a_scratchpad(
    config: SaloConfig, name: str, heads: int, shared: bool, pad: str, factor: int
) -> None:
    """Heads that share their keys and values take turns."""
    pattern, kv_heads = (PATTERNS | LANGUAGE)[name], 1 if shared else heads
    small, large = (run(c, pattern, heads, kv_heads) for c in (config, larger(config, pad, factor)))
    assume(loads(small) == loads(large))
    assert large.cycles <= small.cycles


@pytest.mark.parametrize("pad", ["query", "key", "value", "output"])
@pytest.mark.parametrize("pattern", [Pattern.longformer(512, 64, (0,)), Pattern.vil(28, 28, 15, 1)])
def test_on_ddr4_it_costs_none_either(pattern: Pattern, pad: str) -> None:
    """The order of commands is the memory's own, so a few cycles may come and go."""
    layer = Layer(6, 64, pattern.seq_len, pattern.global_tokens)
    cycles = [simulate_layer(larger(SALO, pad, factor), pattern, layer).cycles for factor in (1, 2, 4, 64)]
    assert max(cycles) <= 1.001 * cycles[0]


@given(
    st.sampled_from(["ddr4-2400", "hbm2", "lpddr5-6400"]),
    st.sampled_from(["4", "16", "32"]),
    st.sampled_from(
        [
            Pattern.longformer(300, 32, (0,)),
            Pattern.sliding(785, 64),
            Pattern.dilated(500, 9, 2),
            Pattern.vil(20, 20, 7, 1),
        ]
    ),
    st.integers(1, 4),
    st.sampled_from(["query", "key", "value", "global", "output"]),
    st.sampled_from([2, 8]),
)
@settings(max_examples=60, deadline=None)
def test_on_a_memory_that_reorders_it_costs_little(
    memory: str, rows: str, pattern: Pattern, heads: int, pad: str, factor: int
) -> None:
    """Requests that come earlier may open a row that another needed; nothing else may cost time."""
    config = SALO_FAMILY.config("salo", {"memory": memory, "rows": rows})
    layer = Layer(heads, 64, pattern.seq_len, pattern.global_tokens)
    small, large = (simulate_layer(one, pattern, layer) for one in (config, larger(config, pad, factor)))
    assume(loads(small) == loads(large))
    assert large.cycles <= 1.02 * small.cycles


@given(machines(), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_a_partial_result_is_read_after_it_was_written(config: SaloConfig, heads: int) -> None:
    found = run(config, PATTERNS["strided sparse"], heads)
    t, issued = found.program.transfers, found.times.transfer_issued
    written: dict[int, int] = {}
    partial = t.kind == Kind.PARTIAL
    assert partial.any()
    for i in np.flatnonzero(partial):
        rows = range(int(t.base[i]), int(t.base[i] + t.rows[i] * t.stride[i]), int(t.stride[i]))
        for address in rows:
            if t.is_write[i]:
                written[address] = i
            else:
                assert written[address] < i and issued[written[address]] <= issued[i]


@given(machines(), st.sampled_from(sorted(PATTERNS)))
@settings(max_examples=60, deadline=None)
def test_a_read_stands_before_the_reads_of_later_tiles(config: SaloConfig, name: str) -> None:
    t = run(config, PATTERNS[name], 2).program.transfers
    reads = t.is_write == 0
    need = t.tile[reads] * len(Phase) + t.phase[reads]
    assert (np.diff(need) >= 0).all()
