"""The simulators: one is always there, and leaves a waveform of each run where that is asked for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cosim import folder, harness, simulators
from tests.cosim.salo.configs import CONFIGS
from tests.cosim.sample import HERE, WHOLE
from tests.rtl.salo.units import UNITS


@pytest.mark.skipif(bool(simulators.refusal()), reason=simulators.refusal())
def test_there_is_one():
    assert simulators.found(), simulators.NONE_FOUND


@pytest.mark.parametrize(
    "part", ["with space", "tab\there", "line\nbreak", "a#b", "c:d", 'e"f', "g;h", "x" * 400 + " y"]
)
def test_a_folder_that_make_takes_apart_is_refused_in_one_line(part):
    said = folder.refusal(Path("/plain"), Path("/some") / part)
    assert said.startswith("co-simulation needs a path without spaces")
    assert len(said) < 300 and said.isprintable()


def test_a_plain_folder_is_not_refused():
    assert not folder.refusal(Path("/some/tandem-sim_1.0+x"), Path("/usr"))


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
@pytest.mark.parametrize("target", ["cosim", "mutants", "proofs"])
def test_make_refuses_such_a_folder_before_it_installs_anything(target, tmp_path):
    tree = tmp_path / "with space"
    (tree / "tests" / "cosim").mkdir(parents=True)
    for name in ("Makefile", "tests/cosim/folder.py"):
        shutil.copy(folder.ROOT / name, tree / name)
    command = ["make", "--no-print-directory", target, f"PYTHON={sys.executable}"]
    own = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # no make's make
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False, env=own)
    assert done.returncode == 2 and not done.stdout
    said, of_make = done.stderr.splitlines()
    assert said.startswith("tandemsim: co-simulation needs a path without spaces") and len(said) < 300
    assert of_make.startswith("make: ***")


@pytest.mark.skipif(not WHOLE, reason="make cosim runs it")
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
