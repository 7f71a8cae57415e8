"""A kind of op is one row of the table: checks, schema and summary follow from it."""

import ast
import re
from pathlib import Path

import jsonschema
import pytest

from tandemsim.traces import kinds
from tandemsim.traces.errors import TraceError
from tandemsim.traces.json_schema import json_schema
from tandemsim.traces.kind import Kind, Operand, Operands
from tandemsim.traces.pattern import Pattern
from tandemsim.traces.schema import Op, Source, Tensor, Trace
from tandemsim.traces.summary import summary
from tandemsim.traces.validate import seal

ROOT = Path(__file__).parents[2]


def causal_operands(dims, attrs):
    row = Operand((dims["seq_len"], dims["head_dim"]))
    return Operands((row, row), row)


def causal_pattern(dims, attrs):
    return Pattern.strided_sparse(dims["seq_len"], dims["seq_len"], 1)


CAUSAL = Kind(
    name="causal",
    line="a kind that this test makes up",
    required=("heads", "head_dim", "seq_len"),
    optional={"batch": 1},
    inputs="two rows",
    input_counts=range(2, 3),
    operands=causal_operands,
    macs=lambda dims, attrs: dims["head_dim"] * causal_pattern(dims, attrs).pairs(),
    pattern=causal_pattern,
)


@pytest.fixture
def causal(monkeypatch) -> Kind:
    monkeypatch.setitem(kinds.KINDS, "causal", CAUSAL)
    return CAUSAL


def trace_of(shape=(4, 3), macs=30, **dims) -> Trace:
    source = Source(model="made up", configuration={}, exporter="tests", exporter_version="1")
    tensors = [Tensor(id=i, shape=shape, dtype="int8", role=r) for i, r in enumerate(("input", "output"))]
    stated = {"heads": 1, "head_dim": 3, "seq_len": 4, **dims}
    op = Op(id=0, kind="causal", name="a", inputs=(0, 0), outputs=(1,), dims=stated, macs=macs)
    return seal(source=source, tensors=tensors, ops=[op])


def test_a_kind_without_a_row_is_unknown() -> None:
    with pytest.raises(TraceError, match="kind 'causal' is unknown"):
        trace_of()


def test_one_row_gives_the_macs(causal: Kind) -> None:
    assert trace_of().macs == 3 * (1 + 2 + 3 + 4)
    with pytest.raises(TraceError, match="macs must be 30, which follows from dims, not 31"):
        trace_of(macs=31)


def test_one_row_gives_the_shapes_and_the_dims(causal: Kind) -> None:
    with pytest.raises(TraceError, match=r"inputs\[0\] \(tensor 0\) must have shape \[4, 3\], not \[3, 4\]"):
        trace_of(shape=(3, 4))
    with pytest.raises(TraceError, match=r"dims.head is not a dimension of causal; did you mean 'heads'"):
        trace_of(head=2)


def test_one_row_gives_the_summary_of_a_pattern(causal: Kind) -> None:
    text = summary(trace_of())
    assert re.search(r"^4 tokens, offsets -3\.\.0 and -3\.\.0 +1 +1 +3 +10 ", text, re.MULTILINE)


def test_one_row_gives_the_schema(causal: Kind) -> None:
    rules = next(
        case["then"] for case in json_schema()["$defs"]["Kinds"]["allOf"] if "causal" in str(case["if"])
    )
    assert rules["description"] == causal.line
    check = jsonschema.Draft202012Validator(rules).is_valid
    assert check({"dims": {"heads": 1, "head_dim": 3, "seq_len": 4}})
    assert not check({"dims": {"heads": 1, "head_dim": 3}})


def test_every_kind_says_in_one_line_what_it_computes() -> None:
    lines = [kind.line for kind in kinds.KINDS.values()]
    assert len(set(lines)) == len(lines)
    assert all(0 < len(line) <= 100 and not line.endswith(".") for line in lines)


def test_no_other_code_of_traces_compares_kinds_that_have_patterns() -> None:
    """What is special of a kind stands in its row."""
    compared = []
    for path in (ROOT / "traces").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            constants = [getattr(side, "value", None) for side in getattr(node, "comparators", ())]
            compared += [path.name for value in constants if value in ("attention", "window_attention")]
    assert compared == []
