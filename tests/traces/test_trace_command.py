"""``python -m traces``, as a user calls it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tandemsim.traces.__main__ import main
from tandemsim.traces.codec import load, save
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.pattern_words import describe
from tandemsim.traces.scalesim import from_csv
from tandemsim.traces.summary import summary
from tandemsim.traces.validate import seal

DATA = Path(__file__).parent / "data"


def run(*arguments, **more):
    command = [sys.executable, "-m", "traces", *map(str, arguments)]
    return subprocess.run(command, text=True, check=False, **{"capture_output": True, **more})


def test_summary_of_a_stored_trace_shows_its_attention():
    done = run("longformer")
    assert (done.returncode, done.stderr) == (0, "")
    assert "148,659,456 elements" in done.stdout  # the published parameter count
    row = next(line for line in done.stdout.splitlines() if line.startswith("4096 tokens"))
    assert row.startswith("4096 tokens, offsets -256..256, global 0  ")
    assert row.split()[-5:] == ["12", "12", "64", "2,043,134", "12.18%"]


def test_summary_counts_by_kind(small, tmp_path):
    lines = summary(small).splitlines()
    total = next(line.split() for line in lines if line.startswith("total"))
    assert total == ["total", str(len(small.ops)), f"{small.macs:,}", "100.0%"]
    assert sum(op.kind == "window_attention" for op in small.ops) == 2
    assert next(line.split()[1] for line in lines if line.startswith("window_attention ")) == "2"
    # six of the weights are floats of 4 bytes; the quantized one has 36 elements of 4 bits
    weights = [tensor for tensor in small.tensors if tensor.role == "weight"]
    assert sum(tensor.size_bytes for tensor in weights) == 4 * (6 * 27 + 12) + 18


@pytest.mark.parametrize(
    "pattern, words",
    [
        (Pattern.dilated(64, 3, 4), "64 tokens, offsets -4..4 step 4"),
        (Pattern.star(9), "9 tokens, offsets -1..1 and -7 and 7, global 0"),
        (Pattern.vil(3, 4, 3, 5), "3x4 + 5 tokens, rows -1..1, columns -1..1, global 5 tokens"),
        (Pattern(seq_len=4, global_tokens=(2, 1)), "4 tokens, offsets none, global 2 1"),
        (Pattern.causal_window(8192, 4096), "8192 tokens, causal window of 4096 keys"),
        (Pattern.causal_window(2048, 4096), "2048 tokens, causal, all keys"),
        (
            Pattern.causal_window(8192, 4096, 4, q_len=1, q_offset=8191),
            "8192 tokens, query at 8191, causal window of 4096 keys, sinks 0 1 2 3",
        ),
        (
            Pattern.causal_window(8192, 9000, q_len=512, q_offset=512),
            "8192 tokens, queries at 512..1023, causal, all keys",
        ),
        (Pattern.chunked(9000, 4096), "9000 tokens, causal window of 4096 keys, chunks of 4096"),
        (
            Pattern(seq_len=64, bands=((-15, 15, 1),), chunks=(8, 1, 0, 3)),
            "64 tokens, offsets -15..15, chunks of 8 (1 before, the first 5)",
        ),
        (Pattern.neighborhood(5, 6, 3), "5x6 + 0 tokens, rows -1..1, columns -1..1, clamped"),
        (Pattern(seq_len=64, bands=((-4, 0, 2),), clamped=True), "64 tokens, offsets -4..0 step 2, clamped"),
        (
            Pattern(seq_len=64, bands=((-63, 63, 1),), sink_tokens=range(9), causal=True),
            "64 tokens, offsets -63..63, sinks 9 tokens, causal",
        ),
        (Pattern.block_sparse(96, 32, 16, [[0], [1, 3], [5]]), "96 tokens, 4 blocks of 32 x 16"),
    ],
)
def test_pattern_is_described(pattern, words):
    assert describe(pattern) == words


def test_summary_has_columns_for_what_some_pattern_has_beyond_the_usual(builder):
    """Heads that share keys, values of their own size, and what stands behind q, k and v."""
    q, sinks = builder.tensor((2, 6, 9, 4), "input"), builder.tensor((6,), "weight")
    k, v = builder.tensor((2, 3, 9, 4), "input"), builder.tensor((2, 3, 9, 5), "input")
    dims = {"batch": 2, "heads": 6, "head_dim": 4, "seq_len": 9}
    pattern = Pattern.causal_window(9, 3)
    builder.op("window_attention", [q, q, q], (2, 6, 9, 4), dims, pattern.attrs())
    plain = summary(builder.seal()).splitlines()[-2:]
    assert [" ".join(line.split()) for line in plain] == [
        "window attention ops heads head_dim pairs per head density",
        "9 tokens, causal window of 3 keys 1 12 4 24 29.63%",
    ]
    dims = dims | {"kv_heads": 3, "v_dim": 5}
    attrs = pattern.attrs() | {"operands": ["sinks"], "softcap": 50}
    builder.op("window_attention", [q, k, v, sinks], (2, 6, 9, 5), dims, attrs)
    grown = summary(builder.seal()).splitlines()[-3:]
    assert [" ".join(line.split()) for line in grown] == [
        "window attention ops heads kv_heads head_dim v_dim with pairs per head density",
        "9 tokens, causal window of 3 keys 1 12 4 24 29.63%",
        "9 tokens, causal window of 3 keys 1 12 6 4 5 softcap sinks 24 29.63%",
    ]
    assert len({len(line) for line in grown}) == 1


def test_conversion_goes_there_and_back(tmp_path, capfd):
    assert main(["convert", str(DATA / "Resnet18.csv"), "--out", str(tmp_path / "r.json.gz")]) == 0
    assert load(tmp_path / "r.json.gz") == from_csv((DATA / "Resnet18.csv").read_text(), "Resnet18")[0]
    assert main(["convert", str(tmp_path / "r.json.gz"), "--out", "-"]) == 0
    out, err = capfd.readouterr()
    assert out.splitlines()[1] == "Conv1,224,224,7,7,3,64,2," and err == ""


def test_conversion_lists_what_it_leaves_out(small, tmp_path, capfd):
    save(small, tmp_path / "x.json")
    assert main(["convert", str(tmp_path / "x.json"), "--out", str(tmp_path / "x.csv")]) == 0
    out, err = capfd.readouterr()
    others = [op.kind for op in small.ops if op.kind not in ("gemm", "conv2d")]
    reason = "SCALE-Sim knows gemm and conv2d alone"
    wanted = [f"left out: {others.count(kind)} {kind}: {reason}" for kind in dict.fromkeys(others)]
    assert out == "" and err.splitlines() == wanted


def test_conversion_says_what_of_a_topology_is_not_in_the_trace(tmp_path, capfd):
    (tmp_path / "x.csv").write_text("A title,\nLayer,M,N,K,Sparsity\nx,1,2,3,2:4\n")
    assert main(["convert", str(tmp_path / "x.csv"), "--out", str(tmp_path / "x.json")]) == 0
    said = ["skipped rows of a title alone, 1: A title", "ignored columns: Sparsity"]
    assert capfd.readouterr().err.splitlines() == said


def test_conversion_writes_a_pipe_in_place():
    done = run("convert", DATA / "Resnet18.csv", "--out", "/dev/stdout")
    assert json.loads(done.stdout)["source"]["model"] == "Resnet18"


def test_mark_of_byte_order_is_no_part_of_the_header(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"\xef\xbb\xbfLayer,M,N,K\nx,1,2,3\n")
    assert main(["convert", str(tmp_path / "x.csv"), "--out", str(tmp_path / "x.json")]) == 0
    assert load(tmp_path / "x.json").ops[0].macs == 6


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["longfomer"], "traces: unknown trace 'longfomer'; did you mean 'longformer'"),
        (["no.json"], "traces: no.json: cannot be read: No such file or directory"),
        (["x" * 300], "traces: unknown trace 'xxx"),
        ([f"{'x' * 300}.json"], "traces: ...xxx"),
        ([""], "traces: unknown trace ''; known: bert-base-128, "),
        (
            ["convert", "no.csv", "--out", "x.json"],
            "traces: no.csv: cannot be read: No such file or directory",
        ),
        (["convert", "bad.csv", "--out", "x.json"], "traces: bad.csv: row 2: M must be a positive integer"),
        (["convert", "latin.csv", "--out", "x.json"], "traces: latin.csv: is not text in UTF-8: "),
        (["convert", "good.csv", "--out", "no/x.json"], "traces: cannot write 'no/x.json': No such file"),
        (["convert", "good.csv", "--out", "."], "traces: cannot write '.': Is a directory"),
        (["bad.csv"], "traces: bad.csv: is a table; "),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(tmp_path, monkeypatch, capfd, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.csv").write_text("Layer,M,N,K\nx,one,2,3\n")
    (tmp_path / "latin.csv").write_bytes(b"Layer,M,N,K\n\xe9,1,2,3\n")
    (tmp_path / "good.csv").write_text("Layer,M,N,K\nx,1,2,3\n")
    before = sorted(os.listdir())
    assert main(arguments) == 2
    out, err = capfd.readouterr()
    assert err.startswith(message) and len(err.splitlines()) == 1 and out == ""
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize("arguments", [["--help"], ["convert", "--help"], ["schema", "--help"]])
def test_help_names_what_can_be_given(capfd, arguments):
    with pytest.raises(SystemExit, match="^0$"):
        main(arguments)
    assert "python -m traces" in capfd.readouterr().out


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "the following arguments are required: trace; see python -m traces --help"),
        (["x", "y"], "unrecognized arguments: y; see python -m traces --help"),
        (
            ["convert"],
            "the following arguments are required: file, --out; see python -m traces convert --help",
        ),
        (["convert", "x", "--ou", "y"], "the following arguments are required: --out; see .* --help"),
    ],
)
def test_wrong_arguments_are_one_line_and_exit_code_2(capfd, arguments, message):
    with pytest.raises(SystemExit, match="^2$"):
        main(arguments)
    out, err = capfd.readouterr()
    assert out == "" and re.fullmatch(f"traces: {message}\n", err), err


@pytest.mark.parametrize("arguments", [["longformer"], ["schema"], ["convert", "vil-tiny", "--out", "-"]])
def test_full_stdout_is_one_line_and_exit_code_2(arguments):
    with open("/dev/full", "w") as full:
        done = run(*arguments, stdout=full, stderr=subprocess.PIPE, capture_output=False)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("left out: ")]
    assert done.returncode == 2
    assert lines == ["traces: cannot write to standard output: No space left on device"]


def test_closed_stdout_is_one_line_and_exit_code_2():
    options = {"stdout": None, "stderr": subprocess.PIPE, "capture_output": False}
    done = run("longformer", preexec_fn=lambda: os.close(1), **options)
    assert (done.returncode, done.stderr) == (2, "traces: cannot write to standard output: it is closed\n")


def test_summary_fits_a_stdout_of_ascii(small, tmp_path):
    source = msgspec.structs.replace(small.source, model="mod\u00e8le")
    save(seal(source=source, tensors=small.tensors, ops=small.ops, arrays=small.arrays), tmp_path / "x.json")
    done = run(tmp_path / "x.json", env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0 and done.stdout.startswith("model          mod?le\n")


def test_reader_may_stop_early():
    shell = f"{sys.executable} -m traces longformer | head -n 1"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
    assert done.stderr == "" and done.stdout.split() == ["model", "longformer"]


def test_an_option_of_two_dashes_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["convert", "vil-tiny", "--out=--"])
    assert capsys.readouterr().err.startswith("traces: argument --out: expected a value, not '--'")
