"""However many places the DMA's rings begin with, a layer meets the memory alike: transfer by transfer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.salo.family import SALO_FAMILY
from tandemsim.sim.memory.dma_state import new_dma
from tandemsim.sim.salo.layer import simulation
from tandemsim.sim.salo.layer.layout import Layer
from tandemsim.traces.pattern import Pattern
from tests.salo.plans import PATTERNS

ROOMY = 1 << 20  # bytes: scratchpads in which thousands of granules of a small array are on their way


@given(
    st.sampled_from(sorted(PATTERNS)),
    st.sampled_from([1, 2, 3]),
    st.sampled_from([2, 4]),
    st.sampled_from([1, 4, 32]),
    st.sampled_from(["ideal", "ddr4-2400", "hbm2"]),
    st.sampled_from([1, 4, 64]),
    st.integers(1, 4),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_places_of_a_ring_change_nothing(
    name: str, rows: int, cols: int, channels: int, memory: str, places: int, heads: int
) -> None:
    wanted = {"rows": rows, "cols": cols, "array.head_dim": 8}
    config = SALO_FAMILY.config("salo", wanted)
    pads = {f"{pad}_scratchpad": getattr(config, f"{pad}_scratchpad") for pad in ("key", "value", "query")}
    pads = {
        pad: replace(old, capacity_bytes=ROOMY // old_banks(old) * old_banks(old))
        for pad, old in pads.items()
    }
    config = replace(config, dram=replace(DRAMS[memory], channels=channels), **pads)
    pattern = PATTERNS[name]
    layer = Layer(heads, 8, pattern.seq_len, pattern.global_tokens)
    runs = []
    with pytest.MonkeyPatch.context() as patch:
        for first in (places, 1 << 14):
            patch.setattr(simulation, "new_dma", partial(new_dma, places=first))
            runs.append(simulation.simulate_layer(config, pattern, layer, global_projections=True))
    few, many = runs
    assert few.cycles == many.cycles and few.stalls == many.stalls and few.dram == many.dram
    for ours, theirs in zip(few.times, many.times, strict=True):
        assert ours.tolist() == theirs.tolist()


def old_banks(pad: object) -> int:
    return getattr(pad, "banks", 1)


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_thousands_of_transfers_on_their_way_are_no_deadlock(rows: int) -> None:
    """Small granules in the scratchpads of a large array: more than any ring begins with."""
    wanted = {
        "rows": rows,
        "key_scratchpad.capacity_bytes": 1 << 20,
        "value_scratchpad.capacity_bytes": 1 << 20,
    }
    config = SALO_FAMILY.config("salo", wanted)
    pattern = Pattern.vil(28, 28, 15, 1)
    found = simulation.simulate_layer(config, pattern, Layer(3, 64, pattern.seq_len, (0,)))
    assert found.macs == 2 * 64 * 3 * pattern.pairs()
    assert (found.times.transfer_end >= found.times.transfer_begun).all()
    assert (found.times.transfer_begun >= found.times.transfer_issued).all()
