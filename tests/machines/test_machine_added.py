"""Adding a machine: the toy moves into a copy of the tree, and two lines in two files are all it takes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import house
import pytest

from tandemsim.traces.codec import save
from tests.machines.toy.machine import Toy

ROOT = Path(__file__).parents[2]
TOY = Path(__file__).parent / "toy"
# File that changes -> the line before which the new line goes, the new line, and the table's new entry.
CHANGES = {
    "sim/arch/families.py": (
        "from tandemsim.sim.arch.salo.family import SALO_FAMILY",
        "from tandemsim.sim.arch.toy.family import TOY_FAMILY",
        ("(SALO_FAMILY, ANT_FAMILY,", "(SALO_FAMILY, TOY_FAMILY, ANT_FAMILY,"),
    ),
    "sim/machines/table.py": (
        "from tandemsim.sim.machines.salo.machine import Salo",
        "from tandemsim.sim.machines.toy.machine import Toy",
        ("(Salo(), Ant(),", "(Salo(), Toy(), Ant(),"),
    ),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with the toy machine in it."""
    root = tmp_path_factory.mktemp("tree")
    for name in (*house.OURS, house.NAMESPACE):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    for place, module in (("sim/arch/toy", "family"), ("sim/machines/toy", "machine"), ("rtl/toy", "units")):
        (root / place).mkdir()
        (root / place / "__init__.py").write_text('"""The toy."""\n')
        source = (TOY / f"{module}.py").read_text()
        source = source.replace("tests.machines.toy.family", "tandemsim.sim.arch.toy.family")
        (root / place / f"{module}.py").write_text(source)
    for name, (before, line, (table, longer)) in CHANGES.items():
        source = (root / name).read_text()
        assert source.count(before) == source.count(table) == 1
        (root / name).write_text(source.replace(before, f"{before}\n{line}").replace(table, longer))
    return root


def tandem(tree: Path, *arguments: str, module: str = "sim") -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


def test_two_files_change(tree: Path) -> None:
    """What follows holds with no other file touched than these: the fixture is the claim."""
    changed = []
    for path in sorted(p for name in house.OURS for p in (ROOT / name).rglob("*.py")):
        name = path.relative_to(ROOT)
        if (tree / name).read_bytes() != path.read_bytes():
            changed.append(str(name))
    assert changed == sorted(CHANGES)


def test_the_new_machine_keeps_to_the_import_table(tree: Path) -> None:
    assert house.faults(house.read_tree(tree)) == house.faults(house.read_tree(ROOT))


def test_the_new_machine_is_listed_with_its_presets_and_fields(tree: Path) -> None:
    listed = tandem(tree, "list").stdout
    assert "a toy: GEMM in closed form" in listed and "toy-wide" in listed
    fields = tandem(tree, "list", "fields", "toy").stdout
    assert fields.split()[0] == "memory" and "\n  rows " in fields


def test_the_new_machine_runs_its_own_traces_without_being_named(tree: Path, tmp_path: Path) -> None:
    save(Toy().small(), tmp_path / "gemms.json")
    done = tandem(tree, "run", str(tmp_path / "gemms.json"), "--set", "rows=4", "--json", "-")
    report = json.loads(done.stdout)
    # ceil(33 / 4) x ceil(20 / 8) tiles of 7 cycles, and ceil(5 / 4) x ceil(64 / 8) of 9
    assert report["compute_cycles"] == 9 * 3 * 7 + 2 * 8 * 9
    assert (report["machine"], report["preset"], report["settings"]) == ("toy", "toy", {"rows": 4})


def test_the_new_machine_draws_its_reports(tree: Path, tmp_path: Path) -> None:
    save(Toy().small(), tmp_path / "gemms.json")
    done = tandem(tree, "run", str(tmp_path / "gemms.json"), "--out", str(tmp_path / "out"))
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert {"report.html", "report.json", "ops.parquet", "timeline.json.gz"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }


def test_the_new_machine_is_compared_and_swept(tree: Path, tmp_path: Path) -> None:
    save(Toy().small(), tmp_path / "gemms.json")
    done = tandem(tree, "compare", str(tmp_path / "gemms.json"), "--vary", "rows=4,8", "--json", "-")
    assert (done.returncode, len(json.loads(done.stdout)["runs"])) == (0, 2), done.stderr
    (tmp_path / "study.toml").write_text('[grid]\nworkload = "gemms.json"\nrows = [4, 8]\n')
    arguments = ("sweep", str(tmp_path / "study.toml"), "--workers", "1", "--out", str(tmp_path / "swept"))
    done = tandem(tree, *arguments)
    assert (done.returncode, done.stderr) == (0, "") and "2 points: 2 ok" in done.stdout


def test_the_new_machine_has_its_circuit_built(tree: Path, tmp_path: Path) -> None:
    pytest.importorskip("amaranth")
    done = tandem(tree, "toy/adder", "--set", "rows=2", "--out", str(tmp_path), module="rtl.build")
    assert done.returncode == 0, done.stderr
    assert "module toy_adder_" in (tmp_path / "toy" / "adder.v").read_text()


@pytest.mark.parametrize(
    "words, says",
    [
        (
            ["--set", "numerics=wide"],
            "tandem: unknown config key 'numerics'; `tandem list fields` lists them",
        ),
        (["--functional"], "tandem: toy does not take --functional (functional= in Python)"),
        (["--set", "dataflow=ws"], "tandem: config key 'dataflow' cannot be set: outputs stay in place"),
        (["--machine", "tox"], "tandem: unknown machine 'tox'; did you mean 'toy'?"),
    ],
)
def test_what_the_new_machine_does_not_take_is_one_line(
    tree: Path, tmp_path: Path, words: list[str], says: str
) -> None:
    save(Toy().small(), tmp_path / "gemms.json")
    done = tandem(tree, "run", str(tmp_path / "gemms.json"), *words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", says + "\n")
