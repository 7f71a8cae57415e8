"""``--functional``: values through the array beside the cycles, and files that hold none."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FIRST, SECOND = (2, 96, 16), (2, 50, 16)  # of the two attentions of the small trace: heads, tokens, head_dim
FEW = (2, 1, 16)  # of the first one's global token


def normal(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def operands(shape: tuple[int, ...], prefix: str = "") -> dict[str, np.ndarray]:
    return {prefix + name: normal(shape, seed) for seed, name in enumerate("qkv")}


def apart(prefix: str = "") -> dict[str, np.ndarray]:
    shapes = {"global_q": FEW, "global_k": FIRST, "global_v": FIRST}
    return {prefix + name: normal(shape, 3 + seed) for seed, (name, shape) in enumerate(shapes.items())}


@pytest.fixture
def values(command: Any, place: Path) -> Callable[..., dict[str, Any]]:
    """A function: what a run says of the values in a file of these arrays."""

    def run(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
        np.savez(place / "t.npz", **arrays)
        answer = command("run", "small.json", "--functional", "t.npz", "--json", "-")
        assert (answer.code, answer.err) == (0, "")
        (found,) = answer.json["functional"]
        return found

    return run


def test_without_a_file_the_first_attention_runs_on_normal_values(command: Any, place: Path) -> None:
    (found,) = command("run", "small.json", "--functional", "--json", "-").json["functional"]
    assert (found["op"], found["tensors"]) == ("layer.0.attention", "N(0, 1)")
    assert (found["heads"], found["seq_len"], found["head_dim"]) == FIRST
    assert 0 < found["mean_abs_error"] < 0.03 * found["mean_abs_reference"] + 0.01


def test_without_the_option_no_values_run(command: Any, place: Path) -> None:
    assert "functional" not in command("run", "small.json", "--json", "-").json


def test_text_says_how_far_the_values_are(command: Any, place: Path) -> None:
    assert "mean abs error" in command("run", "small.json", "--functional").text


def test_arrays_without_an_ops_name_are_the_first_attentions(values: Any) -> None:
    found = values(operands(FIRST) | apart())
    assert (found["op"], found["tensors"]) == ("layer.0.attention", "t.npz")
    assert found["mean_abs_error"] < 0.02


def test_an_axis_of_one_input_is_dropped(values: Any) -> None:
    arrays = operands(FIRST) | apart()
    assert values({name: array[None] for name, array in arrays.items()}) == values(arrays)


def test_arrays_run_through_the_attention_that_they_are_named_for(values: Any) -> None:
    found = values(operands(SECOND, "layer.1.attention/"))
    assert (found["op"], found["seq_len"]) == ("layer.1.attention", 50)
    assert found["mean_abs_error"] < 0.02


def test_of_several_the_first_attention_of_the_trace_runs(values: Any) -> None:
    arrays = operands(SECOND, "layer.1.attention/") | operands(FIRST, "layer.0.attention/")
    assert values(arrays)["op"] == "layer.0.attention"


def test_projections_apart_change_the_values(values: Any) -> None:
    shared, own = values(operands(FIRST)), values(operands(FIRST) | apart())
    assert shared["mean_abs_reference"] != own["mean_abs_reference"]
    assert max(shared["mean_abs_error"], own["mean_abs_error"]) < 0.02


def test_whole_numbers_are_numbers(values: Any) -> None:
    found = values({name: np.ones(FIRST, np.int8) for name in "qkv"})
    assert found["max_abs_error"] < 0.01  # every mean of ones is one


WRONG = {
    "another op": (
        operands(SECOND, "layer.2.attention/"),
        "t.npz: unknown op 'layer.2.attention'; did you .*",
    ),
    "other heads": (
        operands((1, 96, 16)),
        r"t.npz: q must have the shape \[2, 96, 16\] of op 'layer.0.attention', not \[1, 96, 16\]",
    ),
    "other tokens": (operands((2, 95, 16)), r"t.npz: q must have the shape .*, not \[2, 95, 16\]"),
    "other head size": (operands((2, 96, 8)), r"t.npz: q must have the shape .*, not \[2, 96, 8\]"),
    "shapes that differ": (
        operands(FIRST) | {"v": normal(SECOND)},
        r"t.npz: v must have the shape \[2, 96, 16\] of op 'layer.0.attention', not \[2, 50, 16\]",
    ),
    "no heads": (
        operands((96, 16)),
        r"t.npz: q must have the shape \[2, 96, 16\] of op 'layer.0.attention', not \[96, 16\]",
    ),
    "two inputs": (operands((2, *FIRST)), r"t.npz: q must have the shape .*, not \[2, 2, 96, 16\]"),
    "more global tokens": (
        operands(FIRST) | apart() | {"global_q": normal((2, 3, 16))},
        r"t.npz: global_q must have the shape \[2, 1, 16\] of op 'layer.0.attention', not \[2, 3, 16\]",
    ),
    "no keys": ({"q": normal(FIRST), "v": normal(FIRST)}, "t.npz must hold arrays q, k and v, not q, v"),
    "nothing": ({}, "t.npz must hold arrays q, k and v, not none"),
    "not finite": (
        operands(FIRST) | {"k": np.full(FIRST, np.nan)},
        r"t.npz: k must hold finite numbers up to 1e\+12, not larger ones or NaN",
    ),
    "huge": (
        operands(FIRST) | {"v": np.full(FIRST, 1e308)},
        r"t.npz: v must hold finite numbers up to 1e\+12, not larger ones or NaN",
    ),
    "half of the global operands": (
        operands(FIRST) | {"global_q": normal((2, 1, 16))},
        "t.npz must hold all of global_q, global_k, global_v, not only global_q",
    ),
    "complex": (
        {name: np.zeros(FIRST, complex) for name in "qkv"},
        "t.npz: q must hold real numbers, not complex128",
    ),
    "texts": ({name: np.full(FIRST, "x") for name in "qkv"}, "t.npz: q must hold real numbers, not <U1"),
    "objects": (
        {name: np.full(FIRST, None) for name in "qkv"},
        "t.npz: q must hold numbers, not Python objects",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_tensors_of_another_op_are_refused_before_the_run(
    refused: Callable[..., str], place: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    from tandemsim.sim.machines.salo import outcome as run_salo

    arrays, says = WRONG[case]
    np.savez(place / "t.npz", **arrays)
    monkeypatch.setattr(run_salo, "simulate", None)  # a call would be no UserError
    message = refused("run", "small.json", "--functional", "t.npz")
    assert re.fullmatch(f"tandem: {says}\n", message), message


def archive(folder: Path) -> bytes:
    np.savez(folder / "whole.npz", **operands(FIRST))
    data = (folder / "whole.npz").read_bytes()
    (folder / "whole.npz").unlink()
    return data


NOT_AN_ARCHIVE = "is not an .npz, the zip file of arrays that numpy.savez writes"
ONE_ARRAY = "must hold named arrays, as numpy.savez writes them, not a single one"


@pytest.mark.parametrize(
    "damage, says",
    [
        pytest.param(lambda data: b"", NOT_AN_ARCHIVE, id="empty"),
        pytest.param(lambda data: b"q,k,v\r\n1,2,3\r\n", NOT_AN_ARCHIVE, id="text"),
        pytest.param(lambda data: data[: len(data) // 2], NOT_AN_ARCHIVE, id="cut"),
        pytest.param(lambda data: data[:-1], NOT_AN_ARCHIVE, id="one byte short"),
        pytest.param(lambda data: data[:30] + b"\xff" + data[31:], "q is damaged", id="a name"),
        pytest.param(
            lambda data: data[:100] + b"\xff\xff\xff\xff" + data[104:],
            "q is not an array as numpy.savez writes it",
            id="a header",
        ),
        pytest.param(
            lambda data: data[:5000] + b"\xff\xff\xff\xff" + data[5004:], "q is damaged", id="a value"
        ),
        pytest.param(lambda data: b"\x93NUMPY" + data, ONE_ARRAY, id="an array"),
        pytest.param(lambda data: __import__("pickle").dumps([1] * 999), NOT_AN_ARCHIVE, id="a pickle"),
    ],
)
def test_a_damaged_archive_is_refused(
    refused: Callable[..., str], place: Path, damage: Any, says: str
) -> None:
    (place / "t.npz").write_bytes(damage(archive(place)))
    assert refused("run", "small.json", "--functional", "t.npz") == f"tandem: t.npz: {says}\n"


@pytest.mark.parametrize(
    "path, says",
    [
        ("no.npz", "No such file or directory"),
        (".", "Is a directory"),
        ("small.json/t", "Not a directory"),
        ("/proc/self/mem", "Input/output error"),  # can be opened, and not read
    ],
)
def test_an_archive_that_cannot_be_read_is_named(refused: Callable[..., str], path: str, says: str) -> None:
    message = refused("run", "small.json", "--functional", path)
    assert message == f"tandem: {path}: cannot be read: {says}\n"


def test_a_single_array_is_no_archive(refused: Callable[..., str], place: Path) -> None:
    np.save(place / "q.npy", normal(FIRST))
    assert f"q.npy: {ONE_ARRAY}" in refused("run", "small.json", "--functional", "q.npy")


def test_an_archive_of_no_arrays_is_refused(refused: Callable[..., str], place: Path) -> None:
    import zipfile

    with zipfile.ZipFile(place / "t.npz", "w") as archive:
        for name in "qkv":
            archive.writestr(f"{name}.npy", "hello")
    assert "t.npz: q is not an array as numpy.savez writes it" in refused(
        "run", "small.json", "--functional", "t.npz"
    )


@pytest.fixture
def batched(place: Path, small: Any) -> Path:
    """The second attention of the small trace alone, for three images at once."""
    import msgspec

    from tandemsim.traces.codec import save
    from tandemsim.traces.schema import Tensor
    from tandemsim.traces.validate import seal

    op = next(op for op in small.ops if op.name == "layer.1.attention")
    roles = ("input", "input", "input", "output")
    tensors = [Tensor(id=i, shape=(3, *SECOND), dtype="float32", role=role) for i, role in enumerate(roles)]
    dims = {**op.dims, "batch": 3}
    op = msgspec.structs.replace(op, inputs=(0, 1, 2), outputs=(3,), dims=dims, macs=3 * op.macs)
    save(seal(source=small.source, tensors=tensors, ops=[op]), place / "batched.json")
    return place / "batched.json"


def test_a_batch_is_read_as_the_exporter_writes_it(command: Any, place: Path, batched: Path) -> None:
    arrays = operands((3, *SECOND), "layer.1.attention/")
    np.savez(place / "t.npz", **arrays)
    report = command("run", batched, "--functional", "t.npz", "--json", "-").json
    (found,) = report["functional"]
    assert (found["heads"], found["seq_len"], found["head_dim"]) == (6, 50, 16)
    assert (found["inputs_checked"], found["inputs"]) == (3, 3) and not said(report)
    apart = []
    for item in range(3):
        np.savez(place / "t.npz", **{name: array[item] for name, array in arrays.items()})
        apart += command("run", "small.json", "--functional", "t.npz", "--json", "-").json["functional"]
    assert found["max_abs_error"] == max(one["max_abs_error"] for one in apart)
    assert np.isclose(found["mean_abs_error"], np.mean([one["mean_abs_error"] for one in apart]))


def said(report: Any) -> list[str]:
    return [note for note in report["notes"] if note.startswith("--functional checked")]


@pytest.mark.parametrize("batch, inputs", [(1, 1), (2, 2), (5, 5)])
def test_a_run_says_how_many_inputs_it_checked(command: Any, place: Path, batch: int, inputs: int) -> None:
    report = command("run", "small.json", "--functional", "--batch", batch, "--json", "-").json
    (found,) = report["functional"]
    assert (found["inputs_checked"], found["inputs"]) == (1, inputs)
    note = f"--functional checked 1 of the {inputs} inputs of the batch; in cycles they are all alike."
    assert said(report) == ([note] if inputs > 1 else [])


def test_the_batch_of_a_trace_counts_too(command: Any, place: Path, batched: Path) -> None:
    report = command("run", batched, "--functional", "--batch", 2, "--json", "-").json
    assert (report["functional"][0]["inputs_checked"], report["functional"][0]["inputs"]) == (1, 6)
    np.savez(place / "t.npz", **operands((3, *SECOND), "layer.1.attention/"))
    report = command("run", batched, "--functional", "t.npz", "--batch", 2, "--json", "-").json
    assert len(said(report)) == 1 and "checked 3 of the 6" in said(report)[0]
