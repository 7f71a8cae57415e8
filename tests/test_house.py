"""The import table (tools/house.py): this tree keeps to it, and every rule of it can fail."""

import subprocess
import sys
from pathlib import Path

import house
import pytest


@pytest.fixture(scope="module")
def tree() -> house.Tree:
    return house.read_tree(house.ROOT)


def made_up(root: Path, files: dict[str, str]) -> house.Tree:
    for name, source in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return house.read_tree(root)


def test_every_module_keeps_to_the_import_table(tree: house.Tree) -> None:
    assert house.broken_rules(tree) == []


def test_every_module_that_is_imported_exists(tree: house.Tree) -> None:
    assert house.missing_modules(tree) == []


def test_no_module_is_in_a_cycle(tree: house.Tree) -> None:
    assert house.cycles(tree) == []


def test_the_page_has_the_table() -> None:
    assert house.table() in (house.ROOT / "docs" / "design.md").read_text()


def test_light_entries_load_no_slow_library(tree: house.Tree) -> None:
    assert house.slow_starts(tree) == []


def test_the_checker_has_read_the_tree(tree: house.Tree) -> None:
    numba = [module for module, found in tree.items() if any(i.target == "numba" for i in found)]
    assert numba == ["sim.engine.jit"]
    assert "sim.arch.checks" in {found.target for found in tree["sim.arch.salo.config"]}


@pytest.mark.parametrize(
    "file, source, target",
    [
        ("sim/__init__.py", "import numpy", "numpy"),
        ("sim/arch/salo/config.py", "import rich", "rich"),
        ("sim/arch/salo/config.py", "from tandemsim.sim.engine import jit", "sim.engine"),
        ("sim/arch/salo/config.py", "import tandemsim.traces", "traces"),
        ("traces/schema.py", "from tandemsim.sim.arch import checks", "sim.arch"),
        ("sim/run.py", "import sim.machines", "bare sim.machines"),
        ("sim/run.py", "from traces import codec", "bare traces"),
        ("tandemsim/__init__.py", "import tandemsim.rtl", "rtl"),
        ("sim/run.py", "import tandemsim", "tandemsim"),
        ("rtl/build.py", "from tandemsim.running import run", "tandemsim.running"),
        ("sim/engine/queue.py", "import numba", "numba"),
        ("sim/engine/queue.py", "import tandemsim.traces.codec", "traces.codec"),
        (
            "sim/engine/queue.py",
            "from tandemsim.sim.memory.dram.channel import Dram",
            "sim.memory.dram.channel",
        ),
        ("sim/memory/dram/channel.py", "import tandemsim.traces", "traces"),
        ("sim/memory/dram/channel.py", "import tandemsim.sim.salo.machine", "sim.salo.machine"),
        ("sim/ant/machine.py", "import tandemsim.sim.salo", "sim.salo"),
        ("sim/salo/machine.py", "import torch", "torch"),
        ("sim/salo/machine.py", "from tandemsim.sim.run import simulate", "sim.run"),
        ("sim/salo/machine.py", "from tandemsim.sim.report.contract import Report", "sim.report.contract"),
        ("sim/cpu/cache.py", "import tandemsim.sim.ant.pe", "sim.ant.pe"),
        ("sim/fused/machine.py", "import tandemsim.sim.cpu.cache", "sim.cpu.cache"),
        ("sim/serving/queries.py", "import tandemsim.sim.salo.machine", "sim.salo.machine"),
        (
            "sim/papers/salo/cost_model.py",
            "import tandemsim.sim.salo.scheduling.schedule",
            "sim.salo.scheduling.schedule",
        ),
        ("sim/papers/salo/cost_model.py", "from tandemsim.sim.engine.queue import push", "sim.engine.queue"),
        ("sim/papers/salo/cost_model.py", "import tandemsim.traces", "traces"),
        ("sim/papers/ant/chart.py", "import tandemsim.sim.report.contract", "sim.report.contract"),
        ("sim/report/text.py", "import tandemsim.sim.salo.machine", "sim.salo.machine"),
        ("sim/report/plots.py", "import tandemsim.sim.run", "sim.run"),
        ("sim/run.py", "import tandemsim.rtl.build", "rtl.build"),
        ("sim/__main__.py", "import tandemsim.workloads", "workloads"),
        ("rtl/build.py", "import tandemsim.sim.engine.jit", "sim.engine.jit"),
        ("rtl/build.py", "import numba", "numba"),
        ("rtl/lib/rom.py", "import tandemsim.sim.arch.salo.wires", "sim.arch.salo.wires"),
        ("rtl/lib/rom.py", "import tandemsim.rtl.salo.pe", "rtl.salo.pe"),
        ("rtl/ant/pe.py", "import tandemsim.rtl.salo.pe", "rtl.salo.pe"),
        ("rtl/ant/pe.py", "import tandemsim.sim.shell.files", "sim.shell.files"),
        ("rtl/ant/pe.py", "import tandemsim.rtl.synthesis.yosys", "rtl.synthesis.yosys"),
        ("rtl/build.py", "import tandemsim.traces", "traces"),
        ("workloads/export.py", "import tandemsim.sim.run", "sim.run"),
        ("workloads/export.py", "import tandemsim.rtl", "rtl"),
        ("workloads/export.py", "import amaranth.hdl", "amaranth.hdl"),
        ("traces/codec.py", "import onnx", "onnx"),
        ("sim/machines/table.py", "import tandemsim.sim.run", "sim.run"),
        ("sim/shell/files.py", "import rich", "rich"),
        ("sim/a_new_machine/machine.py", "import tandemsim.sim.salo.machine", "sim.salo.machine"),
        ("sim/a_new_machine/machine.py", "import tandemsim.sim.report.contract", "sim.report.contract"),
    ],
)
def test_an_import_against_the_table_is_reported(tmp_path: Path, file: str, source: str, target: str) -> None:
    module = house.module_name(Path(file))
    tree = made_up(tmp_path, {file: source})
    assert house.broken_rules(tree) == [f"{module}, line 1: may not import {target}"]


