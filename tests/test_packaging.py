"""What is declared is what is used: dependencies, pins, package data, versions, Makefile targets."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import environment
import house
import pytest

from tandemsim.sim.machines.table import MACHINES, default_machine
from tandemsim.traces import codec

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = (ROOT / "pyproject.toml").read_text()
PROJECT = tomllib.loads(PYPROJECT)["project"]
CONSTRAINTS = (ROOT / "constraints.txt").read_text()
PINS = environment.pins(CONSTRAINTS)
MAKEFILE = (ROOT / "Makefile").read_text()
RENAMED = {"sklearn": "scikit-learn"}  # module -> what brings it, where the name is another one
GROUPS = ["core", *PROJECT["optional-dependencies"]]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(*groups: str) -> set[str]:
    return {environment.name_of(item) for group in groups for item in environment.requirements(group)}


def outside(*packages: str) -> set[str]:
    """The libraries that these packages of ours import, wherever in a module."""
    tree = house.read_tree(ROOT)
    modules = [m for m in tree if any(house.inside(m, package) for package in packages)]
    libraries = {found.target.partition(".")[0] for m in modules for found in tree[m]}
    others = libraries - {house.NAMESPACE, *house.OURS} - sys.stdlib_module_names
    return {canonical(RENAMED.get(name, name)) for name in others}


def test_the_simulator_imports_only_what_it_depends_on() -> None:
    assert outside("sim", "traces") <= declared("core", "cluster")
    assert not outside("sim.arch", "sim.engine", "sim.memory", "sim.run", "traces") & declared("cluster")


def test_the_models_import_only_what_they_depend_on() -> None:
    assert outside("workloads") <= declared("core", "models", "onnx", "quantize")


def test_no_dependency_is_unused() -> None:
    assert declared("core") <= outside("sim", "traces", "workloads")


def test_each_dependency_has_its_reason_beside_it() -> None:
    for requirement in (item for group in GROUPS for item in environment.requirements(group)):
        (line,) = [line for line in PYPROJECT.splitlines() if line.strip().startswith(f'"{requirement}"')]
        assert len(line.partition("#")[2].split()) >= 2, f"{requirement} needs a reason"


def test_constraints_are_versions_and_nothing_else() -> None:
    for line in CONSTRAINTS.splitlines():
        assert re.fullmatch(r"(#.*|[a-z0-9-]+==[0-9][0-9a-z.]*)?", line), line


def needed(group: str) -> set[str]:
    """The packages of `group` and all that they need in turn, as far as they are installed here."""
    waiting, found = [canonical(name) for name in declared(group)], set()
    while waiting:
        name = waiting.pop()
        try:
            requires = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        if name not in found:
            found.add(name)
            waiting += [canonical(environment.name_of(r)) for r in requires if "extra ==" not in r]
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_every_package_that_gets_installed_is_pinned(group: str) -> None:
    assert declared(group) <= set(PINS)
    assert needed(group) <= set(PINS)


def test_every_data_file_of_a_package_is_in_the_wheel() -> None:
    patterns = tomllib.loads(PYPROJECT)["tool"]["setuptools"]["package-data"]["*"]
    others = [
        path
        for package in house.OURS
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"} and "__pycache__" not in path.parts
    ]
    lost = [path for path in others if not any(path.match(pattern) for pattern in patterns)]
    assert lost == []


def test_every_folder_with_sources_is_a_package() -> None:
    folders = {path.parent for package in house.OURS for path in (ROOT / package).rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_the_version_is_the_same_wherever_it_is_written() -> None:
    version = re.search(r'__version__ = "(.*)"', (ROOT / "sim" / "shell" / "version.py").read_text())
    assert version
    assert f"\nversion: {version[1]}\n" in (ROOT / "CITATION.cff").read_text()


def targets() -> list[str]:
    return re.findall(r"^([a-z][a-z-]*):", MAKEFILE, flags=re.MULTILINE)


def test_every_make_target_is_phony_and_explained() -> None:
    """A folder is called sim: without .PHONY, `make sim` would do nothing."""
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)
    assert phony
    assert sorted(phony[1].split()) == sorted(targets())
    assert sorted(re.findall(r"^([a-z-]+):.*## .", MAKEFILE, flags=re.MULTILINE)) == sorted(targets())


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_make_alone_lists_the_targets() -> None:
    assert [line.split()[0] for line in make().stdout.splitlines()] == targets()


def test_make_sim_names_the_results_after_workload_and_machine() -> None:
    recipe = make("-n", "sim", "WORKLOAD=shared/vil-tiny.json.gz", "MACHINE=systolic", "SET=rows=64 cols=16")
    assert (
        "sim run 'shared/vil-tiny.json.gz' --machine 'systolic' --set 'rows=64' --set 'cols=16'"
        in " ".join(recipe.stdout.split())
    )
    assert "--out 'build/results/vil-tiny-systolic'" in recipe.stdout


def test_make_sim_without_a_machine_names_the_one_that_the_trace_gets() -> None:
    for name in codec.names():
        kinds = {op.kind for op in codec.load(codec.find(name)).ops}
        if any(machine.runs & kinds for machine in MACHINES.values()):  # the others have no results
            folder = f"--out 'build/results/{name}-{default_machine(kinds)}'"
            assert folder in make("-n", "sim", f"WORKLOAD={name}").stdout


def test_make_sim_without_a_workload_says_what_to_type() -> None:
    answer = make("sim")
    assert answer.returncode == 2
    assert answer.stderr.splitlines()[0] == "make sim needs a workload: make sim WORKLOAD=longformer"


def test_a_missing_python_is_one_clear_line() -> None:
    answer = make("lint", "PYTHON=python0.1")
    assert answer.returncode == 2
    assert answer.stderr.splitlines()[0] == "python0.1 not found: tandemsim needs Python 3.11 or newer"
