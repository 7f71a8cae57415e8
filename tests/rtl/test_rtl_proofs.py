"""The exponential and the reciprocal of the presets, proved: every input, against the tables of `sim.arch`.

What is proved: for each of the 2^18 (published) and 2^24 (wide) scores that a register of a PE can hold, and
for each of the 2^20 and 2^23 operands that a row sum can be, merged or not, the exported Verilog shows the
exponent and the mantissa that the tables say. By what: exhaustion. Verilator compiles the Verilog, a loop in
C++ shows it every input, and numpy compares. The expected arrays are made of `ExpConfig.mantissas` and its
bounds, and of `ReciprocalConfig.table`; nothing of `sim.salo` is asked.

Saturation and rounding: `test_rtl_proofs_arithmetic`.
"""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from tandemsim.rtl.salo.exp import ExpUnit
from tandemsim.rtl.salo.reciprocal import ReciprocalUnit
from tandemsim.sim.arch.salo.family import SALO_FAMILY
from tandemsim.sim.arch.salo.numerics import NUMERICS
from tandemsim.sim.arch.salo.wires import wires
from tests.cosim import simulators
from tests.rtl import exhaustive

CONFIGS = {
    f"{preset}_{formats}".replace("-", "_"): replace(config, numerics=numerics)
    for preset, config in SALO_FAMILY.configs.items()
    for formats, numerics in NUMERICS.items()
}
EVERY = pytest.mark.parametrize("name", CONFIGS)
WRONG_SCORE, WRONG_OPERAND = 0x9ABCDE, 0x345678  # chosen at random
WRONG_ENTRY = 77  # of the table of the reciprocal

pytestmark = pytest.mark.skipif(
    bool(simulators.refusal()) or simulators.verilator_root() is None or shutil.which("g++") is None,
    reason="16 million inputs need Verilator and g++",
)


def expected_exponentials(config):
    """Return what each score gives, uint32 [2**width]: the exponent, and above it the mantissa."""
    score, exp = config.numerics.score, config.numerics.exp
    raw = np.arange(1 << score.width, dtype=np.int64)
    raw = np.where(raw > score.maximum, raw - (1 << score.width), raw)
    log2 = raw >> (score.fraction + config.array.score_shift - exp.fraction_bits)
    lowest = exp.exponent_minimum << exp.fraction_bits
    highest = (exp.exponent_maximum << exp.fraction_bits) + (1 << exp.fraction_bits) - 1
    exponent, fraction = np.divmod(np.clip(log2, lowest, highest), 1 << exp.fraction_bits)
    exponent &= (1 << exp.exponent_width) - 1
    return (exponent | exp.mantissas[fraction] << exp.exponent_width).astype(np.uint32)


def expected_reciprocals(config):
    """Return what each operand gives, uint32 [2**width]: the mantissa, and above it the exponent; 0 for 0."""
    reciprocal, width = config.numerics.reciprocal, wires(config).operand.width
    operand = np.arange(1 << width, dtype=np.int64)
    exponent = np.frexp(operand)[1].astype(np.int64) - 1
    exponent[0] = 0
    # Of the operand, normalized to [1, 2), only `fraction` bits behind the point count.
    scaled = (operand << reciprocal.fraction) >> exponent
    segment, offset = np.divmod(scaled - (1 << reciprocal.fraction), 1 << reciprocal.offset_bits)
    segment[0] = 0
    high, low = reciprocal.table[segment], reciprocal.table[segment + 1]
    step = np.floor((high - low) * offset / 2**reciprocal.offset_bits + 0.5).astype(np.int64)
    mantissa = np.where(operand > 0, high - step, 0)
    return (mantissa | exponent << wires(config).inverse.width).astype(np.uint32)


class OneEntryOff(type(CONFIGS["salo_wide"].numerics.reciprocal)):
    """A reciprocal whose table has one entry too high, by one."""

    @property
    def table(self):
        table = super().table
        table[WRONG_ENTRY] += 1
        return table


@pytest.fixture(scope="module")
def shown():
    """What the circuits of every configuration show, and three defective ones of the widest formats."""
    circuits, wide = {}, CONFIGS["salo_wide"]
    for name, config in CONFIGS.items():
        circuits[f"exp_{name}"] = ExpUnit(config)
        circuits[f"reciprocal_{name}"] = ReciprocalUnit(config)
    circuits["exp_one_wrong"], circuits["reciprocal_one_wrong"] = ExpUnit(wide), ReciprocalUnit(wide)
    off = replace(wide, numerics=replace(wide.numerics, reciprocal=OneEntryOff()))
    circuits["reciprocal_one_entry"] = ReciprocalUnit(off)
    flips = {"exp_one_wrong": WRONG_SCORE, "reciprocal_one_wrong": WRONG_OPERAND}
    return exhaustive.answers(circuits, flips)


@EVERY
def test_the_exponential_is_its_table_for_every_score(name, shown):
    np.testing.assert_array_equal(shown[f"exp_{name}"], expected_exponentials(CONFIGS[name]))


@EVERY
def test_the_reciprocal_is_its_table_for_every_operand(name, shown):
    np.testing.assert_array_equal(shown[f"reciprocal_{name}"], expected_reciprocals(CONFIGS[name]))


@EVERY
def test_the_reciprocal_of_every_operand_is_within_the_bound_of_its_docstring(name, shown):
    """Mathematics instead of the table: |mantissa * 2**-(fraction + exponent) * operand - 1| <= 2.1e-5."""
    found, config = shown[f"reciprocal_{name}"], CONFIGS[name]
    inverse = wires(config).inverse.width
    mantissa, exponent = found & ((1 << inverse) - 1), found >> inverse
    operand = np.arange(found.size)
    product = np.ldexp(
        mantissa * operand.astype(np.float64), -(config.numerics.reciprocal.fraction + exponent.astype(int))
    )
    assert np.abs(product[1:] - 1).max() <= 2.1e-5


def test_a_single_wrong_score_of_sixteen_million_is_found(shown):
    wrong = np.flatnonzero(shown["exp_one_wrong"] != expected_exponentials(CONFIGS["salo_wide"]))
    assert wrong.tolist() == [WRONG_SCORE]


def test_a_single_wrong_operand_of_eight_million_is_found(shown):
    wrong = np.flatnonzero(shown["reciprocal_one_wrong"] != expected_reciprocals(CONFIGS["salo_wide"]))
    assert wrong.tolist() == [WRONG_OPERAND]


def test_a_single_wrong_entry_of_the_table_is_found_in_its_two_segments(shown):
    config = CONFIGS["salo_wide"]
    wrong = np.flatnonzero(shown["reciprocal_one_entry"] != expected_reciprocals(config))
    exponent = np.frexp(wrong)[1] - 1
    segments = (wrong * config.numerics.reciprocal.segments >> exponent) - config.numerics.reciprocal.segments
    assert set(segments) == {WRONG_ENTRY - 1, WRONG_ENTRY}
