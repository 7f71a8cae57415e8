"""The Verilog is clean under Verilator's -Wall, but for the kinds waived by name in rtl/data/waivers.vlt."""

import re
import subprocess
from pathlib import Path

import pytest

from tandemsim import rtl
from tandemsim.rtl.ant.units import TAPPED
from tandemsim.rtl.ant.units import UNITS as ANT
from tandemsim.rtl.lib.emit import verilog
from tandemsim.rtl.lib.names import module_of
from tandemsim.rtl.salo.units import UNITS as SALO
from tests.cosim import simulators
from tests.cosim.ant.configs import CONFIGS as ANT_CONFIGS
from tests.cosim.salo.configs import CONFIGS
from tests.cosim.sample import WHOLE
from tests.rtl.salo import extremes

CIRCUITS = SALO.by_name
WAIVERS = Path(rtl.__file__).parent / "data" / "waivers.vlt"
pytestmark = pytest.mark.skipif("verilator" not in simulators.found(), reason=simulators.NONE_FOUND)


def lint(circuit, folder):
    return lint_text(verilog(circuit), module_of(circuit), folder)


def lint_text(text, top, folder):
    source = folder / f"{top}.v"
    source.write_text(text)
    with simulators.environment("verilator"):
        command = ["verilator", "--lint-only", "-Wall", "--top-module", top, WAIVERS, source]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("config", ["wide", "bare", "sinks"] if not WHOLE else CONFIGS)
def test_the_whole_engine_is_clean(config, tmp_path):
    assert lint(CIRCUITS["tile_engine"](CONFIGS[config]), tmp_path) == (0, "")


@pytest.mark.parametrize("seed", range(40 if WHOLE else 6))
def test_an_engine_of_any_small_configuration_is_clean(seed, tmp_path):
    assert lint(CIRCUITS["tile_engine"](extremes.config(seed)), tmp_path) == (0, "")


@pytest.mark.parametrize("unit", CIRCUITS)
def test_each_unit_is_clean_by_itself(unit, tmp_path):
    assert lint(CIRCUITS[unit](CONFIGS["wide_per_pass"]), tmp_path) == (0, "")


@pytest.mark.parametrize(
    "salo, ant", [("weighted_sum", "foot"), *([("tile_engine", "gemm")] if WHOLE else [])]
)
def test_two_configurations_of_two_families_stand_in_one_design(salo, ant, tmp_path):
    circuits = [CIRCUITS[salo](CONFIGS[name]) for name in ("bare", "sinks")]
    circuits += [ANT.by_name[ant](ANT_CONFIGS[name]) for name in ("bytes", "sums")]
    text = "\n".join(map(verilog, circuits))
    instances = "\n".join(f"  {module_of(each)} number_{i} ();" for i, each in enumerate(circuits))
    unconnected = "/* verilator lint_off PINMISSING */\n/* verilator lint_off UNDRIVEN */"
    both = f"{text}\n{unconnected}\nmodule both ();\n{instances}\nendmodule\n"
    assert lint_text(both, "both", tmp_path) == (0, "")


def test_one_module_twice_in_a_design_is_seen(tmp_path):
    circuit = CIRCUITS["exp_unit"](CONFIGS["bare"])
    status, said = lint_text(verilog(circuit) * 2, module_of(circuit), tmp_path)
    assert status == 1 and "MODDUP" in said


@pytest.mark.parametrize("config", ["sums", "weights_drain"] if not WHOLE else ANT_CONFIGS)
def test_the_matrix_engine_is_clean(config, tmp_path):
    assert lint(ANT.by_name["gemm"](ANT_CONFIGS[config]), tmp_path) == (0, "")


@pytest.mark.parametrize("unit", ANT.by_name)
def test_each_unit_of_ant_is_clean_by_itself(unit, tmp_path):
    config = ANT_CONFIGS["nvfp4" if unit in TAPPED else "bytes_sums"]
    assert lint(ANT.by_name[unit](config), tmp_path) == (0, "")


def test_what_is_not_waived_is_seen(tmp_path):
    circuit = CIRCUITS["exp_unit"](CONFIGS["deferred"])
    text = verilog(circuit)
    broken, count = re.subn(r"  assign exponent = .*;\n", "", text)
    assert count == 1
    status, said = lint_text(broken, module_of(circuit), tmp_path)
    assert status == 1
    assert "UNDRIVEN" in said
