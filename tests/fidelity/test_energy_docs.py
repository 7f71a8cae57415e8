import re
from dataclasses import fields
from pathlib import Path

import pytest

from tandemsim.sim.arch.dram.energy_table import DRAM_ENERGY
from tandemsim.sim.arch.energy import EnergyConfig

PAGE = (Path(__file__).parents[2] / "docs" / "energy.md").read_text(encoding="utf-8")


def constants() -> dict[str, float]:
    """The table of constants: a row names one field or several, and as many values in the same order."""
    found = {}
    for names, values in re.findall(r"^\| (`[a-z_0-9`, ]+`) \| ([^|]+) \|", PAGE, re.MULTILINE):
        numbers = re.findall(r"\d+\.\d+(?:e-\d+)?", values)
        found |= dict(zip(re.findall(r"`(\w+)`", names), map(float, numbers), strict=False))
    return found


def test_the_page_has_every_constant_with_its_value() -> None:
    energy = EnergyConfig()
    assert constants() == {item.name: getattr(energy, item.name) for item in fields(energy)}


@pytest.mark.parametrize("name", list(DRAM_ENERGY))
def test_the_page_has_every_dram_standard(name: str) -> None:
    found = DRAM_ENERGY[name]
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| {name} |"))
    read, write, activate, standby, refresh = (float(cell) for cell in row.split("|")[2:7])
    assert read == pytest.approx(found.read_pj_per_byte, abs=0.05)
    assert write == pytest.approx(found.write_pj_per_byte, abs=0.05)
    assert activate == pytest.approx(found.activate_pj, abs=0.51)
    assert standby == pytest.approx(found.background_w * 1e3, abs=0.5)
    assert refresh == pytest.approx(found.refresh_w * 1e3, abs=0.05)
