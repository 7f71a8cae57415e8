"""``--functional`` on ant: whole models, files of tensors, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tandemsim.sim.arch.checks import UserError
from tandemsim.sim.machines.ant.small import small_trace
from tandemsim.sim.report.contract import Report
from tandemsim.sim.run import Request, simulate
from tandemsim.traces.schema import Quant, Trace
from tandemsim.traces.validate import seal
from tests.ant.one_op import op_trace, source
from tests.ant.test_machine_loads import trace_of

PLACES = {"0": (32, 48), "1": (48, 48), "7": (1, 3, 16, 16), "8": (8, 3, 3, 3)}
Run = Callable[..., Report]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A function: the report of the small trace with values from these arrays, or drawn."""

    def answer(
        arrays: Mapping[str, np.ndarray] | None = None, trace: Trace | None = None, **more: Any
    ) -> Report:
        path = tmp_path / "t.npz"
        if arrays is not None:
            np.savez(path, **arrays)  # type: ignore[arg-type]
        request = Request(
            workload="small",
            trace=trace or small_trace(),
            machine="ant",
            functional=True,
            tensors=path if arrays is not None else None,
            **more,
        )
        return simulate(request).report

    return answer


def test_the_report_compares_the_model_and_each_op_of_the_array_with_float64(run: Run) -> None:
    report = run()
    (model,) = report.extra["functional"]
    assert (model["tensors"], model["inputs_checked"], model["inputs"]) == ("N(0, 1)", 1, 1)
    assert (model["elements"], model["not_compared"]) == (8 * 14 * 14, 32 * 48)  # the norm states no function
    assert 5 < model["sqnr_db"] < 60 and model["saturations"] == {"sum": 0}
    of_ops = {op.name: op.extra["values"] for op in report.ops if "values" in op.extra}
    assert list(of_ops) == ["project", "attend", "convolve"]
    assert set(of_ops["project"]["formats"]) == {"activation", "weight"}
    assert all(0 < values["mean_abs_error"] <= values["max_abs_error"] for values in of_ops.values())


def test_more_bits_are_nearer_and_the_same_seed_gives_the_same(run: Run) -> None:
    few, many = (run(bits=bits).extra["functional"][0] for bits in ("4", "8"))
    assert many["sqnr_db"] > few["sqnr_db"] + 15
    assert run().extra["functional"][0] == few
    assert run(seed=1).extra["functional"][0] != few


def test_tensors_of_a_file_are_taken_by_name_or_number(run: Run) -> None:
    arrays = {name: np.zeros(shape) for name, shape in PLACES.items() if name in ("0", "7")}
    report = run(arrays)
    (model,) = report.extra["functional"]
    assert model["equal"] == model["elements"] and model["sqnr_db"] is None  # zeros have no error
    assert any("of 4 tensors that no op makes, 2 are in the file" in note for note in report.notes)


