"""Gate counts on the pages of docs are those of the table in sim.arch."""

import re
from pathlib import Path

import pytest

from tandemsim.sim.arch.cells import MULTIPLIER_8B_NAND2
from tandemsim.sim.arch.salo.energy import PUBLISHED_AREA_MM2
from tandemsim.sim.arch.salo.gates import GATES, array_mm2, array_nand2, skew_bits
from tandemsim.sim.arch.salo.numerics import NUMERICS, Normalisation
from tests.rtl.counted import COUNTED, gates_of

COLUMNS = list(COUNTED.values())


def page(name):
    return (Path(__file__).parents[2] / "docs" / name).read_text(encoding="utf-8")


def test_the_page_of_energies_has_the_reference():
    said = f"one of the {MULTIPLIER_8B_NAND2} of an 8-bit multiplier"
    assert said in " ".join(page("energy.md").split())


def numbers(label):
    """Return the numbers of the row of the page that begins with `label`, one for each configuration."""
    (line,) = [line for line in page("synthesis.md").splitlines() if line.startswith(f"| {label} |")]
    return [float(cell.strip(" *%").replace(",", "")) for cell in line.split("|")[-len(COLUMNS) - 1 : -1]]


@pytest.mark.parametrize("field", GATES[Normalisation.DEFERRED, "wide"]._fields)
def test_the_page_has_the_counts_of_the_table(field):
    labels = {
        "merge_bit": "a bit of a merge buffer, as flip-flops",
        "skew_bit": "a bit of the skew registers",
    }
    found = numbers(labels.get(field, f"`{field}`"))
    assert found == [getattr(gates_of(config), field) for config in COLUMNS]


def test_the_page_of_the_machine_has_the_same_figures():
    lines = page("salo.md").splitlines()
    rows = {line.split(" | ")[0].strip("| *"): line for line in lines if line.startswith("| ")}
    configs = [config for config in COLUMNS if config.numerics is NUMERICS["published"]]
    figures = {
        "exponential unit, inside a PE": [gates_of(config).exp_unit for config in configs],
        "PE": [gates_of(config).pe for config in configs],
        "reciprocal unit": [gates_of(config).reciprocal_unit for config in configs],
        "weighted-sum unit of a row": [gates_of(config).weighted_sum for config in configs],
        "array": [round(array_nand2(config.array, config.numerics)) for config in configs],
    }
    for label, wanted in figures.items():
        assert [cell.strip() for cell in rows[label].split("|")[2:4]] == [f"{count:,}" for count in wanted]
    mm2 = [f"{array_mm2(config.array, config.numerics):.2f}" for config in configs]
    assert re.findall(r"\*\*([\d.]+)\*\*", rows["array, mm²"]) == [*mm2, f"{PUBLISHED_AREA_MM2}"]


def test_the_page_has_the_whole_arrays():
    arrays = [(config.array, config.numerics) for config in COLUMNS]
    assert numbers("skew registers, bits") == [skew_bits(*array) for array in arrays]
    in_all = [array_nand2(*array) for array in arrays]
    assert numbers("NAND2 in all, merge buffers as flip-flops") == [round(nand2) for nand2 in in_all]
    assert numbers("**mm²**") == [round(array_mm2(*array), 2) for array in arrays]
    pes = [config.array.pes * gates_of(config).pe for config in COLUMNS]
    assert numbers("of it PEs") == [
        round(100 * part / whole) for part, whole in zip(pes, in_all, strict=True)
    ]
