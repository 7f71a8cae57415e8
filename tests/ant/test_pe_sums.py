"""The PEs' own sums: an array that they could exceed is refused, or cuts K and takes the cycles for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tandemsim.sim.ant.layers import Bits
from tandemsim.sim.ant.simulation import simulate as run_ops
from tandemsim.sim.arch.ant.config import AntArray, Dataflow
from tandemsim.sim.arch.ant.family import ANT_FAMILY
from tandemsim.sim.arch.ant.presets import ANT
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.machines.ant.bits import widths
from tandemsim.sim.machines.ant.explain import ant_candidates
from tandemsim.sim.machines.fused.small import small_trace as fused_trace
from tandemsim.sim.run import Request, simulate
from tandemsim.traces.codec import find, load
from tests.ant.test_machine_random import one_op

PAGE = Path(__file__).parents[2] / "docs" / "ant-machine.md"
M, N, K = 24, 40, 300
GEMM = one_op("gemm", {"m": M, "n": N, "k": K}, (M, K), (K, N), (M, N))
COLUMNS = (Dataflow.WEIGHT_STATIONARY, Dataflow.INPUT_STATIONARY)


def bits_of(array: AntArray, name: str) -> Bits:
    return widths(GEMM, GEMM.ops, array, name)[GEMM.ops[0].id]


def values(array: AntArray, width: int, is_signed: bool) -> list[np.ndarray]:
    return [
        (form.base << form.shift)[form.finite]
        for form in array.code_formats
        if form.bits == width and (form.signed or not is_signed)
    ]


def bits_that_hold(low: int, high: int) -> int:
    return next(bits for bits in range(1, 64) if -(1 << (bits - 1)) <= low and high < 1 << (bits - 1))


def column(array: AntArray, width: int) -> int:
    """Return the bits of the worst sum of a column, product by product of every two values."""
    worst = 0
    for left in values(array, width, False):
        for above in values(array, width, True):
            terms = array.rows
            sides = [left, above]
            if width > array.pe_bits:  # nibbles: what streams has two rows, what stays is one of the two
                terms //= 2
                stays = int(array.dataflow is Dataflow.WEIGHT_STATIONARY)
                sides[stays] = np.concatenate([sides[stays] >> 4, sides[stays] & 15])
            products = terms * np.multiply.outer(*sides)
            worst = max(worst, bits_that_hold(int(products.min()), int(products.max())))
    return worst


@pytest.mark.parametrize("flow", COLUMNS)
def test_a_column_is_refused_with_one_bit_less_than_its_worst_sum(flow: Dataflow) -> None:
    cases = [
        (rows, width, formats, pe_bits)
        for rows in (2, 24, 64, 1024)
        for width, formats, pe_bits in (
            (4, ("int4",), 4),
            (4, ANT.array.formats, 4),
            (8, ANT.array.formats, 4),
            (8, ("int8", "int8u"), 8),
        )
    ]
    for rows, width, formats, pe_bits in cases:
        made = AntArray(rows=rows, formats=formats, pe_bits=pe_bits, dataflow=flow, accumulator_width=48)
        needed = column(made, width)
        bits_of(replace(made, accumulator_width=needed), str(width))
        key, given = "array.accumulator_width", needed - 1
        said = f"^op 'op': {key} must be at least {needed} for .* in a column, not {given}$"
        with pytest.raises(ConfigError, match=said):
            bits_of(replace(made, accumulator_width=given), str(width))


def test_only_formats_of_the_runs_width_count() -> None:
    """15 bits are enough for columns of 8-bit integers of this array, and not for its powers of two."""
    array = AntArray(rows=8, formats=("pot4", "int8", "int8u"), accumulator_width=15)
    bits_of(array, "8")
    with pytest.raises(ConfigError, match="must be at least 17 for 8 products of pot4 and pot4 in a column"):
        bits_of(array, "4")


def test_where_sums_stay_a_narrow_pe_takes_the_cycles_of_its_parts_of_k() -> None:
    """Only the worst pair counts: of pot4, whose products are 4,096 at most."""
    array = replace(ANT.array, dataflow=Dataflow.OUTPUT_STATIONARY, rows=8, cols=8)
    cycles = {}
    for width, fold in ((14, 1), (15, 3), (16, 7), (20, 127), (22, 511)):
        config = replace(ANT, array=replace(array, accumulator_width=width))
        bits = widths(GEMM, GEMM.ops, config.array, "4")
        assert bits[GEMM.ops[0].id].fold == fold
        run = run_ops(GEMM, GEMM.ops, config, bits)
        tasks = run.program.tasks.cycles[: run.program.first[1]]
        cycles[width] = int(tasks.sum())
    tiles = M * N // 64
    # one pair at a time takes the 8 cycles in which a tile's sums leave; 7 or more take their own
    assert cycles[14] == tiles * K * 8 - 7
    assert cycles[20] == cycles[22] == tiles * K
    assert cycles[14] > cycles[15] > cycles[16] > cycles[20]
    with pytest.raises(ConfigError, match="must be at least 14 for 1 product of pot4 and pot4, not 13$"):
        bits_of(replace(array, accumulator_width=13), "4")


@pytest.mark.parametrize("machine", ["ant", "ant+salo"])
def test_the_command_refuses_an_array_that_its_products_could_exceed(machine: str) -> None:
    prefix = "" if machine == "ant" else "ant."
    for settings, needed, given in ((("accumulator_width", 1), 20, 1), (("rows", 1024), 24, 20)):
        said = rf"^op '.*': {prefix}array.accumulator_width must be at least {needed} for .*, not {given}$"
        request = Request(workload="x", trace=fused_trace(), machine=machine)
        with pytest.raises(ConfigError, match=said):
            simulate(replace(request, settings={f"{prefix}array.{settings[0]}": settings[1]}))


def test_the_page_shows_what_the_command_says() -> None:
    with pytest.raises(ConfigError) as refused:
        simulate(Request(workload="resnet18", settings={"array.rows": 128}))
    assert f"    tandem: {refused.value}\n" in PAGE.read_text()


def test_no_preset_is_refused_for_the_bits_that_it_has_by_default() -> None:
    trace = load(find("resnet18"))
    for preset in ANT_FAMILY.presets.values():
        for flow in Dataflow:
            array = replace(preset.config.array, dataflow=flow)
            found = widths(trace, trace.ops, array, preset.bits[-1])
            assert min(bits.fold for bits in found.values()) >= array.rows // 2


def test_twice_the_rows_are_tried_with_the_sums_that_they_need() -> None:
    (rows,) = (each for each in ant_candidates(ANT) if "array.rows" in each)
    assert rows == {"array.rows": 128, "array.accumulator_width": 21}
    wide = replace(ANT, array=replace(ANT.array, accumulator_width=24))
    assert {"array.rows": 128} in list(ant_candidates(wide))
