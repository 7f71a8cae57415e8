"""A few cases of every mutator: a file is read, or refused in one printable line of bounded length."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import tensor_files
import topologies
import trace_bytes
import trace_structure

from sim.arch.checks import UserError
from sim.salo.tensors import Operands, load_tensors
from traces.__main__ import main

SHAPE = (2, 9, 4)  # heads, tokens, head_dim
Cases = Iterator[tuple[str, bytes]]


def written(cases: Cases, folder: Path) -> Iterator[Path]:
    for name, data in cases:
        (folder / name).write_bytes(data)
        yield folder / name


def check_line(line: str) -> None:
    assert line.isprintable() and 0 < len(line) <= 300, line


@pytest.mark.parametrize("mutator", [trace_bytes.cases, trace_structure.cases, topologies.cases])
@pytest.mark.parametrize("seed", range(2))
def test_a_file_is_read_or_refused_in_one_line(
    mutator: Callable[..., Cases], seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = []
    for path in written(mutator(seed, 60), tmp_path):
        out = tmp_path / "out.json"
        codes.append(
            main(["convert", str(path), "--out", str(out)] if path.suffix == ".csv" else [str(path)])
        )
        said = capsys.readouterr()
        if codes[-1]:
            assert codes[-1] == 2 and said.out == "" and said.err.startswith("traces: ")
            assert said.err.count("\n") == 1 and not out.exists()
        for line in (said.out + said.err).splitlines():
            assert line == "" or line.isprintable()
        check_line(said.err.splitlines()[-1] if codes[-1] else "read")
        out.unlink(missing_ok=True)
    assert 2 in codes  # the mutator does something


@pytest.mark.parametrize("seed", range(3))
def test_tensors_are_read_or_refused_in_one_line(seed: int, tmp_path: Path) -> None:
    need = Operands(op="op", batch=1, heads=2, seq_len=9, head_dim=4, global_tokens=0)
    refused = 0
    for path in written(tensor_files.cases(SHAPE, seed, 60), tmp_path):
        line = "read"
        try:
            assert load_tensors(path, need).query.shape == SHAPE
        except UserError as error:
            line, refused = str(error), refused + 1
        check_line(line)
        assert "pickle" not in line
    assert 0 < refused < 60
