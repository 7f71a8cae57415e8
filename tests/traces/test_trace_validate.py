"""Each rule of a trace, broken once."""

import copy
import json

import pytest

from tandemsim.traces.codec import dumps, load, loads
from tandemsim.traces.errors import TraceError

GEMM, GRID, WINDOW, SOFTMAX = 3, 4, 5, 7  # ops of the small trace


@pytest.fixture(scope="session")
def document(small):
    return json.loads(dumps(small))


def test_small_trace_is_accepted(document, resealed, small):
    assert loads(resealed(document)) == small


def edited(document, path, value):
    """Return a copy with the value at ``a.0.b`` replaced, or without it if the value is `...`."""
    result = copy.deepcopy(document)
    *way, last = (int(part) if part.isdigit() else part for part in path.split("."))
    node = result
    for part in way:
        node = node[part]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return result


def tensor_of(document, op, field, position):
    """The path of a tensor that an op names."""
    return f"tensors.{document['ops'][op][field][position]}"


@pytest.mark.parametrize(
    "path, value, message",
    [
        ("schema", "tandem-trace/2", "schema must be 'tandem-trace/1', not 'tandem-trace/2'"),
        ("schema", ..., "schema must be 'tandem-trace/1', not None"),
        ("source", ..., "source is missing"),
        ("source.model", ..., "source.model is missing"),
        ("source.modle", "x", "source.modle is not a field; did you mean 'model'?"),
        ("color", "red", "color is not a field; known: arrays, digest, ops, schema, source, tensors"),
        ("ops", {}, "ops must be array, not object"),
        ("ops.3", 7, "ops[3]: must be object | array, not int"),
        ("ops.3.macs", ..., "op 3 'layer.3': macs is missing"),
        ("ops.3.mac", 4, "op 3 'layer.3': mac is not a field; did you mean 'macs'?"),
        ("ops.3.macs", "many", "op 3 'layer.3': macs must be int, not str"),
        ("ops.3.macs", -1, "op 3 'layer.3': macs must be int >= 0, not -1"),
        ("ops.3.macs", 10**20, f"op 3 'layer.3': macs must be int <= 9223372036854775807, not {10**20}"),
        ("ops.3.dims.m", 1.5, "op 3 'layer.3': dims.m must be int | array, not float"),
        ("ops.3.dims.k", ["x"], "op 3 'layer.3': dims.k[0] must be int, not str"),
        ("ops.3.id", -1, "op -1 'layer.3': id must be int >= 0"),
        ("ops.3.kind", "gemmm", "op 3 'layer.3': kind 'gemmm' is unknown; did you mean 'gemm'?"),
        ("ops.3.dims.k", ..., "op 3 'layer.3': dims.k is missing"),
        ("ops.3.dims.k", 0, "op 3 'layer.3': dims.k must be a positive integer below 2**31, not 0"),
        ("ops.3.dims.k", -6, "op 3 'layer.3': dims.k must be a positive integer below 2**31, not -6"),
        (
            "ops.3.dims.k",
            10**40,
            "op 3 'layer.3': dims.k must be a positive integer below 2**31, not 1" + 40 * "0",
        ),
        ("ops.3.dims.k", 7, "op 3 'layer.3': inputs[0] (tensor 6) must hold 154 elements, not [22, 6]"),
        ("ops.3.macs", 793, "op 3 'layer.3': macs must be 792, which follows from dims, not 793"),
        ("ops.3.id", 2, "must be unique, but two ops have the id 2"),
        ("ops.3.inputs.0", 99, "op 3 'layer.3': inputs[0] must be the id of a tensor, not 99"),
        ("ops.3.outputs.0", 99, "op 3 'layer.3': outputs[0] must be the id of a tensor, not 99"),
        ("ops.3.inputs", [6], "op 3 'layer.3': inputs must be at least 2 tensors, not 1"),
        ("ops.3.outputs", [], "op 3 'layer.3': outputs must be at least 1 tensor, not 0"),
        ("ops.5.inputs", [10, 10, 10, 10], "op 5 'layer.5': inputs must be 3 or 6 tensors, not 4"),
        (
            "ops.4.attrs.bands.0",
            [-9, -4],
            "op 4 'layer.4': attrs.bands must reach some of the 4 rows, not [-9, -4]",
        ),
        (
            "ops.4.attrs.random_blocks",
            3,
            "op 4 'layer.4': attrs.random_blocks is not supported: random keys are stated as blocks",
        ),
        (
            "ops.5.attrs.global_tokens",
            [22, 0],
            "op 5 'layer.5': attrs.global_tokens must be indices in 0..21, not 22",
        ),
        (
            "ops.5.dims.seq_len",
            2**31 - 1,
            "op 5 'layer.5': dims.seq_len must be an integer in 1..16777216, not 2147483647",
        ),
        (
            "ops.0.dims.kernel_h",
            10,
            "op 0 'layer.0': dims.kernel_h must span at most the padded height of 9, not 10",
        ),
        ("tensors.3.id", 4, "must be unique, but two tensors have the id 4"),
        (
            "tensors.3.role",
            "activations",
            "tensor 3: role 'activations' is unknown; did you mean 'activation'?",
        ),
        (
            "tensors.3.role",
            "weight",
            "tensor 3: role must be activation, as of tensor 2 that it views, not 'weight'",
        ),
        (
            "tensors.3.dtype",
            "int8",
            "tensor 3: dtype must be float32, as of tensor 2 that it views, not 'int8'",
        ),
        ("tensors.0.dtype", "floaty", "tensor 0: dtype 'floaty' is unknown; did you mean "),
        ("tensors.3.alias_of", 99, "tensor 3: alias_of must be the id of a tensor, not 99"),
        (
            "tensors.3.alias_of",
            3,
            "tensor 3: alias_of must lead to a tensor that is not a view, not back to itself",
        ),
        ("tensors.0.shape.0", 0, "tensor 0: shape[0] must be int >= 1, not 0"),
        ("tensors.0.shape.1", -7, "tensor 0: shape[1] must be int >= 1, not -7"),
        ("tensors.4.id", ..., "tensors[4]: id is missing"),
        ("ops.3.id", ..., "ops[3] 'layer.3': id is missing"),
        (
            "tensors.0.shape",
            [2**31 - 1] * 2,
            "tensor 0: shape must hold at most 2**60 elements, not [2147483647, 2147483647]",
        ),
        (
            "tensors.0.shape",
            [1, 3, 11, 9],
            "op 0 'layer.0': inputs[0] (tensor 0) must have shape [1, 3, 9, 11], not [1, 3, 11, 9]",
        ),
        (
            "tensors.2.role",
            "weight",
            "tensor 3: role must be weight, as of tensor 2 that it views, not 'activation'",
        ),
        (
            "tensors.5.role",
            "input",
            "op 1 'layer.1': outputs[0] must have a role of activation, output, index, not 'input'",
        ),
        (
            "tensors.0.role",
            "activation",
            "tensor 0: role must be one of input, weight, index, as no op produces it, not 'activation'",
        ),
        (
            "ops.2.outputs.0",
            5,
            "op 2 'layer.2': outputs[0] must come from one op, tensor 5 already comes from op 1",
        ),
        ("ops.2.outputs.0", 9, "op 2 'layer.2': outputs[0] "),
        ("arrays", ..., "tensor 7: quant.scales 'scales' is not an array of the trace; known: none"),
        (
            "tensors.7.quant.scales",
            "scale",
            "tensor 7: quant.scales 'scale' is not an array of the trace; did you mean 'scales'?",
        ),
        (
            "tensors.3.quant",
            {"bits": 4, "type": "flint", "signed": False},
            "tensor 3: quant must be none, as of tensor 2 that it views, not '4-bit flint unsigned'",
        ),
        (
            "tensors.2.quant",
            {"bits": 4, "type": "flint"},
            "tensor 3: quant must be 4-bit flint, as of tensor 2 that it views, not 'none'",
        ),
        ("tensors.7.quant.signed", 0, "tensor 7: quant.signed must be bool, not int"),
        ("tensors.7.quant.axis", 2, "tensor 7: quant.axis must be below 2, not 2"),
        ("tensors.7.quant.bit", 2, "tensor 7: quant.bit is not a field; did you mean 'bits'?"),
        ("arrays.scales.shape", ["x"], "arrays.scales.shape[0] must be int, not str"),
    ],
)
def test_broken_rule_is_named(document, resealed, path, value, message):
    with pytest.raises(TraceError) as caught:
        loads(resealed(edited(document, path, value)), file="x.json")
    assert str(caught.value).startswith(f"x.json: {message}")


