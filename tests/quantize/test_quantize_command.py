"""The command on files of weights: its table, its files, its messages; no torch."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tandemsim.sim.quantize.rule import Rule, named
from tandemsim.sim.quantize.tensors import quantize_weight
from tandemsim.traces.arrays import load_arrays
from tandemsim.traces.codec import load
from tandemsim.workloads.quantize.__main__ import main

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def weights(tmp_path):
    random = np.random.default_rng(0)
    arrays = {
        "first.weight": random.normal(size=(16, 40)).astype(np.float32),
        "first.bias": random.normal(size=16),
        "second.weight": random.standard_t(2, (8, 16, 3, 3)),
        "steps": np.arange(6).reshape(2, 3),
    }
    np.savez(tmp_path / "net.npz", **arrays)
    return arrays, str(tmp_path / "net.npz")


def written(folder: Path):
    table = pq.read_table(folder / "tensors.parquet").to_pylist()
    trace = load(folder / "trace.json")
    return table, json.loads((folder / "quantization.json").read_text()), trace


@pytest.mark.parametrize("options", [[], ["--per", "tensor"], ["--format", "e2m1"], ["--format", "flint6"]])
def test_the_trace_and_its_scales_say_what_was_chosen(weights, tmp_path, options, capsys):
    arrays, file = weights
    assert main([file, "--out", str(tmp_path / "out"), *options]) == 0
    table, document, trace = written(tmp_path / "out")
    assert document["tensors"] == table
    scales = load_arrays(trace, tmp_path / "out" / "trace.json")
    assert [tensor.name for tensor in trace.tensors] == ["first.weight", "second.weight"]
    for tensor, row in zip(trace.tensors, table, strict=True):
        quant, weight = tensor.quant, arrays[tensor.name]
        float_format = quant.type.startswith("e")
        form = named(quant.type if float_format else f"{quant.type}{quant.bits}")
        assert row["format"] == form.name and row["bits"] == quant.bits and quant.signed
        stored = scales[quant.scales].astype(float)
        assert stored.size == (1 if "tensor" in options else len(weight)) and (quant.axis is None) == (
            stored.size == 1
        )
        scale = stored.reshape(-1, *[1] * (weight.ndim - 1))
        error = ((form.decode(form.encode(weight / scale)) * scale - weight) ** 2).mean()
        assert row["mse"] == pytest.approx(error)
        assert row["sqnr_db"] == pytest.approx(10 * np.log10((weight.astype(float) ** 2).mean() / error))
        assert row["stored_bits"] == quant.bits + 32 * stored.size / weight.size
    assert (tmp_path / "out" / "histogram.png").read_bytes().startswith(PNG)
    printed = capsys.readouterr().out
    assert "left as they are: 2 tensors" in printed and "first.weight" in printed


def test_blocks_are_told_by_their_codes_and_scales(weights, tmp_path):
    arrays, file = weights
    assert main([file, "--format", "nvfp4", "--out", str(tmp_path / "out"), "--only", "first*"]) == 0
    table, _, trace = written(tmp_path / "out")
    assert trace.tensors[0].quant.type == "nvfp4" and trace.tensors[0].quant.bits == 4
    scales = load_arrays(trace, tmp_path / "out" / "trace.json")
    form, weight = named("nvfp4"), arrays["first.weight"].astype(float)
    codes, tensor = scales["first.weight/scales"], float(scales["first.weight/scales/tensor"][0])
    steps = np.repeat(form.steps(codes.astype(np.int64), tensor), 16, axis=-1)[:, :40]
    back = form.element.decode(form.element.encode(weight / steps)) * steps
    assert table[0]["mse"] == pytest.approx(((back - weight) ** 2).mean())
    assert table[0]["stored_bits"] == pytest.approx(4 + (8 * 16 * 3 + 32) / 640)


def test_the_same_command_writes_the_same_bytes(weights, tmp_path):
    _, file = weights
    for name in ("one", "other"):
        main([file, "--out", str(tmp_path / name)])
    for path in (tmp_path / "one").iterdir():
        if path.suffix != ".npz":  # whose directory has the time
            assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes(), path.name


def test_escalated_layers_have_eight_bits(weights, tmp_path, capsys):
    _, file = weights
    assert main([file, "--escalate", "1", "--out", str(tmp_path / "out")]) == 0
    table, document, _ = written(tmp_path / "out")
    assert [(row["format"][-1], row["bits"], row["escalated"]) for row in table] == [
        ("4", 4, False),
        ("8", 8, True),
    ]
    assert document["rule"]["escalate"] == "1"
    assert "8 bits: second.weight" in capsys.readouterr().out


NAMES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64"}
NAMES |= {"float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2"}


def write_safetensors(path: Path, arrays):
    """By the format's own page: the length of a JSON header, the header, the data."""
    header, data = {}, b""
    for name, array in arrays.items():
        begin, data = len(data), data + array.tobytes()
        header[name] = {
            "dtype": NAMES[array.dtype.name],
            "shape": array.shape,
            "data_offsets": [begin, len(data)],
        }
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def test_safetensors_are_read_like_npz(weights, tmp_path):
    [pytest.importorskip(module) for module in ("safetensors", "ml_dtypes")]
    arrays, file = weights
    write_safetensors(tmp_path / "net.safetensors", arrays)
    main([file, "--out", str(tmp_path / "npz")])
    main([str(tmp_path / "net.safetensors"), "--out", str(tmp_path / "safetensors")])
    one, other = (written(tmp_path / name) for name in ("npz", "safetensors"))
    assert one[0] == other[0] and one[2].digest == other[2].digest


