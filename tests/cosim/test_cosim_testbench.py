"""The testbenches of `rtl.build --testbench`: PASS for the circuit as it is, FAIL for each kind of fault."""

import re
import subprocess

import pytest

from tandemsim.rtl.ant.gemm import AntGemm
from tandemsim.rtl.lib.emit import verilog
from tandemsim.rtl.lib.names import module_of
from tandemsim.rtl.salo.tile_engine import TileEngine
from tandemsim.rtl.testbench.files import files
from tests.cosim import simulators
from tests.cosim.ant.configs import CONFIGS as ANT
from tests.cosim.salo.configs import CONFIGS as SALO
from tests.cosim.sample import HERE, WHOLE

KINDS = {"ant/gemm": (AntGemm, ANT), "salo/tile_engine": (TileEngine, SALO)}
# A Verilator build takes most of half a minute: in `make test` it is one of them, of the smallest array.
CASES = [("ant/gemm", "one", HERE[0])] if HERE else []
if WHOLE:
    ARRAYS = {"ant/gemm": ("one", "sums", "weights_drain"), "salo/tile_engine": ("bare", "sinks")}
    CASES = [(unit, name, simulator) for unit in ARRAYS for name in ARRAYS[unit] for simulator in HERE]
TILES = 30
CALM = 30  # fewer than the quiet cycles at the end, more than any pause
# Faults in the top module, each behind a number that the command line gives: one build for all of them.
PLANTED = """
  reg [31:0] fault;
  initial if (!$value$plusargs("FAULT=%d", fault)) fault = 0;
  wire honest_ready, honest_valid;
  wire [WIDTH-1:0] honest_payload;
  reg late_ready = 0;
  reg [31:0] taken = 0;  // outputs
  reg [7:0] calm = 0;  // cycles without a command and an output
  always @(posedge clk) begin
    late_ready <= honest_ready;
    taken <= rst ? 0 : taken + (output__valid && output__ready);
    calm <= rst || command__valid || honest_valid ? 0 : calm + 1;
  end
  assign command__ready = fault == 2 ? late_ready : honest_ready;
  assign output__payload = honest_payload ^ (fault == 1);
  assign output__valid = honest_valid && !(fault == 3 && taken == LAST) || fault == 4 && calm > CALM;
"""
SAID = {
    1: r"FAIL output 0: the circuit moved \w+ in cycle (\d+), the model \w+ in cycle \1",
    2: r"FAIL \w+ \d+: the circuit moved (\w+) in cycle \d+, the model \1 in cycle \d+",
    3: r"FAIL output \d+: the circuit moved nothing by cycle \d+, the model \w+ in cycle \d+",
    4: r"FAIL output (\d+): the circuit moved \w+ in cycle \d+, the model only \1 words",
}


def planted(text, top, outputs):
    """Return the Verilog of an engine with faults in its top module; of so many outputs the last hangs."""
    before, start, rest = text.partition(f"module {top}(")
    module, end, after = rest.partition("\nendmodule")
    width = int(re.search(r"^  output \[(\d+):0\] output__payload;", module, re.MULTILINE)[1]) + 1
    for port in ("command__ready", "output__payload", "output__valid"):
        wire = port.rpartition("_")[2]
        module, count = re.subn(rf"(\.\w+)\({port}\)", rf"\1(honest_{wire})", module)
        assert count, port
    faults = PLANTED
    for word, value in {"WIDTH": width, "CALM": CALM, "LAST": outputs - 1}.items():
        faults = faults.replace(word, str(value))
    return before + start + module + faults + end + after


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(case).replace("/", "."))
def bench(request, tmp_path_factory):
    """A folder with a testbench, its circuit with faults, and the command that runs it."""
    unit, name, simulator = request.param
    kind, configs = KINDS[unit]
    circuit = kind(configs[name])
    folder, top = tmp_path_factory.mktemp("bench"), module_of(circuit)
    for file, text in files(unit, kind, configs[name], TILES, seed=1).items():
        (folder / file).write_text(text)
    short = unit.partition("/")[2]
    outputs = len((folder / f"{short}_output.hex").read_text().splitlines()) - 1
    (folder / f"{short}.v").write_text(planted(verilog(circuit), top, outputs))
    sources = [f"{short}.v", f"{short}_tb.v"]
    if simulator == "icarus":
        compiled, run = ["iverilog", "-g2012", "-o", "tb", *sources], ["vvp", "-n", str(folder / "tb")]
    else:
        options = ["--binary", "--timing", "-Wno-lint", "-CFLAGS", "-fcoroutines", "--prefix", "tb"]
        compiled, run = ["verilator", *options, *sources], [str(folder / "obj_dir" / "tb")]
    with simulators.environment(simulator):
        done = subprocess.run(compiled, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder, top, run


def result(run, folder, *options):
    """Return the exit status, and the lines that say PASS or FAIL."""
    done = subprocess.run([*run, *options], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, [line for line in done.stdout.splitlines() if line.startswith(("PASS", "FAIL"))]


def test_the_circuit_as_it_is_passes_and_says_how_much_was_compared(bench):
    folder, top, run = bench
    status, (said,) = result(run, folder)
    pattern = rf"PASS {top}: (\d+) words on 4 streams in \d+ cycles, {TILES} random tiles of seed 1"
    words = int(re.fullmatch(pattern, said)[1])
    lines = [len(path.read_text().splitlines()) - 1 for path in folder.glob("*.hex")]
    assert status == 0 and len(lines) == 4 and words == sum(lines) > 2 * TILES


@pytest.mark.parametrize("fault", SAID)
def test_a_fault_is_one_line_with_the_first_difference_and_another_exit_status(bench, fault):
    folder, _, run = bench
    status, (said,) = result(run, folder, f"+FAULT={fault}")
    assert status != 0 and re.fullmatch(SAID[fault], said), said


def test_the_files_of_words_are_found_from_any_folder(bench, tmp_path):
    folder, _, run = bench
    assert result(run, tmp_path, f"+DIR={folder}")[0] == 0
    status, said = result(run, tmp_path)
    assert status != 0 and said[0].endswith("is not in the folder .; +DIR=... says where it is")
