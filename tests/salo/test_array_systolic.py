"""The array cycle by cycle: PEs and weighted-sum units wired as the hardware will be, one call each a cycle.

Nothing here knows a result before its cycle: keys enter at their ports, everything else moves from register
to register. It must give the values of the array model, and leave in the cycles of `SaloArray`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tandemsim.sim.arch.salo.config import SaloArray, SaloConfig
from tandemsim.sim.arch.salo.numerics import PUBLISHED, WIDE, Normalisation, SaloNumerics
from tandemsim.sim.arch.salo.stages import Stage
from tandemsim.sim.salo.array import PEArray
from tandemsim.sim.salo.pe import PE, PEInputs, PEOutputs
from tandemsim.sim.salo.reciprocal import ReciprocalUnit, ReciprocalUnitInputs
from tandemsim.sim.salo.row import projection
from tandemsim.sim.salo.sink import SinkUnit, SinkUnitInputs
from tandemsim.sim.salo.weighted_sum import (
    GlobalWeightedSum,
    WeightedSum,
    WeightedSumInputs,
    WeightedSumOutputs,
)

NOTHING = PEOutputs(Stage.IDLE, 0, False, 0, 0, 0, 0, 0, False, 0, 0)
Tag = tuple[str, int]


def stages_of(array: SaloArray, head_dim: int) -> list[Stage]:
    """What column 0 does in each cycle of a pass, the flush after it included."""
    scores = [Stage.SCORE] * head_dim + [Stage.EXP] * array.exp_latency + [Stage.ROW_SUM]
    if array.normalisation is Normalisation.PER_PASS:
        scores += [Stage.IDLE] * (array.cols + array.global_cols - 1 + array.reciprocal_latency - 1)
        scores += [Stage.NORMALISE] * array.normalise_latency
    return scores + [Stage.WEIGHTED_SUM] * head_dim + [Stage.FLUSH] * array.flush_cycles


class Controller:
    """What the ports show: all of it depends on how far a column lags only."""

    def __init__(self, config: SaloConfig, schedule: Any, operands: list[np.ndarray]) -> None:
        self.array, self.schedule = config.array, schedule
        self.query, self.key, self.value = operands
        self.head_dim = self.query.shape[1]
        self.stages = stages_of(self.array, self.head_dim)

    def at(self, cycle: int) -> tuple[int, int]:
        """(tile, cycle of its pass) in a column that started `cycle` cycles ago; tile -1 outside all."""
        tile, step = divmod(cycle, len(self.stages))
        return (tile, step) if 0 <= tile < self.schedule.tiles else (-1, 0)

    def stage(self, cycle: int) -> Stage:
        tile, step = self.at(cycle)
        return self.stages[step] if tile >= 0 else Stage.IDLE

    def element(self, cycle: int, token: int) -> int:
        """Element of the token's key or value, as the stage wants; 0 where it wants none."""
        step = self.at(cycle)[1]
        work = self.stage(cycle)
        if token < 0 or work not in (Stage.SCORE, Stage.WEIGHTED_SUM):
            return 0
        source = self.key if work is Stage.SCORE else self.value
        return int(source[token, step - self.stages.index(work)])

    def query_element(self, cycle: int, token: int) -> int:
        step = self.at(cycle)[1]
        scoring = self.stage(cycle) is Stage.SCORE and token >= 0
        return int(self.query[token, step]) if scoring else 0


