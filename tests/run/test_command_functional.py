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
        r"q, k and v must have one shape \(heads, seq_len, head_dim\), not .*, \[2, 50, 16\]",
    ),
    "no heads": (
        operands((96, 16)),
        r"t.npz: q must have shape \(heads, seq_len, head_dim\), not \[96, 16\]",
    ),
    "two inputs": (operands((2, *FIRST)), r"t.npz: q must have shape .*, not \[2, 2, 96, 16\]"),
    "more global tokens": (
        operands(FIRST) | apart() | {"global_q": normal((2, 3, 16))},
        "t.npz: global_q must hold 1 tokens as op 'layer.0.attention', not 3",
    ),
    "no keys": ({"q": normal(FIRST), "v": normal(FIRST)}, "t.npz must hold arrays q, k and v, not q, v"),
    "nothing": ({}, "t.npz must hold arrays q, k and v, not nothing"),
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
        "t.npz is not an .npz of tensors: Object arrays cannot be loaded when allow_pickle=False",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_tensors_of_another_op_are_refused_before_the_run(
    refused: Callable[..., str], place: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    from sim import run_salo

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


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: b"q,k,v\r\n1,2,3\r\n", id="text"),
        pytest.param(lambda data: data[: len(data) // 2], id="cut"),
        pytest.param(lambda data: data[:-1], id="one byte short"),
        pytest.param(lambda data: data[:30] + b"\xff" + data[31:], id="a name"),
        pytest.param(lambda data: data[:100] + b"\xff\xff\xff\xff" + data[104:], id="a header"),
        pytest.param(lambda data: data[:5000] + b"\xff\xff\xff\xff" + data[5004:], id="a value"),
        pytest.param(lambda data: b"\x93NUMPY" + data, id="an array"),
    ],
)
def test_a_damaged_archive_is_refused(refused: Callable[..., str], place: Path, damage: Any) -> None:
    (place / "t.npz").write_bytes(damage(archive(place)))
    assert refused("run", "small.json", "--functional", "t.npz").startswith(
        "tandem: t.npz is not an .npz of tensors: "
    )


@pytest.mark.parametrize(
    "path, says",
    [("no.npz", "No such file or directory"), (".", "Is a directory"), ("small.json/t", "Not a directory")],
)
def test_an_archive_that_cannot_be_read_is_named(refused: Callable[..., str], path: str, says: str) -> None:
    message = refused("run", "small.json", "--functional", path)
    assert message == f"tandem: {path} is not an .npz of tensors: {says}\n"


def test_a_single_array_is_no_archive(refused: Callable[..., str], place: Path) -> None:
    np.save(place / "q.npy", normal(FIRST))
    assert "q.npy must hold named arrays" in refused("run", "small.json", "--functional", "q.npy")


def test_an_archive_of_no_arrays_is_refused(refused: Callable[..., str], place: Path) -> None:
    import zipfile

    with zipfile.ZipFile(place / "t.npz", "w") as archive:
        for name in "qkv":
            archive.writestr(f"{name}.npy", "hello")
    assert "t.npz: q must hold real numbers" in refused("run", "small.json", "--functional", "t.npz")
