"""The simulators: one is always there, and leaves a waveform of each run where that is asked for."""

from pathlib import Path

import pytest

from tests.cosim import harness, simulators
from tests.cosim.configs import CONFIGS
from tests.cosim.sample import HERE
from tests.rtl.units import UNITS


def test_there_is_one():
    assert simulators.found(), simulators.NONE_FOUND


@pytest.mark.parametrize("simulator", HERE[:1])
def test_each_run_leaves_its_own_waveform_and_says_where(simulator, monkeypatch, capsys):
    monkeypatch.setenv("WAVES", "1")
    unit, config = UNITS["exp_unit"], CONFIGS["bare"]
    inputs = unit.inputs(config, 1, 20)
    for name in ("first", "second"):
        harness.run_ports(unit.circuit(config), simulator, inputs, name)
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("waveform: ")]
    paths = [Path(line.removeprefix("waveform: ")) for line in told]
    assert [path.stem for path in paths] == ["first", "second"]
    assert all(path.suffix in (".fst", ".vcd") and path.stat().st_size > 0 for path in paths)
