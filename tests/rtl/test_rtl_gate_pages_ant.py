"""Gate counts of ANT on the pages of docs are those of the tables in sim.arch."""

import re

import pytest

from tandemsim.rtl.synthesis.ant import costs_of_types
from tandemsim.sim.arch.ant.gates import (
    EDGES,
    GATES,
    Unit,
    array_mm2,
    edge,
    parts_nand2,
)
from tandemsim.sim.arch.ant.presets import ANT, ANT_MICRO22
from tests.rtl.test_rtl_gate_pages import page

CONFIGS = (ANT, ANT_MICRO22)
PART = page("synthesis.md").split("\n## ANT in gates\n")[1].split("\n## ")[0]
UNITS = {
    "decoder: int4 / int4 and int8": ("operand_decoder", ("int4", "nibbles")),
    "decoder: int, PoT, flint / with small floats": ("operand_decoder", ("types", "floats")),
    "decoder of PEs of 6 bits / of 8 bits": ("operand_decoder", ("int6", "int8")),
    "encoder: int4 / int4 and int8": ("code_encoder", ("int4", "nibbles")),
    "encoder: int, PoT, flint / with small floats": ("code_encoder", ("types", "floats")),
    "tap of a column: MXFP4 / NVFP4": ("tap", ("mxfp4", "nvfp4")),
}
PES = {
    "int4 alone": "int4",
    "int4 that join for int8": "nibbles",
    "class A": "class A",
    "class B": "class B",
    "int6": "int6",
    "int8": "int8",
}


def integers(text):
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", text)]


def rows():
    """Return the rows of the tables: label, and the other cells."""
    lines = [line.strip("| ").split(" | ") for line in PART.splitlines() if line.startswith("| ")]
    return {label.replace("**", ""): cells for label, *cells in lines}


@pytest.mark.parametrize("label", UNITS)
def test_the_page_has_the_counts_of_decoders_encoders_and_taps(label):
    name, arrays = UNITS[label]
    assert integers(rows()[label][0]) == [GATES[Unit(name, array)] for array in arrays]


def test_the_page_has_the_counts_of_every_pe():
    found = {}
    for label, cells in rows().items():
        shown = re.fullmatch(r"`(weight_pe|output_pe)`: ([^,]+), ([^a-z]*?)([a-z].*)?", label)
        widths = re.search(r", (?:psum of |accumulator of )?([\d/ ]+)(?: bits)?$", label)
        if shown and widths:
            for width, nand2 in zip(integers(widths[1]), integers(cells[0]), strict=True):
                found[Unit(shown[1], PES[shown[2]], width)] = nand2
    assert found == {unit: nand2 for unit, nand2 in GATES.items() if unit.width}


def test_the_page_has_the_whole_arrays():
    table = rows()
    parts = [parts_nand2(config) for config in CONFIGS]
    around = [EDGES[edge(config.array)] for config in CONFIGS]
    labels = {"PEs": "pe", "decoders": "operand_decoder", "controller": "controller"}
    labels["encoders, which the engine does not hold"] = "code_encoder"
    for label, name in labels.items():
        assert integers(" ".join(table[label])) == [round(each[name]) for each in parts]
    foot = [f"{each['foot']:,} ({own.foot:,})" for each, own in zip(parts, around, strict=True)]
    assert table["foot, of it a column"] == foot
    skew = [f"{each['skew']:,.0f} ({own.skew_bit})" for each, own in zip(parts, around, strict=True)]
    assert table["skew registers, a bit of them"] == skew
    assert table["NAND2 in all"] == [f"{sum(each.values()):,.0f}" for each in parts]
    assert table["area, mm²"] == [f"**{array_mm2(config):.2f}**" for config in CONFIGS]
    shares = [100 * each["operand_decoder"] / (sum(each.values()) - each["code_encoder"]) for each in parts]
    assert table["decoders' share of the engine, in %"] == [f"{share:.2f}" for share in shares]


def test_the_page_says_what_types_cost():
    text, costs = " ".join(PART.split()), costs_of_types(GATES)
    parts = parts_nand2(ANT)
    engine = sum(parts.values()) - parts["code_encoder"]
    decoders, encoders = (
        f"{100 * parts[f'{name}coder'] / engine:.2f} %" for name in ("operand_de", "code_en")
    )
    assert f"128 decoders are {decoders} of the gates" in text
    assert f"column is {encoders} more" in text
    over, plain = (f"{100 * share:.0f} %" for share in costs["weight_pe"].values())
    assert f"has {over} more gates than a fused 4/8-bit PE and {plain} more" in text
    as_wide = GATES[Unit("weight_pe", "class A", 20)] / GATES[Unit("weight_pe", "nibbles", 20)] - 1
    assert f"with 20 bits for both it is {100 * as_wide:.0f} % more than the fused one" in text
    over, plain = (f"{100 * share:.0f} %" for share in costs["output_pe"].values())
    assert f"Output stationary it is {over} and {plain}" in text
    taps = {"mxfp4": 64 * 2, "nvfp4": 64 * 4}
    mxfp4, nvfp4 = (
        f"{100 * count * GATES[Unit('tap', name)] / engine:.0f} %" for name, count in taps.items()
    )
    assert f"adds {mxfp4} for MXFP4 and {nvfp4} for NVFP4" in text
    assert f"product of 8 bits, have {4 * GATES[Unit('weight_pe', 'class A', 20)]:,}." in text
    assert f"its memories left out, {100 * parts['pe'] / engine:.0f} %" in text