def test_op_that_reads_too_early_is_named(document, resealed):
    ops = document["ops"]
    swapped = document | {"ops": [ops[0], ops[2], ops[1], *ops[3:]]}
    with pytest.raises(TraceError) as caught:
        loads(resealed(swapped))
    wanted = "op 2 'layer.2': inputs[0] must be produced before it is read, but tensor 5 comes from op 1"
    assert str(caught.value) == wanted


def test_cycle_is_named(document, resealed):
    with pytest.raises(TraceError) as caught:
        loads(resealed(edited(document, "ops.1.inputs.1", document["ops"][2]["outputs"][0])))
    wanted = "op 1 'layer.1': inputs[1] must not wait for its own result, as the ops 1 -> 2 -> 1 do"
    assert str(caught.value) in (wanted, wanted.replace("1 -> 2 -> 1", "2 -> 1 -> 2"))


def test_view_of_a_late_tensor_is_late_too(document, resealed):
    ops = document["ops"]
    with pytest.raises(
        TraceError, match=r"op 1 'layer.1': inputs\[1\] must be produced before .* tensor 2 .* op 0$"
    ):
        loads(resealed(document | {"ops": [ops[1], ops[0], *ops[2:]]}))


def test_global_query_has_one_row_for_each_global_token(document, resealed):
    few = document["ops"][WINDOW]["inputs"][3]
    broken = edited(document, f"tensors.{few}.shape", [1, 2, 3, 3])
    with pytest.raises(
        TraceError, match=r"inputs\[3\] \(tensor \d+\) must have shape \[1, 2, 2, 3\], not \[1, 2, 3, 3\]"
    ):
        loads(resealed(broken))


