"""A compiled product of matrices: misses of its addresses against those that cachegrind counts."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tandemsim.sim.arch.cpu.cache import CacheConfig, HierarchyConfig, Inclusion
from tandemsim.sim.cpu.cache.hierarchy import Hierarchy
from tandemsim.sim.cpu.cache.trace_files import read_trace

SOURCE = Path(__file__).with_name("gemm.c")
D1, LL = CacheConfig(bytes=8 * 1024, ways=4), CacheConfig(bytes=128 * 1024, ways=8)
pytestmark = [
    pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed")
    for tool in ("valgrind", "gcc")
]


def valgrind(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["valgrind", *words, str(folder / "gemm")], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("gemm")
    subprocess.run(["gcc", "-O1", str(SOURCE), "-o", str(made / "gemm")], check=True)
    return made


def test_misses_of_a_compiled_gemm_are_those_of_cachegrind(folder: Path) -> None:
    caches = [f"--{name}={c.bytes},{c.ways},64" for name, c in (("D1", D1), ("LL", LL))]
    text = valgrind(
        folder, "--tool=cachegrind", "--cache-sim=yes", "--cachegrind-out-file=/dev/null", *caches
    )
    theirs = {
        name: int(re.search(rf"{name}\s*misses:\s*([\d,]+)", text)[1].replace(",", ""))
        for name in ("D1", "LLd")
    }
    valgrind(folder, "--tool=lackey", "--trace-mem=yes", "--log-file=trace")
    trace = read_trace(folder / "trace")
    config = HierarchyConfig(
        cores=1,
        island_cores=1,
        l1=D1,
        l2=CacheConfig(bytes=0, ways=1),
        l3=LL,
        inclusion=Inclusion.NON_INCLUSIVE,
    )
    counts = Hierarchy(config).run(trace.addresses, trace.writes)
    assert counts.of("l1").misses == pytest.approx(theirs["D1"], rel=0.02)
    # Of the last level, what misses is what comes from memory: write-backs are not in cachegrind's model.
    assert counts.of("memory").loads == pytest.approx(theirs["LLd"], rel=0.02)
    assert np.unique(trace.addresses).size > 3 * 96 * 96
    print(theirs, counts.of("l1").misses, counts.of("memory").loads)
