"""The PE array: local rows, global columns at their ends, global rows below; each row a weighted-sum unit.

Obeys: the wiring of the SALO artifact (queries right, keys and values diagonally down and right), with keys
injected at every segment of the columns. Model: `sim.salo.array`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from amaranth import Cat, Const, Module, Mux, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tandemsim.rtl.lib.emit import unit
from tandemsim.rtl.lib.pipeline import delayed, named
from tandemsim.rtl.lib.wires import layout, shape
from tandemsim.rtl.salo.pe import PE
from tandemsim.rtl.salo.reciprocal import ReciprocalUnit
from tandemsim.rtl.salo.sink import SinkUnit
from tandemsim.rtl.salo.weighted_sum import GlobalWeightedSum, WeightedSum
from tandemsim.sim.arch.salo.config import GlobalProjections, SaloConfig
from tandemsim.sim.arch.salo.geometry import slot_of
from tandemsim.sim.arch.salo.numerics import Normalisation
from tandemsim.sim.arch.salo.ports import command_fields, global_output_fields, operand_fields, output_fields
from tandemsim.sim.arch.salo.stages import Stage
from tandemsim.sim.arch.salo.wires import wires

Unit = TypeVar("Unit")


class Start(NamedTuple):
    """With what a row begins: a state that is not nothing, where `valid`; its sums over values are 0."""

    valid: Value
    merged_max: Value
    merged_sum: Value


class PEArray(wiring.Component):
    """Rows of PEs, each with its weighted-sum unit.

    How: a word enters whole; what belongs to column j passes j registers first, so that it meets the stage
    code there. Everything moves in every cycle: a cycle without an operand is an IDLE that travels like any
    other stage.
    """

    def __init__(self, config: SaloConfig) -> None:
        self.config = config
        super().__init__(
            {
                "stage": In(shape(wires(config).stage)),
                "end": In(1),
                "command": In(layout(command_fields(config))),
                "operands": In(layout(operand_fields(config))),
                "output": Out(layout(output_fields(config))),
                "output_valid": Out(1),
                "global_output": Out(layout(global_output_fields(config))),
                "global_output_valid": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m, array = Module(), self.config.array
        self._platform = platform
        width = array.cols + array.global_cols
        local = [[self._add(m, PE, f"pe_{i}_{j}") for j in range(width)] for i in range(array.rows)]
        global_ = [
            [self._add(m, PE, f"global_{g}_{j}") for j in range(array.cols)] for g in range(array.global_rows)
        ]
        for i, row in enumerate(local):
            self._enter_row(m, row[0], self.operands.query[i], self.command.row_valid[i], 0)
        for g, row in enumerate(global_):
            self._enter_row(m, row[0], self.operands.global_query[g], self.command.global_row_valid[g], g + 1)
        for i, row in enumerate((*local, *global_)):
            self._wire_row(m, row, f"row_{i}")
        self._wire_tags(m, local)
        self._wire_keys(m, local)
        self._wire_global_columns(m, local)
        self._wire_global_rows(m, local, global_)
        self._wire_outputs(m, local, global_)
        return m

    def _add(self, m: Module, kind: Callable[[SaloConfig], Unit], name: str) -> Unit:
        component = kind(self.config)
        m.submodules[name] = unit(self._platform, component)
        return component

    def _enter_row(self, m: Module, pe: PE, query: Value, valid: Value, lag: int) -> None:
        """Feed a row's first PE, `lag` cycles late; its sums begin with nothing."""
        m.d.comb += [
            pe.stage_in.eq(self._late(m, self.stage, lag)),
            pe.query_in.eq(self._late(m, query, lag)),
            pe.row_valid_in.eq(self._late(m, valid, lag)),
            pe.row_max_in.eq(self.config.numerics.exp.exponent_minimum),
        ]

    def _wire_row(self, m: Module, row: list[PE], name: str) -> None:
        """Pass from left to right; per pass, give the reciprocal of the row's sum back to its PEs."""
        for left, right in zip(row, row[1:], strict=False):
            for wire in ("stage", "query", "row_valid", "psum", "row_sum", "row_max"):
                m.d.comb += getattr(right, f"{wire}_in").eq(getattr(left, f"{wire}_out"))
        if self.config.array.normalisation is Normalisation.DEFERRED:
            return
        end = row[-1]
        divider = self._add(m, ReciprocalUnit, f"{name}_reciprocal")
        m.d.comb += divider.value.eq(end.row_sum_out)
        row_max = delayed(m, end.row_max_out, self.config.array.reciprocal_latency - 1, "row_max")
        exponent = named(m, divider.exponent + row_max, "inverse_exponent")
        for pe in row:
            m.d.comb += [pe.inverse.eq(divider.mantissa), pe.inverse_exponent.eq(exponent)]

    def _wire_tags(self, m: Module, local: list[list[PE]]) -> None:
        """Row tags enter at the first column of each segment and go right; global columns compare none."""
        array = self.config.array
        for i, row in enumerate(local):
            for j, pe in enumerate(row):
                segment, place = divmod(j, array.segment_cols)
                if j < array.cols and place == 0:
                    tag = self._late(m, self.command.row_tag[segment][i], j)
                else:
                    tag = row[j - 1].row_tag_out
                m.d.comb += pe.row_tag_in.eq(tag)

    def _wire_keys(self, m: Module, local: list[list[PE]]) -> None:
        """Keys and values enter at the top row and the left edge of a segment, and go down and right."""
        array, command = self.config.array, self.command
        for j in range(array.cols):
            enabled = self._late(m, command.column_enabled[j], j)
            segment, place = divmod(j, array.segment_cols)
            chained = self._late(m, command.chained, j) if place == 0 and j > 0 else None
            for i in range(array.rows):
                pe = local[i][j]
                m.d.comb += pe.column_enabled.eq(enabled)
                above = local[i - 1][j - 1] if i > 0 and j > 0 else None
                passed = above and Cat(
                    above.kv_out, above.kv_valid_out, above.kv_tag_out, above.kv_global_valid_out
                )
                if passed is None or place == 0:
                    slot = slot_of(i, j, array.segment_cols)
                    word = Cat(
                        self.operands.kv[segment][slot],
                        command.kv_valid[segment][slot],
                        command.kv_tag[segment][slot],
                        command.kv_global_valid[segment][slot] if array.global_rows else Const(0, 1),
                    )
                    entering = self._late(m, word, j)
                    passed = Mux(chained, passed, entering) if passed is not None else entering
                m.d.comb += Cat(pe.kv_in, pe.kv_valid_in, pe.kv_tag_in, pe.kv_global_valid_in).eq(passed)

    def _wire_global_columns(self, m: Module, local: list[list[PE]]) -> None:
        """One key for all rows of a column."""
        for k in range(self.config.array.global_cols):
            j = self.config.array.cols + k
            word = self._late(m, Cat(self.operands.column_kv[k], self.command.column_valid[k]), j)
            for row in local:
                pe = row[j]
                m.d.comb += [
                    Cat(pe.kv_in, pe.kv_valid_in).eq(word),
                    pe.kv_tag_in.eq(pe.row_tag_in),
                    pe.column_enabled.eq(1),
                ]

    def _wire_global_rows(self, m: Module, local: list[list[PE]], global_: list[list[PE]]) -> None:
        """What leaves the bottom, or the row's own ports."""
        array = self.config.array
        for g, row in enumerate(global_):
            for j, pe in enumerate(row):
                above = global_[g - 1][j] if g else local[-1][j]
                passed = Cat(above.kv_out, above.kv_global_valid_out[g])
                if array.global_projections is GlobalProjections.PRIVATE:
                    own = Cat(self.operands.private_kv[g][j], self.command.private_valid[g][j])
                    late = self._late(m, Cat(own, self.command.private), j + g + 1)
                    passed = Mux(late[-1], late[:-1], passed)
                m.d.comb += [
                    Cat(pe.kv_in, pe.kv_valid_in).eq(passed),
                    pe.kv_global_valid_in.eq(above.kv_global_valid_out),
                    pe.kv_tag_in.eq(pe.row_tag_in),
                    pe.column_enabled.eq(1),
                ]

    def _wire_outputs(self, m: Module, local: list[list[PE]], global_: list[list[PE]]) -> None:
        """Merge each row's passes. Global rows end apart: the earlier ones wait for the last."""
        array = self.config.array
        starts = self._starts(m) if array.sinks else {}
        lag = array.cols + array.global_cols
        first = self._late(m, self.command.first, lag)
        for i, row in enumerate(local):
            merge = self._merge_unit(m, WeightedSum, f"merge_{i}", row[-1], first, starts.get(lag))
            m.d.comb += self.output.rows[i].eq(merge.output)
        in_values = self.stage == Stage.WEIGHTED_SUM
        leaving = self._late(m, Cat(in_values & self.command.last, self.end), array.output_lag)
        m.d.comb += [self.output_valid.eq(leaving[0]), self.output.end.eq(leaving[1])]
        for g, row in enumerate(global_):
            lag = array.cols + g + 1
            first = self._late(m, self.command.global_first[g], lag)
            merge = self._merge_unit(
                m, GlobalWeightedSum, f"global_merge_{g}", row[-1], first, starts.get(lag)
            )
            output = self._late(m, merge.output, array.global_rows - 1 - g)
            m.d.comb += self.global_output.rows[g].eq(Mux(self.global_output.valid[g], output, 0))
        if global_:
            leaves = self.command.global_last.as_value() & in_values.replicate(array.global_rows)
            leaving = self._late(m, Cat(leaves, self.end), array.global_output_lag)
            m.d.comb += [
                self.global_output.valid.eq(leaving[:-1]),
                self.global_output_valid.eq(leaving[:-1].any()),
                self.global_output.end.eq(leaving[-1]),
            ]

    def _starts(self, m: Module) -> dict[int, Start]:
        """Return, by its lag behind column 0, with what a row begins: nothing, or the sink of its head.

        The command stands from the first SCORE on, so the unit has its answer in time for ROW_SUM.
        """
        array = self.config.array
        unit = self._add(m, SinkUnit, "sinks")
        m.d.comb += unit.sink.eq(self.command.sink[0])
        late = named(m, Cat(self.command.sink_valid[0], unit.merged_sum, unit.merged_max), "start")
        ends = len(unit.merged_sum) + 1
        found, before = {}, 0
        lags = {array.cols + array.global_cols, *(array.cols + g + 1 for g in range(array.global_rows))}
        for lag in sorted(lags):
            late, before = delayed(m, late, lag - before, "start"), lag
            found[lag] = Start(late[0], late[ends:].as_signed(), late[1:ends])
        return found

    def _merge_unit(
        self, m: Module, kind: type[WeightedSum], name: str, end: PE, first: Value, start: Start | None
    ) -> WeightedSum:
        merge = self._add(m, kind, name)
        m.d.comb += [
            merge.stage.eq(end.stage_out),
            merge.row_max.eq(end.row_max_out),
            merge.row_sum.eq(end.row_sum_out),
            merge.psum.eq(end.psum_out),
            merge.first.eq(first),
        ]
        if start is not None:
            m.d.comb += [
                merge.restore.eq(start.valid),
                merge.restored_max.eq(start.merged_max),
                merge.restored_sum.eq(start.merged_sum),
            ]
        return merge

    def _late(self, m: Module, value: Value, cycles: int) -> Value:
        return delayed(m, named(m, value, "entering"), cycles, "late") if cycles else value