@pytest.mark.parametrize(
    "source",
    [
        "def later():\n    import torch",
        "try:\n    import torch\nexcept ImportError:\n    torch = None",
        "if TYPE_CHECKING:\n    import torch",
        "import importlib\nimportlib.import_module('torch')",
        "__import__('torch')",
        "from torch.nn import functional",
    ],
)
def test_no_way_of_importing_hides_from_the_checker(tmp_path: Path, source: str) -> None:
    tree = made_up(tmp_path, {"sim/salo/pe.py": source})
    assert len(house.broken_rules(tree)) == 1


@pytest.mark.parametrize("source", ["from ..ant import pe", "from ..ant.pe import PE", "from .. import ant"])
def test_relative_imports_are_resolved(tmp_path: Path, source: str) -> None:
    files = {"sim/__init__.py": "", "sim/ant/__init__.py": "", "sim/ant/pe.py": "", "sim/salo/pe.py": source}
    (fault,) = house.broken_rules(made_up(tmp_path, files))
    assert fault.startswith("sim.salo.pe, line 1: may not import sim.ant")


@pytest.mark.parametrize(
    "file, source",
    [
        (
            "sim/arch/ant.py",
            "import numpy.typing\nimport enum\nfrom tandemsim.sim.arch import checks\nfrom . import salo",
        ),
        ("sim/engine/jit.py", "import numba\nfrom tandemsim.sim.arch import checks"),
        (
            "sim/salo/machine.py",
            "import tandemsim.traces.schema\nfrom tandemsim.sim.memory import dma"
            "\nfrom tandemsim.sim.engine.jit import jit",
        ),
        ("sim/fused/machine.py", "import tandemsim.sim.ant.machine\nimport tandemsim.sim.salo.machine"),
        (
            "sim/report/html.py",
            "import matplotlib\nfrom tandemsim.sim.report.plots import roofline"
            "\nfrom tandemsim.sim.shell.version import __version__",
        ),
        ("sim/papers/salo/cost_model.py", "from tandemsim.sim.engine.jit import jit"),
        ("sim/run.py", "import tandemsim.sim.machines.table\nimport tandemsim.traces"),
        (
            "rtl/fused/array.py",
            "import tandemsim.rtl.ant.array, tandemsim.rtl.salo.array",
        ),
        ("rtl/lib/rom.py", "import tandemsim.sim.arch.wires, tandemsim.sim.shell.files"),
        (
            "rtl/salo/pe.py",
            "import amaranth\nfrom tandemsim.sim.arch.salo.config import SaloArray"
            "\nfrom tandemsim.rtl.lib import rom",
        ),
        (
            "workloads/export.py",
            "import torch, onnx\nimport tandemsim.traces\nfrom tandemsim.sim.arch import checks",
        ),
    ],
)
def test_what_the_table_allows_is_not_reported(tmp_path: Path, file: str, source: str) -> None:
    assert house.broken_rules(made_up(tmp_path, {file: source})) == []


