"""The units at the array's edges, for every code: operands, nibbles that make up integers, nearest codes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tandemsim.sim.ant.decoder import OperandDecoder, OperandDecoderInputs
from tandemsim.sim.ant.encoder import CodeEncoder, CodeEncoderInputs
from tandemsim.sim.arch.ant.config import Dataflow
from tandemsim.sim.arch.ant.operands import format_number, split
from tandemsim.sim.arch.ant.widths import fits_base, pe_class
from tandemsim.sim.arch.ant.wires import wires
from tandemsim.sim.arch.checks import ConfigError
from tandemsim.sim.arch.codes import FORMATS, CodeFormat, Kind
from tests.ant import draws


def runs(*forms: CodeFormat) -> bool:
    """Return whether some PE multiplies these formats."""
    try:
        pe_class(forms)
    except ConfigError:
        return False
    return True


SINGLE = [form for form in FORMATS.values() if fits_base(form) and runs(form, FORMATS["int4"])]
ALONE = [form for form in SINGLE if runs(form)]  # with weights of the same format, too
PAIRED = [form for form in FORMATS.values() if form.kind is Kind.INT and not fits_base(form)]


@pytest.mark.parametrize("form", SINGLE, ids=lambda form: form.name)
@pytest.mark.parametrize("upper", [True, False])
def test_a_code_is_decoded_to_its_value_in_every_row(form: CodeFormat, upper: bool) -> None:
    decoder = OperandDecoder(draws.config(rows=4, cols=4, formats=("int4", form.name)))
    for code in range(1 << form.bits):
        base, shift = decoder(OperandDecoderInputs(code, 1, True, upper, True))
        assert (base << shift == form.value[code]) or not form.finite[code]
        assert decoder(OperandDecoderInputs(code, 1, False, upper, True)) == (0, 0)


@pytest.mark.parametrize("form", PAIRED, ids=lambda form: form.name)
@pytest.mark.parametrize("in_place", [True, False])
def test_two_nibbles_make_up_the_value(form: CodeFormat, in_place: bool) -> None:
    config = draws.config(rows=4, cols=4, formats=("int4", form.name))
    decoder = OperandDecoder(config)
    for code in range(1 << form.bits):
        nibbles = split(config.array, form, np.array([code]))[0].tolist()
        parts = []
        for place, nibble in enumerate(nibbles):
            base, shift = decoder(OperandDecoderInputs(nibble, 1, True, place == 0, in_place))
            parts.append(base << shift)
        assert parts[0] * (1 if in_place else 16) + parts[1] == form.value[code]


@pytest.mark.parametrize("form", [*SINGLE, *PAIRED], ids=lambda form: form.name)
def test_every_value_is_encoded_to_its_code(form: CodeFormat) -> None:
    encoder = CodeEncoder(draws.config(rows=4, cols=4, formats=(form.name, "int4")))
    for code in np.flatnonzero(form.finite).tolist():
        found = encoder(CodeEncoderInputs(int(2 * form.value[code]), False, 0)).code
        assert form.value[found] == form.value[code]
        assert found == code or form.value[code] == 0  # of the two zeros the one without a sign


@pytest.mark.parametrize("form", [*SINGLE, *PAIRED], ids=lambda form: form.name)
def test_twice_a_number_and_whether_it_was_rounded_are_enough_to_encode(form: CodeFormat) -> None:
    """The nearest code, by the tie rule of the format: of every eighth, and outside."""
    encoder = CodeEncoder(draws.config(rows=4, cols=4, formats=(form.name, "int4")))
    low, high = float(form.grid[0]), float(form.grid[-1])
    numbers = np.arange(low - 2, min(high + 2, low + 600), 0.125)
    near = np.concatenate([(form.grid[:-1] + form.grid[1:]) / 2 + each for each in (-0.125, 0, 0.125)])
    for number in [*numbers.tolist(), *near.tolist(), high + 3]:
        twice = math.floor(2 * number)
        found = encoder(CodeEncoderInputs(twice, twice != 2 * number, 0)).code
        distances = np.abs(form.grid - number)
        nearest = form.grid[distances == distances.min()]
        if len(nearest) == 1:
            assert form.value[found] == nearest[0]
        elif form.ties.value == "up":
            assert form.value[found] == nearest.max()
        else:
            assert found % 2 == 0 and form.value[found] in nearest


def test_wires_hold_every_operand_and_are_no_wider() -> None:
    for form in [*ALONE, *PAIRED]:
        for flow in (Dataflow.WEIGHT_STATIONARY, Dataflow.OUTPUT_STATIONARY):
            config = draws.config(rows=4, cols=4, formats=(form.name,), dataflow=flow)
            decoder, wire = OperandDecoder(config), wires(config)
            seen = [
                decoder(OperandDecoderInputs(code, 0, True, upper, config.array.stationary))
                for code in range(1 << wire.code.width)
                for upper in (True, False)
            ]
            bases, shifts = {base for base, _ in seen}, {shift for _, shift in seen}
            half = 1 << (wire.base.width - 1)
            assert -half <= min(bases) and max(bases) < half
            assert min(bases) < -half // 2 or max(bases) >= half // 2
            assert max(shifts) < 1 << wire.shift.width
            assert wire.shift.width == 1 or max(shifts) >= 1 << (wire.shift.width - 1)
            assert wire.base.width <= 5 and wire.shift.width <= pe_class((form,)).shift_bits
            doubles = [2 * int(form.grid[0]), 2 * int(form.grid[-1])]
            assert -(1 << (wire.twice.width - 1)) <= doubles[0] and doubles[1] < 1 << (wire.twice.width - 1)


def test_a_format_has_the_number_of_its_place() -> None:
    array = draws.config(formats=("int4", "flint4", "int8")).array
    assert [format_number(array, name) for name in array.formats] == [0, 1, 2]
    with pytest.raises(ConfigError, match="unknown format of the array 'flint5'; did you mean 'flint4'"):
        format_number(array, "flint5")
