"""Decoder, encoder and foot of ANT, proved: every input, against mathematics.

What is proved, of every format that a PE can run, in lists of formats that a PE can run together: the decoder
shows the base and the shift of its table for every code; what it shows, encoded, is the code again; the
encoder shows the nearest code, with the tie rule of the format, for every number on its wire; the foot joins
every two sums of nibbles, and so decoders, products and foot multiply every two integers of 8 bits. By what:
exhaustion, as in `test_rtl_proofs`. `make proofs` takes every format, `make test` those of class A and of
arrays of 8-bit PEs.
"""

import itertools
import shutil
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from amaranth import Mux, Value

from tandemsim.rtl.ant.decoder import OperandDecoder
from tandemsim.rtl.ant.encoder import CodeEncoder
from tandemsim.rtl.ant.foot import Foot
from tandemsim.rtl.lib.fixed import saturate
from tandemsim.sim.arch.ant.config import Dataflow, Overflow
from tandemsim.sim.arch.ant.operands import operand_tables, split
from tandemsim.sim.arch.ant.widths import fits_base
from tandemsim.sim.arch.codes import FORMATS, Kind, Ties
from tests.ant import draws
from tests.cosim import simulators
from tests.rtl import exhaustive
from tests.rtl.ant import around, every_format
from tests.rtl.ant.every_format import CONFIGS, LISTS, nearest, runs

NAMES = [*CONFIGS] if simulators.WHOLE else every_format.SAMPLE
EVERY = pytest.mark.parametrize("name", NAMES)
A_PRODUCT, ITS_SUM = 9, 16  # bits: of two nibbles -120 to 225, and of two of those joined
NARROW = 11  # bits: too few for some
FLOWS = (Dataflow.WEIGHT_STATIONARY, Dataflow.OUTPUT_STATIONARY)
JOINED = {
    f"{flow}_{overflow}_{foot}": draws.config(
        rows=2,
        cols=2,
        formats=around.FORMATS,
        dataflow=flow,
        overflow=overflow,
        accumulator_width=A_PRODUCT,
        foot_width=foot,
    )
    for flow, overflow, foot in itertools.product(FLOWS, Overflow, (ITS_SUM, NARROW))
}
MULTIPLIED = {
    flow.value: draws.config(
        rows=2, cols=2, formats=around.FORMATS, dataflow=flow, accumulator_width=13, foot_width=17
    )
    for flow in FLOWS
}

pytestmark = pytest.mark.skipif(
    bool(simulators.refusal()) or simulators.verilator_root() is None or shutil.which("g++") is None,
    reason="a million inputs need Verilator and g++",
)


class SignedLow(OperandDecoder):
    """A decoder whose lower nibbles have a sign, too."""

    def _nibble(self, form):
        signed = self.code[:4].as_signed() if form.signed else self.code[:4]
        return super()._nibble(form)._replace(base=signed)


class TiesDown(CodeEncoder):
    """An encoder that rounds a half of an integer down."""

    def _integer(self, form):
        return saturate(self.twice >> 1, int(form.grid[0]), int(form.grid[-1])).as_unsigned()


class TiesUp(CodeEncoder):
    """An encoder that takes the larger of two equally near values, whatever the format."""

    def _compared(self, m, form):
        return super()._compared(m, replace(form, ties=Ties.UP))


class Careless(Foot):
    """A foot that takes the lower one of two columns for a number without a sign, and cuts sums of rows."""

    def _joined_columns(self, m, command):
        paired = self._paired(m, command.weight_format, "weight_paired")
        high, low = self.psums
        return [Mux(paired, (high << 4) + low.as_unsigned(), high), Mux(paired, 0, low).as_signed()]

    def _joined_rows(self, m, command, row, sums):
        return super()._joined_rows(m, command, row, [Value.cast(each)[:12].as_signed() for each in sums])


class Shown(NamedTuple):
    """Everything that can enter a circuit, and what it shows then: by port, int64 [2**bits of its inputs]."""

    inputs: dict
    outputs: dict


def of_circuits(circuits, cycles=1):
    answers = exhaustive.answers(circuits, {}, cycles)
    return {
        name: Shown(exhaustive.every_input(each), exhaustive.outputs(each, answers[name]))
        for name, each in circuits.items()
    }


@pytest.fixture(scope="module")
def shown():
    """What decoders, encoders and feet show, and defective ones."""

    def edges(*names):
        decoders = {f"decoder_{name}": OperandDecoder(CONFIGS[name]) for name in names}
        return decoders | {f"encoder_{name}": CodeEncoder(CONFIGS[name]) for name in names}

    class_a = CONFIGS["class_a"]
    wrong = {
        "decoder_signed_low": SignedLow(class_a),
        "encoder_ties_down": TiesDown(class_a),
        "encoder_ties_up": TiesUp(class_a),
    }
    feet = {f"joined_{name}": around.Joined(config) for name, config in JOINED.items()}
    for name, config in MULTIPLIED.items():
        feet[f"multiplied_{name}"] = around.Multiplied(config)
        feet[f"careless_{name}"] = around.Multiplied(config, Careless)
    small = [name for name in NAMES if name != every_format.WIDEST]
    found = of_circuits(edges(*small) | wrong | feet, around.CYCLES)
    return found | of_circuits(edges(every_format.WIDEST)) if every_format.WIDEST in NAMES else found


