"""Every multiplier-cycle has one reason, and every byte of DRAM one tensor: against counts PE by PE."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandemsim.sim.arch.salo.config import GlobalProjections, PassOverlap, SaloConfig
from tandemsim.sim.salo.layer.account import REASONS
from tandemsim.sim.salo.layer.layout import Layer
from tandemsim.sim.salo.layer.simulation import LayerResult, simulate_layer
from tests.salo.plans import ALL, HEAD_DIM, PATTERNS, SEGMENTS, config_of


def run(config: SaloConfig, name: str, heads: int = 2) -> LayerResult:
    pattern = PATTERNS[name]
    layer = Layer(heads, HEAD_DIM, pattern.seq_len, pattern.global_tokens)
    return simulate_layer(config, pattern, layer, global_projections=bool(pattern.global_tokens))


def pe_by_pe(found: LayerResult, config: SaloConfig) -> dict[str, int]:
    """Look at each PE of each tile of a head, and say what it does."""
    s, array = found.program.schedule, config.array
    count = dict.fromkeys(REASONS, 0)
    for tile in range(s.tiles):
        queries = s.block_rows[s.block[tile]]
        for row in range(array.rows):
            for col in range(array.cols):
                segment, place = divmod(col, array.segment_cols)
                slot = row + array.segment_cols - 1 - place
                if queries[row] < 0:
                    reason = "last_block" if (queries >= 0).any() else "idle_rows"
                elif not s.slots.col_mask[tile, col]:
                    reason = "idle_columns"
                elif (
                    s.slots.local_valid[tile, segment, slot]
                    and s.slots.row_tag[tile, segment, row] == s.slots.key_tag[tile, segment, slot]
                ):
                    reason = "useful"
                else:
                    reason = "masked"
                count[reason] += 1
            for key in s.column_keys[tile]:
                count["useful" if key >= 0 and queries[row] >= 0 else "idle_global"] += 1
        for works in s.row_keys.valid[tile].ravel():
            count["useful" if works else "idle_global"] += 1
    return count


@SEGMENTS
@pytest.mark.parametrize("projections", GlobalProjections)
@ALL
def test_each_multiplier_is_counted_under_the_reason_that_holds(
    name: str, projections: GlobalProjections, segments: int
) -> None:
    config = config_of(projections, segments)
    found = run(config, name)
    heads, account = found.program.layer.heads, found.multiplier_cycles
    expected = pe_by_pe(found, config)
    for reason in REASONS[:6]:
        assert account[reason] == 2 * HEAD_DIM * heads * expected[reason], reason


@given(
    st.sampled_from(sorted(PATTERNS)),
    st.sampled_from(GlobalProjections),
    st.sampled_from([1, 2]),
    st.sampled_from(PassOverlap),
    st.integers(1, 3),
    st.integers(0, 3),
)
@settings(max_examples=60, deadline=None)
def test_the_account_is_complete(
    name: str, projections: GlobalProjections, segments: int, overlap: PassOverlap, heads: int, flush: int
) -> None:
    config = config_of(projections, segments)
    config = replace(config, array=replace(config.array, overlap=overlap, flush_cycles=flush))
    found = run(config, name, heads)
    account = found.multiplier_cycles
    assert list(account) == [*REASONS, *(f"stall_{cause}" for cause in found.stalls)]
    assert sum(account.values()) == found.cycles * config.array.pes
    assert account["useful"] == found.macs
    assert min(account.values()) >= 0


@pytest.mark.parametrize("projections", GlobalProjections)
@ALL
def test_each_byte_belongs_to_the_tensor_at_its_address(name: str, projections: GlobalProjections) -> None:
    config = config_of(projections, 1)
    found = run(config, name)
    assert sum(tensor["read_bytes"] for tensor in found.tensors.values()) == found.dram["useful_read_bytes"]
    moved = found.program.transfers
    written = int(moved.size_bytes[moved.is_write == 1].sum())
    assert sum(tensor["write_bytes"] for tensor in found.tensors.values()) == written
    layer = found.program.layer
    rows = layer.heads * layer.seq_len
    assert found.tensors["output"] == {
        "read_bytes": 0,
        "write_bytes": rows * HEAD_DIM * config.output_bytes,
        "size_bytes": rows * HEAD_DIM * config.output_bytes,
    }
    for tensor in ("query", "key", "value"):
        assert found.tensors[tensor]["size_bytes"] == rows * HEAD_DIM * config.element_bytes
    apart = projections is not GlobalProjections.SHARED and bool(layer.global_tokens)
    assert any(tensor.startswith("global") for tensor in found.tensors) == apart


def test_a_window_that_fits_is_read_once() -> None:
    config = config_of(GlobalProjections.PRIVATE, 1)
    pad = replace(config.key_scratchpad, capacity_bytes=1 << 20)
    found = run(replace(config, key_scratchpad=pad, value_scratchpad=pad), "longformer")
    ratio = np.array([t["read_bytes"] / t["size_bytes"] for t in found.tensors.values() if t["read_bytes"]])
    assert (ratio <= 1 + 2 / 64).all(), "the rows of a global token are read for its column once more"