def test_bfloat16_and_float8_are_read(tmp_path):
    _, ml_dtypes = (pytest.importorskip(module) for module in ("safetensors", "ml_dtypes"))
    values = np.random.default_rng(0).normal(size=(4, 16))
    types = ("bfloat16", "float16", "float8_e4m3fn", "float8_e5m2")
    arrays = {name: values.astype(getattr(ml_dtypes, name, name)) for name in types}
    write_safetensors(tmp_path / "x.safetensors", arrays)
    assert main([str(tmp_path / "x.safetensors"), "--out", str(tmp_path / "out")]) == 0
    table, _, trace = written(tmp_path / "out")
    assert [tensor.dtype for tensor in trace.tensors] == sorted(types)
    for row in table:
        exact = arrays[row["layer"]].astype(np.float64)
        assert row["mse"] == pytest.approx(quantize_weight("", exact, Rule()).mse)


BAD = [
    (["x.npz"], "nan", r"tensor 'w' must be finite, and holds NaN at \[1, 0\]"),
    (["x.npz", "--format", "flint9"], "w", "flint must have 3 to 8 bits, not 9"),
    (["x.npz", "--format", "mxfp5"], "w", "unknown number format 'mxfp5'; did you mean 'mxfp4'"),
    (["x.npz", "--format", "int4u"], "w", "Rule.form must be signed"),
    (
        ["x.npz", "--format", "int4", "--bits", "4"],
        "w",
        "--bits must be without --format, whose name has them, not 4",
    ),
    (["x.npz", "--format", "int4", "--types", "IP"], "w", "--types must be without --format"),
    (["x.npz", "--format", "mxfp4", "--per", "channel"], "w", "--per must be without blocks of mxfp4"),
    (["x.npz", "--types", "FPI"], "w", "unknown set of types 'FPI'; did you mean 'FIP'"),
    (["x.npz", "--bits", "9"], "w", "Rule.bits must be at most 8, not 9"),
    (["x.npz", "--low", "150"], "w", "Span.high must be above 150"),
    (["x.npz", "--escalate", "2"], "w", "--escalate must be at most the 1 layers of the model, not 2"),
    (
        ["x.npz", "--escalate", "vgg16"],
        "w",
        r"--escalate vgg16 must name layers in 0\.\.0, those of the model, not 15",
    ),
    (["x.npz", "--only", "v"], "w", "unknown weight 'v'; "),
    (["x.npz", "--input", "1x2"], "w", "--input must be with a module:callable"),
    (["x.npz"], "vector", "x must have something to quantize: a linear layer"),
    (["missing.npz"], "w", "missing.npz: "),
    (["digits-cov"], "w", "unknown model 'digits-cov'; did you mean 'digits-conv'"),
    (["net.onnx"], "w", "unknown model 'net.onnx'; "),
]


@pytest.mark.parametrize("arguments, kind, message", BAD)
def test_mistakes_are_one_line(arguments, kind, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    held = {"w": np.ones((2, 2)), "nan": np.array([[1, 2], [np.nan, 3]]), "vector": np.ones(3)}
    np.savez("x.npz", w=held[kind])
    assert main([*arguments, "--out", "out"]) == 2
    streams = capsys.readouterr()
    assert streams.out == "" and streams.err.count("\n") == 1
    assert re.match(f"workloads: {message}", streams.err), streams.err
    assert not Path("out").exists()


@pytest.mark.parametrize("name", ["x.npz", "x.safetensors"])
def test_a_damaged_file_is_one_line(name, tmp_path, capsys):
    if name == "x.safetensors":
        [pytest.importorskip(module) for module in ("safetensors", "ml_dtypes")]
    (tmp_path / name).write_bytes(b"not a file of weights")
    assert main([str(tmp_path / name)]) == 2
    streams = capsys.readouterr()
    assert streams.err.startswith(f"workloads: {tmp_path / name}: ") and streams.err.count("\n") == 1


def test_nothing_of_torch_is_imported_for_a_file(weights):
    _, file = weights
    code = (
        f"import sys\nfrom tandemsim.workloads.quantize.__main__ import main\nassert main([{file!r}]) == 0\n"
    )
    code += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