def wrong_operands(config, inputs, outputs):
    """Return whether each code is decoded otherwise than the table says."""
    array, (code, number, enabled, upper, in_place) = config.array, inputs.values()
    known, tables = number < len(array.formats), operand_tables(config.array)
    at = number * known, upper, code
    nibbles = np.array([array.operands_of(form) == 2 for form in array.code_formats])
    shift = np.where(nibbles[at[0]] & (upper == 1) & (in_place == 1), 4, tables.shift[at])
    wrong = (outputs["base"] != tables.base[at] * enabled) | (outputs["shift"] != shift * enabled)
    return wrong & known


def wrong_codes(config, inputs, outputs):
    """Return whether each number becomes another code than that of the nearest value."""
    twice, inexact, number = inputs.values()
    wrong = np.zeros(twice.shape, np.bool_)
    for place, form in enumerate(config.array.code_formats):
        own = number == place
        # What was rounded down lies above, but below the next half: on the same side of every midpoint as
        # the quarter between.
        wrong[own] = outputs["code"][own] != nearest(form, 2 * twice[own] + inexact[own])
    return wrong


@EVERY
def test_the_decoder_is_the_table_of_its_format_for_every_code_nibble_and_place(name, shown):
    assert not wrong_operands(CONFIGS[name], *shown[f"decoder_{name}"]).any()


@EVERY
def test_the_encoder_gives_the_nearest_code_for_every_number_on_its_wire(name, shown):
    assert not wrong_codes(CONFIGS[name], *shown[f"encoder_{name}"]).any()


def looked_up(found, **inputs):
    """Return what a circuit showed for some of its inputs, arrays of one shape."""
    at = place = 0
    for name, every in found.inputs.items():
        width = int(every.max()).bit_length() + int(every.min() < 0)
        at = at | (inputs[name] & ((1 << width) - 1)) << place
        place += width
    return {name: values[at] for name, values in found.outputs.items()}


@EVERY
def test_every_code_comes_back_from_decoder_and_encoder(name, shown):
    config = CONFIGS[name]
    for number, form in enumerate(config.array.code_formats):
        codes = np.flatnonzero(form.finite)
        value = 0
        for place, operand in enumerate(split(config.array, form, codes).T):
            tied = {"enabled": 1, "upper": 1 - place, "in_place": 1}
            part = looked_up(shown[f"decoder_{name}"], code=operand, format=number, **tied)
            value = value + (part["base"] << part["shift"])
        encoded = {"twice": 2 * value, "inexact": 0, "format": number}
        back = looked_up(shown[f"encoder_{name}"], **encoded)["code"]
        assert (back == np.where(form.value[codes] == 0, 0, codes)).all()


def test_the_lists_have_every_format_that_a_pe_runs_beside_int4():
    listed = {form for config in LISTS.values() for form in config.array.code_formats}
    nibbles = [form for form in FORMATS.values() if form.kind is Kind.INT and not fits_base(form)]
    singles = [form for form in FORMATS.values() if fits_base(form) and runs(form, FORMATS["int4"])]
    assert listed == {*singles, *nibbles} and len(listed) == 47


def test_a_decoder_whose_lower_nibbles_have_a_sign_is_found(shown):
    inputs, outputs = shown["decoder_signed_low"]
    wrong = wrong_operands(CONFIGS["class_a"], inputs, outputs)
    assert wrong.any()
    assert {*inputs["upper"][wrong]} == {0} and (inputs["code"][wrong] & 8 == 8).all()


def test_an_encoder_with_the_ties_of_another_format_is_found(shown):
    for name in ("ties_down", "ties_up"):
        assert wrong_codes(CONFIGS["class_a"], *shown[f"encoder_{name}"]).any()


def held(config, exact):
    """Return what an accumulator makes of an exact sum."""
    half = 1 << (config.array.foot_width - 1)
    if config.array.overflow is Overflow.SATURATE:
        return np.clip(exact, -half, half - 1)
    return (exact + half) % (2 * half) - half


@pytest.mark.parametrize("name", JOINED)
def test_the_foot_joins_every_two_sums_of_nibbles(name, shown):
    config = JOINED[name]
    (high, low, paired), outputs = shown[f"joined_{name}"][0].values(), shown[f"joined_{name}"][1]
    other = 0 if config.array.stationary else 16 * low + high
    assert (outputs["sum"] == held(config, np.where(paired, 16 * high + low, high))).all()
    assert (outputs["other"] == held(config, np.where(paired, other, low))).all()


def products(inputs):
    """Return the exact products of the codes."""
    activation, weight = (
        np.where(inputs["signed"] >> place & 1, (code ^ 128) - 128, code)
        for place, code in enumerate((inputs["activation"], inputs["weight"]))
    )
    return activation * weight


@pytest.mark.parametrize("flow", MULTIPLIED)
def test_two_nibbles_on_either_side_multiply_to_the_product_of_the_integers(flow, shown):
    inputs, outputs = shown[f"multiplied_{flow}"]
    assert (outputs["sum"] == products(inputs)).all()


@pytest.mark.parametrize("flow", MULTIPLIED)
def test_a_careless_foot_is_found(flow, shown):
    inputs, outputs = shown[f"careless_{flow}"]
    assert (outputs["sum"] != products(inputs)).any()
