"""The SALO machine in time: against a recurrence over tiles, closed forms, and laws that every memory obeys.

The recurrence takes the ends of the transfers as the run recorded them, and says from the machine's rules
alone when each tile must have started. It has no events.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.salo.config import GlobalProjections, PassOverlap, SaloArray, SaloConfig
from tandemsim.sim.arch.salo.numerics import Normalisation
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.engine.deadlock import DeadlockError
from tandemsim.sim.salo.layer import simulation
from tandemsim.sim.salo.layer.layout import Layer
from tandemsim.sim.salo.layer.simulation import LayerResult, simulate_layer
from tandemsim.sim.salo.layer.transfers import PHASES, Kind, Phase
from tandemsim.traces.pattern import Band, Pattern

FAST = 10**15  # bytes per second: nothing ever waits for it


def ideal(bandwidth: int) -> object:
    return replace(DRAMS["ideal"], bandwidth_bytes_per_second=bandwidth)


def small(**changes: object) -> SaloConfig:
    array = SaloArray(rows=8, cols=8, head_dim=16, normalisation=Normalisation.DEFERRED, column_segments=2)
    return replace(SALO, array=replace(array, **changes))


# Two sweeps over few tokens: partial results are read back before they have left the DRAM's write queue.
SPILLING = Pattern(seq_len=20, bands=(Band(-4, 0, 1), Band(-16, 0, 4)))


def layer_of(pattern: Pattern, heads: int = 2, head_dim: int = 16) -> Layer:
    return Layer(heads, head_dim, pattern.seq_len, pattern.global_tokens)


def expected_tiles(result: LayerResult, config: SaloConfig) -> tuple[list[int], list[int]]:
    """Return start and end of every tile, from the ends of the transfers."""
    plan, transfers, ends = result.program, result.program.transfers, result.times.transfer_end
    timing, head_dim = config.array.timing, plan.layer.head_dim
    arrived = {}
    for tile, phase, write, end in zip(
        transfers.tile, transfers.phase, transfers.is_write, ends, strict=True
    ):
        if not write:
            arrived[tile, phase] = max(arrived.get((tile, phase), 0), int(end))
    freed = sorted(int(end) for end, staged in zip(ends, transfers.staged, strict=True) if staged)
    starts, finishes, ready, staged_tiles = [], [], 0, 0
    for tile in range(plan.tiles):
        start = max(ready, arrived.get((tile, Phase.QK), 0))
        second = max(start + head_dim + timing.between, arrived.get((tile, Phase.PV), 0))
        if plan.staging[tile % plan.schedule.tiles]:
            if staged_tiles >= plan.staging_buffers:
                second = max(second, freed[staged_tiles - plan.staging_buffers])
            staged_tiles += 1
        starts.append(start)
        finishes.append(second + head_dim)
        ready = finishes[-1] + timing.gap
    return starts, finishes


patterns = st.one_of(
    st.builds(lambda n, w: Pattern.longformer(n, 2 * w, (0,)), st.integers(20, 80), st.integers(1, 9)),
    st.builds(
        lambda n, low, w: Pattern(seq_len=n, bands=(Band(low, low + w, 1),)),
        st.integers(20, 60),
        st.integers(-9, 0),
        st.integers(0, 9),
    ),
    st.builds(lambda side: Pattern.vil(side, side, 3, 1), st.integers(3, 9)),
    st.builds(lambda n: Pattern.strided_sparse(n, 4, 4), st.integers(20, 40)),
)
configs = st.builds(
    lambda projections, normalisation, overlap: small(
        global_projections=projections, normalisation=normalisation, overlap=overlap
    ),
    st.sampled_from(list(GlobalProjections)),
    st.sampled_from(list(Normalisation)),
    st.sampled_from(list(PassOverlap)),
)


@settings(max_examples=40, deadline=None)
@given(patterns, configs, st.sampled_from(["ddr4-2400", "ideal"]), st.booleans())
def test_every_tile_starts_as_soon_as_its_operands_and_the_array_allow(
    pattern: Pattern, config: SaloConfig, memory: str, apart: bool
) -> None:
    config = replace(config, dram=DRAMS[memory])
    result = simulate_layer(config, pattern, layer_of(pattern), global_projections=apart)
    starts, ends = expected_tiles(result, config)
    assert result.times.tile_start.tolist() == starts
    assert result.times.tile_end.tolist() == ends
    last = ends[-1] + config.array.timing.drain + config.array.timing.merge
    assert result.cycles == max(last, int(result.times.transfer_end.max()))


@settings(max_examples=25, deadline=None)
@given(patterns, st.booleans())
def test_transfers_are_issued_in_order_and_not_before_their_trigger(pattern: Pattern, apart: bool) -> None:
    config = small(global_projections=GlobalProjections.PRIVATE)
    result = simulate_layer(config, pattern, layer_of(pattern), global_projections=apart)
    record, transfers = result.times, result.program.transfers
    timing, head_dim = config.array.timing, 16
    ended = {
        Phase.QK: record.tile_start + head_dim,
        Phase.PV: record.tile_end,
        Phase.OUTPUT: record.tile_end + timing.output,
    }
    before = 0
    for trigger, issued in zip(transfers.trigger, record.transfer_issued, strict=True):
        enabled = ended[Phase(trigger % PHASES)][trigger // PHASES] if trigger >= 0 else 0
        before = max(before, int(enabled))
        assert issued == before


@settings(max_examples=30, deadline=None)
@given(patterns, configs, st.booleans())
def test_with_a_memory_that_never_waits_cycles_are_the_closed_form(
    pattern: Pattern, config: SaloConfig, apart: bool
) -> None:
    config = replace(config, dram=ideal(FAST))
    result = simulate_layer(config, pattern, layer_of(pattern), global_projections=apart)
    formula = config.array.total_cycles(result.program.tiles, 16) + config.array.merge_latency
    assert result.compute_cycles == formula
    assert result.stalls["dram"] <= result.program.tiles and result.stalls["scratchpad"] == 0


@settings(max_examples=30, deadline=None)
@given(patterns, configs, st.booleans())
def test_cycles_never_rise_with_bandwidth(pattern: Pattern, config: SaloConfig, apart: bool) -> None:
    taken = [
        simulate_layer(
            replace(config, dram=ideal(bandwidth)), pattern, layer_of(pattern), global_projections=apart
        ).cycles
        for bandwidth in (100_000_000, 400_000_000, 1_000_000_000, 3_000_000_000, 20_000_000_000, FAST)
    ]
    assert taken == sorted(taken, reverse=True)


@settings(max_examples=30, deadline=None)
@given(patterns, configs, st.sampled_from(["ddr4-2400", "ideal", "hbm2", "lpddr5-6400"]), st.booleans())
@example(SPILLING, small(global_projections=GlobalProjections.SEPARATE), "ddr4-2400", True)
def test_traffic_obeys_the_laws_of_a_demand_driven_buffer(
    pattern: Pattern, config: SaloConfig, memory: str, apart: bool
) -> None:
    config = replace(config, dram=DRAMS[memory])
    result = simulate_layer(config, pattern, layer_of(pattern), global_projections=apart)
    dram, fills = (
        result.dram,
        {name: pad.write_bytes for name, pad in result.scratchpads.items() if name != "output"},
    )
    moved = result.program.transfers
    partial = (moved.kind == Kind.PARTIAL) & (moved.is_write == 0)
    restored = int((moved.rows * moved.row_bytes)[partial].sum())
    assert dram["useful_read_bytes"] == sum(fills.values()) + restored
    assert dram["useful_read_bytes"] <= dram["read_bytes"]
    keys = np.unique(result.program.schedule.slots.keys)
    unique = (keys >= 0).sum() * 16 * result.program.layer.heads
    assert fills["key"] + fills["global"] >= unique
    peak = config.dram.peak_bytes_per_second * config.cycle_ps / 10**12
    on_the_pins = sum(dram[f"{name}_bytes"] for name in ("read", "write"))
    on_the_pins -= sum(dram[f"{name}_bytes"] for name in ("forwarded", "merged"))
    assert result.cycles * peak >= on_the_pins - config.dram.burst_bytes


def test_a_window_that_stays_resident_is_read_once() -> None:
    pattern = Pattern.longformer(256, 32, (0,))
    result = simulate_layer(small(), pattern, layer_of(pattern))
    assert result.scratchpads["key"].write_bytes == 256 * 16 * 2
    assert result.scratchpads["query"].write_bytes == 255 * 16 * 2


def test_a_scratchpad_that_cannot_hold_a_tile_is_refused() -> None:
    config = replace(SALO, key_scratchpad=replace(SALO.key_scratchpad, capacity_bytes=2048))
    pattern = Pattern.longformer(4096, 512, (0,))
    with pytest.raises(ConfigError, match=r"^key_scratchpad.capacity_bytes must be at least"):
        simulate_layer(config, pattern, layer_of(pattern, head_dim=64))


def test_a_head_that_the_array_cannot_hold_is_refused() -> None:
    rule = r"^heads must have at most array.head_dim elements \(64\), not 80; --set array.head_dim=80$"
    with pytest.raises(ConfigError, match=rule):
        simulate_layer(SALO, Pattern.sliding(64, 8), Layer(1, 80, 64, ()))


def test_a_run_without_progress_says_who_waits_for_what(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = simulation.program

    def stuck(*arguments: object) -> object:
        # Keys that come only after the tile that needs them: nothing can ever start.
        plan = planned(*arguments)
        trigger = np.where(plan.transfers.trigger < 0, PHASES * 3, plan.transfers.trigger)
        return replace(plan, transfers=plan.transfers._replace(trigger=trigger))

    monkeypatch.setattr(simulation, "program", stuck)
    pattern = Pattern.longformer(64, 8, (0,))
    with pytest.raises(DeadlockError, match=r"tile 0 waits for \d+ transfers for QK since cycle 0"):
        simulate_layer(small(), pattern, layer_of(pattern))


@pytest.mark.parametrize(("rows", "expected"), [(SaloArray(), 195), (replace(SALO.array), 162)])
def test_one_pass_takes_what_the_published_formula_says(rows: SaloArray, expected: int) -> None:
    assert rows.total_cycles(1, 64) == expected