def test_of_a_batch_one_input_is_run_and_the_report_says_so(run: Run) -> None:
    report = run(batch=3)
    (model,) = report.extra["functional"]
    assert (model["inputs_checked"], model["inputs"]) == (1, 3)
    assert any("checked 1 of the 3 inputs" in note for note in report.notes)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"1": np.full((48, 48), np.nan)}, r"tensor '1' must be finite, and holds NaN at \[0, 0\]"),
        ({"7": np.full((1, 3, 16, 16), np.inf)}, "tensor '7' must be finite, and holds infinity"),
        (
            {"0": np.zeros((32, 47))},
            r"tensor '0' must have the shape \[32, 48\] of the trace, not \[32, 47\]",
        ),
        ({"2": np.zeros((32, 48))}, "unknown tensor '2'"),
        ({"8": np.zeros((8, 3, 3, 3), complex)}, "tensor '8' must hold real numbers, not complex128"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_tensor(run: Run, arrays: Any, said: str) -> None:
    with pytest.raises(UserError, match=said) as refused:
        run(arrays)
    assert "t.npz: " in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("0", 1e200, r"t\.npz: tensor '0' must have a largest value that float32 holds, not 1e\+200$"),
        ("1", -1e200, r"t\.npz: tensor '1' must have a largest value that float32 holds, not 1e\+200$"),
        ("8", 5e-324, r"t\.npz: tensor '8' must have a largest value that float32 holds, not 4\.94e-324$"),
    ],
)
def test_values_that_no_scale_reaches_are_refused_by_file_and_tensor(
    run: Run, place: str, value: float, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        run({place: np.full(PLACES[place], value)})


@pytest.mark.filterwarnings("error")
def test_a_bias_that_no_float32_holds_is_refused(run: Run) -> None:
    trace = trace_of(
        "gemm", {"m": 8, "n": 4, "k": 6}, {"input": (8, 6), "weight": (6, 4), "bias": (4,), "output": (8, 4)}
    )
    with pytest.raises(UserError, match=r"t\.npz: tensor '2' must have a largest value that float32 holds"):
        run({"2": np.full(4, 1e300)}, trace)


@pytest.mark.filterwarnings("error")
def test_a_product_that_overflows_float64_is_refused_by_op_and_tensor(run: Run) -> None:
    trace = two_gemms()
    made = msgspec.structs.replace(
        trace.ops[0],
        kind="act",
        inputs=trace.ops[0].inputs[:1],
        dims={"elements": 96},
        attrs={"function": "exp"},
        macs=0,
    )
    given = msgspec.structs.replace(trace.tensors[0], shape=(8, 12))
    tensors = [each for each in (given, *trace.tensors[1:]) if each.id != 1]
    trace = seal(source=source(), tensors=tensors, ops=[made, trace.ops[1]])
    with pytest.raises(UserError, match=r"^op 'op1': tensor 2: a scale must fit float32, and .*e\+30"):
        run({"0": np.full((8, 12), 709.0), "3": np.full((12, 4), 1e9)}, trace)


@pytest.mark.filterwarnings("error")
def test_a_row_and_a_result_that_no_scale_reaches_are_refused_by_op_and_tensor(run: Run) -> None:
    rows = np.ones(PLACES["1"])
    rows[:, 3] = 5e-324  # the weights of one output channel
    with pytest.raises(
        UserError, match=r"^op 'project': tensor '1' of .*t\.npz: a scale must fit float32, and 0 "
    ):
        run({"1": rows})
    large = {"0": np.full((8, 6), 1e38), "1": np.full((6, 12), 1e38)}
    with pytest.raises(UserError, match=r"^op 'op1': tensor 2: a scale must fit float32, and .*e\+7"):
        run(large, two_gemms())


def test_one_tensor_by_its_name_and_by_its_number_is_refused(run: Run) -> None:
    trace = small_trace()
    named = msgspec.structs.replace(trace.tensors[0], name="x")
    trace = seal(source=source(), tensors=[named, *trace.tensors[1:]], ops=trace.ops)
    with pytest.raises(UserError, match=r"t\.npz: '0' and 'x' are one tensor; give only one of them$"):
        run({"0": np.zeros((32, 48)), "x": np.ones((32, 48))}, trace)


def test_a_stored_index_beyond_its_table_is_refused(run: Run) -> None:
    given = [((7, 3), "weight"), ((1, 4), "index")]
    trace = op_trace("gather", {"elements": 12}, given, (1, 4, 3), {"function": "embedding"}, {1: "int64"})
    with pytest.raises(UserError, match=r"tensor 'b' must hold indices in 0..6, not 7"):
        run({"b": np.array([[0, 7, 1, 1]])}, trace)


def stating(place: int, quant: Quant) -> Trace:
    """Return the small trace, one or all of its tensors with a format."""
    trace = small_trace()
    tensors = [
        msgspec.structs.replace(tensor, quant=quant) if place in (tensor.id, -1) else tensor
        for tensor in trace.tensors
    ]
    return seal(source=source(), tensors=tensors, ops=trace.ops)


def test_a_format_that_the_trace_states_is_taken(run: Run) -> None:
    report = run(trace=stating(1, Quant(bits=4, type="pot")), bits="4")
    assert report.ops[0].extra["values"]["formats"]["weight"] == "pot4"


IN_BLOCKS: dict[str, object] = {"array.formats": "int4,int8,int8u,e2m1"}


def test_blocks_that_a_trace_states_are_those_that_are_asked_for_by_name(run: Run) -> None:
    stated = run(trace=stating(-1, Quant(bits=4, type="mxfp4")), bits="trace", settings=IN_BLOCKS)
    named = run(bits="mxfp4", settings=IN_BLOCKS)
    of_ops = {op.name: op.extra["values"] for op in stated.ops if "values" in op.extra}
    assert {op.name: op.extra["values"] for op in named.ops if "values" in op.extra} == of_ops
    assert stated.cycles == named.cycles
    for name in ("project", "convolve"):
        assert of_ops[name]["formats"] == {"activation": "mxfp4", "weight": "mxfp4"}
        assert of_ops[name]["saturations"] == {"sum": 0} and 10 < of_ops[name]["sqnr_db"] < 30
    assert of_ops["attend"]["formats"]["query"] == "int8"


def test_sums_of_blocks_run_whatever_the_accumulators_of_integers_hold(run: Run) -> None:
    """They take the bound of accumulators of their own, which are 32 bits wide, and are counted."""
    first = {"input": (8, 6), "weight": (6, 64), "output": (8, 64)}
    second = {"input": (8, 64), "weight": (64, 4), "output": (8, 4)}
    of_second = {"m": 8, "n": 4, "k": 64}
    trace = trace_of("gemm", {"m": 8, "n": 64, "k": 6}, first, ("gemm", of_second, second))
    narrow = IN_BLOCKS | {"array.foot_width": 12}
    few, blocks = (run(trace=trace, bits=bits, settings=narrow) for bits in ("4", "mxfp4"))
    assert [[each.name for each in report.not_run] for report in (few, blocks)] == [["op1"], []]
    drawn = "results of 1 op are drawn, the same in both runs (gemm): sums of 64 products may exceed"
    assert [any(drawn in note for note in report.notes) for report in (few, blocks)] == [True, False]


def two_gemms() -> Trace:
    """Return a trace of two products, one after the other."""
    first = {"input": (8, 6), "weight": (6, 12), "output": (8, 12)}
    second = {"input": (8, 12), "weight": (12, 4), "output": (8, 4)}
    return trace_of("gemm", {"m": 8, "n": 12, "k": 6}, first, ("gemm", {"m": 8, "n": 4, "k": 12}, second))


@pytest.mark.parametrize(("only", "is_compared"), [("op0", False), ("op1", True), ("", True)])
def test_outputs_that_no_product_reaches_are_not_compared_and_the_report_says_why(
    run: Run, only: str, is_compared: bool
) -> None:
    report = run(trace=two_gemms(), only=only)
    (model,) = report.extra["functional"]
    said = [note for note in report.notes if "drawn, the same" in note or "not compared" in note]
    if is_compared:
        assert model["elements"] == 32 and model["max_abs_error"] > 0 and "not_compared" not in model
    else:
        assert "equal" not in model and "max_abs_error" not in model
        assert (model["elements"], model["not_compared"]) == (0, 32)
        assert said[0] == "Outputs of the model are not compared: no product that ran reaches them."
    cause = "results of 1 op are drawn, the same in both runs (gemm): left out by --only."
    assert [note.endswith(cause) for note in said[-1:]] == [True] * (only != "")


def test_a_function_that_the_trace_does_not_state_is_the_cause_where_it_is(run: Run) -> None:
    trace = two_gemms()
    made = msgspec.structs.replace(
        trace.ops[1], kind="act", inputs=trace.ops[1].inputs[:1], dims={"elements": 32}, attrs={}, macs=0
    )
    report = run(trace=seal(source=source(), tensors=trace.tensors, ops=[trace.ops[0], made]))
    (model,) = report.extra["functional"]
    assert (model["elements"], model["not_compared"]) == (0, 32)
    assert report.notes[-1].endswith(
        "(act): the trace does not state all that they need, or they are not finite."
    )


@pytest.mark.parametrize(
    ("bits", "settings", "said"),
    [
        ("mxfp4", {}, "op 'project': array.formats must name e2m1, which an operand has, beside int4,"),
        ("mxfp4", {"dataflow": "os"}, "op 'project': dataflow must be ws or is for blocks of mxfp4, not os"),
        (
            "mxfp4",
            {"array.rows": 48},
            "op 'project': array.rows must be a multiple of the 32 rows of a block",
        ),
        ("mxfp5", {}, "unknown list of bits 'mxfp5'; did you mean 'mxfp4'"),
    ],
)
def test_blocks_that_the_array_cannot_run_are_refused_in_one_line(
    run: Run, bits: str, settings: dict[str, object], said: str
) -> None:
    with pytest.raises(UserError, match=f"^{said}") as refused:
        run(bits=bits, settings=(IN_BLOCKS if settings else {}) | settings)
    assert "\n" not in str(refused.value)


def test_only_one_operand_in_blocks_is_refused(run: Run) -> None:
    said = "^op 'project': both operands must be in blocks where one is, not mxfp4 and int4; --bits 4"
    trace = small_trace()
    quants = {0: Quant(bits=4, type="mxfp4"), 1: Quant(bits=4, type="int")}
    tensors = [msgspec.structs.replace(each, quant=quants.get(each.id)) for each in trace.tensors]
    with pytest.raises(UserError, match=said):
        run(trace=seal(source=source(), tensors=tensors, ops=trace.ops), bits="trace", settings=IN_BLOCKS)
