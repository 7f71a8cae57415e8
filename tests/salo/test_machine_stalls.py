"""Why column 0 waited: each cause has its own cycles, and no other's.

The oracle goes through the tiles once, with the ends of the transfers as the run recorded them: what a tile
waits for before its first phase and for its values is the first fill or the DRAM, what it waits for after
that is a staging buffer, what is left when the array is done are the last writes. Bank conflicts are worked
by hand.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest

from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.arch.salo.config import SaloArray, SaloConfig
from tandemsim.sim.arch.salo.numerics import Normalisation
from tandemsim.sim.arch.salo.presets import SALO
from tandemsim.sim.arch.sram import BufferConfig
from tandemsim.sim.salo.layer.layout import Layer
from tandemsim.sim.salo.layer.simulation import LayerResult, simulate_layer
from tandemsim.sim.salo.layer.transfers import Phase
from tandemsim.traces.pattern import Band, Pattern

HEAD_DIM = 16
FAST = 10**15  # bytes per second: nothing ever waits for it
CAUSES = ("cold_fill", "dram", "output", "scratchpad", "write_back")
PATTERNS = {
    "one tile": Pattern(seq_len=8, bands=(Band(0, 0, 1),)),
    "window": Pattern.longformer(64, 16, (0,)),
    "vil": Pattern.vil(7, 7, 3, 1),
    "diagonal": Pattern(seq_len=64, bands=(Band(0, 0, 1),)),
}
MEMORIES = ("ddr4-2400", "ideal", "slow", "fast")


def machine(memory: str, staging_tiles: int = 1) -> SaloConfig:
    """A small array beside a DRAM; its output scratchpad holds the outputs of so many tiles."""
    array = SaloArray(rows=8, cols=8, head_dim=HEAD_DIM, normalisation=Normalisation.DEFERRED)
    config = replace(SALO, array=array)
    output = BufferConfig(capacity_bytes=staging_tiles * 8 * HEAD_DIM * config.output_bytes)
    rates = {"slow": 200_000_000, "fast": FAST}
    if memory in rates:
        dram = replace(DRAMS["ideal"], bandwidth_bytes_per_second=rates[memory])
    else:
        dram = DRAMS[memory]
    return replace(config, output_scratchpad=output, dram=dram)


def run(pattern: Pattern, config: SaloConfig) -> LayerResult:
    return simulate_layer(config, pattern, Layer(2, HEAD_DIM, pattern.seq_len, pattern.global_tokens))


def expected(result: LayerResult, config: SaloConfig) -> dict[str, int]:
    """Return the stalls of a run without bank conflicts."""
    plan, timing, moved = result.program, config.array.timing, result.program.transfers
    ends = [int(end) for end in result.times.transfer_end]
    arrived: dict[tuple[int, int], int] = {}
    for tile, phase, is_write, end in zip(moved.tile, moved.phase, moved.is_write, ends, strict=True):
        if not is_write:
            arrived[int(tile), int(phase)] = max(arrived.get((int(tile), int(phase)), 0), end)
    freed = sorted(end for end, staged in zip(ends, moved.staged, strict=True) if staged)
    stalls = dict.fromkeys(CAUSES, 0)
    ready = reserved = 0
    for tile in range(plan.tiles):
        for phase, work in ((Phase.QK, timing.between), (Phase.PV, timing.gap)):
            start = max(ready, arrived.get((tile, int(phase)), 0))
            stalls["dram" if tile else "cold_fill"] += start - ready
            if phase == Phase.PV and plan.staging[tile % plan.schedule.tiles]:
                free = freed[reserved - plan.staging_buffers] if reserved >= plan.staging_buffers else 0
                stalls["output"] += max(0, free - start)
                start, reserved = max(start, free), reserved + 1
            ready = start + HEAD_DIM + work
    computed = ready - timing.gap + timing.drain + timing.merge
    stalls["write_back"] = max(0, max(ends) - computed)
    return stalls


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_each_wait_is_charged_to_what_was_waited_for(pattern: Pattern, memory: str) -> None:
    config = machine(memory)
    result = run(pattern, config)
    assert result.stalls == expected(result, config)


def test_no_two_causes_could_be_exchanged_unseen() -> None:
    """Some run of those above tells each from each other."""
    found = [expected(run(pattern, machine("slow")), machine("slow")) for pattern in PATTERNS.values()]
    for one, other in combinations([cause for cause in CAUSES if cause != "scratchpad"], 2):
        assert any(stalls[one] != stalls[other] for stalls in found), (one, other)
    for cause in ("cold_fill", "dram", "output", "write_back"):
        assert any(stalls[cause] for stalls in found), cause


def test_one_tile_waits_for_its_first_fill_and_for_its_outputs_and_for_nothing_else() -> None:
    """One head of 8 tokens, each with itself, at 0.2 bytes a cycle: 3 x 8 x 16 elements of a byte come in.

    What comes in while the array works on the scores is not waited for, and what the array still does when
    the last sum leaves column 0 is not a wait for the outputs.
    """
    config = machine("slow")
    result = simulate_layer(config, PATTERNS["one tile"], Layer(1, HEAD_DIM, 8, ()))
    timing, cycles_a_byte = config.array.timing, 5
    assert config.element_bytes == 1
    filled = 3 * 8 * HEAD_DIM * cycles_a_byte
    written = 8 * HEAD_DIM * config.output_bytes * cycles_a_byte
    assert result.stalls == {
        "cold_fill": filled - HEAD_DIM - timing.between,
        "dram": 0,
        "output": 0,
        "scratchpad": 0,
        "write_back": timing.output + written - timing.drain - timing.merge,
    }


@pytest.mark.parametrize("banks", [1, 2, 4, 8])
def test_bank_conflicts_are_charged_to_the_scratchpad_alone(banks: int) -> None:
    """Eight keys side by side, in banks of one port, take 8 / banks cycles an element, and values too."""
    config = machine("fast", staging_tiles=4)
    pads = {
        name: replace(getattr(config, name), banks=banks, ports=1)
        for name in ("key_scratchpad", "value_scratchpad")
    }
    result = simulate_layer(replace(config, **pads), PATTERNS["one tile"], Layer(1, HEAD_DIM, 8, ()))
    free = simulate_layer(config, PATTERNS["one tile"], Layer(1, HEAD_DIM, 8, ()))
    assert result.stalls["scratchpad"] == 2 * HEAD_DIM * (8 // banks - 1)
    assert result.cycles == free.cycles + result.stalls["scratchpad"]
    for cause in ("cold_fill", "dram", "output", "write_back"):
        assert abs(result.stalls[cause] - free.stalls[cause]) <= 1, cause
