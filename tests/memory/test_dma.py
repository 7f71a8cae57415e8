"""The DMA: bytes, bursts, order and cycles; closed forms on the ideal memory, brute force on the others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.dram.config import DramConfig
from tandemsim.sim.arch.dram.standards import DRAMS
from tandemsim.sim.engine.event import NEVER
from tandemsim.sim.memory.dma import dma_advance, dma_submit
from tandemsim.sim.memory.dma_state import FIRST_PLACES, Dma, new_dma
from tandemsim.sim.memory.dram.state import READ, WRITE
from tests.memory.jedec import STANDARDS
from tests.memory.naive_dma import Transfer, bursts_of, ceiling, completions

CYCLE_PS = 1000
PS = 10**12


def run(
    config: DramConfig, transfers: list[Transfer], cycle_ps: int = CYCLE_PS, places: int = FIRST_PLACES
) -> tuple[Dma, list[int], list[int]]:
    """Submit each transfer in its cycle; return the DMA, the cycles of completion, and the order."""
    dma, cycles, order = new_dma(config, cycle_ps, places=places), [-1] * len(transfers), []

    def advance(until: int) -> None:
        while (found := dma_advance(dma, until))[0] != NEVER:
            cycle, tag = (int(number) for number in found)
            assert cycle <= until
            cycles[tag] = cycle
            order.append(tag)

    for tag, transfer in enumerate(transfers):
        advance(transfer.cycle)
        dma_submit(dma, *transfer[1:], tag, transfer.cycle)
    advance(NEVER - 1)
    assert sorted(order) == list(range(len(transfers)))
    assert [cycles[tag] for tag in order] == sorted(cycles)
    return dma, cycles, order


def ideal(bandwidth: int, **changes: Any) -> DramConfig:
    return replace(DRAMS["ideal"], bandwidth_bytes_per_second=bandwidth, **changes)


@st.composite
def transfer_lists(
    draw: st.DrawFn, most: int = 6, most_rows: int = 4, most_bytes: int = 300
) -> list[Transfer]:
    """Transfers in the order of their cycles; rows do not overlap, but may share a burst or touch."""
    cycle, found = 0, []
    for _ in range(draw(st.integers(1, most))):
        cycle += draw(st.sampled_from([0, 0, 1, 7, 60, 800]))
        row_bytes = draw(st.integers(1, most_bytes))
        gap = draw(st.sampled_from([0, 0, 1, 31, 64, 100, 4096]))
        address = draw(st.integers(0, 2**20))
        rows, kind = draw(st.integers(1, most_rows)), draw(st.integers(0, 1))
        found.append(Transfer(cycle, address, rows, row_bytes, row_bytes + gap, kind))
    return found


# Bytes and bursts


@given(transfer_lists(most=10, most_bytes=1000), st.sampled_from(list(DRAMS)))
@settings(max_examples=40)
def test_each_burst_is_moved_once_and_each_byte_counted_once(transfers: list[Transfer], name: str) -> None:
    dma, _, _ = run(DRAMS[name], transfers)
    state, channel = dma.state[0], dma.dram.channel[0]
    for kind in (READ, WRITE):
        ours = [transfer for transfer in transfers if transfer.kind == kind]
        wanted = sum(len(bursts_of(transfer, DRAMS[name].burst_bytes)) for transfer in ours)
        assert state.bursts[kind] == wanted
        assert state.useful_bytes[kind] == sum(transfer.rows * transfer.row_bytes for transfer in ours)
        absorbed = channel.forwarded if kind == READ else channel.merged
        assert channel.accesses[kind] + absorbed == wanted


@pytest.mark.parametrize(
    ("address", "rows", "row_bytes", "stride", "bursts"),
    [
        (0, 1, 64, 0, 1),
        (0, 1, 65, 0, 2),
        (63, 1, 2, 0, 2),
        (0, 4, 16, 16, 1),  # all four rows in one burst
        (0, 4, 32, 48, 3),  # 0..31, 48..79, 96..127, 144..175: bursts 0, 0-1, 1, 2
        (0, 3, 64, 128, 3),
        (32, 2, 64, 64, 3),
        (0, 8, 4, 4096, 8),
        (0, 2, 256, 64, 8),  # rows that overlap by more are moved as they are
    ],
)
def test_rows_that_share_a_burst_move_it_once(
    address: int, rows: int, row_bytes: int, stride: int, bursts: int
) -> None:
    dma, cycles, _ = run(ideal(64 * PS // CYCLE_PS), [Transfer(0, address, rows, row_bytes, stride, READ)])
    assert dma.state[0].bursts[READ] == bursts
    assert cycles == [bursts]  # one burst a cycle


# The ideal memory, in closed form


@given(transfer_lists(most=12), st.integers(10**8, 10**12), st.sampled_from([1000, 833, 2000, 1]))
@settings(max_examples=80)
def test_the_ideal_memory_serves_transfers_one_after_the_other(
    transfers: list[Transfer], bandwidth: int, cycle_ps: int
) -> None:
    burst_ps = ceiling(64 * PS, bandwidth)
    _, cycles, order = run(ideal(bandwidth), transfers, cycle_ps)
    end, expected = 0, []
    for transfer in transfers:
        end = max(end, transfer.cycle * cycle_ps) + len(bursts_of(transfer, 64)) * burst_ps
        expected.append(ceiling(end, cycle_ps))
    assert cycles == expected
    assert order == list(range(len(transfers)))


@given(transfer_lists(most=12), st.lists(st.integers(10**7, 10**15), min_size=2, max_size=2))
@settings(max_examples=60)
def test_cycles_never_rise_with_bandwidth(transfers: list[Transfer], bandwidths: list[int]) -> None:
    slow, fast = (run(ideal(bandwidth), transfers)[1] for bandwidth in sorted(bandwidths))
    assert all(later >= sooner for later, sooner in zip(slow, fast, strict=True))


@given(transfer_lists(most=12), st.sampled_from([2, 4]))
@settings(max_examples=40)
def test_ideal_channels_share_the_bandwidth(transfers: list[Transfer], channels: int) -> None:
    """Never more than the whole; a long transfer that meets all channels evenly has nearly all of it."""
    bandwidth = 64 * PS // CYCLE_PS
    split = run(ideal(bandwidth, channels=channels), transfers)[1]
    bursts = sum(len(bursts_of(transfer, 64)) for transfer in transfers)
    assert max(split) - transfers[0].cycle >= bursts
    long = run(ideal(bandwidth, channels=channels), [Transfer(0, 0, 1, 64 * 4096, 0, READ)])[1]
    assert 4096 <= long[0] <= 4096 + 4 * channels


# The standards, by brute force


@given(
    transfer_lists(most_rows=3, most_bytes=200),
    st.sampled_from(list(STANDARDS)),
    st.sampled_from([1, 2, 4]),
    st.sampled_from(["mop4clxor", "robaracoch"]),
    st.sampled_from([1, 8, 32]),
    st.sampled_from([1000, 700, 3000]),
)
@settings(max_examples=80)
def test_transfers_end_when_brute_force_says(
    transfers: list[Transfer], name: str, channels: int, mapping: str, queue: int, cycle_ps: int
) -> None:
    config = replace(DRAMS[name], channels=channels, mapping=mapping, read_queue=queue, write_queue=queue)
    assert run(config, transfers, cycle_ps)[1] == completions(config, cycle_ps, transfers)


@given(
    st.lists(st.tuples(st.integers(0, 24), st.integers(1, 150), st.integers(0, 1)), min_size=2, max_size=14),
    st.integers(1, 4),
    st.sampled_from(list(STANDARDS)),
    st.sampled_from([1, 2]),
    st.sampled_from([1000, 300]),
)
@settings(max_examples=100)
def test_a_transfer_submitted_when_another_ends_meets_the_memory_of_that_cycle(
    pieces: list[tuple[int, int, int]], window: int, name: str, channels: int, cycle_ps: int
) -> None:
    """`window` transfers are on their way; each end starts the next. Writes may absorb what follows them."""
    config = replace(DRAMS[name], channels=channels)
    dma = new_dma(config, cycle_ps)
    submitted: list[Transfer] = []
    cycles = [-1] * len(pieces)

    def submit(cycle: int) -> None:
        place, row_bytes, kind = pieces[len(submitted)]
        dma_submit(dma, 32 * place, 1, row_bytes, 0, kind, len(submitted), cycle)
        submitted.append(Transfer(cycle, 32 * place, 1, row_bytes, 0, kind))

    for _ in range(min(window, len(pieces))):
        submit(0)
    for _ in pieces:
        cycle, tag = (int(number) for number in dma_advance(dma, NEVER))
        cycles[tag] = cycle
        if len(submitted) < len(pieces):
            submit(cycle)
    assert cycles == completions(config, cycle_ps, submitted)


@pytest.mark.parametrize("name", STANDARDS)
@pytest.mark.parametrize("channels", [1, 2])
def test_long_transfers_end_when_brute_force_says(name: str, channels: int) -> None:
    """Reads and writes of some hundred bursts, which meet full queues and write mode."""
    config = replace(DRAMS[name], channels=channels)
    transfers = [
        Transfer(0, 0, 1, 6000, 0, READ),
        Transfer(0, 1 << 22, 8, 100, 3000, WRITE),
        Transfer(10, 1 << 14, 2, 3000, 8192, WRITE),
        Transfer(700, 1 << 21, 20, 60, 1 << 17, READ),
    ]
    assert run(config, transfers)[1] == completions(config, CYCLE_PS, transfers)


@given(transfer_lists(most=10, most_bytes=3000), st.sampled_from(list(DRAMS)), st.sampled_from([1, 2]))
@settings(max_examples=40)
def test_no_memory_is_faster_than_its_pins(transfers: list[Transfer], name: str, channels: int) -> None:
    config = replace(DRAMS[name], channels=channels)
    dma, cycles, _ = run(config, transfers)
    on_the_pins = int(dma.dram.channel["accesses"].sum()) * config.burst_bytes
    seconds = (max(cycles) - transfers[0].cycle) * CYCLE_PS / PS
    assert seconds * config.peak_bytes_per_second >= on_the_pins * (1 - 1e-9)


# Use and misuse


@given(
    transfer_lists(most=60, most_rows=2, most_bytes=100),
    st.sampled_from(list(DRAMS)),
    st.sampled_from([1, 4, 64]),
    st.sampled_from([1, 2, 8]),
)
@settings(max_examples=60)
def test_how_many_places_a_dma_begins_with_changes_nothing(
    transfers: list[Transfer], name: str, channels: int, places: int
) -> None:
    config = replace(DRAMS[name], channels=channels)
    assert run(config, transfers, places=places)[1:] == run(config, transfers, places=1 << 12)[1:]


@pytest.mark.parametrize("channels", [1, 32])
def test_thousands_of_tiny_transfers_end_when_brute_force_says(channels: int) -> None:
    """Twice as many as the rings begin with, and writes among them that wait for the reads behind them."""
    count = 2 * FIRST_PLACES + 100
    transfers = [Transfer(0, 64 * 37 * i, 1, 8, 0, WRITE if i % 11 == 5 else READ) for i in range(count)]
    config = replace(DRAMS["ddr4-2400"], channels=channels)
    dma, cycles, _ = run(config, transfers)
    assert dma.state[0].mask >= count
    assert cycles == completions(config, CYCLE_PS, transfers)


def test_a_parked_write_holds_nobody_back() -> None:
    """A write stays in the queue as long as reads come; thousands of them are submitted and end meanwhile."""
    config = DRAMS["ddr4-2400"]
    transfers = [Transfer(0, 0, 1, 64, 0, WRITE)]
    transfers += [Transfer(0, 1 << 20, 1, 8192, 0, READ)]
    transfers += [Transfer(40 * i, 64 * (1000 + i), 1, 64, 0, READ) for i in range(3 * FIRST_PLACES)]
    assert run(config, transfers, places=2)[1:] == run(config, transfers, places=1 << 14)[1:]


@pytest.mark.parametrize("kind", [-1, 2, 7])
def test_a_transfer_of_an_unknown_kind_is_refused(kind: int) -> None:
    dma = new_dma(DRAMS["ddr4-2400"], CYCLE_PS)
    with pytest.raises(ValueError, match="a transfer must be a READ or a WRITE"):
        dma_submit(dma, 0, 1, 64, 64, kind, 0, 0)
    assert dma_advance(dma, NEVER) == (NEVER, -1)


def test_time_ends_and_does_not_overflow() -> None:
    dma = new_dma(DRAMS["ddr4-2400"], CYCLE_PS)
    with pytest.raises(ValueError, match="a transfer must be submitted before 2\\^62 ps"):
        dma_submit(dma, 0, 1, 64, 64, READ, 0, 2**53)


def test_the_cycle_in_which_a_transfer_begins_is_that_of_its_first_burst() -> None:
    """One burst a cycle on the ideal memory, in order: the next begins when the queue has taken the last."""
    dma = new_dma(ideal(64 * PS // CYCLE_PS, read_queue=1), CYCLE_PS)
    for tag in range(3):
        dma_submit(dma, 4096 * tag, 1, 640, 0, READ, tag, 5)
    begun = []
    for tag in range(3):
        assert dma_advance(dma, NEVER) == (15 + 10 * tag, tag)
        begun.append(int(dma.state[0].begun))
    assert begun == [5, 14, 24]


@pytest.mark.parametrize(("rows", "row_bytes"), [(0, 64), (1, 0), (-1, 64), (1, -64)])
def test_a_transfer_of_nothing_is_refused(rows: int, row_bytes: int) -> None:
    dma = new_dma(DRAMS["ddr4-2400"], CYCLE_PS)
    with pytest.raises(ValueError, match="a transfer must have at least one row of at least one byte"):
        dma_submit(dma, 0, rows, row_bytes, 64, READ, 0, 0)


def test_a_cycle_of_no_time_is_refused() -> None:
    with pytest.raises(
        ConfigError, match="^the cycle of a machine must be a positive number of picoseconds, not 0$"
    ):
        new_dma(DRAMS["ddr4-2400"], 0)


def test_nothing_is_simulated_beyond_what_was_asked_for() -> None:
    """A machine that has seen nothing complete may still submit, in the cycle that it asked about."""
    dma = new_dma(ideal(64 * PS // CYCLE_PS), CYCLE_PS)
    assert dma_advance(dma, NEVER) == (NEVER, -1)
    dma_submit(dma, 0, 1, 640, 0, READ, 7, 100)
    assert dma_advance(dma, 109) == (NEVER, -1)
    dma_submit(dma, 4096, 1, 64, 0, READ, 8, 109)
    assert dma_advance(dma, 110) == (110, 7)
    assert dma_advance(dma, NEVER) == (111, 8)


# Without the compiler

PROGRAM = "import json, runpy, sys; print(json.dumps(runpy.run_path(sys.argv[1])['answers']()))"


def answers() -> list[Any]:
    """Completions and counters of one list of transfers, on every memory."""
    transfers = [Transfer(5 * i, 7000 * i, 1 + i % 3, 40 + 33 * i, 300 + 64 * i, i % 2) for i in range(12)]
    found: list[Any] = []
    for name, preset in DRAMS.items():
        for config in (preset, replace(preset, channels=2, row_cap=0 if name == "ideal" else 2)):
            dma, cycles, order = run(config, transfers)
            channels = dma.dram.channel
            counters = {
                name: channels[name].tolist()
                for name in ("accesses", "activates", "row_hits", "read_latency")
            }
            found.append([name, cycles, order, dma.state[0].bursts.tolist(), counters])
    return found


def test_the_answers_are_the_same_with_the_jit_off() -> None:
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", PROGRAM, __file__]
    ran = subprocess.run(command, env=environment, cwd=root, check=True, capture_output=True, text=True)
    assert ran.stderr == ""  # numpy warns where an int64 overflows
    assert json.loads(ran.stdout) == answers()