class Systolic:
    """The wired array."""

    def __init__(
        self, config: SaloConfig, schedule: Any, operands: list[np.ndarray], sink: int | None = None
    ) -> None:
        self.start = None if sink is None else SinkUnit(config)(SinkUnitInputs(sink))
        self.config, self.array, self.schedule = config, config.array, schedule
        self.controller = Controller(config, schedule, operands)
        a = self.array
        local = [("local", i, j) for i in range(a.rows) for j in range(a.cols + a.global_cols)]
        self.places = [*local, *(("global", g, j) for g in range(a.global_rows) for j in range(a.cols))]
        self.pes = {place: PE(config) for place in self.places}
        self.shown = dict.fromkeys(self.places, NOTHING)
        self.ends = {("local", i): a.cols + a.global_cols - 1 for i in range(a.rows)}
        self.ends |= {("global", g): a.cols - 1 for g in range(a.global_rows)}
        self.units = {
            row: (GlobalWeightedSum if row[0] == "global" else WeightedSum)(config) for row in self.ends
        }
        self.reciprocals = {row: ReciprocalUnit(config) for row in self.ends}
        self.inverses: dict[Tag, list[tuple[int, int]]] = {
            row: [(0, 0)] * a.reciprocal_latency for row in self.ends
        }
        self.merged = dict.fromkeys(self.ends, WeightedSumOutputs(0, 0, 0, False, 0, False))
        self.cycle = 0
        self.last_psum = 0  # cycles until the last partial sum has left the last column
        self.last_merge = self.last_output = 0  # the same for the merge buffer and for the output
        self.outputs: dict[Tag, list[int]] = {row: [] for row in self.ends}

    def step(self) -> None:
        """Run one cycle: everybody reads what was shown, then shows anew."""
        for row, end in self.ends.items():
            self._show_inverse(row, self.shown[*row, end])
        inputs = {place: self._inputs(*place) for place in self.places}
        units = {row: self._unit_inputs(row, self.shown[*row, end]) for row, end in self.ends.items()}
        self.shown = {place: self.pes[place](inputs[place]) for place in self.places}
        for row, unit in self.units.items():
            self.merged[row] = unit(units[row])
            if self.merged[row].output_valid:
                self.outputs[row].append(self.merged[row].output)
        self.cycle += 1
        if any(inputs[*row, end].stage_in == Stage.WEIGHTED_SUM for row, end in self.ends.items()):
            self.last_psum = self.cycle
        if any(merged.merged_valid for merged in self.merged.values()):
            self.last_merge = self.cycle
        if any(merged.output_valid for merged in self.merged.values()):
            self.last_output = self.cycle

    def _show_inverse(self, row: Tag, end: PEOutputs) -> None:
        found = self.reciprocals[row](ReciprocalUnitInputs(end.row_sum_out))
        self.inverses[row] = [*self.inverses[row][1:], (found.mantissa, found.exponent + end.row_max_out)]

    def _inputs(self, kind: str, i: int, j: int) -> PEInputs:
        lag = j + (i + 1 if kind == "global" else 0)
        key_port = self._global_kv(i, j, lag) if kind == "global" else self._local_kv(i, j, lag)
        left = self._left(kind, i, j, lag)
        tile = self.controller.at(self.cycle - lag)[0]
        enabled = (
            kind == "global"
            or j >= self.array.cols
            or (tile >= 0 and bool(self.schedule.slots.col_mask[tile, j]))
        )
        kv, valid, global_valid, tag = key_port
        tag = left[3] if tag < 0 else tag  # global rows and columns compare no tags
        return PEInputs(*left, kv, valid, global_valid, tag, enabled, *self.inverses[kind, i][0])

    def _left(self, kind: str, i: int, j: int, lag: int) -> tuple[int, int, bool, int, int, int, int]:
        """What comes from the left: a port in column 0, and for the tag where a segment starts."""
        cycle = self.cycle - lag
        tile = self.controller.at(cycle)[0]
        starts_segment = kind == "local" and j < self.array.cols and j % self.array.segment_cols == 0
        tag = 0
        if starts_segment and tile >= 0:
            tag = int(self.schedule.slots.row_tag[tile, j // self.array.segment_cols, i])
        if j > 0:
            shown = self.shown[kind, i, j - 1]
            tag = tag if starts_segment else shown.row_tag_out
            sums = shown.psum_out, shown.row_sum_out, shown.row_max_out
            return shown.stage_out, shown.query_out, shown.row_valid_out, tag, *sums
        query = -1
        if tile >= 0:
            rows = self.schedule.block_rows[self.schedule.block[tile]]
            query = int(rows[i] if kind == "local" else self.schedule.row_query[tile, i])
        lowest = self.config.numerics.exp.exponent_minimum
        element = self.controller.query_element(cycle, query)
        return self.controller.stage(cycle), element, query >= 0, tag, 0, 0, lowest

    def _local_kv(self, i: int, j: int, lag: int) -> tuple[int, bool, int, int]:
        cycle, array, slots = self.cycle - lag, self.array, self.schedule.slots
        tile = self.controller.at(cycle)[0]
        if j >= array.cols:  # a global column: one key for all rows
            token = int(self.schedule.column_keys[tile, j - array.cols]) if tile >= 0 else -1
            return self.controller.element(cycle, token), token >= 0, 0, -1
        segment, place = divmod(j, array.segment_cols)
        if i > 0 and place > 0:
            shown = self.shown["local", i - 1, j - 1]
            return shown.kv_out, shown.kv_valid_out, shown.kv_global_valid_out, shown.kv_tag_out
        if tile < 0:
            return 0, False, 0, 0
        slot = i + array.segment_cols - 1 - place
        token = int(slots.keys[tile, segment, slot])
        valid, tag = bool(slots.local_valid[tile, segment, slot]), int(slots.key_tag[tile, segment, slot])
        # The key leaves the bottom, if it does, in this column.
        bottom = segment * array.segment_cols + array.rows - 1 + array.segment_cols - 1 - slot
        bits = 0
        if slot >= array.rows - 1:
            bits = sum(bool(v[bottom]) << g for g, v in enumerate(self.schedule.row_keys.valid[tile]))
        return self.controller.element(cycle, token), valid, bits, tag

    def _global_kv(self, g: int, j: int, lag: int) -> tuple[int, bool, int, int]:
        if self.schedule.private_rows:
            tile = self.controller.at(self.cycle - lag)[0]
            token = int(self.schedule.row_keys.keys[tile, g, j]) if tile >= 0 else -1
            valid = tile >= 0 and bool(self.schedule.row_keys.valid[tile, g, j])
            return self.controller.element(self.cycle - lag, token), valid, 0, -1
        above = self.shown["global", g - 1, j] if g > 0 else self.shown["local", self.array.rows - 1, j]
        return above.kv_out, bool(above.kv_global_valid_out >> g & 1), above.kv_global_valid_out, -1

    def _unit_inputs(self, row: Tag, end: PEOutputs) -> WeightedSumInputs:
        # What the last PE shows, it did a cycle ago.
        lag = self.ends[row] + 1 + (row[1] + 1 if row[0] == "global" else 0)
        tile = self.controller.at(self.cycle - lag)[0]
        flags = self.schedule.row_first[:, row[1]] if row[0] == "global" else self.schedule.first
        first = tile >= 0 and bool(flags[tile])
        sums = end.row_max_out, end.row_sum_out, end.psum_out
        return WeightedSumInputs(
            end.stage_out, *sums, first, self.start is not None, *(self.start or (0, 0)), 0
        )

    def run(self) -> dict[Tag, np.ndarray]:
        """Run all passes and drain; return each row's outputs after every pass, [tiles, head_dim]."""
        for _ in range(self.schedule.tiles * len(self.controller.stages) + 2 * len(self.pes)):
            self.step()
        shape = (self.schedule.tiles, self.controller.head_dim)
        return {row: np.array(outputs).reshape(shape) for row, outputs in self.outputs.items()}


def random_tiles(rng: np.random.Generator, array: SaloArray, tiles: int, blank_schedule: Any) -> Any:
    """One block of tiles that hold anything; global rows see what leaves the bottom."""
    tokens = 40
    block_rows = rng.permutation(tokens)[None, : array.rows]
    block_rows[0, 1] = -1  # a row without a query
    s = blank_schedule(array, np.zeros(tiles, int), block_rows, tokens)
    s.slots.keys[:] = rng.integers(0, tokens, s.slots.keys.shape)
    s.slots.local_valid[:] = rng.random(s.slots.keys.shape) < 0.8
    s.slots.col_mask[:] = rng.random(s.slots.col_mask.shape) < 0.9
    s.slots.key_tag[:] = rng.random(s.slots.key_tag.shape) < 0.3
    s.slots.row_tag[:] = rng.random(s.slots.row_tag.shape) < 0.3
    s.column_keys[:] = rng.integers(-1, tokens, s.column_keys.shape)
    s.row_query[:] = np.setdiff1d(np.arange(tokens), block_rows)[: array.global_rows]
    for j in range(array.cols):
        segment, place = divmod(j, array.segment_cols)
        slot = array.rows - 1 + array.segment_cols - 1 - place
        s.row_keys.keys[:, :, j] = s.slots.keys[:, segment, slot][:, None]
    s.row_keys.valid[:] = rng.random(s.row_keys.keys.shape) < 0.7
    s.row_first[0] = s.row_last[-1] = True
    return s


def assert_same(
    config: SaloConfig, schedule: Any, rng: np.random.Generator, sink: int | None = None
) -> Systolic:
    """Run both and compare the rows' results; return the stepped array."""
    numerics, shape = config.numerics, (schedule.seq_len, config.array.head_dim)
    operands = [numerics.stored.quantize(rng.standard_normal(shape) * 1.5)[0] for _ in range(3)]
    stepped = Systolic(config, schedule, operands, sink)
    outputs = stepped.run()
    found = PEArray(config).run(schedule, projection(*operands), sink=sink).output
    for row, result in outputs.items():
        kind, index = row
        query = schedule.block_rows[0, index] if kind == "local" else schedule.row_query[0, index]
        expected = found[query] if query >= 0 else np.zeros(shape[1])
        np.testing.assert_array_equal(result[-1], expected, err_msg=f"row {row}")
    return stepped


@pytest.mark.parametrize("normalisation", list(Normalisation))
@pytest.mark.parametrize("numerics", [PUBLISHED, WIDE], ids=["published", "wide"])
@pytest.mark.parametrize("shape", [(3, 4, 1, 1, 1), (2, 6, 2, 2, 2), (5, 3, 1, 0, 1), (3, 4, 2, 1, 0)])
def test_stepped_passes_give_the_outputs_and_the_cycles_of_the_model(
    shape: tuple[int, ...],
    numerics: SaloNumerics,
    normalisation: Normalisation,
    machine: Any,
    blank_schedule: Any,
) -> None:
    rows, cols, segments, global_rows, global_cols = shape
    array = SaloArray(
        rows=rows,
        cols=cols,
        column_segments=segments,
        global_rows=global_rows,
        global_cols=global_cols,
        head_dim=5,
        normalisation=normalisation,
    )
    rng = np.random.default_rng(sum(shape))
    stepped = assert_same(machine(array, numerics), random_tiles(rng, array, 3, blank_schedule), rng)
    assert stepped.last_psum == array.total_cycles(3, 5)
    assert stepped.last_merge == stepped.last_psum + array.merge_latency
    assert stepped.last_output == stepped.last_merge + 1


def test_longer_latencies_shift_the_stages(machine: Any, blank_schedule: Any) -> None:
    array = SaloArray(rows=3, cols=4, head_dim=5, exp_latency=2, reciprocal_latency=3, normalise_latency=2)
    rng = np.random.default_rng(7)
    stepped = assert_same(machine(array, PUBLISHED), random_tiles(rng, array, 2, blank_schedule), rng)
    assert stepped.last_psum == array.total_cycles(2, 5)


@pytest.mark.parametrize("normalisation", list(Normalisation))
@pytest.mark.parametrize("doublings", [-3, 0, 2, 5])
def test_a_sink_takes_no_cycle(
    doublings: int, normalisation: Normalisation, machine: Any, blank_schedule: Any
) -> None:
    array = SaloArray(rows=3, cols=4, head_dim=5, global_rows=2, normalisation=normalisation, sinks=True)
    rng = np.random.default_rng(doublings + 10)
    sink = doublings << (PUBLISHED.score.fraction + array.score_shift)
    stepped = assert_same(machine(array, PUBLISHED), random_tiles(rng, array, 3, blank_schedule), rng, sink)
    assert stepped.last_psum == array.total_cycles(3, 5) == replace(array, sinks=False).total_cycles(3, 5)


def test_private_ports_feed_the_global_rows(machine: Any, blank_schedule: Any) -> None:
    array = SaloArray(rows=2, cols=4, head_dim=4, global_rows=2)
    rng = np.random.default_rng(8)
    schedule = random_tiles(rng, array, 2, blank_schedule)
    schedule.row_keys.keys[:] = rng.integers(0, 40, schedule.row_keys.keys.shape)
    schedule.private_rows = True
    assert_same(machine(array, WIDE), schedule, rng)


@pytest.mark.parametrize(
    ("normalisation", "single", "per_pass"),
    [(Normalisation.PER_PASS, 195, 164), (Normalisation.DEFERRED, 162, 131)],
)
def test_published_shape_takes_195_cycles_per_pass_and_162_deferred(
    normalisation: Normalisation, single: int, per_pass: int, machine: Any, blank_schedule: Any
) -> None:
    """32 columns, one global row and column, head size 64; rows change no cycle, so there are two."""
    array = SaloArray(rows=2, normalisation=normalisation)
    rng = np.random.default_rng(9)
    one = assert_same(machine(array, PUBLISHED), random_tiles(rng, array, 1, blank_schedule), rng)
    assert one.last_psum == single == array.total_cycles(1, 64)
    two = assert_same(machine(array, PUBLISHED), random_tiles(rng, array, 2, blank_schedule), rng)
    assert two.last_psum == 2 * per_pass + 31 == array.total_cycles(2, 64)
