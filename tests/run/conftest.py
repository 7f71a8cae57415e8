"""The command line as a user has it: a small trace, and the command in this process or in one of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tandemsim.sim.__main__ import main
from tandemsim.traces import codec
from tandemsim.traces.kinds import macs
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import Op, Source, Tensor, Trace
from tandemsim.traces.validate import seal

ROOT = Path(__file__).parents[2]
HEADS, HEAD_DIM = 2, 16
LONGFORMER = Pattern.longformer(96, 24, (0,))
VIL = Pattern.vil(7, 7, 5, 1)


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code."""

    code: int
    out: bytes
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def text(self) -> str:
        return self.out.decode()


Command = Callable[..., Answer]


def run_here(*arguments: object) -> Answer:
    """Run the command in this process, with streams that are not a terminal."""
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stopped:  # what argparse refuses, and --help
            code = stopped.code  # type: ignore[assignment]
    out.flush()
    return Answer(code, out.buffer.getvalue(), err.getvalue())  # type: ignore[attr-defined]


def run_apart(*arguments: object, module: str = "sim", **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a process of its own; `options` are those of `subprocess.run`."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""} | options.pop("env", {})
    command = [sys.executable, "-m", module, *map(str, arguments)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 600} | options
    return subprocess.run(command, env=environment, check=False, **options)


def build() -> Trace:
    """Two window attentions, one with global projections and one on a grid, among ops that SALO leaves."""
    tensors: list[Tensor] = []
    ops: list[Op] = []

    def tensor(shape: tuple[int, ...], role: str) -> int:
        tensors.append(Tensor(id=len(tensors), shape=shape, dtype="float32", role=role))  # type: ignore[arg-type]
        return len(tensors) - 1

    def op(kind: str, name: str, inputs: list[int], shape: tuple[int, ...], dims: Any, attrs: Any) -> int:
        output = tensor(shape, "activation")
        stated = {"dims": dims, "attrs": attrs, "macs": macs(kind, dims, attrs)}
        ops.append(
            Op(id=len(ops), kind=kind, name=name, inputs=tuple(inputs), outputs=(output,), **stated)  # type: ignore[arg-type]
        )
        return output

    def attention(name: str, pattern: Pattern, apart: bool) -> None:
        shape = (1, HEADS, pattern.seq_len, HEAD_DIM)
        inputs = [tensor(shape, "input") for _ in "qkv"]
        if apart:
            few = (1, HEADS, len(pattern.global_tokens), HEAD_DIM)
            inputs += [tensor(few, "input"), tensor(shape, "input"), tensor(shape, "input")]
        dims: dict[str, Any] = {"batch": 1, "heads": HEADS, "head_dim": HEAD_DIM, "seq_len": pattern.seq_len}
        dims |= {"grid": pattern.grid} if pattern.grid else {}
        output = op("window_attention", name, inputs, shape, dims, pattern.attrs())
        op("norm", f"{name}.norm", [output], shape, {"elements": HEADS * pattern.seq_len * HEAD_DIM}, {})

    sizes = {"m": 96, "n": 32, "k": 32}
    op("gemm", "embed", [tensor((96, 32), "input"), tensor((32, 32), "weight")], (96, 32), sizes, {})
    attention("layer.0.attention", LONGFORMER, apart=True)
    op("gemm", "layer.0.output", [0, 1], (96, 32), sizes, {})
    attention("layer.1.attention", VIL, apart=False)
    source = Source(model="small", configuration={"layers": 2}, exporter="tests", exporter_version="1")
    return seal(source=source, tensors=tensors, ops=ops)


@pytest.fixture(scope="session")
def small() -> Trace:
    return build()


@pytest.fixture(scope="session")
def trace_file(small: Trace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small trace, under the name small.json."""
    path = tmp_path_factory.mktemp("traces") / "small.json"
    codec.save(small, path)
    return path


@pytest.fixture(scope="session")
def command() -> Command:
    return run_here


@pytest.fixture(scope="session")
def process() -> Callable[..., subprocess.CompletedProcess[bytes]]:
    return run_apart


@pytest.fixture
def place(tmp_path: Path, trace_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, but for small.json."""
    (tmp_path / "small.json").write_bytes(trace_file.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def content(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder, and what is in the regular files."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def refused(place: Path) -> Callable[..., str]:
    """A function: run a command that is the user's mistake, and return what it says.

    That is exit code 2, one line on stderr, nothing on stdout and no file that was not there before.
    """

    def refuse(*arguments: object) -> str:
        before = content(place)
        answer = run_here(*arguments)
        assert (answer.code, answer.out) == (2, b""), answer
        assert answer.err.endswith("\n") and len(answer.err.splitlines()) == 1, answer.err
        assert content(place) == before
        return answer.err

    return refuse
