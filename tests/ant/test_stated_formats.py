"""What a trace states of its tensors' formats: one meaning, in cycles, bytes and values, or a refusal."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tandemsim.sim.ant.values.tensors import Tensors
from tandemsim.sim.arch.ant.config import AntArray
from tandemsim.sim.arch.ant.presets import ANT
from tandemsim.sim.arch.blocks import BLOCK_FORMATS
from tandemsim.sim.arch.checks import ConfigError, UserError
from tandemsim.sim.arch.codes import FORMATS
from tandemsim.sim.machines.ant.bits import widths
from tandemsim.sim.run import Request, simulate
from tandemsim.traces.schema import Quant, Trace
from tandemsim.traces.validate import seal
from tests.ant.one_op import op_trace

SIZE = 64
PRODUCT = op_trace(
    "gemm",
    {"m": SIZE, "n": SIZE, "k": SIZE},
    [((SIZE, SIZE), "input"), ((SIZE, SIZE), "weight")],
    (SIZE, SIZE),
)
ARRAY = replace(ANT.array, formats=(*ANT.array.formats, "e2m1", "e2m3", "flint5u"), accumulator_width=24)


def stated(activation: Quant | None = None, weight: Quant | None = None) -> Trace:
    """Return a product whose operands state their formats."""
    tensors = [
        msgspec.structs.replace(tensor, quant={0: activation, 1: weight}.get(tensor.id))
        for tensor in PRODUCT.tensors
    ]
    return seal(source=PRODUCT.source, tensors=tensors, ops=list(PRODUCT.ops))


def meant(quant: Quant) -> str | None:
    """Return the format that a type, bits and a sign mean; None where they disagree or there is none."""
    if quant.type in BLOCK_FORMATS:
        fits = quant.signed and quant.bits == BLOCK_FORMATS[quant.type].element.bits
        return quant.type if fits else None
    plain = re.fullmatch(r"(?:int|pot|flint)", quant.type) is not None
    names = [f"{quant.type}{quant.bits}{'' if quant.signed else 'u'}"] if plain else [quant.type]
    names += [] if plain or quant.signed else [f"{quant.type}u"]
    for name in names:
        form = FORMATS.get(name)
        if form is not None and (form.bits, form.signed) == (quant.bits, quant.signed):
            return name
    return None


TYPES = ("int", "pot", "flint", "float", *FORMATS, *BLOCK_FORMATS)
WRONG = r"quant\.(bits|signed) must be|must have 3 to 8 bits, not|unknown number format"


def test_a_type_bits_and_a_sign_have_one_meaning_or_are_refused() -> None:
    """Every type with all bits and signs, on either side: 2,000 statements."""
    taken = 0
    for type_ in TYPES:
        for bits in range(3, 10):
            for signed in (True, False):
                quant = Quant(bits=bits, type=type_, signed=signed)
                name = meant(quant)
                trace = stated(quant, quant) if type_ in BLOCK_FORMATS else stated(weight=quant)
                try:
                    found = widths(trace, trace.ops, ARRAY, "trace")[0]
                except ConfigError as error:
                    said = str(error)
                    assert (re.search(WRONG, said) is not None) == (name is None), (quant, said)
                    assert name is not None or re.match(r"^op '.*': tensor [01] \('[ab]'\): ", said), said
                    continue
                assert name is not None, quant
                assert found.weight == bits
                assert name in BLOCK_FORMATS or found.stated == ("", name)
                taken += 1
    assert taken > 12


@pytest.mark.parametrize("name", ["4", "8", "mxfp4", "trace"])
@pytest.mark.parametrize("quant", [Quant(bits=8, type="int4"), Quant(bits=7, type="mxfp4")])
def test_a_statement_that_contradicts_itself_is_refused_whatever_the_run_takes(
    name: str, quant: Quant
) -> None:
    trace = stated(weight=quant)
    said = (
        rf"^op '.*': tensor 1 \('b'\): quant.bits must be 4, as quant.type is {quant.type}, not {quant.bits}$"
    )
    with pytest.raises(ConfigError, match=said):
        widths(trace, trace.ops, ARRAY, name)


def test_formats_of_other_machines_matter_to_nobody_who_does_not_ask() -> None:
    for quant in (Quant(bits=16, type="int"), Quant(bits=8, type="posit8")):
        trace = stated(weight=quant)
        assert widths(trace, trace.ops, ANT.array, "4")[0].stated == ("", "")
        with pytest.raises(ConfigError, match=r"^op '.*': tensor 1 \('b'\): "):
            widths(trace, trace.ops, ANT.array, "trace")


def run(trace: Trace) -> tuple[int, int, dict[str, str]]:
    """Return cycles, bytes that are read from DRAM, and the formats of the values."""
    report = simulate(Request(workload="x", trace=trace, machine="ant", functional=True)).report
    (op,) = report.ops
    return report.cycles, report.dram.read_bytes, op.extra["values"]["formats"]


def test_what_one_operand_states_is_taken_and_the_other_has_the_presets_width() -> None:
    plain, both, half = Quant(bits=4, type="int"), Quant(bits=8, type="int"), SIZE * SIZE // 2
    cycles, read, formats = run(stated(both, both))
    assert formats == {"activation": "int8", "weight": "int8"} and read == 4 * half
    for sides, wanted, size in (
        ((None, both), {"weight": "int8"}, 3 * half),
        ((both, None), {"activation": "int8"}, 3 * half),
        ((None, plain), {"weight": "int4"}, 2 * half),
    ):
        alone, beside, found = run(stated(*sides))
        assert found.items() >= wanted.items()
        assert {FORMATS[each].bits for each in set(found.values()) - set(wanted.values())} <= {4}
        assert beside == size and alone < cycles
        named = [each or Quant(bits=4, type="int") for each in sides]
        assert (alone, beside) == run(stated(*named))[:2]  # the format changes neither


def test_the_other_operand_has_the_width_of_a_run_without_a_statement() -> None:
    trace = stated(weight=Quant(bits=4, type="int"))
    given = widths(trace, trace.ops, ANT.array, "trace", rest=8)[0]
    assert (given.activation, given.weight, given.operands) == (8, 4, (2, 1))
    said = "where one is, not 4 bits and mxfp4; --bits 4 runs it without$"
    trace = stated(weight=Quant(bits=4, type="mxfp4"))
    with pytest.raises(ConfigError, match=said):
        widths(trace, trace.ops, ARRAY, "trace")


def test_no_sign_is_no_sign_in_values_and_formats(tmp_path: Path) -> None:
    quant = Quant(bits=8, type="int", signed=False)
    _, _, formats = run(stated(quant, quant))
    assert formats == {"activation": "int8u", "weight": "int8u"}
    signed = msgspec.structs.replace(quant, signed=True)
    assert run(stated(signed, signed))[2] == {"activation": "int8", "weight": "int8"}
    tensors = Tensors(stated(quant, quant), None, 0)
    assert min(tensors.values(0).min(), tensors.values(1).min(), tensors.noise(0).min()) >= 0
    assert Tensors(stated(quant), None, 0).values(1).min() < 0
    path = tmp_path / "values.npz"
    np.savez(path, a=np.full((SIZE, SIZE), -0.5))
    request = Request(workload="x", trace=stated(quant), machine="ant", functional=True, tensors=path)
    with pytest.raises(UserError, match="tensor 'a' must hold nothing below 0, as its quant.signed is false"):
        simulate(request)


def test_weights_without_a_sign_need_what_they_need_of_the_pes() -> None:
    """64 products of 8-bit PEs: 65,025 each instead of 32,640."""
    array = AntArray(rows=64, pe_bits=8, formats=("int8", "int8u"), accumulator_width=22)
    quant = Quant(bits=8, type="int", signed=False)
    trace = stated(weight=msgspec.structs.replace(quant, signed=True))
    widths(trace, trace.ops, array, "trace", rest=8)
    trace = stated(weight=quant)
    said = "accumulator_width must be at least 23 for 64 products of int8u and int8u in a column, not 22$"
    with pytest.raises(ConfigError, match=said):
        widths(trace, trace.ops, array, "trace", rest=8)