def test_edited_trace_is_refused(document):
    for path in ("source.model", "ops.3.name", "tensors.0.name", "ops.7.attrs.scale"):
        with pytest.raises(TraceError, match=r"^x.json: digest is not that of the content"):
            loads(json.dumps(edited(document, path, "other")).encode(), file="x.json")


def test_trace_without_digest_is_refused(document):
    with pytest.raises(TraceError, match=r"^x.json: digest is missing$"):
        loads(json.dumps(edited(document, "digest", ...)).encode(), file="x.json")


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "x: is not valid JSON: Input data was truncated"),
        (b"not a trace", "x: is not valid JSON: "),
        (b"\x1f\x8b\x08", "x: is not text in UTF-8: byte 0x8b at position 1"),
        (b"\xff\xfe{}", "x: must be text in UTF-8, not UTF-16"),
        (b'{"schema": "\xff"}', "x: is not text in UTF-8: byte 0xff at position 12"),
        (b'["\\ud800"]', "x: is not valid JSON: half of a surrogate pair"),
        (b'{"schema": NaN}', "x: schema must be a JSON value, not NaN"),
        (b"[]", "x: schema must be 'tandem-trace/1', not []"),
        (b"{}", "x: schema must be 'tandem-trace/1', not None"),
        (b'{"schema": "tandem-report/1"}', "x: schema must be 'tandem-trace/1', not 'tandem-report/1'"),
        (b"1" + 5000 * b"0", "x: "),
    ],
)
def test_what_is_no_trace_is_said_so(data, message):
    with pytest.raises(TraceError) as caught:
        loads(data, file="x")
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


def test_truncated_trace_is_refused_wherever_it_is_cut(small):
    data = dumps(small).rstrip()
    for cut in range(len(data)):
        with pytest.raises(TraceError, match=r"^x: is not valid JSON"):
            loads(data[:cut], file="x")


def test_truncated_gzip_is_refused_wherever_it_is_cut(small, tmp_path):
    from tandemsim.traces.codec import save

    save(small, tmp_path / "x.json.gz")
    data = (tmp_path / "x.json.gz").read_bytes()
    for cut in range(0, len(data), 7):
        (tmp_path / "x.json.gz").write_bytes(data[:cut])
        with pytest.raises(TraceError, match=r"x.json.gz: is not a valid gzip file: "):
            load(tmp_path / "x.json.gz")
