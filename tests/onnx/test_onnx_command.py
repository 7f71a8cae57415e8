"""``python -m workloads.onnx``: a file becomes a trace; a mistake is one line and exit code 2."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from tandemsim.sim.arch.checks import UserError
from tandemsim.traces.codec import load
from tandemsim.workloads.onnx.__main__ import main
from tandemsim.workloads.onnx.model import import_file
from tests.examples import some_of
from tests.onnx.small_models import MICROSOFT, graph, ints, model, node, zeros

ROOT = Path(__file__).parents[2]
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model of two inputs whose batch and length the file leaves open."""
    nodes = [node("Gather", "table ids", "e"), node("MatMul", "e w", "h"), node("Add", "h shift", name="end")]
    sides = {"ids": ("int64", ("batch", "length")), "shift": ("batch", "length", 6)}
    constants = {"table": zeros(50, 8), "w": zeros(8, 6)}
    onnx.save(model(graph(nodes, sides, constants=constants)), tmp_path / "text.onnx")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_writes_a_trace_and_needs_no_torch(here: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "workloads.onnx", "text.onnx", "--input", "ids=2x7"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    done = subprocess.run(
        [*command, "--out", "text.json"],
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "onnx" in modules and not modules & {"torch", "transformers", "numba"}
    trace = load(here / "text.json")
    assert [op.kind for op in trace.ops] == ["gather", "gemm", "eltwise"]
    assert trace.macs == 2 * 7 * 8 * 6
    source = trace.source
    assert (source.model, source.origin, source.exporter_version) == ("text", "text.onnx", "2")
    assert source.configuration["inputs"] == {"ids": "2x7:int64", "shift": "2x7x6:float32"}


def test_the_same_file_gives_the_same_bytes(here: Path) -> None:
    for name in ("a.json.gz", "b.json.gz"):
        assert main(["text.onnx", "--input", "shift=2x7x6", "--out", name]) == 0
    assert (here / "a.json.gz").read_bytes() == (here / "b.json.gz").read_bytes()


def test_weights_that_lie_elsewhere_are_not_asked_for(here: Path) -> None:
    whole = onnx.load("text.onnx")
    onnx.save(whole, "split.onnx", save_as_external_data=True, location="weights", size_threshold=0)
    (here / "weights").unlink()
    assert main(["split.onnx", "--input", "ids=1x3", "--out", "split.json"]) == 0


def test_a_shape_that_lies_elsewhere_is_read_there(here: Path) -> None:
    made = model(graph([node("Reshape", "x n")], {"x": (4, 6)}, constants={"n": ints(3, 8)}))
    onnx.save(made, "shape.onnx", save_as_external_data=True, location="numbers", size_threshold=0)
    assert main(["shape.onnx", "--out", "shape.json"]) == 0
    (here / "numbers").unlink()
    assert main(["shape.onnx", "--out", "again.json"]) == 2


def test_names_are_those_of_modules_where_the_file_says_them(here: Path) -> None:
    scoped = node("MatMul", "x w", "a", name="node_linear")
    scoped.metadata_props.add(key="pkg.torch.onnx.name_scopes", value="['', 'layer', 'layer.0', 'linear']")
    nodes = [
        scoped, node("Relu", "a", "b", name="/layer1/layer1.0/act/Relu"), node("Abs", "b", "c", name="plain"),
        node("Neg", "c", "unnamed"), node("Exp", "unnamed", "y", name="plain"),
    ]  # fmt: skip
    onnx.save(model(graph(nodes, {"x": (2, 3)}, constants={"w": zeros(3, 3)})), "names.onnx")
    names = [op.name for op in import_file(Path("names.onnx")).ops]
    assert names == ["layer.0", "layer1.0.act", "plain.abs", "unnamed", "plain.exp"]


def test_local_functions_are_looked_into(here: Path) -> None:
    twice = helper.make_function(
        "mine",
        "Twice",
        ["a"],
        ["b"],
        [node("Relu", "a", "r"), node("Abs", "r", "b")],
        [helper.make_opsetid("", 18)],
    )
    made = model(graph([node("Twice", "x", domain="mine")], {"x": (2, 3)}), mine=1)
    made.functions.append(twice)
    onnx.save(made, "functions.onnx")
    assert [op.kind for op in import_file(Path("functions.onnx")).ops] == ["act", "eltwise"]


def test_what_a_trace_does_not_say_is_in_its_source_and_on_stderr(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = [node("LSTM", f"{x} w r _ n", y, hidden_size=4) for x, y in (("x", "a"), ("x", "y"))]
    sides = {"x": (3, 2, 4), "n": ("int32", (2,))}
    constants = {"w": zeros(1, 16, 4), "r": zeros(1, 16, 4)}
    onnx.save(model(graph(nodes, sides, constants=constants)), "lengths.onnx")
    assert main(["lengths.onnx", "--out", "lengths.json"]) == 0
    line = (
        "the lengths of texts that an input gives are not modeled: all texts count as filling their tensors"
    )
    assert load(here / "lengths.json").source.configuration["not_modeled"] == [f"{line} (2 times)"]
    assert capsys.readouterr().err.startswith(f"lengths.onnx: {line} (2 times)\nlengths.json: ")
    del sides["n"]
    constants["n"] = np.array([3, 3], np.int32)  # as long as the tensor
    onnx.save(model(graph(nodes, sides, constants=constants)), "alike.onnx")
    assert "not_modeled" not in import_file(Path("alike.onnx")).source.configuration


# -- mistakes -----------------------------------------------------------------------------------------------


def _write_mistakes() -> None:
    whole = Path("text.onnx").read_bytes()
    Path("cut.onnx").write_bytes(whole[: len(whole) // 2])
    Path("empty.onnx").write_bytes(b"")
    Path("page.onnx").write_text("<!DOCTYPE html><html><body>not found</body></html>")
    Path("zip.onnx").write_bytes(b"PK\x03\x04" + bytes(range(256)) * 4)
    Path("folder.onnx").mkdir()
    x = {"x": (2, 3)}
    two = [node("Sofmax", "x", "a", name="s"), node("Foo", "a", "b"), node("Foo", "b")]
    made = {
        "nearest": model(graph(two, x)),
        "domain": model(graph([node("Conv", "x w", domain="com.ms.internal.nhwc", name="c")], x)),
        "contrib": model(graph([node("FusedConvv", "x w", domain=MICROSOFT, name="c")], x)),
        "random": model(graph([node("RandomNormalLike", "x", name="noise")], x)),
        "nonzero": model(graph([node("NonZero", "x", name="where")], x)),
        "words": model(graph([node("StringNormalizer", "x", name="words")], x)),
        "old": model(graph([node("Relu", "x")], x), opset=5),
        "future": model(graph([node("Relu", "x")], x), opset=999),
        "misfit": model(graph([node("MatMul", "x x", name="square")], x)),
        "misfit_add": model(graph([node("Add", "x z", name="sum")], x | {"z": (4,)})),
        "value": model(graph([node("Reshape", "x n", name="shape")], x | {"n": ("int64", (2,))})),
        "early": model(graph([node("Gelu", "x", name="act")], x), opset=18),
        "unmade": model(graph([node("Relu", "nobody", name="act")], x)),
        "unmade_output": model(graph([node("Relu", "x", "a")], x, "z")),
        "stored": model(graph([node("MatMul", "x w")], x, constants={"w": zeros(3, 3)})),
    }  # fmt: skip
    scores = graph([node("Attention", "q q q", "y _ _ s", name="att")], {"q": (1, 2, 4, 8)}, "y s")
    made["scores"] = model(scores, 23)
    made["strings"] = model(graph([node("Relu", "x")], x))
    made["strings"].graph.input[0].type.tensor_type.elem_type = TensorProto.STRING
    made["sequence"] = model(graph([node("Relu", "x")], x))
    made["sequence"].graph.input[0].CopyFrom(
        helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, None)
    )
    made["shapeless"] = model(graph([node("Relu", "x")], x))
    made["shapeless"].graph.input[0].type.tensor_type.ClearField("shape")
    made["damaged"] = model(graph([node("Reshape", "x n")], x, constants={"n": ints(3, 2)}))
    made["damaged"].graph.initializer[0].raw_data = b"abc"
    made["elsewhere"] = model(graph([node("Reshape", "x n")], x, constants={"n": ints(3, 2)}))
    external = numpy_helper.from_array(np.array([3, 2]), "n")
    external.ClearField("raw_data")
    external.data_location = TensorProto.EXTERNAL
    external.external_data.add(key="location", value="../../etc/numbers.bin")
    made["elsewhere"].graph.initializer[0].CopyFrom(external)
    for name, content in made.items():
        onnx.save(content, f"{name}.onnx")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nothing.onnx"], "nothing.onnx: cannot be read: No such file or directory"),
        (["folder.onnx"], "folder.onnx: cannot be read: Is a directory"),
        (["cut.onnx"], "cut.onnx: is not an ONNX file, or is cut off"),
        (["page.onnx"], "page.onnx: is not an ONNX file, or is cut off"),
        (["zip.onnx"], "zip.onnx: is not an ONNX file, or is cut off"),
        (["empty.onnx"], "empty.onnx: is not an ONNX model: it holds no graph with a version"),
        (["text.onnx"], "input 'ids' has no length on axis 0 ('batch'): give --input ids=SHAPE"),
        (["text.onnx", "--input", "ids=2"], "input 'ids' must have 2 axes, not 2"),
        (["text.onnx", "--input", "idz=2x3"], "unknown input 'idz'; did you mean 'ids'?"),
        (["text.onnx", "--input", "table=2x3"], "unknown input 'table'; known: ids, shift"),
        (["text.onnx", "--input", "ids:2x3"], "--input takes NAME=SHAPE, such as ids=1x128, not 'ids:2x3'"),
        (["text.onnx", "--input", "ids=2xlong"], "--input takes NAME=SHAPE"),
        (
            ["text.onnx", "--input", "ids=2x3", "--input", "shift=4x3x6"],
            "input 'shift': axis 'batch' must have one length, 2, not 4",
        ),
        (["text.onnx", "--input", "shift=2x3x7"], "input 'shift' has a fixed length of 6 on axis 2, not 7"),
        (
            ["nearest.onnx"],
            "operator 'Sofmax', once, first in node 's', is unknown; did you mean 'Softmax'",
        ),
        (["nearest.onnx"], "; missing too: Foo"),
        (
            ["domain.onnx"],
            "operator 'Conv' of domain 'com.ms.internal.nhwc', once, first in node 'c', is unknown; "
            "the domains are that of ONNX and 'com.microsoft'",
        ),
        (["contrib.onnx"], "is unknown; did you mean 'FusedConv'"),
        (["random.onnx"], "first in node 'noise', is random, and a trace is of what follows from its inputs"),
        (
            ["nonzero.onnx"],
            "it makes as many elements as its values say, and a trace knows only shapes (NonZero, node",
        ),
        (["words.onnx"], "first in node 'words', reads or makes text, and a trace holds numbers"),
        (["old.onnx"], "old.onnx: opset must be in 7.."),
        (["future.onnx"], "future.onnx: opset must be in 7.."),
        (["misfit.onnx"], "(MatMul, node 'square')"),
        (["misfit_add.onnx"], "(Add, node 'sum')"),
        (
            ["value.onnx"],
            "the shape of its result depends on values, and a trace knows only shapes (Reshape, node",
        ),
        (["early.onnx"], "the opset must be at least 20, not 18 (Gelu, node 'act')"),
        (["unmade.onnx"], "node 'act' reads 'nobody', which nothing before it makes"),
        (["unmade_output.onnx"], "the graph's output reads 'z', which nothing before it makes"),
        (["stored.onnx", "--input", "w=3x3"], "unknown input 'w'; "),
        (["scores.onnx"], "its scores must not be a result"),
        (["strings.onnx"], "input 'x' must hold numbers, not STRING"),
        (["sequence.onnx"], "input 'x' must be a tensor, not a sequence_type"),
        (["shapeless.onnx"], "input 'x' has no shape in the file: give --input x=SHAPE"),
        (["damaged.onnx"], "initializer 'n' cannot be read"),
        (
            ["elsewhere.onnx"],
            "the value of initializer 'n' lies in '../../etc/numbers.bin', which is missing",
        ),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    _write_mistakes()
    assert main([*arguments, "--out", "made.json"]) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert printed.err.startswith("workloads: ")
    assert message in printed.err
    assert not (here / "made.json").exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "the following arguments are required: MODEL.onnx, --out"),
        (["text.onnx", "--output", "x"], "the following arguments are required: --out"),
    ],
)
def test_a_wrong_option_is_one_line_too(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_a_target_that_cannot_be_written_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["text.onnx", "--input", "ids=1x2", "--out", "no/such/folder.json"]) == 2
    assert "no/such" in capsys.readouterr().err


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    assert all(option in printed for option in ("MODEL.onnx", "--input", "--out"))


@settings(max_examples=some_of(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_refused_or_read_and_never_a_fault(tmp_path: Path, data: st.DataObject) -> None:
    whole = bytearray((LIGHT / "light_squeezenet.onnx").read_bytes())
    if data.draw(st.booleans()):
        del whole[data.draw(st.integers(0, len(whole))) :]
    for _ in range(data.draw(st.integers(0, 3)) if whole else 0):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.onnx"
    path.write_bytes(bytes(whole))
    with contextlib.suppress(UserError):
        import_file(path)