@pytest.mark.parametrize(
    "back",
    [
        "from tandemsim.sim.salo import pe",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tandemsim.sim.salo.pe import PE",
        "def later():\n    import tandemsim.sim.salo.pe",
        "LOADED_LATER = 'tandemsim.sim.salo.pe'",
    ],
)
def test_a_cycle_of_modules_is_found_however_it_is_closed(tmp_path: Path, back: str) -> None:
    files = {"sim/salo/__init__.py": "", "sim/salo/row.py": back}
    tree = made_up(tmp_path, {"sim/salo/pe.py": "from tandemsim.sim.salo import row", **files})
    (fault,) = house.cycles(tree)
    assert "sim.salo.pe" in fault and "sim.salo.row" in fault


def test_a_module_that_a_string_names_is_an_import(tmp_path: Path) -> None:
    files = {"sim/run.py": "", "sim/salo/pe.py": "RUNNER = 'tandemsim.sim.run'"}
    assert house.broken_rules(made_up(tmp_path, files)) == ["sim.salo.pe, line 1: may not import sim.run"]


@pytest.mark.parametrize("runner, faults", [("cpu_baseline", 0), ("comparison", 1)])
def test_only_a_module_with_a_row_may_run_another_as_a_process(
    tmp_path: Path, runner: str, faults: int
) -> None:
    files = {"workloads/cpu_attention.py": ""}
    files[f"sim/papers/{runner}.py"] = "MODULE = 'tandemsim.workloads.cpu_attention'"
    assert len(house.broken_rules(made_up(tmp_path, files))) == faults


def test_an_import_of_a_file_that_is_not_there_is_reported(tmp_path: Path) -> None:
    files = {
        "sim/salo/machine.py": "def run():\n    from tandemsim.sim.salo import banks, pe",
        "sim/salo/__init__.py": "",
    }
    tree = made_up(tmp_path, files | {"sim/salo/pe.py": "import tandemsim.sim.salo.layer.needs"})
    assert house.missing_modules(tree) == ["sim.salo.pe, line 1: there is no sim.salo.layer.needs"]


def test_a_slow_library_behind_two_modules_is_found(tmp_path: Path) -> None:
    files = {
        "sim/__main__.py": "import tandemsim.sim.run",
        "sim/run.py": "import tandemsim.sim.report.plots",
        "sim/report/plots.py": "import pyarrow",
    }
    faults = house.slow_starts(made_up(tmp_path, files))
    assert faults == ["importing sim.__main__ loads pyarrow (sim.report.plots)"]


def test_a_slow_library_of_a_parent_package_is_found(tmp_path: Path) -> None:
    files = {
        "sim/__main__.py": "import tandemsim.sim.a.b",
        "sim/a/__init__.py": "import matplotlib",
        "sim/a/b.py": "",
    }
    assert house.slow_starts(made_up(tmp_path, files)) == ["importing sim.__main__ loads matplotlib (sim.a)"]


def test_a_slow_library_within_a_function_may_wait(tmp_path: Path) -> None:
    files = {"sim/__main__.py": "def main():\n    import matplotlib"}
    assert house.slow_starts(made_up(tmp_path, files)) == []


def test_sim_arch_loads_neither_numba_nor_any_other_package_of_ours() -> None:
    """As the interpreter sees it, beside what the sources say."""
    modules = [m for m in house.read_tree(house.ROOT) if house.inside(m, "sim.arch")]
    code = f"""
import importlib, sys
for module in {modules}:
    importlib.import_module("tandemsim." + module)
roots = {{name.removeprefix("tandemsim.").partition(".")[0] for name in sys.modules}}
print(sorted(roots & {{"numba", "torch", "traces", "workloads", "rtl", "matplotlib", "pyarrow"}}))
ours = [name for name in sys.modules if name.startswith("tandemsim.sim.")]
print([name for name in ours if not name.startswith("tandemsim.sim.arch")])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=house.ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout == "[]\n[]\n"
